//! # Governance
//!
//! **What this room is for:** the ecosystem's charter, who its members are and whether they stand well.
//! **Words:** ecosystem, charter, governing body, member.
//! **What it never allows:** `GO-1` no agreement with a party that is not a member in good standing.

mod admission;

pub use admission::{Application, good_standing};

use serde::{Deserialize, Serialize};

use crate::agreements::Purpose;
use crate::agreements::sentence::{purpose_label, purposes_in_words};
use crate::identity::{Did, MemberName};
use crate::words::moment;
use crate::{Refusal, Timestamp};

/// What the members of an ecosystem have agreed to, signed by its governing body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charter {
    pub version: u32,
    pub name: String,
    pub governing_body: Did,
    /// Purposes for which data may be shared at all.
    pub purposes: Vec<Purpose>,
    pub text: String,
    pub adopted_at: Timestamp,
}

impl Charter {
    /// Whether data may be shared for this purpose at all.
    pub fn allows(&self, purpose: &Purpose) -> Result<(), Refusal> {
        if self.purposes.contains(purpose) {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "purpose-not-in-charter",
            format!("The charter of {} does not provide for {}.", self.name, purpose_label(purpose)),
        )
        .remedy(format!("Choose a purpose of the charter: {}.", purposes_in_words(&self.purposes)))
        .changed_by(format!("the governing body, {}", self.governing_body)))
    }
}

/// Which issue of a paper of the governing body this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// The charter's; of a paper that has no versions always the same.
    pub version: u32,
    pub issued_at: Timestamp,
}

impl Issue {
    /// Whether this issue of a `paper` takes the place of the one held; `false` where it is the same one. What the
    /// governing body has replaced never comes back: an older one is refused.
    pub fn replaces(self, held: Option<Issue>, paper: &str) -> Result<bool, Refusal> {
        let Some(held) = held else { return Ok(true) };
        if self.version < held.version || self.issued_at < held.issued_at {
            return Err(Refusal::conflict(
                format!("{paper}-older"),
                format!(
                    "This {paper} is older than the one that this node holds, of {}.",
                    moment(held.issued_at)
                ),
            )
            .remedy(format!("Send the {paper} in force.")));
        }
        Ok(self != held)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Has asked to join.
    Applied,
    Good,
    Suspended,
    Left,
}

/// One line of the members' register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub did: Did,
    pub name: MemberName,
    pub title: String,
    /// The node's public origin, `https://revenue.example`.
    pub origin: String,
    pub standing: Standing,
    pub since: Timestamp,
}
