//! Entries as they are written for ever: every fact has a golden file, read back by every later build.

use weal_domain::agreements::{AgreementId, Side};
use weal_domain::catalogue::{Classification, Mode, OfferId};
use weal_domain::compute::{BudgetRules, Charge, Loss, Mechanism, Release, Renewal};
use weal_domain::exchange::UseId;
use weal_domain::identity::{MemberName, Role};
use weal_domain::ledger::{Actor, ENTRY_VERSION, Entry, Fact, Receipt, describe, describe_naming};

use crate::given::{FRAUD, PUBLIC_TASK, basis, did, education, now, payroll, purpose, revenue};

const DIGEST: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn receipt() -> Receipt {
    Receipt {
        v: 1,
        use_id: UseId::new("urn:uuid:use-1").unwrap(),
        agreement: AgreementId::new("urn:uuid:agreement-1").unwrap(),
        provider: revenue(),
        consumer: education(),
        product: payroll(),
        mode: Mode::Statistics,
        purpose: purpose(FRAUD),
        legal_basis: basis(PUBLIC_TASK),
        person: "p-7f3a".to_owned(),
        question_sha256: DIGEST.to_owned(),
        answer_sha256: Some(DIGEST.to_owned()),
        loss: Loss::new(50_000_000, 1_000),
        joined_with: Vec::new(),
        at: now(),
    }
}

type Told = (&'static str, Fact, &'static str);

fn agreement() -> AgreementId {
    AgreementId::new("urn:uuid:agreement-1").unwrap()
}

/// One of every fact, with the name of its golden file and its plain words.
fn facts() -> Vec<Told> {
    [
        facts_of_products(),
        facts_of_the_protocol(),
        facts_of_uses(),
        facts_of_budgets(),
        facts_of_keys(),
        facts_of_the_house(),
    ]
    .concat()
}

fn facts_of_products() -> Vec<Told> {
    let offer = || OfferId::new("urn:uuid:offer-1").unwrap();
    let digest = || DIGEST.to_owned();
    vec![
        (
            "product_published",
            Fact::ProductPublished {
                product: payroll(),
                version: 2,
                classification: Classification::Personal,
                content_sha256: digest(),
            },
            "Published payroll, version 2, as personal data.",
        ),
        (
            "offer_made",
            Fact::OfferMade {
                offer: offer(),
                product: payroll(),
                mode: Mode::Statistics,
                terms_sha256: digest(),
            },
            "Offered payroll for statistics.",
        ),
        ("offer_withdrawn", Fact::OfferWithdrawn { offer: offer() }, "Withdrew the offer urn:uuid:offer-1."),
        (
            "catalogue_imported",
            Fact::CatalogueImported {
                catalogue: "The city".to_owned(),
                from: Some("https://data.city.example/catalog.ttl".to_owned()),
                content_sha256: digest(),
                entries: 1_204,
            },
            "Took in the catalogue The city from https://data.city.example/catalog.ttl: 1,204 entries.",
        ),
        (
            "catalogue_handed",
            Fact::CatalogueImported {
                catalogue: "The city".to_owned(),
                from: None,
                content_sha256: digest(),
                entries: 1,
            },
            "Took in the catalogue The city: 1 entry.",
        ),
        (
            "catalogue_forgotten",
            Fact::CatalogueForgotten {
                catalogue: "The city".to_owned(),
                from: Some("city.ttl".to_owned()),
                content_sha256: Some(digest()),
                entries: 1_204,
            },
            "Forgot the catalogue The city: 1,204 entries.",
        ),
    ]
}

