//! From a product and its offers to a contract.

use serde_json::{Map, Value, json};
use weal_domain::catalogue::{
    Classification, Column, ColumnKind, ColumnProfile, Identifying, Offer, Product,
};

use super::{API_VERSION, Contract, CustomProperty, Description, Property, ServiceLevel, Table};
use crate::Publisher;
use crate::json::{plain, versioned};

/// The custom properties that carry what the standard has no place for.
pub(super) const CLASSIFICATION: &str = "wealClassification";
pub(super) const PRIVACY: &str = "wealPrivacy";
pub(super) const OFFERS: &str = "wealOffers";
pub(super) const IDENTIFYING: &str = "wealIdentifying";
/// The version of what stands in them.
pub(super) const CUSTOM_VERSION: u64 = 1;

/// The contract of a product. Of personal data it says nothing that was measured: a minimum, a count
/// of nulls or of rows may be somebody's (invariant `CA-1`).
#[must_use]
pub fn contract_of(product: &Product, offers: &[Offer], publisher: &Publisher) -> Contract {
    let open: Vec<&Offer> = offers.iter().filter(|offer| offer.withdrawn_at.is_none()).collect();
    Contract {
        api_version: API_VERSION.into(),
        kind: "DataContract".into(),
        id: format!("{}#{}", publisher.did, product.name),
        version: format!("{}.0.0", product.version),
        status: if open.is_empty() { "draft" } else { "active" }.into(),
        name: Some(product.title.clone()),
        tenant: Some(publisher.name.to_string()),
        tags: product.keywords.clone(),
        contract_created_ts: Some(product.published_at.to_string()),
        description: Some(Description {
            purpose: Some(product.description.clone()),
            limitations: Some(limitations(product.classification).into()),
            usage: usage(&open),
            rest: Map::new(),
        }),
        schema: vec![table(product)],
        sla_properties: service_levels(product, &open),
        support: vec![json!({
            "channel": "portal",
            "url": format!("{}/catalogue/{}", publisher.origin, product.name),
            "scope": "interactive",
        })],
        team: Some(json!({ "name": publisher.title })),
        roles: open.iter().flat_map(|offer| roles(offer)).collect(),
        custom_properties: custom_properties(product, &open),
        rest: Map::new(),
    }
}

fn limitations(classification: Classification) -> &'static str {
    match classification {
        Classification::Open => "Open data: no person and no secret in it.",
        Classification::Internal => "Not about persons, but only for those with an agreement.",
        Classification::Personal => "About persons: rows leave only where an agreement names them.",
        Classification::Sensitive => {
            "Special categories of personal data: never above statistics without a named legal basis."
        }
    }
}

fn usage(offers: &[&Offer]) -> Option<String> {
    let line = |offer: &&Offer| format!("{}: {}", offer.mode, offer.mode.leaves_the_owner());
    let lines: Vec<String> = offers.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn table(product: &Product) -> Table {
    let profile_of = |column: &Column| product.profile.iter().find(|it| it.column == column.name);
    let mut properties: Vec<_> =
        product.columns.iter().map(|column| property(product, column, profile_of(column))).collect();
    // The first unique column that is never empty serves as the key.
    if let Some(key) = properties.iter_mut().find(|property| property.unique && property.required) {
        key.primary_key = true;
        key.primary_key_position = Some(1);
    }
    Table {
        name: product.name.to_string(),
        logical_type: Some("object".into()),
        physical_type: Some("table".into()),
        business_name: Some(product.title.clone()),
        description: None,
        properties,
        quality: vec![json!({
            "type": "library", "metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness",
        })],
        rest: Map::new(),
    }
}

fn property(product: &Product, column: &Column, profile: Option<&ColumnProfile>) -> Property {
    let unique = profile.is_some_and(|it| product.rows > 0 && it.nulls == 0 && it.distinct == product.rows);
    let measured = profile.filter(|_| !product.classification.is_personal());
    let identifying = match column.identifying {
        Identifying::Direct => Some("direct"),
        Identifying::Quasi => Some("quasi"),
        Identifying::No => None,
    };
    Property {
        name: column.name.clone(),
        logical_type: Some(logical_type(column.kind).into()),
        physical_type: Some(physical_type(column.kind).into()),
        description: column.description.clone(),
        required: !column.nullable,
        unique,
        classification: Some(product.classification.as_str().into()),
        logical_type_options: measured.and_then(|profile| range(column.kind, profile)),
        quality: quality(product, column, unique, measured),
        custom_properties: identifying.map(|it| CustomProperty::new(IDENTIFYING, it)).into_iter().collect(),
        ..Property::default()
    }
}

pub(super) fn logical_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Boolean => "boolean",
        ColumnKind::Integer => "integer",
        ColumnKind::Float => "number",
        ColumnKind::Text => "string",
        ColumnKind::Date => "date",
        ColumnKind::Timestamp => "timestamp",
    }
}

