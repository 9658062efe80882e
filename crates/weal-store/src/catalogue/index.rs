//! The index over all entries: under each term the numbers of the entries that have it, in blocks. The same
//! tables and the same rows on both databases; what they mean is decided in weal-domain.

use std::collections::BTreeMap;

use weal_domain::agreements::Purpose;
use weal_domain::catalogue::{
    CatalogueEntry, Docs, Gathered, Hits, Known, Plan, Query, Slice, Span, WantedWord, dictionary_word, near,
    place_of, terms_of,
};

use crate::tx::{Sql, get, sql};
use crate::{StoreError, Tx};

/// Sets that are read for a word's beginning. Where a member fills the index with words alike, the first ones in
/// the alphabet are found.
const SPAN_SETS_MAX: usize = 4_000;
/// Sets that are read for members: as many blocks as there are, of as many members.
const MEMBER_SETS_MAX: usize = 100_000;
/// Words that a slip is compared with, and words that are then looked up.
const SLIPS_LOOKED_AT_MAX: i64 = 8_000;
const SLIPS_TAKEN_MAX: usize = 20;

/// Sets that one transaction reads and writes, but for those of its last entry: other writers wait meanwhile.
const CHANGED_AT_ONCE_MAX: usize = 5_000;

/// What writing entries changes in the index, gathered so that each set is read and written once.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<(Vec<u8>, u32), Change>);

#[derive(Debug, Default)]
struct Change {
    remove: Vec<u16>,
    add: Vec<u16>,
}

impl Changes {
    /// Whether these are as many as one transaction should make.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= CHANGED_AT_ONCE_MAX
    }

    pub(super) fn add(&mut self, number: u32, entry: &CatalogueEntry) {
        let (block, place) = place_of(number);
        for term in terms_of(entry) {
            self.0.entry((term, block)).or_default().add.push(place);
        }
    }

    pub(super) fn remove(&mut self, number: u32, entry: &CatalogueEntry) {
        let (block, place) = place_of(number);
        for term in terms_of(entry) {
            self.0.entry((term, block)).or_default().remove.push(place);
        }
    }
}

impl Tx {
    /// The entries of `members` that answer a query, best first, and how they are spread. `purposes` are counted
    /// however many others somebody invents.
    pub async fn find(
        &mut self,
        query: &Query,
        members: &[Known],
        purposes: &[Purpose],
        slice: Slice,
    ) -> Result<Hits, StoreError> {
        let mut gathered = Gathered::of(Plan::of(query));
        let plan = gathered.plan().clone();
        for (place, wanted) in plan.words.iter().enumerate() {
            for span in &wanted.spans {
                for (term, block, docs) in self.postings(span).await? {
                    gathered.word(place, &term, block, &docs);
                }
            }
            if gathered.is_missing(place) {
                self.gather_slips(&mut gathered, place, wanted).await?;
            }
            if gathered.is_missing(place) {
                return Ok(Hits::default());
            }
        }
        if let Some(span) = &plan.title {
            for (_, block, docs) in self.postings(span).await? {
                gathered.title(block, docs);
            }
        }
        let mut is_cut = false;
        for span in Span::facets().into_iter().chain([Span::members()]) {
            let sets = self.postings(&span).await?;
            is_cut |= sets.len() >= SPAN_SETS_MAX;
            for (term, block, docs) in sets {
                gathered.facet(term, block, docs);
            }
        }
        let named = purposes.iter().chain(&query.purpose).filter(|_| is_cut);
        for span in named.map(Span::purpose) {
            for (term, block, docs) in self.postings(&span).await? {
                gathered.facet(term, block, docs);
            }
        }
        Ok(gathered.hits(query, members, slice))
    }