fn facts_of_the_protocol() -> Vec<Told> {
    vec![
        (
            "negotiation_moved",
            Fact::NegotiationMoved {
                negotiation: "urn:uuid:negotiation-1".to_owned(),
                side: Side::Provider,
                peer: education(),
                state: "TERMINATED".to_owned(),
                reason: Some("No need.".to_owned()),
            },
            "The negotiation with Education reached TERMINATED: No need.",
        ),
        (
            "agreement_made",
            Fact::AgreementMade {
                agreement: agreement(),
                side: Side::Provider,
                peer: education(),
                product: payroll(),
                mode: Mode::Statistics,
                purpose: purpose(FRAUD),
                legal_basis: basis(PUBLIC_TASK),
                policy_sha256: DIGEST.to_owned(),
            },
            "Agreed that Education may use payroll for statistics: preventing and finding fraud.",
        ),
        (
            "agreement_revoked",
            Fact::AgreementRevoked {
                agreement: agreement(),
                side: Side::Provider,
                by: revenue(),
                reason: "Ended.".to_owned(),
            },
            "Revenue revoked the agreement urn:uuid:agreement-1: Ended.",
        ),
        (
            "transfer_moved",
            Fact::TransferMoved {
                transfer: "urn:uuid:transfer-1".to_owned(),
                side: Side::Provider,
                agreement: agreement(),
                state: "STARTED".to_owned(),
            },
            "The transfer under urn:uuid:agreement-1 reached STARTED.",
        ),
    ]
}

fn use_id() -> UseId {
    UseId::new("urn:uuid:use-1").unwrap()
}

fn charge() -> Charge {
    Charge {
        version: 3,
        use_id: use_id(),
        agreement: agreement(),
        member: education(),
        person: "p-7f3a".to_owned(),
        question_sha256: DIGEST.to_owned(),
    }
}

fn release() -> Release {
    Release {
        mechanism: Mechanism::DiscreteGaussianThreshold,
        scale: 17.25,
        l0: 3,
        linf: 1,
        l2: 1.75,
        threshold: Some(120),
        count: 1,
        loss: Loss::new(5_000_000, 999_876),
    }
}

fn facts_of_budgets() -> Vec<Told> {
    vec![
        (
            "budget_reserved",
            Fact::BudgetReserved {
                use_id: use_id(),
                product: payroll(),
                loss: Loss::new(50_000_000, 0),
                charge: None,
                releases: Vec::new(),
            },
            "Set aside 0.05 rho of the privacy budget of payroll.",
        ),
        (
            "budget_granted",
            Fact::BudgetGranted {
                product: payroll(),
                loss: Loss::new(1_000_000_000, 0),
                before: None,
                rules: Default::default(),
            },
            "Granted payroll a privacy budget of 1 rho.",
        ),
        (
            "budget_changed",
            Fact::BudgetGranted {
                product: payroll(),
                loss: Loss::new(2_000_000_000, 0),
                before: Some(Loss::new(1_000_000_000, 0)),
                rules: Default::default(),
            },
            "Changed the privacy budget of payroll from 1 rho to 2 rho.",
        ),
        (
            "budget_charged",
            Fact::BudgetReserved {
                use_id: use_id(),
                product: payroll(),
                loss: Loss::new(5_000_000, 1_000_000),
                charge: Some(charge()),
                releases: vec![release()],
            },
            "Set aside 0.005 rho and 0.000000001 delta of the privacy budget of payroll.",
        ),
        (
            "budget_ruled",
            Fact::BudgetGranted {
                product: payroll(),
                loss: Loss::new(1_000_000_000, 0),
                before: None,
                rules: BudgetRules {
                    member: Some(Loss::new(500_000_000, 0)),
                    analyst: Some(Loss::new(100_000_000, 0)),
                    renewal: Some(Renewal { every_days: 365, loss: Loss::new(250_000_000, 0) }),
                },
            },
            "Granted payroll a privacy budget of 1 rho. One member may spend 0.5 rho of the product's privacy budget. \
             One analyst may spend 0.1 rho of the product's privacy budget. Every 365 days up to 0.25 rho of what was \
             spent becomes available again.",
        ),
        (
            "budget_renewed",
            Fact::BudgetRenewed {
                product: payroll(),
                loss: Loss::new(250_000_000, 0),
                spent: Loss::new(900_000_000, 0),
            },
            "Made 0.25 rho of the privacy budget of payroll available again; 0.9 rho was spent since the beginning.",
        ),
    ]
}

