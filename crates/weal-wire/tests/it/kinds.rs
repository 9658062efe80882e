//! Every document type by its name, so that tests can run over all of them.

use serde_json::Value;
use weal_wire::dsp::catalogue::*;
use weal_wire::dsp::negotiation::*;
use weal_wire::dsp::transfer::*;
use weal_wire::dsp::versions::*;
use weal_wire::{Message, WireError, parse, print};

macro_rules! kinds {
    ($($name:ident from $schema:literal),* $(,)?) => {
        /// The name and the schema of every type.
        pub const KINDS: &[(&str, &str)] = &[$((stringify!($name), $schema)),*];

        /// Parses a document as the named type and prints it again.
        pub fn reprinted(kind: &str, bytes: &[u8]) -> Result<Value, WireError> {
            match kind {
                $(stringify!($name) => parse::<$name>(bytes).map(|message| reread(&message)),)*
                other => panic!("no type {other}"),
            }
        }
    };
}

kinds! {
    CatalogRequestMessage from "catalog/catalog-request-message-schema.json",
    DatasetRequestMessage from "catalog/dataset-request-message-schema.json",
    Catalog from "catalog/catalog-schema.json",
    Dataset from "catalog/dataset-schema.json",
    CatalogError from "catalog/catalog-error-schema.json",
    ContractRequestMessage from "negotiation/contract-request-message-schema.json",
    ContractOfferMessage from "negotiation/contract-offer-message-schema.json",
    ContractAgreementMessage from "negotiation/contract-agreement-message-schema.json",
    ContractAgreementVerificationMessage from "negotiation/contract-agreement-verification-message-schema.json",
    ContractNegotiationEventMessage from "negotiation/contract-negotiation-event-message-schema.json",
    ContractNegotiationTerminationMessage from "negotiation/contract-negotiation-termination-message-schema.json",
    ContractNegotiation from "negotiation/contract-negotiation-schema.json",
    ContractNegotiationError from "negotiation/contract-negotiation-error-schema.json",
    TransferRequestMessage from "transfer/transfer-request-message-schema.json",
    TransferStartMessage from "transfer/transfer-start-message-schema.json",
    TransferCompletionMessage from "transfer/transfer-completion-message-schema.json",
    TransferSuspensionMessage from "transfer/transfer-suspension-message-schema.json",
    TransferTerminationMessage from "transfer/transfer-termination-message-schema.json",
    TransferProcess from "transfer/transfer-process-schema.json",
    TransferError from "transfer/transfer-error-schema.json",
    VersionDocument from "common/protocol-version-schema.json",
    DidService from "common/did-service-schema.json",
}

/// Prints and reads what was printed, which must be the same message.
pub fn reread<M: Message + PartialEq + std::fmt::Debug>(message: &M) -> Value {
    let text = print(message);
    let again: M = parse(text.as_bytes()).expect("what we print, we read");
    assert_eq!(&again, message);
    serde_json::from_str(&text).expect("what we print is JSON")
}

/// The type of a document by its own words.
pub fn kind_of(document: &Value) -> &str {
    match document["@type"].as_str() {
        Some(kind) => kind,
        None if document["protocolVersions"].is_array() => "VersionDocument",
        None => "DidService",
    }
}
