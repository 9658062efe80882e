//! Plain names for the domain's terms: rungs, roles, purposes, legal bases, columns.

use weal_domain::agreements::{LegalBasis, Purpose};
use weal_domain::catalogue::{Classification, ColumnKind, Identifying, Mode};
use weal_domain::identity::Role;

use super::{Messages, fill};

/// One rung in words.
#[derive(Debug)]
pub(crate) struct ModeWords {
    /// "Private statistics"
    pub(crate) name: &'static str,
    /// The jargon it is known by, to stand beside the plain name.
    pub(crate) jargon: &'static str,
    /// "statistics about", to be followed by a product.
    pub(crate) about: &'static str,
    /// What would leave the owner's node.
    pub(crate) leaves: &'static str,
}

impl Messages {
    pub(crate) fn mode(&self, mode: Mode) -> &ModeWords {
        &self.modes[usize::from(mode.rung()) - 1]
    }

    pub(crate) fn role(&self, role: Role) -> &'static str {
        (self.role_name)(role)
    }

    /// The role as its stored name says it, in plain words where it is one of ours.
    pub(crate) fn role_named(&self, given: &str) -> String {
        let known = Role::ALL.into_iter().find(|role| role.as_str() == given);
        known.map_or_else(|| given.to_owned(), |role| self.role(role).to_owned())
    }

    pub(crate) fn class(&self, class: Classification) -> &'static str {
        match class {
            Classification::Open => self.catalogue.class_open,
            Classification::Internal => self.catalogue.class_internal,
            Classification::Personal => self.catalogue.class_personal,
            Classification::Sensitive => self.catalogue.class_sensitive,
        }
    }

    pub(crate) fn column_kind(&self, kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Boolean => self.product.kind_boolean,
            ColumnKind::Integer => self.product.kind_integer,
            ColumnKind::Float => self.product.kind_float,
            ColumnKind::Text => self.product.kind_text,
            ColumnKind::Date => self.product.kind_date,
            ColumnKind::Timestamp => self.product.kind_timestamp,
        }
    }

    pub(crate) fn identifying(&self, identifying: Identifying) -> &'static str {
        match identifying {
            Identifying::Direct => self.product.identifies_direct,
            Identifying::Quasi => self.product.identifies_quasi,
            Identifying::No => self.product.identifies_no,
        }
    }

    pub(crate) fn purpose(&self, purpose: &Purpose) -> String {
        (self.purpose_name)(purpose)
    }

    pub(crate) fn legal_basis(&self, basis: &LegalBasis) -> String {
        (self.legal_basis_name)(basis)
    }

    /// Several things in one line: "a, b and c".
    pub(crate) fn list(&self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [only] => only.clone(),
            [first @ .., last] => {
                fill(self.common.list_last, &[("first", &first.join(self.common.list_comma)), ("last", last)])
            }
        }
    }
}
