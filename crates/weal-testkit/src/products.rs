//! Terms and words that most tests use.

use weal_domain::catalogue::{Approval, Classification, Column, ColumnKind, Identifying, Product, Terms};
use weal_domain::compute::Loss;

/// Purposes and a legal basis of the Data Privacy Vocabulary.
pub const FRAUD: &str = "https://w3id.org/dpv#FraudPreventionAndDetection";
pub const RESEARCH: &str = "https://w3id.org/dpv#ScientificResearch";
pub const PUBLIC_TASK: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e";

/// Terms for rows without a person in them, granted at once.
#[must_use]
pub fn open_terms() -> Terms {
    Terms {
        purposes: vec![FRAUD.parse().expect("a purpose"), RESEARCH.parse().expect("a purpose")],
        legal_bases: vec![PUBLIC_TASK.parse().expect("a legal basis")],
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: "Answered on working days.".into(),
        liability: "Each side answers for its own node.".into(),
        licence: "CC-BY-4.0".into(),
        retention_days: 30,
        disposal: "Delete all copies.".into(),
        approval: Approval::Automatic,
    }
}

/// Terms for private statistics with a budget of `rho_nano`.
#[must_use]
pub fn statistics_terms(rho_nano: u64) -> Terms {
    Terms { budget: Some(Loss { rho_nano, delta_femto: 1_000_000_000 }), ..open_terms() }
}

/// A product that stands on paper only: a catalogue entry of two columns whose rows nobody has. Enough for
/// everything up to the first question.
#[must_use]
pub fn paper(name: &str, now: weal_domain::Timestamp) -> Product {
    let column = |name: &str, kind: ColumnKind| Column {
        name: name.into(),
        kind,
        nullable: false,
        identifying: Identifying::No,
        description: None,
    };
    Product {
        name: name.parse().expect("a product name"),
        identifier: None,
        version: 1,
        title: name.to_owned(),
        description: String::new(),
        keywords: Vec::new(),
        classification: Classification::Open,
        about_nobody: false,
        columns: vec![column("region", ColumnKind::Text), column("inhabitants", ColumnKind::Integer)],
        privacy: None,
        rows: 0,
        size_bytes: 0,
        profile: Vec::new(),
        particulars: Default::default(),
        published_at: now,
        updated_at: now,
    }
}
