//! The owner's side of a question that joins products: each under a line and an agreement of its own, all of them
//! used, charged and sealed at once, or none.

use std::collections::BTreeSet;

use weal_domain::agreements::Agreement;
use weal_domain::catalogue::{Mode, ProductName};
use weal_domain::compute::Loss;
use weal_domain::exchange::{Asking, Extract, Grant, Permit, Statistics};
use weal_domain::{Refusal, RefusalKind};
use weal_engine::{Covered, PermitFor, Permitted};
use weal_store::Tx;
use weal_wire::peer::{LineMessage, QuestionMessage};

use crate::acts::exchange::{Cost, Using};
use crate::fault::{Error, Result};
use crate::house::House;
use crate::peers::Caller;

/// The products of one question, that of the line it came over first.
#[derive(Debug, Clone)]
pub struct Together {
    lead: Using,
    others: Vec<Using>,
}

/// What the gate gave for one product.
#[derive(Debug)]
pub(super) enum Opened {
    Statistics(Permit<Statistics>),
    /// Of a product about nobody, whose rows the asker may have.
    Rows(Permit<Extract>),
}

/// Why a question is not answered, and of which product.
#[derive(Debug)]
pub(super) struct Stopped<'a> {
    pub by: &'a Using,
    pub cause: Error,
}

impl Together {
    pub(super) fn all(&self) -> impl Iterator<Item = &Using> {
        [&self.lead].into_iter().chain(&self.others)
    }

    /// Those that are charged.
    pub(super) fn private(&self) -> impl Iterator<Item = &Using> {
        self.all().filter(|using| is_private(&using.agreement))
    }

    pub(super) fn lead(&self) -> &Using {
        &self.lead
    }

    pub(super) fn covered(&self) -> Vec<Covered> {
        let covered = |using: &Using| Covered {
            product: using.product.clone(),
            columns: using.agreement.terms.columns.clone(),
        };
        self.all().map(covered).collect()
    }

    pub(super) fn permitted<'a>(&'a self, opened: &'a [Opened]) -> Vec<Permitted<'a>> {
        let permitted = |(using, opened): (&'a Using, &'a Opened)| Permitted {
            permit: opened.permit(),
            product: &using.product,
            source: &using.source,
        };
        self.all().zip(opened).map(permitted).collect()
    }

    /// What the other products add to what makes two questions the same one: their agreements and versions.
    pub(super) fn mark(&self) -> String {
        let mark = |using: &Using| format!("\n{} {}", using.agreement.id, using.product.version);
        self.others.iter().map(mark).collect()
    }

    /// Whether the gate is asked about statistics; beside other products, one about nobody gives its rows.
    fn asks_statistics(&self, using: &Using) -> bool {
        is_private(&using.agreement) || self.others.is_empty()
    }

    /// A refusal that names the product it is about, where there are several.
    fn named(&self, stopped: Stopped<'_>) -> Error {
        match stopped.cause {
            Error::Refused(refusal) if !self.others.is_empty() => {
                let reason = format!("About {}: {}", stopped.by.product.name, refusal.reason);
                Refusal { reason, ..refusal }.into()
            }
            cause => cause,
        }
    }
}

impl Opened {
    pub(super) fn grant(&self) -> &Grant {
        match self {
            Opened::Statistics(permit) => permit.grant(),
            Opened::Rows(permit) => permit.grant(),
        }
    }

    fn permit(&self) -> PermitFor<'_> {
        match self {
            Opened::Statistics(permit) => PermitFor::Statistics(permit),
            Opened::Rows(permit) => PermitFor::Rows(permit),
        }
    }

    /// What of the price of the answer is paid for this product: all or nothing.
    pub(super) fn paid(&self, price: Loss) -> Loss {
        match self {
            Opened::Statistics(_) => price,
            Opened::Rows(_) => Loss::ZERO,
        }
    }
}

/// Whether a use under this agreement is charged.
pub(super) fn is_private(agreement: &Agreement) -> bool {
    agreement.mode == Mode::Statistics
}

