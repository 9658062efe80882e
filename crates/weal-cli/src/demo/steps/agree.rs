//! Steps three and four: find, be refused, and agree.

use std::time::{Duration, Instant};

use weal_domain::agreements::{Agreement, AgreementStatus};
use weal_domain::catalogue::Mode;
use weal_node::api::{Found, NegotiationShown, Refreshed, RequestAgreement, Requested};

use super::{Stage, typed};
use crate::client::segment;
use crate::commands::search_words;
use crate::demo::agencies::Agency;
use crate::failure::{Doing as _, Failure, Result};
use crate::print::number::duration;

/// How long the analyst waits for the other side.
const AGREE_WAIT_MS: u64 = 60_000;
/// How long the last acknowledgement may be on its way.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);

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
    let id = agreement.id.to_string();
    let states = states(&stage.agencies.education, &id).await?;
    stage
        .narrator
        .say(&format!("The nodes negotiated by the Dataspace Protocol in {}: {states}.", duration(took)));
    let ours = standing(&stage.agencies.education, &id).await?;
    let theirs = standing(&stage.agencies.revenue, &id).await?;
    stage.narrator.check("the agreement is in force at the asker's node", ours);
    stage.narrator.check("the agreement is in force at the owner's node", theirs);
    stage.agreement = Some(id);
    Ok(())
}

/// The states that the negotiation of an agreement went through, as this node saw them.
async fn states(agency: &Agency, agreement: &str) -> Result<String> {
    let all: Vec<NegotiationShown> = agency.client.get("/negotiations", "listing the negotiations").await?;
    let one = all.iter().find(|negotiation| negotiation.agreement.as_deref() == Some(agreement));
    let what =
        one.map(|negotiation| negotiation.timeline.iter().map(|moment| moment.what.as_str()).collect());
    Ok(what.map_or_else(String::new, |what: Vec<&str>| what.join(" → ")))
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
pub(super) async fn request(stage: &Stage, product: &str, mode: Mode) -> Result<(Agreement, Duration)> {
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

/// Whether the agreement is in force at this node, or comes into force as soon as the last message is
/// acknowledged.
async fn standing(agency: &Agency, id: &str) -> Result<bool> {
    let began = Instant::now();
    loop {
        let all: Vec<Agreement> = agency.client.get("/agreements", "listing the agreements").await?;
        let found = all.iter().find(|agreement| agreement.id.as_str() == id);
        match found.map(|agreement| &agreement.status) {
            Some(AgreementStatus::InForce) => return Ok(true),
            Some(AgreementStatus::Pending) if began.elapsed() < ACKNOWLEDGED_WITHIN => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            _ => return Ok(false),
        }
    }
}
