//! Arbitrary values of the domain and of the protocol.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use weal_domain::Timestamp;
use weal_domain::agreements::{Constraint, LegalBasis, Logic, Operator, Policy, Purpose, RightOperand, Rule};
use weal_domain::catalogue::*;
use weal_domain::compute::{BudgetRules, Loss, Renewal};
use weal_domain::identity::{Did, Role};
use weal_wire::odrl;

/// Any text a person might write, with what breaks careless printers.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,12}",
        Just("\"quoted\" \\ back\nslash\ttab # <b> ' : - [x]".to_owned()),
        Just("ÅÄÖ 東京 \u{1F33B} \u{200F}".to_owned()),
        Just("null".to_owned()),
        Just("- 1.0".to_owned()),
    ]
}

pub fn iri() -> impl Strategy<Value = String> {
    prop_oneof![
        "urn:uuid:[0-9a-f]{8}",
        "did:web:[a-z]{1,8}\\.example#[a-z]{1,8}",
        "https://[a-z]{1,8}\\.example/[a-z0-9/]{0,10}",
    ]
}

pub fn did() -> impl Strategy<Value = Did> {
    "did:web:[a-z]{1,8}\\.example".prop_map(|did| Did::new(did).unwrap())
}

pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000, 0_i32..1_000_000_000).prop_map(|(s, n)| Timestamp::new(s, n).unwrap())
}

/// An operand or action as it stands inside the house: an absolute IRI.
fn term() -> impl Strategy<Value = String> {
    let known = ["use", "purpose", "dateTime", "eq", "recipient", "distribute"];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(|term| format!("{}{term}", odrl::ODRL)),
        "urn:weal:[a-zA-Z]{1,8}",
        "spatial|partner|constraint1",
    ]
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::*;
    prop::sample::select(vec![
        Eq, Gt, Gteq, HasPart, IsA, IsAllOf, IsAnyOf, IsNoneOf, IsPartOf, Lt, Lteq, Neq,
    ])
}

fn right() -> impl Strategy<Value = RightOperand> {
    prop_oneof![
        text().prop_map(RightOperand::One),
        vec(text(), 0..4).prop_map(RightOperand::Many),
        text().prop_map(|text| RightOperand::Other(json!({ "@value": text, "n": 1 }))),
        Just(RightOperand::Other(json!([1, "two", null]))),
    ]
}

fn constraint() -> impl Strategy<Value = Constraint> {
    let atomic = (term(), operator(), right()).prop_map(|(left, operator, right)| Constraint::Atomic {
        left,
        operator,
        right,
    });
    let logic = prop::sample::select(vec![Logic::And, Logic::AndSequence, Logic::Or, Logic::Xone]);
    atomic.prop_recursive(3, 12, 3, move |inner| {
        (logic.clone(), vec(inner, 0..3)).prop_map(|(logic, parts)| Constraint::Logical { logic, parts })
    })
}

fn rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    let duty = Constraint::Atomic {
        left: format!("{}duty", odrl::ODRL),
        operator: Operator::Eq,
        right: RightOperand::Other(json!([{ "action": "attribute" }])),
    };
    let rule =
        (term(), vec(constraint(), 0..4), any::<bool>()).prop_map(move |(action, mut constraints, bound)| {
            constraints.extend(bound.then(|| duty.clone()));
            Rule { action, constraints }
        });
    vec(rule, count)
}

pub fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![(rules(1..3), rules(0..2), rules(0..2)), (rules(0..2), rules(1..3), rules(0..2)),].prop_map(
        |(permissions, prohibitions, obligations)| Policy { permissions, prohibitions, obligations },
    )
}

pub fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(&Mode::LADDER[..])
}

fn loss() -> impl Strategy<Value = Loss> {
    (any::<u64>(), any::<u64>()).prop_map(|(rho_nano, delta_femto)| Loss { rho_nano, delta_femto })
}

fn budget_rules() -> impl Strategy<Value = BudgetRules> {
    let renewal = (any::<u32>(), loss()).prop_map(|(every_days, loss)| Renewal { every_days, loss });
    (option::of(loss()), option::of(loss()), option::of(renewal))
        .prop_map(|(member, analyst, renewal)| BudgetRules { member, analyst, renewal })
}

pub fn terms() -> impl Strategy<Value = Terms> {
    let who = (
        vec(iri().prop_map(|it| Purpose::new(it).unwrap()), 1..3),
        vec(iri().prop_map(|it| LegalBasis::new(it).unwrap()), 1..3),
        vec(did(), 0..3),
        vec(prop::sample::select(&Role::ALL[..]), 0..3),
    );
    let what = (
        option::of(vec(text(), 0..4)),
        option::of(text()),
        option::of(timestamp()),
        option::of(any::<u32>()),
        option::of(loss()),
        budget_rules(),
    );
    let words = (text(), text(), text(), any::<u32>(), text(), any::<bool>());
    (who, what, words).prop_map(|(who, what, words)| Terms {
        purposes: who.0,
        legal_bases: who.1,
        recipients: who.2,
        roles: who.3,
        columns: what.0,
        row_filter: what.1,
        valid_until: what.2,
        uses_per_day_max: what.3,
        budget: what.4,
        budget_rules: Box::new(what.5),
        service_level: words.0,
        liability: words.1,
        licence: words.2,
        retention_days: words.3,
        disposal: words.4,
        approval: if words.5 { Approval::Automatic } else { Approval::Steward },
    })
}

