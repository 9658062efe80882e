//! The house: everything an act needs, made once by [`House::open`] and passed by reference.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use weal_domain::identity::{Did, Person, Role};
use weal_domain::ledger::{Actor, ENTRY_VERSION, Entry, Fact};
use weal_engine::{Engine, EngineLimits};
use weal_store::{OpenOptions, Store, Tx};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::did::DidDocument;
use weal_trust::jws::JwsSigner;
use weal_trust::keys::{NodeKey, VerifyingKey};

use crate::acts::governance::Ecosystem;
use crate::config::{Config, Folder};
use crate::doors::Doors;
use crate::drivers::Wakers;
use crate::fault::{Error, Fault, Result};
use crate::keys::{Keys, SETTING_KEYS};
use crate::observe::Metrics;
use crate::peers::{Identity, Peers};
use crate::seams::{Clock, Entropy, Moves, Seams};

/// The fragment of a key that stands in for the node's own before strangers.
const SIGNER_FRAGMENT: &str = "key-dcp";

/// The kind of service as which a node of ours names its ledger, and no other connector does.
pub(crate) const LEDGER_KIND: &str = "TransparencyLog";

/// One node, open.
pub struct House {
    pub config: Config,
    pub folder: Folder,
    pub did: Did,
    pub keys: Keys,
    pub store: Store,
    pub engine: Engine,
    pub peers: Peers,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub identity: Arc<dyn Identity>,
    pub moves: Moves,
    signer: Option<Arc<dyn JwsSigner>>,
    pub metrics: Metrics,
    pub wakers: Wakers,
    pub doors: Doors,
    /// Who governs and who belongs, as last read from the store; replaced whole when that changes.
    ecosystem: RwLock<Arc<Ecosystem>>,
    reloading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("did", &self.did).finish_non_exhaustive()
    }
}

impl House {
    /// Opens store, key and engine, as the node that serves.
    pub async fn open(config: Config, folder: Folder) -> Result<Self, Fault> {
        Self::open_with(config, folder, Seams::default()).await
    }

    /// The same with other time, chance, callers or deciders.
    pub async fn open_with(config: Config, folder: Folder, seams: Seams) -> Result<Self, Fault> {
        // Before the engine makes its place to spill in there.
        empty(&folder.scratch())?;
        empty(&folder.received())?;
        let spills = folder.scratch().join("spills");
        let house = Self::assemble(config, folder, spills, seams).await?;
        house.settle_what_a_crash_left().await.map_err(into_fault)?;
        house.discard_former_versions().await.map_err(into_fault)?;
        house.govern_at_start().await.map_err(into_fault)?;
        house.reload_ecosystem().await.map_err(into_fault)?;
        // Before anybody is answered: a key may have come to its turn while the node was down.
        house.follow_keys().await.map_err(into_fault)?;
        house.index_at_start().await.map_err(into_fault)?;
        Ok(house)
    }

    /// Opens beside a node that may be serving: nothing of a running node's is settled or emptied.
    pub async fn open_beside(config: Config, folder: Folder) -> Result<Self, Fault> {
        // A place of its own: an engine clears what it finds where it is to spill.
        let spills = folder.scratch().join(format!("beside-{}", std::process::id()));
        Self::assemble(config, folder, spills, Seams::default()).await
    }

    async fn assemble(config: Config, folder: Folder, spills: PathBuf, seams: Seams) -> Result<Self, Fault> {
        let Seams { clock, entropy, identity, moves, signer, documents } = seams;
        let did = weal_wire::did::did_of(&config.node.origin)
            .map_err(|cause| Fault::new("making the node's DID from [node] origin", cause))?;
        let store = Store::open(&config.store_url(&folder), OpenOptions::default())
            .await
            .map_err(|cause| Fault::new("opening the database", cause))?;
        let keys = read_keys(&folder, &store).await.map_err(into_fault)?;
        let engine = Engine::new(EngineLimits {
            memory_bytes_max: config.engine.memory_bytes_max as u64,
            spill_bytes_max: config.engine.spill_bytes_max,
            spill_dir: spills,
            ..EngineLimits::default()
        })
        .map_err(|cause| Fault::new("starting the query engine", cause))?;
        Ok(Self {
            peers: Peers::new(&config.network, documents)?,
            doors: Doors::new(config.limits.streams_max),
            metrics: Metrics::default(),
            wakers: Wakers::default(),
            ecosystem: RwLock::default(),
            reloading: tokio::sync::Mutex::default(),
            config,
            folder,
            did,
            keys,
            store,
            engine,
            clock,
            entropy,
            identity,
            moves,
            signer,
        })
    }

    /// `BU-2`: what was reserved when the process died counts as spent, for its noise may have been seen.
    async fn settle_what_a_crash_left(&self) -> Result<()> {
        let mut tx = self.store.write("start.settle").await?;
        let settled = tx.settle_unsettled().await?;
        if !settled.is_empty() {
            tracing::warn!(
                reservations = settled.len(),
                "budget reserved before a crash was counted as spent"
            );
        }
        // What was on its way goes out again now, not when the dead process's lease ends.
        tx.wake(self.clock.now()).await?;
        self.metrics.ledger(tx.ledger_size().await?);
        tx.commit().await?;
        Ok(())
    }

