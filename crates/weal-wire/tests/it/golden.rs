//! What we print today, letter by letter, for readers of years to come: a change here is a change of
//! format. Where it is meant, `WEAL_BLESS=1` writes the files anew; signed forms get a new version
//! instead, and their old files stay.

use std::path::PathBuf;

use serde_json::json;
use weal_domain::catalogue::{Offer, Product};
use weal_domain::{Refusal, RefusalKind};
use weal_wire::catalogue::catalogue_of;
use weal_wire::dcat::Form;
use weal_wire::odcs::contract_of;
use weal_wire::peer::{CharterMessage, RegisterMessage, RevocationMessage};
use weal_wire::problem::Problem;
use weal_wire::{parse, print, print_pretty};

use crate::catalogue::publisher;
use crate::dcat::printed;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/golden").join(name)
}

#[track_caller]
fn assert_golden(name: &str, printed: &str) {
    if std::env::var_os("WEAL_BLESS").is_some() {
        std::fs::write(golden(name), printed).expect("the golden file is writable");
    }
    let kept = std::fs::read_to_string(golden(name)).expect("the golden file is there");
    assert_eq!(printed, kept, "{name} is printed otherwise than before");
}

fn payroll() -> (Product, Vec<Offer>) {
    let product = json!({
        "name": "payroll", "version": 3, "title": "Payroll", "description": "Wages paid, one row per person and month",
        "keywords": ["wages", "employment"], "classification": "personal",
        "columns": [
            { "name": "person_id", "kind": "text", "nullable": false, "identifying": "direct" },
            { "name": "region", "kind": "text", "nullable": false, "identifying": "quasi" },
            { "name": "wage", "kind": "integer", "nullable": true, "identifying": "no", "description": "gross, in cents" },
        ],
        "privacy": {
            "subject": "person_id", "groups_per_subject_max": 1, "rows_per_group_max": 12,
            "bounds": { "wage": { "low": 0.0, "high": 1500000.0, "decimals": 0 } },
            "public_keys": { "region": ["north", "south"] }, "group_size_min": 10,
            "question_loss_default": { "rho_nano": 5000000, "delta_femto": 0 },
            "question_loss_max": { "rho_nano": 20000000, "delta_femto": 1 },
            "budget": { "rho_nano": 500000000, "delta_femto": 1000 },
        },
        "rows": 1000, "size_bytes": 64000,
        "profile": [{ "column": "person_id", "nulls": 0, "distinct": 1000, "min": "a", "max": "z" }],
        "published_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-01T00:00:00Z",
    });
    let offer = json!({
        "id": "urn:uuid:0b1c2d3e-0000-4000-8000-000000000003", "product": "payroll", "mode": "statistics",
        "terms": {
            "purposes": ["https://w3id.org/dpv#FraudPreventionAndDetection"],
            "legal_bases": ["https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"],
            "roles": ["analyst"], "columns": ["region", "wage"], "row_filter": "wage >= 0",
            "valid_until": "2027-01-01T00:00:00Z", "uses_per_day_max": 100,
            "budget": { "rho_nano": 50000000, "delta_femto": 0 },
            "service_level": "answered within a second, weekdays", "liability": "each side for its own",
            "licence": "for the purpose only", "retention_days": 365, "disposal": "erase and confirm",
            "approval": "automatic",
        },
        "withdrawn_at": null,
    });
    (serde_json::from_value(product).unwrap(), vec![serde_json::from_value(offer).unwrap()])
}

#[test]
fn a_contract() {
    let (product, offers) = payroll();
    assert_golden("payroll.odcs.yaml", &contract_of(&product, &offers, &publisher()).to_yaml());
}

#[test]
fn a_catalogue_in_the_protocol() {
    let catalog = catalogue_of(&[payroll()], &publisher(), "https://revenue.example/dsp/2025-1");
    assert_golden("catalogue.dsp.json", &print_pretty(&catalog));
}

#[test]
fn a_catalogue_for_harvesters() {
    let products = [payroll()];
    assert_golden("catalogue.ttl", &printed(Form::Turtle, &products));
    let json_ld: serde_json::Value = serde_json::from_str(&printed(Form::JsonLd, &products)).unwrap();
    assert_golden("catalogue.jsonld", &format!("{json_ld:#}"));
}

#[test]
fn a_revocation() {
    let revocation: RevocationMessage = parse(
        br#"{"v":1,"agreement":"urn:uuid:2","at":"2026-03-01T08:00:00Z","role":"steward","reason":"It is over."}"#,
    )
    .unwrap();
    assert_golden("revocation.v1.json", &print(&revocation));
    for (member, value, words) in [
        ("v", json!(2), "`v` is not 1"),
        ("role", json!(""), "`role` is not 1 to 64 bytes"),
        ("reason", json!("two\nlines"), "`reason` is not 1 to 1000 bytes"),
        ("reason", json!("x".repeat(1_001)), "`reason` is not 1 to 1000 bytes"),
        ("agreement", json!("not an identifier"), "agreement"),
        ("at", json!("yesterday"), "is not in its form"),
    ] {
        let mut bent: serde_json::Value = serde_json::from_str(&print(&revocation)).unwrap();
        bent[member] = value;
        let refused = parse::<RevocationMessage>(bent.to_string().as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(words), "{member}: {refused}");
    }
}

#[test]
fn a_refusal() {
    let refusal =
        Refusal::new(RefusalKind::Forbidden, "agreement-revoked", "Revoked on 1 March 2026 by revenue.")
            .remedy("Ask for a new agreement.")
            .instead(weal_domain::catalogue::Mode::Statistics)
            .changed_by("revenue's steward");
    assert_golden("refusal.json", &print_pretty(&Problem::from(refusal)));
}

/// Signed papers: every version ever written is still read, and the present one is printed alike.
#[test]
fn signed_papers() {
    let read = |name: &str| std::fs::read(golden(name)).expect("the golden file is there");
    let register: RegisterMessage = parse(&read("register.v1.json")).unwrap();
    assert_eq!(register.members.len(), 2);
    assert_golden("register.v1.json", &print(&register));
    let charter: CharterMessage = parse(&read("charter.v1.json")).unwrap();
    assert_eq!(charter.charter.version, 3);
    assert_golden("charter.v1.json", &print(&charter));
}
