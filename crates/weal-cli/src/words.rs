//! Short words for purposes and legal bases: `fraud` for
//! `https://w3id.org/dpv#FraudPreventionAndDetection`.

use weal_domain::agreements::sentence::{known_legal_bases, known_purposes};
use weal_domain::agreements::{LegalBasis, Purpose};

use crate::failure::{Failure, Result};

/// The names that the six legal bases of the GDPR's article 6 go by.
const LEGAL_BASIS_NAMES: [(&str, &str); 6] = [
    ("consent", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a"),
    ("contract", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-b"),
    ("legal-obligation", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c"),
    ("vital-interests", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-d"),
    ("public-task", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"),
    ("legitimate-interests", "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f"),
];

/// An IRI as it is, or the one known purpose whose name or label holds the word.
pub fn purpose(given: &str) -> Result<Purpose> {
    let iri = resolve("purpose", given, &known_purposes().collect::<Vec<_>>())?;
    iri.parse().map_err(|cause: weal_domain::InvalidName| Failure::usage(cause.to_string()))
}

/// An IRI as it is, one of the six names of the GDPR's article 6, or the one known legal basis that
/// holds the word.
pub fn legal_basis(given: &str) -> Result<LegalBasis> {
    let named = LEGAL_BASIS_NAMES.iter().find(|(name, _)| *name == letters_dashed(given));
    let iri = match named {
        Some((_, iri)) => (*iri).to_owned(),
        None => resolve("legal basis", given, &known_legal_bases().collect::<Vec<_>>())?,
    };
    iri.parse().map_err(|cause: weal_domain::InvalidName| Failure::usage(cause.to_string()))
}

/// The shortest name that [`purpose`] reads back.
#[must_use]
pub fn short(iri: &str) -> &str {
    iri.rsplit_once('#').map_or(iri, |(_, fragment)| fragment)
}

/// An IRI and its label.
type Known = (&'static str, &'static str);

fn resolve(what: &str, given: &str, known: &[Known]) -> Result<String> {
    if given.contains(':') {
        return Ok(given.to_owned());
    }
    let word = letters(given);
    let exact = known.iter().find(|(iri, _)| letters(short(iri)) == word);
    if let Some((iri, _)) = exact {
        return Ok((*iri).to_owned());
    }
    let holds = |(iri, label): &Known| letters(short(iri)).contains(&word) || letters(label).contains(&word);
    let found: Vec<Known> = known.iter().filter(|entry| !word.is_empty() && holds(entry)).copied().collect();
    match found.as_slice() {
        [(iri, _)] => Ok((*iri).to_owned()),
        [] => Err(Failure::usage(format!("no {what} is called `{given}`"))
            .next(format!("use an IRI or a word of one of these:{}", listed(known)))),
        _ => Err(Failure::usage(format!("`{given}` could be more than one {what}"))
            .next(format!("use one of these:{}", listed(&found)))),
    }
}

fn listed(known: &[Known]) -> String {
    known.iter().map(|(iri, label)| format!("\n            {:<42} {label}", short(iri))).collect()
}

/// Only the letters and digits, small.
fn letters(text: &str) -> String {
    text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn letters_dashed(text: &str) -> String {
    text.to_lowercase().replace([' ', '_'], "-")
}
