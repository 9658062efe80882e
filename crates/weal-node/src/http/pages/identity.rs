//! Signing in and out; the credentials that this node holds and has issued.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use weal_domain::identity::Act;
use weal_domain::{Refusal, RefusalKind};
use weal_portal::view::{
    CameBy, CredentialState, CredentialsView, FieldError, HeldLine, IssuedLine, OfferedLine, RequestState,
    RequestedLine, Section, SignInView,
};
use weal_portal::{pages, paths};

use super::super::extract::{SESSION, cookie, cookie_name, session_token};
use super::super::rates::ClientAddress;
use super::frame::{
    NoFields, PageResult, Posted, Query, Visit, chrome, html, page, read_form, see, status_of,
};
use super::parties::names;
use crate::acts::identity::{BROWSER_DAYS, Knock, SESSION_HOURS, SignedIn};
use crate::api::{
    CredentialShown, CredentialsShown, IssuedCredential, OfferedCredential, RequestedCredential,
};
use crate::fault::{Error, Result};
use crate::house::House;

type Node = State<Arc<House>>;

/// What ties a sign-in form to the browser that was shown it, while there is no session yet.
const FORM: &str = "sign_in";
const FORM_COOKIE_SECONDS: i64 = 3600;
/// What tells a browser that was let in before from a stranger's, so that it need not wait for the wrong
/// passwords of others. It opens nothing.
const BROWSER: &str = "browser";
const NEXT_BYTES_MAX: usize = 2_000;
/// What was pasted and not accepted is shown again up to this length.
const TYPED_BYTES_MAX: usize = 32 * 1024;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::SIGN_IN, get(show).post(sign_in))
        .route(paths::SIGN_OUT, post(sign_out))
        .route(paths::ACCESSIBILITY, get(accessibility))
        .route(paths::CREDENTIALS, get(credentials).post(import))
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SignIn {
    csrf: String,
    account: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn show(State(house): Node, headers: HeaderMap, Query(wanted): Query<Wanted>) -> PageResult {
    let session = house.session(session_token(&house, &headers)).await?;
    if session.is_some() {
        return see(local(&wanted.next));
    }
    form(&house, &headers, StatusCode::OK, SignInView { next: wanted.next, ..SignInView::default() }).await
}

async fn sign_in(
    State(house): Node,
    Extension(from): Extension<ClientAddress>,
    headers: HeaderMap,
    request: Request,
) -> PageResult {
    let given: SignIn = read_form(request, &house).await?;
    let shown = cookie(&headers, &cookie_name(&house, FORM)).unwrap_or_default();
    let is_ours = !shown.is_empty() && bool::from(shown.as_bytes().ct_eq(given.csrf.as_bytes()));
    let signed = match is_ours {
        true => {
            let browser = cookie(&headers, &cookie_name(&house, BROWSER));
            house.sign_in(Knock { account: &given.account, password: &given.password, from, browser }).await
        }
        false => Err(form_not_ours().into()),
    };
    match signed {
        Ok(signed_in) => enter(&house, &headers, &signed_in, &given.next).await,
        Err(Error::Refused(refusal)) => {
            let text = format!("{} {}", refusal.reason, refusal.remedy.as_deref().unwrap_or_default());
            let errors = vec![FieldError { field: "account", text: text.trim().to_owned() }];
            let view = SignInView { account: given.account, next: given.next, errors };
            form(&house, &headers, status_of(&refusal), view).await
        }
        Err(fault) => Err(fault.into()),
    }
}

fn form_not_ours() -> Refusal {
    Refusal::forbidden("form-not-ours", "This form is too old, or your browser keeps no cookies.")
        .remedy("Try again from this page.")
}

/// The form, with the cookie that it must come back with.
async fn form(house: &House, headers: &HeaderMap, status: StatusCode, view: SignInView) -> PageResult {
    let standing = cookie(headers, &cookie_name(house, FORM)).filter(|token| !token.is_empty());
    let token = standing.map_or_else(|| house.entropy.token(), |token| Ok(token.to_owned()))?;
    let mut chrome = chrome(house, None, None).await?;
    chrome.csrf.clone_from(&token);
    let mut response = html(status, pages::identity::sign_in(&chrome, &view));
    set_cookie(&mut response, house, FORM, &token, FORM_COOKIE_SECONDS);
    Ok(response)
}

/// A new session, never one that stood before signing in.
async fn enter(house: &House, headers: &HeaderMap, signed_in: &SignedIn, next: &str) -> PageResult {
    let old = session_token(house, headers);
    if !old.is_empty() {
        house.sign_out(old).await?;
    }
    let mut response = see(local(next))?;
    set_cookie(&mut response, house, SESSION, &signed_in.session, SESSION_HOURS * 3600);
    set_cookie(&mut response, house, BROWSER, &signed_in.browser, BROWSER_DAYS * 24 * 3600);
    set_cookie(&mut response, house, FORM, "", 0);
    Ok(response)
}

async fn sign_out(headers: HeaderMap, Posted { visit, .. }: Posted<NoFields>) -> PageResult {
    visit.house.sign_out(session_token(&visit.house, &headers)).await?;
    let mut response = see(paths::SIGN_IN)?;
    set_cookie(&mut response, &visit.house, SESSION, "", 0);
    Ok(response)
}

fn set_cookie(response: &mut Response, house: &House, what: &str, value: &str, age_s: i64) {
    let name = cookie_name(house, what);
    let secure = if house.config.node.origin.starts_with("https:") { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}");
    // Tokens are base64url, so the text is always a header; one that came in and is not is dropped.
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// A path on this node, or home: nobody is sent elsewhere by a link that leads here.
fn local(next: &str) -> &str {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_local = next.starts_with('/') && !next.starts_with("//") && next.len() <= NEXT_BYTES_MAX;
    if is_local && is_plain { next } else { paths::HOME }
}

async fn accessibility(State(house): Node, headers: HeaderMap) -> PageResult {
    let session = house.session(session_token(&house, &headers)).await?;
    let chrome = chrome(&house, session.as_ref(), None).await?;
    page(pages::notices::accessibility(&chrome))
}

// --- Credentials ---------------------------------------------------------------------------------

#[derive(Debug, Deserialize)]
struct Pasted {
    credential: String,
}

async fn credentials(visit: Visit) -> PageResult {
    let chrome = visit.chrome(Section::Members).await?;
    page(pages::identity::credentials(&chrome, &credentials_view(&visit).await?))
}

async fn import(Posted { visit, fields }: Posted<Pasted>) -> PageResult {
    // Somebody pastes what a mail program has broken into lines; nothing of it is white space.
    let signed: String = fields.credential.split_whitespace().collect();
    match visit.house.import_credential(&visit.session.person, &signed).await {
        Ok(_) => see(paths::CREDENTIALS),
        Err(Error::Refused(refusal)) if refusal.kind != RefusalKind::Forbidden => {
            let text = format!("{} {}", refusal.reason, refusal.remedy.as_deref().unwrap_or_default());
            let errors = vec![FieldError { field: "credential", text: text.trim().to_owned() }];
            let typed = Some(fields.credential).filter(|typed| typed.len() <= TYPED_BYTES_MAX);
            let view = CredentialsView {
                typed: typed.unwrap_or_default(),
                errors,
                ..credentials_view(&visit).await?
            };
            let chrome = visit.chrome(Section::Members).await?;
            Ok(html(status_of(&refusal), pages::identity::credentials(&chrome, &view)))
        }
        Err(cause) => Err(cause.into()),
    }
}

async fn credentials_view(visit: &Visit) -> Result<CredentialsView> {
    let house = &visit.house;
    let CredentialsShown { credentials, requests, offers, issued } =
        house.credentials_shown(&visit.session.person).await?;
    let held = |one: CredentialShown| HeldLine {
        state: state_of(&one.status),
        came: match one.source.as_str() {
            "membership" => CameBy::Membership,
            "issued" => CameBy::Issuer,
            _ => CameBy::Import,
        },
        number: one.number,
        kinds: one.kinds,
        issuer: one.issuer,
        subject: house.did.clone(),
        valid_until: one.expires_at,
        received_at: one.received_at,
    };
    let requested = |one: RequestedCredential| RequestedLine {
        issuer: one.issuer,
        asked_at: one.asked_at,
        state: match one.status.as_str() {
            "ISSUED" => RequestState::Arrived,
            "REJECTED" => RequestState::Refused,
            _ => RequestState::Waiting,
        },
        reason: one.reason,
    };
    let offered = |one: OfferedCredential| {
        let OfferedCredential { issuer, kind, reason, received_at, .. } = one;
        OfferedLine { issuer, kind, reason, received_at }
    };
    let issued_line = |one: IssuedCredential| IssuedLine {
        state: state_of(&one.status),
        subject: one.subject,
        kinds: one.kinds,
        valid_until: one.expires_at,
        place: one.place,
    };
    Ok(CredentialsView {
        held: credentials.into_iter().map(held).collect(),
        requests: requests.into_iter().map(requested).collect(),
        offers: offers.into_iter().map(offered).collect(),
        issued: issued.into_iter().map(issued_line).collect(),
        names: names(house, &house.ecosystem()),
        membership_kind: house.config.identity.membership_kind.clone(),
        issues: house.config.ecosystem.governs,
        may_import: visit.may(Act::ImportCredential),
        ..CredentialsView::default()
    })
}

fn state_of(status: &str) -> CredentialState {
    match status {
        "good" => CredentialState::Good,
        "revoked" => CredentialState::Revoked,
        "expired" => CredentialState::Expired,
        _ => CredentialState::Unknown,
    }
}
