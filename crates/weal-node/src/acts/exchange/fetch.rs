//! The asker's side: opening a transfer under an agreement we hold, and fetching over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::ProductName;
use weal_domain::exchange::transfer::{Opening, TransferState};
use weal_domain::exchange::{DataAddress, Transfer};
use weal_domain::identity::{Act, Did, Person, Role, may};
use weal_domain::ledger::{Entry, Fact, Receipt};
use weal_domain::{Refusal, RefusalKind};
use weal_trust::proof::TlogProof;
use weal_trust::seal::{Commitment, Nonce};
use weal_wire::catalogue::{PULL_FORMAT, format_of};
use weal_wire::peer::{
    LEDGER_INDEX_HEADER, LedgerProof, LineMessage, PERSON_HEADER, RECEIPT_HEADER, ROLE_HEADER,
    TRANSFER_HEADER,
};

use super::{ROWS_QUESTION, transfer_unknown};
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::catalogue::DSP_PATH;
use crate::peers::{ANSWER_BYTES_MAX, read_reply, unavailable};

/// Rows received from an owner. They go with this value, however the question about them ends: answered,
/// failed, or given up by whoever asked.
#[derive(Debug)]
pub struct ReceivedFile(pub(super) PathBuf);

impl ReceivedFile {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ReceivedFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%cause, "a received file could not be removed");
            }
            _ => {}
        }
    }
}

/// How long the owner's node is given to start a transfer.
const START_WAIT: Duration = Duration::from_secs(15);

impl House {
    /// The open line under an agreement: the one that stands, or a new one.
    pub async fn open_line(&self, agreement: &Agreement) -> Result<DataAddress> {
        Ok(self.line(agreement).await?.address)
    }

    pub(crate) async fn line(&self, agreement: &Agreement) -> Result<Line> {
        let standing: Vec<(Transfer, u64)> =
            self.store.read("exchange.line").await?.transfers_of(&agreement.id).await?;
        if let Some(line) = standing.into_iter().find_map(|(transfer, _)| Line::of(&transfer)) {
            return Ok(line);
        }
        let address = format!("{}{DSP_PATH}", self.peers.origin(&agreement.provider)?);
        let pid = self.request_transfer(agreement, &address).await?;
        self.wait_for_start(&pid, &agreement.provider).await
    }

    /// Asks for a transfer under an agreement we hold, and answers its pid here. `PE-1`: `address`, where the
    /// provider listens, must lie under its own origin.
    pub async fn request_transfer(&self, agreement: &Agreement, address: &str) -> Result<String> {
        let opening = Opening {
            peer: agreement.provider.clone(),
            own_pid: self.entropy.urn()?,
            peer_address: self.peers.callback(&agreement.provider, address)?,
            agreement: agreement.id.clone(),
            format: if agreement.is_strangers() { PULL_FORMAT.into() } else { format_of(agreement.mode) },
        };
        let step = Transfer::request(opening, self.clock.now());
        let pid = step.next.own_pid.clone();
        let mut tx = self.store.write("exchange.open").await?;
        self.keep_transfer(&mut tx, step, 0).await?;
        tx.commit().await?;
        self.wakers.outbox.notify_one();
        Ok(pid)
    }

    async fn wait_for_start(&self, pid: &str, provider: &Did) -> Result<Line> {
        let late = || unavailable(provider, "did not start the transfer in time");
        let started = || async {
            let found = self.store.read("exchange.wait").await?.transfer(pid).await?;
            let (transfer, _) = found.ok_or_else(transfer_unknown)?;
            if transfer.state == TransferState::Terminated {
                return Err(self.why_refused(&transfer).await?.into());
            }
            match Line::of(&transfer) {
                None if transfer.talk.trouble.is_some() => Err(late().into()),
                line => Ok(line),
            }
        };
        Ok(self.wakers.until(pid, START_WAIT, started).await?.ok_or_else(late)?)
    }

    /// Revoked since we looked: the agreement says when and by whom, the transfer only that.
    async fn why_refused(&self, transfer: &Transfer) -> Result<Refusal> {
        let agreement = self.store.read("exchange.ended").await?.agreement(&transfer.agreement).await?;
        if let Some(Err(refusal)) = agreement.map(|agreement| agreement.in_force(self.clock.now())) {
            return Ok(refusal);
        }
        let reason = transfer.turns.last().and_then(|turn| turn.reason.clone());
        let reason = reason.unwrap_or_else(|| "The owner's node ended the transfer.".into());
        Ok(Refusal::forbidden("transfer-refused", reason))
    }