    /// A word that nothing has may be a slip of one that something has.
    async fn gather_slips(
        &mut self,
        gathered: &mut Gathered,
        place: usize,
        wanted: &WantedWord,
    ) -> Result<(), StoreError> {
        let Some((initial, letters)) = wanted.slips() else { return Ok(()) };
        let query = sql("SELECT word FROM word WHERE initial = $1 AND letters >= $2 AND letters <= $3
             ORDER BY letters, word LIMIT $4")
        .bind(initial.to_string())
        .bind(i64::try_from(*letters.start()).unwrap_or(0))
        .bind(i64::try_from(*letters.end()).unwrap_or(0))
        .bind(SLIPS_LOOKED_AT_MAX);
        let mut close = Vec::new();
        for row in self.rows(query).await? {
            let word: String = get(&row, "word")?;
            if close.len() < SLIPS_TAKEN_MAX && near(&wanted.word, &word) {
                close.push(word);
            }
        }
        for span in close.iter().flat_map(|word| WantedWord::spans_of(word)) {
            for (term, block, docs) in self.postings(&span).await? {
                gathered.word(place, &term, block, &docs);
            }
        }
        Ok(())
    }

    /// The sets under a span's terms, in order.
    pub(super) async fn postings(&mut self, span: &Span) -> Result<Vec<(Vec<u8>, u32, Docs)>, StoreError> {
        let sets_max = if span.from == Span::members().from { MEMBER_SETS_MAX } else { SPAN_SETS_MAX };
        let sets_max = i64::try_from(sets_max).unwrap_or(i64::MAX);
        let query = match &span.until {
            None => sql("SELECT term, block, docs FROM posting WHERE term = $1 ORDER BY block LIMIT $2")
                .bind(span.from.clone())
                .bind(sets_max),
            Some(until) => sql("SELECT term, block, docs FROM posting WHERE term >= $1 AND term < $3
                 ORDER BY term, block LIMIT $2")
            .bind(span.from.clone())
            .bind(sets_max)
            .bind(until.clone()),
        };
        let mut found = Vec::new();
        for row in self.rows(query).await? {
            let block = u32::try_from(get::<i64>(&row, "block")?);
            let docs = Docs::of(&get::<Vec<u8>>(&row, "docs")?);
            let (Ok(block), Some(docs)) = (block, docs) else { return Err(StoreError::corrupt("posting")) };
            found.push((get(&row, "term")?, block, docs));
        }
        Ok(found)
    }

    pub(super) async fn change_postings(&mut self, changes: Changes) -> Result<(), StoreError> {
        for ((term, block), change) in changes.0 {
            // What an entry had and has again stays.
            if change.remove == change.add {
                continue;
            }
            let block = i64::from(block);
            let query = sql("SELECT docs FROM posting WHERE term = $1 AND block = $2");
            let row = self.row(query.bind(term.clone()).bind(block)).await?;
            let former = row.map(|row| get::<Vec<u8>>(&row, "docs")).transpose()?;
            let is_new = former.is_none();
            let mut docs =
                Docs::of(&former.unwrap_or_default()).ok_or_else(|| StoreError::corrupt("posting"))?;
            docs.change(&change.remove, &change.add);
            if docs.is_empty() {
                let query = sql("DELETE FROM posting WHERE term = $1 AND block = $2");
                self.run(query.bind(term.clone()).bind(block)).await?;
                if let Some((word, letters)) = dictionary_word(&term) {
                    self.prune_word(word, letters).await?;
                }
                continue;
            }
            if let Some((word, letters)) = dictionary_word(&term).filter(|_| is_new) {
                self.put_word(word, letters).await?;
            }
            let query = sql("INSERT INTO posting (term, block, docs) VALUES ($1, $2, $3)
                 ON CONFLICT (term, block) DO UPDATE SET docs = excluded.docs");
            self.run(query.bind(term).bind(block).bind(docs.bytes())).await?;
        }
        Ok(())
    }

    async fn put_word(&mut self, word: &str, letters: usize) -> Result<(), StoreError> {
        let query =
            sql("INSERT INTO word (initial, letters, word) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        self.run(of_word(query, word, letters)?).await.map(|_| ())
    }

    /// A word that stands nowhere any more is nobody's slip.
    async fn prune_word(&mut self, word: &str, letters: usize) -> Result<(), StoreError> {
        for span in WantedWord::spans_of(word) {
            let query = sql("SELECT block FROM posting WHERE term = $1 LIMIT 1").bind(span.from);
            if self.row(query).await?.is_some() {
                return Ok(());
            }
        }
        let query = sql("DELETE FROM word WHERE initial = $1 AND letters = $2 AND word = $3");
        self.run(of_word(query, word, letters)?).await.map(|_| ())
    }
}

/// Binds the key under which a word stands.
fn of_word(query: Sql, word: &str, letters: usize) -> Result<Sql, StoreError> {
    let initial = word.chars().take(1).collect::<String>();
    let letters = i64::try_from(letters).map_err(|_| StoreError::TooLarge { what: "a word" })?;
    Ok(query.bind(initial).bind(letters).bind(word.to_owned()))
}
