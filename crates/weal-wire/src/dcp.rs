//! Decentralized Claims Protocol 1.0, plain JSON as its schemas define it.
//!
//! Its messages say `type` where the Dataspace Protocol says `@type`; some speakers write that, and it is read
//! too. Unknown members and foreign contexts are tolerated. Credentials and presentations pass through here as
//! the texts they are: verifying them is not done here.
//!
//! Specification: Eclipse Decentralized Claims Protocol 1.0, sections 5 and 6, its JSON Schemas at
//! `https://w3id.org/dspace-dcp/v1.0/`.

use serde_json::{Map, Value, json};

use crate::json::{Field, words};
use crate::{Message, Node, WireError};

/// The JSON-LD context that every message names.
pub const CONTEXT: &str = "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld";
/// What the names of its messages and their members begin with, where they are written in full.
const NAMESPACE: &str = "https://w3id.org/dspace-dcp/v1.0/";
/// The types of the entries in a DID document.
pub const CREDENTIAL_SERVICE: &str = "CredentialService";
pub const ISSUER_SERVICE: &str = "IssuerService";
/// The largest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The most scopes, credentials or presentations in one message.
pub const ITEMS_MAX: usize = 64;
/// The longest name, scope, id or address, in bytes.
pub const TEXT_BYTES_MAX: usize = 2048;

/// Scopes that every credential service knows (section 5.4.1.2).
const SCOPE_TYPE: &str = "org.eclipse.dspace.dcp.vc.type:";
const SCOPE_ID: &str = "org.eclipse.dspace.dcp.vc.id:";
/// What many speakers write behind a scope.
const READ: &str = ":read";

/// What a verifier asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Credentials of this kind.
    Kind(String),
    /// The credential with this id.
    Id(String),
}

impl Scope {
    /// Reads a scope; one of another alias is `None`, and nobody is entitled to what it may mean.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let bare = |rest: &str| {
            let bare = rest.strip_suffix(READ).unwrap_or(rest);
            (!bare.is_empty()).then(|| bare.to_owned())
        };
        match text.strip_prefix(SCOPE_TYPE) {
            Some(kind) => bare(kind).map(Self::Kind),
            None => text.strip_prefix(SCOPE_ID).and_then(bare).map(Self::Id),
        }
    }
}

/// With `:read` at its end, which those without need not mind and some insist on.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "{SCOPE_TYPE}{kind}{READ}"),
            Self::Id(id) => write!(f, "{SCOPE_ID}{id}{READ}"),
        }
    }
}

words! {
    /// Where the issuance of credentials stands (section 6.8).
    RequestStatus {
        Received = "RECEIVED",
        Rejected = "REJECTED",
        Issued = "ISSUED",
    }
}

words! {
    /// What a CredentialMessage brings (section 6.5).
    MessageStatus {
        Issued = "ISSUED",
        Rejected = "REJECTED",
    }
}

/// What a PresentationQueryMessage asks by: exactly one of the two may stand in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// At least one scope, as they were written.
    Scopes(Vec<String>),
    /// A definition of Presentation Exchange. It is not evaluated: the answer is 501.
    Definition(Value),
}

/// A verifier asks a holder's credential service for presentations.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentationQueryMessage {
    pub query: Query,
}

/// Presentations: texts of signed tokens. Those in other forms are JSON and kept as they came.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentationResponseMessage {
    pub presentation: Vec<Value>,
}

/// A holder asks an issuer for credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRequestMessage {
    /// The holder's own name for the request.
    pub holder_pid: String,
    /// Ids of objects that the issuer supports.
    pub credentials: Vec<String>,
}

/// Where a request stands. Its `type` is `CredentialStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRequestStatus {
    pub issuer_pid: String,
    pub holder_pid: String,
    pub status: RequestStatus,
}

/// One credential on its way to its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialContainer {
    pub credential_type: String,
    /// How the payload is to be read. The specification names no list of names.
    pub format: String,
    /// The signed credential.
    pub payload: String,
}

