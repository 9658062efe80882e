//! Picks what a command works with: the node's folder, the terminal, the client, the runtime.

use std::path::{Path, PathBuf};

use weal_node::KeepError;
use weal_node::config::{Config, ConfigError, Folder};

use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::print::Terminal;

/// Everything outside a command that it may use.
#[derive(Debug, Clone)]
pub struct Setting {
    pub terminal: Terminal,
    folder: PathBuf,
}

impl Setting {
    #[must_use]
    pub fn new(folder: PathBuf, json: bool) -> Self {
        Self { terminal: Terminal::new(json), folder }
    }

    /// The folder of the node that the command is for; it need not exist.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn config(&self) -> Result<Config> {
        Ok(Config::read(&Folder::new(&self.folder), std::env::vars())?)
    }

    /// Speaks to the running node in [`Setting::folder`].
    pub fn client(&self) -> Result<Client> {
        let config = self.config()?;
        let folder = Folder::new(&self.folder);
        // The node may have been told so by variables that this shell does not have.
        let tls = config.tls.is_on() || weal_node::tls::served_file(&folder).exists();
        Client::open(&folder, config.node.listen, tls)
    }
}

impl From<ConfigError> for Failure {
    fn from(cause: ConfigError) -> Self {
        Failure::Configuration(cause.to_string())
    }
}

impl From<KeepError> for Failure {
    fn from(cause: KeepError) -> Self {
        match cause {
            KeepError::Config(cause) => cause.into(),
            KeepError::Failed(weal_node::fault::Error::Refused(refusal)) => {
                Failure::refused("taking the node's state away", refusal)
            }
            cause => Failure::failed(cause.to_string()),
        }
    }
}

/// The runtime of every command, stopped without waiting for threads that read from a terminal.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::failed(format!("cannot start: {cause}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// The TLS that https needs, chosen once per process.
pub fn choose_tls() {
    // Only a second choice fails, and then there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
