//! JSON at the door: [`parse`] and [`print()`], and what a message must be able to do.
//!
//! The depth of a document is measured on its bytes, by a loop, before anything recursive sees it.
//! Members that occur twice are refused: two readers would understand two different messages.

mod fields;
mod node;
mod strict;

pub(crate) use fields::{
    Field, Object, Words, check_pid, message_fields, node_fields, standard_words, words,
};
pub use node::Node;
pub(crate) use strict::{check, value as strict_value, yaml_value};

use serde_json::Value;

use crate::WireError;

/// The most bytes of one message, unless its type allows more.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The most levels of objects and arrays in one document.
pub const DEPTH_MAX: usize = 64;
/// The most values (objects, arrays, strings, numbers, ...) in one document.
pub const VALUES_MAX: usize = 1_000_000;

/// A document that can be read from JSON and written as JSON.
pub trait Message: Sized {
    /// The most bytes that are read of a document of this type.
    const BYTES_MAX: usize = MESSAGE_BYTES_MAX;

    /// Takes the message out of the document's outermost object.
    fn read(node: &Node<'_>) -> Result<Self, WireError>;

    /// The whole document, valid under the schema of its type.
    fn to_value(&self) -> Value;
}

/// Reads one message. The only door by which JSON from outside enters.
pub fn parse<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    let value = strict_value(bytes, M::BYTES_MAX)?;
    M::read(&Node::root(&value)?)
}

/// The message as compact JSON.
#[must_use]
pub fn print<M: Message>(message: &M) -> String {
    message.to_value().to_string()
}

/// The message as indented JSON, for people.
#[must_use]
pub fn print_pretty<M: Message>(message: &M) -> String {
    format!("{:#}", message.to_value())
}

/// One of our own structures as it is.
pub(crate) fn plain(ours: &impl serde::Serialize) -> Value {
    serde_json::to_value(ours).expect("our own structures have text keys and finite numbers")
}

/// One of our own structures as an object that begins with its version.
pub(crate) fn versioned(version: u64, ours: &impl serde::Serialize) -> Value {
    let mut value = plain(ours);
    value["v"] = version.into();
    value
}
