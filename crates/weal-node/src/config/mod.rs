//! One `weal.toml` and environment variables, read once, before any socket is bound.
//!
//! Every key may be overridden by `WEAL_<SECTION>_<KEY>` (`WEAL_NODE_LISTEN=0.0.0.0:8080`). A key
//! that does not exist is an error with a suggestion, never ignored.

mod prefix;
mod read;
mod tls;
mod words;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weal_domain::catalogue::Classification;
use weal_domain::identity::{Did, MemberName};

pub use prefix::Prefix;
pub use read::ConfigError;
pub use tls::{Challenge, TlsConfig};

/// The file every node folder has.
pub const FILE_NAME: &str = "weal.toml";

/// Everything that can be set. Sizes and times carry their unit in the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub node: NodeConfig,
    #[serde(default)]
    pub ecosystem: EcosystemConfig,
    #[serde(default)]
    pub store: StoreConfig,
    #[serde(default)]
    pub network: NetworkConfig,
    #[serde(default, skip_serializing_if = "TlsConfig::is_default")]
    pub tls: TlsConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub identity: IdentityConfig,
    #[serde(default)]
    pub catalogue: CatalogueConfig,
    #[serde(default)]
    pub engine: EngineConfig,
    #[serde(default)]
    pub log: LogConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The member's short name, the schema name in SQL.
    pub name: MemberName,
    /// The organisation's name in full.
    pub title: String,
    /// Where the node listens.
    pub listen: SocketAddr,
    /// How others reach it: scheme, host and port, no path. The node's DID is made from it.
    pub origin: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EcosystemConfig {
    /// This node holds the charter and admits the members.
    pub governs: bool,
    /// The governing body's DID, for everyone else.
    pub governing_body: Option<Did>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:///path/node.db` or `postgres://user@host/db`; by default SQLite in the node's folder.
    pub url: Option<String>,
}

/// Which addresses peers may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// https to public addresses only.
    #[default]
    Public,
    /// https to public and private addresses: a government's own network.
    Private,
    /// Also plain http to loopback: for trying out on one machine.
    Loopback,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    pub reach: Reach,
    pub peer_timeout_s: u64,
    /// How often the catalogues of other members are fetched again.
    pub crawl_interval_s: u64,
    /// The reverse proxies in front of this node. What they say in `X-Forwarded-For` is believed; of
    /// anybody else it is not.
    #[serde(deserialize_with = "prefix::list")]
    pub trusted_proxies: Vec<Prefix>,
    /// Authorities in PEM form whose certificates are believed of peers beside those that this machine
    /// believes: an administration's own. From the node's folder where it is not absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_ca_file: Option<PathBuf>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            reach: Reach::Public,
            peer_timeout_s: 20,
            crawl_interval_s: 300,
            trusted_proxies: Vec::new(),
            additional_ca_file: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest request body, except for a published file.
    pub body_bytes_max: usize,
    /// The largest published file, as sent.
    pub publish_bytes_max: u64,
    /// Requests that one peer or one address may send in a minute.
    pub requests_per_minute_max: u32,
    /// Streams of rows open at once.
    pub streams_max: usize,
    /// Unfinished negotiations with one peer, beyond which it cannot begin another.
    pub negotiations_per_peer_max: u32,
    /// Entries that are kept of one member's catalogue.
    pub catalogue_entries_max: usize,
    /// How long a client may keep the node waiting: for the head of a request, or taking nothing of an
    /// answer or of a stream of rows.
    pub stall_s_max: u64,
    /// Private answers leave so long after their questions arrived, or after two, four, eight ... times as long:
    /// when an answer comes says nothing of the data that a coarser clock would not say. 0: at once.
    pub answer_step_ms: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            publish_bytes_max: 64 * 1024 * 1024 * 1024,
            requests_per_minute_max: 6_000,
            streams_max: 64,
            negotiations_per_peer_max: 100,
            catalogue_entries_max: 250_000,
            stall_s_max: 60,
            answer_step_ms: 250,
        }
    }
}

