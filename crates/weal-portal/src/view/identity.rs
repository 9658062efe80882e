use weal_domain::Timestamp;
use weal_domain::identity::Did;

use super::{FieldError, Names};

/// The sign-in form: posts `account`, `password` and `next`.
#[derive(Debug, Clone, Default)]
pub struct SignInView {
    /// What was typed before, after a failed attempt.
    pub account: String,
    /// The path to go to afterwards, on this node; empty for home.
    pub next: String,
    /// Fields: `account`, `password`. Wrong credentials are an error of `account` that does not say which.
    pub errors: Vec<FieldError>,
}

/// `GET /credentials`, and an import that was not accepted.
#[derive(Debug, Clone, Default)]
pub struct CredentialsView {
    /// About this node, newest first.
    pub held: Vec<HeldLine>,
    /// What this node asked issuers for, newest first.
    pub requests: Vec<RequestedLine>,
    pub offers: Vec<OfferedLine>,
    /// By this node, where it governs, newest first.
    pub issued: Vec<IssuedLine>,
    /// Full names of issuers and of whom they speak of.
    pub names: Names,
    /// The kind by which a membership goes here.
    pub membership_kind: String,
    /// Whether this node issues credentials at all.
    pub issues: bool,
    /// Whether this person may import one.
    pub may_import: bool,
    /// What was pasted before, after a failed attempt.
    pub typed: String,
    /// Field: `credential`.
    pub errors: Vec<FieldError>,
}

/// What can be said of a credential now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    Good,
    Revoked,
    Expired,
    /// The issuer's status list could not be read.
    Unknown,
}

/// How a credential came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameBy {
    Membership,
    Issuer,
    Import,
}

#[derive(Debug, Clone)]
pub struct HeldLine {
    /// By which the command line names it.
    pub number: String,
    pub kinds: Vec<String>,
    pub issuer: Did,
    pub subject: Did,
    pub valid_until: Option<Timestamp>,
    pub state: CredentialState,
    pub came: CameBy,
    pub received_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    Waiting,
    Arrived,
    Refused,
}

#[derive(Debug, Clone)]
pub struct RequestedLine {
    pub issuer: Did,
    pub asked_at: Timestamp,
    pub state: RequestState,
    pub reason: Option<String>,
}

#[derive(Debug, Clone)]
pub struct OfferedLine {
    pub issuer: Did,
    pub kind: Option<String>,
    pub reason: Option<String>,
    pub received_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct IssuedLine {
    pub subject: Did,
    /// Empty where it is not known.
    pub kinds: Vec<String>,
    pub valid_until: Option<Timestamp>,
    pub state: CredentialState,
    /// In the status list, from 0.
    pub place: u32,
}
