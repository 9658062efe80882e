//! The invented country of these tests: revenue owns payroll, education asks.

use weal_domain::agreements::negotiation::{Opening, Proposal};
use weal_domain::agreements::{
    Agreement, AgreementId, Conclusion, LegalBasis, Purpose, Side, narrow, policy_of_terms,
};
use weal_domain::catalogue::{
    Approval, Bounds, Classification, Column, ColumnKind, Identifying, Mode, Offer, OfferId, PrivacyPolicy,
    Product, ProductName, Terms,
};
use weal_domain::compute::Loss;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::{Did, MemberName};
use weal_domain::{Refusal, Timestamp};

pub(crate) const FRAUD: &str = "https://w3id.org/dpv#FraudPreventionAndDetection";
pub(crate) const STATISTICS: &str = "https://w3id.org/dpv#ProvideOfficialStatistics";
pub(crate) const PUBLIC_TASK: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e";
pub(crate) const CONSENT: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp of these tests")
}
pub(crate) fn now() -> Timestamp {
    at("2026-09-01T10:15:07Z")
}
pub(crate) fn did(name: &str) -> Did {
    Did::new(format!("did:web:{name}.example")).expect("a DID of these tests")
}
pub(crate) fn revenue() -> Did {
    did("revenue")
}
pub(crate) fn education() -> Did {
    did("education")
}
pub(crate) fn purpose(iri: &str) -> Purpose {
    Purpose::new(iri).expect("a purpose of these tests")
}
pub(crate) fn basis(iri: &str) -> LegalBasis {
    LegalBasis::new(iri).expect("a legal basis of these tests")
}
pub(crate) fn payroll() -> ProductName {
    ProductName::new("payroll").expect("a product name of these tests")
}

pub(crate) fn terms() -> Terms {
    Terms {
        purposes: vec![purpose(FRAUD), purpose(STATISTICS)],
        legal_bases: vec![basis(PUBLIC_TASK)],
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: Some(at("2027-12-31T00:00:00Z")),
        uses_per_day_max: Some(50),
        budget: Some(Loss::new(1_000_000_000, 1_000_000)),
        budget_rules: Default::default(),
        service_level: "Answers within a minute on working days.".to_owned(),
        liability: "The consumer answers for what it does with an answer.".to_owned(),
        licence: "Own use, not to be passed on.".to_owned(),
        retention_days: 365,
        disposal: "Delete and confirm in writing.".to_owned(),
        approval: Approval::Automatic,
    }
}

pub(crate) fn offer(mode: Mode) -> Offer {
    Offer {
        id: OfferId::new(format!("urn:uuid:offer-{mode}")).expect("an offer id of these tests"),
        product: payroll(),
        mode,
        terms: terms(),
        policy: None,
        withdrawn_at: None,
    }
}

pub(crate) fn charter() -> Charter {
    Charter {
        version: 1,
        name: "the Invented Country".to_owned(),
        governing_body: did("council"),
        purposes: vec![purpose(FRAUD), purpose(STATISTICS)],
        text: "We share with the least disclosure.".to_owned(),
        adopted_at: at("2026-01-01T00:00:00Z"),
    }
}

pub(crate) fn member(name: &str, standing: Standing) -> Member {
    Member {
        did: did(name),
        name: MemberName::new(name).expect("a member name of these tests"),
        title: format!("The {name} agency"),
        origin: format!("https://{name}.example"),
        standing,
        since: at("2026-02-01T00:00:00Z"),
    }
}

/// The offer's proposal for fraud detection as a public task.
pub(crate) fn proposal(offer: &Offer) -> Proposal {
    let terms = narrow(offer, &purpose(FRAUD), &basis(PUBLIC_TASK)).expect("the offer covers it");
    Proposal {
        offer: offer.id.clone(),
        dataset: format!("{}#{}", revenue(), offer.product),
        policy: policy_of_terms(offer.mode, &terms),
        mode: Some(offer.mode),
        terms: Some(terms),
        purpose: Some(purpose(FRAUD)),
        legal_basis: Some(basis(PUBLIC_TASK)),
    }
}

