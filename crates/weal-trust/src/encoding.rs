//! Bytes as text. Every decoder here is strict: one byte string has exactly one spelling, so that a
//! changed character can never go unseen.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// Text that does not spell bytes in the asked encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid {0}")]
pub struct NotEncoded(pub &'static str);

/// RFC 4648 section 5 without padding, as JOSE uses it.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Refuses padding and non-zero trailing bits.
pub fn from_base64url(text: &str) -> Result<Vec<u8>, NotEncoded> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotEncoded("base64url without padding"))
}

/// RFC 4648 section 4 with padding, as C2SP uses it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Refuses missing padding and non-zero trailing bits.
pub fn from_base64(text: &str) -> Result<Vec<u8>, NotEncoded> {
    STANDARD.decode(text).map_err(|_| NotEncoded("base64 with padding"))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// Thirty-two bytes from 64 lower-case hexadecimal digits.
pub fn bytes32_from_hex(text: &str) -> Result<[u8; 32], NotEncoded> {
    let wrong = NotEncoded("64 lower-case hexadecimal digits");
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(wrong);
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| wrong)?;
    Ok(bytes)
}

/// JSON without spaces and with sorted members: one value has exactly one spelling, whatever order it was
/// read in. (RFC 8785 for everything we write: ASCII member names, integers, strings.)
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort_unstable();
            let member = |name: &&String| {
                let value = canonical_json(&members[name.as_str()]);
                format!("{}:{value}", Value::from(name.as_str()))
            };
            format!("{{{}}}", names.iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical_json).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

/// A decimal number without sign or leading zeroes, as C2SP writes sizes, indices and times.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}
