//! DCAT-AP: the mandatory properties, both forms alike, nothing that breaks out of a literal.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use weal_domain::catalogue::{Offer, Product};
use weal_wire::dcat::{DcatPrinter, Form};

use crate::any;
use crate::catalogue::publisher;

type Triple = (String, String, String);

type Products = [(Product, Vec<Offer>)];

/// All pieces of a catalogue.
pub(crate) fn printed(form: Form, products: &Products) -> String {
    let printer = DcatPrinter::new(form, publisher(), "https://revenue.example/dsp/2025-1");
    let pieces: String = products.iter().map(|(product, offers)| printer.product(product, offers)).collect();
    format!("{}{pieces}{}", printer.begin(), printer.end())
}

/// Reads the Turtle that we print: one subject per block, `predicate objects ;` per line.
fn turtle_triples(text: &str) -> BTreeSet<Triple> {
    let mut triples = BTreeSet::new();
    let mut subject = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("@prefix")) {
        match line.strip_prefix("  ") {
            None => subject = line.to_owned(),
            Some(statement) => {
                let (predicate, rest) = statement.split_once(' ').expect("a predicate and objects");
                for object in objects(rest) {
                    triples.insert((subject.clone(), predicate.to_owned(), object));
                }
            }
        }
    }
    triples
}

/// The objects of one line, by Turtle's own rules for where a literal and an IRI end.
fn objects(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if rest == ";" || rest == "." {
            return found;
        }
        let end = match rest.as_bytes()[0] {
            b'<' => rest.find('>').expect("an IRI ends") + 1,
            b'"' => {
                let mut escaped = false;
                let close = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    closes
                });
                let close = close.expect("a literal ends on its line").0 + 1;
                // A language or a datatype follows at once.
                close + rest[close..].find([' ', ',']).expect("something follows")
            }
            _ => rest.find([' ', ',']).expect("a term ends"),
        };
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
}

fn json_ld_triples(document: &Value) -> BTreeSet<Triple> {
    let mut triples = BTreeSet::new();
    for node in document["@graph"].as_array().unwrap() {
        let subject = format!("<{}>", node["@id"].as_str().unwrap());
        for (name, objects) in node.as_object().unwrap().iter().filter(|(name, _)| *name != "@id") {
            for object in objects.as_array().unwrap() {
                let predicate = if name == "@type" { "a" } else { name };
                let kind = match (object["@language"].as_str(), object["@type"].as_str()) {
                    (Some(language), _) => format!("@{language}"),
                    (_, Some(datatype)) => format!("^^{datatype}"),
                    _ => String::new(),
                };
                let object = match (object.as_str(), object["@id"].as_str(), object["@value"].as_str()) {
                    (Some(term), ..) => term.to_owned(),
                    (_, Some(iri), _) => format!("<{iri}>"),
                    (.., Some(text)) => format!("{}{kind}", literal(text)),
                    _ => panic!("an object of no kind: {object}"),
                };
                triples.insert((subject.clone(), predicate.to_owned(), object));
            }
        }
    }
    triples
}

