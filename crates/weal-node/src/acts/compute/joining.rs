//! The asker's side of a question that joins products: an agreement for each, with one owner and for one purpose.

use std::collections::BTreeSet;

use weal_domain::agreements::{Agreement, AgreementId, Purpose};
use weal_domain::catalogue::{Mode, ProductRef};
use weal_domain::words::list;
use weal_domain::{Refusal, RefusalKind};

use crate::fault::Result;
use crate::house::House;

/// A product that a question names, and the agreements in force about it; none about an own product.
pub(super) struct Named {
    pub table: ProductRef,
    pub held: Vec<Agreement>,
    pub is_own: bool,
}

impl Named {
    pub(super) fn of_mode(&self, mode: Mode) -> impl Iterator<Item = &Agreement> {
        self.held.iter().filter(move |agreement| agreement.mode == mode)
    }

    pub(super) fn private(&self) -> Option<&Agreement> {
        self.of_mode(Mode::Statistics).next()
    }

    pub(super) fn rows(&self) -> Option<&Agreement> {
        self.of_mode(Mode::Extract).next()
    }

    /// What it is used under in a private question for a purpose: statistics, or where it is about nobody its rows.
    fn for_purpose(&self, purpose: &Purpose) -> Option<&Agreement> {
        let fits = |agreement: &&Agreement| agreement.purpose == *purpose;
        self.of_mode(Mode::Statistics).find(fits).or_else(|| self.of_mode(Mode::Extract).find(fits))
    }
}

/// The agreements under which several products are asked about together, those that are charged first; `None`
/// where the question is answered from rows, since rows of every product may be had.
pub(super) fn joined(named: &[Named]) -> Result<Option<Vec<Agreement>>, Refusal> {
    let all_private = named.iter().all(|one| one.private().is_some());
    let all_rows = named.iter().all(|one| one.is_own || one.rows().is_some());
    let owners: BTreeSet<&str> = named.iter().map(|one| one.table.member.as_str()).collect();
    // Of several other owners it is split before it comes here, or answered from rows.
    let is_of_several = owners.len() > 1 && named.iter().all(|one| !one.is_own);
    if (all_rows && !all_private) || is_of_several {
        return Ok(None);
    }
    if let Some(neither) = named.iter().find(|one| one.private().or(one.rows()).is_none()) {
        return Err(not_to_be_joined(named, neither));
    }
    let purposes = named.iter().flat_map(|one| one.of_mode(Mode::Statistics)).map(|held| &held.purpose);
    for purpose in purposes {
        let found: Option<Vec<&Agreement>> = named.iter().map(|one| one.for_purpose(purpose)).collect();
        if let Some(mut found) = found {
            found.sort_by_key(|agreement| (agreement.mode, agreement.product.clone()));
            return Ok(Some(found.into_iter().cloned().collect()));
        }
    }
    Err(other_purposes(named))
}

fn not_to_be_joined(named: &[Named], neither: &Named) -> Refusal {
    if neither.is_own {
        let others = named.iter().filter(|one| !one.is_own).map(|one| one.table.to_string());
        let others: Vec<String> = others.collect();
        let reason = format!(
            "The rows of {} do not leave their owner's node, so they cannot be joined with your own {} here.",
            list(&others, "and"),
            neither.table
        );
        return Refusal::new(RefusalKind::Forbidden, "own-beside-private", reason)
            .remedy("Write your own values into the question as VALUES, or ask about the others alone.")
            .instead(Mode::Statistics);
    }
    let reason = format!("You hold no agreement by which {} can be joined.", neither.table);
    Refusal::forbidden("agreement-missing", reason)
        .remedy(format!("Request one: `weal request {} --mode statistics --purpose PURPOSE`.", neither.table))
        .changed_by("the owner's steward")
}

/// What is joined is used for one purpose: of the agreements there are, no purpose has all products.
fn other_purposes(named: &[Named]) -> Refusal {
    let tables: Vec<String> = named.iter().map(|one| one.table.to_string()).collect();
    let reason = format!("You hold no agreements for one purpose about {}.", list(&tables, "and"));
    let wanted = named.iter().find_map(|one| one.private()).map(|held| &held.purpose);
    let missing = wanted.and_then(|purpose| named.iter().find(|one| one.for_purpose(purpose).is_none()));
    let remedy = wanted.zip(missing).map(|(purpose, missing)| {
        format!("Request one: `weal request {} --mode statistics --purpose {purpose}`.", missing.table)
    });
    Refusal::forbidden("purposes-differ", reason)
        .remedy(remedy.unwrap_or_else(|| "Request an agreement for the same purpose about each.".to_owned()))
        .changed_by("the owner's steward")
}

/// Chosen, and of no use to the question: going on without it would charge another one.
pub(super) fn not_held(chosen: &AgreementId) -> Refusal {
    let reason = format!("You hold no agreement {chosen} about a product of this question.");
    Refusal::forbidden("agreement-missing", reason)
        .remedy("Choose one that `weal agreements` lists, or none where one would do.")
}

impl House {
    /// The one of a question's products that an agreement is about, if it is about one of them.
    pub(super) async fn table_of_agreement(
        &self,
        tables: &[ProductRef],
        chosen: &AgreementId,
    ) -> Result<Option<ProductRef>> {
        let mut tx = self.store.read("compute.chosen").await?;
        let Some(agreement) = tx.agreement(chosen).await? else { return Ok(None) };
        for table in tables.iter().filter(|table| table.product == agreement.product) {
            let owner = tx.member_by_name(&table.member).await?;
            if owner.is_some_and(|owner| owner.did == agreement.provider) {
                return Ok(Some(table.clone()));
            }
        }
        Ok(None)
    }
}
