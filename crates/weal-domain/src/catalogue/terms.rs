//! Under which terms an entry stands in the index, and which of them a query looks at.
//!
//! A term is a letter for what it is, and the folded word: `t` a word of the title or the name, `k` of the
//! keywords or the owner's name, `d` of the columns and the description; `T` and `K` the beginnings of words of
//! `t` and `k`, of two and of three letters; `w` a whole title; `=` the values that facets count.

use std::collections::BTreeSet;

use super::words::{words_to_find, words_wanted};
use super::{CatalogueEntry, Query};
use crate::agreements::Purpose;
use crate::identity::Did;

/// Changes when the terms of any entry would: an index made with another is made again.
pub const TERMS_VERSION: &str = "2";

/// What is read of a query; the rest is ignored.
const QUERY_BYTES_MAX: usize = 400;
const QUERY_WORDS_MAX: usize = 16;
/// The different words by which an entry is found, of its title, its keywords and the rest: nobody fills the
/// index with one entry.
const TITLE_WORDS_MAX: usize = 200;
const KEYWORDS_MAX: usize = 80;
const OTHER_WORDS_MAX: usize = 250;
const PURPOSES_MAX: usize = 50;
const TITLE_BYTES_MAX: usize = 120;
/// Beginnings of so many letters are terms of their own, but for words of the description: they would be half of
/// the index. Longer ones are few enough to be looked up as a range.
const BEGINNINGS: [usize; 2] = [2, 3];
const BEGUN: [u8; 2] = [b't', b'k'];
/// Words of so many letters may be written with a slip.
const SLIP_LETTERS: std::ops::RangeInclusive<usize> = 4..=24;
const TIERS: [u8; 3] = [b't', b'k', b'd'];

pub(super) const MEMBER: &[u8] = b"=m";
pub(super) const CLASS: &[u8] = b"=c";
pub(super) const MODE: &[u8] = b"=o";
pub(super) const PURPOSE: &[u8] = b"=p";

/// Terms from one up to and without another; one alone where there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub from: Vec<u8>,
    pub until: Option<Vec<u8>>,
}

impl Span {
    fn one(term: Vec<u8>) -> Self {
        Self { from: term, until: None }
    }

    fn begins(term: Vec<u8>) -> Self {
        // No UTF-8 has this byte.
        let until = [term.as_slice(), &[0xff]].concat();
        Self { from: term, until: Some(until) }
    }

    /// Every term about members.
    #[must_use]
    pub fn members() -> Self {
        Self::begins(MEMBER.to_vec())
    }

    /// Every entry of a member.
    #[must_use]
    pub fn member(did: &Did) -> Self {
        Self::one(facet(MEMBER, did.as_str()))
    }

    /// Every entry that is offered for a purpose.
    #[must_use]
    pub fn purpose(purpose: &Purpose) -> Self {
        Self::one(facet(PURPOSE, purpose.as_str()))
    }

    /// Every other value that facets count.
    #[must_use]
    pub fn facets() -> [Self; 3] {
        [CLASS, MODE, PURPOSE].map(|kind| Self::begins(kind.to_vec()))
    }
}

/// The terms of an entry.
#[must_use]
pub fn terms_of(entry: &CatalogueEntry) -> BTreeSet<Vec<u8>> {
    let modes: Vec<&str> = entry.modes().iter().map(|mode| mode.as_str()).collect();
    let columns = entry
        .columns
        .iter()
        .flat_map(|column| [Some(column.name.as_str()), column.description.as_deref()].into_iter().flatten());
    let rest = [entry.classification.as_str()].into_iter().chain(columns).chain([entry.description.as_str()]);
    let title = [entry.product.as_str(), entry.title.as_str()];
    let keywords = entry.keywords.iter().map(String::as_str);
    let mut terms = BTreeSet::new();
    // Its owner's name first, by which each entry is to be found.
    let keywords = [entry.member.as_str(), &entry.member_title].into_iter().chain(keywords);
    put_words(&mut terms, b't', TITLE_WORDS_MAX, title);
    put_words(&mut terms, b'k', KEYWORDS_MAX, keywords);
    put_words(&mut terms, b'd', OTHER_WORDS_MAX, modes.iter().copied().chain(rest));
    terms.extend(whole(words_wanted(&entry.title)));
    terms.insert(facet(MEMBER, entry.did.as_str()));
    terms.insert(facet(CLASS, entry.classification.as_str()));
    terms.extend(modes.iter().map(|mode| facet(MODE, mode)));
    let purposes = entry.offers.iter().flat_map(|offer| &offer.terms.purposes);
    terms.extend(purposes.take(PURPOSES_MAX).map(|purpose| facet(PURPOSE, purpose.as_str())));
    terms
}

