//! Where the datasets of a catalogue stand in its text, so that those whose text is known already are not read
//! again. Nothing is judged here: whatever is not cut out is read by [`crate::parse`] as ever, and where the text has
//! any other form than the usual one, nothing is cut out of it.

use std::ops::Range;

use weal_domain::catalogue::{ProductName, parse_dataset};
use weal_domain::identity::Did;

use super::DATASETS_MAX;
use crate::dsp::catalogue::CATALOGUE_BYTES_MAX;

/// Grows with every change of what is made of the same text of a dataset.
pub const READ_AS: u32 = 1;

/// What stands before the identifier in a dataset whose members are in alphabetical order, as ours are.
const BEFORE_ID: &[u8] = b"{\"@id\":\"";

/// A catalogue's text and the places of its datasets.
#[derive(Debug)]
pub struct Skimmed<'t> {
    text: &'t [u8],
    places: Vec<Range<usize>>,
}

/// A dataset that can be told by its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkimmedDataset<'t> {
    /// How many stand before it.
    pub place: usize,
    pub id: &'t str,
    pub product: ProductName,
    pub text: &'t [u8],
}

impl<'t> Skimmed<'t> {
    /// `None` where the text is not a catalogue of the usual form.
    #[must_use]
    pub fn of(text: &'t [u8]) -> Option<Self> {
        let places = (text.len() <= CATALOGUE_BYTES_MAX).then(|| places_in(text)).flatten()?;
        Some(Self { text, places })
    }

    /// The datasets that `member` names as its own products. The first is never among them: where everything else is
    /// cut out, it is the one that the standard wants.
    #[must_use]
    pub fn own_of(&self, member: &Did) -> Vec<SkimmedDataset<'t>> {
        let own = |(place, range): (usize, &Range<usize>)| {
            let text = self.text.get(range.clone())?;
            let rest = text.strip_prefix(BEFORE_ID)?;
            let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let id = std::str::from_utf8(rest.get(..end)?).ok().filter(|_| rest[end] == b'"')?;
            let (did, product) = parse_dataset(id).ok()?;
            (did == *member).then_some(SkimmedDataset { place, id, product, text })
        };
        self.places.iter().enumerate().skip(1).filter_map(own).collect()
    }

    /// The text without the datasets at these places, in ascending order.
    #[must_use]
    pub fn without(&self, places: &[usize]) -> Vec<u8> {
        let mut rest = Vec::with_capacity(self.text.len() / 8);
        let mut kept_up_to = 0;
        for place in places {
            // With the comma before it; there is one, because the first is never cut out.
            let (Some(before), Some(range)) =
                (place.checked_sub(1).and_then(|before| self.places.get(before)), self.places.get(*place))
            else {
                continue;
            };
            rest.extend_from_slice(self.text.get(kept_up_to..before.end).unwrap_or_default());
            kept_up_to = kept_up_to.max(range.end);
        }
        rest.extend_from_slice(self.text.get(kept_up_to..).unwrap_or_default());
        rest
    }
}

/// The elements of the one member `dataset` of the outermost object.
fn places_in(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut at = Cursor { text, at: 0 };
    let mut places = None;
    at.take(b'{')?;
    loop {
        at.take(b'"')?;
        let name_from = at.at;
        at.skip_text()?;
        let name = text.get(name_from..at.at - 1)?;
        at.take(b':')?;
        if name == b"dataset" {
            if places.is_some() {
                return None;
            }
            places = Some(at.objects()?);
        } else {
            // Another way to write the name may hide the same member.
            if name.contains(&b'\\') {
                return None;
            }
            at.value()?;
        }
        match at.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    (at.peek().is_none()).then_some(places).flatten()
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    /// What comes after white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// Goes behind the quotation mark that ends the text begun.
    fn skip_text(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return Some(());
            }
            self.at += 1;
        }
    }

    /// An array of nothing but objects, and no more of them than a catalogue may have: others are for the strict reader
    /// to refuse, however much of them is known.
    fn objects(&mut self) -> Option<Vec<Range<usize>>> {
        let mut places = Vec::new();
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(places);
        }
        loop {
            if self.peek()? != b'{' || places.len() == DATASETS_MAX {
                return None;
            }
            let from = self.at;
            self.value()?;
            places.push(from..self.at);
            match self.next()? {
                b',' => {}
                b']' => return Some(places),
                _ => return None,
            }
        }
    }

    /// Behind a value: brackets are counted, what is inside is not looked at.
    fn value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        self.peek()?;
        loop {
            match *self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    self.skip_text()?;
                    if depth == 0 {
                        return Some(());
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return Some(()),
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Some(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}