/// An issuer writes credentials into a holder's credential service, or says why it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialMessage {
    pub issuer_pid: String,
    /// The schema lets it be absent; nothing can be made of a message without it.
    pub holder_pid: String,
    pub status: MessageStatus,
    pub credentials: Vec<CredentialContainer>,
    pub rejection_reason: Option<String>,
}

/// A credential that an issuer can issue. Those in offers may be an `id` and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialObject {
    pub id: String,
    pub credential_type: Option<String>,
    pub credential_schema: Option<String>,
    pub offer_reason: Option<String>,
    pub binding_methods: Vec<String>,
    pub profile: Option<String>,
    /// A definition of Presentation Exchange, kept as it came.
    pub issuance_policy: Option<Value>,
}

/// An issuer says that credentials can be had.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialOfferMessage {
    /// The issuer's DID.
    pub issuer: String,
    pub credentials: Vec<CredentialObject>,
}

/// What an issuer issues.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerMetadata {
    /// The issuer's DID.
    pub issuer: String,
    pub credentials_supported: Vec<CredentialObject>,
}

// --- Reading and writing -------------------------------------------------------------------------

/// Refuses a document that does not name this protocol among its contexts, or is of another type.
fn check_envelope(node: &Node<'_>, type_name: &'static str) -> Result<(), WireError> {
    let names = |context: &Value| context == CONTEXT;
    let known = match node.value("@context")? {
        Value::Array(contexts) => contexts.iter().any(names),
        single => names(single),
    };
    if !known {
        return Err(node.wrong("@context", format!("an array that contains `{CONTEXT}`")));
    }
    let name = if node.has("type") { "type" } else { "@type" };
    if node.text(name).map_err(|_| WireError::Missing { at: node.path("type") })? == type_name {
        return Ok(());
    }
    Err(node.wrong("type", format!("`{type_name}`")))
}

fn envelope(type_name: &'static str) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("@context".into(), json!([CONTEXT]));
    out.insert("type".into(), type_name.into());
    out
}

/// A text of 1 to [`TEXT_BYTES_MAX`] bytes without control characters.
fn short(node: &Node<'_>, name: &'static str) -> Result<String, WireError> {
    let text = node.text(name)?;
    if !text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(node.wrong(name, format!("1 to {TEXT_BYTES_MAX} bytes without control characters")))
}

/// The same where it may be absent or `null`.
fn short_if(node: &Node<'_>, name: &'static str) -> Result<Option<String>, WireError> {
    match node.value_if(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => short(node, name).map(Some),
    }
}

/// An array of at most [`ITEMS_MAX`] items.
fn items<'v>(node: &Node<'v>, name: &'static str, items_min: usize) -> Result<&'v [Value], WireError> {
    let items = node.array_if(name, items_min)?.ok_or_else(|| WireError::Missing { at: node.path(name) })?;
    if items.len() > ITEMS_MAX {
        return Err(WireError::TooMany { what: name, limit: ITEMS_MAX });
    }
    Ok(items)
}

fn texts(node: &Node<'_>, name: &'static str, items_min: usize) -> Result<Vec<String>, WireError> {
    let text = |item: &Value| item.as_str().filter(|text| text.len() <= TEXT_BYTES_MAX).map(str::to_owned);
    let all: Option<Vec<String>> = items(node, name, items_min)?.iter().map(text).collect();
    all.ok_or_else(|| node.wrong(name, format!("an array of strings of at most {TEXT_BYTES_MAX} bytes")))
}

