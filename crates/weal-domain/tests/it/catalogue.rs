//! Offers within their classification, the ladder, search, and what a catalogue never says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use weal_domain::agreements::LegalBasis;
use weal_domain::catalogue::{
    Approval, CatalogueEntry, Classification, Column, ColumnKind, ColumnProfile, Holder, Identifying, Mode,
    Offer, PrivacyPolicy, Product, RungStanding, Terms, check_offer, dataset_id, is_part_of, is_part_of_any,
    ladder, parse_dataset, rungs_by_default, suggest_instead,
};
use weal_domain::compute::Loss;
use weal_domain::identity::{Did, MemberName};

use crate::given::{
    agreement, assert_helps, did, education, now, offer, payroll, product, revenue, signed, terms,
};

#[test]
fn a_dataset_is_named_by_its_owner_and_product() {
    let id = dataset_id(&revenue(), &payroll());
    assert_eq!(id, "did:web:revenue.example#payroll");
    assert_eq!(parse_dataset(&id).unwrap(), (revenue(), payroll()));
    for bad in ["payroll", "did:web:revenue.example#", "#payroll", "did:web:x#Pay Roll", ""] {
        assert_eq!(parse_dataset(bad).unwrap_err().code, "dataset-unknown");
    }
}

#[test]
fn parts_of_an_identifier_are_known_and_neighbours_are_not() {
    let own = ["did:web:a.example", "https://data.example/x", "https://data.example/xyz", "urn:uuid:1"];
    let own: BTreeSet<String> = own.map(str::to_owned).into();
    for ours in [
        "did:web:a.example",
        "did:web:a.example#p/extract",
        "https://data.example/x/contact",
        "https://data.example/xyz?a",
        "urn:uuid:1#permission-1",
    ] {
        assert!(is_part_of_any(ours, &own), "{ours}");
    }
    for other in
        ["did:web:a.example.org", "https://data.example/xy/z", "https://data.example/", "urn:uuid:10", ""]
    {
        assert!(!is_part_of_any(other, &own), "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whether_it_is_a_part_is_the_same_by_looking_at_each(
        own in proptest::collection::btree_set("[aé/#]{0,4}", 0..12),
        name in "[aé/#b]{0,8}",
    ) {
        let by_each = own.iter().any(|whole| is_part_of(&name, whole));
        prop_assert_eq!(is_part_of_any(&name, &own), by_each);
    }
}

#[test]
fn the_classification_is_the_ceiling_of_every_offer() {
    let personal = product();
    check_offer(&personal, Mode::Statistics, &terms()).expect("statistics about persons");
    assert_helps(&check_offer(&personal, Mode::Extract, &terms()).unwrap_err(), "columns-needed");
    let named = Terms { columns: Some(vec!["region".to_owned()]), ..terms() };
    check_offer(&personal, Mode::Extract, &named).expect("named columns");

    let sensitive = Product { classification: Classification::Sensitive, ..product() };
    assert_helps(&check_offer(&sensitive, Mode::Extract, &named).unwrap_err(), "special-category");
    let ground = LegalBasis::new("https://w3id.org/dpv/legal/eu/gdpr#A9-2-g").unwrap();
    let special = Terms { legal_bases: vec![ground], ..named };
    check_offer(&sensitive, Mode::Extract, &special).expect("on a ground of article 9");

    let open = Product { classification: Classification::Open, privacy: None, ..product() };
    check_offer(&open, Mode::Extract, &terms()).expect("open data");
    assert_helps(&check_offer(&open, Mode::Statistics, &terms()).unwrap_err(), "privacy-policy-missing");
    let nothing = Terms { purposes: Vec::new(), ..terms() };
    assert_helps(&check_offer(&open, Mode::Extract, &nothing).unwrap_err(), "offer-without-purpose");
    let unknown = Terms { columns: Some(vec!["shoe_size".to_owned()]), ..terms() };
    let refusal = check_offer(&open, Mode::Extract, &unknown).unwrap_err();
    assert_helps(&refusal, "column-unknown");
    assert!(refusal.reason.contains("shoe_size"));
}

#[test]
fn rows_with_codes_in_them_wait_for_a_word_about_persons() {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        kind,
        nullable: true,
        identifying: Identifying::No,
        description: None,
    };
    let found = |name: &str, distinct| ColumnProfile {
        column: name.to_owned(),
        nulls: 0,
        distinct,
        min: None,
        max: None,
    };
    let product = |codes: u64| Product {
        title: "Palgad".to_owned(),
        classification: Classification::Internal,
        about_nobody: false,
        privacy: None,
        columns: vec![
            column("isikukood", ColumnKind::Text),
            column("piirkond", ColumnKind::Text),
            column("palk", ColumnKind::Float),
        ],
        profile: vec![found("isikukood", codes), found("piirkond", 3), found("palk", 3_900)],
        rows: 4_000,
        ..product()
    };
    // A code in nearly every row, or of persons who have a few rows each; not one that thousands share.
    for codes in [4_000, 1_500, 201] {
        assert_eq!(product(codes).unsettled(), ["isikukood"], "{codes}");
        for mode in [Mode::Extract, Mode::Lookup] {
            let refusal = check_offer(&product(codes), mode, &terms()).unwrap_err();
            assert_helps(&refusal, "persons-unsettled");
            assert!(
                refusal.reason.contains("`isikukood`") && !refusal.reason.contains("piirkond"),
                "{refusal:?}"
            );
        }
    }
    check_offer(&product(200), Mode::Extract, &terms()).expect("twenty rows of each");
    let unsure = product(4_000);
    check_offer(&unsure, Mode::Metadata, &terms()).expect("its entry");
    let some = Terms { columns: Some(vec!["piirkond".to_owned()]), ..terms() };
    check_offer(&unsure, Mode::Extract, &some).expect("columns somebody has thought about");
    let stated = Product { about_nobody: true, ..unsure.clone() };
    check_offer(&stated, Mode::Extract, &terms()).expect("its owner has said so");
    let open = Product { classification: Classification::Open, ..unsure };
    check_offer(&open, Mode::Extract, &terms()).expect("open data");

    use Classification::{Internal, Open, Personal};
    let by_default = |class, has_subject, is_unsettled| rungs_by_default(class, has_subject, is_unsettled);
    assert_eq!(by_default(Internal, false, true), [Mode::Metadata]);
    assert_eq!(by_default(Internal, false, false), [Mode::Metadata, Mode::Extract]);
    assert_eq!(by_default(Personal, false, false), [Mode::Metadata]);
    for class in [Open, Internal, Personal] {
        assert_eq!(by_default(class, true, false), [Mode::Metadata, Mode::Statistics], "{class:?}");
    }
}

