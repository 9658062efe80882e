//! Catalogues elsewhere: taken in whole, shown as described elsewhere and not offered here, printed again with
//! every triple.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use weal_domain::catalogue::{Query, foreign_words, is_part_of_any};
use weal_domain::identity::{Act, Person};
use weal_domain::ledger::Fact;
use weal_domain::words::is_line;
use weal_domain::{Refusal, RefusalKind};
use weal_store::{ForeignPiece, ForeignPlace, ForeignSource};
use weal_wire::dcat::{ForeignCatalogue, Form, Reading, read_foreign};

use crate::acts::sha256_hex;
use crate::api::{Elsewhere, ForeignShown};
use crate::fault::{Fault, Result};
use crate::house::House;

/// Entries of all catalogues elsewhere together.
const ENTRIES_MAX: u64 = 50_000;
const NAME_CHARS_MAX: usize = 200;
/// Of the address or the file that a catalogue was read from.
const FROM_CHARS_MAX: usize = 2_000;
/// Entries shown of one search.
const SHOWN_MAX: u32 = 20;
/// What all catalogues elsewhere say together, written out.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Pieces read from the store at once; each has at most some 1.3 MB.
pub(super) const PIECES_AT_ONCE: u32 = 8;

/// A catalogue that somebody has read elsewhere and hands to this node.
#[derive(Debug, Clone)]
pub struct Handed {
    /// What it is to be called here.
    pub name: String,
    pub form: Form,
    /// The address it came from, by which relative addresses in it are resolved.
    pub base: Option<String>,
    /// The address or the name of the file that it was read from, for the ledger.
    pub from: Option<String>,
    pub text: Bytes,
}

impl House {
    /// Takes a catalogue in, in the place of what this node knew by the same name.
    pub async fn import_catalogue(&self, by: &Person, handed: Handed) -> Result<ForeignShown> {
        let role = self.require_act(by, Act::Publish)?;
        if !is_line(&handed.name, NAME_CHARS_MAX) {
            return Err(Refusal::invalid(
                "name",
                format!("A catalogue's name has 1 to {NAME_CHARS_MAX} characters on one line."),
            )
            .into());
        }
        let from = handed.from.as_deref().or(handed.base.as_deref()).map(place_of).transpose()?;
        let content_sha256 = sha256_hex(&handed.text);
        // What is published meanwhile could take an identifier that this catalogue describes.
        let _turn = self.doors.publishing.lock().await;
        let name = handed.name.clone();
        let catalogue = self.read_handed(handed).await?;
        let mut tx = self.store.write("catalogue.import").await?;
        let mut others = tx.foreign_sources().await?;
        others.retain(|source| source.name != name);
        let (entries, triples) = (catalogue.entries.len() as u64, catalogue.triples as u64);
        let pieces = pieces_of(catalogue);
        let bytes = pieces.iter().map(|piece| piece.triples.len() as u64).sum();
        let read_at = self.clock.now();
        let content = Some(content_sha256.clone());
        let source = ForeignSource { name, read_at, entries, triples, from, content_sha256: content, bytes };
        check_room(&others, &source)?;
        tx.put_foreign(&source, &pieces).await?;
        let fact = Fact::CatalogueImported {
            catalogue: source.name.clone(),
            from: source.from.clone(),
            content_sha256,
            entries: source.entries,
        };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        tracing::info!(source = %source.name, entries = source.entries, by = %by.account, "a catalogue was taken in");
        Ok(shown(source))
    }

    /// Reads it beside the requests: a large one takes seconds.
    async fn read_handed(&self, handed: Handed) -> Result<ForeignCatalogue> {
        let entropy = self.entropy.bytes::<8>()?;
        let label: String = entropy.iter().fold("s".to_owned(), |label, byte| format!("{label}{byte:02x}"));
        let mut own = BTreeSet::from([self.did.to_string(), self.config.node.origin.clone()]);
        let mut tx = self.store.read("catalogue.own_names").await?;
        own.extend(tx.products().await?.into_iter().map(|stored| stored.product.dataset(&self.did)));
        own.extend(tx.offers().await?.into_iter().map(|offer| offer.id.to_string()));
        drop(tx);
        let read = tokio::task::spawn_blocking(move || {
            let reading = Reading { source: &handed.name, base: handed.base.as_deref(), label: &label };
            read_foreign(handed.form, &handed.text, reading, |name| is_part_of_any(name, &own))
        });
        let catalogue = read.await.map_err(|cause| Fault::new("reading a catalogue", cause))?;
        let catalogue = catalogue.map_err(Refusal::from)?;
        if catalogue.entries.is_empty() {
            return Err(Refusal::invalid("no-datasets", "This catalogue describes no dataset.")
                .remedy("Send a catalogue in DCAT: its datasets have the class dcat:Dataset.")
                .into());
        }
        Ok(catalogue)
    }

