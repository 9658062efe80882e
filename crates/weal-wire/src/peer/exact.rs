//! A structure together with the text it was sent as.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::WireError;
use crate::error::excerpt;

/// A structure and its exact JSON text, so that both sides take digests of the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact<T> {
    text: String,
    value: T,
}

impl<T: Serialize> Exact<T> {
    /// Writes the structure once; this text is the one that counts from now on.
    pub fn new(value: T) -> Self {
        let text = serde_json::to_string(&value).expect("our own structures have text keys");
        Self { text, value }
    }
}

impl<T: DeserializeOwned> Exact<T> {
    /// Reads a text and keeps it.
    pub fn parse(text: &str, limit_bytes: usize) -> Result<Self, WireError> {
        parse(text.as_bytes(), limit_bytes)
    }
}

impl<T> Exact<T> {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Serialize for Exact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Exact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
        Ok(Self { text: raw.get().to_owned(), value })
    }
}

/// Checks the limits of the whole document first, then reads it by type.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, WireError> {
    crate::json::check(bytes, limit_bytes)?;
    serde_json::from_slice(bytes).map_err(|error| {
        WireError::wrong("the document", format!("in its form ({})", excerpt(&error.to_string())))
    })
}

pub(super) fn print(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("our own structures have text keys and valid texts")
}