#[test]
fn a_question_costs_no_more_than_one_may() {
    let policy = product().privacy.unwrap();
    policy.check_losses().expect("ten times as much is allowed");
    for most in [Loss::new(9_999_999, 10_000), Loss::new(100_000_000, 999)] {
        let refusal = PrivacyPolicy { question_loss_max: most, ..policy.clone() }.check_losses().unwrap_err();
        assert_helps(&refusal, "question-loss");
    }
}

#[test]
fn the_ladder_shows_seven_rungs_and_what_stands_between() {
    let by_hand = Offer { terms: Terms { approval: Approval::Steward, ..terms() }, ..offer(Mode::Lookup) };
    let for_council =
        Offer { terms: Terms { recipients: vec![did("council")], ..terms() }, ..offer(Mode::Extract) };
    let offers =
        [offer(Mode::Statistics), offer(Mode::Matching), offer(Mode::Training), by_hand, for_council];
    let (revoked, _) = agreement(Mode::Training).revoke(&revenue(), "owner", "Ended.", now()).unwrap();
    let held = [agreement(Mode::Statistics), signed(Mode::Matching), revoked];
    let rungs = ladder(&offers, &held, &education(), now());
    let standings: Vec<RungStanding> = rungs.iter().map(|rung| rung.standing).collect();
    use RungStanding::{Closed, Held, NotOffered, Offered, Open, Pending};
    assert_eq!(standings, [Open, NotOffered, Held, Pending, Offered, Offered, Closed]);
    for rung in &rungs {
        assert_eq!(rung.between.is_none(), matches!(rung.standing, Open | Held), "{rung:?}");
        assert!(!rung.leaves.is_empty());
    }
    let between = |mode: Mode| rungs[usize::from(mode.rung()) - 1].between.clone().unwrap();
    assert!(between(Mode::Training).contains("revoked") && between(Mode::Training).contains("Request it"));
    assert!(between(Mode::Lookup).contains("a steward of the owner decides"));
    assert!(between(Mode::Extract).contains("named members only"));
}

