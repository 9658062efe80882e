//! Who is at the door: another member's node, a local program, or a signed-in person.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use weal_domain::identity::Person;
use weal_domain::{Refusal, RefusalKind};

use super::answer::Problem;
use crate::house::House;
use crate::peers::Caller;

/// The name of the session cookie.
pub(super) const SESSION_COOKIE: &str = "weal_session";

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

pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| {
            Refusal::new(RefusalKind::Unauthenticated, "token-missing", "This address asks who you are.")
                .remedy("Send `Authorization: Bearer <token>`.")
        })
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

impl FromRequestParts<Arc<House>> for Member {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        Ok(Self(house.authenticate_member(token).await?))
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