    /// The headers with which a person of ours asks over a line.
    pub(crate) fn over(
        &self,
        request: reqwest::RequestBuilder,
        address: &DataAddress,
        person: &Person,
        role: Role,
    ) -> reqwest::RequestBuilder {
        request
            .header(TRANSFER_HEADER, address.property("authorization").unwrap_or_default())
            .header(PERSON_HEADER, self.pseudonym(person))
            .header(ROLE_HEADER, role.as_str())
    }

    /// Fetches the rows of an agreement into a file of ours, and remembers the use. The file lives as long
    /// as what is returned.
    pub async fn fetch_rows(
        self: &Arc<Self>,
        agreement: &Agreement,
        person: &Person,
    ) -> Result<(ReceivedFile, Receipt)> {
        if agreement.is_strangers() {
            return self.pull_rows(agreement, person).await;
        }
        let address = self.open_line(agreement).await?;
        // From sending on the owner may have sealed the use, so our half is sealed even when the asker has
        // gone away; only the rows themselves are then left where they are.
        let (house, ours, by) = (Arc::clone(self), agreement.clone(), person.clone());
        let sent = tokio::spawn(async move { house.begin_rows(&ours, &by, &address).await });
        let (mut response, receipt) = sent.await.map_err(|cause| Fault::new("asking for rows", cause))??;
        let name = crate::acts::sha256_hex(self.entropy.urn()?);
        let file = ReceivedFile(self.folder.received().join(format!("{name}.parquet")));
        let size_max = self.config.limits.publish_bytes_max;
        // Removed on every way out: what was sent is read once, or worth nothing.
        let sent = ReceivedFile(self.folder.received().join(format!("{name}.sent")));
        download(&mut response, sent.path(), size_max, &agreement.provider).await?;
        let columns = agreement.terms.columns.as_deref();
        self.engine.receive(sent.path(), file.path(), columns).await?;
        Ok((file, receipt))
    }

    /// Sends for the rows and keeps the receipt they come with.
    async fn begin_rows(
        &self,
        agreement: &Agreement,
        person: &Person,
        address: &DataAddress,
    ) -> Result<(reqwest::Response, Receipt)> {
        let provider = &agreement.provider;
        let url = format!("{}/rows?format=parquet", address.endpoint);
        let authorization = self.authorization_for(provider)?;
        let role = acting_role(std::slice::from_ref(agreement), person);
        let request = self.peers.request(reqwest::Method::GET, provider, &url, Some(&authorization))?;
        let request = self.over(request, address, person, role);
        let response = request.send().await.map_err(|_| unavailable(provider, "cannot be reached"))?;
        if !response.status().is_success() {
            let reply = read_reply(response, provider, ANSWER_BYTES_MAX).await?;
            reply.check(provider)?;
            return Err(unavailable(provider, "answered without rows").into());
        }
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (receipt, index) = header(RECEIPT_HEADER)
            .zip(header(LEDGER_INDEX_HEADER).and_then(|index| index.parse::<u64>().ok()))
            .ok_or_else(|| unavailable(provider, "sent rows without a receipt"))?;
        let receipt = weal_wire::peer::receipt_of_header(&receipt)
            .map_err(|_| unavailable(provider, "sent a receipt this node cannot read"))?;
        let asked = crate::acts::sha256_hex(ROWS_QUESTION);
        self.check_receipt(agreement, &[], receipt.value(), person, (Some(&asked), None))?;
        self.keep_receipt(receipt.value(), index).await?;
        Ok((response, receipt.into_value()))
    }

