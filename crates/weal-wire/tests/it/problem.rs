//! Refusals and faults over HTTP.

use serde_json::{Value, json};
use weal_domain::catalogue::Mode;
use weal_domain::{Refusal, RefusalKind};
use weal_wire::problem::{Problem, status_of};
use weal_wire::{Message, parse, print};

const KINDS: [(RefusalKind, u16); 8] = [
    (RefusalKind::Invalid, 400),
    (RefusalKind::Unauthenticated, 401),
    (RefusalKind::Forbidden, 403),
    (RefusalKind::NotFound, 404),
    (RefusalKind::Conflict, 409),
    (RefusalKind::TooLarge, 413),
    (RefusalKind::Exhausted, 429),
    (RefusalKind::Unavailable, 503),
];

#[test]
fn every_refusal_comes_back() {
    for (kind, status) in KINDS {
        let full = Refusal::new(kind, "agreement-revoked", "Revoked on 1 March by revenue's steward.")
            .remedy("Ask for a new agreement: `weal request revenue.payroll`.")
            .instead(Mode::Statistics)
            .changed_by("revenue's steward");
        for refusal in [full, Refusal::new(kind, "short", "No.")] {
            let problem = Problem::from(refusal.clone());
            assert_eq!((problem.status(), status_of(kind)), (status, status));
            assert_eq!(parse::<Problem>(print(&problem).as_bytes()).unwrap(), problem);
        }
    }
}

#[test]
fn a_refusal_reads_like_this() {
    let refusal = Refusal::forbidden("mode-not-offered", "Rows of payroll are not on offer.")
        .instead(Mode::Statistics)
        .changed_by("the owner's steward");
    let expected = json!({
        "type": "urn:weal:refusal:mode-not-offered",
        "title": "This is not allowed",
        "status": 403,
        "detail": "Rows of payroll are not on offer.",
        "instead": "statistics",
        "changed_by": "the owner's steward",
    });
    assert_eq!(Problem::from(refusal).to_value(), expected);
}

#[test]
fn a_fault_says_nothing_but_its_id() {
    let fault = Problem::Fault { id: "3f9a".into() };
    let value = fault.to_value();
    assert_eq!((&value["status"], &value["instance"]), (&json!(500), &json!("3f9a")));
    assert_eq!(parse::<Problem>(value.to_string().as_bytes()).unwrap(), fault);
}

#[test]
fn strangers_problems_become_refusals() {
    let read = |value: Value| parse::<Problem>(value.to_string().as_bytes()).unwrap();
    let Problem::Refusal(nothing) = read(json!({})) else { panic!("a refusal") };
    assert_eq!((nothing.kind, &*nothing.code), (RefusalKind::Invalid, "peer-problem"));
    let Problem::Refusal(gone) = read(json!({
        "type": "https://example.org/problems/gone", "title": "Gone", "status": 410, "instead": "anything",
    })) else {
        panic!("a refusal")
    };
    assert_eq!((gone.kind, &*gone.reason, gone.instead), (RefusalKind::NotFound, "Gone", None));
    let Problem::Refusal(down) = read(json!({ "status": 502 })) else { panic!("a refusal") };
    assert_eq!(down.kind, RefusalKind::Unavailable);
    // Another node cannot put a code of its own making or a terminal's control codes into our words.
    let Problem::Refusal(sly) = read(json!({
        "type": "urn:weal:refusal:<script>", "detail": format!("\u{1b}[2J{}", "x".repeat(10_000)), "status": 403,
    })) else {
        panic!("a refusal")
    };
    assert_eq!(sly.code, "peer-problem");
    assert!(sly.reason.chars().count() <= 2_000 && !sly.reason.contains('\u{1b}'));
}
