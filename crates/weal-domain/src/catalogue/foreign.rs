//! Entries of catalogues elsewhere: described, not offered here.

use serde::{Deserialize, Serialize};

/// What is read of a query; the rest is ignored.
const WORDS_MAX: usize = 16;
const QUERY_CHARS_MAX: usize = 400;
/// What is looked through of one entry, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// What people look for in an entry of a catalogue elsewhere. Everything else that was said of it is kept beside
/// it, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignEntry {
    /// The catalogue it came from, by the name it was given here.
    pub source: String,
    /// Its identifier there; an entry may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    pub title: String,
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    pub keywords: Vec<String>,
    /// Addresses of themes, as they stand there.
    pub themes: Vec<String>,
    /// Where it can be had, or read about.
    pub addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

impl ForeignEntry {
    /// The text in which [`foreign_words`] are looked for; of a long one the beginning.
    #[must_use]
    pub fn text(&self) -> String {
        let publisher = self.publisher.as_deref().unwrap_or_default();
        let parts = [&self.source, &self.title, publisher, &self.keywords.join(" "), &self.description];
        let letters = parts.into_iter().flat_map(|part: &str| part.chars().chain(['\n']));
        letters.flat_map(char::to_lowercase).take(TEXT_CHARS_MAX).collect()
    }
}

/// The words of a query: each must stand somewhere in an entry's text.
#[must_use]
pub fn foreign_words(query: &str) -> Vec<String> {
    let shown: String = query.chars().take(QUERY_CHARS_MAX).collect::<String>().to_lowercase();
    let words = shown.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.take(WORDS_MAX).map(str::to_owned).collect()
}
