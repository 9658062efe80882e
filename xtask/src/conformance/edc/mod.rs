//! `cargo xtask conformance edc`: one node of ours and one reference connector, each once as the consumer of the
//! other, from the catalogue to the data. First with the connector's mock of an identity, which weal-edc of
//! weal-testkit believes; then with the Decentralized Claims Protocol, between the connector with its wallet and the
//! program that everyone runs, by the guide that everyone has. Every step is checked and said.

mod claims;
mod guide;
mod node;
mod talk;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bench::{Place, cargo};
use crate::edc::{Assembly, DataPlane, Edc, Kind, PULL, Polling, Route};
use node::{Node, did_of};
use talk::{THEIRS, Talk};

/// How both sides prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    Mock,
    Dcp,
}

impl Identity {
    fn name(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::Dcp => "dcp",
        }
    }
}

pub(crate) fn edc(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (mut program, mut identities) = (None, vec![Identity::Mock, Identity::Dcp]);
    let mut rest = arguments;
    while let [name, value, more @ ..] = rest {
        match (*name, *value) {
            ("--node", file) => program = Some(root.join(file)),
            ("--identity", "mock") => identities = vec![Identity::Mock],
            ("--identity", "dcp") => identities = vec![Identity::Dcp],
            _ => return Err(crate::USAGE.to_owned()),
        }
        rest = more;
    }
    if !rest.is_empty() {
        return Err(crate::USAGE.to_owned());
    }
    let program = match program {
        Some(program) => program,
        None => build(root)?,
    };
    let passes: Result<Vec<String>, String> =
        identities.into_iter().map(|identity| pass(root, &program, identity)).collect();
    Ok(passes?.join("\n"))
}

/// Together with the tests of its crate, whose build it then shares.
fn build(root: &Path) -> Result<PathBuf, String> {
    cargo(root, &["test", "--workspace", "--test", "testkit", "--no-run"])?;
    Ok(crate::target(root).join("debug/weal-edc"))
}

/// Both directions under one kind of identity, with sides made anew.
fn pass(root: &Path, program: &Path, identity: Identity) -> Result<String, String> {
    println!("identity: {}", identity.name());
    let place = Place::make()?;
    let (steps, version) = match identity {
        Identity::Mock => mock(root, program, &place.0)?,
        Identity::Dcp => claims::run(root, &program.with_file_name("weal"), &place.0)?,
    };
    let name = identity.name();
    Ok(format!("conformance edc, identity {name}: {steps} steps, both ways, with EDC {version}"))
}

pub(super) fn said(began: Instant, what: &str) {
    println!("{:7.2} s  {what}", began.elapsed().as_secs_f64());
}

fn mock(root: &Path, program: &Path, place: &Path) -> Result<(usize, String), String> {
    let began = Instant::now();
    let assembly = Assembly::make(root, Kind::Mock)?;
    let addresses = Edc::addresses()?;
    let behind = vec![Route { prefix: "/dsp/", address: addresses.protocol.clone() }];
    let plane = DataPlane::start(THEIRS.as_bytes(), behind)?;
    let origin = plane.origin();
    let did = did_of(&origin);
    let connector = Edc::start(&assembly, place, (&did, &origin), addresses, Polling::Quick, &[])?;
    connector.use_data_plane(&plane.url(), &[PULL])?;
    let node = Node::start(program, &origin)?;
    said(began, &format!("{} and {} are ready", connector.id, node.did));
    let talk = Talk { began, connector: &connector, plane: &plane, node: &node };
    let both = talk::publish(&mut node.api()?)
        .and_then(|()| talk.they_ask())
        .and_then(|steps| Ok(steps + talk.we_ask()?));
    match both {
        Ok(steps) => Ok((steps, assembly.version)),
        Err(why) => Err(talk.explain(&why)),
    }
}
