//! Catalogues elsewhere, for local programs.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::Deserialize;
use weal_domain::identity::Act;
use weal_domain::{Refusal, RefusalKind};
use weal_wire::dcat::{FOREIGN_BYTES_MAX, Form};

use super::Node;
use crate::acts::catalogue::Handed;
use crate::api::{ForeignShown, PREFIX};
use crate::house::House;
use crate::http::answer::ApiResult;
use crate::http::body::Json;
use crate::http::extract::{Local, Path, Query};

const MEDIA_TYPE_N_TRIPLES: &str = "application/n-triples";

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route(&format!("{PREFIX}/catalogues/{{name}}"), get(export).delete(forget))
}

/// A catalogue is larger than what else comes in, and has its own limit.
pub(super) fn upload_routes() -> Router<Arc<House>> {
    Router::new().route(&format!("{PREFIX}/catalogues"), put(import).get(sources))
}

#[derive(Debug, Deserialize)]
struct ImportParams {
    name: String,
    #[serde(default)]
    base: Option<String>,
    #[serde(default)]
    from: Option<String>,
}

async fn import(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<ImportParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<ForeignShown>> {
    house.require_act(&by, Act::Publish)?;
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = form_of(media_type.unwrap_or_default())?;
    let text = axum::body::to_bytes(body, FOREIGN_BYTES_MAX).await.map_err(|_| too_large())?;
    let ImportParams { name, base, from } = params;
    let handed = Handed { name, form, base, from, text };
    Ok(Json(house.import_catalogue(&by, handed).await?))
}

fn form_of(media_type: &str) -> Result<Form, Refusal> {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "text/turtle" => Ok(Form::Turtle),
        "application/ld+json" => Ok(Form::JsonLd),
        _ => Err(Refusal::invalid("form-unknown", "A catalogue comes as Turtle or as JSON-LD.")
            .remedy("Send it with the content type text/turtle or application/ld+json.")),
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        "catalogue-too-large",
        format!("A catalogue has at most {FOREIGN_BYTES_MAX} bytes here, and arrives whole."),
    )
    .remedy("Take it in in parts, under names of their own.")
}

async fn sources(State(house): Node, Local(by): Local) -> ApiResult<Json<Vec<ForeignShown>>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.foreign_sources().await?))
}

async fn export(State(house): Node, Local(by): Local, Path(name): Path<String>) -> ApiResult<Response> {
    house.require_act(&by, Act::Look)?;
    let body = Body::from_stream(house.exported_catalogue(&name).await?);
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE_N_TRIPLES)], body).into_response())
}

async fn forget(State(house): Node, Local(by): Local, Path(name): Path<String>) -> ApiResult<StatusCode> {
    house.forget_catalogue(&by, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
