//! Ledger: sealed entries, the nodes of their Merkle tree, and the signed checkpoint over it. All three
//! change in the transaction of the act that they remember, or not at all.

use std::collections::HashMap;
use std::ops::Range;

use sqlx::any::AnyRow;
use weal_domain::ledger::Entry;
use weal_trust::merkle::{self, Coord, Frontier, Hash, Node};
use weal_trust::note::{Note, NoteError};
use weal_trust::seal::{Commitment, Nonce};

use crate::tx::{get, get_u64, int, sql};
use crate::{StoreError, Tx};

/// The most entries or commitments that one call reads.
pub const ENTRIES_READ_MAX: u64 = 1024;

/// An entry as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEntry {
    pub index: u64,
    pub nonce: Nonce,
    /// The exact JSON text that was sealed, byte for byte; an [`Entry`].
    pub body: String,
    pub commitment: Commitment,
}

/// The newest signed head of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    pub size: u64,
    pub root: Hash,
    /// The signed note, as it is served.
    pub signed: String,
}

/// Signs the head of the tree: its size and its root.
pub type Signer<'a> = &'a (dyn Fn(u64, Hash) -> Result<Note, NoteError> + Send + Sync);

struct Head {
    size: u64,
    frontier: Vec<Hash>,
}

impl Tx {
    /// Seals entries at the end of the ledger, in order, and signs the new head; their indices.
    ///
    /// `entropy` gives a nonce for each: 32 bytes that nobody can guess.
    pub async fn append(
        &mut self,
        entries: &[Entry],
        entropy: &mut (dyn FnMut() -> [u8; 32] + Send),
        signer: Signer<'_>,
    ) -> Result<Vec<u64>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let appended = self.append_all(entries, entropy, signer).await;
        self.whole(appended)
    }

    /// Signs the ledger as it stands: before its first entry, or with a new key.
    pub async fn sign_again(&mut self, signer: Signer<'_>) -> Result<StoredCheckpoint, StoreError> {
        let head = self.head().await?;
        let nodes = Frontier::coords(head.size).into_iter().zip(head.frontier.iter().copied()).collect();
        let tree = Frontier::load(head.size, head.frontier).map_err(StoreError::fault)?;
        self.put_head(&tree, &nodes, signer).await
    }

    /// How many entries the ledger has.
    pub async fn ledger_size(&mut self) -> Result<u64, StoreError> {
        let row = self.row(sql("SELECT size FROM ledger_checkpoint WHERE one = 1")).await?;
        row.map_or(Ok(0), |row| get_u64(&row, "size"))
    }

    /// The newest checkpoint; `None` before the first entry or [`Tx::sign_again`].
    pub async fn latest_checkpoint(&mut self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let row = self.row(sql("SELECT size, root, signed FROM ledger_checkpoint WHERE one = 1")).await?;
        row.map(|row| {
            Ok(StoredCheckpoint {
                size: get_u64(&row, "size")?,
                root: get_hash(&row, "root")?,
                signed: get(&row, "signed")?,
            })
        })
        .transpose()
    }

    pub async fn entry(&mut self, index: u64) -> Result<Option<SealedEntry>, StoreError> {
        Ok(self.entries(index..index.saturating_add(1)).await?.pop())
    }

    /// Entries in order. At most [`ENTRIES_READ_MAX`] from the range's start; fewer at the ledger's end.
    pub async fn entries(&mut self, range: Range<u64>) -> Result<Vec<SealedEntry>, StoreError> {
        let query = sql("SELECT number, nonce, body, commitment FROM ledger_entry
             WHERE number >= $1 AND number < $2 ORDER BY number");
        let (from, to) = bounds(range)?;
        self.rows(query.bind(from).bind(to)).await?.iter().map(sealed_entry).collect()
    }

    /// The data of leaves in order, for entry bundles; limited as [`Tx::entries`].
    pub async fn commitments(&mut self, range: Range<u64>) -> Result<Vec<Commitment>, StoreError> {
        let query = sql("SELECT commitment FROM ledger_entry
             WHERE number >= $1 AND number < $2 ORDER BY number");
        let (from, to) = bounds(range)?;
        let rows = self.rows(query.bind(from).bind(to)).await?;
        rows.iter().map(|row| Ok(Commitment::from_bytes(get_hash(row, "commitment")?.0))).collect()
    }

    /// Hashes of complete subtrees, for proofs and tiles. What the tree does not have yet is left out.
    pub async fn nodes(
        &mut self,
        coords: impl IntoIterator<Item = Coord>,
    ) -> Result<HashMap<Coord, Hash>, StoreError> {
        let mut coords: Vec<Coord> = coords.into_iter().collect();
        coords.sort_unstable();
        coords.dedup();
        let mut found = HashMap::with_capacity(coords.len());
        // A tile is one run of neighbours: one query.
        for run in coords.chunk_by(|a, b| a.level == b.level && a.index + 1 == b.index) {
            let query = sql("SELECT number, hash FROM ledger_node
                 WHERE level = $1 AND number >= $2 AND number < $3")
            .bind(i64::from(run[0].level))
            .bind(int(run[0].index, "index")?)
            .bind(int(run[0].index + run.len() as u64, "index")?);
            for row in self.rows(query).await? {
                let coord = Coord { level: run[0].level, index: get_u64(&row, "number")? };
                found.insert(coord, get_hash(&row, "hash")?);
            }
        }
        Ok(found)
    }

    /// The proof that entry `index` stands in the tree of `size` entries.
    pub async fn inclusion_proof(&mut self, index: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        let plan = merkle::inclusion_plan(index, size).map_err(StoreError::fault)?;
        let nodes = self.nodes(plan.coords()).await?;
        plan.build(|coord| nodes.get(&coord).copied()).map_err(|e| StoreError::corrupt(e.to_string()))
    }

    /// The proof that the tree of `new` entries continues the tree of `old`.
    pub async fn consistency_proof(&mut self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        let plan = merkle::consistency_plan(old, new).map_err(StoreError::fault)?;
        let nodes = self.nodes(plan.coords()).await?;
        plan.build(|coord| nodes.get(&coord).copied()).map_err(|e| StoreError::corrupt(e.to_string()))
    }

    async fn append_all(
        &mut self,
        entries: &[Entry],
        entropy: &mut (dyn FnMut() -> [u8; 32] + Send),
        signer: Signer<'_>,
    ) -> Result<Vec<u64>, StoreError> {
        let head = self.head().await?;
        let mut nodes: HashMap<Coord, Hash> =
            Frontier::coords(head.size).into_iter().zip(head.frontier.iter().copied()).collect();
        let mut tree = Frontier::load(head.size, head.frontier).map_err(StoreError::fault)?;
        let mut indices = Vec::with_capacity(entries.len());
        for entry in entries {
            let body = serde_json::to_string(entry).map_err(StoreError::fault)?;
            let nonce = Nonce::from_entropy(entropy());
            let commitment = Commitment::seal(&nonce, body.as_bytes());
            let index = tree.size();
            let mut completed = Vec::new();
            tree.append(commitment.leaf_hash(), |node| completed.push(node)).map_err(StoreError::fault)?;
            self.put_entry(SealedEntry { index, nonce, body, commitment }).await?;
            for node in completed {
                nodes.insert(Coord { level: node.level, index: node.index }, node.hash);
                self.put_node(node).await?;
            }
            indices.push(index);
        }
        self.put_head(&tree, &nodes, signer).await?;
        Ok(indices)
    }

    async fn head(&mut self) -> Result<Head, StoreError> {
        let row = self.row(sql("SELECT size, frontier FROM ledger_checkpoint WHERE one = 1")).await?;
        let Some(row) = row else { return Ok(Head { size: 0, frontier: Vec::new() }) };
        let bytes: &[u8] = get(&row, "frontier")?;
        let frontier = bytes.chunks(32).map(Hash::try_from).collect::<Result<_, _>>();
        let frontier = frontier.map_err(|_| StoreError::corrupt("ledger_checkpoint.frontier"))?;
        Ok(Head { size: get_u64(&row, "size")?, frontier })
    }

    async fn put_head(
        &mut self,
        tree: &Frontier,
        nodes: &HashMap<Coord, Hash>,
        signer: Signer<'_>,
    ) -> Result<StoredCheckpoint, StoreError> {
        let (size, root) = (tree.size(), tree.root());
        let signed = signer(size, root).map_err(StoreError::fault)?.to_string();
        let mut frontier = Vec::new();
        for coord in Frontier::coords(size) {
            let hash = nodes.get(&coord).ok_or_else(|| StoreError::corrupt("ledger_checkpoint.frontier"))?;
            frontier.extend_from_slice(&hash.0);
        }
        let query = sql("INSERT INTO ledger_checkpoint (one, size, root, frontier, signed)
             VALUES (1, $1, $2, $3, $4) ON CONFLICT (one) DO UPDATE SET
                 size = excluded.size, root = excluded.root, frontier = excluded.frontier,
                 signed = excluded.signed")
        .bind(int(size, "size")?)
        .bind(root.0.to_vec())
        .bind(frontier)
        .bind(signed.clone());
        self.run(query).await?;
        Ok(StoredCheckpoint { size, root, signed })
    }

    async fn put_entry(&mut self, entry: SealedEntry) -> Result<(), StoreError> {
        let query = sql("INSERT INTO ledger_entry (number, nonce, body, commitment) VALUES ($1, $2, $3, $4)")
            .bind(int(entry.index, "index")?)
            .bind(entry.nonce.bytes().to_vec())
            .bind(entry.body)
            .bind(entry.commitment.bytes().to_vec());
        self.run(query).await.map(|_| ())
    }

    async fn put_node(&mut self, node: Node) -> Result<(), StoreError> {
        let query = sql("INSERT INTO ledger_node (level, number, hash) VALUES ($1, $2, $3)")
            .bind(i64::from(node.level))
            .bind(int(node.index, "index")?)
            .bind(node.hash.0.to_vec());
        self.run(query).await.map(|_| ())
    }
}

fn bounds(range: Range<u64>) -> Result<(i64, i64), StoreError> {
    let to = range.end.min(range.start.saturating_add(ENTRIES_READ_MAX));
    Ok((int(range.start, "index")?, int(to, "index")?))
}

fn sealed_entry(row: &AnyRow) -> Result<SealedEntry, StoreError> {
    Ok(SealedEntry {
        index: get_u64(row, "number")?,
        nonce: Nonce::from_entropy(get_hash(row, "nonce")?.0),
        body: get(row, "body")?,
        commitment: Commitment::from_bytes(get_hash(row, "commitment")?.0),
    })
}

fn get_hash(row: &AnyRow, column: &'static str) -> Result<Hash, StoreError> {
    Hash::try_from(get::<&[u8]>(row, column)?).map_err(|_| StoreError::corrupt(column))
}
