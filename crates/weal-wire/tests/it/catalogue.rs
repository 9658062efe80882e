//! Our catalogue through the protocol and back.

use proptest::prelude::*;
use serde_json::json;
use weal_domain::Timestamp;
use weal_domain::catalogue::{CatalogueEntry, Classification, Holder, Mode};
use weal_wire::catalogue::{CataloguePrinter, Skimmed, catalogue_of, entries_of, format_of, mode_of_format};
use weal_wire::dsp::catalogue::{Catalog, CatalogRequestMessage, Part};
use weal_wire::{Publisher, parse};

use crate::any;
use crate::kinds::reread;
use crate::schemas::assert_valid;
use crate::vectors::vector;

pub fn publisher() -> Publisher {
    Publisher {
        did: "did:web:revenue.example".parse().unwrap(),
        name: "revenue".parse().unwrap(),
        title: "Revenue agency".into(),
        origin: "https://revenue.example".into(),
    }
}

fn now() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

fn read(document: &serde_json::Value) -> Catalog {
    parse(document.to_string().as_bytes()).unwrap()
}

fn any_choice() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(any::<bool>(), 1..9)
}

/// A text of another form than the usual one is left whole: it is read as a document, or refused as one.
#[test]
fn nothing_is_cut_out_of_what_has_another_form() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"dataset":[{}]"#,
        r#"{"dataset":[{}]} x"#,
        r#"{"dataset":[{"@id":"a}]}"#,
        r#"{"dataset":[{}],"dataset":[{}]}"#,
        r#"{"dataset":[{}],"\u0064ataset":[{}]}"#,
        r#"{"dataset":[{},1]}"#,
        r#"{"dataset":[{},]}"#,
        r#"{"dataset":{}}"#,
    ] {
        assert!(Skimmed::of(text.as_bytes()).is_none(), "{text}");
    }
    let did = publisher().did;
    let own = |text: &str| {
        let text = format!(r#"{{ "a" : [ "}}]\"" , {{}} ] , "dataset" : [ {{"first":1}} , {text} ] }}"#);
        Skimmed::of(text.as_bytes()).unwrap().own_of(&did).len()
    };
    assert_eq!(own(r#"{"@id":"did:web:revenue.example#payroll","x":{"dataset":[]}}"#), 1);
    assert_eq!(own(r#"{"@id":"did:web:other.example#payroll"}"#), 0, "another's");
    assert_eq!(own(r#"{"@id":"did:web:revenue.example#pay\u0072oll"}"#), 0, "written in another way");
    assert_eq!(own(r#"{"@type":"Dataset","@id":"did:web:revenue.example#payroll"}"#), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Other connectors copy an offer whole and compare all of it with the agreement.
    #[test]
    fn what_only_we_understand_stands_beside_the_offer(products in any::products()) {
        let catalog = catalogue_of(&products, &publisher(), "https://revenue.example/dsp/2025-1");
        for offer in catalog.content.datasets.iter().flat_map(|dataset| &dataset.offers) {
            prop_assert_eq!(&offer.terms, &None);
        }
    }

    /// What was printed before is the same text, and what is cut out of it is missing and nothing else.
    #[test]
    fn datasets_are_found_in_the_text_and_cut_out_of_it(products in any::products(), chosen in any_choice()) {
        let owner = publisher();
        let printer = || CataloguePrinter::new(owner.clone(), "https://revenue.example/dsp/2025-1".to_owned());
        let (mut anew, mut kept) = (printer(), printer());
        let mut text = anew.begin();
        text.extend(products.iter().map(|(product, offers)| anew.dataset(product, offers)));
        text.push_str(anew.end());
        let texts: Vec<String> =
            products.iter().filter_map(|(product, offers)| kept.printed(product, offers)).collect();
        if !texts.is_empty() {
            let whole = format!("{}{}{}", kept.begin(), kept.printed_before(&texts.join(",")), kept.end());
            prop_assert_eq!(&whole, &text);
        }

        let catalog: Catalog = parse(text.as_bytes()).unwrap();
        let Some(skimmed) = Skimmed::of(text.as_bytes()) else {
            prop_assert!(texts.is_empty(), "a catalogue with datasets has the usual form");
            return Ok(());
        };
        let own = skimmed.own_of(&owner.did);
        for dataset in &own {
            prop_assert_eq!(&texts[dataset.place].as_bytes(), &dataset.text);
            prop_assert_eq!(&catalog.content.datasets[dataset.place].id, dataset.id);
        }
        prop_assert!(own.iter().all(|dataset| dataset.place > 0), "one is always left");
        let cut: Vec<usize> =
            own.iter().map(|dataset| dataset.place).filter(|place| chosen[place % chosen.len()]).collect();
        let rest: Catalog = parse(&skimmed.without(&cut)).unwrap();
        let mut expected = catalog;
        let mut place = 0;
        expected.content.datasets.retain(|_| {
            place += 1;
            !cut.contains(&(place - 1))
        });
        prop_assert_eq!(rest, expected);
    }

    #[test]
    fn entries_come_back_as_their_owner_would_make_them(products in any::products()) {
        let owner = publisher();
        let catalog = catalogue_of(&products, &owner, "https://revenue.example/dsp/2025-1");
        let document = reread(&catalog);
        assert_valid("Catalog", &document);
        let holder = Holder { member: &owner.name, title: &owner.title, did: &owner.did };
        let expected: Vec<_> = products
            .iter()
            .map(|(product, offers)| CatalogueEntry::of(product, offers, holder, now()))
            .filter(|entry| !entry.offers.is_empty())
            .collect();
        let read = entries_of(read(&document), &owner, now()).unwrap();
        prop_assert_eq!(read.passed_over, Vec::new());
        prop_assert_eq!(read.entries, expected);
    }

    /// CA-1: what the owner measured stays with the owner.
    #[test]
    fn nothing_measured_is_in_the_catalogue((mut product, offers) in any::product_and_offers()) {
        product.rows = 987_654_321;
        for (index, profile) in product.profile.iter_mut().enumerate() {
            profile.min = Some(format!("secret-minimum-{index}"));
            profile.nulls = 987_654_321;
        }
        let catalog = catalogue_of(&[(product, offers)], &publisher(), "https://revenue.example/dsp/2025-1");
        let text = reread(&catalog).to_string();
        prop_assert!(!text.contains("secret-minimum") && !text.contains("987654321"));
    }
}

#[test]
fn formats_name_modes() {
    for mode in Mode::LADDER {
        assert_eq!(mode_of_format(&format_of(mode)), Some(mode));
    }
    assert_eq!(format_of(Mode::Statistics), "weal:statistics");
    assert_eq!(mode_of_format("HttpData-PULL"), Some(Mode::Extract));
    for other in ["statistics", "weal:", "weal:everything", "HttpData-PUSH"] {
        assert_eq!(mode_of_format(other), None);
    }
}

#[test]
fn a_catalogue_must_be_its_senders() {
    let mut document = vector("catalog");
    document["participantId"] = json!("did:web:other.example");
    let error = entries_of(read(&document), &publisher(), now()).unwrap_err();
    assert!(error.to_string().contains("participantId"), "{error}");

    let mut document = vector("catalog");
    document["dataset"][0]["@id"] = json!("did:web:other.example#payroll");
    let outcome = entries_of(read(&document), &publisher(), now()).unwrap();
    assert_eq!(outcome.entries, []);
    let expected = ("did:web:other.example#payroll".to_owned(), "it is another member's dataset");
    assert_eq!(outcome.passed_over, [expected]);
}

#[test]
fn terms_that_the_policy_contradicts_are_not_shown() {
    let document = vector("catalog");
    let outcome = entries_of(read(&document), &publisher(), now()).unwrap();
    assert_eq!(outcome.entries[0].offers, []);
    assert_eq!(outcome.passed_over[0].1, "the offer's policy contradicts its terms");
    assert_eq!(outcome.entries[0].columns.len(), 2);
    assert_eq!(outcome.entries[0].classification, Classification::Personal);
}

#[test]
fn strangers_datasets_are_listed_without_offers() {
    let mut document = vector("catalog");
    let stranger = |id: &str, title: serde_json::Value| {
        let mut dataset = vector("dataset");
        let members = dataset.as_object_mut().unwrap();
        members.remove("urn:weal:product");
        members["hasPolicy"][0].as_object_mut().unwrap().remove("urn:weal:terms");
        members.remove("dct:title");
        dataset["@id"] = json!(id);
        dataset["http://purl.org/dc/terms/title"] = title;
        dataset
    };
    let titles = [
        json!("Plain"),
        json!({ "@value": "Tagged", "@language": "en" }),
        json!([7, { "@value": "Listed" }]),
    ];
    let ids = ["urn:uuid:3F-1", "https://x.example/sets/3f-1", "urn:x:3f-1"];
    let datasets: Vec<_> = ids.into_iter().zip(titles).map(|(id, title)| stranger(id, title)).collect();
    document["dataset"] = datasets.into();
    let outcome = entries_of(read(&document), &publisher(), now()).unwrap();
    let titles: Vec<_> = outcome.entries.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["Plain", "Tagged", "Listed"]);
    let names: Vec<_> = outcome.entries.iter().map(|entry| entry.product.as_str()).collect();
    assert_eq!(names, ["d3f_1", "d3f_1_2", "d3f_1_3"]);
    assert!(outcome.entries.iter().all(|entry| entry.offers.is_empty()));
    assert_eq!(outcome.passed_over.len(), 3);
}

/// What EDC 0.15 sends, `@id`s apart.
#[test]
fn rows_that_a_stranger_lets_be_pulled_can_be_asked_for() {
    let document = json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld", "https://w3id.org/edc/dspace/v0.0.1"],
        "@id": "76a59bae", "@type": "Catalog", "participantId": publisher().did,
        "dataset": [{
            "@id": "incomes", "@type": "Dataset", "edc:name": "Incomes", "id": "incomes",
            "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": {
                "@id": "4d6d63d2", "@type": "DataService", "endpointURL": "https://revenue.example/dsp/2025-1"}}],
            "hasPolicy": [{"@id": "YWxs:aW5jb21lcw==:YTFl", "@type": "Offer", "permission": [{"action": "use",
                "constraint": [{"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": "urn:why"}]}]}],
        }],
    });
    let read = entries_of(read(&document), &publisher(), now()).unwrap();
    assert_eq!(read.passed_over, []);
    let offer = &read.entries[0].offers[0];
    assert_eq!((offer.mode, offer.id.as_str()), (Mode::Extract, "YWxs:aW5jb21lcw==:YTFl"));
    assert_eq!(offer.terms.purposes, ["urn:why".parse().unwrap()]);
    assert_eq!(offer.policy.as_ref().unwrap().permissions[0].constraints.len(), 1);
}

#[test]
fn of_filters_only_a_part_of_the_whole_is_understood() {
    let part =
        |filter: serde_json::Value| CatalogRequestMessage { filter: filter.as_array().cloned() }.part();
    let edc = |criteria: serde_json::Value| json!([{"@type": "QuerySpec", "limit": 50, "offset": 10, "sortOrder": "ASC", "filterExpression": criteria}]);
    assert_eq!(part(json!(null)), Some(Part { offset: 0, limit: usize::MAX }));
    assert_eq!(part(json!([])), Some(Part { offset: 0, limit: usize::MAX }));
    assert_eq!(part(edc(json!([]))), Some(Part { offset: 10, limit: 50 }));
    assert_eq!(part(edc(json!([{"operandLeft": "id", "operator": "=", "operandRight": "1"}]))), None);
    assert_eq!(part(json!([{"@type": "QuerySpec", "sortField": "name"}])), None);
    assert_eq!(part(json!([{"@type": "QuerySpec", "limit": -1}])), None);
    assert_eq!(part(json!(["anything else"])), None);
}

#[test]
fn a_dataset_that_stands_twice_counts_once() {
    let mut document = vector("catalog");
    let twice = document["dataset"][0].clone();
    document["catalog"][0]["dataset"] = json!([twice]);
    let outcome = entries_of(read(&document), &publisher(), now()).unwrap();
    assert_eq!(outcome.entries.len(), 1);
    assert!(outcome.passed_over.iter().any(|(_, reason)| *reason == "it stands twice in the catalogue"));
}
