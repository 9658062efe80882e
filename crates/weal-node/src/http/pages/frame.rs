//! What every page shares: the visitor, the chrome, and errors on their way to becoming pages.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use weal_domain::identity::{Act, one_may};
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_portal::view::{FaultView, Footer, Language, RefusalView, Section, SignedIn};
use weal_portal::{Chrome, pages, paths};

use super::super::answer::{Problem, log_fault};
use super::super::body::BODY_TIME_MAX;
use super::super::extract::{self, Session, session_token};
use crate::fault::{Error, Result};
use crate::house::House;

/// Addresses that programs and other nodes use; their errors are problem+json.
const NOT_PAGES: [&str; 13] = [
    "/api/",
    "/dsp/",
    "/peer/",
    "/data/",
    "/.well-known/",
    "/governance/",
    "/ledger/tile/",
    "/ledger/checkpoint",
    "/catalogue.ttl",
    "/catalogue.jsonld",
    "/metrics",
    "/healthz",
    "/readyz",
];
/// Characters of the checkpoint's root that the footer shows.
const CHECKPOINT_CHARS_SHOWN: usize = 12;

/// Characters of an address that a refusal repeats.
const PATH_CHARS_SHOWN: usize = 80;

/// What a page's handler answers with.
pub(super) type PageResult = Result<Response, Unpainted>;

/// A person at one of our pages.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) house: Arc<House>,
    pub(super) session: Session,
}

impl FromRequestParts<Arc<House>> for Visit {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Response> {
        match session_of(house, &parts.headers).await {
            Ok(Some(session)) => Ok(Self { house: Arc::clone(house), session }),
            Ok(None) => Err(Redirect::to(&sign_in_for(&parts.method, &parts.uri)).into_response()),
            Err(cause) => Err(Unpainted::from(cause).into_response()),
        }
    }
}

/// The sign-in page that leads back to what was to be read; a form is not sent twice.
fn sign_in_for(method: &Method, uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or(paths::HOME, |wanted| wanted.as_str());
    if method != Method::GET || wanted == paths::HOME {
        return paths::SIGN_IN.to_owned();
    }
    format!("{}?next={}", paths::SIGN_IN, paths::segment(wanted))
}

async fn session_of(house: &House, headers: &HeaderMap) -> Result<Option<Session>> {
    house.session(session_token(house, headers)).await
}

impl Visit {
    /// What stands around a page of this section, for a person who may look at all.
    pub(super) async fn chrome(&self, section: Section) -> Result<Chrome> {
        self.house.require_act(&self.session.person, Act::Look)?;
        chrome(&self.house, Some(&self.session), Some(section)).await
    }

    pub(super) fn may(&self, act: Act) -> bool {
        one_may(&self.session.person.roles, act)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.house.clock.now()
    }
}

/// What stands around a page; without a session no way leads further in than signing in.
pub(super) async fn chrome(
    house: &House,
    session: Option<&Session>,
    section: Option<Section>,
) -> Result<Chrome> {
    let checkpoint = house.store.read("pages.chrome").await?.latest_checkpoint().await?;
    let root = checkpoint.as_ref().map(|head| weal_trust::encoding::base64(&head.root.0));
    let ecosystem = house.ecosystem();
    Ok(Chrome {
        language: Language::English,
        node_title: house.config.node.title.clone(),
        member: house.config.node.name.clone(),
        ecosystem: ecosystem.charter.as_ref().map(|charter| charter.name.clone()),
        person: session.map(|session| SignedIn {
            display_name: session.person.display_name.clone(),
            roles: session.person.roles.clone(),
        }),
        section,
        csrf: session.map(|session| session.csrf.clone()).unwrap_or_default(),
        flash: None,
        footer: Footer {
            ledger_size: checkpoint.map_or(0, |head| head.size),
            checkpoint_short: root.unwrap_or_default().chars().take(CHECKPOINT_CHARS_SHOWN).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        now: house.clock.now(),
    })
}

/// A finished page.
pub(super) fn html(status: StatusCode, text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "private, no-store")];
    (status, headers, text).into_response()
}

pub(super) fn page(text: String) -> PageResult {
    Ok(html(StatusCode::OK, text))
}

/// The next page after a form did something.
pub(super) fn see(path: &str) -> PageResult {
    Ok(Redirect::to(path).into_response())
}

pub(super) fn status_of(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(weal_wire::problem::status_of(refusal.kind)).unwrap_or(StatusCode::BAD_REQUEST)
}

// --- Addresses -----------------------------------------------------------------------------------

/// The changing parts of a page's address; where they are not as they should be, a page says so.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

/// What follows the question mark of a page's address, likewise.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Unpainted;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unpainted> {
        let read = extract::Path::from_request_parts(parts, state).await;
        read.map(|extract::Path(parts)| Self(parts)).map_err(|Problem(cause)| cause.into())
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Unpainted;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unpainted> {
        let read = extract::Query::from_request_parts(parts, state).await;
        read.map(|extract::Query(params)| Self(params)).map_err(|Problem(cause)| cause.into())
    }
}

// --- Forms ---------------------------------------------------------------------------------------

/// A form of a page this session was shown, its fields read. Anything else was refused before.
#[derive(Debug)]
pub(super) struct Posted<T> {
    pub(super) visit: Visit,
    pub(super) fields: T,
}

/// The one field that every form has.
#[derive(Deserialize)]
struct Signed<T> {
    csrf: String,
    #[serde(flatten)]
    fields: T,
}

/// A form without fields of its own.
#[derive(Debug, Deserialize)]
pub(super) struct NoFields {}

