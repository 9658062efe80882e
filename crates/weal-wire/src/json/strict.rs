//! Bytes to a JSON value, within limits on size, depth and count, and without repeated members.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{DEPTH_MAX, VALUES_MAX};
use crate::WireError;
use crate::error::excerpt;

/// Reads JSON.
pub(crate) fn value(bytes: &[u8], limit_bytes: usize) -> Result<Value, WireError> {
    check_size(bytes, limit_bytes)?;
    check_depth(bytes)?;
    let left = Left::within(limit_bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let outcome = Seed { left: &left, depth: 0 }.deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    outcome.map_err(|error| left.error("JSON", &error.to_string()))
}

/// Reads YAML of the kind that could be JSON. Aliases count as what they unfold to.
pub(crate) fn yaml_value(bytes: &[u8], limit_bytes: usize) -> Result<Value, WireError> {
    check_size(bytes, limit_bytes)?;
    let left = Left::within(limit_bytes);
    let reader = serde_norway::Deserializer::from_slice(bytes);
    Seed { left: &left, depth: 0 }.deserialize(reader).map_err(|error| left.error("YAML", &error.to_string()))
}

/// Checks the limits and the form of a document that is then read by its type.
pub(crate) fn check(bytes: &[u8], limit_bytes: usize) -> Result<(), WireError> {
    value(bytes, limit_bytes).map(drop)
}

fn check_size(bytes: &[u8], limit_bytes: usize) -> Result<(), WireError> {
    let size_bytes = bytes.len();
    if size_bytes > limit_bytes { Err(WireError::TooLarge { size_bytes, limit_bytes }) } else { Ok(()) }
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

/// How much of a document may still come.
#[derive(Debug)]
struct Left {
    values: Cell<usize>,
    text_bytes: Cell<usize>,
    limit_bytes: usize,
    over: Cell<Option<Over>>,
}

#[derive(Debug, Clone, Copy)]
enum Over {
    Values,
    Text,
    Depth,
}

impl Left {
    fn within(limit_bytes: usize) -> Self {
        let (values, text_bytes) = (Cell::new(VALUES_MAX), Cell::new(limit_bytes));
        Self { values, text_bytes, limit_bytes, over: Cell::new(None) }
    }

    fn take<E: Error>(&self, from: &Cell<usize>, count: usize, over: Over) -> Result<(), E> {
        match from.get().checked_sub(count) {
            Some(left) => {
                from.set(left);
                Ok(())
            }
            None => Err(self.stop(over)),
        }
    }

    fn stop<E: Error>(&self, over: Over) -> E {
        self.over.set(Some(over));
        E::custom("over the limit")
    }

    fn error(&self, format: &'static str, problem: &str) -> WireError {
        match self.over.get() {
            Some(Over::Values) => WireError::TooMany { what: "values", limit: VALUES_MAX },
            Some(Over::Text) => WireError::TooMany { what: "bytes of text", limit: self.limit_bytes },
            Some(Over::Depth) => WireError::TooDeep { limit: DEPTH_MAX },
            None => WireError::Syntax { format, problem: excerpt(problem) },
        }
    }
}

/// Builds a value and counts it. `serde_json::Value` by itself would keep the last of two equal names.
#[derive(Clone, Copy)]
struct Seed<'l> {
    left: &'l Left,
    depth: usize,
}

impl Seed<'_> {
    fn text<E: Error>(self, given: &str) -> Result<(), E> {
        self.left.take(&self.left.text_bytes, given.len(), Over::Text)
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.left.stop(Over::Depth));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.left.take(&self.left.values, 1, Over::Values)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
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
    fn visit_str<E: Error>(self, given: &str) -> Result<Value, E> {
        self.text(given)?;
        Ok(given.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.text(&name)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{}` stands twice", excerpt(&name))));
            }
            let value = members.next_value_seed(inside)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
