//! From what a question came to, to what its page shows.

use std::collections::BTreeSet;

use serde_json::Value;
use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::ProductRef;
use weal_domain::compute::{Answer, LossCut, Preview};
use weal_domain::exchange::UseId;
use weal_domain::ledger::{Fact, Receipt};
use weal_domain::words::list;
use weal_portal::view::{
    AnswerPart, AnswerView, AskOutcome, BudgetChange, HeldProduct, Party, PreviewView, ReceiptRef, RowsView,
};

use super::super::frame::Visit;
use super::super::parties::{meter, party, title_of};
use super::keep::exports;
use crate::acts::agreements::agreement_unknown;
use crate::api::{Answered, BudgetShown, OwnerPart};
use crate::fault::Result;

pub(super) async fn outcome(visit: &Visit, answered: Answered, held: &[HeldProduct]) -> Result<AskOutcome> {
    Ok(match answered {
        Answered::Preview { agreement, preview, budget, .. } => {
            let chosen = held.iter().any(|held| held.agreement.as_str() == agreement);
            let budget = budget.filter(|_| chosen);
            AskOutcome::Preview(Box::new(PreviewView {
                budget: budget.map(|b| after(&b, &preview)),
                preview,
            }))
        }
        Answered::PreviewOfOwners { preview, .. } => {
            AskOutcome::Preview(Box::new(PreviewView { budget: None, preview }))
        }
        Answered::StatisticsOfOwners { answer, owners } => {
            AskOutcome::Answer(Box::new(of_owners(visit, answer, owners).await?))
        }
        Answered::Statistics { agreement, answer, cut, receipt, budget_before, budget_after, .. } => {
            let about = About::of(visit, &agreement).await?;
            let budget = BudgetChange { before: meter(&budget_before), after: meter(&budget_after) };
            AskOutcome::Answer(Box::new(statistics(visit, about, (answer, cut), &receipt, budget).await?))
        }
        Answered::Rows { agreements, columns, rows, receipts } => {
            let (Some(agreement), Some(receipt)) = (agreements.first(), receipts.first()) else {
                return Err(own_rows().into());
            };
            let about = About::of(visit, agreement).await?;
            AskOutcome::Rows(Box::new(released(visit, about, columns, &rows, receipt).await?))
        }
    })
}

/// The use an answer belongs to; the first, where it was joined from several.
pub(super) fn use_of(answered: &Answered) -> Result<UseId, Refusal> {
    match answered {
        Answered::Statistics { receipt, .. } => Ok(receipt.use_id.clone()),
        Answered::StatisticsOfOwners { owners, .. } => {
            let first = owners.first().ok_or_else(super::form_broken)?;
            use_of(&first.answered)
        }
        Answered::Rows { receipts, .. } => {
            receipts.first().map(|receipt| receipt.use_id.clone()).ok_or_else(own_rows)
        }
        Answered::Preview { .. } | Answered::PreviewOfOwners { .. } => Err(super::form_broken()),
    }
}

/// This page asks others; a question about own products alone never reaches an owner's gate.
pub(super) fn own_rows() -> Refusal {
    Refusal::invalid(
        "own-product",
        "This question is about your own products alone, and this page asks others.",
    )
    .remedy("Ask it with `weal ask`.")
}

/// What every answer says about where it comes from.
struct About {
    title: String,
    owner: Party,
    product: ProductRef,
    agreement: Agreement,
}

impl About {
    async fn of(visit: &Visit, agreement: &str) -> Result<Self> {
        let house = &visit.house;
        let agreement = house.agreement(&agreement.parse().map_err(|_| agreement_unknown())?).await?;
        let owner = party(house, &house.ecosystem(), &agreement.provider);
        let about = [(agreement.provider.clone(), agreement.dataset.clone())];
        Ok(Self {
            title: title_of(&house.entries_about(about).await?, &agreement.provider, &agreement.product),
            product: ProductRef { member: owner.name.clone(), product: agreement.product.clone() },
            owner,
            agreement,
        })
    }
}

