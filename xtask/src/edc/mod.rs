//! The reference connector, Eclipse EDC, as a process beside us: assembled by Maven from its published artifacts
//! (tests/conformance/edc), started on ports of its own, ended with its value.

mod data_plane;
mod management;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use data_plane::{DataPlane, PULL};
pub(crate) use management::{Counterparty, Management, items, text};

use crate::http::{Connection, free_address};

/// How long the connector may take to say that it is ready.
const READY_MAX: Duration = Duration::from_secs(120);
/// What the products' data addresses are called; only the data plane knows what they are.
const SOURCE: &str = "ConformanceData";
const FOLDER: &str = "tests/conformance/edc";
const MAIN: &str = "org.eclipse.edc.boot.system.runtime.BaseRuntime";
/// Runs the connector until it ends or our end of the pipe does, so that it never outlives us; says its id first.
const KEEPER: &str = "exec 3<&0; \"$@\" </dev/null >\"$WEAL_EDC_LOG\" 2>&1 & child=$!; echo $child; exec >/dev/null; \
     (cat <&3; kill $child 2>/dev/null; sleep 5; kill -9 $child 2>/dev/null) & wait $child";

/// The connector's artifacts in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    pub(crate) version: String,
    jars: PathBuf,
    settings: PathBuf,
}

impl Assembly {
    /// Copies the artifacts, where this has not been done for the same `pom.xml` before.
    pub(crate) fn make(root: &Path) -> Result<Self, String> {
        let pom = root.join(FOLDER).join("pom.xml");
        let asked = crate::read(&pom)?;
        let version = between(&asked, "<edc.version>", "</edc.version>")
            .ok_or_else(|| format!("{} names no edc.version", pom.display()))?;
        let jars = crate::target(root).join("conformance").join(format!("edc-{version}"));
        let assembly = Self {
            version: version.to_owned(),
            settings: root.join(FOLDER).join("peer.properties"),
            jars: jars.clone(),
        };
        let made_of = jars.join("pom.xml");
        if std::fs::read_to_string(&made_of).is_ok_and(|before| before == asked) {
            return Ok(assembly);
        }
        // What another pom.xml has left there would be on the class path too.
        let _ = std::fs::remove_dir_all(&jars);
        let output = format!("-DoutputDirectory={}", jars.display());
        let arguments = ["--batch-mode", "--quiet", "dependency:copy-dependencies", &output, "--file"];
        eprintln!("mvn {} {}", arguments.join(" "), pom.display());
        let done = Command::new("mvn").args(arguments).arg(&pom).stdin(Stdio::null()).status();
        match done {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("mvn: {status}")),
            Err(cause) => return Err(format!("mvn: {cause}; install Maven and a JDK 17")),
        }
        std::fs::write(&made_of, asked).map_err(|cause| format!("{}: {cause}", made_of.display()))?;
        Ok(assembly)
    }
}

/// How the connector looks for work: its state machines poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polling {
    /// Every second, twenty at a time.
    Default,
    /// Every 50 ms, as its own tests set it.
    Quick,
    /// Every millisecond, 500 at a time.
    Fastest,
}

impl Polling {
    fn settings(self) -> Vec<String> {
        let machines = ["edc.negotiation.consumer", "edc.negotiation.provider", "edc.transfer"];
        let sets: &[&str] = match self {
            Self::Default => &[],
            Self::Quick => &["iteration-wait-millis=50"],
            Self::Fastest => &["iteration-wait-millis=1", "batch-size=500"],
        };
        let mut all = Vec::new();
        for machine in machines {
            all.extend(sets.iter().map(|set| format!("-D{machine}.state-machine.{set}")));
        }
        all
    }
}

/// Where one connector is reached. The protocol is at `<protocol>/dsp/2025-1`.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) protocol: String,
    pub(crate) management: String,
    checks: String,
    control: String,
    signaling: String,
}

/// One running connector.
#[derive(Debug)]
pub(crate) struct Edc {
    /// The participant's identifier, which the mock identity believes.
    pub(crate) id: String,
    /// The origin that its messages name: its own protocol port, or whatever stands in front of it.
    pub(crate) origin: String,
    pub(crate) addresses: Addresses,
    pub(crate) ready_after: Duration,
    process_id: u32,
    keeper: Child,
    log: PathBuf,
}

impl Edc {
    pub(crate) fn addresses() -> Result<Addresses, String> {
        Ok(Addresses {
            protocol: free_address()?,
            management: free_address()?,
            checks: free_address()?,
            control: free_address()?,
            signaling: free_address()?,
        })
    }

