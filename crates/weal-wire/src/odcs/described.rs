//! What a contract means for this node.

use serde::Deserialize;
use serde_json::Value;
use weal_domain::catalogue::{
    Classification, Column, ColumnKind, Identifying, Mode, OfferId, PrivacyPolicy, ProductName, Terms,
};

use super::made::{CLASSIFICATION, CUSTOM_VERSION, IDENTIFYING, OFFERS, PRIVACY};
use super::{Contract, Property};
use crate::WireError;
use crate::error::excerpt;

/// The most columns of a table.
pub(crate) const COLUMNS_MAX: usize = 10_000;

/// A product as a contract describes it, before any data was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub name: ProductName,
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    /// `None` where the contract is a stranger's; then the owner decides.
    pub classification: Option<Classification>,
    pub columns: Vec<Column>,
    pub privacy: Option<PrivacyPolicy>,
    pub offers: Vec<DescribedOffer>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedOffer {
    pub id: OfferId,
    pub mode: Mode,
    pub terms: Terms,
}

impl Contract {
    /// Reads the one table of the contract and our custom properties.
    pub fn described(&self) -> Result<Described, WireError> {
        let [table] = self.schema.as_slice() else {
            return Err(WireError::wrong(
                "schema",
                "an array of exactly one table, because a product is one",
            ));
        };
        if table.properties.len() > COLUMNS_MAX {
            return Err(WireError::TooMany { what: "columns", limit: COLUMNS_MAX });
        }
        let name = ProductName::new(table.name.clone())
            .map_err(|error| WireError::wrong("schema[0].name", format!("a product name; {}", error.rule)))?;
        let column = |(index, property)| column(property, &format!("schema[0].properties[{index}]"));
        let purpose = self.description.as_ref().and_then(|description| description.purpose.clone());
        Ok(Described {
            title: self.name.clone().or(table.business_name.clone()).unwrap_or_else(|| name.to_string()),
            name,
            description: purpose.or(table.description.clone()).unwrap_or_default(),
            keywords: self.tags.clone(),
            classification: self
                .custom(CLASSIFICATION)
                .map(|value| ours(value, CLASSIFICATION))
                .transpose()?,
            columns: table.properties.iter().enumerate().map(column).collect::<Result<_, _>>()?,
            privacy: self.privacy()?,
            offers: self.offers()?,
        })
    }

    fn privacy(&self) -> Result<Option<PrivacyPolicy>, WireError> {
        let Some(value) = self.custom(PRIVACY) else { return Ok(None) };
        check_version(value, PRIVACY)?;
        ours(value, PRIVACY).map(Some)
    }

    fn offers(&self) -> Result<Vec<DescribedOffer>, WireError> {
        let Some(value) = self.custom(OFFERS) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(WireError::wrong(OFFERS, "an array of offers")) };
        let offer = |item: &Value| {
            check_version(item, OFFERS)?;
            Ok(DescribedOffer {
                id: ours(&item["id"], OFFERS)?,
                mode: ours(&item["mode"], OFFERS)?,
                terms: ours(&item["terms"], OFFERS)?,
            })
        };
        items.iter().map(offer).collect()
    }
}

fn column(property: &Property, at: &str) -> Result<Column, WireError> {
    let kind = match property.logical_type.as_deref() {
        Some("boolean") => ColumnKind::Boolean,
        Some("integer") => ColumnKind::Integer,
        Some("number") => ColumnKind::Float,
        Some("date") => ColumnKind::Date,
        Some("timestamp") => ColumnKind::Timestamp,
        Some("string" | "time") => ColumnKind::Text,
        _ => {
            let expected = "boolean, integer, number, date, timestamp or string; a product is a flat table";
            return Err(WireError::wrong(format!("{at}.logicalType"), expected));
        }
    };
    let identifying = property.custom_properties.iter().find(|custom| custom.property == IDENTIFYING);
    Ok(Column {
        name: property.name.clone(),
        kind,
        nullable: !property.required,
        identifying: match identifying {
            None => Identifying::No,
            Some(custom) => ours(&custom.value, IDENTIFYING)?,
        },
        description: property.description.clone(),
    })
}

fn check_version(value: &Value, name: &str) -> Result<(), WireError> {
    if value["v"] == CUSTOM_VERSION {
        Ok(())
    } else {
        Err(WireError::wrong(name, format!("of version `v: {CUSTOM_VERSION}`")))
    }
}

fn ours<T: for<'de> Deserialize<'de>>(value: &Value, name: &str) -> Result<T, WireError> {
    T::deserialize(value)
        .map_err(|error| WireError::wrong(name, format!("in its form ({})", excerpt(&error.to_string()))))
}
