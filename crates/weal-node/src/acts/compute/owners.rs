//! A question over products of several owners: split here, priced by all before any of them is asked, asked of all at
//! once, and put together here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use tokio::runtime::Handle;
use weal_domain::agreements::{Agreement, AgreementId};
use weal_domain::catalogue::{Column, Mode, ProductRef};
use weal_domain::compute::Preview;
use weal_domain::identity::{MemberName, Person};
use weal_domain::words::list;
use weal_domain::{Refusal, RefusalKind};
use weal_engine::{Heard, Question, Split, SplitPart, read_question, split_between_owners};

use super::ask::Plan;
use crate::api::{Answered, Ask, OwnerPart};
use crate::fault::{Error, Fault, Result};
use crate::house::House;

/// Owners that one question may be asked of.
const OWNERS_MAX: usize = 16;

/// A part of the question, and the agreements under which it is asked: several where it joins products.
struct Part<'a> {
    of: &'a SplitPart,
    agreements: Vec<Agreement>,
}

/// What is held about the products of a question.
struct Held {
    /// The agreement about each: for statistics, or where there is none of these for rows.
    about: BTreeMap<ProductRef, Agreement>,
    /// Those that the asker chose.
    chosen: Vec<AgreementId>,
    /// Whether the rows of all may be fetched.
    rows: bool,
}

impl Held {
    /// Under which agreements a part is to be asked: all that were chosen for its products, or the only one there is.
    /// Of products that it joins the others follow, for one purpose.
    fn wanted(&self, part: &SplitPart) -> Vec<AgreementId> {
        let about = part.products.iter().filter_map(|product| self.about.get(product));
        let is_wanted = |id: &AgreementId| part.products.len() == 1 || self.chosen.contains(id);
        about.map(|agreement| agreement.id.clone()).filter(is_wanted).collect()
    }
}

