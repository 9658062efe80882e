//! ODRL evaluation: every operator, every logical constraint, and what cannot be told.

use proptest::prelude::*;
use weal_domain::agreements::policy::iri;
use weal_domain::agreements::{Constraint, Logic, Operator, Policy, RightOperand, Rule, World, evaluate};

const PLACE_EE: &str = "https://places.example/EE";
const PLACE_LV: &str = "https://places.example/LV";

fn world() -> World {
    World::new()
        .with(iri::DATE_TIME, "2026-09-01T10:00:00Z")
        .with(iri::PURPOSE, "https://w3id.org/dpv#FraudPreventionAndDetection")
        .with(iri::SPATIAL, PLACE_EE)
        .with(iri::COUNT, "5")
        .with_all(iri::COLUMNS, ["region".to_owned(), "wage".to_owned()])
        .exercising(iri::AGGREGATE)
}

fn atomic(left: &str, operator: Operator, right: &[&str]) -> Constraint {
    let right = match right {
        [only] => RightOperand::One((*only).to_owned()),
        many => RightOperand::Many(many.iter().map(|value| (*value).to_owned()).collect()),
    };
    Constraint::Atomic { left: left.to_owned(), operator, right }
}

fn rule(action: &str, constraints: Vec<Constraint>) -> Rule {
    Rule { action: action.to_owned(), constraints }
}

fn permits(constraints: Vec<Constraint>) -> Policy {
    Policy { permissions: vec![rule(iri::USE, constraints)], ..Policy::default() }
}

fn holds(constraint: Constraint) -> bool {
    evaluate(&permits(vec![constraint]), &world()).is_ok()
}

#[test]
fn operators_on_moments_and_numbers() {
    for (operator, before, same, after) in [
        (Operator::Lt, false, false, true),
        (Operator::Lteq, false, true, true),
        (Operator::Gt, true, false, false),
        (Operator::Gteq, true, true, false),
        (Operator::Eq, false, true, false),
        (Operator::Neq, true, false, true),
    ] {
        // The same moment may be written in another offset.
        for (right, expected) in [
            ("2026-01-01T00:00:00Z", before),
            ("2026-09-01T12:00:00+02:00", same),
            ("2027-01-01T00:00:00Z", after),
        ] {
            assert_eq!(holds(atomic(iri::DATE_TIME, operator, &[right])), expected, "{operator:?} {right}");
        }
        for (right, expected) in [("4", before), ("05", same), ("10", after)] {
            assert_eq!(holds(atomic(iri::COUNT, operator, &[right])), expected, "{operator:?} {right}");
        }
    }
}

#[test]
fn operators_on_sets() {
    let cases = [
        (iri::SPATIAL, Operator::IsAnyOf, vec![PLACE_LV, PLACE_EE], true),
        (iri::SPATIAL, Operator::IsAnyOf, vec![PLACE_LV], false),
        (iri::SPATIAL, Operator::IsNoneOf, vec![PLACE_LV], true),
        (iri::SPATIAL, Operator::IsNoneOf, vec![PLACE_LV, PLACE_EE], false),
        (iri::SPATIAL, Operator::IsPartOf, vec![PLACE_EE, PLACE_LV], true),
        (iri::SPATIAL, Operator::IsPartOf, vec![PLACE_LV], false),
        (iri::SPATIAL, Operator::IsA, vec![PLACE_EE], true),
        (iri::COLUMNS, Operator::IsPartOf, vec!["region", "wage", "age"], true),
        (iri::COLUMNS, Operator::IsPartOf, vec!["region"], false),
        (iri::COLUMNS, Operator::HasPart, vec!["region"], true),
        (iri::COLUMNS, Operator::IsAllOf, vec!["region", "wage"], true),
        (iri::COLUMNS, Operator::IsAllOf, vec!["region", "age"], false),
        (iri::COLUMNS, Operator::Eq, vec!["wage", "region"], true),
        (iri::COLUMNS, Operator::Eq, vec!["wage"], false),
        (iri::COLUMNS, Operator::Neq, vec!["wage"], true),
    ];
    for (left, operator, right, expected) in cases {
        assert_eq!(holds(atomic(left, operator, &right)), expected, "{left} {operator:?} {right:?}");
    }
}

