//! Catalogues elsewhere: taken in whole, shown as described elsewhere and not offered here, printed again with
//! every triple.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use weal_domain::catalogue::{Query, foreign_words};
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
const SHOWN_MAX: usize = 20;
/// Pieces read from the store at once.
pub(super) const PIECES_AT_ONCE: u32 = 20;

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
        let others = tx.foreign_sources().await?;
        let before: u64 =
            others.iter().filter(|source| source.name != name).map(|source| source.entries).sum();
        let source = ForeignSource {
            name,
            read_at: self.clock.now(),
            entries: catalogue.entries.len() as u64,
            triples: catalogue.triples as u64,
            from,
            content_sha256: Some(content_sha256.clone()),
        };
        if before + source.entries > ENTRIES_MAX {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                "too-many-entries",
                format!("Catalogues elsewhere have at most {ENTRIES_MAX} entries together here."),
            )
            .remedy("Forget one with `weal catalogue forget` first.")
            .into());
        }
        tx.put_foreign(&source, &pieces_of(catalogue)).await?;
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
        let mut own = HashSet::new();
        let mut tx = self.store.read("catalogue.own_names").await?;
        own.extend(tx.products().await?.into_iter().map(|stored| stored.product.dataset(&self.did)));
        own.extend(tx.offers().await?.into_iter().map(|offer| offer.id.to_string()));
        drop(tx);
        let prefixes = [self.did.to_string(), self.config.node.origin.clone()];
        let read = tokio::task::spawn_blocking(move || {
            // An identifier that only begins with the same letters is another's.
            let under = |name: &str, prefix: &String| {
                name.strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '/', '?', ':']))
            };
            let is_ours =
                |name: &str| own.contains(name) || prefixes.iter().any(|prefix| under(name, prefix));
            let reading = Reading { source: &handed.name, base: handed.base.as_deref(), label: &label };
            read_foreign(handed.form, &handed.text, reading, is_ours)
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
        let known = tx.foreign_sources().await?.into_iter().find(|source| source.name == name);
        let known = known.ok_or_else(source_unknown)?;
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
        let sources = self.foreign_sources().await?;
        if !sources.iter().any(|source| source.name == name) {
            return Err(source_unknown().into());
        }
        let export =
            Export { house: Arc::clone(self), name: name.to_owned(), pieces: VecDeque::new(), after: None };
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
    name: String,
    pieces: VecDeque<(ForeignPlace, ForeignPiece)>,
    after: Option<u64>,
}

impl Export {
    async fn next(&mut self) -> Result<Option<String>> {
        if self.pieces.is_empty() {
            let mut tx = self.house.store.read("catalogue.export").await?;
            let read = tx.foreign_of(&self.name, self.after, PIECES_AT_ONCE).await?;
            self.pieces.extend(read);
        }
        let Some(((_, place), piece)) = self.pieces.pop_front() else { return Ok(None) };
        self.after = Some(place);
        Ok(Some(piece.triples))
    }
}

fn pieces_of(catalogue: ForeignCatalogue) -> Vec<ForeignPiece> {
    let entries = catalogue.entries.into_iter().map(|described| ForeignPiece {
        entry: Some((described.entry, described.node)),
        triples: described.triples,
    });
    let rest = catalogue.rest.into_iter().map(|triples| ForeignPiece { entry: None, triples });
    entries.chain(rest).collect()
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
