//! Search over the catalogue entries of all nodes: words in any order, without regard to case and
//! accents, tolerant of a slip of the finger; facets count what the words alone have found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Classification, Column, Mode, Offer, Product, ProductName};
use crate::Timestamp;
use crate::identity::{Did, MemberName};

/// What is read of a query; the rest is ignored.
const QUERY_BYTES_MAX: usize = 400;
const QUERY_WORDS_MAX: usize = 16;

/// What nodes show of each other's products. `CA-1`: no profile and no value of any row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    pub member: MemberName,
    pub member_title: String,
    pub did: Did,
    /// `<provider DID>#<product>`.
    pub dataset: String,
    pub product: ProductName,
    pub version: u32,
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub classification: Classification,
    pub columns: Vec<Column>,
    pub offers: Vec<Offer>,
    /// When the owner's node said so.
    pub fetched_at: Timestamp,
}

/// Whose product an entry is.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub member: &'a MemberName,
    pub title: &'a str,
    pub did: &'a Did,
}

impl CatalogueEntry {
    /// The public face of a product: what is the owner's alone stays behind (`CA-1`).
    #[must_use]
    pub fn of(product: &Product, offers: &[Offer], holder: Holder<'_>, now: Timestamp) -> Self {
        let offered =
            offers.iter().filter(|offer| offer.product == product.name && offer.withdrawn_at.is_none());
        Self {
            member: holder.member.clone(),
            member_title: holder.title.to_owned(),
            did: holder.did.clone(),
            dataset: product.dataset(holder.did),
            product: product.name.clone(),
            version: product.version,
            title: product.title.clone(),
            description: product.description.clone(),
            keywords: product.keywords.clone(),
            classification: product.classification,
            columns: product.columns.clone(),
            offers: offered.cloned().collect(),
            fetched_at: now,
        }
    }

    /// What somebody who is no member may know of it: nothing, unless it is `owner`'s, offered to every member
    /// and classified up to `class_max`.
    #[must_use]
    pub fn for_everyone(mut self, owner: &Did, class_max: Classification) -> Option<Self> {
        let now = self.fetched_at;
        self.offers.retain(|offer| {
            offer.terms.recipients.is_empty() && offer.terms.valid_until.is_none_or(|end| end > now)
        });
        let is_public = self.did == *owner && self.classification <= class_max && !self.offers.is_empty();
        is_public.then_some(self)
    }

    /// The rungs on offer, lowest disclosure first, each once.
    #[must_use]
    pub fn modes(&self) -> Vec<Mode> {
        let offered = |mode: &Mode| self.offers.iter().any(|offer| offer.mode == *mode);
        Mode::LADDER.into_iter().filter(offered).collect()
    }
}

/// What is looked for. Absent filters let everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Query {
    #[serde(default)]
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// What was found, best first, and how the finds of the words alone are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits<'a> {
    pub found: Vec<Found<'a>>,
    pub facets: Facets,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    pub entry: &'a CatalogueEntry,
    pub score: u32,
}

/// How many finds each choice of a filter would leave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facets {
    pub members: Vec<Facet<MemberName>>,
    pub classifications: Vec<Facet<Classification>>,
    pub modes: Vec<Facet<Mode>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet<T> {
    pub value: T,
    pub count: usize,
}

/// All entries that hold every word of the query somewhere, and pass its filters.
#[must_use]
pub fn search<'a>(entries: &'a [CatalogueEntry], query: &Query) -> Hits<'a> {
    let mut wanted = words(cut(&query.text));
    wanted.truncate(QUERY_WORDS_MAX);
    let mut by_words: Vec<Found<'a>> =
        entries.iter().filter_map(|entry| Some(Found { entry, score: score(entry, &wanted)? })).collect();
    let facets = count(&by_words);
    by_words.retain(|found| {
        query.member.as_ref().is_none_or(|member| *member == found.entry.member)
            && query.classification.is_none_or(|class| class == found.entry.classification)
            && query.mode.is_none_or(|mode| found.entry.modes().contains(&mode))
    });
    by_words.sort_by(|a, b| {
        b.score
            .cmp(&a.score)
            .then_with(|| a.entry.title.cmp(&b.entry.title))
            .then_with(|| a.entry.dataset.cmp(&b.entry.dataset))
    });
    Hits { found: by_words, facets }
}

