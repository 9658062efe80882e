//! The four organisations: each a `weal serve` process of its own, with its own folder, keys and
//! database. No process outlives the demo: dropped, it is killed; orphaned, it sees its standard input
//! end and stops.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use weal_domain::identity::{Did, MemberName};
use weal_node::InitOptions;
use weal_node::config::{Folder, Reach};

use crate::client::Client;
use crate::failure::{Doing as _, Failure, Result};

/// How long a node may take to be ready. It takes well under a second where the machine has time.
const READY_SECONDS_MAX: u64 = 180;
/// How long a node may take to stop in order before it is killed.
const STOP_SECONDS_MAX: u64 = 5;
/// The last lines of a log that are shown when its node fails.
const LOG_LINES_SHOWN: usize = 8;

/// Every demo node's first person and password: they guard nothing but invented people on loopback.
pub const ACCOUNT: &str = "demo";
pub const PASSWORD: &str = "commonweal-demo";

/// One organisation.
#[derive(Debug)]
pub struct Agency {
    pub name: &'static str,
    pub title: &'static str,
    pub did: Did,
    pub folder: PathBuf,
    pub origin: String,
    pub client: Client,
    child: Child,
}

/// All four.
#[derive(Debug)]
pub struct Agencies {
    pub council: Agency,
    pub revenue: Agency,
    pub education: Agency,
    pub employment: Agency,
}

const COUNCIL: (&str, &str) = ("council", "Data Council of Halmere");
const REVENUE: (&str, &str) = ("revenue", "Revenue Agency");
const EDUCATION: (&str, &str) = ("education", "Education Agency");
const EMPLOYMENT: (&str, &str) = ("employment", "Employment Agency");

impl Agencies {
    /// Makes and starts all four below `root` and waits until they answer.
    pub async fn start(root: &Path) -> Result<Self> {
        let council = Agency::start(root, COUNCIL, None).await?;
        let governing_body = Some(&council.did);
        let (revenue, education, employment) = tokio::try_join!(
            Agency::start(root, REVENUE, governing_body),
            Agency::start(root, EDUCATION, governing_body),
            Agency::start(root, EMPLOYMENT, governing_body),
        )?;
        Ok(Self { council, revenue, education, employment })
    }

    #[must_use]
    pub fn members(&self) -> [&Agency; 3] {
        [&self.revenue, &self.education, &self.employment]
    }

    #[must_use]
    pub fn all(&self) -> [&Agency; 4] {
        [&self.council, &self.revenue, &self.education, &self.employment]
    }

    /// Lets all nodes stop in order.
    pub async fn stop(self) {
        let Self { council, revenue, education, employment } = self;
        tokio::join!(council.stop(), revenue.stop(), education.stop(), employment.stop());
    }
}

/// A port of loopback that nobody else is given until this is dropped. Whoever is told its number may listen there
/// meanwhile: nobody does so here, and both sides let the address be used again.
struct Held {
    socket: TcpSocket,
    listen: SocketAddr,
}

impl Held {
    fn free() -> Result<Self> {
        const NONE: &str = "cannot find a free port on loopback";
        let socket = TcpSocket::new_v4().doing(NONE)?;
        socket.set_reuseaddr(true).doing(NONE)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).doing(NONE)?;
        let listen = socket.local_addr().doing(NONE)?;
        Ok(Self { socket, listen })
    }

    /// Lets go where the system would let nobody listen: all but Linux.
    fn while_it_starts(self) -> Option<TcpSocket> {
        cfg!(target_os = "linux").then_some(self.socket)
    }
}

impl Agency {
    async fn start(
        root: &Path,
        (name, title): (&'static str, &'static str),
        governing_body: Option<&Did>,
    ) -> Result<Self> {
        let folder = root.join(name);
        let held = Held::free()?;
        let listen = held.listen;
        let origin = format!("http://{listen}");
        // Boxed: making a node is a large future, and four of them are made.
        let initialised = Box::pin(weal_node::init(InitOptions {
            folder: folder.clone(),
            name: MemberName::new(name).doing("a name of the demo")?,
            title: title.to_owned(),
            listen,
            origin: origin.clone(),
            governs: governing_body.is_none(),
            governing_body: governing_body.cloned(),
            reach: Reach::Loopback,
            store_url: None,
            account: ACCOUNT.parse().doing("a name of the demo")?,
            display_name: format!("Demo user of the {title}"),
            password: PASSWORD.to_owned(),
        }));
        let did = initialised.await.doing(format!("the node of the {title} was not made"))?.did;
        let client = Client::open(&Folder::new(&folder), listen, false)?;
        let held = held.while_it_starts();
        let child = spawn(&folder)?;
        let mut agency = Self { name, title, did, folder, origin, client, child };
        agency.wait_until_ready().await?;
        drop(held);
        Ok(agency)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(READY_SECONDS_MAX) {
            if let Some(status) = self.child.try_wait().doing("cannot watch a node")? {
                return Err(self.broken(&format!("ended at once ({status})")));
            }
            if self.client.is_ready().await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Err(self.broken(&format!("was not ready within {READY_SECONDS_MAX} s")))
    }

    fn broken(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(log_of(&self.folder)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n  ");
        Failure::failed(format!("the node of the {} {what}\n  {last}", self.title))
            .next("keep the folders with --folder DIR and read the whole log in DIR/NODE/node.log")
    }

    /// The memory that the process holds now, where the system tells.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1_024)
    }

    async fn stop(mut self) {
        // Its standard input ends, and with it the node, in order.
        drop(self.child.stdin.take());
        let _ = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), self.child.wait()).await;
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("node.log")
}

/// This very program, as `weal serve`.
fn spawn(folder: &Path) -> Result<Child> {
    let program = std::env::current_exe().doing("cannot find this program's own file")?;
    let log = std::fs::File::create(log_of(folder)).doing("cannot write a node's log")?;
    let mut command = Command::new(program);
    command
        .arg("--node")
        .arg(folder)
        .args(["serve", "--exit-with-parent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEAL_")) {
        command.env_remove(name);
    }
    command.spawn().doing("cannot start a node")
}
