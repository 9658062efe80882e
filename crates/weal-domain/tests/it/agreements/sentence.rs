//! Plain words: the sentence, the terms, names for purposes.

use weal_domain::agreements::sentence::{
    known_legal_bases, known_purposes, legal_basis_label, purpose_label, purpose_to,
};
use weal_domain::agreements::{LegalBasis, Purpose, Titles, sentence, terms_in_words};
use weal_domain::catalogue::Mode;

use crate::given::{FRAUD, agreement, at, now, purpose, terms};
use weal_domain::words::{count, day, list, moment, number};

const TITLES: Titles<'static> =
    Titles { provider: "Revenue", consumer: "Education", product: "payroll", personal: true };

#[test]
fn an_agreement_opens_with_one_plain_sentence() {
    assert_eq!(
        sentence(&agreement(Mode::Statistics), TITLES),
        "Education may ask Revenue for statistics about payroll, to prevent and find fraud, until \
         31 December 2027. No record about a person leaves Revenue."
    );
    let mut rows = agreement(Mode::Extract);
    rows.terms.columns = Some(vec!["region".to_owned(), "code".to_owned()]);
    rows.terms.row_filter = Some("region <> 'x'".to_owned());
    rows.terms.valid_until = None;
    assert_eq!(
        sentence(&rows, Titles { product: "the table of regions", personal: false, ..TITLES }),
        "Education may receive rows of the table of regions from Revenue, to prevent and find fraud. \
         Only region and code leave Revenue, of some rows only."
    );
}

#[test]
fn every_rung_has_its_sentence() {
    let mut said: Vec<String> = Mode::LADDER.map(|mode| sentence(&agreement(mode), TITLES)).into();
    for text in &said {
        assert!(text.starts_with("Education may ") && text.ends_with('.'), "{text}");
    }
    said.sort();
    said.dedup();
    assert_eq!(said.len(), 7, "each its own");
}

#[test]
fn the_terms_are_said_in_sentences() {
    let said = terms_in_words(Mode::Statistics, &terms());
    assert!(said.iter().all(|line| line.ends_with('.')), "{said:#?}");
    for line in [
        "Purpose: preventing and finding fraud or official statistics.",
        "Used by analysts.",
        "At most 50 uses a day.",
        "All questions together may cost 1 rho and 0.000000001 delta of privacy.",
        "Copies are kept for 365 days at most, then: Delete and confirm in writing.",
    ] {
        assert!(said.iter().any(|said| said == line), "{line} in {said:#?}");
    }
}

#[test]
fn known_terms_have_labels_and_unknown_ones_are_made_readable() {
    for (iri, label) in known_purposes() {
        assert_eq!(purpose_label(&Purpose::new(iri).unwrap()), label);
        assert!(purpose_to(&Purpose::new(iri).unwrap()).starts_with("to "));
    }
    for (iri, label) in known_legal_bases() {
        assert_eq!(legal_basis_label(&LegalBasis::new(iri).unwrap()), label);
    }
    assert_eq!(
        purpose_label(&purpose("https://example.org/purposes#CatchGhostClaims")),
        "catch ghost claims"
    );
    assert_eq!(purpose_to(&purpose("urn:example:tax-audit")), "for tax audit");
    assert_eq!(purpose_to(&purpose(FRAUD)), "to prevent and find fraud");
}

#[test]
fn dates_and_numbers_are_written_for_people() {
    assert_eq!(moment(now()), "1 September 2026 at 10:15:07 UTC");
    assert_eq!(day(at("2027-12-31T23:59:59-01:00")), "1 January 2028");
    assert_eq!((number(280_005), number(12), number(1_000)), ("280,005".into(), "12".into(), "1,000".into()));
    assert_eq!((count(1, "use", "uses"), count(0, "use", "uses")), ("1 use".into(), "0 uses".into()));
    assert_eq!(list(&["a", "b", "c"], "or"), "a, b or c");
}