fn physical_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Boolean => "BOOLEAN",
        ColumnKind::Integer => "BIGINT",
        ColumnKind::Float => "DOUBLE",
        ColumnKind::Text => "VARCHAR",
        ColumnKind::Date => "DATE",
        ColumnKind::Timestamp => "TIMESTAMP",
    }
}

/// The measured range of a number or a time, where it parses as one.
fn range(kind: ColumnKind, profile: &ColumnProfile) -> Option<Value> {
    let (min, max) = (profile.min.as_deref()?, profile.max.as_deref()?);
    match kind {
        ColumnKind::Integer => {
            let (min, max) = (min.parse::<i64>().ok()?, max.parse::<i64>().ok()?);
            Some(json!({ "minimum": min, "maximum": max }))
        }
        ColumnKind::Float => {
            let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
            Some(json!({ "minimum": finite(min)?, "maximum": finite(max)? }))
        }
        ColumnKind::Date | ColumnKind::Timestamp => Some(json!({ "minimum": min, "maximum": max })),
        ColumnKind::Boolean | ColumnKind::Text => None,
    }
}

/// Rules that hold by the declared schema for all data, and for data about no person also rules
/// drawn from what was measured.
fn quality(product: &Product, column: &Column, unique: bool, measured: Option<&ColumnProfile>) -> Vec<Value> {
    let mut rules = Vec::new();
    let rule = |metric: &str, dimension: &str| json!({ "type": "library", "metric": metric, "mustBe": 0, "dimension": dimension });
    if !column.nullable {
        rules.push(rule("nullValues", "completeness"));
    } else if let Some(profile) = measured.filter(|_| product.rows > 0) {
        let percent = (profile.nulls.saturating_mul(100)).div_ceil(product.rows).min(100);
        rules.push(json!({
            "type": "library", "metric": "nullValues", "mustBeLessOrEqualTo": percent, "unit": "percent",
            "dimension": "completeness",
        }));
    }
    if unique {
        rules.push(rule("duplicateValues", "uniqueness"));
    }
    rules
}

fn service_levels(product: &Product, offers: &[&Offer]) -> Vec<ServiceLevel> {
    let level =
        |property: &str, value: Value, unit: Option<&str>, description: Option<String>| ServiceLevel {
            property: property.into(),
            value,
            unit: unit.map(str::to_owned),
            driver: Some("operational".into()),
            description,
            rest: Map::new(),
        };
    let available = product.published_at.to_string();
    let mut levels = vec![level("generalAvailability", available.into(), None, None)];
    for offer in offers {
        let mode = |what: &str| Some(format!("{what}, by the offer of {}", offer.mode));
        let days = offer.terms.retention_days;
        levels.push(level("retention", days.into(), Some("d"), mode("How long copies may be kept")));
        let promise = offer.terms.service_level.clone();
        levels.push(level("serviceLevel", promise.into(), None, mode("What is promised")));
        if let Some(end) = offer.terms.valid_until {
            levels.push(level("endOfSupport", end.to_string().into(), None, mode("When the terms end")));
        }
    }
    levels
}

fn roles(offer: &Offer) -> Vec<Value> {
    let analyst = [weal_domain::identity::Role::Analyst];
    let listed = if offer.terms.roles.is_empty() { &analyst[..] } else { &offer.terms.roles[..] };
    let approver = match offer.terms.approval {
        weal_domain::catalogue::Approval::Automatic => "node",
        weal_domain::catalogue::Approval::Steward => "steward",
    };
    let role = |role: &weal_domain::identity::Role| json!({ "role": role.as_str(), "access": offer.mode.as_str(), "firstLevelApprovers": approver });
    listed.iter().map(role).collect()
}

fn custom_properties(product: &Product, offers: &[&Offer]) -> Vec<CustomProperty> {
    let mut all = vec![CustomProperty::new(CLASSIFICATION, product.classification.as_str())];
    if let Some(privacy) = &product.privacy {
        all.push(CustomProperty::new(PRIVACY, versioned(CUSTOM_VERSION, privacy)));
    }
    let offer = |offer: &&Offer| {
        let terms = plain(&offer.terms);
        json!({ "v": CUSTOM_VERSION, "id": offer.id.as_str(), "mode": offer.mode.as_str(), "terms": terms })
    };
    if !offers.is_empty() {
        all.push(CustomProperty::new(OFFERS, offers.iter().map(offer).collect::<Vec<_>>()));
    }
    all
}
