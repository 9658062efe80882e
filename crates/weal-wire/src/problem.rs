//! Problem details (RFC 9457): how refusals and faults look over HTTP.

use serde_json::{Map, Value};
use weal_domain::catalogue::Mode;
use weal_domain::{Refusal, RefusalKind};

use crate::error::excerpt;
use crate::json::Field;
use crate::{Message, Node, WireError};

/// The media type of a problem body.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What the `type` of a refusal begins with; its code follows.
const REFUSAL_PREFIX: &str = "urn:weal:refusal:";
/// The longest code of a refusal that is taken from another node.
const CODE_BYTES_MAX: usize = 64;
/// The longest sentence that is taken from another node, in characters.
const SENTENCE_CHARS_MAX: usize = 2_000;
/// The `type` of a fault.
const FAULT_TYPE: &str = "urn:weal:fault";

/// A problem body: a refusal, or a fault of the other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    Refusal(Refusal),
    /// An incident in the node; only its log knows more. `id` finds the log line.
    Fault {
        id: String,
    },
}

/// The HTTP status of a kind of refusal.
#[must_use]
pub fn status_of(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Invalid => 400,
        RefusalKind::Unauthenticated => 401,
        RefusalKind::Forbidden => 403,
        RefusalKind::NotFound => 404,
        RefusalKind::Conflict => 409,
        RefusalKind::TooLarge => 413,
        RefusalKind::Exhausted => 429,
        RefusalKind::Unavailable => 503,
    }
}

fn kind_of(status: u64) -> RefusalKind {
    match status {
        401 => RefusalKind::Unauthenticated,
        403 => RefusalKind::Forbidden,
        404 | 410 => RefusalKind::NotFound,
        409 => RefusalKind::Conflict,
        413 => RefusalKind::TooLarge,
        429 => RefusalKind::Exhausted,
        500.. => RefusalKind::Unavailable,
        _ => RefusalKind::Invalid,
    }
}

fn title_of(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Invalid => "The request is not valid",
        RefusalKind::Unauthenticated => "Nobody has proved who is asking",
        RefusalKind::Forbidden => "This is not allowed",
        RefusalKind::NotFound => "There is no such thing here",
        RefusalKind::Conflict => "This does not fit the present state",
        RefusalKind::TooLarge => "This is larger than the limit",
        RefusalKind::Exhausted => "A quota or a budget is used up",
        RefusalKind::Unavailable => "This cannot be done right now",
    }
}

/// Kebab case, as all codes are.
fn is_code(given: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !given.is_empty() && given.len() <= CODE_BYTES_MAX && given.bytes().all(letter)
}

/// Another node's sentence as this node may show it.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().take(SENTENCE_CHARS_MAX).map(plain).collect()
}

impl Problem {
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Refusal(refusal) => status_of(refusal.kind),
            Self::Fault { .. } => 500,
        }
    }
}

impl Message for Problem {
    /// Reads what any server may send: a stranger's problem becomes a refusal with the code
    /// `peer-problem`, or with its status alone where it says nothing.
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let text = |name| node.value_if(name).and_then(Value::as_str);
        let kind = text("type").unwrap_or("about:blank");
        let status = node.value_if("status").and_then(Value::as_u64).unwrap_or(400);
        if kind == FAULT_TYPE {
            return Ok(Self::Fault { id: text("instance").map(excerpt).unwrap_or_default() });
        }
        let code = kind.strip_prefix(REFUSAL_PREFIX).filter(|code| is_code(code)).unwrap_or("peer-problem");
        let reason = text("detail").or(text("title")).unwrap_or("The other side gave no reason.");
        Ok(Self::Refusal(Refusal {
            kind: kind_of(status),
            code: code.to_owned(),
            reason: shown(reason),
            remedy: text("remedy").map(shown),
            instead: text("instead").and_then(|mode| mode.parse::<Mode>().ok()),
            changed_by: text("changed_by").map(shown),
        }))
    }

    fn to_value(&self) -> Value {
        let mut out = Map::new();
        out.insert("status".into(), self.status().into());
        match self {
            Self::Refusal(refusal) => {
                out.insert("type".into(), format!("{REFUSAL_PREFIX}{}", refusal.code).into());
                out.insert("title".into(), title_of(refusal.kind).into());
                refusal.reason.write("detail", &mut out);
                refusal.remedy.write("remedy", &mut out);
                refusal.instead.map(|mode| mode.to_string()).write("instead", &mut out);
                refusal.changed_by.write("changed_by", &mut out);
            }
            Self::Fault { id } => {
                out.insert("type".into(), FAULT_TYPE.into());
                out.insert("title".into(), "Something went wrong in this node".into());
                out.insert(
                    "detail".into(),
                    "The node's operator finds more in its log under this id.".into(),
                );
                id.write("instance", &mut out);
            }
        }
        out.into()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}
