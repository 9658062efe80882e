//! Two ledgers that tell the same story, and every way in which they may not.

use serde_json::{Value, json};
use weal_trust::encoding::canonical_json;
use weal_trust::export::body_json;
use weal_trust::findings::{FINDINGS_MAX, FindingKind};
use weal_trust::receipts::{CrossCheck, Story, compare, cross_check};

const OWNER: &str = "did:web:revenue.example";
const ASKER: &str = "did:web:education.example";

/// An entry as `weal-domain` writes it.
fn entry(member: &str, second: u32, fact: &Value) -> Value {
    json!({"v": 1, "at": format!("2027-01-15T08:{:02}:{:02}Z", second / 60, second % 60), "by": {"member": member}, "fact": fact})
}

fn receipt(n: u32, mode: &str) -> Value {
    json!({
        "v": 1, "use_id": format!("urn:uuid:{n}"), "agreement": "urn:uuid:a", "provider": OWNER, "consumer": ASKER,
        "product": "payroll", "mode": mode, "purpose": "dpv:FraudPreventionAndDetection",
        "legal_basis": "public_task", "person": "p-7", "question_sha256": "00", "answer_sha256": "11",
        "loss": {"rho_nano": 5, "delta_femto": 0}, "at": "2027-01-15T08:00:00Z",
    })
}

fn reserved(n: u32) -> Value {
    json!({"kind": "budget_reserved", "use_id": format!("urn:uuid:{n}"), "product": "payroll", "loss": {"rho_nano": 5}})
}

fn granted(n: u32, mode: &str) -> Value {
    json!({"kind": "use_granted", "receipt": receipt(n, mode)})
}

fn received(n: u32, mode: &str, provider_index: u64) -> Value {
    json!({"kind": "use_received", "receipt": receipt(n, mode), "provider_index": provider_index})
}

fn ended(n: u32) -> Value {
    json!({"kind": "use_ended", "use_id": format!("urn:uuid:{n}"), "rows": 3, "size_bytes": 9, "complete": true})
}

fn ledger(member: &str, facts: &[Value]) -> Vec<(u64, Value)> {
    facts.iter().zip(0..).map(|(fact, n)| (u64::from(n), entry(member, n, fact))).collect()
}

/// One statistic and one extract, whole on both sides.
fn owner_facts() -> Vec<Value> {
    vec![
        json!({"kind": "member_admitted", "member": ASKER, "name": "education"}),
        reserved(1),
        granted(1, "statistics"),
        ended(1),
        granted(2, "extract"),
        ended(2),
    ]
}

fn asker_facts() -> Vec<Value> {
    vec![received(1, "statistics", 2), received(2, "extract", 4), ended(2)]
}

fn check(owner: &[Value], asker: &[Value]) -> CrossCheck {
    cross_check((OWNER, ledger(OWNER, owner)), (ASKER, ledger(ASKER, asker)))
}

/// What is found, as kind, ledger and entry.
fn found(check: &CrossCheck) -> Vec<(FindingKind, &str, Option<u64>)> {
    let brief =
        |f: &'_ weal_trust::findings::Finding| (f.kind, f.ledger.as_deref().unwrap() == OWNER, f.entry);
    let name = |owner| if owner { "owner" } else { "asker" };
    check.findings.iter().map(brief).map(|(kind, owner, entry)| (kind, name(owner), entry)).collect()
}

#[test]
fn two_honest_ledgers_match() {
    let outcome = check(&owner_facts(), &asker_facts());
    assert_eq!((outcome.matched, outcome.findings.len()), (2, 0));
    assert!(outcome.is_sound());
    // Whichever is given first.
    let turned = cross_check((ASKER, ledger(ASKER, &asker_facts())), (OWNER, ledger(OWNER, &owner_facts())));
    assert_eq!(turned, outcome);
}

#[test]
fn a_receipt_has_one_canonical_text() {
    let one = r#"{"b":{"d":[1,{"y":"ż\"","x":null}],"c":true},"a":-5}"#;
    let canonical = r#"{"a":-5,"b":{"c":true,"d":[1,{"x":null,"y":"ż\""}]}}"#;
    assert_eq!(canonical_json(&body_json(one).unwrap()), canonical);
    assert_eq!(canonical_json(&body_json(canonical).unwrap()), canonical);
    assert_eq!((body_json("[1]"), body_json("{")), (None, None));
}

#[test]
fn a_use_that_the_owner_denies() {
    let mut facts = owner_facts();
    facts[4] = json!({"kind": "offer_withdrawn", "offer": "o"});
    facts[5] = json!({"kind": "offer_withdrawn", "offer": "o"});
    let outcome = check(&facts, &asker_facts());
    assert_eq!(outcome.matched, 1);
    assert_eq!(found(&outcome), [(FindingKind::GrantMissing, "asker", Some(1))]);
    assert_eq!(
        outcome.findings[0].to_string(),
        format!("ledger of {ASKER}: entry 1: {OWNER} keeps no such use")
    );
    assert!(!outcome.is_sound());
}

#[test]
fn a_receipt_that_differs() {
    for (member, value) in [
        ("person", json!("p-8")),
        ("question_sha256", json!("01")),
        ("loss", json!({"rho_nano": 6, "delta_femto": 0})),
        ("at", json!("2027-01-15T08:00:01Z")),
        ("extra", json!(null)),
    ] {
        let mut facts = asker_facts();
        facts[0]["receipt"][member] = value;
        let outcome = check(&owner_facts(), &facts);
        assert_eq!(found(&outcome), [(FindingKind::ReceiptDiffers, "asker", Some(0))], "{member}");
    }
}

