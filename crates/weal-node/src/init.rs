//! Making a node: a folder with its configuration, key, operator token, database and first person.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use weal_domain::identity::{AccountName, Did, MemberName, Person, Role};

use crate::config::{
    CatalogueConfig, Config, EcosystemConfig, EngineConfig, Folder, IdentityConfig, LimitsConfig, LogConfig,
    NetworkConfig, NodeConfig, Reach, StoreConfig, TelemetryConfig, TlsConfig,
};
use crate::fault::Error;
use crate::house::House;
use crate::private;

/// What a new node is made from.
pub struct InitOptions {
    pub folder: PathBuf,
    pub name: MemberName,
    pub title: String,
    pub listen: SocketAddr,
    pub origin: String,
    pub governs: bool,
    pub governing_body: Option<Did>,
    pub reach: Reach,
    /// `None` is SQLite in the folder.
    pub store_url: Option<String>,
    pub account: AccountName,
    pub display_name: String,
    pub password: String,
}

impl std::fmt::Debug for InitOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InitOptions")
            .field("folder", &self.folder)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub struct Initialised {
    pub did: Did,
    pub folder: PathBuf,
}

/// Why no node was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error(
        "{0} holds a node already; choose another folder, or start that node with `weal serve --node {0}`"
    )]
    Taken(PathBuf),
    #[error("cannot write {path}: {cause}")]
    Unwritable { path: PathBuf, cause: std::io::Error },
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error("{0}")]
    Wrong(String),
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Makes the folder. Nothing is left behind half-made that `init` itself would not refuse to overwrite:
/// `weal.toml` is written last.
pub async fn init(options: InitOptions) -> Result<Initialised, InitError> {
    let folder = Folder::new(&options.folder);
    if folder.config().exists() {
        return Err(InitError::Taken(options.folder));
    }
    let config = Config {
        node: NodeConfig {
            name: options.name,
            title: options.title,
            listen: options.listen,
            origin: options.origin.trim_end_matches('/').to_owned(),
        },
        ecosystem: EcosystemConfig { governs: options.governs, governing_body: options.governing_body },
        store: StoreConfig { url: options.store_url },
        network: NetworkConfig { reach: options.reach, ..NetworkConfig::default() },
        tls: TlsConfig::default(),
        limits: LimitsConfig::default(),
        identity: IdentityConfig::default(),
        catalogue: CatalogueConfig::default(),
        engine: EngineConfig::default(),
        log: LogConfig::default(),
        telemetry: TelemetryConfig::default(),
    };
    let text = toml::to_string_pretty(&config).map_err(|cause| InitError::Wrong(cause.to_string()))?;
    for directory in [folder.path().to_owned(), folder.products(), folder.received(), folder.scratch()] {
        private::make_folder(&directory)
            .map_err(|cause| InitError::Unwritable { path: directory.clone(), cause })?;
    }
    write_key(&folder)?;
    let token = write_token(&folder)?;
    let house =
        House::open(config, folder.clone()).await.map_err(|cause| InitError::Wrong(cause.to_string()))?;
    let person =
        Person { account: options.account, display_name: options.display_name, roles: Role::ALL.to_vec() };
    house.add_first_person(person, &options.password, &token).await?;
    let did = house.did.clone();
    write_new(&folder.config(), text.as_bytes())?;
    Ok(Initialised { did, folder: options.folder })
}

/// Writes a file of a node to come. One that is there may be another node's key: it stays.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), InitError> {
    let written = match path.try_exists() {
        Ok(true) => Err(std::io::ErrorKind::AlreadyExists.into()),
        Ok(false) => private::write(path, bytes),
        Err(cause) => Err(cause),
    };
    written.map_err(|cause| InitError::Unwritable { path: path.to_owned(), cause })
}

fn write_key(folder: &Folder) -> Result<(), InitError> {
    let mut seed = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut()).map_err(|cause| InitError::Wrong(cause.to_string()))?;
    let pem = weal_trust::keys::NodeKey::from_seed(&seed).to_pem();
    write_new(&folder.key(), pem.as_bytes())
}

fn write_token(folder: &Folder) -> Result<String, InitError> {
    let entropy: &dyn crate::seams::Entropy = &crate::seams::SystemEntropy;
    let token = entropy.token().map_err(Error::from)?;
    write_new(&folder.operator_token(), token.as_bytes())?;
    Ok(token)
}