fn facts_of_uses() -> Vec<Told> {
    vec![
        (
            "use_granted",
            Fact::UseGranted { receipt: receipt() },
            "Let Education use payroll for statistics: preventing and finding fraud, on the basis of a task in the \
             public interest or of official authority (GDPR 6(1)(e)), at a privacy loss of 0.05 rho and \
             0.000000000001 delta.",
        ),
        (
            "use_joined",
            Fact::UseGranted {
                receipt: Receipt {
                    joined_with: vec!["benefits".parse().unwrap(), "states".parse().unwrap()],
                    ..receipt()
                },
            },
            "Let Education use payroll, joined with benefits and states, for statistics: preventing and finding fraud, \
             on the basis of a task in the public interest or of official authority (GDPR 6(1)(e)), at a privacy loss \
             of 0.05 rho and 0.000000000001 delta.",
        ),
        (
            "use_received",
            Fact::UseReceived { receipt: receipt(), provider_index: 41 },
            "Received from Revenue a use of payroll for statistics: preventing and finding fraud, on the basis of a \
             task in the public interest or of official authority (GDPR 6(1)(e)), at a privacy loss of 0.05 rho and \
             0.000000000001 delta.",
        ),
        (
            "use_refused",
            Fact::UseRefused {
                agreement: Some(agreement()),
                peer: education(),
                mode: Mode::Extract,
                code: "agreement-other-rung".to_owned(),
            },
            "Refused Education a use for extract: agreement other rung.",
        ),
        (
            "uses_refused",
            Fact::UsesRefused {
                agreement: agreement(),
                peer: education(),
                mode: Mode::Extract,
                code: "agreement-revoked".to_owned(),
                count: 1_980,
            },
            "Refused Education 1,980 more uses for extract in one minute: agreement revoked.",
        ),
        (
            "use_ended",
            Fact::UseEnded { use_id: use_id(), rows: 280_005, size_bytes: 1, complete: false },
            "The use was cut short after 280,005 rows in 1 byte.",
        ),
        (
            "own_rows_read",
            Fact::OwnRowsRead { product: payroll(), version: 3, question_sha256: DIGEST.to_owned() },
            "Read rows of its own payroll, version 3.",
        ),
    ]
}

fn facts_of_keys() -> Vec<Told> {
    vec![
        (
            "key_published",
            Fact::KeyPublished {
                key: "key-2".to_owned(),
                thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned(),
                signs_from: "2026-11-22T08:15:00Z".parse().unwrap(),
            },
            "Published key-2, which signs from 22 November 2026 at 08:15:00 UTC on.",
        ),
        ("key_signs", Fact::KeySigns { key: "key-2".to_owned() }, "Signs with key-2 from now on."),
    ]
}