#[test]
fn what_has_no_values_is_only_within_a_list_of_columns() {
    let nothing = World::new().with_all(iri::COLUMNS, []).with_all(iri::SPATIAL, []);
    let try_it =
        |left: &str, operator| evaluate(&permits(vec![atomic(left, operator, &["x"])]), &nothing).is_ok();
    assert!(try_it(iri::COLUMNS, Operator::IsPartOf), "a plain count touches no column");
    for operator in [Operator::IsPartOf, Operator::IsNoneOf, Operator::Neq, Operator::Eq, Operator::IsAnyOf] {
        assert!(!try_it(iri::SPATIAL, operator), "{operator:?}");
    }
}

#[test]
fn what_cannot_be_told_never_permits() {
    let unknown = atomic("https://example.org/moonPhase", Operator::Neq, &["full"]);
    let unreadable = atomic(iri::DATE_TIME, Operator::Lt, &["next summer"]);
    let unordered = atomic(iri::SPATIAL, Operator::Gt, &[PLACE_LV]);
    let two = atomic(iri::COUNT, Operator::Lteq, &["10", "20"]);
    let structure = Constraint::Atomic {
        left: iri::SPATIAL.to_owned(),
        operator: Operator::Neq,
        right: RightOperand::Other(serde_json::json!({"polygon": [1, 2]})),
    };
    let empty = Constraint::Logical { logic: Logic::And, parts: Vec::new() };
    for constraint in [unknown, unreadable, unordered, two, structure, empty] {
        let against = evaluate(&permits(vec![constraint.clone()]), &world()).expect_err("not permitted");
        assert_eq!(against.len(), 1);
        assert!(against[0].reason.ends_with('.'), "{against:?}");
        let forbids =
            Policy { prohibitions: vec![rule(iri::USE, vec![constraint.clone()])], ..permits(vec![]) };
        let against = evaluate(&forbids, &world()).expect_err("a prohibition that cannot be ruled out");
        assert!(against[0].prohibited);
        for logic in [Logic::And, Logic::AndSequence, Logic::Xone] {
            let parts = vec![constraint.clone(), atomic(iri::COUNT, Operator::Eq, &["5"])];
            assert!(!holds(Constraint::Logical { logic, parts }), "{logic:?}");
        }
    }
}

#[test]
fn json_values_are_read_where_they_are_plain() {
    for value in [serde_json::json!({"@value": PLACE_EE}), serde_json::json!([{"@id": PLACE_EE}])] {
        let constraint = Constraint::Atomic {
            left: iri::SPATIAL.to_owned(),
            operator: Operator::Eq,
            right: RightOperand::Other(value),
        };
        assert!(holds(constraint));
    }
}

#[test]
fn logical_constraints_count_their_parts() {
    let yes = || atomic(iri::COUNT, Operator::Eq, &["5"]);
    let no = || atomic(iri::COUNT, Operator::Eq, &["6"]);
    let logical = |logic, parts| holds(Constraint::Logical { logic, parts });
    for logic in [Logic::And, Logic::AndSequence] {
        assert!(logical(logic, vec![yes(), yes()]));
        assert!(!logical(logic, vec![yes(), no()]));
    }
    assert!(logical(Logic::Or, vec![no(), yes()]));
    assert!(!logical(Logic::Or, vec![no(), no()]));
    assert!(logical(Logic::Xone, vec![no(), yes()]));
    assert!(!logical(Logic::Xone, vec![yes(), yes()]));
    assert!(!logical(Logic::Xone, vec![no(), no()]));
    let unknown = atomic("https://example.org/x", Operator::Eq, &["y"]);
    assert!(logical(Logic::Or, vec![unknown, yes()]), "one that holds is enough");
}