fn put_words<'a>(
    terms: &mut BTreeSet<Vec<u8>>,
    tier: u8,
    words_max: usize,
    texts: impl IntoIterator<Item = &'a str>,
) {
    let mut words = BTreeSet::new();
    for text in texts {
        for word in words_to_find(text) {
            if words.len() == words_max {
                break;
            }
            words.insert(word);
        }
    }
    for word in &words {
        for letters in BEGINNINGS.into_iter().filter(|_| BEGUN.contains(&tier)) {
            terms.extend(beginning(word, letters).map(|start| term(tier.to_ascii_uppercase(), start)));
        }
        terms.insert(term(tier, word));
    }
}

fn beginning(word: &str, letters: usize) -> Option<&str> {
    let (last, _) = word.char_indices().nth(letters.checked_sub(1)?)?;
    let rest = word.get(last..)?.chars().next()?;
    word.get(..last + rest.len_utf8())
}

fn term(kind: u8, word: &str) -> Vec<u8> {
    [&[kind], word.as_bytes()].concat()
}

fn facet(kind: &[u8], value: &str) -> Vec<u8> {
    [kind, value.as_bytes()].concat()
}

fn whole(words: Vec<String>) -> Option<Vec<u8>> {
    let title = words.join(" ");
    (!title.is_empty() && title.len() <= TITLE_BYTES_MAX).then(|| term(b'w', &title))
}

/// The word of a term that somebody may slip over when they write it, and how many letters it has.
#[must_use]
pub fn dictionary_word(term: &[u8]) -> Option<(&str, usize)> {
    let (kind, word) = term.split_first()?;
    let word = std::str::from_utf8(word).ok().filter(|_| TIERS.contains(kind))?;
    let letters = word.chars().count();
    (SLIP_LETTERS.contains(&letters) && word.chars().all(char::is_alphabetic)).then_some((word, letters))
}

/// What a query looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub words: Vec<WantedWord>,
    /// Where entries stand that have these words for a title.
    pub title: Option<Span>,
}

/// A word that every find must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedWord {
    pub word: String,
    pub spans: Vec<Span>,
}

impl Plan {
    #[must_use]
    pub fn of(query: &Query) -> Self {
        let mut words = words_wanted(cut(&query.text));
        let title = whole(words.clone()).map(Span::one);
        words.truncate(QUERY_WORDS_MAX);
        let mut seen = BTreeSet::new();
        words.retain(|word| seen.insert(word.clone()));
        Self { words: words.into_iter().map(WantedWord::of).collect(), title }
    }
}

impl WantedWord {
    fn of(word: String) -> Self {
        let letters = word.chars().count();
        let exact = TIERS.map(|tier| term(tier, &word));
        let begins = BEGUN.map(|tier| term(tier.to_ascii_uppercase(), &word));
        let spans = if letters > 3 {
            exact.map(Span::begins).to_vec()
        } else if letters > 1 {
            exact.into_iter().chain(begins).map(Span::one).collect()
        } else {
            exact.map(Span::one).to_vec()
        };
        Self { word, spans }
    }

    /// Where words stand that this may be a slip of.
    #[must_use]
    pub fn spans_of(word: &str) -> [Span; 3] {
        TIERS.map(|tier| Span::one(term(tier, word)))
    }

    /// The first letter and the numbers of letters of words that this may be a slip of. The first letter is
    /// taken to be right.
    #[must_use]
    pub fn slips(&self) -> Option<(char, std::ops::RangeInclusive<usize>)> {
        let letters = self.word.chars().count();
        let most = slips_max(letters).filter(|_| self.word.chars().all(char::is_alphabetic))?;
        Some((self.word.chars().next()?, letters - most..=letters + most))
    }

    /// What a find under this term is worth for this word: title before keywords before the rest, the word
    /// itself before its beginning before a slip.
    pub(super) fn worth(&self, term: &[u8]) -> u32 {
        let Some((kind, word)) = term.split_first() else { return 0 };
        let is_whole = word == self.word.as_bytes() && kind.is_ascii_lowercase();
        let begins = kind.is_ascii_uppercase() || word.starts_with(self.word.as_bytes());
        let of = |whole, begins_with, slip| match (is_whole, begins) {
            (true, _) => whole,
            (false, true) => begins_with,
            (false, false) => slip,
        };
        match kind.to_ascii_lowercase() {
            b't' => of(80, 60, 9),
            b'k' => of(45, 30, 6),
            _ => of(20, 12, 3),
        }
    }
}

/// Whether one word may be a slip of the other.
#[must_use]
pub fn near(word: &str, other: &str) -> bool {
    slips_max(word.chars().count()).is_some_and(|most| strsim::osa_distance(word, other) <= most)
}

fn slips_max(letters: usize) -> Option<usize> {
    match letters {
        0..=3 => None,
        4..=7 => Some(1),
        8..=24 => Some(2),
        _ => None,
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(QUERY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
