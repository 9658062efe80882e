//! Data contracts in the Open Data Contract Standard 3.1.0 (Bitol, Apache-2.0), as YAML or JSON.
//!
//! A contract is made of a product and its offers with [`contract_of`], shown, kept in a repository,
//! edited by hand and read back; [`Contract::described`] says what it means for this node. What the
//! standard has no place for (modes, terms, privacy) stands in `customProperties` whose names begin
//! with `weal`. Parts of the standard that this node does not use are kept as they came.

mod described;
mod made;

pub use described::{Described, DescribedOffer};
pub use made::contract_of;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::WireError;
use crate::error::excerpt;

/// The version of the standard that is written.
pub const API_VERSION: &str = "v3.1.0";
/// The most bytes of a contract.
pub const CONTRACT_BYTES_MAX: usize = 1024 * 1024;
/// The media type of a contract in YAML.
pub const MEDIA_TYPE_YAML: &str = "application/odcs+yaml;version=3.1.0";

/// Members of the standard that are kept but not used here, per object. Others are refused, as its
/// schema does: most of them are slips of the pen.
const UNUSED_IN_CONTRACT: &str =
    "servers dataProduct domain price slaDefaultElement authoritativeDefinitions";
const UNUSED_IN_TABLE: &str = "id physicalName dataGranularityDescription relationships authoritativeDefinitions tags \
    customProperties";
const UNUSED_IN_PROPERTY: &str = "id physicalName businessName authoritativeDefinitions tags partitioned partitionKeyPosition \
    encryptedName transformSourceObjects transformLogic transformDescription examples \
    criticalDataElement relationships items properties";
const UNUSED_IN_SERVICE_LEVEL: &str = "id valueExt element scheduler schedule";
const UNUSED_IN_CUSTOM_PROPERTY: &str = "id description";

/// A data contract. Names are the standard's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    pub api_version: String,
    pub kind: String,
    pub id: String,
    /// The contract's own version; here the product's version with two zeros.
    pub version: String,
    /// `draft`, `active` or `retired` from us; other words from others.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member's short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_created_ts: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The tables; a product of ours has exactly one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema: Vec<Table>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sla_properties: Vec<ServiceLevel>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub support: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_properties: Vec<CustomProperty>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limitations: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A table (the standard's SchemaObject).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<Value>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A column (the standard's SchemaProperty).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub primary_key: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key_position: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_type_options: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_properties: Vec<CustomProperty>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceLevel {
    pub property: String,
    pub value: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What the standard has no place for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomProperty {
    pub property: String,
    pub value: Value,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Contract {
    /// Reads a contract in YAML. Aliases may not unfold it beyond the limits of a plain document.
    pub fn parse_yaml(bytes: &[u8]) -> Result<Self, WireError> {
        Self::of_value(crate::json::yaml_value(bytes, CONTRACT_BYTES_MAX)?)
    }

    pub fn parse_json(bytes: &[u8]) -> Result<Self, WireError> {
        Self::of_value(crate::json::strict_value(bytes, CONTRACT_BYTES_MAX)?)
    }

    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_norway::to_string(self).expect("a contract has text keys only")
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        crate::json::plain(self)
    }

    fn of_value(value: Value) -> Result<Self, WireError> {
        if !value.is_object() {
            return Err(WireError::wrong("the contract", "an object with `kind: DataContract`"));
        }
        for (name, expected) in [("kind", "DataContract"), ("apiVersion", "v3.")] {
            match value.get(name).map(|given| given.as_str().is_some_and(|it| it.starts_with(expected))) {
                None => return Err(WireError::Missing { at: name.into() }),
                Some(true) => {}
                Some(false) if name == "kind" => return Err(WireError::wrong(name, "`DataContract`")),
                Some(false) => return Err(WireError::wrong(name, format!("`{API_VERSION}`"))),
            }
        }
        let contract = Self::deserialize(value.into_deserializer()).map_err(|error: serde_json::Error| {
            WireError::wrong("the contract", format!("as ODCS 3.1 has it ({})", excerpt(&error.to_string())))
        })?;
        contract.check_members()?;
        Ok(contract)
    }

    fn check_members(&self) -> Result<(), WireError> {
        check_rest(&self.rest, UNUSED_IN_CONTRACT, "")?;
        for level in &self.sla_properties {
            check_rest(&level.rest, UNUSED_IN_SERVICE_LEVEL, "slaProperties.")?;
        }
        for custom in &self.custom_properties {
            check_rest(&custom.rest, UNUSED_IN_CUSTOM_PROPERTY, "customProperties.")?;
        }
        for table in &self.schema {
            check_rest(&table.rest, UNUSED_IN_TABLE, "schema.")?;
            for property in &table.properties {
                check_rest(&property.rest, UNUSED_IN_PROPERTY, "schema.properties.")?;
                for custom in &property.custom_properties {
                    check_rest(
                        &custom.rest,
                        UNUSED_IN_CUSTOM_PROPERTY,
                        "schema.properties.customProperties.",
                    )?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn custom(&self, name: &str) -> Option<&Value> {
        self.custom_properties.iter().find(|property| property.property == name).map(|found| &found.value)
    }
}

impl CustomProperty {
    pub(crate) fn new(property: &str, value: impl Into<Value>) -> Self {
        Self { property: property.into(), value: value.into(), rest: Map::new() }
    }
}

fn check_rest(rest: &Map<String, Value>, known: &str, at: &str) -> Result<(), WireError> {
    match rest.keys().find(|name| !known.split(' ').any(|it| it == name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let expected = "a member of ODCS 3.1; what is your own goes into customProperties";
            Err(WireError::wrong(format!("{at}{}", excerpt(unknown)), expected))
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