fn facts_of_the_house() -> Vec<Told> {
    vec![
        (
            "charter_adopted",
            Fact::CharterAdopted { version: 1, charter_sha256: DIGEST.to_owned() },
            "Adopted version 1 of the charter.",
        ),
        (
            "member_admitted",
            Fact::MemberAdmitted { member: education(), name: MemberName::new("education").unwrap() },
            "Admitted Education as a member.",
        ),
        (
            "application_declined",
            Fact::ApplicationDeclined { applicant: education() },
            "Declined the application of Education.",
        ),
        (
            "member_suspended",
            Fact::MemberSuspended { member: education(), reason: "It lost its keys.".to_owned() },
            "Suspended Education: It lost its keys.",
        ),
        (
            "person_added",
            Fact::PersonAdded {
                person: "p-7f3a".to_owned(),
                roles: vec![Role::Analyst, Role::DataProtectionOfficer],
            },
            "Added the person p-7f3a as analyst and data protection officer.",
        ),
        (
            "roles_given",
            Fact::RolesGiven { person: "p-7f3a".to_owned(), roles: vec![Role::Auditor] },
            "The person p-7f3a is now auditor.",
        ),
        (
            "password_set",
            Fact::PasswordSet { person: "p-7f3a".to_owned() },
            "The person p-7f3a has a new password.",
        ),
        (
            "sessions_ended",
            Fact::SessionsEnded { person: "p-7f3a".to_owned() },
            "Signed the person p-7f3a out everywhere.",
        ),
        ("person_removed", Fact::PersonRemoved { person: "p-7f3a".to_owned() }, "Removed the person p-7f3a."),
        (
            "token_made",
            Fact::TokenMade { person: "p-7f3a".to_owned(), roles: vec![Role::Operator] },
            "Made a token that acts for the person p-7f3a as operator.",
        ),
        (
            "token_revoked",
            Fact::TokenRevoked { person: "p-7f3a".to_owned() },
            "Revoked a token of the person p-7f3a.",
        ),
        ("backup_taken", Fact::BackupTaken { ledger_size: 1_204 }, "Took a backup at 1,204 ledger entries."),
        (
            "backup_restored",
            Fact::BackupRestored { ledger_size: 1_204, spent_known_to: None },
            "Restored a backup taken at 1,204 ledger entries. All that was left of its budgets counts as spent.",
        ),
    ]
}

fn entry(fact: Fact) -> Entry {
    Entry::new(now(), Actor::person(revenue(), Role::Steward, "p-11aa"), fact)
}

fn golden(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/entry_v1_{name}.json"))
}

/// To write the file of a new fact: `WEAL_GOLDEN=write cargo test --workspace --test domain`. A file that
/// stands is never written again.
#[test]
fn entries_of_version_1_are_written_and_read_as_ever() {
    assert_eq!(ENTRY_VERSION, 1, "a new version keeps these files and adds its own");
    for (name, fact, _) in facts() {
        let entry = entry(fact);
        let text = serde_json::to_string_pretty(&entry).unwrap() + "\n";
        let path = golden(name);
        if !path.exists() && std::env::var("WEAL_GOLDEN").as_deref() == Ok("write") {
            std::fs::write(&path, &text).unwrap();
        }
        let kept =
            std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert_eq!(text, kept, "{name} is written differently");
        assert_eq!(serde_json::from_str::<Entry>(&kept).unwrap(), entry, "{name} is read differently");
    }
}

#[test]
fn every_golden_file_belongs_to_a_fact() {
    let known: Vec<String> = facts().iter().map(|(name, ..)| format!("entry_v1_{name}.json")).collect();
    for file in std::fs::read_dir(golden("x").parent().unwrap()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name}");
    }
}

#[test]
fn an_entry_of_the_node_names_no_person() {
    let text = serde_json::to_string(&Entry::new(
        now(),
        Actor::member(revenue()),
        Fact::BackupTaken { ledger_size: 7 },
    ));
    assert_eq!(
        text.unwrap(),
        r#"{"v":1,"at":"2026-09-01T10:15:07Z","by":{"member":"did:web:revenue.example"},"fact":{"kind":"backup_taken","ledger_size":7}}"#
    );
}

#[test]
fn facts_are_told_in_plain_words() {
    let name = |who: &weal_domain::identity::Did| match who {
        who if *who == revenue() => "Revenue".to_owned(),
        who if *who == education() => "Education".to_owned(),
        other => other.to_string(),
    };
    for (kind, fact, words) in facts() {
        assert_eq!(describe_naming(&fact, &name), words, "{kind}");
        assert!(describe(&fact).ends_with('.'), "{kind}");
    }
    let admitted = Fact::MemberAdmitted { member: did("x"), name: MemberName::new("x").unwrap() };
    assert_eq!(describe(&admitted), "Admitted did:web:x.example as a member.");
}
