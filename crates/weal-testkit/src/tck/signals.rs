//! The door at which the kit says: begin now. It is no part of the protocol, so it is no door of the node.

use std::sync::Arc;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use weal_domain::agreements::{AgreementId, Proposal, Side};
use weal_domain::catalogue::Mode;
use weal_node::House;

use super::{Cast, seed};

pub(super) const NEGOTIATE: &str = "/negotiations";
pub(super) const TRANSFER: &str = "/transfers";

const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Listens on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) origin: String,
    listening: tokio::task::JoinHandle<()>,
}

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

impl Signals {
    pub(super) async fn listen(house: Arc<House>, cast: Cast) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (house, cast) = (Arc::clone(&house), cast.clone());
                tokio::spawn(async move { answer(stream, &house, &cast).await });
            }
        });
        Self { origin, listening }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn answer(mut stream: TcpStream, house: &House, cast: &Cast) {
    let Some((path, body)) = request(&mut stream).await else { return };
    let status = match begin(house, cast, &path, &body).await {
        Ok(()) => "200 OK",
        Err(cause) => {
            eprintln!("{path}: {cause}");
            "400 Bad Request"
        }
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // Whoever asked may be gone; that is its own affair.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.shutdown().await;
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

/// Path and body of one request; nothing where it cannot be read.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let path = text.split(' ').nth(1)?.to_owned();
            let length: usize = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Some((path, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        let mut chunk = [0_u8; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        if bytes.len() > REQUEST_BYTES_MAX {
            return None;
        }
    }
}
