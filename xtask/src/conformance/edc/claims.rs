//! The pass with real identities: a connector whose wallet holds a credential of our governing body, and two nodes of
//! ours as the guide makes them. The guide is run section by section; between them the other side does its part.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::guide::{GUIDE, Guide};
use super::node::{self, Node, did_of};
use super::said;
use super::talk::{THEIRS, Talk, WAIT_MAX};
use crate::edc::{Assembly, CREDENTIALS, DataPlane, Edc, Kind, PULL, Polling, Route, Wallet};
use crate::ports::free_address;

/// A node that has just refused a caller does not look again at what it presents for some seconds.
const FORGOTTEN_MAX: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(250);

/// How many steps held, and with which release.
pub(super) fn run(root: &Path, weal: &Path, place: &Path) -> Result<(usize, String), String> {
    let began = Instant::now();
    let assembly = Assembly::make(root, Kind::Claims)?;
    let with_wallet = Assembly::make(root, Kind::Wallet)?;
    let (addresses, kept) = (Edc::addresses()?, Wallet::addresses()?);
    let behind = vec![
        Route { prefix: "/dsp/", address: addresses.protocol.clone() },
        Route { prefix: CREDENTIALS, address: kept.credentials.clone() },
        Route { prefix: "/.well-known/", address: kept.documents.clone() },
    ];
    let plane = DataPlane::start(THEIRS.as_bytes(), behind)?;
    let origin = plane.origin();
    let did = did_of(&origin);
    let wallet = Wallet::start(&with_wallet, place, &did, &origin, kept)?;
    let (council, revenue) = (free_address()?, free_address()?);
    let environment =
        [("COUNCIL", council.as_str()), ("REVENUE", revenue.as_str()), ("PARTNER", origin.as_str())];
    let mut guide = Guide::open(root, place, weal, &environment)?;
    guide.section("Two nodes of ours")?;
    let body = Node::in_folder(&council, &place.join("council"));
    let node = Node::in_folder(&revenue, &place.join("revenue"));
    let mut settings = vec![
        "-Dedc.iam.did.web.use.https=false".to_owned(),
        format!("-Dedc.iam.issuer.id={did}"),
        format!("-Dedc.iam.trusted-issuer.council.id={}", body.did),
        format!("-Dweal.scope=org.eclipse.dspace.dcp.vc.type:{}:read", node::MEMBERSHIP),
    ];
    settings.extend(wallet.settings());
    let connector = Edc::start(&assembly, place, (&did, &origin), addresses, Polling::Quick, &settings)?;
    connector.use_data_plane(&plane.url(), &[PULL])?;
    said(began, &format!("{did}, its wallet, {} and {} are ready", body.did, node.did));
    let talk = Talk { began, connector: &connector, plane: &plane, node: &node };
    let mut pass = Pass { talk: &talk, body: &body, wallet: &wallet, guide: &mut guide };
    match pass.all() {
        Ok(steps) => Ok((steps, assembly.version)),
        Err(why) => Err(format!("{}\n{}\n{}", talk.explain(&why), wallet.last_words(), guide.logs())),
    }
}

struct Pass<'a> {
    talk: &'a Talk<'a>,
    body: &'a Node,
    wallet: &'a Wallet,
    guide: &'a mut Guide,
}

impl Pass<'_> {
    /// Our catalogue as EDC gets it.
    fn catalogue(&self) -> Result<Value, String> {
        self.talk.connector.management().catalogue(&self.talk.us(), 50)
    }

    fn all(&mut self) -> Result<usize, String> {
        let mut done = self.join()?;
        self.guide.section("What they find at yours")?;
        done += self.talk.they_ask()?;
        done += self.we_ask()?;
        done += self.part()?;
        self.guide.section("Stop")?;
        let left = self.guide.left();
        if left.is_empty() {
            Ok(done)
        } else {
            Err(format!("{GUIDE} has sections that were not run: {left:?}"))
        }
    }

    /// The connector's owner becomes a member: its wallet asks the governing body for a credential, an officer admits
    /// it, the wallet is given the credential.
    fn join(&mut self) -> Result<usize, String> {
        let mut steps = self.talk.steps();
        let offered = self.body.offered()?;
        let request = self.wallet.request(&self.body.did, node::MEMBERSHIP, &offered)?;
        self.wallet.request_in(&request, &["REQUESTED", "ISSUED"], WAIT_MAX)?;
        steps.holds("the governing body takes the request of EDC's wallet", true, &request)?;
        let refused = self.catalogue();
        steps.holds("whoever is no member yet is refused", refused.is_err(), &refused)?;
        let admitted = self.guide.section("Admit the partner")?;
        steps.holds("an officer admits EDC's owner", admitted.contains("in good standing"), &admitted)?;
        self.wallet.request_in(&request, &["ISSUED"], WAIT_MAX)?;
        let held = self.wallet.credentials(node::MEMBERSHIP, WAIT_MAX)?;
        steps.holds("EDC's wallet holds the credential", held.len() == 1, &held)?;
        let began = Instant::now();
        let mut shown = self.catalogue();
        while shown.is_err() && began.elapsed() < FORGOTTEN_MAX {
            std::thread::sleep(LOOK);
            shown = self.catalogue();
        }
        steps.holds("our node lets EDC in", shown.is_ok(), &shown)?;
        Ok(steps.done)
    }

    /// Our node is the consumer, by the guide.
    fn we_ask(&mut self) -> Result<usize, String> {
        let mut steps = self.talk.steps();
        let shown = self.guide.section("What they did")?;
        steps.holds("our node shows what EDC did", shown.contains("districts"), &shown)?;
        self.talk.they_offer()?;
        let asked = self.guide.section("Find and request what they have")?;
        let pulled = asked.contains("harbour") && asked.contains("17");
        steps.holds("our node finds, negotiates, pulls EDC's data and asks it", pulled, &asked)?;
        let agreements = self.talk.node.api()?.get("/agreements")?;
        let all = agreements.as_array().map_or(&[][..], Vec::as_slice);
        let ours =
            all.iter().find(|one| one["product"].as_str().is_some_and(|name| name.ends_with("weather")));
        let id = ours.and_then(|one| one["id"].as_str()).unwrap_or_default();
        steps.holds("EDC holds the same agreement", self.talk.held_by_edc(id)?, &agreements)?;
        let stands = self.guide.section("Where a negotiation stands")?;
        steps.holds(
            "its history is shown, and an offer unasked is on its way",
            stands.contains("FINALIZED"),
            &stands,
        )?;
        Ok(steps.done)
    }

    /// An identity ends when the membership does.
    fn part(&mut self) -> Result<usize, String> {
        let mut steps = self.talk.steps();
        let suspended = self.guide.section("End it")?;
        steps.holds("an officer suspends EDC's owner", suspended.contains("suspended"), &suspended)?;
        let refused = self.catalogue();
        steps.holds("EDC is refused from then on", refused.is_err(), &refused)?;
        Ok(steps.done)
    }
}
