//! Catalogues elsewhere: nothing of them is lost, nothing of ours is claimed, nothing is fetched.

use oxrdf::graph::CanonicalizationAlgorithm;
use oxrdf::{Graph, Triple};
use oxttl::TurtleParser;
use proptest::collection::vec;
use proptest::prelude::*;
use weal_wire::WireError;
use weal_wire::dcat::{DcatPrinter, ForeignCatalogue, Form, Reading, read_foreign};

use crate::catalogue::publisher;

const READING: Reading<'static> = Reading { source: "city", base: None, label: "s1" };

const CITY: &str = include_str!("../vectors/golden/foreign.ttl");

fn graph(text: &str) -> Graph {
    let triples: Result<Vec<Triple>, _> = TurtleParser::new().for_slice(text).collect();
    let mut graph: Graph = triples.expect("Turtle").into_iter().collect();
    graph.canonicalize(CanonicalizationAlgorithm::Unstable);
    graph
}

fn read(form: Form, text: &str) -> Result<ForeignCatalogue, WireError> {
    read_foreign(form, text.as_bytes(), READING, |name| name.starts_with("did:web:revenue.example"))
}

/// Every triple that was kept, as one text.
fn kept(catalogue: &ForeignCatalogue) -> String {
    let parts = catalogue.entries.iter().flat_map(|described| &described.triples);
    parts.chain(&catalogue.rest).map(String::as_str).collect()
}

