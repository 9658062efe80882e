//! `cargo xtask conformance acme`: nodes of ours get and renew certificates from Pebble, the ACME authority that
//! Let's Encrypt made to be tough on clients: it refuses good nonces, mixes up what may be mixed up, and really
//! comes to look. What happened is told by Pebble's own log and by certificates as curl sees them.

mod authority;
mod gate;
mod node;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bench::{Place, cargo};
use authority::{Authority, Kind};
use gate::Gate;
use node::{Node, Settings};

/// The life of a certificate in these tests: long enough to look at it, short enough to see it renewed.
const LIFE_S: u64 = 36;
const WAIT_MAX: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(100);
/// How often one request of [`Acme::over_tls`] may be refused for its nonce before the node waits, as it may. One in ten
/// is refused, so three one after the other are one in a thousand, and of the some thirty requests of a pass it happens
/// to one in 30 passes: that it happens in each of these, once in 10⁸ runs.
const PASSES_MAX: usize = 6;
/// How often a connection is used that must live on: a node closes one that is idle for 30 s.
const USED_EVERY: Duration = Duration::from_secs(5);

struct Acme {
    began: Instant,
    place: Place,
    weal: PathBuf,
    pebble: PathBuf,
    steps: usize,
}

pub(crate) fn acme(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (mut weal, mut pebble) = (None, None);
    let mut rest = arguments;
    while let [name, file, more @ ..] = rest {
        match *name {
            "--weal" => weal = Some(root.join(file)),
            "--pebble" => pebble = Some(PathBuf::from(file)),
            _ => return Err(crate::USAGE.to_owned()),
        }
        rest = more;
    }
    if !rest.is_empty() {
        return Err(crate::USAGE.to_owned());
    }
    let weal = match weal {
        Some(weal) => weal,
        None => {
            cargo(root, &["test", "--workspace", "--test", "cli", "--no-run"])?;
            crate::target(root).join("debug/weal")
        }
    };
    let pebble = authority::program(root, pebble)?;
    let mut acme = Acme { began: Instant::now(), place: Place::make()?, weal, pebble, steps: 0 };
    acme.over_tls()?;
    acme.over_http()?;
    acme.with_an_account_given_beforehand()?;
    acme.killed_in_the_middle()?;
    acme.refused()?;
    Ok(format!("conformance acme: {} steps, with {}", acme.steps, authority::version(&acme.pebble)))
}

impl Acme {
    fn step(&mut self, what: &str) {
        self.steps += 1;
        println!("{:7.2} s  {what}", self.began.elapsed().as_secs_f64());
    }

    fn node(&self, name: &str) -> Result<Node, String> {
        Node::made(&self.weal, &self.place.0, name)
    }

    fn authority(&self, node: &Node, kind: Kind) -> Result<Authority, String> {
        Authority::made(&self.pebble, &self.place.0, node.tls_port(), node.plain_port(), kind)
    }

    /// Its words where something failed: both logs' ends.
    fn told<T>(outcome: Result<T, String>, node: &Node, authority: &Authority) -> Result<T, String> {
        outcome.map_err(|why| {
            format!(
                "FAILED: {why}\nthe node's log ends:\n{}\nPebble's:\n{}",
                node.last_words(),
                authority.last_words()
            )
        })
    }

    /// tls-alpn-01: an authority that is away first and rejects one nonce in ten, a restart, a renewal.
    fn over_tls(&mut self) -> Result<(), String> {
        let steps = self.steps;
        let mut pass = 1;
        loop {
            let mut node = self.node(&format!("over-tls-{pass}"))?;
            let mut authority = self.authority(&node, Kind::Plain)?;
            node.serves(&authority, Settings::default())?;
            let outcome = self.over_tls_with(&mut node, &mut authority);
            // A node that was told three times that its nonce is no good asks again later. Certificates that live for
            // seconds may be over by then, which says nothing about the node; so it is looked at once more.
            if outcome.is_ok() || pass == PASSES_MAX || !node.has_said("badNonce") {
                return Self::told(outcome, &node, &authority);
            }
            println!("three nonces in a row were rejected; once more from the beginning");
            (self.steps, pass) = (steps, pass + 1);
        }
    }

