//! Our node, as a process, and what its officers do.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::api::Api;
use crate::edc::items;
use crate::http::{Connection, split_url};

/// The type of the credential that makes a member, and how the connector understands it.
pub(super) const MEMBERSHIP: &str = "MembershipCredential";
const PROFILE: &str = "vc11-sl2021/jwt";

pub(super) fn did_of(origin: &str) -> String {
    format!("did:web:{}", origin.trim_start_matches("http://").replace(':', "%3A"))
}

/// Our node, as a process.
pub(super) struct Node {
    pub(super) did: String,
    pub(super) origin: String,
    token_file: PathBuf,
    /// Where we started it, and not the guide.
    process: Option<Child>,
}

impl Node {
    /// One that the guide runs, in `folder`.
    pub(super) fn in_folder(address: &str, folder: &Path) -> Self {
        let origin = format!("http://{address}");
        Self { did: did_of(&origin), origin, token_file: folder.join("operator.token"), process: None }
    }

    /// One that believes the mock.
    pub(super) fn start(program: &Path, peer: &str) -> Result<Self, String> {
        let failed = |cause: std::io::Error| format!("{}: {cause}", program.display());
        let mut process = Command::new(program)
            .arg(peer)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("a node without output")?;
        BufReader::new(output).read_line(&mut line).map_err(failed)?;
        let (origin, token_file) =
            line.trim().split_once(' ').ok_or_else(|| format!("{} said `{line}`", program.display()))?;
        Ok(Self {
            did: did_of(origin),
            origin: origin.to_owned(),
            token_file: token_file.into(),
            process: Some(process),
        })
    }

    pub(super) fn api(&self) -> Result<Api, String> {
        Api::open(split_url(&self.origin)?.0, &self.token_file)
    }
}

impl Node {
    /// The name under which our node offers a membership credential to whoever asks its issuer service.
    pub(super) fn offered(&self) -> Result<String, String> {
        let (address, _) = split_url(&self.origin)?;
        let document = Connection::to(address).get("/.well-known/did.json", &[])?.json()?;
        let services = items(&document, "service");
        let issuer = services.iter().find(|service| service["type"] == "IssuerService");
        let base = issuer.and_then(|service| service["serviceEndpoint"].as_str());
        let (address, path) = split_url(base.ok_or_else(|| format!("no IssuerService: {document}"))?)?;
        let metadata = Connection::to(address).get(&format!("{path}/metadata"), &[])?.json()?;
        let supported = items(&metadata, "credentialsSupported");
        let ours = |object: &&&Value| object["credentialType"] == MEMBERSHIP && object["profile"] == PROFILE;
        let found = supported.iter().find(ours).and_then(|object| object["id"].as_str());
        found.map(str::to_owned).ok_or_else(|| format!("no {MEMBERSHIP} of profile {PROFILE}: {metadata}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Its input ends, and with it the node.
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}
