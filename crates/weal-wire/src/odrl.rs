//! ODRL 2.2, the subset that the Dataspace Protocol models (`negotiation/contract-schema.json`).
//!
//! Inside the house terms are absolute IRIs, so that `use`, `odrl:use` and
//! `http://www.w3.org/ns/odrl/2/use` are one action. On the way out the terms that the protocol's
//! context defines are short again and all others stay absolute, because a short name outside the
//! context would mean nothing to a reader of JSON-LD.

mod policy;

use serde_json::{Map, Value};
use weal_domain::Timestamp;
use weal_domain::agreements::Policy;
use weal_domain::catalogue::Terms;

use crate::json::{Field, Object};
use crate::{Node, WireError};

/// The namespace of ODRL.
pub const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
/// The member of an offer or an agreement that carries our full terms; strangers leave it out.
pub const TERMS_MEMBER: &str = "urn:weal:terms";
/// The version of the terms that is written.
const TERMS_VERSION: u64 = 1;

/// An offer in a catalogue. It has no target: the dataset around it is the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub id: String,
    pub profiles: Vec<String>,
    pub policy: Policy,
    pub terms: Option<Terms>,
}

/// An offer in a message of a negotiation. Its target is the dataset's id.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageOffer {
    pub id: String,
    pub target: String,
    pub profiles: Vec<String>,
    pub policy: Policy,
    pub terms: Option<Terms>,
}

/// The agreement that a provider sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    pub id: String,
    pub target: String,
    /// The provider.
    pub assigner: String,
    /// The consumer.
    pub assignee: String,
    /// When it was agreed; the specification's prose requires it, its schema does not.
    pub timestamp: Option<DateTime>,
    pub profiles: Vec<String>,
    pub policy: Policy,
    pub terms: Option<Terms>,
}

impl Object for Offer {
    fn read_node(node: &Node<'_>) -> Result<Self, WireError> {
        node.check_type_if("Offer")?;
        if node.has("target") {
            return Err(
                node.wrong("target", "absent in a catalogue; the dataset around the offer is the target")
            );
        }
        Ok(Self {
            id: Field::read(node, "@id")?,
            profiles: read_profiles(node)?,
            policy: policy::read(node)?,
            terms: read_terms(node)?,
        })
    }
    fn to_node(&self) -> Map<String, Value> {
        let mut out = begin("Offer", &self.id, &self.profiles);
        policy::write(&self.policy, &mut out);
        put_terms(self.terms.as_ref(), &mut out);
        out
    }
}

impl Object for MessageOffer {
    fn read_node(node: &Node<'_>) -> Result<Self, WireError> {
        node.check_type("Offer")?;
        Ok(Self {
            id: Field::read(node, "@id")?,
            target: Field::read(node, "target")?,
            profiles: read_profiles(node)?,
            policy: policy::read(node)?,
            terms: read_terms(node)?,
        })
    }
    fn to_node(&self) -> Map<String, Value> {
        let mut out = begin("Offer", &self.id, &self.profiles);
        self.target.write("target", &mut out);
        policy::write(&self.policy, &mut out);
        put_terms(self.terms.as_ref(), &mut out);
        out
    }
}

impl Object for Agreement {
    fn read_node(node: &Node<'_>) -> Result<Self, WireError> {
        node.check_type("Agreement")?;
        let timestamp = match node.text_if("timestamp")? {
            None => None,
            Some(text) => Some(DateTime::new(text).ok_or_else(|| {
                node.wrong("timestamp", "an xsd:dateTime, for example `2026-01-31T09:30:00Z`")
            })?),
        };
        Ok(Self {
            id: Field::read(node, "@id")?,
            target: Field::read(node, "target")?,
            assigner: Field::read(node, "assigner")?,
            assignee: Field::read(node, "assignee")?,
            timestamp,
            profiles: read_profiles(node)?,
            policy: policy::read(node)?,
            terms: read_terms(node)?,
        })
    }
    fn to_node(&self) -> Map<String, Value> {
        let mut out = begin("Agreement", &self.id, &self.profiles);
        self.target.write("target", &mut out);
        self.assigner.write("assigner", &mut out);
        self.assignee.write("assignee", &mut out);
        if let Some(timestamp) = &self.timestamp {
            out.insert("timestamp".into(), timestamp.0.clone().into());
        }
        policy::write(&self.policy, &mut out);
        put_terms(self.terms.as_ref(), &mut out);
        out
    }
}