/// A Turtle literal, written independently of the printer: JSON's escapes are Turtle's, but for the
/// control characters above U+009F's block and NUL.
fn literal(text: &str) -> String {
    let escape = |c: char| match c {
        '\0' => "\u{FFFD}".to_owned(),
        '\u{8}' => "\\u0008".to_owned(),
        '\u{c}' => "\\u000C".to_owned(),
        '\u{7f}'..='\u{9f}' => format!("\\u{:04X}", u32::from(c)),
        c if c.is_control() && !"\n\r\t".contains(c) => format!("\\u{:04X}", u32::from(c)),
        c => {
            let quoted = json!(c.to_string()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Every mandatory property of DCAT-AP 3.0.1, by class.
const MANDATORY: &[(&str, &[&str])] = &[
    ("dcat:Catalog", &["dct:title", "dct:description", "dct:publisher"]),
    ("dcat:Dataset", &["dct:title", "dct:description"]),
    ("dcat:Distribution", &["dcat:accessURL"]),
    ("dcat:DataService", &["dct:title", "dcat:endpointURL"]),
    ("foaf:Agent", &["foaf:name"]),
];

fn assert_mandatory(triples: &BTreeSet<Triple>) {
    for (subject, predicate, class) in triples {
        let rules = MANDATORY.iter().filter(|(known, _)| predicate == "a" && class == known);
        for property in rules.flat_map(|(_, properties)| *properties) {
            let there = triples.iter().any(|(s, p, _)| s == subject && p == property);
            assert!(there, "{subject} has no {property}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_forms_say_the_same_and_all_that_is_mandatory(products in any::products()) {
        let turtle = turtle_triples(&printed(Form::Turtle, &products));
        let json_ld: Value = serde_json::from_str(&printed(Form::JsonLd, &products)).expect("JSON");
        let json_ld = json_ld_triples(&json_ld);
        let apart: Vec<_> = turtle.symmetric_difference(&json_ld).collect();
        prop_assert!(apart.is_empty(), "only one form says {:?}", apart);
        assert_mandatory(&turtle);
        let datasets = turtle.iter().filter(|(_, p, o)| p == "a" && o == "dcat:Dataset").count();
        prop_assert_eq!(datasets, products.len());
    }
}

#[test]
fn nobody_breaks_out_of_a_literal_or_an_identifier() {
    let mut product = serde_json::from_value::<Product>(json!({
        "name": "payroll", "version": 1, "title": "x\" . <urn:evil> a dcat:Catalog . \"\\", "description": "a\nb\u{0}",
        "keywords": ["\\", "\"", "\\\""], "classification": "open", "columns": [], "privacy": null, "rows": 0,
        "size_bytes": 0, "profile": [], "published_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    product.keywords.push("x".into());
    product.identifier = Some("urn:x>.<urn:evil>a<urn:y".parse().unwrap());
    let mut products = [(product, Vec::new())];
    let triples = turtle_triples(&printed(Form::Turtle, &products));
    assert!(triples.iter().all(|(subject, ..)| subject != "<urn:evil>"));
    let keywords: Vec<_> =
        triples.iter().filter(|(_, p, _)| p == "dcat:keyword").map(|(.., o)| o.as_str()).collect();
    assert_eq!(keywords, [r#""\"""#, r#""\\""#, r#""\\\"""#, r#""x""#]);
    assert!(triples.contains(&(
        "<urn:x%3E.%3Curn:evil%3Ea%3Curn:y>".into(),
        "dct:description".into(),
        "\"a\\nb\u{FFFD}\"".into(),
    )));
    for (given, printed_as) in [("02e83f88", "urn:weal:id:02e83f88"), ("dct:title", "urn:weal:id:dct:title")]
    {
        products[0].0.identifier = Some(given.parse().unwrap());
        let turtle = printed(Form::Turtle, &products);
        assert!(
            turtle.contains(&format!("<{printed_as}> a")) || turtle.contains(&format!("<{printed_as}>\n")),
            "{given} is absolute"
        );
    }
}

#[test]
fn what_an_owner_says_for_other_catalogues_is_there_and_what_is_not_said_is_not() {
    let mut product = bare();
    let said = |product: &Product| turtle_triples(&printed(Form::Turtle, &[(product.clone(), Vec::new())]));
    let about = |triples: &BTreeSet<Triple>, predicate: &str| -> Vec<String> {
        let of = triples.iter().filter(|(s, p, _)| s == "<did:web:revenue.example#bare>" && p == predicate);
        of.map(|(.., object)| object.clone()).collect()
    };
    let before = said(&product);
    for absent in ["dcat:theme", "dct:spatial", "dct:temporal", "dcatap:applicableLegislation"] {
        assert!(about(&before, absent).is_empty(), "{absent}");
    }
    assert_eq!(about(&before, "dcat:contactPoint"), ["<did:web:revenue.example#contact>"]);
    product.particulars = serde_json::from_value(json!({
        "themes": ["ECON"], "contact": { "name": "Data desk", "email": "data@revenue.example" },
        "places": ["http://publications.europa.eu/resource/authority/country/EST"],
        "from": "2026-01-01", "until": "2026-12-31", "laws": ["http://data.europa.eu/eli/reg_impl/2023/138/oj"],
    }))
    .unwrap();
    product.particulars.check().unwrap();
    let after = said(&product);
    assert_eq!(
        about(&after, "dcat:theme"),
        ["<http://publications.europa.eu/resource/authority/data-theme/ECON>"]
    );
    assert_eq!(about(&after, "dct:spatial").len(), 1);
    let has = |s: &str, p: &str, o: &str| after.contains(&(s.into(), p.into(), o.into()));
    assert!(has("<did:web:revenue.example#bare/contact>", "vcard:hasEmail", "<mailto:data@revenue.example>"));
    assert!(has("<did:web:revenue.example#bare/period>", "dcat:endDate", "\"2026-12-31\"^^xsd:date"));
    assert!(has("<http://data.europa.eu/eli/reg_impl/2023/138/oj>", "a", "eli:LegalResource"));
}

fn bare() -> Product {
    serde_json::from_value(json!({
        "name": "bare", "version": 1, "title": "Bare", "description": "", "keywords": [], "classification": "open",
        "columns": [], "privacy": null, "rows": 0, "size_bytes": 0, "profile": [],
        "published_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}
