//! RDF as others write it: triples out of Turtle and JSON-LD, and triples as N-Triples and JSON-LD. The parsers
//! are those of the Oxigraph project; what they may make of a document is bounded here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use oxjsonld::JsonLdParser;
use oxrdf::{GraphName, NamedOrBlankNode, Term, Triple};
use oxttl::{NTriplesParser, TurtleParser};
use serde_json::{Map, Value, json};

use super::{Form, contexts};
use crate::WireError;

pub(super) const RDF_TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
pub(super) const DCAT: &str = "http://www.w3.org/ns/dcat#";
pub(super) const DCT: &str = "http://purl.org/dc/terms/";
pub(super) const FOAF: &str = "http://xmlns.com/foaf/0.1/";
const XSD_STRING: &str = "http://www.w3.org/2001/XMLSchema#string";

/// The largest document that is read, and what it may become with all short forms written out.
pub const FOREIGN_BYTES_MAX: usize = 32 * 1024 * 1024;
const EXPANDED_BYTES_MAX: usize = 192 * 1024 * 1024;
/// The most triples of one document.
const TRIPLES_MAX: usize = 500_000;
/// The triples of a document, each once, in no order that means anything.
pub(super) fn read(form: Form, text: &[u8], base: Option<&str>) -> Result<Vec<Triple>, WireError> {
    if text.len() > FOREIGN_BYTES_MAX {
        return Err(WireError::TooLarge { size_bytes: text.len(), limit_bytes: FOREIGN_BYTES_MAX });
    }
    match form {
        Form::Turtle => read_turtle(text, base),
        Form::JsonLd => {
            contexts::check(text)?;
            read_json_ld(text, base)
        }
    }
}

fn read_turtle(text: &[u8], base: Option<&str>) -> Result<Vec<Triple>, WireError> {
    let mut parser = TurtleParser::new();
    if let Some(base) = base {
        parser = parser.with_base_iri(base).map_err(|cause| syntax("Turtle", &cause))?;
    }
    let mut kept = Kept::default();
    for triple in parser.for_slice(text) {
        kept.keep(triple.map_err(|cause| syntax("Turtle", &cause))?)?;
    }
    Ok(kept.triples())
}

fn read_json_ld(text: &[u8], base: Option<&str>) -> Result<Vec<Triple>, WireError> {
    let mut parser = JsonLdParser::new();
    if let Some(base) = base {
        parser = parser.with_base_iri(base).map_err(|cause| syntax("JSON-LD", &cause))?;
    }
    // Nothing is fetched on a document's word; which address it named is told to whoever sent it.
    let named = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&named);
    let parser = parser.for_slice(text).with_load_document_callback(move |address, _| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(address.to_owned());
        Err("contexts are not fetched".into())
    });
    let mut kept = Kept::default();
    for quad in parser {
        let quad = quad.map_err(|cause| {
            let address = named.lock().unwrap_or_else(PoisonError::into_inner).take();
            match address {
                None => syntax("JSON-LD", &cause),
                Some(address) => WireError::wrong(
                    "@context",
                    format!(
                        "written out in the document (no context is fetched, and it names {})",
                        crate::error::excerpt(&address)
                    ),
                ),
            }
        })?;
        if quad.graph_name != GraphName::DefaultGraph {
            return Err(WireError::wrong("@graph", "in the default graph: a catalogue has no named graphs"));
        }
        kept.keep(Triple::new(quad.subject, quad.predicate, quad.object))?;
    }
    Ok(kept.triples())
}

fn syntax(format: &'static str, cause: &dyn std::fmt::Display) -> WireError {
    WireError::Syntax { format, problem: crate::error::excerpt(&cause.to_string()) }
}

#[derive(Default)]
struct Kept {
    triples: Vec<Triple>,
    expanded_bytes: usize,
}

impl Kept {
    fn keep(&mut self, triple: Triple) -> Result<(), WireError> {
        let subject = match &triple.subject {
            NamedOrBlankNode::NamedNode(name) => name.as_str().len(),
            NamedOrBlankNode::BlankNode(node) => node.as_str().len(),
        };
        let object = match &triple.object {
            Term::NamedNode(name) => name.as_str().len(),
            Term::BlankNode(node) => node.as_str().len(),
            Term::Literal(literal) => literal.value().len() + literal.datatype().as_str().len(),
        };
        self.expanded_bytes += subject + triple.predicate.as_str().len() + object;
        if self.expanded_bytes > EXPANDED_BYTES_MAX {
            return Err(WireError::TooMany { what: "bytes, written out", limit: EXPANDED_BYTES_MAX });
        }
        if self.triples.len() >= TRIPLES_MAX {
            return Err(WireError::TooMany { what: "triples", limit: TRIPLES_MAX });
        }
        self.triples.push(triple);
        Ok(())
    }

    fn triples(self) -> Vec<Triple> {
        let mut seen = std::collections::HashSet::with_capacity(self.triples.len());
        let first: Vec<bool> = self.triples.iter().map(|triple| seen.insert(triple)).collect();
        let mut first = first.into_iter();
        let mut triples = self.triples;
        triples.retain(|_| first.next().unwrap_or(true));
        triples
    }
}

/// A triple as a line of N-Triples.
pub(super) fn line_of(triple: &Triple) -> String {
    format!("{triple} .\n")
}

/// N-Triples of our own as node objects of JSON-LD, with commas between them. They are read without any context,
/// so that no identifier in them is taken for a short form.
pub(super) fn json_ld_of(n_triples: &str) -> Result<String, WireError> {
    let mut nodes: BTreeMap<String, BTreeMap<String, Vec<Value>>> = BTreeMap::new();
    for triple in NTriplesParser::new().for_slice(n_triples) {
        let triple = triple.map_err(|cause| syntax("N-Triples", &cause))?;
        let subject = match &triple.subject {
            NamedOrBlankNode::NamedNode(name) => name.as_str().to_owned(),
            NamedOrBlankNode::BlankNode(node) => node.to_string(),
        };
        let predicate = triple.predicate.as_str().to_owned();
        let object = match &triple.object {
            Term::NamedNode(name) => json!({ "@id": name.as_str() }),
            Term::BlankNode(node) => json!({ "@id": node.to_string() }),
            Term::Literal(literal) => match literal.language() {
                Some(language) => json!({ "@value": literal.value(), "@language": language }),
                None if literal.datatype().as_str() == XSD_STRING => json!({ "@value": literal.value() }),
                None => json!({ "@value": literal.value(), "@type": literal.datatype().as_str() }),
            },
        };
        nodes.entry(subject).or_default().entry(predicate).or_default().push(object);
    }
    let node = |(subject, said): (String, BTreeMap<String, Vec<Value>>)| {
        let mut out = Map::new();
        out.insert("@context".into(), Value::Null);
        out.insert("@id".into(), subject.into());
        out.extend(said.into_iter().map(|(predicate, objects)| (predicate, objects.into())));
        Value::Object(out).to_string()
    };
    Ok(nodes.into_iter().map(node).collect::<Vec<_>>().join(","))
}