fn count(found: &[Found<'_>]) -> Facets {
    let mut members: BTreeMap<&MemberName, usize> = BTreeMap::new();
    let mut classes: BTreeMap<Classification, usize> = BTreeMap::new();
    let mut modes: BTreeMap<Mode, usize> = BTreeMap::new();
    for Found { entry, .. } in found {
        *members.entry(&entry.member).or_default() += 1;
        *classes.entry(entry.classification).or_default() += 1;
        for mode in entry.modes() {
            *modes.entry(mode).or_default() += 1;
        }
    }
    Facets {
        members: members.into_iter().map(|(value, count)| Facet { value: value.clone(), count }).collect(),
        classifications: classes.into_iter().map(|(value, count)| Facet { value, count }).collect(),
        modes: modes.into_iter().map(|(value, count)| Facet { value, count }).collect(),
    }
}

/// How well an entry answers: every wanted word must be found; where it is found decides its weight.
fn score(entry: &CatalogueEntry, wanted: &[String]) -> Option<u32> {
    if wanted.is_empty() {
        return Some(0);
    }
    let columns: Vec<&str> = entry
        .columns
        .iter()
        .flat_map(|column| [Some(column.name.as_str()), column.description.as_deref()])
        .flatten()
        .collect();
    let modes = entry.modes();
    let modes: Vec<&str> = modes.iter().map(|mode| mode.as_str()).collect();
    let fields: [(u32, Vec<String>); 7] = [
        (8, words(&entry.title)),
        (8, words(entry.product.as_str())),
        (5, words(&entry.keywords.join(" "))),
        (4, words(&format!("{} {}", entry.member, entry.member_title))),
        (3, words(&columns.join(" "))),
        (2, words(&entry.description)),
        (1, words(&format!("{} {}", entry.classification.as_str(), modes.join(" ")))),
    ];
    let mut total: u32 = 0;
    for word in wanted {
        let best = fields.iter().map(|(weight, tokens)| weight * nearness(word, tokens)).max()?;
        if best == 0 {
            return None;
        }
        total = total.saturating_add(best);
    }
    Some(total)
}

/// 10 the word itself, 6 its beginning, 2 or 3 a slip away, 0 not here.
fn nearness(word: &str, tokens: &[String]) -> u32 {
    tokens.iter().map(|token| near(word, token)).max().unwrap_or(0)
}

fn near(word: &str, token: &str) -> u32 {
    if word == token {
        return 10;
    }
    let letters = word.chars().count();
    if letters >= 2 && token.starts_with(word) {
        return 6;
    }
    let slips_max = match letters {
        0..=3 => return 0,
        4..=7 => 1,
        _ => 2,
    };
    // Lengths too far apart need no table.
    if token.chars().count().abs_diff(letters) > slips_max {
        return 0;
    }
    match strsim::osa_distance(word, token) {
        1 => 3,
        2 if slips_max == 2 => 2,
        _ => 0,
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(QUERY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The words of a text, folded.
fn words(text: &str) -> Vec<String> {
    let marks = '\u{300}'..='\u{36f}';
    let bare = text.chars().filter(|letter| !marks.contains(letter));
    let folded: String = bare.flat_map(char::to_lowercase).map(fold).collect();
    let parts = folded.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Latin letters without their marks, as decomposed spellings are once their marks have been dropped;
/// every other letter stands for itself.
fn fold(letter: char) -> char {
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
        'ķ' => 'k',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => 's',
        'ţ' | 'ť' | 'ŧ' | 'ț' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}
