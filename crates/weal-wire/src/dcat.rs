//! A catalogue in DCAT-AP 3, as Turtle or JSON-LD, for portals that harvest.
//!
//! It is printed in pieces, a product at a time, so that a catalogue of any length needs no memory. What is said
//! of one subject may stand in several pieces, as RDF allows. Both forms are printed from the same `Graph`, so
//! they say the same. Every mandatory property of DCAT-AP 3.0.1 stands, and every recommended one of which we
//! know something; what is an entry of an authority table of the EU says of which one, so that the profile's
//! shapes hold without the tables.

mod contexts;
mod dataset;
mod foreign;
mod graph;
mod policy;
mod rdf;

use weal_domain::catalogue::{Classification, Offer, Product, Theme};

use crate::{Publisher, WireError};
use graph::{Graph, Resource};

pub use foreign::{Described, ENTRIES_MAX, ForeignCatalogue, Reading, read_foreign};
pub use rdf::FOREIGN_BYTES_MAX;

/// The media types of the two forms.
pub const MEDIA_TYPE_TURTLE: &str = "text/turtle; charset=utf-8";
pub const MEDIA_TYPE_JSON_LD: &str = "application/ld+json";

/// Grows with every change of what [`DcatPrinter`] prints of the same catalogue, so that harvesters ask for it anew.
pub const PRINTED_AS: u32 = 1;

/// The EU's authority tables.
const AUTHORITY: &str = "http://publications.europa.eu/resource/authority/";
const DATASPACE_PROTOCOL: &str = "https://w3id.org/dspace/2025/1/";

/// One of the two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Turtle,
    JsonLd,
}

impl Form {
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Turtle => MEDIA_TYPE_TURTLE,
            Form::JsonLd => MEDIA_TYPE_JSON_LD,
        }
    }
}

/// Prints the catalogue of a publisher: [`DcatPrinter::begin`], each product, [`DcatPrinter::end`].
#[derive(Debug, Clone)]
pub struct DcatPrinter {
    form: Form,
    publisher: Publisher,
    /// Where the publisher's connector speaks the Dataspace Protocol.
    endpoint_url: String,
}

impl DcatPrinter {
    #[must_use]
    pub fn new(form: Form, publisher: Publisher, endpoint_url: &str) -> Self {
        Self { form, publisher, endpoint_url: endpoint_url.to_owned() }
    }

    /// The catalogue itself, who publishes it, the connector, and what all products share.
    #[must_use]
    pub fn begin(&self) -> String {
        let mut graph = Graph::default();
        self.add_catalogue(&mut graph);
        self.add_connector(&mut graph);
        add_tables(&mut graph);
        match self.form {
            Form::Turtle => format!("{}{}", graph::turtle_prefixes(), graph.to_turtle()),
            Form::JsonLd => {
                format!("{{\"@context\":{},\"@graph\":[{}", graph::json_context(), graph.to_json_ld())
            }
        }
    }

    /// A product of the publisher's with the offers that readers may know of. Of the product itself only what
    /// stands in its catalogue entry is said (`CA-1`).
    #[must_use]
    pub fn product(&self, product: &Product, offers: &[Offer]) -> String {
        let mut graph = Graph::default();
        let dataset = product.dataset(&self.publisher.did);
        graph.add(self.root().link("dcat:dataset", &dataset));
        dataset::add(&mut graph, self, product, offers);
        match self.form {
            Form::Turtle => graph.to_turtle(),
            Form::JsonLd => format!(",{}", graph.to_json_ld()),
        }
    }

    /// What a catalogue elsewhere says, as [`read_foreign`] has kept it: a dataset of this catalogue where `dataset`
    /// names its node, otherwise whatever stood around datasets.
    pub fn foreign(&self, dataset: Option<&str>, n_triples: &str) -> Result<String, WireError> {
        let listed = dataset.map(|node| {
            let root = format!("{}#catalogue", self.publisher.did);
            format!("<{root}> <{}dataset> {node} .\n", rdf::DCAT)
        });
        let listed = listed.unwrap_or_default();
        Ok(match self.form {
            Form::Turtle => format!("\n{listed}{n_triples}"),
            Form::JsonLd => format!(",{}", rdf::json_ld_of(&format!("{listed}{n_triples}"))?),
        })
    }