/// The names that an issuer gives the form of a credential on its way. The specification lists none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatNames {
    /// The aliases of the profiles: `vc11-sl2021/jwt`.
    #[default]
    Profile,
    /// Those of Eclipse's IdentityHub up to 0.15: `VC1_0_JWT`.
    IdentityHub,
}

/// How others are known by credentials (Decentralized Claims Protocol 1.0), and how this node shows its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// The kind of credential that makes a caller a member.
    pub membership_kind: String,
    /// Issuers whose credentials are believed beside the governing body's.
    #[serde(deserialize_with = "words::list")]
    pub trusted_issuers: Vec<Did>,
    /// Further kinds under which a governing body issues a member's credential to whoever asks for them.
    #[serde(deserialize_with = "words::list")]
    pub issued_kinds: Vec<String>,
    /// Kinds of credentials beside the membership that every peer is shown which this node calls.
    #[serde(deserialize_with = "words::list")]
    pub presented_kinds: Vec<String>,
    /// Of a credential that is held in both profiles, the one that is shown: `vc11-sl2021/jwt`, which every
    /// reader reads, or `vc20-bssl/jwt`.
    pub presented_profile: String,
    pub format_names: FormatNames,
    /// How long a presentation is believed before the same caller is asked for another.
    pub presentation_fresh_s: u64,
    /// How long a status list that can no longer be fetched is believed as it was last seen.
    pub status_grace_s: u64,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            membership_kind: weal_trust::credential::MEMBERSHIP_KIND.into(),
            trusted_issuers: Vec::new(),
            issued_kinds: Vec::new(),
            presented_kinds: Vec::new(),
            presented_profile: weal_trust::vc::Profile::Vc11.as_str().into(),
            format_names: FormatNames::Profile,
            presentation_fresh_s: 30,
            status_grace_s: 24 * 3600,
        }
    }
}

/// What anybody may read without being asked who they are: `/catalogue.ttl` and `/catalogue.jsonld`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogueConfig {
    /// Products that are offered to every member and classified up to here are named to harvesters.
    pub public_up_to: Classification,
}

impl Default for CatalogueConfig {
    fn default() -> Self {
        Self { public_up_to: Classification::Open }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    pub memory_bytes_max: usize,
    pub spill_bytes_max: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { memory_bytes_max: 512 * 1024 * 1024, spill_bytes_max: 16 * 1024 * 1024 * 1024 }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    #[default]
    Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A tracing filter: `info`, `warn,weal_node=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".into() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// An OTLP/HTTP traces endpoint, for example `http://127.0.0.1:4318/v1/traces`; none by default.
    pub otlp_traces_url: Option<String>,
}

/// The names and meanings of the files in a node's folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join(FILE_NAME)
    }
    /// The key that the node was made with, readable by its owner only.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.0.join("node-key.pem")
    }
    /// The key of a fragment in the node's DID document: `key-1` is the one it was made with.
    #[must_use]
    pub fn key_of(&self, fragment: &str) -> PathBuf {
        if fragment == crate::keys::FIRST_FRAGMENT {
            self.key()
        } else {
            self.0.join(format!("node-{fragment}.pem"))
        }
    }
    /// The token with which the command line speaks to its own node.
    #[must_use]
    pub fn operator_token(&self) -> PathBuf {
        self.0.join("operator.token")
    }
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("node.db")
    }
    /// Published products, one folder each, one Parquet file per version.
    #[must_use]
    pub fn products(&self) -> PathBuf {
        self.0.join("products")
    }
    /// Rows received under an agreement, one file each.
    #[must_use]
    pub fn received(&self) -> PathBuf {
        self.0.join("received")
    }
    /// Of TLS: the certificate served now, and what an ACME authority gave this node.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }
    /// Uploads and spills; emptied at every start.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }
}

impl Config {
    /// Reads `weal.toml` in `folder`, then the environment as given (`std::env::vars`).
    pub fn read(
        folder: &Folder,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        read::read(folder, environment)
    }

    /// The store's address, SQLite in the node's folder where none is set.
    #[must_use]
    pub fn store_url(&self, folder: &Folder) -> String {
        match &self.store.url {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", folder.database().display()),
        }
    }
}
