//! The reference connector, Eclipse EDC, as a process beside us: assembled by Maven from its published artifacts
//! (tests/conformance/edc), started on ports of its own, ended with its value.

mod assembly;
mod data_plane;
mod management;
mod runtime;
mod wallet;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use assembly::{Assembly, Kind};
pub(crate) use data_plane::{DataPlane, PULL, Route};
pub(crate) use management::{Counterparty, Management, items, text};
pub(crate) use wallet::{CREDENTIALS, Wallet};

use crate::http::Connection;
use crate::ports::free_address;
use runtime::Runtime;

/// What the products' data addresses are called; only the data plane knows what they are.
const SOURCE: &str = "ConformanceData";

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

impl Addresses {
    /// It calls itself ready to whoever asks before all of its addresses answer.
    fn answer(&self) -> bool {
        let all = [
            (&self.checks, "/api/check/readiness"),
            (&self.protocol, "/dsp/.well-known/dspace-version"),
            (&self.control, "/control/v1/dataplanes"),
            (&self.management, "/management/v3/dataplanes"),
        ];
        all.iter().all(|(address, path)| {
            // A request that comes before it listens to what it accepts is never answered.
            let mut asked = Connection::to(address).patient_for(ANSWER_WAIT_MAX);
            asked.get(path, &[]).is_ok_and(|answer| answer.is_success())
        })
    }
}

/// One running connector.
#[derive(Debug)]
pub(crate) struct Edc {
    /// The participant's identifier, which its peers know it by.
    pub(crate) id: String,
    /// The origin that its messages name: its own protocol port, or whatever stands in front of it.
    pub(crate) origin: String,
    pub(crate) addresses: Addresses,
    pub(crate) ready_after: Duration,
    runtime: Runtime,
}

/// How long one look at a connector that is starting may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long the connector may take to find that its data plane is there.
const DATA_PLANE_WAIT_MAX: Duration = Duration::from_secs(180);

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

    /// Starts a connector with these settings beside its own and waits until it is ready. Its log goes to `place`.
    pub(crate) fn start(
        assembly: &Assembly,
        place: &Path,
        (id, origin): (&str, &str),
        addresses: Addresses,
        polling: Polling,
        settings: &[String],
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
        set.extend_from_slice(settings);
        let began = Instant::now();
        let runtime = Runtime::start(assembly, &set, log, || addresses.answer())
            .map_err(|why| format!("the connector: {why}"))?;
        let (id, origin) = (id.to_owned(), origin.to_owned());
        Ok(Self { id, origin, addresses, ready_after: began.elapsed(), runtime })
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
        if !answer.is_success() {
            return Err(format!("registering a data plane: {}", answer.text()));
        }
        // The connector uses it once it has looked at it by itself, which whoever is quick comes before.
        let began = Instant::now();
        loop {
            let all = control.send("GET", "/control/v1/dataplanes", &headers, b"")?.text();
            if all.contains("\"AVAILABLE\"") {
                return Ok(());
            }
            if began.elapsed() > DATA_PLANE_WAIT_MAX {
                return Err(format!("the connector does not find its data plane: {all}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
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
        crate::processes::resident_mib(self.runtime.process_id)
    }

    /// The end of its log, for whoever looks for the cause of a failure.
    pub(crate) fn last_words(&self) -> String {
        self.runtime.last_words()
    }
}
