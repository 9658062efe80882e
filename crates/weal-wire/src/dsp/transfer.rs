//! The messages of transfer processes (specification: Transfer Process Protocol).

use serde_json::{Map, Value};
use weal_domain::exchange::TransferState;

use super::Reasons;
use crate::json::{Field, Object, message_fields, node_fields, standard_words};
use crate::{Node, WireError};

standard_words!(TransferState);

node_fields! {
    /// Where data is, and what opens it.
    DataAddress typed required as "DataAddress" {
        /// An IRI that says how to read the rest.
        endpoint_type: String = "endpointType",
        endpoint: Option<String> = "endpoint",
        properties: Vec<EndpointProperty> = "endpointProperties",
    }
}

node_fields! {
    /// Well-known names: `authorization` (the token) and `authType` (`bearer`).
    EndpointProperty typed required as "EndpointProperty" {
        name: String = "name",
        value: String = "value",
    }
}

impl DataAddress {
    /// An address over HTTP that a bearer token opens.
    pub fn bearer(endpoint: impl Into<String>, token: impl Into<String>) -> Self {
        let property = |name: &str, value: String| EndpointProperty { name: name.into(), value };
        Self {
            endpoint_type: HTTP_ENDPOINT_TYPE.into(),
            endpoint: Some(endpoint.into()),
            properties: vec![property("authorization", token.into()), property("authType", "bearer".into())],
        }
    }

    /// The same address for a connector that reads nothing but the properties: the endpoint is one too.
    #[must_use]
    pub fn with_endpoint_property(mut self) -> Self {
        let value = self.endpoint.clone().unwrap_or_default();
        self.properties.push(EndpointProperty { name: ENDPOINT.into(), value });
        self
    }

    /// Where it is, in its own member or among the properties.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.endpoint.as_deref().or_else(|| self.property(ENDPOINT))
    }

    /// The value of a property, whether its name is short or EDC's; of two with the same name, the first.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let short = |property: &EndpointProperty| short_name(&property.name) == name;
        self.properties.iter().find(|property| short(property)).map(|property| &*property.value)
    }
}

/// The property in which some connectors put the endpoint instead of in its own member.
pub const ENDPOINT: &str = "endpoint";

/// The namespace that EDC writes before the names of properties.
const EDC: &str = "https://w3id.org/edc/v0.0.1/ns/";

/// The name of a property without EDC's namespace.
#[must_use]
pub fn short_name(name: &str) -> &str {
    name.strip_prefix(EDC).unwrap_or(name)
}

/// The endpoint type of plain HTTP, as the protocol's own examples write it.
pub(crate) const HTTP_ENDPOINT_TYPE: &str = "https://w3id.org/idsa/v4.1/HTTP";

impl Field for Option<DataAddress> {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        let read = |value| DataAddress::read_node(&Node::of(value, node.path(name))?);
        node.value_if(name).map(read).transpose()
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        if let Some(address) = self {
            out.insert(name.into(), address.to_node().into());
        }
    }
}

message_fields! {
    /// The consumer asks for a transfer under an agreement.
    TransferRequestMessage {
        consumer_pid: String = "consumerPid",
        agreement_id: String = "agreementId",
        /// One of the formats of the dataset's distributions.
        format: String = "format",
        callback_address: String = "callbackAddress",
        /// Where to push to; absent where the consumer pulls.
        data_address: Option<DataAddress> = "dataAddress",
    }

    /// The provider starts a transfer, or either side resumes it.
    TransferStartMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        /// Where to pull from.
        data_address: Option<DataAddress> = "dataAddress",
    }

    TransferCompletionMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
    }

    TransferSuspensionMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }

    TransferTerminationMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }

    /// The acknowledgement: where the transfer stands.
    TransferProcess {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        state: TransferState = "state",
    }

    /// The body of a client error about a transfer.
    TransferError {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }
}