impl MessageOffer {
    /// The offer of a catalogue, made ready for a message about `dataset`.
    #[must_use]
    pub fn of(offer: Offer, dataset: impl Into<String>) -> Self {
        let Offer { id, profiles, policy, terms } = offer;
        Self { id, target: dataset.into(), profiles, policy, terms }
    }
}

/// An xsd:dateTime, kept as it was written: it may have any offset, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime(String);

impl DateTime {
    /// The text, if it has the form that the protocol's schema asks for and is a date of the years 0 to
    /// 9999. Where the schema's pattern is satisfied by a part of the text, this is not.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let given = Self(text.to_owned());
        (has_form(text) && given.timestamp().is_some()).then_some(given)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant; a text without an offset is taken as UTC.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.parse().or_else(|_| format!("{}Z", self.0).parse()).ok()
    }
}

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        Self(instant.to_string())
    }
}

/// `2026-01-31T09:30:00`, perhaps with a fraction, perhaps with `Z` or an offset of at most 14 hours.
fn has_form(text: &str) -> bool {
    let fits = |text: &str, form: &str| {
        let digit =
            |(given, wanted): (u8, u8)| if wanted == b'0' { given.is_ascii_digit() } else { given == wanted };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(digit)
    };
    let Some((moment, rest)) = text.split_at_checked(19) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let offset = |zone: &str| fits(zone, "+00:00") || fits(zone, "-00:00");
    fits(moment, "0000-00-00T00:00:00")
        && &moment[17..] < "60"
        && (zone.is_empty() || zone == "Z" || (offset(zone) && &zone[1..] <= "14:00"))
}

macro_rules! required_node {
    ($($name:ty),*) => {$(
        impl Field for $name {
            fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
                Self::read_node(&Node::of(node.value(name)?, node.path(name))?)
            }
            fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
                out.insert(name.into(), self.to_node().into());
            }
        }
    )*};
}
required_node!(MessageOffer, Agreement);

fn begin(type_name: &str, id: &str, profiles: &[String]) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("@id".into(), id.into());
    out.insert("@type".into(), type_name.into());
    match profiles {
        [] => {}
        [one] => _ = out.insert("profile".into(), one.clone().into()),
        several => _ = out.insert("profile".into(), several.to_vec().into()),
    }
    out
}

fn read_profiles(node: &Node<'_>) -> Result<Vec<String>, WireError> {
    let expected = || node.wrong("profile", "a string or an array of strings");
    match node.value_if("profile") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) => {
            let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(expected);
            several.iter().map(text).collect()
        }
        Some(_) => Err(expected()),
    }
}

/// Terms of a later version than this node knows are as good as none: the policy binds by itself.
fn read_terms(node: &Node<'_>) -> Result<Option<Terms>, WireError> {
    terms_in(node, TERMS_MEMBER)
}

fn put_terms(terms: Option<&Terms>, out: &mut Map<String, Value>) {
    if let Some(terms) = terms {
        out.insert(TERMS_MEMBER.into(), write_terms(terms));
    }
}

/// The terms in a member, of the version that this node knows.
pub(crate) fn terms_in(node: &Node<'_>, name: &str) -> Result<Option<Terms>, WireError> {
    match node.value_if(name) {
        Some(value) if value["v"] == TERMS_VERSION => node.ours(name).map(Some),
        _ => Ok(None),
    }
}

pub(crate) fn write_terms(terms: &Terms) -> Value {
    crate::json::versioned(TERMS_VERSION, terms)
}
