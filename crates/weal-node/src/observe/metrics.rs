//! Counters and histograms, in the Prometheus text format.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use weal_domain::Timestamp;
use weal_domain::identity::MemberName;

/// The route that was asked, by its pattern: never a path with an identifier in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Door {
    pub route: String,
    pub method: String,
    pub status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    Granted,
    Refused,
    Delivered,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labelled {
    outcome: Outcome,
}

/// A member whose catalogue is read. The register bounds how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfMember {
    member: String,
}

/// Faults are logged where no node is at hand, and a process is one node: one counter for all of it.
static FAULTS: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Counts an incident.
pub fn count_fault() {
    FAULTS.inc();
}

/// All figures of one node. Cheap to clone: the clones share their values.
#[derive(Clone)]
pub struct Metrics {
    registry: std::sync::Arc<Registry>,
    requests: Family<Door, Counter>,
    seconds: Histogram,
    uses: Family<Labelled, Counter>,
    deliveries: Family<Labelled, Counter>,
    questions_unanswered: Counter,
    questions_not_taken: Counter,
    invariants_broken: Counter,
    ledger_size: Gauge<i64>,
    streams_open: Gauge<f64, AtomicU64>,
    /// Without a value where this node has no certificate.
    certificate_expires: Family<[(&'static str, &'static str); 0], Gauge>,
    certificates_refused: Counter,
    catalogue: CatalogueMetrics,
}

/// How fresh the copies of the others' catalogues are.
#[derive(Clone)]
struct CatalogueMetrics {
    entries: Family<OfMember, Gauge>,
    heard: Family<OfMember, Gauge>,
    failures: Family<OfMember, Counter>,
}

impl CatalogueMetrics {
    fn register(registry: &mut Registry) -> Self {
        let entries = Family::<OfMember, Gauge>::default();
        let heard = Family::<OfMember, Gauge>::default();
        let failures = Family::<OfMember, Counter>::default();
        registry.register(
            "catalogue_entries",
            "Entries of a member's catalogue, as last read",
            entries.clone(),
        );
        registry.register_with_unit(
            "catalogue_heard",
            "When a member last said what its catalogue is, since 1970",
            Unit::Seconds,
            heard.clone(),
        );
        registry.register(
            "catalogue_failures",
            "Looks at a member's catalogue that failed",
            failures.clone(),
        );
        Self { entries, heard, failures }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::<Door, Counter>::default();
        let seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let uses = Family::<Labelled, Counter>::default();
        let deliveries = Family::<Labelled, Counter>::default();
        let questions_unanswered = Counter::default();
        let questions_not_taken = Counter::default();
        let invariants_broken = Counter::default();
        let ledger_size = Gauge::default();
        let streams_open = Gauge::default();
        let certificate_expires = Family::<_, Gauge>::default();
        let certificates_refused = Counter::default();
        let mut registry = Registry::with_prefix("weal");
        registry.register("requests", "Requests answered, by route and status", requests.clone());
        registry.register_with_unit("request_duration", "Time to answer", Unit::Seconds, seconds.clone());
        registry.register("uses", "Uses of agreements that were asked for", uses.clone());
        registry.register("deliveries", "Messages to peers", deliveries.clone());
        registry.register(
            "questions_unanswered",
            "Paid questions that could not be answered",
            questions_unanswered.clone(),
        );
        registry.register(
            "questions_not_taken",
            "Questions refused because too many before them could not be answered",
            questions_not_taken.clone(),
        );
        registry.register("invariants_broken", "Named invariants found broken", invariants_broken.clone());
        registry.register("faults", "Incidents", FAULTS.clone());
        registry.register("ledger_size", "Entries in the ledger", ledger_size.clone());
        registry.register("streams_open", "Streams of rows open now", streams_open.clone());
        registry.register_with_unit(
            "tls_certificate_expires",
            "When the certificate served now expires, as Unix time",
            Unit::Seconds,
            certificate_expires.clone(),
        );
        registry.register(
            "tls_certificates_refused",
            "New certificates that were not taken up, and tries to get one that failed",
            certificates_refused.clone(),
        );
        let catalogue = CatalogueMetrics::register(&mut registry);
        Self {
            registry: std::sync::Arc::new(registry),
            requests,
            seconds,
            uses,
            deliveries,
            questions_unanswered,
            questions_not_taken,
            invariants_broken,
            ledger_size,
            streams_open,
            certificate_expires,
            certificates_refused,
            catalogue,
        }
    }
}

impl Metrics {
    pub fn request(&self, door: Door, took: Duration) {
        self.requests.get_or_create(&door).inc();
        self.seconds.observe(took.as_secs_f64());
    }
    pub fn used(&self, outcome: Outcome) {
        self.uses.get_or_create(&Labelled { outcome }).inc();
    }
    pub fn delivered(&self, outcome: Outcome) {
        self.deliveries.get_or_create(&Labelled { outcome }).inc();
    }
    pub fn question_unanswered(&self) {
        self.questions_unanswered.inc();
    }
    pub fn question_not_taken(&self) {
        self.questions_not_taken.inc();
    }
    pub fn invariant_broken(&self) {
        self.invariants_broken.inc();
    }
    /// A member has said what its catalogue is, or that it is as it was.
    pub fn catalogue_heard(&self, member: &MemberName, entries: u64, now: Timestamp) {
        let of = OfMember { member: member.to_string() };
        self.catalogue.entries.get_or_create(&of).set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.catalogue.heard.get_or_create(&of).set(now.as_second());
    }
    pub fn catalogue_failed(&self, member: &MemberName) {
        self.catalogue.failures.get_or_create(&OfMember { member: member.to_string() }).inc();
    }
    pub fn ledger(&self, size: u64) {
        self.ledger_size.set(i64::try_from(size).unwrap_or(i64::MAX));
    }
    /// Unix seconds.
    pub fn certificate_expires(&self, at: i64) {
        self.certificate_expires.get_or_create(&[]).set(at);
    }
    pub fn certificate_refused(&self) {
        self.certificates_refused.inc();
    }
    /// Counts a stream as open until the guard is dropped.
    #[must_use]
    pub fn stream(&self) -> StreamGuard {
        self.streams_open.inc();
        StreamGuard(self.streams_open.clone())
    }
    /// The text that a scrape receives.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail; the signature is fmt's.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts one open stream for as long as it lives.
#[derive(Debug)]
pub struct StreamGuard(Gauge<f64, AtomicU64>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
