//! Steps three and four: find, be refused, and agree.

use std::time::Instant;

use weal_domain::agreements::{Agreement, AgreementStatus};
use weal_domain::catalogue::Mode;
use weal_node::api::{Found, Refreshed, RequestAgreement, Requested};

use super::{Stage, typed};
use crate::client::segment;
use crate::commands::search_words;
use crate::failure::{Doing as _, Failure, Result};
use crate::print::number::duration;

/// How long the analyst waits for the other side.
const AGREE_WAIT_MS: u64 = 10_000;

pub(super) async fn search(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("An analyst of the education agency looks for wages");
    let analyst = &stage.agencies.education;
    let fresh: Refreshed = analyst.client.post("/catalogue/refresh", &(), "refreshing the catalogue").await?;
    typed(stage, analyst, "weal search wages");
    let path = format!("/catalogue?q={}", segment("wages"));
    let found: Found = analyst.client.get(&path, "searching the catalogue").await?;
    stage.narrator.show(&search_words(&found));
    let first = found.entries.first().map(|entry| format!("{}.{}", entry.member, entry.product));
    stage.narrator.check("all members answered with their catalogue", fresh.unreachable.is_empty());
    stage.narrator.check("the payroll is found first", first.as_deref() == Some("revenue.payroll"));
    Ok(())
}

pub(super) async fn agree(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("They ask for rows, are refused, and agree on statistics");
    refused(stage).await?;
    stage.narrator.blank();
    let (agreement, took) = request(stage, "revenue.payroll", Mode::Statistics).await?;
    stage.narrator.say(&format!(
        "From request to agreement, {} on both sides: {}.",
        both_sides(&stage.agencies.revenue, &stage.agencies.education),
        duration(took)
    ));
    let id = agreement.id.to_string();
    let ours = standing(&stage.agencies.education, &id).await?;
    let theirs = standing(&stage.agencies.revenue, &id).await?;
    stage.narrator.check("the agreement is in force at the asker's node", ours);
    stage.narrator.check("the agreement is in force at the owner's node", theirs);
    stage.agreement = Some(id);
    Ok(())
}

fn both_sides(one: &crate::demo::agencies::Agency, other: &crate::demo::agencies::Agency) -> String {
    format!("in force at the nodes of the {} and the {}", one.title, other.title)
}

/// Rows of personal data are not offered; the refusal names the rung that would answer.
async fn refused(stage: &mut Stage) -> Result<()> {
    let analyst = &stage.agencies.education;
    typed(stage, analyst, "weal request revenue.payroll --mode extract --purpose fraud");
    let asked = send(stage, "revenue.payroll", Mode::Extract).await;
    let refusal = match asked {
        Err(Failure::Refused { refusal, .. }) => refusal,
        Err(other) => return Err(other),
        Ok(Requested { refusal: Some(refusal), .. }) => Box::new(refusal),
        Ok(_) => {
            stage.narrator.check("rows of the payroll are refused", false);
            return Ok(());
        }
    };
    let instead = refusal.instead;
    stage.narrator.show(&Failure::Refused { doing: "extract of revenue.payroll".into(), refusal }.words());
    stage.narrator.check("the refusal of rows names statistics instead", instead == Some(Mode::Statistics));
    Ok(())
}

/// Asks for `product` on a rung and expects an agreement.
pub(super) async fn request(
    stage: &Stage,
    product: &str,
    mode: Mode,
) -> Result<(Agreement, std::time::Duration)> {
    typed(stage, &stage.agencies.education, &format!("weal request {product} --mode {mode} --purpose fraud"));
    let began = Instant::now();
    let requested = send(stage, product, mode).await?;
    let took = began.elapsed();
    if let Some(sentence) = &requested.sentence {
        stage.narrator.say(&format!("Agreed: {sentence}"));
    }
    match requested {
        Requested { agreement: Some(agreement), .. } => Ok((agreement, took)),
        Requested { refusal: Some(refusal), .. } => {
            Err(Failure::refused(format!("{mode} of {product}"), refusal))
        }
        Requested { negotiation, .. } => {
            Err(Failure::failed(format!("the negotiation about {product} stayed {}", negotiation.state)))
        }
    }
}

async fn send(stage: &Stage, product: &str, mode: Mode) -> Result<Requested> {
    let body = RequestAgreement {
        product: product.parse().doing("a name of the demo")?,
        mode,
        purpose: stage.purpose.clone(),
        legal_basis: Some(stage.legal_basis.clone()),
        wait_ms: Some(AGREE_WAIT_MS),
    };
    stage.agencies.education.client.post("/requests", &body, &format!("{mode} of {product}")).await
}

/// Whether the agreement is in force at this node.
async fn standing(agency: &crate::demo::agencies::Agency, id: &str) -> Result<bool> {
    let all: Vec<Agreement> = agency.client.get("/agreements", "listing the agreements").await?;
    Ok(all
        .iter()
        .any(|agreement| agreement.id.as_str() == id && agreement.status == AgreementStatus::InForce))
}