    /// The ecosystem as this node knows it now.
    #[must_use]
    pub fn ecosystem(&self) -> Arc<Ecosystem> {
        Arc::clone(&self.ecosystem.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the ecosystem again after an act changed it.
    pub async fn reload_ecosystem(&self) -> Result<()> {
        // One at a time, so that an older reading never replaces a newer one.
        let _turn = self.reloading.lock().await;
        let fresh = Arc::new(self.read_ecosystem().await?);
        *self.ecosystem.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The key that signs now.
    #[must_use]
    pub fn key(&self) -> Arc<NodeKey> {
        self.keys.signing(self.clock.now()).key
    }

    /// `<did>#key-1`, or whichever signs now.
    #[must_use]
    pub fn key_id(&self) -> String {
        format!("{}#{}", self.did, self.keys.signing(self.clock.now()).record.fragment)
    }

    /// The key that signs now and its id, both of one moment.
    #[must_use]
    pub(crate) fn own_signer(&self) -> (String, Arc<NodeKey>) {
        let held = self.keys.signing(self.clock.now());
        (format!("{}#{}", self.did, held.record.fragment), held.key)
    }

    /// Who signs what is shown to strangers, and under which key id: the node's own key, but for a test.
    #[must_use]
    pub(crate) fn signer(&self) -> (String, Arc<dyn JwsSigner>) {
        if let Some(signer) = &self.signer {
            return (format!("{}#{SIGNER_FRAGMENT}", self.did), Arc::clone(signer));
        }
        let (kid, key) = self.own_signer();
        (kid, key)
    }

    /// The DID document that this node publishes.
    #[must_use]
    pub fn did_document(&self) -> DidDocument {
        let service = |fragment: &str, kind: &str, path: &str| weal_trust::did::Service {
            id: format!("{}#{fragment}", self.did),
            kind: kind.to_owned(),
            endpoint: format!("{}{path}", self.config.node.origin),
        };
        let mut services = vec![
            service("catalog", "CatalogService", crate::http::catalogue::CATALOGUE_PATH),
            service("ledger", LEDGER_KIND, "/ledger"),
            service("credentials", weal_wire::dcp::CREDENTIAL_SERVICE, crate::http::claims::CREDENTIALS_PATH),
        ];
        if self.config.ecosystem.governs {
            let path = crate::http::claims::ISSUER_PATH;
            services.push(service("issuer", weal_wire::dcp::ISSUER_SERVICE, path));
        }
        let published = self.keys.published(self.clock.now());
        let own = published.iter().map(|(fragment, key)| (fragment.as_str(), VerifyingKey::from(*key)));
        let other = self.signer.iter().map(|signer| (SIGNER_FRAGMENT, signer.verifying()));
        DidDocument::of_keys(self.did.as_str(), own.chain(other), services)
    }

    /// The name under which the ledger signs: scheme-less origin and path, as C2SP asks.
    #[must_use]
    pub fn ledger_origin(&self) -> String {
        let origin = &self.config.node.origin;
        let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
        format!("{host}/ledger")
    }

    /// The node itself acting, or a person of this member in the role that [`House::require_act`] found.
    #[must_use]
    pub fn actor(&self, person: Option<(&Person, Role)>) -> Actor {
        Actor {
            member: self.did.clone(),
            role: person.map(|(_, role)| role),
            person: person.map(|(person, _)| self.pseudonym(person)),
        }
    }

    /// `LE-2`: how a person appears in ledgers, here and at peers: the same for the same account, and
    /// meaningless without this node's key.
    #[must_use]
    pub fn pseudonym(&self, person: &Person) -> String {
        use sha2::Digest as _;
        let signature = self.keys.first().sign(format!("weal-person-v1\n{}", person.account).as_bytes());
        let digest = sha2::Sha256::digest(signature);
        digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Seals facts into the ledger, in the transaction of the act they tell of. Returns their indices.
    pub async fn remember(&self, tx: &mut Tx, by: &Actor, facts: Vec<Fact>) -> Result<Vec<u64>> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.clock.now();
        let entries: Vec<Entry> =
            facts.into_iter().map(|fact| Entry { v: ENTRY_VERSION, at, by: by.clone(), fact }).collect();
        let (origin, key) = (self.ledger_origin(), self.key());
        let sign = |size: u64, root: weal_trust::merkle::Hash| {
            Checkpoint { origin: origin.clone(), size, root }.sign(&key)
        };
        // Drawn beforehand: without entropy nothing is sealed.
        let mut nonces = Vec::with_capacity(entries.len());
        for _ in &entries {
            nonces.push(self.entropy.bytes::<32>()?);
        }
        let mut nonces = nonces.into_iter();
        let mut nonce = || nonces.next().unwrap_or_default();
        let indices = tx.append(&entries, &mut nonce, &sign).await?;
        if let Some(last) = indices.last() {
            self.metrics.ledger(last + 1);
        }
        Ok(indices)
    }
}

async fn read_keys(folder: &Folder, store: &Store) -> Result<Keys> {
    let records = store.read("start.keys").await?.setting(SETTING_KEYS).await?;
    Ok(Keys::read(folder, records.as_deref())?)
}

/// Half-finished uploads, spills and rows in transit of an earlier run serve nobody.
fn empty(folder: &Path) -> Result<(), Fault> {
    let cleared = match std::fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause),
        _ => crate::private::make_folder(folder),
    };
    cleared.map_err(|cause| Fault::new("emptying a scratch folder", cause))
}

fn into_fault(error: Error) -> Fault {
    match error {
        Error::Fault(fault) => fault,
        Error::Refused(refusal) => Fault::new("opening the node", refusal),
    }
}
