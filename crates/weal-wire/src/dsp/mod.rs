//! Dataspace Protocol 2025-1, plain JSON as its schemas define it.
//!
//! Every message of the protocol is a type here that [`crate::parse`] reads and [`crate::print`]
//! writes. `@context` and `@type` are not fields: they are checked on the way in and added on the way
//! out, on every nested node too, because a reader of JSON-LD drops what has no type. Members and
//! contexts that the protocol does not define are ignored, as it asks of plain JSON readers.
//!
//! Specification: Eclipse Dataspace Protocol 2025-1, its JSON Schemas at
//! `https://w3id.org/dspace/2025/1/`.

pub mod catalogue;
pub mod negotiation;
pub mod transfer;
pub mod versions;

use serde_json::{Map, Value, json};
use weal_domain::Mark;

use crate::json::Field;
use crate::{Message, Node, WireError};

/// The JSON-LD context that every message names.
pub const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";
/// The only version of the protocol that this node speaks.
pub const VERSION: &str = "2025-1";

/// Refuses a document that does not say that it speaks this version.
pub(crate) fn check_context(node: &Node<'_>) -> Result<(), WireError> {
    let expected = || node.wrong("@context", format!("an array of strings that contains `{CONTEXT}`"));
    node.value("@context")?;
    let contexts = node.array_if("@context", 1).map_err(|_| expected())?.unwrap_or_default();
    let all_text = contexts.iter().all(Value::is_string);
    if all_text && contexts.iter().any(|context| context == CONTEXT) { Ok(()) } else { Err(expected()) }
}

/// The members that every message begins with.
pub(crate) fn envelope(type_name: &'static str) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("@context".into(), json!([CONTEXT]));
    out.insert("@type".into(), type_name.into());
    out
}

/// The extension member that numbers a sender's messages of one negotiation or transfer.
const TURN_MEMBER: &str = "urn:weal:turn";

/// The longest name of a message that is taken for one, in bytes.
const MESSAGE_ID_BYTES_MAX: usize = 256;

/// A message with its sender's clock (`turn` of a `Notice`), so that a repetition can be told from a new
/// message of the same words. Strangers send none and ignore ours; many give their messages an `@id`.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned<M> {
    pub message: M,
    pub mark: Mark,
}

impl<M: Message> Message for Turned<M> {
    const BYTES_MAX: usize = M::BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let named = || node.value_if("@id").and_then(Value::as_str);
        let mark = match node.value_if(TURN_MEMBER) {
            Some(value) => {
                let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
                Mark::Turn(count.ok_or_else(|| node.wrong(TURN_MEMBER, "a count of at most 32 bits"))?)
            }
            None => match named().filter(|id| !id.is_empty() && id.len() <= MESSAGE_ID_BYTES_MAX) {
                Some(id) => Mark::Id(id.to_owned()),
                None => Mark::Bare,
            },
        };
        Ok(Self { message: M::read(node)?, mark })
    }
    fn to_value(&self) -> Value {
        let mut value = self.message.to_value();
        match &self.mark {
            Mark::Turn(turn) => value[TURN_MEMBER] = (*turn).into(),
            Mark::Id(id) => value["@id"] = id.clone().into(),
            Mark::Bare => {}
        }
        value
    }
}

/// Why something ended or failed, as sentences. None at all is left out of the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasons(pub Vec<String>);

impl Reasons {
    pub fn one(reason: impl Into<String>) -> Self {
        Self(vec![reason.into()])
    }
}

impl Field for Reasons {
    /// The schemas allow anything as a reason. A text with a language is taken without it, anything
    /// else as its JSON; an empty object, which JSON-LD makes of unknown members, says nothing. Only a
    /// CatalogError may give an empty array.
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        let items_min = usize::from(node.text_if("@type")? != Some("CatalogError"));
        let items = node.array_if(name, items_min)?.unwrap_or_default();
        let text = |item: &Value| match item {
            Value::String(text) => Some(text.clone()),
            Value::Object(members) if members.is_empty() => None,
            other => Some(match other.get("@value").and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => other.to_string(),
            }),
        };
        Ok(Self(items.iter().filter_map(text).collect()))
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        if !self.0.is_empty() {
            out.insert(name.into(), self.0.clone().into());
        }
    }
}
