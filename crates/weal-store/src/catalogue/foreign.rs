//! Catalogues elsewhere, whole: their entries and every triple that came with them.

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::ForeignEntry;

use crate::tx::{BindBody, get, get_body, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

/// A catalogue elsewhere and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSource {
    /// What it is called here.
    pub name: String,
    pub read_at: Timestamp,
    pub entries: u64,
    pub triples: u64,
    /// The address or the name of the file that it was read from, as far as that was said.
    pub from: Option<String>,
    /// SHA-256 of what was read, lower-case hex; None where an earlier version read it.
    pub content_sha256: Option<String>,
}

/// A part of a catalogue: an entry, or what stands around entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPiece {
    /// The entry and its node in the triples.
    pub entry: Option<(ForeignEntry, String)>,
    /// N-Triples.
    pub triples: String,
}

/// Where a piece stands: source and place.
pub type ForeignPlace = (String, u64);

impl Tx {
    /// Puts a catalogue in the place of what was known of it.
    pub async fn put_foreign(
        &mut self,
        source: &ForeignSource,
        pieces: &[ForeignPiece],
    ) -> Result<(), StoreError> {
        self.remove_foreign(&source.name).await?;
        let query =
            sql("INSERT INTO foreign_source (name, read_ms, entries, triples, whence, content_sha256)
                 VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(source.name.clone())
            .bind(ms(source.read_at))
            .bind(int(source.entries, "foreign source")?)
            .bind(int(source.triples, "foreign source")?)
            .bind(source.from.clone())
            .bind(source.content_sha256.clone());
        self.run(query).await?;
        let kept = self.put_pieces(&source.name, pieces).await;
        self.whole(kept)
    }

    async fn put_pieces(&mut self, source: &str, pieces: &[ForeignPiece]) -> Result<(), StoreError> {
        for (place, piece) in pieces.iter().enumerate() {
            let place = int(place as u64, "foreign piece")?;
            let query = match &piece.entry {
                Some((entry, node)) => {
                    sql("INSERT INTO foreign_piece (source, place, triples, words, node, dataset, v, body)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                    .bind(source.to_owned())
                    .bind(place)
                    .bind(piece.triples.clone())
                    .bind(entry.text())
                    .bind(node.clone())
                    .bind(entry.dataset.clone())
                    .bind_body(entry)?
                }
                None => {
                    sql("INSERT INTO foreign_piece (source, place, triples, words) VALUES ($1, $2, $3, '')")
                        .bind(source.to_owned())
                        .bind(place)
                        .bind(piece.triples.clone())
                }
            };
            self.run(query).await?;
        }
        Ok(())
    }

    /// Forgets a catalogue; answers whether it was known.
    pub async fn remove_foreign(&mut self, name: &str) -> Result<bool, StoreError> {
        let removed = self.run(sql("DELETE FROM foreign_source WHERE name = $1").bind(name.to_owned()));
        Ok(removed.await? > 0)
    }

    /// Every catalogue elsewhere that is known, by name.
    pub async fn foreign_sources(&mut self) -> Result<Vec<ForeignSource>, StoreError> {
        let source = |row: &AnyRow| {
            Ok(ForeignSource {
                name: get(row, "name")?,
                read_at: get_time(row, "read_ms")?,
                entries: get_u64(row, "entries")?,
                triples: get_u64(row, "triples")?,
                from: get(row, "whence")?,
                content_sha256: get(row, "content_sha256")?,
            })
        };
        self.rows(sql("SELECT * FROM foreign_source ORDER BY name")).await?.iter().map(source).collect()
    }

    /// The pieces of all catalogues that come after a place, `limit` at most, with their places.
    pub async fn foreign_after(
        &mut self,
        after: Option<&ForeignPlace>,
        limit: u32,
    ) -> Result<Vec<(ForeignPlace, ForeignPiece)>, StoreError> {
        let (source, place) = match after {
            Some((source, place)) => (source.clone(), int(*place, "foreign piece")?),
            None => (String::new(), -1),
        };
        let query = sql("SELECT source, place, node, v, body, triples FROM foreign_piece
             WHERE source > $1 OR (source = $1 AND place > $2) ORDER BY source, place LIMIT $3");
        let rows = self.rows(query.bind(source).bind(place).bind(i64::from(limit))).await?;
        rows.iter().map(piece_of).collect()
    }

    /// The pieces of one catalogue that come after a place, `limit` at most.
    pub async fn foreign_of(
        &mut self,
        source: &str,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(ForeignPlace, ForeignPiece)>, StoreError> {
        let after = after.map_or(Ok(-1), |place| int(place, "foreign piece"))?;
        let query = sql("SELECT source, place, node, v, body, triples FROM foreign_piece
             WHERE source = $1 AND place > $2 ORDER BY place LIMIT $3");
        let rows = self.rows(query.bind(source.to_owned()).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(piece_of).collect()
    }

    /// The entries in whose text all `words` stand (small letters and digits only), by source and place: `limit`
    /// at most, and how many there are.
    pub async fn find_foreign(
        &mut self,
        words: &[String],
        limit: usize,
    ) -> Result<(Vec<ForeignEntry>, u64), StoreError> {
        let longest = words.iter().max_by_key(|word| word.len());
        let pattern = format!("%{}%", longest.map(String::as_str).unwrap_or_default());
        let query = sql("SELECT words, v, body FROM foreign_piece
             WHERE body IS NOT NULL AND words LIKE $1 ORDER BY source, place");
        let (mut found, mut total) = (Vec::new(), 0);
        for row in &self.rows(query.bind(pattern)).await? {
            let text: String = get(row, "words")?;
            if !words.iter().all(|word| text.contains(word)) {
                continue;
            }
            total += 1;
            if found.len() < limit {
                found.push(get_body(row, "foreign entry")?);
            }
        }
        Ok((found, total))
    }

    /// Whether a catalogue elsewhere describes this dataset.
    pub async fn is_foreign(&mut self, dataset: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT place FROM foreign_piece WHERE dataset = $1 LIMIT 1");
        Ok(self.row(query.bind(dataset.to_owned())).await?.is_some())
    }
}

fn piece_of(row: &AnyRow) -> Result<(ForeignPlace, ForeignPiece), StoreError> {
    let node: Option<String> = get(row, "node")?;
    let entry = match node {
        Some(node) => Some((get_body(row, "foreign entry")?, node)),
        None => None,
    };
    let place = (get(row, "source")?, get_u64(row, "place")?);
    Ok((place, ForeignPiece { entry, triples: get(row, "triples")? }))
}