    fn over_tls_with(&mut self, node: &mut Node, authority: &mut Authority) -> Result<(), String> {
        until("the node says that the authority is away", || {
            node.has_said("the authority cannot be reached")
        })?;
        self.step("an authority that is away is waited for");
        authority.starts(&[("PEBBLE_WFE_NONCEREJECT", "10")])?;
        let first = until_some("a certificate", || node.certificate(authority))?;
        self.step("tls-alpn-01: the authority looked, the certificate is served and believed");
        expect(authority.orders() == 1, || format!("one order, not {}", authority.orders()))?;
        node.keeps_its_secrets()?;
        self.step("account, key and certificate are readable by their owner alone");
        node.stops();
        node.serves(authority, Settings::default())?;
        let again = until_some("the same after a restart", || node.certificate(authority))?;
        expect(again == first, || "another certificate after a restart".into())?;
        expect(authority.orders() == 1, || "a restart ordered anew".into())?;
        self.step("the certificate survives a restart, without another order");
        let mut lasting = node.lasting_connection()?;
        let asked_at = Instant::now();
        let second = until_some("a renewed certificate", || {
            // Whatever comes of it is seen below.
            let _ = lasting.asks_every(USED_EVERY);
            node.certificate(authority).filter(|certificate| *certificate != first)
        })?;
        expect(authority.orders() == 2, || format!("{} orders for one renewal", authority.orders()))?;
        expect(authority.accounts() == 1, || format!("{} accounts", authority.accounts()))?;
        expect(second != first, String::new)?;
        let waited = asked_at.elapsed().as_secs_f64();
        self.step(&format!("renewed before it expired, after another {waited:.0} s, with one more order"));
        lasting.still_lives()?;
        self.step("a connection from before the renewal lives on");
        node.status()?;
        self.step("the node's own command line knows it by its new certificate");
        Ok(())
    }

    fn over_http(&mut self) -> Result<(), String> {
        let mut node = self.node("over-http")?;
        let mut authority = self.authority(&node, Kind::Plain)?;
        authority.starts(&[])?;
        node.serves(&authority, Settings { http: true, ..Settings::default() })?;
        let outcome = until_some("a certificate", || node.certificate(&authority)).map(|_| ());
        Self::told(outcome, &node, &authority)?;
        self.step("http-01: the authority looked at the plain port");
        Ok(())
    }

    fn with_an_account_given_beforehand(&mut self) -> Result<(), String> {
        let mut node = self.node("given")?;
        let mut authority = self.authority(&node, Kind::Binding)?;
        authority.starts(&[])?;
        node.serves(&authority, Settings::default())?;
        let outcome =
            until("the authority refuses who is not announced", || node.has_said("the authority refused"));
        Self::told(outcome, &node, &authority)?;
        self.step("without the account that it gave, the authority refuses, and the log has its words");
        let mut node = self.node("given-again")?;
        let mut authority = self.authority(&node, Kind::Binding)?;
        authority.starts(&[])?;
        node.serves(&authority, Settings { binding: true, ..Settings::default() })?;
        let outcome = until_some("a certificate", || node.certificate(&authority)).map(|_| ());
        Self::told(outcome, &node, &authority)?;
        self.step("with it (external account binding) the certificate comes");
        Ok(())
    }

    /// `kill -9` while the authority looks. It waits at a gate for as long as the node is away, which must not take
    /// longer than its patience: 15 s.
    fn killed_in_the_middle(&mut self) -> Result<(), String> {
        let mut node = self.node("killed")?;
        let gate = Gate::before(node.listen)?;
        let mut authority =
            Authority::made(&self.pebble, &self.place.0, gate.port, node.plain_port(), Kind::Plain)?;
        authority.starts(&[])?;
        node.serves(&authority, Settings::default())?;
        let outcome = until("the authority comes to look", || gate.came() > 0).and_then(|()| {
            expect(node.has_order(), || "no order is written down".into())?;
            node.is_killed();
            node.serves(&authority, Settings::default())?;
            until("the node shows its answer again", || node.shows_its_answer())?;
            gate.opens();
            until_some("a certificate all the same", || node.certificate(&authority))?;
            expect(authority.orders() == 1, || format!("{} orders", authority.orders()))?;
            expect(authority.accounts() == 1, || format!("{} accounts", authority.accounts()))
        });
        Self::told(outcome, &node, &authority)?;
        self.step("killed between order and certificate: the same account, the same order, one certificate");
        Ok(())
    }

    /// An authority that finds nobody where it looks.
    fn refused(&mut self) -> Result<(), String> {
        let mut node = self.node("refused")?;
        let mut authority = self.authority(&node, Kind::LooksElsewhere)?;
        authority.starts(&[])?;
        node.serves(&authority, Settings::default())?;
        let outcome =
            until("the refusal is said", || node.has_said("the authority refused")).and_then(|()| {
                for _ in 0..3 {
                    node.is_killed();
                    node.serves(&authority, Settings::default())?;
                    std::thread::sleep(Duration::from_secs(2));
                }
                expect(authority.orders() == 1, || format!("{} orders by restarting", authority.orders()))
            });
        Self::told(outcome, &node, &authority)?;
        self.step("refused: the reason is in the log, and restarting does not order again");
        Ok(())
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    until_some(what, || holds().then_some(()))
}

fn until_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if began.elapsed() > WAIT_MAX {
            return Err(format!("not within {} s: {what}", WAIT_MAX.as_secs()));
        }
        std::thread::sleep(LOOK);
    }
}

/// The last lines of a log.
fn last_lines(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Runs a program to its end and answers with what it printed.
fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output =
        std::process::Command::new(program).args(arguments).stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|cause| format!("{program}: {cause}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
}
