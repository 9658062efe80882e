//! Short words for purposes and legal bases.

use weal_cli::failure::Failure;
use weal_cli::members::named;
use weal_cli::words::{legal_basis, purpose};
use weal_domain::agreements::sentence::{known_legal_bases, known_purposes};
use weal_domain::governance::{Member, Standing};

#[test]
fn a_word_finds_the_one_purpose_that_holds_it() {
    let fraud = "https://w3id.org/dpv#FraudPreventionAndDetection";
    for word in ["fraud", "Fraud", "fraud-prevention-and-detection", "FraudPreventionAndDetection", fraud] {
        assert_eq!(purpose(word).expect("known").as_str(), fraud);
    }
    let statistics = purpose("official statistics").expect("known");
    assert_eq!(statistics.as_str(), "https://w3id.org/dpv#ProvideOfficialStatistics");
}

#[test]
fn the_names_of_article_6_are_known() {
    let task = legal_basis("public-task").expect("known");
    assert_eq!(task.as_str(), "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e");
    assert_eq!(legal_basis("Public Task").expect("known"), task);
    assert_eq!(legal_basis("A6-1-e").expect("known"), task);
    assert_eq!(legal_basis("6(1)(e)").expect("known"), task);
}

#[test]
fn an_unknown_or_ambiguous_word_lists_the_choices() {
    for word in ["", "zebra", "research"] {
        match purpose(word) {
            Err(Failure::Usage { next: Some(next), .. }) => assert!(next.contains("Research"), "{next}"),
            other => panic!("`{word}` was read as {other:?}"),
        }
    }
}

#[test]
fn every_known_iri_is_read_back_from_its_last_part() {
    for (iri, _) in known_purposes() {
        assert_eq!(purpose(weal_cli::words::short(iri)).expect("known").as_str(), iri);
    }
    for (iri, _) in known_legal_bases() {
        let short = weal_cli::words::short(iri);
        let read = legal_basis(short).expect("known");
        // `Consent`, `Contract` and `LegalObligation` are names of the GDPR's article 6 first.
        assert!(read.as_str() == iri || read.as_str().contains("gdpr#A6-1-"), "{short} is read as {read}");
    }
}

fn member(name: &str, standing: Standing) -> Member {
    Member {
        did: format!("did:web:{name}.example").parse().expect("a DID"),
        name: name.parse().expect("a name"),
        title: name.to_uppercase(),
        origin: format!("https://{name}.example"),
        standing,
        since: "2026-11-22T08:00:00Z".parse().expect("a moment"),
    }
}

#[test]
fn members_and_applicants_go_by_their_names_and_a_slip_is_told_not_taken() {
    let members = [member("revenue", Standing::Good), member("education", Standing::Applied)];
    assert_eq!(named(&members, "education").expect("known").as_str(), "did:web:education.example");
    let said = |given: &str| match named(&members, given) {
        Err(Failure::Usage { what, next: Some(next) }) => format!("{what}; {next}"),
        other => panic!("{given}: {other:?}"),
    };
    for slip in ["educatoin", "Education", "eductaion"] {
        let said = said(slip);
        assert!(said.contains("did you mean `education`, did:web:education.example?"), "{said}");
    }
    for unknown in ["welfare", "x", "", "revolution"] {
        assert!(said(unknown).contains("see `weal members`"), "{}", said(unknown));
    }
}
