//! What an operator sees: structured logs, Prometheus metrics, OpenTelemetry traces.
//!
//! No person, question, key or answer is ever in a log line, a label or a span.

mod metrics;
mod telemetry;

pub use metrics::{Door, Metrics, Outcome, count_fault};
pub use telemetry::{Telemetry, start};
