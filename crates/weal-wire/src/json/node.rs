//! A place in a document, for reading members with errors that name where they are.

use serde_json::{Map, Value};

use crate::WireError;
use crate::error::excerpt;

/// A JSON object and the path that leads to it.
#[derive(Debug)]
pub struct Node<'v> {
    at: String,
    members: &'v Map<String, Value>,
}

impl<'v> Node<'v> {
    pub(crate) fn root(value: &'v Value) -> Result<Self, WireError> {
        Self::of(value, String::new())
    }

    pub(crate) fn of(value: &'v Value, at: String) -> Result<Self, WireError> {
        match value {
            Value::Object(members) => Ok(Self { at, members }),
            _ => Err(WireError::wrong(if at.is_empty() { "the document".into() } else { at }, "an object")),
        }
    }

    /// The path of a member: `offer.permission`.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn value_if(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name)
    }

    pub(crate) fn value(&self, name: &str) -> Result<&'v Value, WireError> {
        self.value_if(name).ok_or_else(|| WireError::Missing { at: self.path(name) })
    }

    pub(crate) fn text_if(&self, name: &str) -> Result<Option<&'v str>, WireError> {
        match self.value_if(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'v str, WireError> {
        self.text_if(name)?.ok_or_else(|| WireError::Missing { at: self.path(name) })
    }

    /// A member that must be an array of at least `items_min` values, where it is there at all.
    pub(crate) fn array_if(&self, name: &str, items_min: usize) -> Result<Option<&'v [Value]>, WireError> {
        match self.value_if(name) {
            None => Ok(None),
            Some(Value::Array(items)) if items.len() >= items_min => Ok(Some(items)),
            Some(_) if items_min == 0 => Err(self.wrong(name, "an array")),
            Some(_) => Err(self.wrong(name, "an array of at least one item; leave it out where it has none")),
        }
    }

    /// A member that must name the type of this node, where it is there at all.
    pub(crate) fn check_type_if(&self, expected: &'static str) -> Result<(), WireError> {
        match self.text_if("@type")? {
            Some(given) if given != expected => Err(self.wrong("@type", format!("`{expected}`"))),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_type(&self, expected: &'static str) -> Result<(), WireError> {
        self.value("@type")?;
        self.check_type_if(expected)
    }

    pub(crate) fn wrong(&self, name: &str, expected: impl Into<String>) -> WireError {
        WireError::wrong(self.path(name), expected)
    }

    /// Reads the whole object through serde, for messages of our own.
    pub(crate) fn whole<T: serde::de::DeserializeOwned>(&self) -> Result<T, WireError> {
        T::deserialize(self.members).map_err(|error| {
            WireError::wrong("the document", format!("in its form ({})", excerpt(&error.to_string())))
        })
    }

    /// Reads a member through serde, for structures of our own inside foreign documents.
    pub(crate) fn ours<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, WireError> {
        let value = self.value(name)?;
        T::deserialize(value)
            .map_err(|error| self.wrong(name, format!("in its form ({})", excerpt(&error.to_string()))))
    }
}
