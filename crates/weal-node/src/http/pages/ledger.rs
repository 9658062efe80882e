//! The ledger in plain words, and the proof of one entry.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Deserialize;
use weal_domain::identity::Act;
use weal_domain::ledger::{Entry, Fact};
use weal_portal::view::{
    CheckpointView, EntryCheck, EntryLine, EntryView, FactGroup, LedgerFilter, LedgerView, Paging, Section,
};
use weal_portal::{pages, paths};
use weal_store::{ENTRIES_READ_MAX, StoredCheckpoint};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::encoding::{base64, hex};
use weal_trust::merkle::{inclusion_root, verify_inclusion};
use weal_trust::proof::TlogProof;

use super::frame::{PageResult, Path, Query, Visit, page};
use super::one;
use super::parties::names;
use crate::acts::ledger::{ProvedEntry, entry_unknown};
use crate::fault::{Fault, Result};
use crate::house::House;

const ENTRIES_PER_PAGE: u64 = 50;
/// The newest entries among which those of one kind are looked for.
const FILTERED_ENTRIES_MAX: u64 = 20_000;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::LEDGER, get(ledger))
        .route(&one(paths::LEDGER, ""), get(entry))
        .route(&one(paths::LEDGER, "/proof"), get(proof))
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    check: String,
}

async fn ledger(visit: Visit, Query(wanted): Query<Wanted>) -> PageResult {
    let chrome = visit.chrome(Section::Ledger).await?;
    visit.house.require_act(&visit.session.person, Act::ReadLedger)?;
    let kind = FactGroup::parse(&wanted.kind);
    let page_wanted = wanted.page.parse().unwrap_or(1);
    let (entries, paging) = match kind {
        None => newest(&visit.house, page_wanted).await?,
        Some(kind) => newest_of(&visit.house, kind, page_wanted).await?,
    };
    let view = LedgerView {
        entries,
        names: names(&visit.house, &visit.house.ecosystem()),
        filter: LedgerFilter { kind },
        paging,
        checkpoint: checkpoint(&visit.house).await?,
    };
    page(pages::ledger::ledger(&chrome, &view))
}

async fn entry(visit: Visit, Path(index): Path<String>, Query(wanted): Query<Wanted>) -> PageResult {
    let chrome = visit.chrome(Section::Ledger).await?;
    let proved = readable(&visit, &index).await?;
    let view = entry_view(&visit.house, proved, wanted.check == "1")?;
    page(pages::ledger::entry(&chrome, &view))
}

async fn proof(visit: Visit, Path(index): Path<String>) -> PageResult {
    let proved = readable(&visit, &index).await?;
    let name = format!("attachment; filename=\"entry-{}.tlog-proof\"", proved.sealed.index);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, proved.proof).into_response())
}

/// The entry, if this person may read it.
async fn readable(visit: &Visit, index: &str) -> Result<ProvedEntry> {
    let index = index.parse().map_err(|_| entry_unknown())?;
    let proved = visit.house.proved_entry(index).await?;
    if may_read(visit, &proved.entry) {
        return Ok(proved);
    }
    visit.house.require_act(&visit.session.person, Act::ReadLedger)?;
    Ok(proved)
}

/// Whoever may read the ledger reads all of it; everyone else what other pages show them anyway, and
/// their own uses.
pub(super) fn may_read(visit: &Visit, entry: &Entry) -> bool {
    let is_open = || {
        use FactGroup::{Agreements, Catalogue, Governance};
        matches!(FactGroup::of(&entry.fact), Agreements | Catalogue | Governance)
    };
    let is_own = || match &entry.fact {
        Fact::UseReceived { receipt, .. } => receipt.person == visit.house.pseudonym(&visit.session.person),
        _ => false,
    };
    visit.may(Act::ReadLedger) || is_open() || is_own()
}