    /// A receipt must be the one for what we asked, with the products that we joined; a peer's slip or lie is not
    /// written into our ledger.
    pub(crate) fn check_receipt(
        &self,
        agreement: &Agreement,
        joined_with: &[ProductName],
        receipt: &Receipt,
        person: &Person,
        (question_sha256, answer_sha256): (Option<&str>, Option<&str>),
    ) -> Result<(), Refusal> {
        let fits = receipt.agreement == agreement.id
            && receipt.provider == agreement.provider
            && receipt.consumer == self.did
            && receipt.product == agreement.product
            && receipt.mode == agreement.mode
            && receipt.purpose == agreement.purpose
            && receipt.joined_with == joined_with
            && receipt.person == self.pseudonym(person)
            && question_sha256.is_none_or(|digest| receipt.question_sha256 == digest)
            && answer_sha256.is_none_or(|digest| receipt.answer_sha256.as_deref() == Some(digest));
        if fits {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Unavailable,
            "receipt-wrong",
            format!(
                "{} sent a receipt that is not for what was asked, so its answer was not accepted.",
                agreement.provider
            ),
        )
        .remedy("Report this to the governing body: the owner's ledger and yours would not match."))
    }

    /// Checks that the owner's signed ledger really holds the entry of this receipt where it says.
    pub(crate) async fn check_proof(
        &self,
        provider: &Did,
        ledger: &LedgerProof,
        receipt: &Receipt,
    ) -> Result<()> {
        let wrong = || unavailable(provider, "sent a ledger proof that does not verify");
        let entry: Entry = serde_json::from_str(&ledger.body).map_err(|_| wrong())?;
        let same = matches!(&entry.fact, Fact::UseGranted { receipt: sealed } if sealed == receipt);
        let nonce = weal_trust::encoding::bytes32_from_hex(&ledger.nonce).ok();
        let proof = TlogProof::parse(&ledger.proof).map_err(|_| wrong())?;
        let nonce = nonce.filter(|_| same && proof.index == ledger.index).ok_or_else(wrong)?;
        let leaf = Commitment::seal(&Nonce::from_entropy(nonce), ledger.body.as_bytes()).leaf_hash();
        let document = self.peers.document(provider, self.clock.now()).await?;
        let origin = weal_trust::checkpoint::origin_of(provider.as_str()).ok_or_else(wrong)?;
        if document
            .keys
            .iter()
            .filter_map(|key| key.key.ed25519())
            .any(|key| proof.verify(&leaf, &origin, key).is_ok())
        {
            return Ok(());
        }
        Err(wrong().into())
    }

    /// Our half of the use, in our ledger.
    pub(crate) async fn keep_receipt(&self, receipt: &Receipt, provider_index: u64) -> Result<()> {
        self.keep_receipts(&[(receipt, provider_index)]).await
    }

    /// The same of several uses that belong together: of all or of none.
    pub(crate) async fn keep_receipts(&self, receipts: &[(&Receipt, u64)]) -> Result<()> {
        let mut tx = self.store.write("exchange.receipt").await?;
        for (receipt, provider_index) in receipts {
            self.seal_use(&mut tx, Side::Consumer, receipt, Some(*provider_index)).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// An open line under an agreement we hold: what its owner calls it, and where it listens.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub provider_pid: String,
    pub address: DataAddress,
}

impl Line {
    fn of(transfer: &Transfer) -> Option<Self> {
        let usable = transfer.side == Side::Consumer && transfer.is_open();
        let address = transfer.address.clone().filter(|_| usable)?;
        Some(Self { provider_pid: transfer.provider_pid()?.to_owned(), address })
    }

    /// As a question that goes over another line names it.
    pub(crate) fn message(&self) -> LineMessage {
        let token = self.address.property("authorization").unwrap_or_default();
        LineMessage { transfer: self.provider_pid.clone(), token: token.to_owned() }
    }
}

/// The role in which a person uses agreements: one that may ask, and that all terms allow where there is one.
pub(crate) fn acting_role(agreements: &[Agreement], person: &Person) -> Role {
    let asking = || person.roles.iter().copied().filter(|role| may(*role, Act::Ask));
    let is_allowed = |role: &Role| agreements.iter().all(|agreement| agreement.terms.allows_role(*role));
    let allowed = asking().find(is_allowed);
    allowed.or_else(|| asking().next()).unwrap_or(Role::Analyst)
}

pub(super) async fn download(
    response: &mut reqwest::Response,
    file: &Path,
    size_max: u64,
    provider: &Did,
) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let disk = |cause: std::io::Error| -> crate::fault::Error {
        if cause.kind() == std::io::ErrorKind::StorageFull {
            return Refusal::new(RefusalKind::Unavailable, "disk-full", "This node's disk is full.")
                .remedy("Its operator must free some space; then ask again.")
                .into();
        }
        Fault::new("writing received rows", cause).into()
    };
    // At once, not on another thread: a file that is made after its owner is gone would stay.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut out = tokio::fs::File::from_std(made.map_err(disk)?);
    let mut size = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(|_| cut(provider))? {
        size += chunk.len() as u64;
        if size > size_max {
            return Err(unavailable(provider, "sent more rows than this node takes in").into());
        }
        out.write_all(&chunk).await.map_err(disk)?;
    }
    out.flush().await.map_err(disk)?;
    Ok(())
}

fn cut(provider: &Did) -> Refusal {
    unavailable(provider, "broke off the stream of rows before its end")
        .remedy("The agreement may have been revoked: see `weal agreements`. Otherwise ask again.")
}
