//! A real node that the public test kit of the Decentralized Claims Protocol tests, in one of three roles; the kit
//! plays the others. Identity is the product's own ([`SignedTokens`](weal_node::peers::SignedTokens)). One thing is not
//! as in every node: it signs with P-256, which is all that the kit reads ([`key`]).
//!
//! Where the kit asks for what the protocol has no word for, it asks at a [`Door`] beside the node: a verifier is told
//! to look at a caller, a holder to make a token.

mod key;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;
use weal_domain::RefusalKind;
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Did;
use weal_node::config::{Config, Folder, FormatNames};
use weal_node::fault::Error;
use weal_node::seams::Seams;
use weal_node::{House, InitOptions, Running};
use weal_wire::problem::status_of;

use crate::door::{Answered, Asked, Door};
use crate::port::Port;

/// What the kit's credentials are, beside the membership.
const OTHER_KIND: &str = "SensitiveDataCredential";
/// The name of every issuance of the kit.
const CORRELATION: &str = "kit-issuance";

/// What the node is for the kit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Verifier,
    Holder,
    Issuer,
}

impl Role {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "verifier" => Some(Self::Verifier),
            "holder" => Some(Self::Holder),
            "issuer" => Some(Self::Issuer),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Verifier => "verifier",
            Self::Holder => "holder",
            Self::Issuer => "issuer",
        }
    }
}

/// The node, running.
#[derive(Debug)]
pub struct Tested {
    role: Role,
    kit: SocketAddr,
    running: Running,
    door: Door,
    /// How often the kit came to the door.
    came: Arc<AtomicUsize>,
    _folder: TempDir,
    _port: Port,
}

impl Tested {
    /// Starts the node beside a kit that will listen at `kit`.
    pub async fn start(role: Role, kit: SocketAddr) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(temporary.path().join("tested"));
        let port = Port::free();
        let listen = port.address;
        // A holder has no credentials but those of the kit.
        let governs = role != Role::Holder;
        let options = InitOptions { governs, ..crate::federation::governing(&folder, "tested", listen) };
        weal_node::init(options).await.expect("a node is made");
        let mut config = Config::read(&folder, []).expect("its configuration is read");
        config.identity.trusted_issuers = vec![did_of(kit, "issuer")];
        config.identity.issued_kinds = vec![OTHER_KIND.to_owned()];
        config.identity.format_names = FormatNames::IdentityHub;
        // Each test is a caller of its own, whatever its DID.
        config.identity.presentation_fresh_s = 0;
        let seams = Seams { signer: Some(Arc::new(key::Es256::new())), ..Seams::default() };
        let running = weal_node::start_with(config, folder, seams).await.expect("the node starts");
        admit(&running.house, kit).await;
        let came = Arc::new(AtomicUsize::new(0));
        let door = listen_for(Arc::clone(&running.house), Arc::clone(&came)).await;
        Self { role, kit, running, door, came, _folder: temporary, _port: port }
    }

    #[must_use]
    pub fn origin(&self) -> String {
        self.running.house.config.node.origin.clone()
    }

    /// What the kit must be told, as a Java properties file.
    #[must_use]
    pub fn properties(&self) -> String {
        let own = [
            ("debug", "true".to_owned()),
            ("ansi", "false".to_owned()),
            ("launcher", "org.eclipse.dataspacetck.dcp.system.DcpSystemLauncher".to_owned()),
            ("host", self.kit.ip().to_string()),
            ("port", self.kit.port().to_string()),
            ("callback.address", format!("http://{}", self.kit)),
            (&*format!("did.{}", self.role.name()), self.running.house.did.to_string()),
            ("vpp.trigger.endpoint", format!("{}/look", self.door.origin)),
            ("credentials.correlation.id", CORRELATION.to_owned()),
        ]
        .map(|(name, value)| format!("dataspacetck.{name}={value}\n"));
        let mut all = own.concat();
        if self.role == Role::Holder {
            // Of the two others it asks for tokens itself.
            let tokens = [
                ("url", self.door.origin.as_str()),
                ("client.id", "kit"),
                ("client.secret", "the door is open to whoever is on this machine"),
            ];
            all.extend(tokens.map(|(name, value)| format!("dataspacetck.sts.{name}={value}\n")));
        }
        all
    }

    /// Stops it; answers how often the kit asked it something.
    pub async fn stop(self) -> usize {
        let text = self.running.house.metrics.text();
        self.running.stop().await;
        requests(&text) + self.came.load(Ordering::Relaxed)
    }
}

/// A DID of the kit's own, one for each role.
fn did_of(kit: SocketAddr, role: &str) -> Did {
    let origin = weal_wire::did::did_of(&format!("http://{kit}")).expect("the kit's origin makes a DID");
    format!("{origin}:{role}").parse().expect("a DID with a path")
}

/// The kit's holder is a member: the tests are of tokens and credentials, not of admission.
async fn admit(house: &House, kit: SocketAddr) {
    let member = Member {
        did: did_of(kit, "holder"),
        name: "kit".parse().expect("a member name"),
        title: "The test kit".into(),
        origin: format!("http://{kit}"),
        standing: Standing::Good,
        since: house.clock.now(),
    };
    let mut tx = house.store.write("dcp.admit").await.expect("a transaction");
    tx.put_member(&member).await.expect("it is kept");
    tx.commit().await.expect("it is kept");
    house.reload_ecosystem().await.expect("the register is read again");
}

async fn listen_for(house: Arc<House>, came: Arc<AtomicUsize>) -> Door {
    Door::open(move |asked: Asked| {
        came.fetch_add(1, Ordering::Relaxed);
        let house = Arc::clone(&house);
        async move {
            match asked.path.as_str() {
                "/look" => look(&house, &asked).await,
                "/token" => token(&house, &asked.body),
                _ => (404, String::new()),
            }
        }
    })
    .await
}

/// Whether the node believes who the caller is.
async fn look(house: &House, asked: &Asked) -> Answered {
    match house.identity.caller(house, asked.authorization.as_deref()).await {
        Ok(_) => (200, String::new()),
        Err(Error::Refused(refusal)) => (status_of(refusal.kind), refusal.code.to_string()),
        Err(Error::Fault(fault)) => {
            eprintln!("{fault}");
            (500, String::new())
        }
    }
}

/// A token of the node's own for the audience and the scopes of a form.
fn token(house: &House, form: &[u8]) -> Answered {
    let fields: Vec<(String, String)> = crate::door::form(form);
    let field =
        |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let audience = field("audience").and_then(|text| text.parse::<Did>().ok());
    let scopes: Vec<String> =
        field("bearer_access_scope").unwrap_or_default().split(' ').map(str::to_owned).collect();
    let Some(audience) = audience else { return (status_of(RefusalKind::Invalid), String::new()) };
    match house.self_issued_token(&audience, &scopes) {
        Ok(token) => (200, json!({"access_token": token}).to_string()),
        Err(cause) => {
            eprintln!("{cause}");
            (500, String::new())
        }
    }
}

/// How many requests the doors of the protocol have answered, in the metrics' text.
fn requests(metrics: &str) -> usize {
    let of = |line: &&str| {
        let route = line.split("route=\"").nth(1).unwrap_or_default();
        line.starts_with("weal_requests_total") && (route.starts_with("/dcp") || route.contains("did.json"))
    };
    let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok());
    metrics.lines().filter(of).filter_map(count).sum()
}
