//! The ecosystem, as a member's own programs see it.

use serde::{Deserialize, Serialize};
use weal_domain::agreements::Purpose;
use weal_domain::identity::Did;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    pub governing_body: Did,
    /// How long to wait for the admission, in milliseconds.
    #[serde(default)]
    pub wait_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub ecosystem: String,
    pub admitted: bool,
    pub next_step: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetStanding {
    /// `good` admits, `suspended` suspends.
    pub standing: weal_domain::governance::Standing,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptCharter {
    pub name: String,
    pub purposes: Vec<Purpose>,
    pub text: String,
}