#[test]
fn a_refused_rung_is_answered_by_a_lower_one_that_is_open() {
    let offers = [offer(Mode::Synthetic), offer(Mode::Statistics), offer(Mode::Lookup)];
    assert_eq!(suggest_instead(&offers, Mode::Extract, &education(), now()), Some(Mode::Statistics));
    assert_eq!(suggest_instead(&offers, Mode::Statistics, &education(), now()), Some(Mode::Synthetic));
    assert_eq!(suggest_instead(&offers, Mode::Synthetic, &education(), now()), None);
    let withdrawn = Offer { withdrawn_at: Some(now()), ..offer(Mode::Statistics) };
    assert_eq!(suggest_instead(&[withdrawn], Mode::Extract, &education(), now()), None);
}

fn entry(member: &str, did: &Did, product: &Product, modes: &[Mode]) -> CatalogueEntry {
    let offers: Vec<Offer> =
        modes.iter().map(|mode| Offer { product: product.name.clone(), ..offer(*mode) }).collect();
    let name = MemberName::new(member).unwrap();
    let title = format!("The {member} agency");
    CatalogueEntry::of(product, &offers, Holder { member: &name, title: &title, did }, now())
}

#[test]
fn a_catalogue_entry_carries_no_value_of_any_person() {
    let mut secretive = product();
    secretive.profile = vec![ColumnProfile {
        column: "wage".to_owned(),
        nulls: 0,
        distinct: 7,
        min: Some("SECRET-MIN".to_owned()),
        max: Some("SECRET-MAX".to_owned()),
    }];
    let withdrawn = Offer { withdrawn_at: Some(now()), ..offer(Mode::Extract) };
    let name = MemberName::new("revenue").unwrap();
    let holder = Holder { member: &name, title: "Revenue", did: &revenue() };
    let public = CatalogueEntry::of(&secretive, &[offer(Mode::Statistics), withdrawn], holder, now());
    let text = serde_json::to_string(&public).unwrap();
    assert!(!text.contains("SECRET") && !text.contains("200000"), "CA-1: {text}");
    assert_eq!(public.modes(), [Mode::Statistics], "what is withdrawn is not shown");
}

pub(crate) fn country() -> Vec<CatalogueEntry> {
    let of = |name: &str, title: &str, description: &str, class| Product {
        name: weal_domain::catalogue::ProductName::new(name).unwrap(),
        title: title.to_owned(),
        description: description.to_owned(),
        keywords: Vec::new(),
        classification: class,
        ..product()
    };
    let mut regions = of("regions", "Regiões e códigos", "Reference table", Classification::Open);
    let claims =
        of("claims", "Apprenticeship claims", "Grants for apprentices, with wages", Classification::Personal);
    regions.columns.truncate(2);
    vec![
        entry("education", &education(), &claims, &[Mode::Statistics]),
        entry("revenue", &revenue(), &product(), &[Mode::Statistics, Mode::Matching]),
        entry("revenue", &revenue(), &regions, &[Mode::Extract]),
    ]
}
