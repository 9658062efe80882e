//! The version document at `/.well-known/dspace-version`, and how a DID document names its services.

use serde_json::{Map, Value, json};

use super::CONTEXT;
use crate::json::{Field, words};
use crate::{Message, Node, WireError};

/// The JSON-LD context of DID documents.
const DID_CONTEXT: &str = "https://www.w3.org/ns/did/v1";

/// Which versions of the protocol a node speaks, and where. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionDocument {
    pub versions: Vec<ProtocolVersion>,
}

/// One version at one path. The binding is always HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolVersion {
    pub version: String,
    /// Appended to the node's root.
    pub path: String,
    pub service_id: Option<String>,
    pub identifier_type: Option<String>,
    pub auth: Option<Auth>,
}

/// How requests under a version are authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    pub protocol: String,
    pub version: String,
    pub profiles: Vec<String>,
}

impl VersionDocument {
    /// The first path under which the other side speaks our version, if it does at all.
    #[must_use]
    pub fn path_of(&self, version: &str) -> Option<&str> {
        self.versions.iter().find(|given| given.version == version).map(|given| &*given.path)
    }
}

impl Message for VersionDocument {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let name = "protocolVersions";
        node.value(name)?;
        let items = node.array_if(name, 1)?.unwrap_or_default();
        let read = |(index, item)| ProtocolVersion::read(&Node::of(item, format!("{name}[{index}]"))?);
        Ok(Self { versions: items.iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }
    fn to_value(&self) -> Value {
        let versions: Vec<_> = self.versions.iter().map(ProtocolVersion::to_value).collect();
        json!({ "protocolVersions": versions })
    }
}

impl ProtocolVersion {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        if node.text("binding")? != "HTTPS" {
            return Err(node.wrong("binding", "`HTTPS`"));
        }
        let read_auth = |value| Auth::read(&Node::of(value, node.path("auth"))?);
        Ok(Self {
            version: Field::read(node, "version")?,
            path: Field::read(node, "path")?,
            service_id: Field::read(node, "serviceId")?,
            identifier_type: Field::read(node, "identifierType")?,
            auth: node.value_if("auth").map(read_auth).transpose()?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        self.version.write("version", &mut out);
        self.path.write("path", &mut out);
        out.insert("binding".into(), "HTTPS".into());
        self.service_id.write("serviceId", &mut out);
        self.identifier_type.write("identifierType", &mut out);
        if let Some(auth) = &self.auth {
            out.insert("auth".into(), auth.to_value());
        }
        out.into()
    }
}

impl Auth {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let profiles = node.array_if("profile", 0)?.unwrap_or_default();
        let text = |item: &Value| item.as_str().map(str::to_owned);
        Ok(Self {
            protocol: Field::read(node, "protocol")?,
            version: Field::read(node, "version")?,
            profiles: profiles
                .iter()
                .map(|item| text(item).ok_or_else(|| node.wrong("profile", "an array of strings")))
                .collect::<Result<_, _>>()?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = json!({ "protocol": self.protocol, "version": self.version });
        if !self.profiles.is_empty() {
            out["profile"] = json!(self.profiles);
        }
        out
    }
}

words! {
    /// What a service entry of a DID document leads to.
    DidServiceType {
        /// The catalogue's `<base>/catalog`.
        Catalog = "CatalogService",
        /// The version document of a connector.
        Data = "DataService",
    }
}

/// A service entry of a DID document. The schema's pattern for `serviceEndpoint` contradicts the
/// specification's own example of a DataService, so it is not enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidService {
    pub id: String,
    pub kind: DidServiceType,
    pub endpoint: String,
}

impl Message for DidService {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        if node.has("@context") {
            super::check_context(node)?;
            let contexts = node.array_if("@context", 1)?.unwrap_or_default();
            if !contexts.iter().any(|context| context == DID_CONTEXT) {
                return Err(node.wrong("@context", format!("an array that contains `{DID_CONTEXT}` too")));
            }
        }
        Ok(Self {
            id: Field::read(node, "id")?,
            kind: Field::read(node, "type")?,
            endpoint: Field::read(node, "serviceEndpoint")?,
        })
    }
    fn to_value(&self) -> Value {
        json!({
            "@context": [CONTEXT, DID_CONTEXT],
            "id": self.id,
            "type": self.kind.as_str(),
            "serviceEndpoint": self.endpoint,
        })
    }
}
