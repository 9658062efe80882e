//! A small RDF graph and its two printed forms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// The prefixes of the terms that are used here.
const PREFIXES: [(&str, &str); 10] = [
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dcatap", "http://data.europa.eu/r5r/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("eli", "http://data.europa.eu/eli/ontology#"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("odrl", "http://www.w3.org/ns/odrl/2/"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("vcard", "http://www.w3.org/2006/vcard/ns#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// What is said, by subject; what is said twice stands once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Graph {
    resources: BTreeMap<String, BTreeMap<&'static str, BTreeSet<Object>>>,
}

/// Everything that is said of one subject. Classes and predicates are prefixed terms.
#[derive(Debug)]
pub(super) struct Resource {
    iri: String,
    statements: Vec<(&'static str, Object)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Term(&'static str),
    Iri(String),
    Text(String),
    /// In English.
    English(&'static str),
    /// As its datatype writes it.
    Typed(String, &'static str),
}

impl Resource {
    pub(super) fn new(iri: &str, class: &'static str) -> Self {
        Self { iri: safe_iri(iri), statements: vec![("a", Object::Term(class))] }
    }
    pub(super) fn text(mut self, predicate: &'static str, text: &str) -> Self {
        self.statements.push((predicate, Object::Text(text.to_owned())));
        self
    }
    pub(super) fn english(mut self, predicate: &'static str, text: &'static str) -> Self {
        self.statements.push((predicate, Object::English(text)));
        self
    }
    /// A value as its datatype writes it; it holds nothing that a literal would have to escape.
    pub(super) fn typed(mut self, predicate: &'static str, value: String, datatype: &'static str) -> Self {
        self.statements.push((predicate, Object::Typed(value, datatype)));
        self
    }
    /// A prefixed term as the object; `a` names one more class.
    pub(super) fn term(mut self, predicate: &'static str, term: &'static str) -> Self {
        self.statements.push((predicate, Object::Term(term)));
        self
    }
    pub(super) fn link(mut self, predicate: &'static str, iri: &str) -> Self {
        self.statements.push((predicate, Object::Iri(safe_iri(iri))));
        self
    }
}

impl Graph {
    pub(super) fn add(&mut self, resource: Resource) {
        let subject = self.resources.entry(resource.iri).or_default();
        for (predicate, object) in resource.statements {
            subject.entry(predicate).or_default().insert(object);
        }
    }

    /// A block for each subject, without the prefixes.
    pub(super) fn to_turtle(&self) -> String {
        let mut out = String::new();
        for (subject, statements) in &self.resources {
            line(&mut out, format_args!("\n<{subject}>"));
            for (index, (predicate, objects)) in statements.iter().enumerate() {
                let printed: Vec<String> = objects.iter().map(Object::to_turtle).collect();
                let end = if index + 1 == statements.len() { '.' } else { ';' };
                line(&mut out, format_args!("  {predicate} {} {end}", printed.join(", ")));
            }
        }
        out
    }

    /// A node object for each subject, with commas between them.
    pub(super) fn to_json_ld(&self) -> String {
        let node = |(subject, statements): (&String, &BTreeMap<&'static str, BTreeSet<Object>>)| {
            let mut out = Map::new();
            out.insert("@id".into(), subject.clone().into());
            for (predicate, objects) in statements {
                let is_class = *predicate == "a";
                let printed: Value = objects.iter().map(|object| object.to_json_ld(is_class)).collect();
                out.insert(if is_class { "@type" } else { predicate }.into(), printed);
            }
            Value::Object(out).to_string()
        };
        self.resources.iter().map(node).collect::<Vec<_>>().join(",")
    }
}

pub(super) fn turtle_prefixes() -> String {
    let mut out = String::new();
    for (prefix, iri) in PREFIXES {
        line(&mut out, format_args!("@prefix {prefix}: <{iri}> ."));
    }
    out
}

pub(super) fn json_context() -> Value {
    PREFIXES.iter().map(|(prefix, iri)| ((*prefix).to_owned(), json!(iri))).collect::<Map<_, _>>().into()
}

impl Object {
    fn to_turtle(&self) -> String {
        match self {
            Object::Term(term) => (*term).to_owned(),
            Object::Iri(iri) => format!("<{iri}>"),
            Object::Text(text) => quoted(text),
            Object::English(text) => format!("{}@en", quoted(text)),
            Object::Typed(value, datatype) => format!("{}^^{datatype}", quoted(value)),
        }
    }
    fn to_json_ld(&self, is_class: bool) -> Value {
        match self {
            Object::Term(term) if is_class => json!(term),
            Object::Term(iri) => json!({ "@id": iri }),
            Object::Iri(iri) => json!({ "@id": iri }),
            Object::Text(text) => json!({ "@value": text }),
            Object::English(text) => json!({ "@value": text, "@language": "en" }),
            Object::Typed(value, datatype) => json!({ "@value": value, "@type": datatype }),
        }
    }
}

/// A Turtle string. Quotes, backslashes and every control character are escaped (Turtle 1.1, 6.4).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Not every reader takes a NUL, not even an escaped one.
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The identifier with every character percent-encoded that may not stand between `<` and `>`. What
/// has no scheme, as a stranger's identifier may, becomes a URN: there is no base to resolve it by. So does
/// what would be read as one of our prefixed terms.
fn safe_iri(given: &str) -> String {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let absolute = given.split_once(':').is_some_and(|(scheme, _)| {
        let is_prefix = PREFIXES.iter().any(|(prefix, _)| *prefix == scheme);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(letter) && !is_prefix
    });
    let mut out = String::from(if absolute { "" } else { "urn:weal:id:" });
    for c in given.chars() {
        if c.is_control() || c.is_whitespace() || "<>\"{}|^`\\".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string does not fail");
}