impl House {
    /// Asks each owner for its part; `None` where there is one owner, or where the question is for rows.
    pub(super) async fn ask_owners(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        question: &Question,
        chosen: &[AgreementId],
    ) -> Result<Option<Answered>> {
        let members: BTreeSet<&MemberName> = question.tables.iter().map(|table| &table.member).collect();
        let is_own = members.contains(&self.config.node.name);
        if members.len() < 2 || is_own || !question.aggregates {
            return Ok(None);
        }
        if members.len() > OWNERS_MAX {
            let reason = format!("A question may be about products of up to {OWNERS_MAX} owners.");
            return Err(Refusal::new(RefusalKind::TooLarge, "too-many-owners", reason).into());
        }
        let held = self.held_of_owners(question, chosen).await?;
        let split = match self.split(ask, &held.about).await {
            Ok(Some(split)) => split,
            Ok(None) => return Ok(None),
            Err(Error::Refused(_)) if held.rows => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let mut parts = Vec::new();
        for of in split.parts() {
            match self.choose(&read_question(&of.sql)?, &held.wanted(of)).await? {
                Plan::Private(agreements) => parts.push(Part { of, agreements }),
                Plan::Rows(_) if held.rows => return Ok(None),
                Plan::Rows(_) => return Err(not_private(of).into()),
            }
        }
        let previews = self.preview_parts(by, ask, &parts).await?;
        let told = priced(&split, &previews)?;
        if ask.preview {
            return Ok(Some(Answered::PreviewOfOwners { preview: told, owners: previews }));
        }
        let owners = self.answer_parts(by, ask, &parts).await?;
        drop(parts);
        self.put_together(split, owners).await.map(Some)
    }

    /// One answer of those of all owners. How long that takes is up to them, so no other request waits for it.
    async fn put_together(&self, split: Split, owners: Vec<OwnerPart>) -> Result<Answered> {
        let (engine, runtime) = (self.engine.clone(), Handle::current());
        let work = move || -> Result<Answered> {
            let answer = runtime.block_on(engine.combine(&split, &heard(&owners)))?;
            Ok(Answered::StatisticsOfOwners { answer, owners })
        };
        let combining = tokio::task::spawn_blocking(work);
        combining.await.map_err(|cause| Fault::new("putting answers together", cause))?
    }

    /// The agreement about each product. Where there are several for statistics, one must be chosen.
    async fn held_of_owners(&self, question: &Question, chosen: &[AgreementId]) -> Result<Held> {
        let (mut about, mut rows) = (BTreeMap::new(), true);
        for one in self.holdings(question, chosen).await? {
            rows &= one.rows().is_some();
            let private: Vec<&Agreement> = one.of_mode(Mode::Statistics).collect();
            if private.len() > 1 {
                return Err(which_agreement(&one.table, &private).into());
            }
            let best = private.first().copied().or(one.held.first()).cloned();
            about.extend(best.map(|agreement| (one.table.clone(), agreement)));
        }
        Ok(Held { about, chosen: chosen.to_vec(), rows })
    }

    async fn split(&self, ask: &Ask, about: &BTreeMap<ProductRef, Agreement>) -> Result<Option<Split>> {
        let mut columns: BTreeMap<ProductRef, Vec<Column>> = BTreeMap::new();
        for table in &read_question(&ask.sql)?.tables {
            let mut known = self.entry_of(table).await?.columns;
            if let Some(covered) = about.get(table).and_then(|agreement| agreement.terms.columns.as_ref()) {
                known.retain(|column| covered.contains(&column.name));
            }
            columns.insert(table.clone(), known);
        }
        let sql = ask.sql.clone();
        let splitting = tokio::task::spawn_blocking(move || split_between_owners(&sql, &columns));
        Ok(splitting.await.map_err(|cause| Fault::new("splitting a question", cause))??)
    }

    /// Has every owner price its part. A refusal of one, or a budget that does not reach, ends the question before
    /// anybody is charged.
    async fn preview_parts(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        parts: &[Part<'_>],
    ) -> Result<Vec<OwnerPart>> {
        let previewed = join_all(parts.iter().map(|part| self.ask_part(by, ask, part, true))).await;
        let mut owners = Vec::new();
        for (part, previewed) in parts.iter().zip(previewed) {
            let owner = previewed.map_err(|cause| nobody_charged(part, cause))?;
            if let Answered::Preview { preview, budget, also, given_before: false, .. } = &*owner.answered
                && !budget.iter().chain(also).all(|budget| preview.loss.fits(budget.left))
            {
                return Err(nobody_charged(part, exhausted(preview).into()));
            }
            owners.push(owner);
        }
        Ok(owners)
    }

    /// Has every owner answer its part. Each is charged for its own, whatever becomes of the others.
    async fn answer_parts(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        parts: &[Part<'_>],
    ) -> Result<Vec<OwnerPart>> {
        let answered = join_all(parts.iter().map(|part| self.ask_part(by, ask, part, false))).await;
        let (mut owners, mut failed) = (Vec::new(), Vec::new());
        for (part, answered) in parts.iter().zip(answered) {
            match answered {
                Ok(owner) => owners.push(owner),
                Err(cause) => failed.push((part, cause)),
            }
        }
        match failed.into_iter().next() {
            Some((part, cause)) => Err(some_charged(part, &owners, cause)),
            None => Ok(owners),
        }
    }

    async fn ask_part(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        part: &Part<'_>,
        preview: bool,
    ) -> Result<OwnerPart> {
        let SplitPart { member, products, sql } = part.of.clone();
        let asked = Ask { sql: sql.clone(), preview, loss: ask.loss, format: None, agreement: None };
        let answered = Box::new(self.ask_privately(by, &asked, part.agreements.clone()).await?);
        let ecosystem = self.ecosystem();
        let owner = part.agreements.first().and_then(|agreement| ecosystem.members.get(&agreement.provider));
        let title = owner.map(|member| member.title.clone());
        Ok(OwnerPart { title: title.unwrap_or_else(|| member.to_string()), member, products, sql, answered })
    }
}

/// The previews of all owners as one, with what each of them would charge.
fn priced(split: &Split, owners: &[OwnerPart]) -> Result<Preview> {
    let mut previews = Vec::new();
    for owner in owners {
        match &*owner.answered {
            Answered::Preview { preview, given_before, .. } => previews.push((owner, preview, *given_before)),
            _ => return Err(Fault::new("pricing a question", "an answer where a preview should be").into()),
        }
    }
    let heard: Vec<(&str, &Preview)> =
        previews.iter().map(|(owner, preview, _)| (owner.member.as_str(), *preview)).collect();
    let mut told = split.preview(&heard)?;
    told.explanation.extend(previews.iter().map(|(owner, preview, given_before)| match given_before {
        true => format!("{} was asked this before, and gives the same answer for nothing.", owner.title),
        false => format!("{} would charge {}.", owner.title, preview.loss),
    }));
    let cut = previews.iter().filter_map(|(owner, preview, _)| Some((owner, preview.cut.as_ref()?)));
    told.explanation.extend(cut.map(|(owner, cut)| format!("{}: {}", owner.title, cut.said)));
    Ok(told)
}

fn heard(owners: &[OwnerPart]) -> Vec<Heard<'_>> {
    let heard = owners.iter().filter_map(|owner| match &*owner.answered {
        Answered::Statistics { answer, .. } => Some(Heard { member: owner.member.as_str(), answer }),
        _ => None,
    });
    heard.collect()
}

/// Refused before anything was asked in earnest.
fn nobody_charged(part: &Part<'_>, cause: Error) -> Error {
    with_sentence(cause, |refusal| {
        let reason = format!("{}: {}", part.of.member, refusal.reason);
        let remedy = refusal.remedy.take().map_or_else(String::new, |remedy| format!(" {remedy}"));
        (reason, format!("No owner was charged.{remedy}"))
    })
}

/// One did not answer after others may have.
fn some_charged(part: &Part<'_>, answered: &[OwnerPart], cause: Error) -> Error {
    let names: Vec<&str> = answered.iter().map(|owner| owner.title.as_str()).collect();
    with_sentence(cause, |refusal| {
        let remedy = refusal.remedy.take().map_or_else(String::new, |remedy| format!("{remedy} "));
        let reason = format!("{}: {}", part.of.member, refusal.reason);
        let told = match names.is_empty() {
            true => "No other owner has answered.".to_owned(),
            false => format!(
                "{} answered and charged for it; asked the same again, in the same words, they give the same answer \
                 for nothing.",
                list(&names, "and")
            ),
        };
        (reason, format!("{remedy}{told}"))
    })
}

fn with_sentence(cause: Error, told: impl FnOnce(&mut Refusal) -> (String, String)) -> Error {
    match cause {
        Error::Refused(mut refusal) => {
            let (reason, remedy) = told(&mut refusal);
            Error::Refused(Refusal { reason, remedy: Some(remedy), ..refusal })
        }
        fault @ Error::Fault(_) => fault,
    }
}

fn exhausted(preview: &Preview) -> Refusal {
    let reason = format!("The question costs {}, and less is left of the budget.", preview.loss);
    Refusal::new(RefusalKind::Exhausted, "owner-budget-exhausted", reason)
        .remedy("Ask for less with `--epsilon`, or leave this owner out.")
        .changed_by("the owner's steward")
}

/// Two agreements about one product: who asks says for which purpose.
fn which_agreement(table: &ProductRef, several: &[&Agreement]) -> Refusal {
    let each: Vec<String> =
        several.iter().map(|agreement| format!("{} (for {})", agreement.id, agreement.purpose)).collect();
    Refusal::conflict("several-agreements", format!("You hold {} agreements about {table}.", several.len()))
        .remedy(format!("Choose with `--agreement`: {}.", list(&each, "or")))
}

/// Rows of one owner and statistics of another are not put together.
fn not_private(part: &SplitPart) -> Refusal {
    let table = list(&part.products.iter().map(ToString::to_string).collect::<Vec<_>>(), "and");
    let reason = format!(
        "Your agreement about {table} is for rows, and another owner's is for statistics alone: over both, each owner \
         is asked privately."
    );
    Refusal::forbidden("statistics-not-agreed", reason)
        .instead(Mode::Statistics)
        .remedy(format!("Request an agreement: `weal request {table} --mode statistics --purpose PURPOSE`."))
        .changed_by("the owner's steward")
}
