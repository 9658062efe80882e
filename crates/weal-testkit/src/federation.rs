//! A governing body and its members, each a running node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use weal_domain::Refusal;
use weal_domain::agreements::Agreement;
use weal_domain::catalogue::{Mode, OfferId, PrivacyPolicy, ProductName, Terms};
use weal_domain::governance::Standing;
use weal_domain::identity::{Did, Person};
use weal_node::api::{Answered, Ask, Inspect, MakeOffer, Publish, Published, RequestAgreement, Requested};
use weal_node::config::{Config, Folder, Reach};
use weal_node::fault::Error;
use weal_node::seams::Seams;
use weal_node::{House, InitOptions, Running};

use crate::authority::{Authority, Certified, Years};
use crate::port::Port;

/// The name under which the governing body's node runs.
pub const GOVERNING: &str = "council";

/// Nodes by name. Dropping it ends them with the test.
#[derive(Debug)]
pub struct Federation {
    nodes: BTreeMap<String, MemberNode>,
    _folder: TempDir,
}

/// What a node on loopback is made of that governs itself and whose first person is Ada.
#[must_use]
pub fn governing(folder: &Folder, name: &str, listen: SocketAddr) -> InitOptions {
    InitOptions {
        folder: folder.path().to_owned(),
        name: name.parse().expect("a member name"),
        title: name.to_owned(),
        listen,
        origin: format!("http://{listen}"),
        governs: true,
        governing_body: None,
        reach: Reach::Loopback,
        store_url: None,
        account: "ada".parse().expect("an account name"),
        display_name: "Ada".into(),
        password: "correct horse battery".into(),
    }
}

/// Private answers leave by steps as everywhere, and tests do not wait long for them.
const ANSWER_STEP_MS: u64 = 10;

/// One running node and the person who acts there.
#[derive(Debug)]
pub struct MemberNode {
    pub name: String,
    pub folder: Folder,
    pub person: Person,
    running: Option<Running>,
    config: Config,
    /// Its own also while it is stopped.
    _port: Port,
}

impl Federation {
    /// Starts a governing body and these members, and has them join and be admitted.
    pub async fn of(members: &[&str]) -> Self {
        Self::made(members, None).await
    }

    /// The same over TLS: each node at a name of its own on this machine, `https://revenue.localhost:port`, with a
    /// certificate of this authority, which all of them believe.
    pub async fn over_tls_of(members: &[&str], authority: &Authority) -> Self {
        Self::made(members, Some(authority)).await
    }

    async fn made(members: &[&str], authority: Option<&Authority>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut nodes = BTreeMap::new();
        let council = MemberNode::start(folder.path(), GOVERNING, None, authority).await;
        let body = council.did();
        nodes.insert(GOVERNING.to_owned(), council);
        for name in members {
            let node = MemberNode::start(folder.path(), name, Some(body.clone()), authority).await;
            node.house().join(&node.person, &body).await.expect("the application is received");
            nodes.insert((*name).to_owned(), node);
        }
        let federation = Self { nodes, _folder: folder };
        let council = federation.member(GOVERNING);
        for name in members {
            let did = federation.member(name).did();
            council
                .house()
                .set_standing(&council.person, &did, Standing::Good, None)
                .await
                .expect("admitted");
        }
        for name in members {
            federation.member(name).until_admitted(members.len() + 1).await;
        }
        federation
    }

    #[must_use]
    pub fn member(&self, name: &str) -> &MemberNode {
        self.nodes.get(name).unwrap_or_else(|| panic!("no member {name} in this federation"))
    }

    pub fn member_mut(&mut self, name: &str) -> &mut MemberNode {
        self.nodes.get_mut(name).unwrap_or_else(|| panic!("no member {name} in this federation"))
    }
}

