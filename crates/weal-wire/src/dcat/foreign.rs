//! Catalogues elsewhere, read so that nothing of them is lost: what people look for becomes entries, and every
//! triple is kept beside the entry that it describes, as N-Triples. What describes no dataset (the catalogue
//! itself, its records) is kept too.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use oxrdf::{BlankNode, NamedOrBlankNode, Term, Triple};
use weal_domain::catalogue::ForeignEntry;

use super::Form;
use super::rdf::{self, DCAT, DCT, FOAF, RDF_TYPE};
use crate::WireError;

/// The most datasets that one document may describe.
pub const ENTRIES_MAX: usize = 20_000;
/// What one piece of the rest holds at most.
const PIECE_TRIPLES_MAX: usize = 500;
/// The longest text that an entry shows, and the most of one kind; the triples have them whole.
const TEXT_CHARS_MAX: usize = 4_000;
const VALUES_MAX: usize = 50;

/// What to know before a catalogue is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The name that the catalogue has here.
    pub source: &'a str,
    /// The address it came from, by which relative addresses in it are resolved.
    pub base: Option<&'a str>,
    /// What its blank nodes are called, with a number behind; no other catalogue may have the same.
    pub label: &'a str,
}

/// A catalogue elsewhere, every triple in exactly one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCatalogue {
    pub entries: Vec<Described>,
    /// What describes no dataset, in pieces of N-Triples.
    pub rest: Vec<String>,
    pub triples: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub entry: ForeignEntry,
    /// The dataset's node as N-Triples writes it.
    pub node: String,
    pub triples: String,
}

/// Reads a whole catalogue. `is_ours` says of an identifier that only this node may say anything of it.
pub fn read_foreign(
    form: Form,
    text: &[u8],
    reading: Reading<'_>,
    is_ours: impl Fn(&str) -> bool,
) -> Result<ForeignCatalogue, WireError> {
    let mut triples = rdf::read(form, text, reading.base)?;
    relabel(&mut triples, reading.label);
    let claimed = triples.iter().find_map(|triple| match &triple.subject {
        NamedOrBlankNode::NamedNode(name) if is_ours(name.as_str()) => Some(name.as_str()),
        _ => None,
    });
    if let Some(claimed) = claimed {
        let at = crate::error::excerpt(claimed);
        return Err(WireError::wrong(at, "something that others may describe: it is this node's own"));
    }
    let graph = split(&triples)?;
    let entries = graph.parts.iter().map(|(dataset, part)| Described {
        entry: entry_of(dataset, &graph.by_subject, reading.source),
        node: dataset.to_string(),
        triples: rdf::print(part.iter().copied()),
    });
    let entries: Vec<Described> = entries.collect();
    let rest = graph.rest.chunks(PIECE_TRIPLES_MAX).map(|piece| rdf::print(piece.iter().copied())).collect();
    Ok(ForeignCatalogue { entries, rest, triples: triples.len() })
}

/// Blank nodes get names of our own, so that those of two catalogues stay apart in one document.
fn relabel(triples: &mut [Triple], label: &str) {
    let mut names: HashMap<String, BlankNode> = HashMap::new();
    let mut named = |node: &BlankNode| {
        let number = names.len();
        let new = || BlankNode::new_unchecked(format!("{label}x{number}"));
        names.entry(node.as_str().to_owned()).or_insert_with(new).clone()
    };
    for triple in triples {
        if let NamedOrBlankNode::BlankNode(node) = &triple.subject {
            triple.subject = named(node).into();
        }
        if let Term::BlankNode(node) = &triple.object {
            triple.object = named(node).into();
        }
    }
}

type BySubject<'a> = HashMap<&'a NamedOrBlankNode, Vec<&'a Triple>>;

struct Split<'a> {
    by_subject: BySubject<'a>,
    /// Each dataset with what describes it, in the order of their identifiers.
    parts: Vec<(&'a NamedOrBlankNode, Vec<&'a Triple>)>,
    rest: Vec<&'a Triple>,
}

/// Each subject's triples go to the first dataset that leads to it; a catalogue and a dataset are nobody's part.
fn split(triples: &[Triple]) -> Result<Split<'_>, WireError> {
    let mut by_subject: BySubject<'_> = HashMap::new();
    for triple in triples {
        by_subject.entry(&triple.subject).or_default().push(triple);
    }
    let mut in_order = of_class(triples, "Dataset");
    if in_order.len() > ENTRIES_MAX {
        return Err(WireError::TooMany { what: "datasets", limit: ENTRIES_MAX });
    }
    in_order.sort_by_cached_key(|node| node.to_string());
    let mut taken: HashSet<&NamedOrBlankNode> = of_class(triples, "Catalog").into_iter().collect();
    taken.extend(&in_order);
    let mut described = HashSet::new();
    let mut parts = Vec::new();
    for dataset in in_order {
        let (mut part, mut waiting) = (Vec::new(), VecDeque::from([dataset]));
        while let Some(subject) = waiting.pop_front() {
            described.insert(subject);
            for triple in by_subject.get(subject).into_iter().flatten() {
                part.push(*triple);
                let next = subject_of(&triple.object).and_then(|node| by_subject.get_key_value(&node));
                waiting.extend(next.map(|(node, _)| *node).filter(|node| taken.insert(node)));
            }
        }
        parts.push((dataset, part));
    }
    let rest = triples.iter().filter(|triple| !described.contains(&triple.subject)).collect();
    Ok(Split { by_subject, parts, rest })
}

