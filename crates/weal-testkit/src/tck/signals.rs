//! The door at which the kit says: begin now. It is no part of the protocol, so it is no door of the node.

use std::sync::Arc;

use serde::Deserialize;
use weal_domain::agreements::{AgreementId, Proposal, Side};
use weal_domain::catalogue::Mode;
use weal_node::House;

use super::{Cast, seed};
use crate::door::{Asked, Door};

pub(super) const NEGOTIATE: &str = "/negotiations";
pub(super) const TRANSFER: &str = "/transfers";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Negotiate {
    dataset_id: String,
    offer_id: String,
    connector_address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begin {
    agreement_id: String,
    connector_address: String,
}

pub(super) async fn listen(house: Arc<House>, cast: Cast) -> Door {
    Door::open(move |asked: Asked| {
        let (house, cast) = (Arc::clone(&house), cast.clone());
        async move {
            match begin(&house, &cast, &asked.path, &asked.body).await {
                Ok(()) => (200, String::new()),
                Err(cause) => {
                    eprintln!("{}: {cause}", asked.path);
                    (400, String::new())
                }
            }
        }
    })
    .await
}

async fn begin(
    house: &House,
    cast: &Cast,
    path: &str,
    body: &[u8],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match path {
        NEGOTIATE => {
            let asked: Negotiate = serde_json::from_slice(body)?;
            let terms = seed::terms();
            let proposal = Proposal {
                offer: asked.offer_id.parse()?,
                dataset: asked.dataset_id,
                policy: seed::policy(),
                mode: Some(Mode::Extract),
                purpose: terms.purposes.first().cloned(),
                legal_basis: terms.legal_bases.first().cloned(),
                terms: Some(terms),
            };
            let address = &asked.connector_address;
            house.open_negotiation(&cast.person, Side::Consumer, &cast.kit, address, proposal).await?;
        }
        TRANSFER => {
            let asked: Begin = serde_json::from_slice(body)?;
            let agreement = house.agreement(&asked.agreement_id.parse::<AgreementId>()?).await?;
            house.request_transfer(&agreement, &asked.connector_address).await?;
        }
        other => return Err(format!("no such signal: {other}").into()),
    }
    Ok(())
}