impl House {
    /// Gathers the products of a question: that of the line it came over, and those of the lines it names, each of
    /// the same asker and for the same purpose.
    pub async fn together(&self, from: &Caller, lead: Using, message: &QuestionMessage) -> Result<Together> {
        if !message.also.is_empty() {
            let outcome = may_be_joined(&lead);
            self.refused(&lead, outcome.map_err(Error::from)).await?;
        }
        let mut together = Together { lead, others: Vec::new() };
        for line in &message.also {
            let beside = self.beside(from, &together.lead, line, &message.sql).await?;
            if together.all().any(|using| using.product.name == beside.product.name) {
                let reason = format!("The question comes over two lines about {}.", beside.product.name);
                return Err(Refusal::invalid("product-twice", reason).remedy("Name each line once.").into());
            }
            together.others.push(beside);
        }
        let names: BTreeSet<ProductName> = together.all().map(|using| using.product.name.clone()).collect();
        for using in [&mut together.lead].into_iter().chain(&mut together.others) {
            using.joined_with = names.iter().filter(|name| **name != using.product.name).cloned().collect();
        }
        Ok(together)
    }

    async fn beside(&self, from: &Caller, lead: &Using, line: &LineMessage, sql: &str) -> Result<Using> {
        let transfer = self.transfer_of_token(from, &line.transfer, &line.token).await?;
        // Every product is used for what the first is used for.
        let asking = Asking { purpose: Some(lead.agreement.purpose.clone()), ..lead.asking.clone() };
        let using = self.using(&transfer, asking, sql).await?;
        let outcome = may_be_joined(&using);
        self.refused(&using, outcome.map_err(Error::from)).await?;
        Ok(using)
    }

    /// Remembers a refusal under the agreement that it is about, on its way to the asker. No transaction is open.
    pub(super) async fn unless_stopped<T>(
        &self,
        together: &Together,
        outcome: Result<T, Stopped<'_>>,
    ) -> Result<T> {
        match outcome {
            Ok(done) => Ok(done),
            Err(stopped) => {
                if let Error::Refused(refusal) = &stopped.cause {
                    self.remember_refusal(&stopped.by.agreement, refusal).await?;
                }
                Err(together.named(stopped))
            }
        }
    }

    /// Asks the gate for every product, in the transaction that will record its answers (`GT-1`).
    pub(super) async fn open_gates<'a>(
        &self,
        tx: &mut Tx,
        together: &'a Together,
        cost: Cost,
    ) -> Result<Vec<Opened>, Stopped<'a>> {
        let mut opened = Vec::new();
        for using in together.all() {
            let found = match together.asks_statistics(using) {
                true => self.open_gate(tx, using, cost).await.map(Opened::Statistics),
                false => self.open_gate(tx, using, Cost::Nothing).await.map(Opened::Rows),
            };
            opened.push(found.map_err(|cause| Stopped { by: using, cause })?);
        }
        Ok(opened)
    }

    /// Whether [`House::open_gates`] would open all of them, with nothing recorded.
    pub(super) async fn would_open_gates(
        &self,
        tx: &mut Tx,
        together: &Together,
        cost: Cost,
    ) -> Result<bool> {
        for using in together.all() {
            let opens = match together.asks_statistics(using) {
                true => self.would_open::<Statistics>(tx, using, cost).await?,
                false => self.would_open::<Extract>(tx, using, Cost::Nothing).await?,
            };
            if !opens {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Besides products that are asked about, a question joins those about nobody: whoever may have their rows could
/// have written them into the question.
fn may_be_joined(using: &Using) -> Result<(), Refusal> {
    let name = &using.product.name;
    match using.agreement.mode {
        Mode::Statistics => Ok(()),
        Mode::Extract if using.product.privacy.is_none() => Ok(()),
        Mode::Extract => Err(Refusal::new(
            RefusalKind::Forbidden,
            "persons-unprotected",
            format!("{name} is about persons, and an agreement for its rows does not protect them in an answer."),
        )
        .remedy(format!("Request an agreement for statistics about {name} as well."))
        .instead(Mode::Statistics)
        .changed_by("the owner's steward")),
        other => Err(Refusal::forbidden(
            "agreement-other-rung",
            format!("Your agreement about {name} is for {other}, and products are joined for statistics or extract."),
        )
        .remedy(format!("Request an agreement for statistics about {name}."))
        .changed_by("the owner's steward")),
    }
}