#[test]
fn every_triple_is_kept_once_and_people_find_what_they_look_for() {
    let catalogue = read(Form::Turtle, CITY).unwrap();
    assert_eq!(graph(&kept(&catalogue)), graph(CITY));
    assert_eq!(kept(&catalogue).lines().count(), catalogue.triples);
    assert_eq!(catalogue.entries.len(), 2);
    let trees = catalogue.entries.iter().find(|it| it.entry.dataset.is_some()).unwrap();
    assert_eq!((trees.entry.title.as_str(), trees.node.as_str()), ("Trees", "<https://city.example/trees>"));
    assert_eq!(trees.entry.publisher.as_deref(), Some("The City"));
    assert_eq!(trees.entry.addresses, ["https://city.example/trees.html", "https://city.example/trees.csv"]);
    assert_eq!(trees.entry.licence.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
    assert!(trees.triples[0].contains("deeper") && !trees.triples[0].contains("Budget"));
    let budget = catalogue.entries.iter().find(|it| it.entry.dataset.is_none()).unwrap();
    assert!(budget.node.starts_with("_:s1x") && budget.triples[0].contains("Budget"));
}

#[test]
fn what_is_printed_again_holds_every_triple_in_both_forms() {
    let catalogue = read(Form::Turtle, CITY).unwrap();
    let printed = |form: Form| {
        let printer = DcatPrinter::new(form, publisher(), "https://revenue.example/dsp/2025-1");
        let entries =
            catalogue.entries.iter().map(|it| printer.foreign(Some(&it.node), &it.triples.concat()).unwrap());
        let rest = catalogue.rest.iter().map(|piece| printer.foreign(None, piece).unwrap());
        format!("{}{}{}", printer.begin(), entries.chain(rest).collect::<String>(), printer.end())
    };
    let (turtle, json_ld) = (printed(Form::Turtle), printed(Form::JsonLd));
    // With what we say ourselves taken away, what is left is what came in and that we list it.
    let printer = DcatPrinter::new(Form::Turtle, publisher(), "https://revenue.example/dsp/2025-1");
    let ours = graph(&printer.begin());
    let theirs = |text: &str| -> Graph {
        let mut left = Graph::new();
        for triple in &graph_of(text) {
            if !ours.contains(triple) && !triple.subject.to_string().contains("revenue.example") {
                left.insert(triple);
            }
        }
        left.canonicalize(CanonicalizationAlgorithm::Unstable);
        left
    };
    assert_eq!(theirs(&turtle), graph(CITY));
    let everything = |form, text: &str| -> Graph {
        let read = read_foreign(form, text.as_bytes(), READING, |_| false).unwrap();
        graph(&kept(&read))
    };
    assert_eq!(everything(Form::Turtle, &turtle), everything(Form::JsonLd, &json_ld));
    assert!(
        turtle.contains("#catalogue> <http://www.w3.org/ns/dcat#dataset> <https://city.example/trees> .")
    );
}

fn graph_of(text: &str) -> Graph {
    TurtleParser::new().for_slice(text).map(|triple| triple.expect("Turtle")).collect()
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let json_ld = r#"{"@context": "https://elsewhere.example/context.jsonld", "@id": "urn:x", "title": "x"}"#;
    let error = read(Form::JsonLd, json_ld).unwrap_err().to_string();
    assert!(error.contains("no context is fetched") && error.contains("elsewhere.example"), "{error}");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(read(Form::JsonLd, &deep).unwrap_err(), WireError::TooDeep { limit: 64 });
    let named = r#"{"@id": "urn:x", "urn:p": {"@id": "urn:y"}, "@graph": [{"@id": "urn:a", "urn:p": "b"}]}"#;
    assert!(read(Form::JsonLd, named).unwrap_err().to_string().contains("@graph"));
    for (form, text) in [
        (Form::Turtle, "<relative> a <urn:x> ."),
        (Form::Turtle, "this is not Turtle"),
        (Form::Turtle, "<urn:a b> <urn:p> <urn:o> ."),
        (Form::JsonLd, "{"),
        (Form::JsonLd, "\u{0}"),
    ] {
        let refused = read(form, text).unwrap_err();
        assert!(matches!(refused, WireError::Syntax { .. }), "{text}: {refused}");
    }
    let claims = "<did:web:revenue.example#payroll> <http://purl.org/dc/terms/title> \"Free\" .";
    assert!(read(Form::Turtle, claims).unwrap_err().to_string().contains("this node's own"));
}

#[test]
fn short_forms_cannot_make_a_document_grow_without_end() {
    let long = "x".repeat(1_000_000);
    let statements: String = (0..400).map(|number| format!("p:{number} p:a p:b .\n")).collect();
    let refused = read(Form::Turtle, &format!("@prefix p: <urn:{long}> .\n{statements}")).unwrap_err();
    assert!(matches!(refused, WireError::TooMany { what: "bytes, written out", .. }), "{refused}");
}

#[test]
fn many_small_contexts_under_a_large_one_are_refused_before_they_are_opened() {
    let terms: Vec<String> = (0..20_000).map(|n| format!("\"t{n}\":\"urn:t:{n}\"")).collect();
    let terms = terms.join(",");
    let nodes = |context: &str| vec![format!("{{{context}: {{}}, \"@id\": \"urn:n\"}}"); 20_000].join(",");
    let began = std::time::Instant::now();
    for context in ["\"@context\"", "\"\\u0040context\""] {
        let document = format!("{{\"@graph\": [{}], \"@context\": {{{terms}}}}}", nodes(context));
        let refused = read(Form::JsonLd, &document).unwrap_err();
        assert!(matches!(refused, WireError::TooMany { what: "bytes of contexts, copied", .. }), "{refused}");
    }
    let scoped = format!("{terms},\"in\":{{\"@id\":\"urn:in\",\"@context\":{{}}}}");
    let uses = vec!["{\"in\":1}"; 50_000].join(",");
    let refused =
        read(Form::JsonLd, &format!("{{\"@context\":{{{scoped}}},\"@graph\":[{uses}]}}")).unwrap_err();
    assert!(matches!(refused, WireError::TooMany { what: "bytes of contexts, copied", .. }), "{refused}");
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    // One large context, or many small ones beside each other, are nothing strange.
    let one = format!("{{\"@context\": {{{terms}}}, \"@id\": \"urn:n\", \"t7\": \"v\"}}");
    assert_eq!(read(Form::JsonLd, &one).unwrap().triples, 1);
    assert_eq!(read(Form::JsonLd, &format!("[{}]", nodes("\"@context\""))).unwrap().triples, 0);
}

#[test]
fn a_large_entry_is_kept_in_pieces_and_what_people_see_of_it_is_bounded() {
    let parts: String = (0..1_300).map(|n| format!("<urn:d> <urn:p> \"{n}\" .\n")).collect();
    let long = format!("\"{}\"", "y".repeat(300_000));
    let document = format!(
        "<urn:d> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> {long} ;
         <http://www.w3.org/ns/dcat#keyword> {long} ; <http://purl.org/dc/terms/description> {long} ;
         <http://www.w3.org/ns/dcat#theme> <urn:{}> .\n{parts}",
        "z".repeat(5_000)
    );
    let catalogue = read(Form::Turtle, &document).unwrap();
    let [described] = &catalogue.entries[..] else { panic!("one dataset") };
    assert!(described.triples.len() >= 3);
    for piece in &described.triples {
        assert!(piece.lines().count() <= 500 && piece.len() <= 600_000, "{} bytes", piece.len());
    }
    assert_eq!(kept(&catalogue).lines().count(), catalogue.triples, "and whole");
    let entry = serde_json::to_string(&described.entry).unwrap();
    assert!(entry.len() < 6_000 && described.entry.text().chars().count() <= 4_000, "{} bytes", entry.len());

    let (mebibyte, name) = ("x".repeat(1024 * 1024), "n".repeat(3_000));
    let huge = format!("<urn:d> a <http://www.w3.org/ns/dcat#Dataset> ; <urn:p> \"{mebibyte}\" .");
    let refused = read(Form::Turtle, &huge).unwrap_err();
    assert!(matches!(refused, WireError::TooMany { what: "bytes in one triple", .. }), "{refused}");
    let named = format!("<urn:{name}> a <http://www.w3.org/ns/dcat#Dataset> .");
    assert!(matches!(read(Form::Turtle, &named), Err(WireError::Wrong { .. })));
}

#[test]
fn json_ld_is_read_as_turtle_is() {
    let json_ld = r#"{"@context": {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"},
        "@graph": [{"@id": "https://city.example/trees", "@type": "dcat:Dataset",
            "dct:title": {"@value": "Trees", "@language": "en"}, "dct:publisher": {"dct:unknown": ["a", "b"]}}]}"#;
    let turtle = r#"<https://city.example/trees> a <http://www.w3.org/ns/dcat#Dataset> ;
        <http://purl.org/dc/terms/title> "Trees"@en ;
        <http://purl.org/dc/terms/publisher> [ <http://purl.org/dc/terms/unknown> "a", "b" ] ."#;
    assert_eq!(graph(&kept(&read(Form::JsonLd, json_ld).unwrap())), graph(turtle));
}

const COUNTY: &str = include_str!("../vectors/golden/foreign.jsonld");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_that_arrives_breaks_a_reader(
        arbitrary in vec(any::<u8>(), 0..200),
        cut in 0..CITY.len(),
        bent in (0..COUNTY.len(), any::<u8>()),
    ) {
        for form in [Form::Turtle, Form::JsonLd] {
            _ = read_foreign(form, &arbitrary, READING, |_| false);
            _ = read_foreign(form, &CITY.as_bytes()[..cut], READING, |_| false);
            _ = read_foreign(form, &COUNTY.as_bytes()[..cut.min(COUNTY.len())], READING, |_| false);
        }
        let mut county = COUNTY.as_bytes().to_vec();
        county[bent.0] = bent.1;
        _ = read_foreign(Form::JsonLd, &county, READING, |_| false);
        let mut city = CITY.as_bytes().to_vec();
        city[cut] = bent.1;
        if let Ok(read) = read_foreign(Form::Turtle, &city, READING, |_| false) {
            let again = read_foreign(Form::Turtle, kept(&read).as_bytes(), READING, |_| false);
            prop_assert_eq!(again.map(|again| again.triples), Ok(read.triples), "what we keep is read again");
        }
    }
}