impl MemberNode {
    async fn start(
        parent: &Path,
        name: &str,
        governing_body: Option<Did>,
        authority: Option<&Authority>,
    ) -> Self {
        let port = Port::free();
        let listen = port.address;
        let folder = Folder::new(parent.join(name));
        let host = format!("{name}.localhost");
        let origin = match authority {
            None => format!("http://{listen}"),
            Some(_) => format!("https://{host}:{}", listen.port()),
        };
        let options = InitOptions {
            origin,
            title: format!("{} Agency", name[..1].to_uppercase() + &name[1..]),
            governs: governing_body.is_none(),
            governing_body,
            ..governing(&folder, name, listen)
        };
        weal_node::init(options).await.expect("a node is made");
        let mut config = Config::read(&folder, []).expect("its configuration is read");
        config.limits.answer_step_ms = ANSWER_STEP_MS;
        if let Some(authority) = authority {
            authority.certifies(&host, Years::VALID).write_in(folder.path());
            config.tls.certificate_file = Some(Certified::certificate_in(folder.path()));
            config.tls.key_file = Some(Certified::key_in(folder.path()));
            config.network.additional_ca_file = Some(authority.written_in(folder.path()));
        }
        let running = weal_node::start(config.clone(), folder.clone()).await.expect("it starts");
        let person = running.house.persons().await.expect("persons").pop().expect("the first person");
        Self { name: name.into(), folder, person, running: Some(running), config, _port: port }
    }

    #[must_use]
    pub fn house(&self) -> &Arc<House> {
        &self.running.as_ref().expect("the node runs").house
    }

    #[must_use]
    pub fn did(&self) -> Did {
        self.house().did.clone()
    }

    #[must_use]
    pub fn origin(&self) -> String {
        self.config.node.origin.clone()
    }

    /// What the node will be started with the next time.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The token with which its own programs speak to it.
    #[must_use]
    pub fn operator_token(&self) -> String {
        std::fs::read_to_string(self.folder.operator_token()).expect("the operator token").trim().to_owned()
    }

    /// The credential that the governing body gave it.
    #[must_use]
    pub fn credential(&self) -> String {
        self.house().ecosystem().credential.clone().expect("an admitted member")
    }

    /// A fresh token of this node for another.
    #[must_use]
    pub fn token_for(&self, audience: &Did) -> String {
        self.house().token_for(audience).expect("a token")
    }

    /// Offers a product that stands on paper only.
    pub async fn offers_on_paper(&self, name: &str, mode: Mode, terms: Terms) -> OfferId {
        let house = self.house();
        let product = crate::products::paper(name, house.clock.now());
        let stored = weal_store::StoredProduct {
            path: format!("products/{name}/1.parquet"),
            content_sha256: "0".repeat(64),
            product,
        };
        let mut tx = house.store.write("testkit.paper").await.expect("a transaction");
        tx.put_product(&stored).await.expect("it is kept");
        tx.commit().await.expect("it is kept");
        let make = MakeOffer { product: stored.product.name, mode, terms };
        house.make_offer(&self.person, make).await.expect("it is offered").id
    }

    /// Stops the node in order.
    pub async fn stops(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Starts it again in the same folder.
    pub async fn starts(&mut self) {
        let running =
            weal_node::start(self.config.clone(), self.folder.clone()).await.expect("it starts again");
        self.running = Some(running);
    }

    /// Starts it again in the same folder, with seams of the test's own.
    pub async fn starts_with(&mut self, seams: Seams) {
        let running = weal_node::start_with(self.config.clone(), self.folder.clone(), seams).await;
        self.running = Some(running.expect("it starts again"));
    }

    async fn until_admitted(&self, members: usize) {
        for _ in 0..2_400 {
            let ecosystem = self.house().ecosystem();
            let known = ecosystem.members.values().filter(|member| member.standing == Standing::Good).count();
            if ecosystem.credential.is_some() && known == members {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{} was not admitted in time", self.name);
    }

    /// Publishes CSV text, accepting the node's own proposals, on these rungs.
    pub async fn publishes(&self, name: &str, csv: &str, offers: Vec<(Mode, Terms)>) -> Published {
        self.tries_to_publish(name, csv, offers).await.expect("it is published")
    }

    pub async fn tries_to_publish(
        &self,
        name: &str,
        csv: &str,
        offers: Vec<(Mode, Terms)>,
    ) -> Result<Published, Error> {
        self.tries_to_publish_with(name, csv, offers, |_| {}).await
    }

    /// The same with a privacy policy changed from the one proposed.
    pub async fn tries_to_publish_with(
        &self,
        name: &str,
        csv: &str,
        offers: Vec<(Mode, Terms)>,
        change: impl FnOnce(&mut PrivacyPolicy),
    ) -> Result<Published, Error> {
        let house = self.house();
        let upload = house.begin_upload(&self.person).await?;
        let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(csv.to_owned()))]);
        house.receive_file(&self.person, &upload, &format!("{name}.csv"), body).await?;
        let mut inspected = house.inspect(&self.person, &upload, &Inspect::default()).await?;
        if let Some(policy) = &mut inspected.privacy {
            change(policy);
        }
        let product: ProductName = name.parse().expect("a product name");
        let offers = offers
            .into_iter()
            .map(|(mode, terms)| MakeOffer { product: product.clone(), mode, terms })
            .collect();
        let publish = Publish {
            upload,
            name: product,
            identifier: None,
            title: name.to_owned(),
            description: String::new(),
            keywords: Vec::new(),
            classification: inspected.classification,
            about_nobody: inspected.privacy.is_none(),
            privacy: inspected.privacy,
            particulars: Default::default(),
            offers,
        };
        house.publish(&self.person, publish).await
    }

