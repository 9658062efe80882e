//! Every word a reader sees, one catalogue per language.
//!
//! A language is one value of [`Messages`]: a text that is missing does not compile. Texts hold
//! `{name}` for what is filled in; [`fill`] and [`fill_markup`] put it there, escaped by maud like
//! everything else. Counts go through [`Plural`], dates and numbers through the functions of `format`.

mod en;
mod format;
mod names;
mod words;

use maud::{Markup, html};

use crate::view::Language;

pub(crate) use words::Messages;

pub(crate) fn messages(language: Language) -> &'static Messages {
    match language {
        Language::English => &en::ENGLISH,
    }
}

/// The plural categories of the Unicode CLDR; a language uses those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "languages other than English use the others")]
pub(crate) enum PluralCategory {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

/// A text in the forms that its language has for counts; `{n}` is the number, with separators.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plural {
    pub(crate) forms: &'static [(PluralCategory, &'static str)],
    pub(crate) other: &'static str,
}

impl Messages {
    /// The text for `n` of something.
    pub(crate) fn count(&self, plural: &Plural, n: u64) -> String {
        let category = (self.plural)(n);
        let form =
            plural.forms.iter().find(|(of, _)| *of == category).map_or(plural.other, |(_, text)| *text);
        fill(form, &[("n", &self.number(n))])
    }
}

/// Puts values into the `{name}` places of a text. A place without a value stays as it is, so that a
/// test can see it.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Place(name) => match values.iter().find(|(key, _)| *key == name) {
                Some((_, value)) => out.push_str(value),
                None => out.extend(["{", name, "}"]),
            },
        }
    }
    out
}

/// As [`fill`], where the values carry elements of their own (a time, a link, code).
pub(crate) fn fill_markup(text: &str, values: &[(&str, Markup)]) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Text(text) => (text),
                Piece::Place(name) => @match values.iter().find(|(key, _)| *key == name) {
                    Some((_, value)) => (value),
                    None => { "{" (name) "}" },
                },
            }
        }
    }
}

/// Text in which `backticks` mark code.
pub(crate) fn with_code(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A refusal's code for a reader who is no program: `budget-exhausted` is "budget exhausted".
pub(crate) fn code_in_words(code: &str) -> String {
    code.replace('-', " ")
}

/// Escaped text as markup, for [`fill_markup`].
pub(crate) fn plain(text: &str) -> Markup {
    html! { (text) }
}

enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('{')
            && let Some((name, after)) = inner.split_once('}')
        {
            rest = after;
            return Some(Piece::Place(name));
        }
        let end = rest.char_indices().skip(1).find(|(_, c)| *c == '{').map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}
