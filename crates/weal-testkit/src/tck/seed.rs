//! What the node has before the kit begins: a dataset for each test that asks for one, and agreements that were
//! concluded before.

use weal_domain::agreements::{Agreement, Conclusion, Policy, Rule, Side};
use weal_domain::catalogue::{Mode, Offer, ProductName, Terms, name_made_of};
use weal_node::House;
use weal_store::StoredProduct;
use weal_wire::odrl::ODRL;

use super::Cast;
use super::script::{LINES_OF_OURS, LINES_OF_THEIRS, OFFERED_BY_US};

/// The datasets that the catalogue's tests look for. A third, `CAT0103`, must not be there.
pub(super) const CATALOGUED: [(&str, &str); 2] = [("CAT:01-01", "CAT0101"), ("CAT:01-02", "CAT0102")];

/// The kit asks for one of them by heart, whatever it is told: `CD123:ACN0102:456`.
pub(super) fn offer_id(dataset: &str) -> String {
    format!("CD123:{dataset}:456")
}

pub(super) fn product_of(dataset: &str) -> ProductName {
    name_made_of(dataset).expect("letters and digits make a name")
}

/// The kit's offers permit use, and say no more.
pub(super) fn policy() -> Policy {
    let rule = Rule { action: format!("{ODRL}use"), constraints: Vec::new() };
    Policy { permissions: vec![rule], prohibitions: Vec::new(), obligations: Vec::new() }
}

/// One purpose and one legal basis, as every agreement of ours has.
pub(super) fn terms() -> Terms {
    let mut terms = crate::open_terms();
    terms.purposes.truncate(1);
    terms
}

pub(super) async fn seed(house: &House, cast: &Cast) {
    let datasets = OFFERED_BY_US.iter().map(|part| part.about());
    let datasets = datasets.chain(CATALOGUED.iter().map(|(_, dataset)| (*dataset).to_owned()));
    let mut tx = house.store.write("tck.seed").await.expect("a transaction");
    for dataset in datasets {
        let name = product_of(&dataset);
        let mut product = crate::paper(name.as_str(), house.clock.now());
        product.identifier = Some(dataset.parse().expect("printable letters"));
        let path = format!("products/{name}/1.parquet");
        let stored = StoredProduct { product, path, content_sha256: "0".repeat(64) };
        tx.put_product(&stored).await.expect("it is kept");
        let offer = Offer {
            id: offer_id(&dataset).parse().expect("printable letters"),
            product: name,
            mode: Mode::Extract,
            terms: terms(),
            policy: None,
            withdrawn_at: None,
        };
        tx.put_offer(&offer).await.expect("it is kept");
    }
    for part in LINES_OF_OURS {
        keep(&mut tx, agreed(house, cast, Side::Provider, &part.about())).await;
    }
    for part in LINES_OF_THEIRS {
        keep(&mut tx, agreed(house, cast, Side::Consumer, &part.about())).await;
    }
    tx.commit().await.expect("all of it is kept");
}

async fn keep(tx: &mut weal_store::Tx, agreement: Agreement) {
    tx.put_agreement(&agreement, &"0".repeat(64)).await.expect("it is kept");
}

fn agreed(house: &House, cast: &Cast, side: Side, id: &str) -> Agreement {
    let (provider, consumer) = match side {
        Side::Provider => (house.did.clone(), cast.kit.clone()),
        Side::Consumer => (cast.kit.clone(), house.did.clone()),
    };
    let dataset = "CAT0101";
    let conclusion = Conclusion {
        id: id.parse().expect("printable letters"),
        side,
        provider,
        consumer,
        dataset: dataset.into(),
        product: product_of(dataset),
        mode: Mode::Extract,
        terms: terms(),
        policy: policy(),
        agreed_at: house.clock.now(),
    };
    Agreement::conclude(conclusion).expect("one purpose, one legal basis").finalized()
}