impl<T: DeserializeOwned> FromRequest<Arc<House>> for Posted<T> {
    type Rejection = Response;
    async fn from_request(request: Request, house: &Arc<House>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, house).await?;
        let request = Request::from_parts(parts, body);
        let refused = |refusal: Refusal| Unpainted::from(refusal).into_response();
        let signed: Signed<T> = read_form(request, house).await.map_err(refused)?;
        visit.session.check_form(&signed.csrf).map_err(refused)?;
        Ok(Self { visit, fields: signed.fields })
    }
}

/// The fields of a form as they were sent; whoever is slow to send them does not keep a place for long.
pub(super) async fn read_form<T: DeserializeOwned>(
    request: Request,
    house: &Arc<House>,
) -> Result<T, Refusal> {
    let time_max = BODY_TIME_MAX.min(Duration::from_secs(house.config.limits.stall_s_max));
    let arriving = tokio::time::timeout(time_max, Form::<T>::from_request(request, house)).await;
    let arrived = arriving.map_err(|_| {
        Refusal::invalid("form-slow", "This form took too long to arrive.")
            .remedy("Send it again. Nothing was changed.")
    })?;
    arrived.map(|Form(fields)| fields).map_err(|cause| {
        if cause.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Refusal::new(
                RefusalKind::TooLarge,
                "form-too-large",
                "This form is larger than this node reads.",
            )
            .remedy("Write less and send it again. Nothing was changed.");
        }
        form_broken()
    })
}

pub(super) fn form_broken() -> Refusal {
    Refusal::invalid("form-broken", "This form did not arrive as our page sends it.")
        .remedy("Open the page again and repeat what you did. Nothing was changed.")
}

// --- Errors --------------------------------------------------------------------------------------

/// An error of a page, before [`paint`] makes it one.
#[derive(Debug, Clone)]
pub(super) struct Unpainted(Arc<Error>);

impl Unpainted {
    /// An error that several requests share.
    pub(super) fn shared(cause: Arc<Error>) -> Self {
        Self(cause)
    }
}

impl<E: Into<Error>> From<E> for Unpainted {
    fn from(cause: E) -> Self {
        Self(Arc::new(cause.into()))
    }
}

impl IntoResponse for Unpainted {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns errors of pages into pages, with everything that stands around one: a refusal into its box, a
/// fault into its number, what is not there into the way home.
pub(in crate::http) async fn paint(
    State(house): State<Arc<House>>,
    request: Request,
    next: Next,
) -> Response {
    let is_page = is_page(request.uri().path());
    let what = what_of(request.method(), request.uri());
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let unpainted = response.extensions_mut().remove::<Unpainted>();
    // What axum itself refuses (an address, a method, a page that took too long) has no body of ours yet.
    let status = response.status();
    let is_refused = status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE;
    let is_bare = is_page && is_refused && !has_own_body(&response);
    let painted = match unpainted {
        Some(Unpainted(cause)) => match &*cause {
            Error::Refused(refusal) => refused(&house, &headers, what, refusal).await,
            Error::Fault(fault) => faulted(&house, &headers, log_fault(fault)).await,
        },
        None if is_bare && status == StatusCode::SERVICE_UNAVAILABLE => {
            refused(&house, &headers, what, &too_slow()).await
        }
        None if is_bare => not_found(&house, &headers, status).await,
        None => return response,
    };
    // A node that cannot even draw the frame still answers, as to a program.
    painted.unwrap_or_else(|cause| Problem(cause).into_response())
}

fn too_slow() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "too-slow", "This node took too long, and stopped.")
        .remedy("Look whether it was done before you repeat it; what takes long goes on by itself.")
}

fn is_page(path: &str) -> bool {
    !NOT_PAGES.iter().any(|prefix| path.starts_with(prefix))
}

fn has_own_body(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| !kind.starts_with("text/plain"))
}

/// What was asked of this node, for a refusal that has no page of its own.
fn what_of(method: &Method, uri: &Uri) -> String {
    let path: String = uri.path().chars().take(PATH_CHARS_SHOWN).collect();
    if *method == Method::POST { format!("The form you sent to {path}") } else { format!("The page {path}") }
}

async fn refused(house: &House, headers: &HeaderMap, what: String, refusal: &Refusal) -> Result<Response> {
    let session = session_of(house, headers).await?;
    let chrome = chrome(house, session.as_ref(), None).await?;
    let text = match refusal.kind {
        RefusalKind::NotFound => pages::notices::not_found(&chrome),
        _ => {
            let view = RefusalView { what, refusal: refusal.clone(), instead_href: None };
            pages::notices::refusal(&chrome, &view)
        }
    };
    Ok(html(status_of(refusal), text))
}

async fn faulted(house: &House, headers: &HeaderMap, id: String) -> Result<Response> {
    let session = session_of(house, headers).await?;
    let chrome = chrome(house, session.as_ref(), None).await?;
    Ok(html(StatusCode::INTERNAL_SERVER_ERROR, pages::notices::fault(&chrome, &FaultView { id })))
}

async fn not_found(house: &House, headers: &HeaderMap, status: StatusCode) -> Result<Response> {
    let session = session_of(house, headers).await?;
    let chrome = chrome(house, session.as_ref(), None).await?;
    Ok(html(status, pages::notices::not_found(&chrome)))
}

/// What has no route: a page for people, a problem for programs.
pub(in crate::http) async fn no_such_page(uri: Uri) -> Response {
    let refusal = Refusal::not_found("no-such-page", "There is nothing at this address.");
    if is_page(uri.path()) {
        Unpainted::from(refusal).into_response()
    } else {
        Problem::from(refusal).into_response()
    }
}