    /// Starts a connector and waits until it says that it is ready. Its log goes to `place`.
    pub(crate) fn start(
        assembly: &Assembly,
        place: &Path,
        id: &str,
        origin: &str,
        addresses: Addresses,
        polling: Polling,
    ) -> Result<Self, String> {
        let log = place.join(format!("edc-{}.log", addresses.protocol.replace(':', "-")));
        let mut set = vec![
            format!("-Dedc.fs.config={}", assembly.settings.display()),
            format!("-Dedc.participant.id={id}"),
            format!("-Dedc.dsp.callback.address={origin}/dsp"),
        ];
        let ports = [
            ("", &addresses.checks),
            (".management", &addresses.management),
            (".protocol", &addresses.protocol),
            (".control", &addresses.control),
            (".signaling", &addresses.signaling),
        ];
        set.extend(ports.map(|(context, address)| {
            format!("-Dweb.http{context}.port={}", address.rsplit(':').next().unwrap_or_default())
        }));
        set.extend(polling.settings());
        let began = Instant::now();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", "java"])
            .args(&set)
            .arg("-cp")
            .arg(assembly.jars.join("*"))
            .arg(MAIN)
            .env("WEAL_EDC_LOG", &log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("sh: {cause}"))?;
        let mut said = String::new();
        let output = keeper.stdout.take().ok_or("sh has no output")?;
        BufReader::new(output).read_line(&mut said).map_err(|cause| format!("sh: {cause}"))?;
        let process_id = said.trim().parse().map_err(|_| format!("sh said `{said}`, not a process id"))?;
        let (id, origin) = (id.to_owned(), origin.to_owned());
        let mut edc = Self { id, origin, addresses, ready_after: Duration::ZERO, process_id, keeper, log };
        edc.wait_until_ready(began)?;
        edc.ready_after = began.elapsed();
        Ok(edc)
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<(), String> {
        while began.elapsed() < READY_MAX {
            if self.answers() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.keeper.try_wait() {
                return Err(format!("the connector ended ({status}):\n{}", self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("the connector was not ready in {} s:\n{}", READY_MAX.as_secs(), self.last_words()))
    }

    /// It calls itself ready to whoever asks before all of its addresses answer, and these answer before all of its
    /// parts have started; it is ready when its log says so too.
    fn answers(&self) -> bool {
        let all = [
            (&self.addresses.checks, "/api/check/readiness"),
            (&self.addresses.protocol, "/dsp/.well-known/dspace-version"),
            (&self.addresses.control, "/control/v1/dataplanes"),
            (&self.addresses.management, "/management/v3/dataplanes"),
        ];
        let answers = all.iter().all(|(address, path)| {
            Connection::to(address).get(path, &[]).is_ok_and(|answer| answer.is_success())
        });
        let started = |line: &str| line.contains("Runtime ") && line.contains(" ready");
        answers && std::fs::read_to_string(&self.log).is_ok_and(|log| log.lines().any(started))
    }

    /// Names the data plane that does what `formats` say.
    pub(crate) fn use_data_plane(&self, url: &str, formats: &[&str]) -> Result<(), String> {
        let registration = serde_json::json!({
            "@context": {"@vocab": "https://w3id.org/edc/v0.0.1/ns/"}, "@type": "DataPlaneInstance",
            "@id": "plane", "url": url, "allowedSourceTypes": [SOURCE], "allowedTransferTypes": formats,
        });
        let headers = [("content-type", "application/json")];
        let mut control = Connection::to(&self.addresses.control);
        let body = registration.to_string();
        let answer = control.send("POST", "/control/v1/dataplanes", &headers, body.as_bytes())?;
        if answer.is_success() { Ok(()) } else { Err(format!("registering a data plane: {}", answer.text())) }
    }

    pub(crate) fn management(&self) -> Management {
        Management::to(&self.addresses.management)
    }

    /// The base of its protocol, as its peers are told.
    pub(crate) fn protocol_url(&self) -> String {
        format!("{}/dsp/2025-1", self.origin)
    }

    /// The memory it holds now, in MiB.
    pub(crate) fn resident_mib(&self) -> Option<f64> {
        crate::processes::resident_mib(self.process_id)
    }

    /// The end of its log, for whoever looks for the cause of a failure.
    pub(crate) fn last_words(&self) -> String {
        const LINES: usize = 40;
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Edc {
    fn drop(&mut self) {
        // The keeper's input ends, and with it the connector.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found.trim())
}
