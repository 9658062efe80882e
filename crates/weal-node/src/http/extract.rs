//! Who is at the door: another member's node, a local program, or a signed-in person.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use weal_domain::Refusal;
use weal_domain::identity::Person;

use super::answer::Problem;
use crate::house::House;
use crate::peers::{Caller, bearer_of};

/// The name of a cookie of this node. Cookies know no ports, so nodes on one host tell theirs apart by their
/// names; with https the browser takes it from this very host alone (`__Host-`), and from no neighbour.
pub(super) fn cookie_name(house: &House, what: &str) -> String {
    let node = &house.config.node;
    let prefix = if node.origin.starts_with("https:") { "__Host-" } else { "" };
    format!("{prefix}weal_{what}_{}", node.name)
}

/// The token of the session that a browser holds; empty where it holds none.
pub(super) fn session_token<'h>(house: &House, headers: &'h HeaderMap) -> &'h str {
    cookie(headers, &cookie_name(house, SESSION)).unwrap_or_default()
}

/// What the session's cookie is called among a node's.
pub(super) const SESSION: &str = "session";

/// A member's node, by its signed token and membership credential.
#[derive(Debug, Clone)]
pub struct Member(pub Caller);

/// The member's own program, by its API token; acts for the person the token belongs to.
#[derive(Debug, Clone)]
pub struct Local(pub Person);

/// A person signed in to the portal.
#[derive(Debug, Clone)]
pub struct Session {
    pub person: Person,
    /// What every form of this session must carry.
    pub csrf: String,
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    bearer_of(authorization(headers))
}

/// The value of one cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The changing parts of an address; where they are not as they should be, a refusal like any other.
#[derive(Debug)]
pub(super) struct Path<T>(pub T);

/// What follows the question mark of an address, likewise.
#[derive(Debug)]
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        Ok(Self(found.map(|axum::extract::Path(parts)| parts).map_err(|_| address_wrong())?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Query::from_request_parts(parts, state).await;
        Ok(Self(found.map(|axum::extract::Query(params)| params).map_err(|_| address_wrong())?))
    }
}

fn address_wrong() -> Refusal {
    Refusal::invalid("address-wrong", "Something in this address is missing or cannot be read.")
        .remedy("Compare it with the API reference: each parameter once, percent-encoded.")
}

impl FromRequestParts<Arc<House>> for Member {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Problem> {
        Ok(Self(house.identity.caller(house, authorization(&parts.headers)).await?))
    }
}

impl FromRequestParts<Arc<House>> for Local {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        Ok(Self(house.person_of_token(token).await?))
    }
}

impl Session {
    /// A form without the session's own token did not come from our page.
    pub fn check_form(&self, csrf: &str) -> Result<(), Refusal> {
        use subtle::ConstantTimeEq as _;
        if self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into() {
            Ok(())
        } else {
            Err(Refusal::forbidden("form-not-ours", "This form is not from the page you are signed in to.")
                .remedy("Open the page again and repeat what you did. Nothing was changed."))
        }
    }
}
