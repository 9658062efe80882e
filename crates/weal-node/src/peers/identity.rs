//! How a node knows who is calling: a value that it is given at start.

use async_trait::async_trait;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};

use super::Caller;
use crate::fault::Result;
use crate::house::House;

/// Knows a peer by the `Authorization` header of its request. A node believes [`SignedTokens`]; what stands in
/// for it in a conformance test is in weal-testkit and nowhere else.
#[async_trait]
pub trait Identity: Send + Sync + std::fmt::Debug {
    /// The member whose node is calling.
    async fn caller(&self, house: &House, authorization: Option<&str>) -> Result<Caller>;

    /// What this node says of itself in the `Authorization` header of a request to `peer`.
    fn authorization(&self, house: &House, peer: &Did) -> Result<String> {
        Ok(format!("Bearer {}", house.token_for(peer)?))
    }

    /// Whether `name` is what this peer calls itself in an agreement. Among members that is the DID.
    fn is_named(&self, peer: &Did, name: &str) -> bool {
        peer.as_str() == name
    }
}

/// A token that the peer's key signed, with a credential that the governing body signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignedTokens;

#[async_trait]
impl Identity for SignedTokens {
    async fn caller(&self, house: &House, authorization: Option<&str>) -> Result<Caller> {
        house.authenticate_member(bearer_of(authorization)?).await
    }
}

/// The token of a header `Authorization: Bearer <token>`.
pub(crate) fn bearer_of(authorization: Option<&str>) -> Result<&str, Refusal> {
    authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(|| {
        Refusal::new(RefusalKind::Unauthenticated, "token-missing", "This address asks who you are.")
            .remedy("Send `Authorization: Bearer <token>`.")
    })
}
