//! Bytes to a JSON value, within limits on size, depth and count, and without repeated members.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{DEPTH_MAX, VALUES_MAX};
use crate::WireError;
use crate::error::excerpt;

pub(crate) fn value(bytes: &[u8], limit_bytes: usize) -> Result<Value, WireError> {
    if bytes.len() > limit_bytes {
        return Err(WireError::TooLarge { size_bytes: bytes.len(), limit_bytes });
    }
    check_depth(bytes)?;
    let left = Cell::new(VALUES_MAX);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let outcome = Seed { left: &left }.deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    outcome.map_err(|error| {
        if left.get() == 0 {
            WireError::TooMany { what: "values", limit: VALUES_MAX }
        } else {
            WireError::Syntax { format: "JSON", problem: excerpt(&error.to_string()) }
        }
    })
}

/// Checks the limits and the form of a document that is then read by its type.
pub(crate) fn check(bytes: &[u8], limit_bytes: usize) -> Result<(), WireError> {
    value(bytes, limit_bytes).map(drop)
}

/// Measures nesting in one pass without recursion. Brackets inside strings do not count.
fn check_depth(bytes: &[u8]) -> Result<(), WireError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(WireError::TooDeep { limit: DEPTH_MAX });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Builds a value and counts it. `serde_json::Value` by itself would keep the last of two equal names.
#[derive(Clone, Copy)]
struct Seed<'l> {
    left: &'l Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get();
        if left == 0 {
            return Err(D::Error::custom("too many values"));
        }
        self.left.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, given: bool) -> Result<Value, E> {
        Ok(Value::Bool(given))
    }
    fn visit_u64<E>(self, given: u64) -> Result<Value, E> {
        Ok(given.into())
    }
    fn visit_i64<E>(self, given: i64) -> Result<Value, E> {
        Ok(given.into())
    }
    fn visit_f64<E>(self, given: f64) -> Result<Value, E> {
        Ok(given.into())
    }
    fn visit_str<E>(self, given: &str) -> Result<Value, E> {
        Ok(given.into())
    }
    fn visit_string<E>(self, given: String) -> Result<Value, E> {
        Ok(given.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{}` stands twice", excerpt(&name))));
            }
            let value = members.next_value_seed(self)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
