//! Who publishes, as catalogues and contracts name them.

use weal_domain::identity::{Did, MemberName};

/// The member behind a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    pub did: Did,
    pub name: MemberName,
    pub title: String,
    /// The node's public address without a slash at its end.
    pub origin: String,
}
