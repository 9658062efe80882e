//! The ledger as this node shows it: entries, proofs, tiles, and the folder an auditor takes away.

use std::io::Write as _;
use std::path::Path;

use weal_domain::ledger::Entry;
use weal_domain::{Refusal, RefusalKind};
use weal_store::{ENTRIES_READ_MAX, SealedEntry, Tx};
use weal_trust::export;
use weal_trust::note::Note;
use weal_trust::proof::TlogProof;
use weal_trust::tiles::{Content, Tile};

use crate::fault::{Fault, Result};
use crate::house::House;

/// An entry with what proves it.
#[derive(Debug, Clone)]
pub struct ProvedEntry {
    pub sealed: SealedEntry,
    pub entry: Entry,
    pub leaf_hash: String,
    pub proof: String,
}

pub(crate) fn entry_unknown() -> Refusal {
    Refusal::not_found("entry-unknown", "The ledger has no entry with this number.")
}

impl House {
    /// The proof that an entry stands in the ledger as last signed, in the transaction that is open.
    pub(crate) async fn proof_in(&self, tx: &mut Tx, index: u64) -> Result<String> {
        let checkpoint = tx.latest_checkpoint().await?.filter(|checkpoint| index < checkpoint.size);
        let checkpoint = checkpoint.ok_or_else(entry_unknown)?;
        let hashes = tx.inclusion_proof(index, checkpoint.size).await?;
        let checkpoint =
            Note::parse(&checkpoint.signed).map_err(|cause| Fault::new("reading the checkpoint", cause))?;
        Ok(TlogProof { extra: None, index, hashes, checkpoint }.to_string())
    }

    pub async fn proved_entry(&self, index: u64) -> Result<ProvedEntry> {
        let mut tx = self.store.read("ledger.entry").await?;
        let sealed = tx.entry(index).await?.ok_or_else(entry_unknown)?;
        let proof = self.proof_in(&mut tx, index).await?;
        let entry = read_entry(&sealed)?;
        Ok(ProvedEntry {
            leaf_hash: weal_trust::encoding::hex(sealed.commitment.leaf_hash().as_ref()),
            entry,
            proof,
            sealed,
        })
    }

    /// A page of entries, newest first.
    pub async fn entries_newest(&self, before: Option<u64>, limit: u64) -> Result<(Vec<(u64, Entry)>, u64)> {
        let mut tx = self.store.read("ledger.page").await?;
        let size = tx.ledger_size().await?;
        let end = before.unwrap_or(size).min(size);
        let sealed = tx.entries(end.saturating_sub(limit.min(ENTRIES_READ_MAX))..end).await?;
        let mut entries = Vec::with_capacity(sealed.len());
        for one in sealed.iter().rev() {
            entries.push((one.index, read_entry(one)?));
        }
        Ok((entries, size))
    }

    /// The signed checkpoint as peers and witnesses fetch it.
    pub async fn checkpoint(&self) -> Result<String> {
        let found = self.store.read("ledger.checkpoint").await?.latest_checkpoint().await?;
        Ok(found.map(|checkpoint| checkpoint.signed).ok_or_else(|| {
            Refusal::new(RefusalKind::NotFound, "ledger-empty", "This ledger has no entry yet.")
        })?)
    }

    /// One tile of the tree (C2SP tlog-tiles). Leaves are commitments: nothing of an entry is in it.
    pub async fn tile(&self, path: &str) -> Result<Vec<u8>> {
        let unknown = || Refusal::not_found("tile-unknown", "There is no such tile.");
        let tile = Tile::parse(path).map_err(|_| unknown())?;
        let mut tx = self.store.read("ledger.tile").await?;
        if !tile.exists_in(tx.ledger_size().await?) {
            return Err(unknown().into());
        }
        let faulty = |cause: weal_trust::tiles::TileError| Fault::new("making a tile", cause);
        if tile.content == Content::Entries {
            let first = tile.index * u64::from(weal_trust::tiles::TILE_WIDTH);
            let commitments = tx.commitments(first..first + u64::from(tile.width)).await?;
            let leaves = commitments.iter().map(|commitment| commitment.bytes().as_slice());
            return Ok(weal_trust::tiles::bundle(leaves).map_err(faulty)?);
        }
        let nodes = tx.nodes(tile.coords()).await?;
        let hashes: Option<Vec<_>> = tile.coords().map(|coord| nodes.get(&coord).copied()).collect();
        let hashes = hashes.ok_or_else(|| Fault::new("making a tile", "a node of the tree is missing"))?;
        Ok(tile.hash_bytes(&hashes).map_err(faulty)?)
    }

    /// Writes what `weal verify` reads: the signed checkpoint, every entry with its nonce, the DID document.
    pub async fn export_ledger(&self, out: &Path) -> Result<u64> {
        let disk = |cause: std::io::Error| Fault::new("writing the export", cause);
        std::fs::create_dir_all(out).map_err(disk)?;
        let mut tx = self.store.read("ledger.export").await?;
        let checkpoint = tx
            .latest_checkpoint()
            .await?
            .ok_or_else(|| Refusal::not_found("ledger-empty", "This ledger has no entry yet."))?;
        let mut lines =
            std::io::BufWriter::new(std::fs::File::create(out.join(export::ENTRIES_FILE)).map_err(disk)?);
        let mut next = 0;
        while next < checkpoint.size {
            let end = checkpoint.size.min(next + ENTRIES_READ_MAX);
            for sealed in tx.entries(next..end).await? {
                let line = export::entry_line(sealed.index, &sealed.nonce, &sealed.body);
                writeln!(lines, "{}", line.trim_end()).map_err(disk)?;
            }
            next = end;
        }
        lines.flush().map_err(disk)?;
        std::fs::write(out.join(export::CHECKPOINT_FILE), &checkpoint.signed).map_err(disk)?;
        std::fs::write(out.join(export::DID_FILE), export::did_json(&self.did_document())).map_err(disk)?;
        Ok(checkpoint.size)
    }
}

fn read_entry(sealed: &SealedEntry) -> Result<Entry> {
    serde_json::from_str(&sealed.body).map_err(|cause| Fault::new("reading a ledger entry", cause).into())
}
