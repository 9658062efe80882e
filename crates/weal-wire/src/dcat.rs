//! A catalogue in DCAT-AP 3, as Turtle or JSON-LD, for portals that harvest.
//!
//! Both forms are printed from one `Graph`, so they say the same. Every mandatory property of
//! DCAT-AP 3.0.1 stands: title, description and publisher of the catalogue, title and description of a
//! dataset, the access address of a distribution, title and endpoint of a service, the name of an
//! agent. Access rights are words of the EU vocabulary.

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

/// A catalogue ready to be printed.
#[derive(Debug, Clone, PartialEq)]
pub struct DcatCatalogue {
    graph: Graph,
}

impl DcatCatalogue {
    /// The entries that `publisher` shows, of its own products and of others'. `scheme` says how the
    /// nodes behind them are addressed.
    #[must_use]
    pub fn of(entries: &[CatalogueEntry], publisher: &Publisher, scheme: Scheme) -> Self {
        let mut graph = Graph::default();
        let catalogue = format!("{}/catalogue", publisher.origin);
        let mut root = Resource::new(&catalogue, "dcat:Catalog")
            .text("dct:title", &format!("Catalogue of {}", publisher.title))
            .text("dct:description", &format!("Data products that {} can name.", publisher.title))
            .link("dct:publisher", publisher.did.as_str())
            .link("foaf:homepage", &catalogue);
        graph.add(agent(publisher.did.as_str(), &publisher.title));
        for entry in entries {
            let origin = origin_of(&entry.did, scheme).unwrap_or_else(|_| publisher.origin.clone());
            let service = format!("{}#connector", entry.did);
            root = root.link("dcat:dataset", &entry.dataset).link("dcat:service", &service);
            graph.add(agent(entry.did.as_str(), &entry.member_title));
            graph.add(
                Resource::new(&service, "dcat:DataService")
                    .text("dct:title", &format!("Node of {}", entry.member_title))
                    .link("dcat:endpointURL", &origin)
                    .link("dct:publisher", entry.did.as_str())
                    .link("dcat:servesDataset", &entry.dataset),
            );
            add_dataset(&mut graph, entry, &origin, &service);
        }
        graph.add(root);
        Self { graph }
    }

    #[must_use]
    pub fn to_turtle(&self) -> String {
        self.graph.to_turtle()
    }

    #[must_use]
    pub fn to_json_ld(&self) -> serde_json::Value {
        self.graph.to_json_ld()
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