    #[must_use]
    pub fn end(&self) -> &'static str {
        match self.form {
            Form::Turtle => "",
            Form::JsonLd => "]}",
        }
    }

    fn add_catalogue(&self, graph: &mut Graph) {
        let publisher = &self.publisher;
        let (did, homepage) = (publisher.did.as_str(), format!("{}/catalogue", publisher.origin));
        graph.add(Resource::new(did, "foaf:Agent").text("foaf:name", &publisher.title));
        graph.add(
            Resource::new(&self.contact(), "vcard:Kind")
                .text("vcard:fn", &publisher.title)
                .link("vcard:hasURL", &publisher.origin),
        );
        graph.add(Resource::new(&homepage, "foaf:Document"));
        graph.add(
            self.root()
                .text("dct:title", &format!("Catalogue of {}", publisher.title))
                .text("dct:description", &format!("Data products that {} can name.", publisher.title))
                .link("dct:publisher", did)
                .link("dcat:themeTaxonomy", &table("data-theme"))
                .link("dcat:service", &self.connector())
                .link("foaf:homepage", &homepage),
        );
    }

    /// It does not list what it serves, which every distribution says of itself: harvesters copy such a list to
    /// each distribution.
    fn add_connector(&self, graph: &mut Graph) {
        let publisher = &self.publisher;
        let description = format!("{}/.well-known/dspace-version", publisher.origin);
        for address in [&self.endpoint_url, &description] {
            graph.add(Resource::new(address, "rdfs:Resource"));
        }
        graph.add(
            Resource::new(&self.connector(), "dcat:DataService")
                .text("dct:title", &format!("Node of {}", publisher.title))
                .text(
                    "dct:description",
                    "Agreements about the products, and their use, by the Dataspace Protocol.",
                )
                .link("dcat:endpointURL", &self.endpoint_url)
                .link("dcat:endpointDescription", &description)
                .link("dct:conformsTo", DATASPACE_PROTOCOL)
                .link("dct:publisher", publisher.did.as_str())
                .link("dcat:contactPoint", &self.contact()),
        );
        graph.add(
            Resource::new(DATASPACE_PROTOCOL, "dct:Standard").text("dct:title", "Dataspace Protocol 2025-1"),
        );
    }

    fn root(&self) -> Resource {
        Resource::new(&format!("{}#catalogue", self.publisher.did), "dcat:Catalog")
    }

    fn connector(&self) -> String {
        format!("{}#connector", self.publisher.did)
    }

    /// Whom to ask about a product that says nothing else.
    fn contact(&self) -> String {
        format!("{}#contact", self.publisher.did)
    }
}

/// The entries of authority tables that products point to.
fn add_tables(graph: &mut Graph) {
    graph.add(Resource::new(&table("data-theme"), "skos:ConceptScheme").english("dct:title", "Data theme"));
    for theme in Theme::ALL {
        let concept = Resource::new(&entry("data-theme", theme.code()), "skos:Concept");
        graph.add(
            concept.english("skos:prefLabel", theme.label()).link("skos:inScheme", &table("data-theme")),
        );
    }
    for class in [Classification::Open, Classification::Internal, Classification::Personal] {
        let rights = Resource::new(&access_right(class), "dct:RightsStatement");
        graph.add(rights.link("skos:inScheme", &table("access-right")));
    }
}

/// An authority table's address.
fn table(name: &str) -> String {
    format!("{AUTHORITY}{name}")
}

fn entry(table: &str, code: &str) -> String {
    format!("{AUTHORITY}{table}/{code}")
}

/// The EU's word for how far a product is open.
fn access_right(classification: Classification) -> String {
    let word = match classification {
        Classification::Open => "PUBLIC",
        Classification::Internal => "RESTRICTED",
        Classification::Personal | Classification::Sensitive => "NON_PUBLIC",
    };
    entry("access-right", word)
}
