//! Catalogues elsewhere, whole: their entries and every triple that came with them.

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::{ForeignEntry, is_part_of};

use crate::tx::{BindBody, get, get_body, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

/// The words of one search, as [`weal_domain::catalogue::foreign_words`] bounds them.
const WORDS_MAX: usize = 16;
/// Pieces in memory at once.
const LOOKED_THROUGH_AT_ONCE: i64 = 8;

/// An entry in whose text all of sixteen patterns are found.
macro_rules! has_words {
    () => {
        "body IS NOT NULL AND words LIKE $1 AND words LIKE $2 AND words LIKE $3 AND words LIKE $4
             AND words LIKE $5 AND words LIKE $6 AND words LIKE $7 AND words LIKE $8
             AND words LIKE $9 AND words LIKE $10 AND words LIKE $11 AND words LIKE $12
             AND words LIKE $13 AND words LIKE $14 AND words LIKE $15 AND words LIKE $16"
    };
}

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
    /// Of its triples, written out.
    pub bytes: u64,
}

/// A part of a catalogue: an entry and the first of its triples, or what follows of them, or what stands around
/// entries.
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
        let query = sql("INSERT INTO foreign_source
                 (name, read_ms, entries, triples, whence, content_sha256, bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(source.name.clone())
        .bind(ms(source.read_at))
        .bind(int(source.entries, "foreign source")?)
        .bind(int(source.triples, "foreign source")?)
        .bind(source.from.clone())
        .bind(source.content_sha256.clone())
        .bind(int(source.bytes, "foreign source")?);
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
        let query = sql("DELETE FROM foreign_source WHERE name = $1").bind(name.to_owned());
        let removed = self.run(query).await?;
        let changed = self.elsewhere_changed().await;
        self.whole(changed)?;
        Ok(removed > 0)
    }

    /// Every catalogue elsewhere that is known, by name.
    pub async fn foreign_sources(&mut self) -> Result<Vec<ForeignSource>, StoreError> {
        let rows = self.rows(sql("SELECT * FROM foreign_source ORDER BY name")).await?;
        rows.iter().map(source_of).collect()
    }

    /// A catalogue elsewhere, by its name.
    pub async fn foreign_source(&mut self, name: &str) -> Result<Option<ForeignSource>, StoreError> {
        let query = sql("SELECT * FROM foreign_source WHERE name = $1").bind(name.to_owned());
        self.row(query).await?.map(|row| source_of(&row)).transpose()
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

    /// The entries in whose text all `words` stand (small letters and digits only, [`WORDS_MAX`] at most), by source
    /// and place: `limit` at most, and how many there are.
    pub async fn find_foreign(
        &mut self,
        words: &[String],
        limit: u32,
    ) -> Result<(Vec<ForeignEntry>, u64), StoreError> {
        if words.is_empty() {
            return self.first_foreign(limit).await;
        }
        if words.len() > WORDS_MAX {
            return Err(StoreError::TooLarge { what: "a search" });
        }
        let mut count = sql(concat!("SELECT COUNT(*) AS total FROM foreign_piece WHERE ", has_words!()));
        let mut first = sql(concat!(
            "SELECT v, body FROM foreign_piece WHERE ",
            has_words!(),
            " ORDER BY source, place LIMIT $17"
        ));
        for place in 0..WORDS_MAX {
            // Where there is no further word, everything has it.
            let pattern = words.get(place).map_or_else(|| "%".to_owned(), |word| format!("%{word}%"));
            count = count.bind(pattern.clone());
            first = first.bind(pattern);
        }
        let total = self.row(count).await?.map_or(Ok(0), |row| get_u64(&row, "total"))?;
        let rows = self.rows(first.bind(i64::from(limit))).await?;
        let found = rows.iter().map(|row| get_body(row, "foreign entry")).collect::<Result<_, _>>()?;
        Ok((found, total))
    }

    /// The first entries of all, and how many there are: without looking through any.
    async fn first_foreign(&mut self, limit: u32) -> Result<(Vec<ForeignEntry>, u64), StoreError> {
        let query = sql("SELECT v, body FROM foreign_piece WHERE body IS NOT NULL
             ORDER BY source, place LIMIT $1");
        let rows = self.rows(query.bind(i64::from(limit))).await?;
        let found = rows.iter().map(|row| get_body(row, "foreign entry")).collect::<Result<_, _>>()?;
        let total = self.foreign_sources().await?.iter().map(|source| source.entries).sum();
        Ok((found, total))
    }

    /// Whether a catalogue elsewhere says anything of `identifier` or of a part of it. What it says is looked through
    /// as it stands, so this is for when something gets an identifier, not for every day.
    pub async fn is_foreign(&mut self, identifier: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT place FROM foreign_piece WHERE dataset = $1 LIMIT 1");
        if self.row(query.bind(identifier.to_owned())).await?.is_some() {
            return Ok(true);
        }
        // A line of N-Triples begins with its subject, and nothing in it has a line's end.
        let escaped: String = identifier.chars().fold(String::new(), |mut text, letter| {
            if "!%_".contains(letter) {
                text.push('!');
            }
            text.push(letter);
            text
        });
        let mut after = (String::new(), -1_i64);
        loop {
            let query = sql("SELECT source, place, triples FROM foreign_piece
                 WHERE (source > $1 OR (source = $1 AND place > $2))
                     AND (triples LIKE $3 ESCAPE '!' OR triples LIKE $4 ESCAPE '!')
                 ORDER BY source, place LIMIT $5")
            .bind(after.0)
            .bind(after.1)
            .bind(format!("<{escaped}%"))
            .bind(format!("%\n<{escaped}%"))
            .bind(LOOKED_THROUGH_AT_ONCE);
            let rows = self.rows(query).await?;
            for row in &rows {
                // To SQLite's LIKE great and small letters are the same.
                if subjects_in(get(row, "triples")?).any(|subject| is_part_of(subject, identifier)) {
                    return Ok(true);
                }
            }
            let Some(last) = rows.last() else { return Ok(false) };
            after = (get(last, "source")?, get(last, "place")?);
        }
    }
}

/// The named subjects of N-Triples.
fn subjects_in(n_triples: &str) -> impl Iterator<Item = &str> {
    n_triples.lines().filter_map(|line| Some(line.strip_prefix('<')?.split_once('>')?.0))
}

fn source_of(row: &AnyRow) -> Result<ForeignSource, StoreError> {
    Ok(ForeignSource {
        name: get(row, "name")?,
        read_at: get_time(row, "read_ms")?,
        entries: get_u64(row, "entries")?,
        triples: get_u64(row, "triples")?,
        from: get(row, "whence")?,
        content_sha256: get(row, "content_sha256")?,
        bytes: get_u64(row, "bytes")?,
    })
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