/// Each item of an array as an object with a path of its own.
fn objects<T>(
    node: &Node<'_>,
    name: &'static str,
    items_min: usize,
    read: impl Fn(&Node<'_>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let each = items(node, name, items_min)?.iter().enumerate();
    each.map(|(index, item)| read(&Node::of(item, format!("{}[{index}]", node.path(name)))?)).collect()
}

fn put_if(out: &mut Map<String, Value>, name: &str, text: Option<&String>) {
    if let Some(text) = text {
        out.insert(name.into(), text.clone().into());
    }
}

impl Message for PresentationQueryMessage {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "PresentationQueryMessage")?;
        let query = match (node.has("scope"), node.has("presentationDefinition")) {
            (true, true) => {
                return Err(node.wrong("scope", "alone; leave out it or `presentationDefinition`"));
            }
            (true, false) => Query::Scopes(texts(node, "scope", 1)?),
            (false, true) => match node.value("presentationDefinition")? {
                Value::Object(members) if !members.is_empty() => Query::Definition(members.clone().into()),
                _ => return Err(node.wrong("presentationDefinition", "an object that is not empty")),
            },
            (false, false) => return Err(WireError::Missing { at: node.path("scope") }),
        };
        Ok(Self { query })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("PresentationQueryMessage");
        match &self.query {
            Query::Scopes(scopes) => out.insert("scope".into(), scopes.clone().into()),
            Query::Definition(definition) => out.insert("presentationDefinition".into(), definition.clone()),
        };
        out.into()
    }
}

impl Message for PresentationResponseMessage {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "PresentationResponseMessage")?;
        let presentation = items(node, "presentation", 0)?;
        if !presentation.iter().all(|item| item.is_string() || item.is_object()) {
            return Err(node.wrong("presentation", "an array of strings and objects"));
        }
        Ok(Self { presentation: presentation.to_vec() })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("PresentationResponseMessage");
        out.insert("presentation".into(), self.presentation.clone().into());
        out.into()
    }
}

/// A message in the form that JSON-LD calls expanded, without a context and with all names in full, in the form of the
/// schemas. Eclipse IdentityHub (0.15) sends its requests for credentials so.
fn compacted(node: &Node<'_>, type_name: &str, members: &[&str]) -> Option<Value> {
    let full = |name: &str| format!("{NAMESPACE}{name}");
    if node.has("@context") || node.text("@type").ok()? != full(type_name) {
        return None;
    }
    let mut out = Map::new();
    out.insert("@context".into(), json!([CONTEXT]));
    out.insert("type".into(), type_name.into());
    for name in members {
        let value = node.value_if(&full(name)).map(unwrapped);
        out.extend(value.map(|value| ((*name).to_owned(), value.clone())));
    }
    Some(out.into())
}

/// What an expanded value stands for: the identifier or the literal inside.
fn unwrapped(value: &Value) -> &Value {
    let inner = match value {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    };
    inner.get("@value").or_else(|| inner.get("@id")).unwrap_or(value)
}

impl Message for CredentialRequestMessage {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        if let Some(same) = compacted(node, "CredentialRequestMessage", &["holderPid", "credentials"]) {
            return Self::read(&Node::root(&same)?);
        }
        check_envelope(node, "CredentialRequestMessage")?;
        Ok(Self {
            holder_pid: short(node, "holderPid")?,
            credentials: objects(node, "credentials", 1, |node| short(node, "id"))?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("CredentialRequestMessage");
        out.insert("holderPid".into(), self.holder_pid.clone().into());
        let ids = self.credentials.iter().map(|id| json!({ "id": id }));
        out.insert("credentials".into(), ids.collect());
        out.into()
    }
}

impl Message for CredentialRequestStatus {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "CredentialStatus")?;
        Ok(Self {
            issuer_pid: short(node, "issuerPid")?,
            holder_pid: short(node, "holderPid")?,
            status: RequestStatus::read(node, "status")?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("CredentialStatus");
        out.insert("issuerPid".into(), self.issuer_pid.clone().into());
        out.insert("holderPid".into(), self.holder_pid.clone().into());
        self.status.write("status", &mut out);
        out.into()
    }
}

impl CredentialContainer {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        Ok(Self {
            credential_type: short(node, "credentialType")?,
            format: short(node, "format")?,
            payload: node.text("payload")?.to_owned(),
        })
    }
}