    /// Forgets a catalogue elsewhere with all its entries.
    pub async fn forget_catalogue(&self, by: &Person, name: &str) -> Result<()> {
        let role = self.require_act(by, Act::Publish)?;
        let mut tx = self.store.write("catalogue.forget").await?;
        let known = tx.foreign_source(name).await?.ok_or_else(source_unknown)?;
        tx.remove_foreign(name).await?;
        let ForeignSource { name: catalogue, from, content_sha256, entries, .. } = known;
        let fact = Fact::CatalogueForgotten { catalogue, from, content_sha256, entries };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The catalogues elsewhere that were taken in.
    pub async fn foreign_sources(&self) -> Result<Vec<ForeignShown>> {
        let sources = self.store.read("catalogue.sources").await?.foreign_sources().await?;
        Ok(sources.into_iter().map(shown).collect())
    }

    /// What is described elsewhere and has all words of a query. Member, rung and class are words of our own, so a
    /// query that names one finds nothing there.
    pub async fn search_elsewhere(&self, query: &Query) -> Result<Elsewhere> {
        let Query { text, .. } = query;
        if *query != (Query { text: text.clone(), ..Query::default() }) {
            return Ok(Elsewhere::default());
        }
        let mut tx = self.store.read("catalogue.elsewhere").await?;
        let (entries, total) = tx.find_foreign(&foreign_words(text), SHOWN_MAX).await?;
        Ok(Elsewhere { entries, total })
    }

    /// Everything that a catalogue elsewhere says, as N-Triples. Where reading fails the stream breaks off.
    pub async fn exported_catalogue(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<impl Stream<Item = Result<String, std::io::Error>> + Send + 'static> {
        let source = self.store.read("catalogue.export").await?.foreign_source(name).await?;
        let source = source.ok_or_else(source_unknown)?;
        let export = Export { house: Arc::clone(self), source, pieces: VecDeque::new(), after: None };
        Ok(futures::stream::try_unfold(export, |mut export| async move {
            let piece = export.next().await.map_err(|cause| {
                tracing::error!(%cause, "a catalogue could not be read to its end");
                std::io::Error::other("the catalogue could not be read to its end")
            })?;
            Ok(piece.map(|piece| (piece, export)))
        }))
    }
}

/// How far an export has come.
struct Export {
    house: Arc<House>,
    source: ForeignSource,
    pieces: VecDeque<(ForeignPlace, ForeignPiece)>,
    after: Option<u64>,
}

impl Export {
    async fn next(&mut self) -> Result<Option<String>> {
        if self.pieces.is_empty() {
            let mut tx = self.house.store.read("catalogue.export").await?;
            // The halves of two catalogues would pass for one.
            if tx.foreign_source(&self.source.name).await?.as_ref() != Some(&self.source) {
                return Err(replaced().into());
            }
            let read = tx.foreign_of(&self.source.name, self.after, PIECES_AT_ONCE).await?;
            self.pieces.extend(read);
        }
        let Some(((_, place), piece)) = self.pieces.pop_front() else { return Ok(None) };
        self.after = Some(place);
        Ok(Some(piece.triples))
    }
}

/// Whether a catalogue has room beside the others.
fn check_room(others: &[ForeignSource], source: &ForeignSource) -> Result<(), Refusal> {
    let entries: u64 = others.iter().chain([source]).map(|source| source.entries).sum();
    let bytes: u64 = others.iter().chain([source]).map(|source| source.bytes).sum();
    let (code, limit) = if entries > ENTRIES_MAX {
        ("too-many-entries", format!("{ENTRIES_MAX} entries"))
    } else if bytes > BYTES_MAX {
        ("catalogues-too-large", format!("{BYTES_MAX} bytes of triples, written out,"))
    } else {
        return Ok(());
    };
    let reason = format!("Catalogues elsewhere have at most {limit} together here.");
    let refusal = Refusal::new(RefusalKind::TooLarge, code, reason);
    Err(refusal.remedy("Forget one with `weal catalogue forget` first."))
}

/// An entry with the first of its pieces; the others of it stand behind.
fn pieces_of(catalogue: ForeignCatalogue) -> Vec<ForeignPiece> {
    let mut pieces = Vec::new();
    for described in catalogue.entries {
        let mut entry = Some((described.entry, described.node));
        let of_entry = described.triples.into_iter();
        pieces.extend(of_entry.map(|triples| ForeignPiece { entry: entry.take(), triples }));
    }
    pieces.extend(catalogue.rest.into_iter().map(|triples| ForeignPiece { entry: None, triples }));
    pieces
}

/// Why a long answer breaks off.
pub(super) fn replaced() -> Refusal {
    Refusal::conflict("catalogue-replaced", "A catalogue elsewhere was replaced while it was read.")
        .remedy("Ask for it again.")
}

fn shown(source: ForeignSource) -> ForeignShown {
    ForeignShown {
        name: source.name,
        read_at: source.read_at,
        entries: source.entries,
        triples: source.triples,
    }
}

/// As the ledger keeps it: without a name and a password by which it may have been opened (`LE-2`).
fn place_of(given: &str) -> Result<String, Refusal> {
    let wrong = || {
        let text =
            format!("Where a catalogue was read from has 1 to {FROM_CHARS_MAX} characters on one line.");
        Refusal::invalid("from", text)
    };
    let Ok(mut address) = url::Url::parse(given) else {
        return is_line(given, FROM_CHARS_MAX).then(|| given.to_owned()).ok_or_else(wrong);
    };
    // What has no host has neither of both, and refuses to be rid of them.
    let _ = address.set_username("").and_then(|()| address.set_password(None));
    let bare = String::from(address);
    is_line(&bare, FROM_CHARS_MAX).then_some(bare).ok_or_else(wrong)
}

fn source_unknown() -> Refusal {
    Refusal::not_found("catalogue-unknown", "No catalogue of this name was taken in.")
        .remedy("List them with `weal catalogue list`.")
}