fn paging(total: u64, wanted: u64) -> Paging {
    let pages = total.div_ceil(ENTRIES_PER_PAGE).max(1);
    Paging { page: wanted.clamp(1, pages), pages, total }
}

async fn newest(house: &House, wanted: u64) -> Result<(Vec<EntryLine>, Paging)> {
    let (_, size) = house.entries_newest(None, 0).await?;
    let paging = paging(size, wanted);
    let before = size.saturating_sub((paging.page - 1) * ENTRIES_PER_PAGE);
    let (entries, _) = house.entries_newest(Some(before), ENTRIES_PER_PAGE).await?;
    Ok((entries.into_iter().map(|(index, entry)| EntryLine { index, entry }).collect(), paging))
}

/// Entries hold no kind that a database could index, so the newest ones are looked through.
async fn newest_of(house: &House, kind: FactGroup, wanted: u64) -> Result<(Vec<EntryLine>, Paging)> {
    let mut found = Vec::new();
    let (_, size) = house.entries_newest(None, 0).await?;
    let (mut before, last) = (size, size.saturating_sub(FILTERED_ENTRIES_MAX));
    while before > last {
        let (entries, _) = house.entries_newest(Some(before), ENTRIES_READ_MAX).await?;
        before = before.saturating_sub(ENTRIES_READ_MAX);
        found.extend(entries.into_iter().filter(|(_, entry)| FactGroup::of(&entry.fact) == kind));
    }
    let paging = paging(found.len() as u64, wanted);
    let skipped = usize::try_from((paging.page - 1) * ENTRIES_PER_PAGE).unwrap_or(usize::MAX);
    let lines = found.into_iter().skip(skipped).take(ENTRIES_PER_PAGE as usize);
    Ok((lines.map(|(index, entry)| EntryLine { index, entry }).collect(), paging))
}

async fn checkpoint(house: &House) -> Result<Option<CheckpointView>> {
    let head = house.store.read("pages.checkpoint").await?.latest_checkpoint().await?;
    Ok(head.map(|StoredCheckpoint { size, root, signed }| CheckpointView {
        origin: house.ledger_origin(),
        size,
        root: base64(&root.0),
        note: signed,
    }))
}

fn entry_view(house: &House, proved: ProvedEntry, is_checked: bool) -> Result<EntryView> {
    let ProvedEntry { sealed, entry, leaf_hash, proof } = proved;
    let unreadable = |cause: &dyn std::fmt::Display| Fault::new("reading a proof", cause);
    let proof = TlogProof::parse(&proof).map_err(|cause| unreadable(&cause))?;
    let head = Checkpoint::parse_text(proof.checkpoint.text()).map_err(|cause| unreadable(&cause))?;
    let leaf = sealed.commitment.leaf_hash();
    let check = is_checked.then(|| EntryCheck {
        commitment_holds: sealed.commitment.opens(&sealed.nonce, sealed.body.as_bytes()),
        path_holds: verify_inclusion(&leaf, sealed.index, head.size, &proof.hashes, &head.root).is_ok(),
        signature_holds: house.keys.all().iter().any(|held| {
            let key = held.key.public();
            Checkpoint::open_note(&proof.checkpoint, &house.ledger_origin(), &key).is_ok()
        }),
        computed_root: inclusion_root(&leaf, sealed.index, head.size, &proof.hashes)
            .map_or_else(|cause| cause.to_string(), |root| base64(&root.0)),
    });
    Ok(EntryView {
        index: sealed.index,
        entry,
        names: names(house, &house.ecosystem()),
        commitment: hex(sealed.commitment.bytes()),
        leaf_hash,
        path: proof.hashes.iter().map(|hash| hex(&hash.0)).collect(),
        checkpoint: Some(CheckpointView {
            origin: head.origin,
            size: head.size,
            root: base64(&head.root.0),
            note: proof.checkpoint.to_string(),
        }),
        body: sealed.body,
        check,
    })
}
