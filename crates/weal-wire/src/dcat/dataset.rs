//! A product as a dataset, each rung on offer as a distribution.

use weal_domain::agreements::policy_of;
use weal_domain::catalogue::{Mode, Offer, Particulars, Product};

use super::graph::{Graph, Resource};
use super::{AUTHORITY, DcatPrinter, access_right, entry, policy, table};
use crate::catalogue::format_of;

/// Where the IANA lists media types.
const MEDIA_TYPES: &str = "https://www.iana.org/assignments/media-types/";

pub(super) fn add(graph: &mut Graph, printer: &DcatPrinter, product: &Product, offers: &[Offer]) {
    let (publisher, about) = (&printer.publisher, &product.particulars);
    let id = product.dataset(&publisher.did);
    let page = format!("{}/catalogue/{}/{}", publisher.origin, publisher.name, product.name);
    let contract = format!("{}/contracts/{}", publisher.origin, product.name);
    let description = if product.description.is_empty() { &product.title } else { &product.description };
    let mut dataset = Resource::new(&id, "dcat:Dataset")
        .text("dct:title", &product.title)
        .text("dct:description", description)
        .text("dct:identifier", &id)
        .text("dcat:version", &product.version.to_string())
        .typed("dct:issued", product.published_at.to_string(), "xsd:dateTime")
        .typed("dct:modified", product.updated_at.to_string(), "xsd:dateTime")
        .link("dct:publisher", publisher.did.as_str())
        .link("dct:accessRights", &access_right(product.classification))
        .link("dct:conformsTo", &contract)
        .link("dcat:landingPage", &page);
    for keyword in &product.keywords {
        dataset = dataset.text("dcat:keyword", keyword);
    }
    for theme in &about.themes {
        dataset = dataset.link("dcat:theme", &entry("data-theme", theme.code()));
    }
    for law in &about.laws {
        dataset = dataset.link("dcatap:applicableLegislation", law.as_str());
        graph.add(Resource::new(law.as_str(), "eli:LegalResource"));
    }
    dataset = add_contact(graph, dataset, &id, &printer.contact(), about);
    dataset = add_extent(graph, dataset, &id, about);
    for offer in offers {
        dataset = dataset.link("odrl:hasPolicy", offer.id.as_str());
        policy::add(graph, offer.id.as_str(), &id, publisher.did.as_str(), &policy_of(offer));
    }
    for mode in Mode::LADDER {
        let of_mode: Vec<&Offer> = offers.iter().filter(|offer| offer.mode == mode).collect();
        if of_mode.is_empty() {
            continue;
        }
        let distribution = distribution(graph, product, &id, mode, &of_mode)
            .link("dcat:accessURL", &page)
            .link("dct:conformsTo", &contract)
            .link("dcat:accessService", &printer.connector());
        dataset = dataset.link("dcat:distribution", &distribution_id(&id, mode));
        graph.add(distribution);
    }
    graph.add(Resource::new(&page, "foaf:Document"));
    graph.add(
        Resource::new(&contract, "dct:Standard")
            .text("dct:title", &format!("Data contract of {} (ODCS)", product.title)),
    );
    graph.add(dataset);
}

fn distribution_id(dataset: &str, mode: Mode) -> String {
    format!("{dataset}/{mode}")
}

/// Everything but the addresses.
fn distribution(
    graph: &mut Graph,
    product: &Product,
    dataset: &str,
    mode: Mode,
    offers: &[&Offer],
) -> Resource {
    let id = distribution_id(dataset, mode);
    let mut distribution = Resource::new(&id, "dcat:Distribution")
        .text("dct:title", &format!("{}: {mode}", product.title))
        .text("dct:description", &format!("Under an agreement: {}.", mode.leaves_the_owner()))
        .text("dct:identifier", &format_of(mode))
        .typed("dct:issued", product.published_at.to_string(), "xsd:dateTime")
        .typed("dct:modified", product.updated_at.to_string(), "xsd:dateTime");
    // A distribution has one policy and one statement of rights at most; where offers differ, the dataset has all.
    if let [only] = offers {
        let rights = format!("{id}/rights");
        distribution = distribution.link("odrl:hasPolicy", only.id.as_str()).link("dct:rights", &rights);
        graph.add(Resource::new(&rights, "dct:RightsStatement").text("rdfs:label", &only.terms.licence));
    }
    if let Some(licence) = &product.particulars.licence {
        distribution = distribution.link("dct:license", licence.as_str());
        graph.add(Resource::new(licence.as_str(), "dct:LicenseDocument"));
    }
    for law in &product.particulars.laws {
        distribution = distribution.link("dcatap:applicableLegislation", law.as_str());
    }
    if let Some((file_type, media_type)) = formats(mode) {
        let (file_type, media_type) = (entry("file-type", file_type), format!("{MEDIA_TYPES}{media_type}"));
        distribution = distribution.link("dct:format", &file_type).link("dcat:mediaType", &media_type);
        let format = Resource::new(&file_type, "dct:MediaTypeOrExtent");
        graph.add(format.link("skos:inScheme", &table("file-type")));
        graph.add(Resource::new(&media_type, "dct:MediaType"));
    }
    distribution
}

/// What arrives on a rung: the EU's file type and the IANA's media type. Where parties compute together, none does.
fn formats(mode: Mode) -> Option<(&'static str, &'static str)> {
    match mode {
        Mode::Extract | Mode::Synthetic => Some(("CSV", "text/csv")),
        Mode::Statistics | Mode::Lookup => Some(("JSON", "application/json")),
        Mode::Metadata | Mode::Matching | Mode::Training => None,
    }
}

fn add_contact(graph: &mut Graph, dataset: Resource, id: &str, owner: &str, about: &Particulars) -> Resource {
    let Some(contact) = &about.contact else { return dataset.link("dcat:contactPoint", owner) };
    let point = format!("{id}/contact");
    graph.add(
        Resource::new(&point, "vcard:Kind")
            .text("vcard:fn", &contact.name)
            .link("vcard:hasEmail", &format!("mailto:{}", contact.email)),
    );
    dataset.link("dcat:contactPoint", &point)
}

/// Where and when it is about.
fn add_extent(graph: &mut Graph, mut dataset: Resource, id: &str, about: &Particulars) -> Resource {
    for place in &about.places {
        let mut location = Resource::new(place.as_str(), "dct:Location");
        let in_table = place.as_str().strip_prefix(AUTHORITY).and_then(|rest| rest.split_once('/'));
        if let Some((name, _)) = in_table {
            location = location.link("skos:inScheme", &table(name));
        }
        graph.add(location);
        dataset = dataset.link("dct:spatial", place.as_str());
    }
    if about.from.is_none() && about.until.is_none() {
        return dataset;
    }
    let mut period = Resource::new(&format!("{id}/period"), "dct:PeriodOfTime");
    if let Some(from) = about.from {
        period = period.typed("dcat:startDate", from.to_string(), "xsd:date");
    }
    if let Some(until) = about.until {
        period = period.typed("dcat:endDate", until.to_string(), "xsd:date");
    }
    graph.add(period);
    dataset.link("dct:temporal", &format!("{id}/period"))
}
