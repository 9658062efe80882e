//! Two members of a federation on a bad wire. Each runs on a runtime of its own; a death shuts that down, so that
//! every act, door and driver ends where it stands, as in a process that is killed. What is on disk stays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use weal_domain::Timestamp;
use weal_domain::catalogue::Mode;
use weal_domain::identity::Person;
use weal_node::config::{Config, Folder};
use weal_node::seams::{Clock, Seams};
use weal_node::{House, Running};
use weal_testkit::{Federation, open_terms};

use super::proxy::{Death, Who, Wire, stand_in};

/// How much faster than life the nodes' time runs; pauses and backoffs are that much shorter.
const SPEED: i32 = 10;
/// How often drivers look, for the time they sleep by is the machine's.
const LOOKS_EVERY: Duration = Duration::from_millis(15);

#[derive(Debug)]
struct Quick {
    began: Instant,
    from: Timestamp,
}

impl Clock for Quick {
    fn now(&self) -> Timestamp {
        let now = self.from + self.began.elapsed() * SPEED.unsigned_abs();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

pub(super) struct Node {
    folder: Folder,
    config: Config,
    pub(super) person: Person,
    clock: Arc<Quick>,
    alive: Option<(Runtime, Running)>,
}

impl Node {
    pub(super) fn house(&self) -> Option<Arc<House>> {
        self.alive.as_ref().map(|(_, running)| Arc::clone(&running.house))
    }

    /// An act that ends with the node, if it dies meanwhile; `None` if it did, or is dead already.
    pub(super) async fn acts<T, F>(&self, act: impl FnOnce(Arc<House>, Person) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (runtime, running) = self.alive.as_ref()?;
        runtime.spawn(act(Arc::clone(&running.house), self.person.clone())).await.ok()
    }

    async fn start(&mut self) -> std::net::SocketAddr {
        let (config, folder) = (self.config.clone(), self.folder.clone());
        let seams = Seams { clock: Arc::clone(&self.clock) as Arc<dyn Clock>, ..Seams::default() };
        let begun = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.expect("a runtime");
            let running = runtime.block_on(weal_node::start_with(config, folder, seams)).expect("it starts");
            (runtime, running)
        });
        let (runtime, running) = begun.await.expect("it starts");
        let address = running.address;
        self.alive = Some((runtime, running));
        address
    }

    async fn die(&mut self) {
        if let Some((runtime, running)) = self.alive.take() {
            drop(running);
            let shut = move || runtime.shutdown_timeout(Duration::from_secs(10));
            tokio::task::spawn_blocking(shut).await.expect("it ends");
        }
    }
}

impl Drop for Node {
    /// A lane that failed ends without waiting.
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.alive.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) struct Lane {
    pub(super) owner: Node,
    pub(super) asker: Node,
    pub(super) wire: Arc<Wire>,
    pub(super) deaths: mpsc::Receiver<Death>,
    pub(super) federation: Federation,
    pub(super) deaths_so_far: u32,
}

impl Lane {
    pub(super) async fn open() -> Self {
        let mut federation = Federation::of(&["revenue", "education"]).await;
        federation.member("revenue").offers_on_paper("regions", Mode::Extract, open_terms()).await;
        federation.member("education").looks_around().await;
        let (dying, deaths) = mpsc::channel(16);
        let wire = Wire::new(dying);
        let clock = Arc::new(Quick { began: Instant::now(), from: Timestamp::now() });
        let mut nodes = Vec::new();
        for (name, who) in [("revenue", Who::Owner), ("education", Who::Asker)] {
            let member = federation.member_mut(name);
            let address = member.origin().replace("http://", "");
            member.stops().await;
            let listener = TcpListener::bind(&address).await.expect("the port of the node that stopped");
            tokio::spawn(stand_in(listener, who, Arc::clone(&wire)));
            let folder = member.folder.clone();
            let person = member.person.clone();
            let config = member.config_mut();
            config.node.listen = "127.0.0.1:0".parse().expect("an address");
            config.limits.requests_per_minute_max = 1_000_000;
            nodes.push(Node {
                folder,
                config: config.clone(),
                person,
                clock: Arc::clone(&clock),
                alive: None,
            });
        }
        let (asker, owner) = (nodes.pop().expect("two"), nodes.pop().expect("two"));
        let mut lane = Self { owner, asker, wire, deaths, federation, deaths_so_far: 0 };
        lane.all_live().await;
        lane
    }

    pub(super) fn node(&self, who: Who) -> &Node {
        if who == Who::Owner { &self.owner } else { &self.asker }
    }

    fn node_mut(&mut self, who: Who) -> &mut Node {
        if who == Who::Owner { &mut self.owner } else { &mut self.asker }
    }

    pub(super) async fn kill(&mut self, who: Who) {
        self.wire.put(who, None);
        self.wire.tell(format!("{who:?} DIES"));
        self.node_mut(who).die().await;
        self.deaths_so_far += 1;
    }

    pub(super) async fn all_live(&mut self) {
        for who in [Who::Owner, Who::Asker] {
            if self.node(who).alive.is_none() {
                let address = self.node_mut(who).start().await;
                self.wire.put(who, Some(address));
                self.wire.tell(format!("{who:?} lives"));
            }
        }
    }

    /// Lets time pass, in which whoever is to die dies and comes back after a moment.
    pub(super) async fn passes(&mut self, time: Duration, down: Duration) {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            match tokio::time::timeout(LOOKS_EVERY, self.deaths.recv()).await {
                Ok(Some((who, done))) => {
                    self.kill(who).await;
                    // The wire may have broken off meanwhile.
                    let _ = done.send(());
                    tokio::time::sleep(down).await;
                    self.all_live().await;
                }
                Ok(None) => return,
                Err(_) => self.look(),
            }
        }
    }

    fn look(&self) {
        for house in [self.owner.house(), self.asker.house()].into_iter().flatten() {
            house.wakers.outbox.notify_one();
        }
    }

    /// Ends both, and starts them again as ordinary members of the federation.
    pub(super) async fn close(mut self) -> Federation {
        for who in [Who::Owner, Who::Asker] {
            self.kill(who).await;
        }
        for name in ["revenue", "education"] {
            self.federation.member_mut(name).starts().await;
        }
        self.federation
    }
}
