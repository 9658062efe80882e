//! DID documents of `did:web`: where a member publishes the keys that speak for it.
//!
//! Sources: DID Core 1.0, the did:web method, JsonWebKey2020 (JWS 2020 suite) and JsonWebKey (CID 1.0).

use serde_json::{Map, Value, json};

use super::keys::{PublicKey, VerifyingKey};

/// The largest document that is read, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// The most verification methods, services or references that are read from one document.
pub const KEYS_MAX: usize = 32;
/// The longest DID, key id or service id, in bytes.
pub const ID_BYTES_MAX: usize = 512;

const CONTEXT: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"];
/// Names the kinds of services of the Decentralized Claims Protocol.
const CONTEXT_DCP: &str = "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    #[error("the DID document is larger than 65536 bytes")]
    TooLarge,
    #[error("the DID document lists more than 32 {0}")]
    TooMany(&'static str),
    #[error("the DID document is not JSON")]
    NotJson,
    #[error("the DID document has no usable `{0}`")]
    Missing(&'static str),
    #[error("the DID document is that of another member than asked for")]
    WrongId,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purposes {
    /// To say who is speaking (node tokens, the ledger's checkpoints).
    pub authentication: bool,
    /// To make statements that outlive the moment (credentials, signed registers).
    pub assertion: bool,
    /// To act for the member: what self-issued tokens of the Decentralized Claims Protocol are signed for.
    pub invocation: bool,
}

impl Purposes {
    pub const ALL: Self = Self { authentication: true, assertion: true, invocation: true };
    const NONE: Self = Self { authentication: false, assertion: false, invocation: false };
}

/// A published key. `id` is absolute: `<did>#<fragment>`, the `kid` of signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidKey {
    pub id: String,
    pub key: VerifyingKey,
    pub purposes: Purposes,
}

/// An endpoint that the member publishes, for example its Dataspace Protocol address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    pub kind: String,
    pub endpoint: String,
}

/// Several keys may stand side by side while one replaces another.
#[derive(Debug, Clone)]
pub struct DidDocument {
    pub id: String,
    pub keys: Vec<DidKey>,
    pub services: Vec<Service>,
    /// Verification methods in the document, those that nobody here can use too.
    methods: usize,
}

/// Two documents are the same where they say the same, whatever else stands in them that nobody here reads.
impl PartialEq for DidDocument {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.keys, &self.services) == (&other.id, &other.keys, &other.services)
    }
}

impl Eq for DidDocument {}

impl DidDocument {
    /// A document whose keys all serve every purpose. `fragments` are like `key-1`.
    #[must_use]
    pub fn new(did: &str, fragments: &[(&str, PublicKey)], services: Vec<Service>) -> Self {
        let keys = fragments.iter().map(|(fragment, key)| (*fragment, VerifyingKey::from(*key)));
        Self::of_keys(did, keys, services)
    }

    /// The same for keys of either kind.
    #[must_use]
    pub fn of_keys<'f>(
        did: &str,
        keys: impl Iterator<Item = (&'f str, VerifyingKey)>,
        services: Vec<Service>,
    ) -> Self {
        let publish = |(fragment, key): (&str, VerifyingKey)| DidKey {
            id: format!("{did}#{fragment}"),
            key,
            purposes: Purposes::ALL,
        };
        let keys: Vec<DidKey> = keys.map(publish).collect();
        Self { id: did.to_owned(), methods: keys.len(), keys, services }
    }

    /// The key of a signature that names none: there is one only where the document has a single method.
    #[must_use]
    pub fn sole_key(&self) -> Option<&DidKey> {
        self.keys.first().filter(|_| self.methods == 1)
    }

    /// Where the first service of a kind is, as the document says.
    #[must_use]
    pub fn endpoint(&self, kind: &str) -> Option<&str> {
        self.services.iter().find(|service| service.kind == kind).map(|service| service.endpoint.as_str())
    }

