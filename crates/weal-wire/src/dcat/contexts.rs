//! What a document in JSON-LD asks of a reader before anything is known of it: how deep it is nested, and how much its
//! contexts make the parser copy. The parser copies the terms that are known wherever a context is opened, so many
//! small contexts under a large one cost their product. A context inside of another (a scoped one) is opened wherever
//! its term stands. Both are added up here in one pass over the bytes, which keeps nothing but where it is.

use crate::WireError;

/// How deep JSON may be nested.
const DEPTH_MAX: usize = 64;
/// Bytes of contexts that may be copied in all. A document of ours of the largest size stays below it.
const COPIED_BYTES_MAX: usize = 512 * 1024 * 1024;
const CONTEXT: &str = "@context";

/// Whether a document may be parsed. What is no JSON is for the parser to refuse.
pub(super) fn check(text: &[u8]) -> Result<(), WireError> {
    let mut pass = Pass::default();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let end = match byte {
            b'"' => end_of_string(text, at),
            b'{' | b'[' | b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at + 1,
            _ => end_of_word(text, at),
        };
        match byte {
            b'{' | b'[' => pass.open(*byte == b'{', at)?,
            b'}' | b']' => pass.close(end),
            b',' => pass.comma(),
            b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => pass.scalar(text.get(at..end).unwrap_or_default()),
        }
        at = end;
    }
    let scoped = if pass.has_scoped { pass.contexts_bytes.saturating_mul(pass.values) } else { 0 };
    if pass.copied_bytes.saturating_add(scoped) > COPIED_BYTES_MAX {
        return Err(WireError::TooMany { what: "bytes of contexts, copied", limit: COPIED_BYTES_MAX });
    }
    Ok(())
}

/// An object or an array that is open.
#[derive(Debug, Default)]
struct Open {
    is_object: bool,
    began: usize,
    /// It is a context or stands in one.
    in_context: bool,
    /// In an object: a name comes next.
    awaits_name: bool,
    /// In an object: the name before the value that comes next says that it is a context.
    names_context: bool,
    /// Its own context, and how many contexts are opened in it, its own too.
    context_bytes: usize,
    contexts: usize,
}

#[derive(Debug, Default)]
struct Pass {
    open: Vec<Open>,
    values: usize,
    contexts_bytes: usize,
    copied_bytes: usize,
    has_scoped: bool,
}

impl Pass {
    fn open(&mut self, is_object: bool, began: usize) -> Result<(), WireError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(WireError::TooDeep { limit: DEPTH_MAX });
        }
        self.values += 1;
        let around = self.open.last();
        let in_context = around.is_some_and(|around| around.in_context || around.names_context);
        self.has_scoped |= around.is_some_and(|around| around.in_context && around.names_context);
        self.open.push(Open { is_object, began, in_context, awaits_name: is_object, ..Open::default() });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(closed) = self.open.pop() else { return };
        // Whatever is opened in it copies its context.
        let copied = closed.context_bytes.saturating_mul(closed.contexts);
        self.copied_bytes = self.copied_bytes.saturating_add(copied);
        let Some(around) = self.open.last_mut() else { return };
        around.contexts += closed.contexts;
        self.value_ended(end - closed.began);
    }

    /// A value of so many bytes has ended in what is open now.
    fn value_ended(&mut self, bytes: usize) {
        let Some(around) = self.open.last_mut().filter(|around| around.names_context && !around.in_context)
        else {
            return;
        };
        around.context_bytes += bytes;
        around.contexts += 1;
        self.contexts_bytes += bytes;
    }

    fn comma(&mut self) {
        if let Some(around) = self.open.last_mut() {
            around.awaits_name = around.is_object;
        }
    }

    /// A string, a number or a word.
    fn scalar(&mut self, token: &[u8]) {
        if let Some(around) = self.open.last_mut().filter(|around| around.awaits_name) {
            around.awaits_name = false;
            around.names_context = is_context(token);
            return;
        }
        self.values += 1;
        self.value_ended(token.len());
    }
}

/// Whether a string with its quotes says `@context`, escaped or not.
fn is_context(token: &[u8]) -> bool {
    let plain = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    if plain.contains(&b'\\') {
        // Each of its letters may be written in six bytes.
        let is_short = plain.len() <= CONTEXT.len() * 6;
        return is_short && serde_json::from_slice::<String>(token).is_ok_and(|name| name == CONTEXT);
    }
    plain == CONTEXT.as_bytes()
}

fn end_of_string(text: &[u8], began: usize) -> usize {
    let mut at = began + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn end_of_word(text: &[u8], began: usize) -> usize {
    let is_end = |byte: &u8| b"\"{}[],: \t\r\n".contains(byte);
    let rest = text.get(began..).unwrap_or_default();
    began + rest.iter().position(is_end).unwrap_or(rest.len())
}
