//! The `Link` header (RFC 8288), as far as pages of a catalogue need it.

/// The most bytes of a header that are read.
const LINK_BYTES_MAX: usize = 8 * 1024;

/// The header's value for the page that follows.
#[must_use]
pub fn next_link(target: &str) -> String {
    format!("<{target}>; rel=\"next\"")
}

/// The target of the first link that is the next page; possibly relative.
#[must_use]
pub fn next_in(header: &str) -> Option<&str> {
    let mut rest = header.get(..LINK_BYTES_MAX).unwrap_or(header);
    loop {
        let (_, from_target) = rest.split_once('<')?;
        let (target, after) = from_target.split_once('>')?;
        let end = end_of_link(after);
        let (parameters, following) = after.split_at(end);
        if parameters.split(';').any(is_next) {
            return Some(target.trim());
        }
        rest = following;
    }
}

/// Where a comma that stands in no quotes ends the link.
fn end_of_link(parameters: &str) -> usize {
    let mut is_quoted = false;
    let end = parameters.char_indices().find(|(_, letter)| {
        is_quoted ^= *letter == '"';
        *letter == ',' && !is_quoted
    });
    end.map_or(parameters.len(), |(end, _)| end)
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let relations = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel")
        && relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
}
