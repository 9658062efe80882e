//! Rows of an owner whose connector is none of ours: fetched over plain HTTP with the token that its transfer gave
//! us, and kept as our own rows are. It sends no receipt, so our ledger holds our half alone.

use std::path::Path;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use weal_domain::RefusalKind;
use weal_domain::agreements::{Agreement, Side};
use weal_domain::compute::Loss;
use weal_domain::exchange::DataAddress;
use weal_domain::identity::{Did, Person};
use weal_domain::ledger::Receipt;
use weal_engine::Format;

use super::ROWS_QUESTION;
use super::fetch::{ReceivedFile, download};
use super::uses::RECEIPT_VERSION;
use crate::acts::sha256_hex;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::unavailable;

impl House {
    /// Fetches the rows of a stranger's product into a file of ours, and remembers the use.
    pub(super) async fn pull_rows(
        &self,
        agreement: &Agreement,
        person: &Person,
    ) -> Result<(ReceivedFile, Receipt)> {
        let provider = &agreement.provider;
        let address = self.open_line(agreement).await?;
        let mut response = self.pull(provider, &address).await?;
        let format = format_of_media_type(
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default(),
        );
        let name = sha256_hex(self.entropy.urn()?);
        let at = |ending: &str| ReceivedFile(self.folder.received().join(format!("{name}.{ending}")));
        let (raw, file) = (at("raw"), at("parquet"));
        download(&mut response, raw.path(), self.config.limits.publish_bytes_max, provider).await?;
        self.take_rows_in(provider, raw.path(), file.path(), format).await?;
        let receipt = self.receipt_of_pull(agreement, person)?;
        let mut tx = self.store.write("exchange.pulled").await?;
        self.seal_use(&mut tx, Side::Consumer, &receipt, None).await?;
        tx.commit().await?;
        Ok((file, receipt))
    }

    /// The first answer that is one. Connectors differ in whether the token of a DataAddress stands alone in the
    /// header or after the word that its type calls for.
    async fn pull(&self, provider: &Did, address: &DataAddress) -> Result<reqwest::Response> {
        let token = address.property("authorization").unwrap_or_default();
        let mut status = 0;
        for said in [format!("Bearer {token}"), token.to_owned()] {
            let request = self.peers.request(reqwest::Method::GET, provider, &address.endpoint, None)?;
            let sent = request.header(AUTHORIZATION, said).send().await;
            let response = sent.map_err(|_| unavailable(provider, "cannot be reached"))?;
            if response.status().is_success() {
                return Ok(response);
            }
            status = response.status().as_u16();
            if !matches!(status, 401 | 403) {
                break;
            }
        }
        Err(unavailable(provider, &format!("answered with status {status} where its data should be")).into())
    }

    async fn take_rows_in(
        &self,
        provider: &Did,
        raw: &Path,
        file: &Path,
        format: Option<Format>,
    ) -> Result<()> {
        match self.engine.ingest(raw, file, format, &|_rows| {}).await {
            Ok(_) => Ok(()),
            Err(cause) => match crate::fault::Error::from(cause) {
                crate::fault::Error::Refused(refusal) if refusal.kind == RefusalKind::Invalid => {
                    Err(unavailable(provider, "sent data that this node cannot read as rows").into())
                }
                other => Err(other),
            },
        }
    }

    fn receipt_of_pull(&self, agreement: &Agreement, person: &Person) -> Result<Receipt> {
        let use_id = self.entropy.urn()?.parse().map_err(|cause| Fault::new("making a use id", cause))?;
        Ok(Receipt {
            v: RECEIPT_VERSION,
            use_id,
            agreement: agreement.id.clone(),
            provider: agreement.provider.clone(),
            consumer: self.did.clone(),
            product: agreement.product.clone(),
            mode: agreement.mode,
            purpose: agreement.purpose.clone(),
            legal_basis: agreement.legal_basis.clone(),
            person: self.pseudonym(person),
            question_sha256: sha256_hex(ROWS_QUESTION),
            answer_sha256: None,
            loss: Loss::default(),
            joined_with: Vec::new(),
            at: self.clock.now(),
        })
    }
}

/// How to read what was received; by its first bytes where the answer does not say.
fn format_of_media_type(media_type: &str) -> Option<Format> {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "text/csv" => Some(Format::Csv),
        "application/x-ndjson" | "application/jsonl" => Some(Format::NdJson),
        "application/vnd.apache.parquet" => Some(Format::Parquet),
        _ => None,
    }
}