    /// The key that `kid` names, whatever its purposes.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<&DidKey> {
        self.keys.iter().find(|key| key.id == kid)
    }

    /// The document as it is published.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let method = |key: &DidKey| {
            json!({
                "id": key.id,
                "type": "JsonWebKey2020",
                "controller": self.id,
                "publicKeyJwk": key.key.to_jwk(),
            })
        };
        let service = |s: &Service| json!({ "id": s.id, "type": s.kind, "serviceEndpoint": s.endpoint });
        let named = |wanted: fn(&Purposes) -> bool| -> Vec<&str> {
            self.keys.iter().filter(|key| wanted(&key.purposes)).map(|key| key.id.as_str()).collect()
        };
        let mut document = json!({
            "@context": CONTEXT,
            "id": self.id,
            "verificationMethod": self.keys.iter().map(method).collect::<Vec<_>>(),
            "authentication": named(|p| p.authentication),
            "assertionMethod": named(|p| p.assertion),
        });
        let invocation = named(|p| p.invocation);
        // Documents of earlier versions name no invocation and print as they were: exports keep them exactly.
        if !invocation.is_empty() {
            document["@context"] = json!([CONTEXT[0], CONTEXT[1], CONTEXT_DCP]);
            document["capabilityInvocation"] = invocation.into();
        }
        // Keys that were for none of these must not look as if nothing had been said of them.
        if self.keys.iter().all(|key| key.purposes == Purposes::NONE) && !self.keys.is_empty() {
            document["keyAgreement"] = self.keys.iter().map(|key| key.id.as_str()).collect();
        }
        if !self.services.is_empty() {
            document["service"] = self.services.iter().map(service).collect();
        }
        document
    }

    /// Reads the document of `did`, refusing anyone else's.
    pub fn parse_of(did: &str, bytes: &[u8]) -> Result<Self, DidError> {
        let document = Self::parse(bytes)?;
        if document.id == did { Ok(document) } else { Err(DidError::WrongId) }
    }

    /// Reads a document, tolerantly: methods of other kinds, of other controllers or with unusable keys
    /// are passed over, since a stranger may publish more than we understand. A document without any
    /// usable key is still a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DidError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(DidError::TooLarge);
        }
        let document: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| DidError::NotJson)?;
        let id = document.get("id").and_then(Value::as_str).ok_or(DidError::Missing("id"))?;
        if !id.starts_with("did:") || !is_id(id) {
            return Err(DidError::Missing("id"));
        }
        let authentication = references(&document, "authentication", id)?;
        let assertion = references(&document, "assertionMethod", id)?;
        let invocation = references(&document, "capabilityInvocation", id)?;
        let silent = says_nothing_of_purposes(&document)?;
        let mut keys: Vec<DidKey> = Vec::new();
        let methods = list(&document, "verificationMethod")?;
        let embedded = authentication.embedded().chain(assertion.embedded()).chain(invocation.embedded());
        for method in methods.iter().chain(embedded) {
            let Some((kid, key)) = usable_method(method, id) else { continue };
            if keys.len() == KEYS_MAX {
                return Err(DidError::TooMany("keys"));
            }
            // The first of two methods with one id stands: a later one cannot take its place.
            if keys.iter().all(|known| known.id != kid) {
                let named = Purposes {
                    authentication: authentication.names(&kid),
                    assertion: assertion.names(&kid),
                    invocation: invocation.names(&kid),
                };
                let purposes = if silent { Purposes::ALL } else { named };
                keys.push(DidKey { id: kid, key, purposes });
            }
        }
        let services = list(&document, "service")?.iter().filter_map(|s| usable_service(s, id)).collect();
        Ok(Self { id: id.to_owned(), keys, services, methods: methods.len() })
    }
}

/// Whether a document lists keys and says of none what it is for. By the standard they are then for nothing; Eclipse
/// IdentityHub (0.15) publishes such documents, and means that they are for everything.
fn says_nothing_of_purposes(document: &Map<String, Value>) -> Result<bool, DidError> {
    let mut relationships =
        ["authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation", "keyAgreement"]
            .iter();
    relationships.try_fold(true, |silent, name| Ok(silent && list(document, name)?.is_empty()))
}

/// The entries of `authentication`, `assertionMethod` or `capabilityInvocation`: ids, or whole methods that count only there.
struct References<'a> {
    entries: &'a [Value],
    did: &'a str,
}

impl<'a> References<'a> {
    fn embedded(&self) -> impl Iterator<Item = &'a Value> {
        self.entries.iter().filter(|entry| entry.is_object())
    }

    fn names(&self, kid: &str) -> bool {
        self.entries.iter().any(|entry| {
            let id = entry.as_str().or_else(|| entry.get("id").and_then(Value::as_str));
            id.is_some_and(|id| absolute(id, self.did) == kid)
        })
    }
}

fn references<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
    did: &'a str,
) -> Result<References<'a>, DidError> {
    Ok(References { entries: list(document, name)?, did })
}

fn list<'a>(document: &'a Map<String, Value>, name: &'static str) -> Result<&'a [Value], DidError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) if entries.len() > KEYS_MAX => Err(DidError::TooMany(name)),
        Some(Value::Array(entries)) => Ok(entries),
        Some(single) => Ok(std::slice::from_ref(single)),
    }
}

fn usable_method(method: &Value, did: &str) -> Option<(String, VerifyingKey)> {
    let kind = method.get("type")?.as_str()?;
    if !matches!(kind, "JsonWebKey2020" | "JsonWebKey") {
        return None;
    }
    // Who controls the key speaks through it: a key of someone else is not this member's.
    if method.get("controller").is_some_and(|c| c.as_str() != Some(did)) {
        return None;
    }
    let kid = absolute(method.get("id")?.as_str()?, did);
    let own = kid.strip_prefix(did).is_some_and(|rest| rest.len() > 1 && rest.starts_with('#'));
    if !own || !is_id(&kid) {
        return None;
    }
    let key = VerifyingKey::from_jwk(method.get("publicKeyJwk")?).ok()?;
    Some((kid, key))
}

fn usable_service(service: &Value, did: &str) -> Option<Service> {
    let text = |name: &str| service.get(name)?.as_str();
    let id = absolute(text("id")?, did);
    Some(Service { id, kind: text("type")?.to_owned(), endpoint: text("serviceEndpoint")?.to_owned() })
}

/// Resolves the relative form `#key-1`.
fn absolute(id: &str, did: &str) -> String {
    if id.starts_with('#') { format!("{did}{id}") } else { id.to_owned() }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_graphic())
}
