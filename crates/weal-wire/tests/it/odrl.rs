//! Terms in all the forms in which a peer may write them.

use serde_json::{Value, json};
use weal_domain::agreements::{Constraint, Operator, Policy, RightOperand};
use weal_wire::dsp::negotiation::{ContractAgreementMessage, ContractRequestMessage};
use weal_wire::odrl::DateTime;
use weal_wire::{Message, parse};

use crate::vectors::vector;

fn policy_with(permission: Value) -> Policy {
    request_with(permission).offer.policy
}

fn request_with(permission: Value) -> ContractRequestMessage {
    let mut document = vector("contract_request_message");
    document["offer"]["permission"] = permission;
    parse(document.to_string().as_bytes()).unwrap()
}

#[test]
fn short_prefixed_and_absolute_terms_are_the_same() {
    let odrl = "http://www.w3.org/ns/odrl/2/";
    let forms = [("use", "eq"), ("odrl:use", "odrl:eq"), (&*format!("{odrl}use"), &*format!("{odrl}eq"))];
    for (action, operator) in forms {
        let policy = policy_with(json!([{ "action": action, "constraint": [
            { "leftOperand": "odrl:purpose", "operator": operator, "rightOperand": "odrl:use" },
        ]}]));
        assert_eq!(policy.permissions[0].action, format!("{odrl}use"));
        let expected = Constraint::Atomic {
            left: format!("{odrl}purpose"),
            operator: Operator::Eq,
            // A right operand is a plain text: nothing of it is expanded.
            right: RightOperand::One("odrl:use".into()),
        };
        assert_eq!(policy.permissions[0].constraints, [expected]);
    }
}

#[test]
fn terms_outside_the_context_stay_as_they_are() {
    for left in ["spatial", "purpose", "unknown:thing", "odrl://not-a-prefix", "https://example.org/x"] {
        let policy = policy_with(json!([{ "action": "use", "constraint": [
            { "leftOperand": left, "operator": "term-lteq", "rightOperand": [] },
        ]}]));
        let expected = Constraint::Atomic {
            left: left.into(),
            operator: Operator::Lteq,
            right: RightOperand::Many(Vec::new()),
        };
        assert_eq!(policy.permissions[0].constraints, [expected]);
    }
}

#[test]
fn one_where_json_ld_collapses_an_array_of_one() {
    let constraint = json!({ "leftOperand": "a", "operator": "eq", "rightOperand": "b" });
    let one = policy_with(json!({ "action": "use", "constraint": constraint }));
    let many = policy_with(json!([{ "action": "use", "constraint": [constraint] }]));
    assert_eq!(one, many);
}

#[test]
fn a_permission_under_a_duty_never_looks_like_one_without() {
    let duty = json!([{ "action": "attribute" }]);
    let request = request_with(json!([{ "action": "use", "duty": duty }]));
    assert_eq!(request.offer.policy.permissions[0].constraints.len(), 1);
    assert_eq!(request.to_value()["offer"]["permission"], json!([{ "action": "use", "duty": duty }]));
}

#[test]
fn terms_are_read_where_known_and_else_absent() {
    let known: ContractAgreementMessage =
        parse(vector("contract_agreement_message").to_string().as_bytes()).unwrap();
    let terms = known.agreement.terms.expect("version 1 is known");
    assert_eq!(terms.retention_days, 365);
    assert_eq!(terms.purposes.len(), 1);

    let mut later = vector("contract_agreement_message");
    later["agreement"]["urn:weal:terms"] = json!({ "v": 2, "entirely": "different" });
    let later: ContractAgreementMessage = parse(later.to_string().as_bytes()).unwrap();
    assert_eq!(later.agreement.terms, None);
    assert_eq!(later.agreement.policy, known.agreement.policy);
}

#[test]
fn date_times_are_those_of_xml_schema() {
    let good = [
        "2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00.123+02:00",
        "2026-01-31T09:30:00",
        "2024-02-29T23:59:59-14:00",
    ];
    for text in good {
        assert!(
            DateTime::new(text).is_some_and(|it| it.as_str() == text && it.timestamp().is_some()),
            "{text}"
        );
    }
    for text in [
        "",
        "2026-01-31",
        "2026-02-30T00:00:00Z",
        "now",
        "x2026-01-31T09:30:00Z",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30:00Z[Europe/Paris]",
        "2026-01-31T09:30:00,5Z",
        "20260131T093000Z",
        "2026-01-31T09:30Z",
        "2026-01-31T09:30:60Z",
        "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00+15:00",
        "2026-01-31T09:30:00+0200",
        "-2026-01-31T09:30:00Z",
        "2026-01-31T09:30:0é",
    ] {
        assert_eq!(DateTime::new(text), None, "{text}");
    }
    let offset = DateTime::new("2026-01-31T09:30:00+02:00").unwrap();
    assert_eq!(offset.timestamp().unwrap().to_string(), "2026-01-31T07:30:00Z");
}
