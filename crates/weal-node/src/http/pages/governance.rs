//! The members' register and the charter; the governing body admits here.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use weal_domain::Refusal;
use weal_domain::governance::Standing;
use weal_domain::identity::{Act, Did};
use weal_portal::view::{MemberLine, MembersView, Section};
use weal_portal::{pages, paths};

use super::frame::{NoFields, PageResult, Path, Posted, Visit, page, see};
use super::one;
use super::parties::party;
use crate::fault::Result;
use crate::house::House;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::MEMBERS, get(members))
        .route(&one(paths::MEMBERS, "/admit"), post(admit))
        .route(&one(paths::MEMBERS, "/decline"), post(decline))
}

async fn members(visit: Visit) -> PageResult {
    let chrome = visit.chrome(Section::Members).await?;
    page(pages::governance::members(&chrome, &view(&visit).await?))
}

async fn admit(Path(did): Path<String>, Posted { visit, .. }: Posted<NoFields>) -> PageResult {
    let did = Did::new(did).map_err(|cause| Refusal::invalid("did", cause.to_string()))?;
    visit.house.set_standing(&visit.session.person, &did, Standing::Good, None).await?;
    see(paths::MEMBERS)
}

async fn decline(Path(did): Path<String>, Posted { visit, .. }: Posted<NoFields>) -> PageResult {
    let did = Did::new(did).map_err(|cause| Refusal::invalid("did", cause.to_string()))?;
    visit.house.decline_application(&visit.session.person, &did).await?;
    see(paths::MEMBERS)
}

async fn view(visit: &Visit) -> Result<MembersView> {
    let house = &visit.house;
    let ecosystem = house.ecosystem();
    let mut members = house.members().await?;
    members.sort_by_key(|member| (member.standing != Standing::Applied, member.title.to_lowercase()));
    Ok(MembersView {
        charter: ecosystem.charter.clone(),
        governing_body: ecosystem.governing_body.as_ref().map(|body| party(house, &ecosystem, body)),
        members: members
            .into_iter()
            .map(|member| MemberLine { own: member.did == house.did, member })
            .collect(),
        may_admit: house.config.ecosystem.governs && visit.may(Act::Govern),
    })
}
