//! The node's keys: the one that signs, the one that will, and those whose signatures are still looked at.
//!
//! Which key signs and which are published follows from the time alone, so that nothing has to happen at a
//! certain moment and a crash leaves no key half turned: a new key is published first, signs when the caches of
//! others have heard of it, and the old one stays published until all that it signed has expired.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use weal_domain::Timestamp;
use weal_trust::keys::{NodeKey, PublicKey};

use crate::config::Folder;
use crate::fault::Fault;

/// The fragment of a node's first key in its DID document.
pub const FIRST_FRAGMENT: &str = "key-1";
/// The setting that holds the [`Record`]s.
pub(crate) const SETTING_KEYS: &str = "node_keys";

/// The setting that holds the fragment of the key whose turn was last followed.
pub(crate) const SETTING_KEY_FOLLOWED: &str = "node_key_followed";

/// When a key is what. Kept in the store; the key itself is a file in the node's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub fragment: String,
    pub published_at: Timestamp,
    /// From then on it signs, until another does.
    pub signs_from: Timestamp,
    /// From then on it is not published any more.
    pub retires_at: Option<Timestamp>,
}

impl Record {
    /// What a node that never turned its key has: one key, from the beginning of time and for good.
    fn first() -> Self {
        let (published_at, signs_from) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        Self { fragment: FIRST_FRAGMENT.into(), published_at, signs_from, retires_at: None }
    }

    fn is_published(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|at| now < at)
    }
}

/// A key and its record.
#[derive(Debug, Clone)]
pub struct HeldKey {
    pub record: Record,
    pub key: Arc<NodeKey>,
}

/// All keys of the node, oldest first, replaced whole when one is added.
#[derive(Debug)]
pub struct Keys(RwLock<Arc<Vec<HeldKey>>>);

impl Keys {
    /// Reads the keys that the store knows of from the node's folder.
    pub(crate) fn read(folder: &Folder, records: Option<&str>) -> Result<Self, Fault> {
        let unreadable = |cause: serde_json::Error| Fault::new("reading the record of keys", cause);
        let records: Vec<Record> = match records {
            Some(text) => serde_json::from_str(text).map_err(unreadable)?,
            None => vec![Record::first()],
        };
        let held = records.into_iter().map(|record| {
            let key = Arc::new(read_key(folder, &record.fragment)?);
            Ok::<HeldKey, Fault>(HeldKey { record, key })
        });
        Ok(Self(RwLock::new(Arc::new(held.collect::<Result<_, _>>()?))))
    }

    /// Every key, oldest first.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<HeldKey>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, keys: Vec<HeldKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The key that signs now: the newest whose time has come.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> HeldKey {
        let all = self.all();
        let signing = all.iter().rev().find(|held| held.record.signs_from <= now);
        signing.or(all.first()).expect("a node has its first key from the start").clone()
    }

    /// The key that the node was made with. What must not change when keys do is derived from it: the
    /// pseudonyms of persons. It is never removed from the folder, published or not.
    #[must_use]
    pub fn first(&self) -> Arc<NodeKey> {
        Arc::clone(&self.all().first().expect("a node has its first key from the start").key)
    }

    /// The keys that the DID document names at a moment, and their fragments. The one that signs comes first.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<(String, PublicKey)> {
        let signing = self.signing(now).record.fragment;
        let all = self.all();
        let mut published: Vec<&HeldKey> = all.iter().filter(|held| held.record.is_published(now)).collect();
        published.sort_by_key(|held| held.record.fragment != signing);
        published.into_iter().map(|held| (held.record.fragment.clone(), held.key.public())).collect()
    }

    /// The keys whose marks this node still takes for its own: those that are published at a moment.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> Vec<Arc<NodeKey>> {
        let all = self.all();
        let published = all.iter().filter(|held| held.record.is_published(now));
        published.map(|held| Arc::clone(&held.key)).collect()
    }

    /// Whether a public key is or was one of this node's.
    #[must_use]
    pub fn is_own(&self, key: &PublicKey) -> bool {
        self.all().iter().any(|held| held.key.public() == *key)
    }
}

/// Reads the key of a fragment from its file.
pub(crate) fn read_key(folder: &Folder, fragment: &str) -> Result<NodeKey, Fault> {
    let path = folder.key_of(fragment);
    let pem = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new);
    let unreadable = |cause: &dyn std::fmt::Display| {
        Fault::new("reading a key of the node", format!("{}: {cause}", path.display()))
    };
    let pem = pem.map_err(|cause| unreadable(&cause))?;
    NodeKey::from_pem(&pem).map_err(|cause| unreadable(&cause))
}