fn after(before: &BudgetShown, preview: &Preview) -> BudgetChange {
    let before = meter(before);
    let mut after = before;
    after.spent = before.spent.saturating_add(preview.loss);
    BudgetChange { before, after }
}

async fn statistics(
    visit: &Visit,
    about: About,
    (answer, cut): (Answer, Option<LossCut>),
    receipt: &Receipt,
    budget: BudgetChange,
) -> Result<AnswerView> {
    Ok(AnswerView {
        title: about.title,
        owner: about.owner,
        product: about.product,
        agreement: about.agreement.id,
        purpose: about.agreement.purpose,
        units: vec![None; answer.columns.len()],
        answer,
        cut: cut.map(|cut| cut.said),
        budget: Some(budget),
        receipt: receipt_ref(visit, receipt).await?,
        asked_at: receipt.at,
        exports: exports(&receipt.use_id, true),
        parts: Vec::new(),
    })
}

/// The answer of all owners, and what each of them gave.
async fn of_owners(visit: &Visit, answer: Answer, owners: Vec<OwnerPart>) -> Result<AnswerView> {
    let mut views = Vec::new();
    for owner in owners {
        if let Answered::Statistics { agreement, answer, cut, receipt, budget_before, budget_after, .. } =
            *owner.answered
        {
            let about = About::of(visit, &agreement).await?;
            let budget = BudgetChange { before: meter(&budget_before), after: meter(&budget_after) };
            views.push(statistics(visit, about, (answer, cut), &receipt, budget).await?);
        }
    }
    let first = views.first().cloned().ok_or_else(super::form_broken)?;
    let names: Vec<String> = views.iter().map(|view| view.owner.title.clone()).collect();
    let titles: BTreeSet<String> = views.iter().map(|view| view.title.clone()).collect();
    let parts = views.into_iter().map(|view| AnswerPart {
        title: view.title,
        owner: view.owner,
        agreement: view.agreement,
        purpose: view.purpose,
        loss: view.answer.loss,
        cut: view.cut,
        budget: view.budget,
        receipt: view.receipt,
    });
    Ok(AnswerView {
        title: list(&titles.into_iter().collect::<Vec<_>>(), "and"),
        owner: Party { title: list(&names, "and"), ..first.owner },
        units: vec![None; answer.columns.len()],
        cut: None,
        budget: None,
        parts: parts.collect(),
        answer,
        ..first
    })
}

async fn released(
    visit: &Visit,
    about: About,
    columns: Vec<String>,
    rows: &[Vec<Value>],
    receipt: &Receipt,
) -> Result<RowsView> {
    Ok(RowsView {
        title: about.title,
        owner: about.owner,
        product: about.product,
        agreement: about.agreement.id,
        purpose: about.agreement.purpose,
        columns,
        rows: rows.iter().map(|row| row.iter().map(super::keep::text_of).collect()).collect(),
        total: Some(rows.len() as u64),
        receipt: Some(receipt_ref(visit, receipt).await?),
        asked_at: receipt.at,
        exports: exports(&receipt.use_id, false),
    })
}

/// Where both ledgers keep the use, as this node's own entry says.
async fn receipt_ref(visit: &Visit, receipt: &Receipt) -> Result<ReceiptRef> {
    let uses = visit.house.store.read("pages.receipt").await?.uses_by_id(&receipt.use_id).await?;
    let ours = uses.iter().find(|one| one.side == Side::Consumer).map_or(0, |one| one.ledger_index);
    let owner_index = match visit.house.proved_entry(ours).await?.entry.fact {
        Fact::UseReceived { provider_index, .. } => provider_index,
        _ => 0,
    };
    Ok(ReceiptRef { use_id: receipt.use_id.clone(), ledger_index: ours, owner_index })
}