#[test]
fn a_receipt_kept_elsewhere_than_told() {
    let mut facts = asker_facts();
    facts[0]["provider_index"] = json!(1);
    let outcome = check(&owner_facts(), &facts);
    assert_eq!(found(&outcome), [(FindingKind::GrantMoved, "asker", Some(0))]);
}

#[test]
fn an_export_that_ends_too_early() {
    let outcome = check(&owner_facts()[..4], &asker_facts());
    assert_eq!(found(&outcome), [(FindingKind::ExportTooShort, "asker", Some(1))]);
    assert!(!outcome.is_sound());
}

#[test]
fn a_use_never_acknowledged_is_a_warning() {
    let outcome = check(&owner_facts(), &asker_facts()[..1]);
    assert_eq!(found(&outcome), [(FindingKind::ReceiptMissing, "owner", Some(4))]);
    assert!(outcome.is_sound());
}

#[test]
fn a_third_members_uses_are_left_alone() {
    let mut facts = owner_facts();
    facts[4]["receipt"]["consumer"] = json!("did:web:benefits.example");
    let mut asked = asker_facts();
    asked[1]["receipt"]["provider"] = json!("did:web:benefits.example");
    let outcome = check(&facts, &asked);
    assert_eq!((outcome.matched, outcome.findings.len()), (1, 0));
}

#[test]
fn a_statistic_needs_a_reservation_before() {
    let mut late = owner_facts();
    late.swap(1, 2);
    late[2] = json!({"kind": "offer_withdrawn", "offer": "o"});
    late.push(reserved(1));
    let mut asked = asker_facts();
    asked[0]["provider_index"] = json!(1);
    let outcome = check(&late, &asked);
    assert_eq!(found(&outcome), [(FindingKind::NoReservation, "owner", Some(1))]);
}

#[test]
fn a_use_ends_after_it_began_and_begins_once() {
    let mut facts = owner_facts();
    facts.insert(0, ended(2));
    facts.push(granted(2, "extract"));
    let story = Story::read(OWNER, ledger(OWNER, &facts));
    let found: Vec<_> = story.findings().iter().map(|f| (f.kind, f.entry)).collect();
    assert_eq!(found, [(FindingKind::EndWithoutUse, Some(0)), (FindingKind::UseTwice, Some(7))]);
    let story = Story::read(ASKER, ledger(ASKER, &[received(1, "extract", 0), received(1, "extract", 0)]));
    assert_eq!(story.findings()[0].kind, FindingKind::UseTwice);
}

#[test]
fn nobody_keeps_receipts_in_anothers_name() {
    let story = Story::read(ASKER, ledger(ASKER, &[granted(1, "extract")]));
    assert_eq!(story.findings()[0].kind, FindingKind::ForeignReceipt);
    let story = Story::read(OWNER, ledger(OWNER, &[received(1, "extract", 0)]));
    assert_eq!(story.findings()[0].kind, FindingKind::ForeignReceipt);
}

#[test]
fn a_clock_that_runs_back_is_a_warning() {
    let other = json!({"kind": "offer_withdrawn", "offer": "o"});
    let at = |second| entry(OWNER, second, &other);
    let steady = Story::read(OWNER, [(0, at(100)), (1, at(99)), (2, at(99)), (3, at(200))]);
    assert_eq!(steady.findings(), []);
    let back = Story::read(OWNER, [(0, at(100)), (1, at(98)), (2, at(98))]);
    let outcome = compare(&back, &Story::new(ASKER));
    assert!(outcome.is_sound() && outcome.findings.is_empty());
    let found = back.findings();
    assert_eq!((found[0].kind, found[0].entry, found.len()), (FindingKind::ClockRanBack, Some(1), 1));
    assert_eq!(found[0].says, "its time lies 2 s before that of the entry before it");
}

#[test]
fn broken_bodies_are_found_and_new_facts_passed_over() {
    let good = entry(OWNER, 1, &json!({"kind": "something_of_a_later_release", "x": 1}));
    for (broken, change) in [
        ("/v", json!(2)),
        ("/at", json!("now")),
        ("/fact/kind", json!(7)),
        ("/fact", json!({"kind": "use_granted"})),
        ("/fact", json!({"kind": "use_granted", "receipt": {"use_id": "x"}})),
        ("/fact", json!({"kind": "use_received", "receipt": receipt(1, "extract")})),
        ("/fact", json!({"kind": "use_ended", "use_id": 7})),
        ("/fact", json!({"kind": "budget_reserved"})),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(broken).unwrap() = change;
        let story = Story::read(OWNER, [(0, good.clone()), (1, body)]);
        let found: Vec<_> = story.findings().iter().map(|f| (f.kind, f.entry)).collect();
        assert_eq!(found, [(FindingKind::BodyInvalid, Some(1))], "{broken}");
    }
}

#[test]
fn a_ruined_ledger_does_not_fill_the_memory() {
    let story = Story::read(OWNER, (0..10_000).map(|n| (n, json!({}))));
    let found = story.findings();
    assert_eq!(found.len(), FINDINGS_MAX + 1);
    assert_eq!(found[FINDINGS_MAX].says, "9800 more things are wrong, and 0 more warnings");
}