    /// Looks at everybody's catalogue now.
    pub async fn looks_around(&self) {
        self.house().crawl().await.expect("the catalogues are read");
    }

    /// A wish for an agreement, to be completed with its purpose.
    #[must_use]
    pub fn requests(&self, product: &str, mode: Mode) -> Wish<'_> {
        Wish { node: self, product: product.into(), mode }
    }

    pub async fn asks(&self, sql: &str) -> Result<Answered, Refusal> {
        self.asks_with(Ask { sql: sql.into(), preview: false, loss: None, format: None, agreement: None })
            .await
    }

    pub async fn asks_with(&self, ask: Ask) -> Result<Answered, Refusal> {
        let outcome =
            async { self.house().answered(self.house().ask(&self.person, &ask).await?).await }.await;
        outcome.map_err(|cause| match cause {
            Error::Refused(refusal) => refusal,
            Error::Fault(fault) => panic!("a fault instead of an answer: {fault}"),
        })
    }

    pub async fn revokes(&self, agreement: &Agreement, reason: &str) {
        self.house().revoke(&self.person, &agreement.id, reason).await.expect("it is revoked");
    }
}

/// A request for an agreement, waiting for its purpose.
#[derive(Debug)]
pub struct Wish<'a> {
    node: &'a MemberNode,
    product: String,
    mode: Mode,
}

impl Wish<'_> {
    /// Waits for the answer as long as a busy machine may need.
    pub async fn for_purpose(self, purpose: &str) -> Answer {
        self.waiting_at_most(60_000, purpose).await
    }

    /// Asks, and does not stay for the answer.
    pub async fn without_waiting(self, purpose: &str) -> Answer {
        self.waiting_at_most(0, purpose).await
    }

    async fn waiting_at_most(self, wait_ms: u64, purpose: &str) -> Answer {
        let request = RequestAgreement {
            product: self.product.parse().expect("member.product"),
            mode: self.mode,
            purpose: purpose.parse().expect("a purpose"),
            legal_basis: None,
            wait_ms: Some(wait_ms),
        };
        match self.node.house().request_agreement(&self.node.person, request).await {
            Ok(requested) => Answer(Ok(requested)),
            Err(Error::Refused(refusal)) => Answer(Err(refusal)),
            Err(Error::Fault(fault)) => panic!("a fault instead of an answer: {fault}"),
        }
    }
}

/// What came of a wish.
#[derive(Debug)]
pub struct Answer(pub Result<Requested, Refusal>);

impl Answer {
    /// The agreement; the test fails where there is none.
    #[track_caller]
    #[must_use]
    pub fn is_agreed(self) -> Agreement {
        match self.0 {
            Ok(Requested { agreement: Some(agreement), .. }) => agreement,
            Ok(requested) => panic!("no agreement: {requested:#?}"),
            Err(refusal) => panic!("refused: {refusal:#?}"),
        }
    }

    /// The refusal, whichever side gave it; the test fails where its code is another.
    #[track_caller]
    pub fn is_refused_because(self, code: &str) -> Refusal {
        let refusal = match self.0 {
            Ok(Requested { refusal: Some(refusal), .. }) => refusal,
            Ok(requested) => panic!("not refused: {requested:#?}"),
            Err(refusal) => refusal,
        };
        assert_eq!(refusal.code, code, "{refusal:#?}");
        refusal
    }

    /// Still waiting for the other side.
    #[track_caller]
    #[must_use]
    pub fn waits(self) -> Requested {
        match self.0 {
            Ok(requested) if requested.agreement.is_none() && requested.refusal.is_none() => requested,
            other => panic!("does not wait: {other:#?}"),
        }
    }
}