/// The nodes of a class of DCAT, each once.
fn of_class<'a>(triples: &'a [Triple], class: &str) -> Vec<&'a NamedOrBlankNode> {
    let class = format!("{DCAT}{class}");
    let is_one = |triple: &&Triple| {
        triple.predicate.as_str() == RDF_TYPE
            && matches!(&triple.object, Term::NamedNode(name) if name.as_str() == class)
    };
    triples.iter().filter(is_one).map(|triple| &triple.subject).collect()
}

fn subject_of(object: &Term) -> Option<NamedOrBlankNode> {
    match object {
        Term::NamedNode(node) => Some(node.clone().into()),
        Term::BlankNode(node) => Some(node.clone().into()),
        Term::Literal(_) => None,
    }
}

/// What people look for, from wherever DCAT-AP puts it.
fn entry_of(dataset: &NamedOrBlankNode, graph: &BySubject<'_>, source: &str) -> ForeignEntry {
    let about = About { graph };
    let iri = match dataset {
        NamedOrBlankNode::NamedNode(name) => Some(name.as_str().to_owned()),
        NamedOrBlankNode::BlankNode(_) => None,
    };
    let text = |node: &NamedOrBlankNode, of: &str| about.texts(node, of).into_iter().next();
    let publisher = about.nodes(dataset, &format!("{DCT}publisher")).into_iter().next();
    let distributions = about.nodes(dataset, &format!("{DCAT}distribution"));
    let mut addresses = about.iris(dataset, &format!("{DCAT}landingPage"));
    let mut licences = about.iris(dataset, &format!("{DCT}license"));
    for distribution in &distributions {
        addresses.extend(about.iris(distribution, &format!("{DCAT}accessURL")));
        addresses.extend(about.iris(distribution, &format!("{DCAT}downloadURL")));
        licences.extend(about.iris(distribution, &format!("{DCT}license")));
    }
    let mut seen = HashSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    addresses.truncate(VALUES_MAX);
    ForeignEntry {
        source: source.to_owned(),
        title: text(dataset, &format!("{DCT}title")).or_else(|| iri.clone()).unwrap_or_default(),
        description: text(dataset, &format!("{DCT}description")).unwrap_or_default(),
        publisher: publisher.and_then(|agent| text(&agent, &format!("{FOAF}name"))),
        keywords: about.texts(dataset, &format!("{DCAT}keyword")),
        themes: about.iris(dataset, &format!("{DCAT}theme")),
        addresses,
        licence: licences.into_iter().next(),
        dataset: iri,
    }
}

struct About<'a> {
    graph: &'a BySubject<'a>,
}

impl About<'_> {
    fn objects(&self, of: &NamedOrBlankNode, predicate: &str) -> impl Iterator<Item = &Term> {
        let all = self.graph.get(of).into_iter().flatten();
        all.filter(move |triple| triple.predicate.as_str() == predicate).map(|triple| &triple.object)
    }

    /// The texts of a property, English ones first, for lack of knowing the reader's language.
    fn texts(&self, of: &NamedOrBlankNode, predicate: &str) -> Vec<String> {
        let mut texts: BTreeMap<(bool, usize), String> = BTreeMap::new();
        for (place, object) in self.objects(of, predicate).enumerate() {
            let Term::Literal(literal) = object else { continue };
            let other = literal.language().is_some_and(|language| !language.starts_with("en"));
            texts.insert((other, place), literal.value().chars().take(TEXT_CHARS_MAX).collect());
        }
        texts.into_values().take(VALUES_MAX).collect()
    }

    fn iris(&self, of: &NamedOrBlankNode, predicate: &str) -> Vec<String> {
        let iri = |term: &Term| match term {
            Term::NamedNode(name) => Some(name.as_str().to_owned()),
            _ => None,
        };
        self.objects(of, predicate).filter_map(iri).take(VALUES_MAX).collect()
    }

    fn nodes(&self, of: &NamedOrBlankNode, predicate: &str) -> Vec<NamedOrBlankNode> {
        self.objects(of, predicate).filter_map(subject_of).take(VALUES_MAX).collect()
    }
}
