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
/// What one piece holds at most, but for a triple that is larger.
const PIECE_TRIPLES_MAX: usize = 500;
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// The largest triple.
const TRIPLE_BYTES_MAX: usize = 1024 * 1024;
/// The longest identifier of a dataset.
const IDENTIFIER_BYTES_MAX: usize = 2_048;
/// The longest texts that an entry shows, and the most of one kind; the triples have them whole.
const DESCRIPTION_CHARS_MAX: usize = 4_000;
const TITLE_CHARS_MAX: usize = 500;
const KEYWORD_CHARS_MAX: usize = 100;
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
    /// In pieces of N-Triples, one at least.
    pub triples: Vec<String>,
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
    let mut entries = Vec::with_capacity(graph.parts.len());
    for (dataset, part) in &graph.parts {
        entries.push(Described {
            entry: entry_of(dataset, &graph.by_subject, reading.source),
            node: node_of(dataset)?,
            triples: pieces_of(part)?,
        });
    }
    Ok(ForeignCatalogue { entries, rest: pieces_of(&graph.rest)?, triples: triples.len() })
}

fn node_of(dataset: &NamedOrBlankNode) -> Result<String, WireError> {
    let node = dataset.to_string();
    if node.len() > IDENTIFIER_BYTES_MAX {
        let expected = format!("an identifier of at most {IDENTIFIER_BYTES_MAX} bytes");
        return Err(WireError::wrong(crate::error::excerpt(&node), expected));
    }
    Ok(node)
}

/// Triples as N-Triples in pieces, so that whoever prints them again never holds more than some pieces.
fn pieces_of(triples: &[&Triple]) -> Result<Vec<String>, WireError> {
    let (mut pieces, mut piece, mut in_piece) = (Vec::new(), String::new(), 0);
    for triple in triples {
        let line = rdf::line_of(triple);
        if line.len() > TRIPLE_BYTES_MAX {
            return Err(WireError::TooMany { what: "bytes in one triple", limit: TRIPLE_BYTES_MAX });
        }
        if in_piece == PIECE_TRIPLES_MAX || (in_piece > 0 && piece.len() + line.len() > PIECE_BYTES_MAX) {
            pieces.push(std::mem::take(&mut piece));
            in_piece = 0;
        }
        piece.push_str(&line);
        in_piece += 1;
    }
    pieces.extend((in_piece > 0).then_some(piece));
    Ok(pieces)
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
    let text = |node: &NamedOrBlankNode, of: &str, chars_max: usize| {
        about.texts(node, of, chars_max).into_iter().next()
    };
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
        title: text(dataset, &format!("{DCT}title"), TITLE_CHARS_MAX)
            .or_else(|| iri.clone())
            .unwrap_or_default(),
        description: text(dataset, &format!("{DCT}description"), DESCRIPTION_CHARS_MAX).unwrap_or_default(),
        publisher: publisher.and_then(|agent| text(&agent, &format!("{FOAF}name"), TITLE_CHARS_MAX)),
        keywords: about.texts(dataset, &format!("{DCAT}keyword"), KEYWORD_CHARS_MAX),
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
    fn texts(&self, of: &NamedOrBlankNode, predicate: &str, chars_max: usize) -> Vec<String> {
        let mut texts: BTreeMap<(bool, usize), String> = BTreeMap::new();
        for (place, object) in self.objects(of, predicate).enumerate() {
            let Term::Literal(literal) = object else { continue };
            let other = literal.language().is_some_and(|language| !language.starts_with("en"));
            texts.insert((other, place), literal.value().chars().take(chars_max).collect());
        }
        texts.into_values().take(VALUES_MAX).collect()
    }

    fn iris(&self, of: &NamedOrBlankNode, predicate: &str) -> Vec<String> {
        let iri = |term: &Term| match term {
            Term::NamedNode(name) if name.as_str().len() <= IDENTIFIER_BYTES_MAX => {
                Some(name.as_str().to_owned())
            }
            _ => None,
        };
        self.objects(of, predicate).filter_map(iri).take(VALUES_MAX).collect()
    }

    fn nodes(&self, of: &NamedOrBlankNode, predicate: &str) -> Vec<NamedOrBlankNode> {
        self.objects(of, predicate).filter_map(subject_of).take(VALUES_MAX).collect()
    }
}
