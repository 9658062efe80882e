//! The governing body's papers. A register and a charter travel as the payload of a JWS that the
//! governing body's key signed; signing and checking are not done here.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weal_domain::Timestamp;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::{Did, MemberName};
use weal_domain::words::is_line;

use crate::{Message, Node, WireError};

/// The version of register and charter payloads that is written and read.
const PAPER_VERSION: u64 = 1;
/// The longest title of a member, in bytes.
const TITLE_BYTES_MAX: usize = 200;
/// The most members of one ecosystem that a register lists.
const MEMBERS_MAX: usize = 10_000;

/// A node asks to be admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationMessage {
    pub did: Did,
    pub name: MemberName,
    pub title: String,
    /// The node's public address, which must be the one its DID names.
    pub origin: String,
    /// The version of the charter that it has read and accepts.
    pub charter_version: u32,
}

/// What the governing body answers to an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionMessage {
    pub standing: Standing,
    /// The signed membership credential, once the member stands well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The same membership in the form of data model 1.1, to be shown to strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vc11: Option<String>,
}

/// The members' register, the payload of a JWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisterMessage {
    pub governing_body: Did,
    /// Of two registers the later one counts.
    pub issued_at: Timestamp,
    pub members: Vec<Member>,
}

/// The charter in force, the payload of a JWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CharterMessage {
    pub charter: Charter,
    pub issued_at: Timestamp,
}

impl Message for ApplicationMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let application: Self = node.whole()?;
        let title = &application.title;
        if !is_line(title, TITLE_BYTES_MAX) || title.len() > TITLE_BYTES_MAX {
            return Err(node.wrong("title", format!("a name of 1 to {TITLE_BYTES_MAX} bytes in one line")));
        }
        if crate::did::did_of(&application.origin)? != application.did {
            return Err(node.wrong("did", "the did:web of `origin`"));
        }
        Ok(application)
    }
    fn to_value(&self) -> Value {
        crate::json::plain(self)
    }
}

impl Message for AdmissionMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        node.whole()
    }
    fn to_value(&self) -> Value {
        crate::json::plain(self)
    }
}

impl Message for RegisterMessage {
    const BYTES_MAX: usize = 8 * 1024 * 1024;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_version(node)?;
        if node.array_if("members", 0)?.is_some_and(|members| members.len() > MEMBERS_MAX) {
            return Err(WireError::TooMany { what: "members", limit: MEMBERS_MAX });
        }
        node.whole()
    }
    fn to_value(&self) -> Value {
        crate::json::versioned(PAPER_VERSION, self)
    }
}

impl Message for CharterMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_version(node)?;
        node.whole()
    }
    fn to_value(&self) -> Value {
        crate::json::versioned(PAPER_VERSION, self)
    }
}

fn check_version(node: &Node<'_>) -> Result<(), WireError> {
    if node.value("v")? == PAPER_VERSION { Ok(()) } else { Err(node.wrong("v", format!("{PAPER_VERSION}"))) }
}
