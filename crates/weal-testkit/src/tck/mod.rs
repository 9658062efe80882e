//! A real node that does what the public test kit of the Dataspace Protocol expects of the one it tests: house,
//! doors, store, outbox and state machines are those of every node. Three things are not: callers are taken
//! for the kit if they know its word ([`identity`]), the node makes no move by its rules
//! (`Moves::ByHand`), and a person without a will makes those that the [`script`] names ([`play`]).

mod identity;
mod play;
mod properties;
mod script;
mod seed;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;

use tempfile::TempDir;
use weal_domain::identity::{Did, Person};
use weal_node::config::{Config, Folder};
use weal_node::seams::{Entropy, Moves, Seams, SystemEntropy};
use weal_node::{InitOptions, Running};

use crate::port::Port;
use identity::OnlyTheKit;

/// The node, running.
#[derive(Debug)]
pub struct Tested {
    running: Running,
    kit: SocketAddr,
    /// What the kit says in its `Authorization` header.
    word: String,
    signals: crate::door::Door,
    player: tokio::task::JoinHandle<()>,
    _folder: TempDir,
    _port: Port,
}

/// Who plays with whom, for everything in here.
#[derive(Debug, Clone)]
struct Cast {
    kit: Did,
    person: Person,
}

impl Tested {
    /// Starts the node beside a kit that will listen at `kit`.
    pub async fn start(kit: SocketAddr) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(temporary.path().join("tested"));
        let port = Port::free();
        let listen = port.address;
        let options = InitOptions {
            title: "The node under test".into(),
            account: "player".parse().expect("an account name"),
            display_name: "Player".into(),
            ..crate::federation::governing(&folder, "tested", listen)
        };
        weal_node::init(options).await.expect("a node is made");
        let did = weal_wire::did::did_of(&format!("http://{kit}")).expect("the kit's origin makes a DID");
        let entropy: &dyn Entropy = &SystemEntropy;
        let word = entropy.token().expect("chance");
        let seams = Seams {
            identity: Arc::new(OnlyTheKit { did: did.clone(), word: word.clone() }),
            moves: Moves::ByHand,
            ..Seams::default()
        };
        let config = Config::read(&folder, []).expect("its configuration is read");
        let running = weal_node::start_with(config, folder, seams).await.expect("the node starts");
        let house = Arc::clone(&running.house);
        let person = house.persons().await.expect("persons").pop().expect("the first person");
        let cast = Cast { kit: did, person };
        // Agreements are made with members alone.
        crate::edc::admit(&house, cast.kit.clone(), &format!("http://{kit}")).await;
        seed::seed(&house, &cast).await;
        let signals = signals::listen(Arc::clone(&house), cast.clone()).await;
        let player = tokio::spawn(play::play(house, cast));
        Self { running, kit, word, signals, player, _folder: temporary, _port: port }
    }

    #[must_use]
    pub fn origin(&self) -> String {
        self.running.house.config.node.origin.clone()
    }

    /// What the kit must be told, as a Java properties file.
    #[must_use]
    pub fn properties(&self) -> String {
        properties::of(&self.running.house, self.kit, &self.word, &self.signals.origin)
    }

    pub async fn stop(self) {
        self.player.abort();
        self.running.stop().await;
    }
}