pub(crate) fn conclusion(side: Side, proposal: &Proposal) -> Conclusion {
    Conclusion {
        id: AgreementId::new("urn:uuid:agreement-1").expect("an agreement id of these tests"),
        side,
        provider: revenue(),
        consumer: education(),
        dataset: proposal.dataset.clone(),
        product: proposal.dataset.rsplit('#').next().unwrap().parse().expect("a product of these tests"),
        mode: proposal.mode.expect("a proposal of these tests has a mode"),
        terms: proposal.terms.clone().expect("a proposal of these tests has terms"),
        policy: proposal.policy.clone(),
        agreed_at: now(),
    }
}

/// What revenue signs for education, not yet in force.
pub(crate) fn signed(mode: Mode) -> Agreement {
    Agreement::conclude(conclusion(Side::Provider, &proposal(&offer(mode)))).expect("one purpose, one basis")
}

/// The same, in force.
pub(crate) fn agreement(mode: Mode) -> Agreement {
    signed(mode).finalized()
}

pub(crate) fn opening_of_education() -> Opening {
    Opening {
        us: education(),
        peer: revenue(),
        own_pid: "urn:uuid:consumer-pid".to_owned(),
        peer_address: "https://revenue.example/dsp".to_owned(),
        proposal: proposal(&offer(Mode::Statistics)),
    }
}

pub(crate) fn opening_of_revenue() -> Opening {
    Opening {
        us: revenue(),
        peer: education(),
        own_pid: "urn:uuid:provider-pid".to_owned(),
        peer_address: "https://education.example/dsp/callback".to_owned(),
        proposal: proposal(&offer(Mode::Statistics)),
    }
}

pub(crate) fn product() -> Product {
    let column = |name: &str, kind, identifying| Column {
        name: name.to_owned(),
        kind,
        nullable: false,
        identifying,
        description: None,
    };
    Product {
        identifier: None,
        name: payroll(),
        version: 1,
        title: "Payroll".to_owned(),
        description: "Monthly wages as employers declare them".to_owned(),
        keywords: vec!["wages".to_owned(), "employment".to_owned()],
        classification: Classification::Personal,
        about_nobody: false,
        columns: vec![
            column("person_id", ColumnKind::Text, Identifying::Direct),
            column("region", ColumnKind::Text, Identifying::Quasi),
            column("wage", ColumnKind::Integer, Identifying::No),
        ],
        privacy: Some(PrivacyPolicy {
            subject: "person_id".to_owned(),
            groups_per_subject_max: 1,
            rows_per_group_max: 12,
            rows_per_subject_max: None,
            bounds: [("wage".to_owned(), Bounds { low: 0.0, high: 20_000.0, decimals: 0 })].into(),
            public_keys: [("region".to_owned(), vec!["north".to_owned(), "south".to_owned()])].into(),
            group_size_min: 10,
            question_loss_default: Loss::new(10_000_000, 1_000),
            question_loss_max: Loss::new(100_000_000, 10_000),
            budget: Loss::new(2_000_000_000, 2_000_000),
            budget_rules: Default::default(),
        }),
        rows: 200_000,
        size_bytes: 12_000_000,
        profile: Vec::new(),
        particulars: Default::default(),
        published_at: at("2026-03-01T00:00:00Z"),
        updated_at: at("2026-03-01T00:00:00Z"),
    }
}

/// A refusal that a person can act on: a code, a sentence, and what to do or who can.
pub(crate) fn assert_helps(refusal: &Refusal, code: &str) {
    assert_eq!(refusal.code, code, "{refusal:?}");
    assert!(refusal.reason.ends_with(['.', '!', '?']) || refusal.reason.contains(": "), "{refusal:?}");
    assert!(refusal.remedy.is_some() || refusal.changed_by.is_some(), "no next step: {refusal:?}");
}
