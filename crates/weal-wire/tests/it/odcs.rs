//! Data contracts: valid under the published schema, readable again, silent about persons.

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use weal_domain::catalogue::{Classification, Offer, Product};
use weal_wire::odcs::{Contract, contract_of};

use crate::any;
use crate::catalogue::publisher;
use crate::schemas::shared;

static SCHEMA: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let path = shared("odcs-3.1.0/odcs-json-schema-v3.1.0.json")?;
    let text = std::fs::read_to_string(path).expect("the schema is readable");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    Some(jsonschema::validator_for(&schema).expect("the schema compiles"))
});

#[track_caller]
fn assert_valid(contract: &Value) {
    let Some(schema) = SCHEMA.as_ref() else { return };
    let complaints: Vec<_> =
        schema.iter_errors(contract).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(complaints.is_empty(), "{complaints:#?}\n{contract:#}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn contracts_are_valid_and_come_back((product, offers) in any::product_and_offers()) {
        let contract = contract_of(&product, &offers, &publisher());
        assert_valid(&contract.to_json());
        let yaml = contract.to_yaml();
        let read = Contract::parse_yaml(yaml.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        prop_assert_eq!(&read, &contract);
        prop_assert_eq!(&Contract::parse_json(contract.to_json().to_string().as_bytes()).unwrap(), &contract);

        let described = read.described().unwrap();
        prop_assert_eq!(&described.name, &product.name);
        prop_assert_eq!(&described.title, &product.title);
        prop_assert_eq!(&described.description, &product.description);
        prop_assert_eq!(&described.keywords, &product.keywords);
        prop_assert_eq!(described.classification, Some(product.classification));
        prop_assert_eq!(&described.columns, &product.columns);
        prop_assert_eq!(&described.privacy, &product.privacy);
        let open: Vec<_> = offers.iter().filter(|offer| offer.withdrawn_at.is_none()).collect();
        prop_assert_eq!(described.offers.len(), open.len());
        for (described, offer) in described.offers.iter().zip(open) {
            prop_assert_eq!((&described.id, described.mode, &described.terms), (&offer.id, offer.mode, &offer.terms));
        }
    }

    /// CA-1, also in a contract.
    #[test]
    fn contracts_of_personal_data_hold_nothing_measured((mut product, offers) in any::product_and_offers()) {
        product.classification = Classification::Personal;
        product.rows = 987_654_321;
        for profile in &mut product.profile {
            (profile.nulls, profile.distinct) = (987_654_320, 987_654_319);
            (profile.min, profile.max) = (Some("20260301".into()), Some("99999999".into()));
        }
        let text = contract_of(&product, &offers, &publisher()).to_json()["schema"].to_string();
        for secret in ["98765432", "20260301", "99999999", "percent"] {
            prop_assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

fn payroll(classification: &str) -> (Product, Vec<Offer>) {
    let product = serde_json::from_value(json!({
        "name": "payroll", "version": 3, "title": "Payroll", "description": "Wages paid", "keywords": ["wages"],
        "classification": classification,
        "columns": [
            { "name": "id", "kind": "integer", "nullable": false, "identifying": "direct" },
            { "name": "wage", "kind": "float", "nullable": true, "identifying": "no" },
            { "name": "paid_on", "kind": "date", "nullable": true, "identifying": "quasi" },
        ],
        "privacy": null, "rows": 1000, "size_bytes": 8000,
        "profile": [
            { "column": "id", "nulls": 0, "distinct": 1000, "min": "1", "max": "1000" },
            { "column": "wage", "nulls": 5, "distinct": 900, "min": "0.5", "max": "9000.25" },
            { "column": "paid_on", "nulls": 0, "distinct": 12, "min": "2025-01-31", "max": "2025-12-31" },
        ],
        "published_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-01T00:00:00Z",
    }));
    (product.unwrap(), Vec::new())
}

#[test]
fn what_was_measured_of_open_data_becomes_rules() {
    let (product, offers) = payroll("open");
    let contract = contract_of(&product, &offers, &publisher()).to_json();
    assert_valid(&contract);
    assert_eq!(contract["version"], "3.0.0");
    assert_eq!(contract["status"], "draft");
    let [id, wage, paid] = [0, 1, 2].map(|index| &contract["schema"][0]["properties"][index]);
    assert_eq!(id["primaryKey"], true);
    assert_eq!(id["logicalTypeOptions"], json!({ "minimum": 1, "maximum": 1000 }));
    assert_eq!(id["quality"][1]["metric"], "duplicateValues");
    assert_eq!(wage["logicalTypeOptions"], json!({ "minimum": 0.5, "maximum": 9000.25 }));
    let nulls = json!({
        "type": "library", "metric": "nullValues", "mustBeLessOrEqualTo": 1, "unit": "percent",
        "dimension": "completeness",
    });
    assert_eq!(wage["quality"], json!([nulls]));
    assert_eq!(paid["logicalTypeOptions"], json!({ "minimum": "2025-01-31", "maximum": "2025-12-31" }));
    assert_eq!(paid["customProperties"], json!([{ "property": "wealIdentifying", "value": "quasi" }]));
}

#[test]
fn of_personal_data_only_the_declared_rules_remain() {
    let (product, offers) = payroll("personal");
    let contract = contract_of(&product, &offers, &publisher()).to_json();
    assert_valid(&contract);
    let [id, wage, paid] = [0, 1, 2].map(|index| &contract["schema"][0]["properties"][index]);
    assert_eq!(
        (&id["primaryKey"], &id["required"], &id["classification"]),
        (&json!(true), &json!(true), &json!("personal"))
    );
    for column in [id, wage, paid] {
        assert_eq!(column["logicalTypeOptions"], Value::Null);
    }
    assert_eq!(wage["quality"], Value::Null);
}

/// A contract as another tool would write it, in other words of the standard than ours.
const STRANGERS: &str = "
apiVersion: v3.0.2
kind: DataContract
id: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.1.0
status: active
domain: seller
dataProduct: my quantum
description: {purpose: Views built on top of the seller tables., authoritativeDefinitions: []}
servers:
  - {server: my-postgres, type: postgres, host: localhost, port: 5432, database: pypl-edw, schema: pp_access_views}
schema:
  - name: sales
    physicalName: sales_v1
    tags: [finance]
    properties:
      - {name: rcvr_id, primaryKey: true, primaryKeyPosition: 1, logicalType: string, required: true, partitioned: false}
      - name: amount
        logicalType: number
        businessName: Amount
        quality: [{metric: nullValues, mustBe: 0}]
price: {priceAmount: 9.95, priceCurrency: EUR}
slaProperties: [{property: latency, value: 4, unit: d, element: sales.amount}]
customProperties: [{property: refRulesetName, value: gcsc.ruleset.name, description: theirs}]
";

#[test]
fn strangers_contracts_are_read_and_kept_whole() {
    let contract = Contract::parse_yaml(STRANGERS.as_bytes()).unwrap();
    assert_valid(&contract.to_json());
    assert_eq!(Contract::parse_yaml(contract.to_yaml().as_bytes()).unwrap(), contract);
    let printed = contract.to_json();
    assert_eq!(printed["servers"][0]["port"], 5432);
    assert_eq!(printed["schema"][0]["properties"][1]["businessName"], "Amount");
    let described = contract.described().unwrap();
    assert_eq!((described.name.as_str(), described.title.as_str()), ("sales", "sales"));
    assert_eq!(described.classification, None);
    assert_eq!((described.columns.len(), described.columns[1].nullable), (2, true));
    assert!(described.offers.is_empty() && described.privacy.is_none());
}

#[test]
fn slips_of_the_pen_are_named() {
    let cases = [
        ("kind: DataContract", "kind: Contract", "`kind` is not `DataContract`"),
        ("apiVersion: v3.0.2", "apiVersion: v2.2.2", "`apiVersion` is not `v3.1.0`"),
        ("apiVersion: v3.0.2\n", "", "`apiVersion` is missing"),
        ("version: 1.1.0", "version: {}", "`the contract` is not as ODCS 3.1 has it"),
        ("status: active\n", "", "missing field `status`"),
        ("domain: seller", "domian: seller", "`domian` is not a member of ODCS 3.1"),
        ("required: true", "requird: true", "`schema.properties.requird` is not a member"),
        ("physicalName: sales_v1", "physicalname: sales_v1", "`schema.physicalname` is not a member"),
        ("status: active", "status: active\nstatus: draft", "stands twice"),
        ("status: active", "status: [active", "not valid YAML"),
    ];
    for (from, to, words) in cases {
        let text = STRANGERS.replacen(from, to, 1);
        assert_ne!(text, STRANGERS, "{from}");
        let error = Contract::parse_yaml(text.as_bytes()).expect_err(words).to_string();
        assert!(error.contains(words), "`{error}` does not say `{words}`");
    }
    let cases = [
        ("name: sales", "name: Sales Table", "`schema[0].name` is not a product name"),
        (
            "logicalType: number",
            "logicalType: object",
            "`schema[0].properties[1].logicalType` is not boolean",
        ),
        (
            "refRulesetName, value: gcsc.ruleset.name",
            "wealClassification, value: secret",
            "`wealClassification`",
        ),
        ("refRulesetName, value: gcsc.ruleset.name", "wealOffers, value: [{v: 9}]", "of version `v: 1`"),
    ];
    for (from, to, words) in cases {
        let text = STRANGERS.replacen(from, to, 1);
        assert_ne!(text, STRANGERS, "{from}");
        let contract = Contract::parse_yaml(text.as_bytes()).expect("it is a contract");
        let error = contract.described().expect_err(words).to_string();
        assert!(error.contains(words), "`{error}` does not say `{words}`");
    }
}