pub fn product_name() -> impl Strategy<Value = ProductName> {
    "[a-z][a-z0-9_]{0,12}".prop_map(|name| ProductName::new(name).unwrap())
}

fn column() -> impl Strategy<Value = Column> {
    use ColumnKind::*;
    let kind = prop::sample::select(vec![Boolean, Integer, Float, Text, Date, Timestamp]);
    let identifying = prop::sample::select(vec![Identifying::Direct, Identifying::Quasi, Identifying::No]);
    (text(), kind, any::<bool>(), identifying, option::of(text())).prop_map(
        |(name, kind, nullable, identifying, description)| Column {
            name,
            kind,
            nullable,
            identifying,
            description,
        },
    )
}

/// A float that is short in decimal, so that any reader gets it exactly.
fn float() -> impl Strategy<Value = f64> {
    (-1_000_000_i32..1_000_000).prop_map(|cents| f64::from(cents) / 4.0)
}

fn privacy() -> impl Strategy<Value = PrivacyPolicy> {
    let bounds =
        (float(), float(), 0_u8..10).prop_map(|(low, high, decimals)| Bounds { low, high, decimals });
    let maps = (btree_map(text(), bounds, 0..3), btree_map(text(), vec(text(), 0..3), 0..2));
    (text(), 1_u32..9, 1_u32..9, maps, any::<u32>(), (loss(), loss(), loss(), budget_rules())).prop_map(
        |(subject, groups, rows, (bounds, public_keys), group_size_min, losses)| PrivacyPolicy {
            subject,
            groups_per_subject_max: groups,
            rows_per_group_max: rows,
            rows_per_subject_max: (rows > 4).then_some(groups),
            bounds,
            public_keys,
            group_size_min,
            question_loss_default: losses.0,
            question_loss_max: losses.1,
            budget: losses.2,
            budget_rules: losses.3,
        },
    )
}

pub fn classification() -> impl Strategy<Value = Classification> {
    use Classification::*;
    prop::sample::select(vec![Open, Internal, Personal, Sensitive])
}

pub fn product() -> impl Strategy<Value = Product> {
    let words = (product_name(), text(), text(), vec(text(), 0..3));
    let shape = (classification(), vec(column(), 0..5), option::of(privacy()), any::<u32>());
    let measured = (0_u64..1000, any::<u64>(), vec((0_u64..1000, 0_u64..1000, option::of(text())), 0..5));
    (words, shape, measured, timestamp(), timestamp()).prop_map(
        |(words, shape, measured, published, updated)| {
            let profile = shape.1.iter().zip(measured.2).map(|(column, (nulls, distinct, edge))| {
                ColumnProfile { column: column.name.clone(), nulls, distinct, min: edge.clone(), max: edge }
            });
            Product {
                identifier: None,
                name: words.0,
                title: words.1,
                description: words.2,
                keywords: words.3,
                classification: shape.0,
                about_nobody: false,
                profile: profile.collect(),
                particulars: Default::default(),
                columns: shape.1,
                privacy: shape.2,
                version: shape.3,
                rows: measured.0,
                size_bytes: measured.1,
                published_at: published,
                updated_at: updated,
            }
        },
    )
}

/// Offers of one product with identifiers of their own.
pub fn offers(product: ProductName) -> impl Strategy<Value = Vec<Offer>> {
    vec((mode(), terms(), option::of(timestamp())), 0..4).prop_map(move |list| {
        let offer = |(index, (mode, terms, withdrawn_at))| Offer {
            id: OfferId::new(format!("urn:uuid:{product}-{index}")).unwrap(),
            product: product.clone(),
            mode,
            terms,
            policy: None,
            withdrawn_at,
        };
        list.into_iter().enumerate().map(offer).collect()
    })
}

pub fn product_and_offers() -> impl Strategy<Value = (Product, Vec<Offer>)> {
    product().prop_flat_map(|product| (Just(product.clone()), offers(product.name)))
}

/// Products with different names.
pub fn products() -> impl Strategy<Value = Vec<(Product, Vec<Offer>)>> {
    vec(product_and_offers(), 0..3).prop_map(|list| {
        let by_name: BTreeMap<_, _> = list.into_iter().map(|it| (it.0.name.clone(), it)).collect();
        by_name.into_values().collect()
    })
}

/// Any JSON, with the protocol's own names among its members.
pub fn json() -> impl Strategy<Value = Value> {
    let names = [
        "@context",
        "@type",
        "@id",
        "offer",
        "permission",
        "constraint",
        "rightOperand",
        "leftOperand",
        "operator",
        "dataset",
        "hasPolicy",
        "distribution",
        "providerPid",
        "consumerPid",
        "and",
        "v",
        "urn:weal:terms",
        "urn:weal:product",
        "schema",
        "kind",
        "apiVersion",
    ];
    let words = [
        "https://w3id.org/dspace/2025/1/context.jsonld",
        "Catalog",
        "Offer",
        "eq",
        "use",
        "DataContract",
        "v3.1.0",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let name = prop_oneof![prop::sample::select(names.to_vec()).prop_map(str::to_owned), text()];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(name, inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}