#[test]
fn nesting_has_a_bottom() {
    let mut deep = atomic(iri::COUNT, Operator::Eq, &["5"]);
    for _ in 0..16 {
        deep = Constraint::Logical { logic: Logic::And, parts: vec![deep] };
    }
    assert!(holds(deep.clone()));
    assert!(!holds(Constraint::Logical { logic: Logic::And, parts: vec![deep] }));
}

#[test]
fn prohibitions_win_where_they_apply() {
    let with = |rule: Rule| Policy { prohibitions: vec![rule], ..permits(vec![]) };
    let in_lv = || vec![atomic(iri::SPATIAL, Operator::Eq, &[PLACE_LV])];
    assert!(evaluate(&with(rule(iri::USE, vec![])), &world()).is_err());
    assert!(evaluate(&with(rule(iri::AGGREGATE, vec![])), &world()).is_err(), "what this use does");
    assert!(evaluate(&with(rule("http://www.w3.org/ns/odrl/2/sell", vec![])), &world()).is_ok());
    assert!(evaluate(&with(rule(iri::USE, in_lv())), &world()).is_ok(), "about another place");
}

#[test]
fn without_a_permission_nothing_is_permitted_and_one_of_several_is_enough() {
    assert!(evaluate(&Policy::default(), &world()).is_err());
    let sells =
        Policy { permissions: vec![rule("http://www.w3.org/ns/odrl/2/sell", vec![])], ..Policy::default() };
    assert!(evaluate(&sells, &world()).is_err());
    let no = || atomic(iri::COUNT, Operator::Eq, &["6"]);
    let mut two = permits(vec![no(), no()]);
    two.permissions.push(rule(iri::USE, vec![no()]));
    let against = evaluate(&two, &world()).unwrap_err();
    assert_eq!(against.len(), 1, "the reasons are those of the permission that came closest");
    assert_eq!(against[0].left.as_deref(), Some(iri::COUNT));
    two.permissions.push(rule(iri::USE, vec![]));
    assert!(evaluate(&two, &world()).is_ok());
}

fn constraint() -> impl Strategy<Value = Constraint> {
    let operator = prop::sample::select(vec![
        Operator::Eq,
        Operator::Neq,
        Operator::Lt,
        Operator::Gteq,
        Operator::IsAnyOf,
        Operator::IsNoneOf,
        Operator::IsPartOf,
        Operator::HasPart,
    ]);
    let left =
        prop::sample::select(vec![iri::COUNT, iri::SPATIAL, iri::DATE_TIME, iri::COLUMNS, "urn:unknown"]);
    let right = prop::collection::vec(
        prop::sample::select(vec!["5", "6", PLACE_EE, "region", "2026-09-01T10:00:00Z", "nonsense"]),
        0..3,
    );
    let leaf = (left, operator, right).prop_map(|(left, operator, right)| atomic(left, operator, &right));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let logic = prop::sample::select(vec![Logic::And, Logic::AndSequence, Logic::Or, Logic::Xone]);
        (logic, prop::collection::vec(inner, 0..4))
            .prop_map(|(logic, parts)| Constraint::Logical { logic, parts })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A condition that permits cannot at the same time leave the same prohibition without effect.
    #[test]
    fn what_holds_as_a_permission_holds_as_a_prohibition(one in constraint()) {
        let permitted = evaluate(&permits(vec![one.clone()]), &world()).is_ok();
        let forbids = Policy { prohibitions: vec![rule(iri::USE, vec![one])], ..permits(vec![]) };
        let forbidden = evaluate(&forbids, &world()).is_err();
        prop_assert!(!permitted || forbidden);
    }

    /// More conditions never permit more.
    #[test]
    fn a_further_condition_never_opens_anything(one in constraint(), more in constraint()) {
        if evaluate(&permits(vec![one.clone(), more]), &world()).is_ok() {
            prop_assert!(evaluate(&permits(vec![one]), &world()).is_ok());
        }
    }
}