impl Message for CredentialMessage {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "CredentialMessage")?;
        let status = MessageStatus::read(node, "status")?;
        let credentials = match node.value_if("credentials") {
            None | Some(Value::Null) => Vec::new(),
            Some(_) => objects(node, "credentials", 0, CredentialContainer::read)?,
        };
        if status == MessageStatus::Issued && credentials.is_empty() {
            return Err(WireError::Missing { at: node.path("credentials") });
        }
        Ok(Self {
            issuer_pid: short(node, "issuerPid")?,
            holder_pid: short(node, "holderPid")?,
            status,
            credentials,
            rejection_reason: short_if(node, "rejectionReason")?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("CredentialMessage");
        out.insert("issuerPid".into(), self.issuer_pid.clone().into());
        out.insert("holderPid".into(), self.holder_pid.clone().into());
        self.status.write("status", &mut out);
        if !self.credentials.is_empty() {
            let container = |one: &CredentialContainer| {
                json!({
                    "credentialType": one.credential_type,
                    "format": one.format,
                    "payload": one.payload,
                })
            };
            out.insert("credentials".into(), self.credentials.iter().map(container).collect());
        }
        put_if(&mut out, "rejectionReason", self.rejection_reason.as_ref());
        out.into()
    }
}

impl CredentialObject {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let kind = node.text_if("type")?.or(node.text_if("@type")?);
        if kind.is_some_and(|kind| kind != "CredentialObject") {
            return Err(node.wrong("type", "`CredentialObject`"));
        }
        Ok(Self {
            id: short(node, "id")?,
            credential_type: short_if(node, "credentialType")?,
            credential_schema: short_if(node, "credentialSchema")?,
            offer_reason: short_if(node, "offerReason")?,
            binding_methods: match node.value_if("bindingMethods") {
                None | Some(Value::Null) => Vec::new(),
                Some(_) => texts(node, "bindingMethods", 0)?,
            },
            profile: short_if(node, "profile")?,
            issuance_policy: node.value_if("issuancePolicy").filter(|policy| !policy.is_null()).cloned(),
        })
    }

    fn to_node(&self) -> Value {
        let mut out = Map::new();
        out.insert("type".into(), "CredentialObject".into());
        out.insert("id".into(), self.id.clone().into());
        put_if(&mut out, "credentialType", self.credential_type.as_ref());
        put_if(&mut out, "credentialSchema", self.credential_schema.as_ref());
        put_if(&mut out, "offerReason", self.offer_reason.as_ref());
        if !self.binding_methods.is_empty() {
            out.insert("bindingMethods".into(), self.binding_methods.clone().into());
        }
        put_if(&mut out, "profile", self.profile.as_ref());
        if let Some(policy) = &self.issuance_policy {
            out.insert("issuancePolicy".into(), policy.clone());
        }
        out.into()
    }
}

impl Message for CredentialOfferMessage {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "CredentialOfferMessage")?;
        Ok(Self {
            issuer: short(node, "issuer")?,
            credentials: objects(node, "credentials", 1, CredentialObject::read)?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("CredentialOfferMessage");
        out.insert("issuer".into(), self.issuer.clone().into());
        out.insert("credentials".into(), self.credentials.iter().map(CredentialObject::to_node).collect());
        out.into()
    }
}

impl Message for IssuerMetadata {
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_envelope(node, "IssuerMetadata")?;
        Ok(Self {
            issuer: short(node, "issuer")?,
            credentials_supported: objects(node, "credentialsSupported", 0, CredentialObject::read)?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("IssuerMetadata");
        out.insert("issuer".into(), self.issuer.clone().into());
        let supported = self.credentials_supported.iter().map(CredentialObject::to_node);
        out.insert("credentialsSupported".into(), supported.collect());
        out.into()
    }
}
