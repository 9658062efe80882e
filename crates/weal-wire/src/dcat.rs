//! A catalogue in DCAT-AP 3, as Turtle or JSON-LD, for portals that harvest.
//!
//! It is printed in pieces, an entry at a time, so that a catalogue of any length needs no memory. What is said
//! of one subject may stand in several pieces, as RDF allows. Both forms are printed from the same `Graph`, so
//! they say the same. Every mandatory property of DCAT-AP 3.0.1 stands: title, description and publisher of the
//! catalogue, title and description of a dataset, the access address of a distribution, title and endpoint of a
//! service, the name of an agent. Access rights are words of the EU vocabulary.

mod graph;

use weal_domain::catalogue::{CatalogueEntry, Classification, Mode};

use crate::Publisher;
use crate::catalogue::format_of;
use crate::did::{Scheme, origin_of};
use graph::{Graph, Resource};

/// The media types of the two forms.
pub const MEDIA_TYPE_TURTLE: &str = "text/turtle; charset=utf-8";
pub const MEDIA_TYPE_JSON_LD: &str = "application/ld+json";

const ACCESS_RIGHT: &str = "http://publications.europa.eu/resource/authority/access-right/";

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

/// Prints a catalogue: [`DcatPrinter::begin`], each entry, [`DcatPrinter::end`].
#[derive(Debug, Clone)]
pub struct DcatPrinter {
    form: Form,
    publisher: Publisher,
    /// How the nodes behind the entries are addressed.
    scheme: Scheme,
}

impl DcatPrinter {
    #[must_use]
    pub fn new(form: Form, publisher: Publisher, scheme: Scheme) -> Self {
        Self { form, publisher, scheme }
    }

    /// The catalogue itself and who publishes it.
    #[must_use]
    pub fn begin(&self) -> String {
        let publisher = &self.publisher;
        let mut graph = Graph::default();
        graph.add(agent(publisher.did.as_str(), &publisher.title));
        graph.add(
            self.root()
                .text("dct:title", &format!("Catalogue of {}", publisher.title))
                .text("dct:description", &format!("Data products that {} can name.", publisher.title))
                .link("dct:publisher", publisher.did.as_str())
                .link("foaf:homepage", &self.catalogue()),
        );
        match self.form {
            Form::Turtle => format!("{}{}", graph::turtle_prefixes(), graph.to_turtle()),
            Form::JsonLd => {
                format!("{{\"@context\":{},\"@graph\":[{}", graph::json_context(), graph.to_json_ld())
            }
        }
    }

    /// One entry, of the publisher's own products or of others'.
    #[must_use]
    pub fn entry(&self, entry: &CatalogueEntry) -> String {
        let mut graph = Graph::default();
        let origin = origin_of(&entry.did, self.scheme).unwrap_or_else(|_| self.publisher.origin.clone());
        let service = format!("{}#connector", entry.did);
        graph.add(self.root().link("dcat:dataset", &entry.dataset).link("dcat:service", &service));
        graph.add(agent(entry.did.as_str(), &entry.member_title));
        graph.add(
            Resource::new(&service, "dcat:DataService")
                .text("dct:title", &format!("Node of {}", entry.member_title))
                .link("dcat:endpointURL", &origin)
                .link("dct:publisher", entry.did.as_str())
                .link("dcat:servesDataset", &entry.dataset),
        );
        add_dataset(&mut graph, entry, &origin, &service);
        match self.form {
            Form::Turtle => graph.to_turtle(),
            Form::JsonLd => format!(",{}", graph.to_json_ld()),
        }
    }

    #[must_use]
    pub fn end(&self) -> &'static str {
        match self.form {
            Form::Turtle => "",
            Form::JsonLd => "]}",
        }
    }

    fn catalogue(&self) -> String {
        format!("{}/catalogue", self.publisher.origin)
    }

    fn root(&self) -> Resource {
        Resource::new(&self.catalogue(), "dcat:Catalog")
    }
}

fn agent(did: &str, name: &str) -> Resource {
    Resource::new(did, "foaf:Agent").text("foaf:name", name)
}

fn add_dataset(graph: &mut Graph, entry: &CatalogueEntry, origin: &str, service: &str) {
    let page = format!("{origin}/catalogue/{}/{}", entry.member, entry.product);
    let rights = format!("{ACCESS_RIGHT}{}", access_right(entry.classification));
    let mut dataset = Resource::new(&entry.dataset, "dcat:Dataset")
        .text("dct:title", &entry.title)
        .text("dct:description", &entry.description)
        .text("dct:identifier", &entry.dataset)
        .text("dcat:version", &entry.version.to_string())
        .link("dct:publisher", entry.did.as_str())
        .link("dct:accessRights", &rights)
        .link("dcat:landingPage", &page);
    for keyword in &entry.keywords {
        dataset = dataset.text("dcat:keyword", keyword);
    }
    for mode in entry.modes() {
        let id = format!("{}/{mode}", entry.dataset);
        dataset = dataset.link("dcat:distribution", &id);
        graph.add(
            Resource::new(&id, "dcat:Distribution")
                .text("dct:title", &format!("{}: {mode}", entry.title))
                .text("dct:description", &leaves(mode))
                .text("dct:identifier", &format_of(mode))
                .link("dcat:accessURL", &page)
                .link("dcat:accessService", service),
        );
    }
    graph.add(Resource::new(&rights, "dct:RightsStatement"));
    graph.add(Resource::new(&page, "foaf:Document"));
    graph.add(dataset);
}

/// The EU's word for how far a product is open.
fn access_right(classification: Classification) -> &'static str {
    match classification {
        Classification::Open => "PUBLIC",
        Classification::Internal => "RESTRICTED",
        Classification::Personal | Classification::Sensitive => "NON_PUBLIC",
    }
}

fn leaves(mode: Mode) -> String {
    format!("Under an agreement: {}.", mode.leaves_the_owner())
}
