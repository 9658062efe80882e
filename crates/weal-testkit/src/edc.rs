//! A real node beside the reference connector: everything is as in every node but the identity. EDC's published
//! artifacts have a mock of one, whose token is a plain JSON object that names who sends it; for as long as both
//! sides have nothing better in common, this node believes that object from the one peer it was started for.

use std::sync::Arc;

use tempfile::TempDir;
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};
use weal_node::config::{Config, Folder};
use weal_node::fault::Result;
use weal_node::peers::{Caller, Identity};
use weal_node::seams::Seams;
use weal_node::{House, InitOptions, Running};

use crate::port::Port;

/// What the node calls its peer.
const PEER: &str = "edc";

/// The node, running.
#[derive(Debug)]
pub struct Beside {
    running: Running,
    folder: TempDir,
    _port: Port,
}

impl Beside {
    /// Starts a node whose only fellow member is the connector with this origin.
    pub async fn start(peer_origin: &str) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(temporary.path().join("node"));
        let port = Port::free();
        let listen = port.address;
        let options = InitOptions {
            title: "The node beside the connector".into(),
            ..crate::federation::governing(&folder, "council", listen)
        };
        weal_node::init(options).await.expect("a node is made");
        let peer = weal_wire::did::did_of(peer_origin).expect("the connector's origin makes a DID");
        let seams = Seams { identity: Arc::new(Named { peer: peer.clone() }), ..Seams::default() };
        let config = Config::read(&folder, []).expect("its configuration is read");
        let running = weal_node::start_with(config, folder, seams).await.expect("the node starts");
        admit(&running.house, peer, peer_origin).await;
        Self { running, folder: temporary, _port: port }
    }

    #[must_use]
    pub fn origin(&self) -> String {
        self.running.house.config.node.origin.clone()
    }

    /// Where its own programs find the token with which they speak to it.
    #[must_use]
    pub fn operator_token(&self) -> String {
        let folder = Folder::new(self.folder.path().join("node"));
        folder.operator_token().display().to_string()
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// A connector cannot apply for membership, so it stands in the register as if it had.
pub(crate) async fn admit(house: &House, did: Did, origin: &str) {
    let member = Member {
        did,
        name: PEER.parse().expect("a member name"),
        title: "The reference connector".into(),
        origin: origin.to_owned(),
        standing: Standing::Good,
        since: house.clock.now(),
    };
    let mut tx = house.store.write("edc.admit").await.expect("a transaction");
    tx.put_member(&member).await.expect("it is kept");
    tx.commit().await.expect("it is kept");
    house.reload_ecosystem().await.expect("the register is read again");
}

#[derive(Debug)]
struct Named {
    peer: Did,
}

#[async_trait::async_trait]
impl Identity for Named {
    async fn caller(&self, _: &House, authorization: Option<&str>) -> Result<Caller> {
        let said: Option<serde_json::Value> = authorization.and_then(|text| serde_json::from_str(text).ok());
        if said.is_some_and(|token| token["clientId"] == self.peer.as_str()) {
            return Ok(Caller { did: self.peer.clone(), name: PEER.parse().expect("a member name") });
        }
        let refusal =
            Refusal::new(RefusalKind::Unauthenticated, "not-the-connector", "Only the connector may call.");
        Err(refusal.into())
    }

    fn authorization(&self, house: &House, peer: &Did) -> Result<String> {
        Ok(serde_json::json!({"clientId": house.did, "audience": peer, "region": "eu"}).to_string())
    }
}
