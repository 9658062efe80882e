//! One use of an agreement, on the owner's side: the gate asked, the answer recorded, then released.

use std::collections::HashMap;

use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, AgreementId, Side};
use weal_domain::catalogue::{Offer, Product, ProductName, check_offer};
use weal_domain::citizens::ConsentCover;
use weal_domain::compute::{Account, Loss};
use weal_domain::exchange::{Asking, Budgets, GateQuestion, Grant, Permit, Rung, Transfer, UseId, decide};
use weal_domain::governance::Member;
use weal_domain::identity::{Act, Person, one_may};
use weal_domain::ledger::{Fact, Receipt};
use weal_engine::Source;
use weal_store::{StoredUse, Tx};
use weal_wire::peer::Exact;

use crate::acts::agreements::agreement_unknown;
use crate::acts::sha256_hex;
use crate::api::{Moment, UseShown};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::observe::Outcome;

/// Receipts are versioned like entries.
pub(super) const RECEIPT_VERSION: u8 = 1;

/// The account from which every question about a product is paid.
#[must_use]
pub fn product_account(product: &ProductName) -> String {
    Account::Product(product.clone()).to_string()
}

/// What a use costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Rows draw on no budget.
    Nothing,
    Loss(Loss),
    /// An answer that was paid for is given again.
    PaidBefore,
}

/// What the owner's node knows when a use is asked for.
#[derive(Debug, Clone)]
pub struct Using {
    pub asking: Asking,
    pub agreement: Agreement,
    pub product: Product,
    pub source: Source,
    pub question_sha256: String,
    /// The other products that the same question joins.
    pub joined_with: Vec<ProductName>,
    offers: Vec<Offer>,
}

impl House {
    /// Gathers what a use needs, for the holder of an open transfer.
    pub async fn using(&self, transfer: &Transfer, asking: Asking, question: &str) -> Result<Using> {
        let mut tx = self.store.read("exchange.using").await?;
        let agreement = tx.agreement(&transfer.agreement).await?.ok_or_else(agreement_unknown)?;
        self.still_in_force(&agreement).await?;
        if !transfer.is_open() && !transfer.is_starting() {
            return Err(Refusal::conflict("transfer-not-open", "This transfer is not open.")
                .remedy("Request a new transfer under the agreement.")
                .into());
        }
        let stored = tx.product(&agreement.product).await?.ok_or_else(|| {
            Refusal::not_found("product-gone", "The product is no longer published.")
                .changed_by("the owner's steward")
        })?;
        let offers = tx.offers_of(&agreement.product).await?;
        Ok(Using {
            asking,
            agreement,
            product: stored.product,
            source: Source { file: self.folder.path().join(stored.path) },
            question_sha256: sha256_hex(question),
            joined_with: Vec::new(),
            offers,
        })
    }

    /// Asks the gate, in the transaction that will record its answer, and counts the use.
    pub async fn open_gate<M: Rung>(&self, tx: &mut Tx, using: &Using, cost: Cost) -> Result<Permit<M>> {
        let permit = self.decided::<M>(tx, using, cost).await?;
        tx.count_use(&using.agreement.id, permit.grant().decided_at).await?;
        Ok(permit)
    }

    /// Whether the gate would open now. Nothing is counted, and nobody is let through.
    pub async fn would_open<M: Rung>(&self, tx: &mut Tx, using: &Using, cost: Cost) -> Result<bool> {
        match self.decided::<M>(tx, using, cost).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(_)) => Ok(false),
            Err(fault @ Error::Fault(_)) => Err(fault),
        }
    }

    async fn decided<M: Rung>(&self, tx: &mut Tx, using: &Using, cost: Cost) -> Result<Permit<M>> {
        let now = self.clock.now();
        // Read again inside the writer's turn: a revocation that came first is seen.
        let agreement = tx.agreement(&using.agreement.id).await?;
        let member: Option<Member> = tx.member(&using.asking.consumer).await?;
        let id = &using.agreement.id;
        let today = tx.uses_on(id, now).await?;
        let (loss, budgets) = match cost {
            Cost::Loss(loss) => (loss, self.budgets_for(tx, using).await?),
            Cost::Nothing | Cost::PaidBefore => (Loss::ZERO, Budgets::default()),
        };
        let use_id: UseId =
            self.entropy.urn()?.parse().map_err(|cause| Fault::new("making a use id", cause))?;
        let question = GateQuestion {
            use_id,
            now,
            asking: &using.asking,
            member: member.as_ref(),
            agreement: agreement.as_ref(),
            offers: &using.offers,
            columns: None,
            place: None,
            uses_today: u32::try_from(today).unwrap_or(u32::MAX),
            uses_ever: tx.uses_ever(id).await?,
            consent: ConsentCover::NoRegister,
            loss,
            is_repeat: cost == Cost::PaidBefore,
            budgets,
        };
        // A later version of the product may be about persons; what was agreed for an earlier one then
        // opens nothing until it is agreed anew.
        if let Some(agreement) = &agreement {
            check_offer(&using.product, M::MODE, &agreement.terms)?;
        }
        Ok(decide::<M>(&question)?)
    }

    /// What both ledgers will keep of a use.
    #[must_use]
    pub fn receipt(
        &self,
        grant: &Grant,
        using: &Using,
        answer_sha256: Option<String>,
        loss: Loss,
    ) -> Exact<Receipt> {
        Exact::new(Receipt {
            v: RECEIPT_VERSION,
            use_id: grant.use_id.clone(),
            agreement: grant.agreement.clone(),
            provider: grant.provider.clone(),
            consumer: grant.consumer.clone(),
            product: grant.product.clone(),
            mode: grant.mode,
            purpose: grant.purpose.clone(),
            legal_basis: grant.legal_basis.clone(),
            person: grant.person.clone(),
            question_sha256: using.question_sha256.clone(),
            answer_sha256,
            loss,
            joined_with: using.joined_with.clone(),
            at: grant.decided_at,
        })
    }

    /// `GT-2`: seals the use before its first byte leaves. Answers its place in the ledger.
    pub async fn seal_use(
        &self,
        tx: &mut Tx,
        side: Side,
        receipt: &Receipt,
        provider_index: Option<u64>,
    ) -> Result<u64> {
        let receipt_kept = receipt.clone();
        let fact = match (side, provider_index) {
            (Side::Consumer, Some(provider_index)) => {
                Fact::UseReceived { receipt: receipt_kept, provider_index }
            }
            (Side::Consumer, None) => Fact::UsePulled { receipt: receipt_kept },
            (Side::Provider, _) => Fact::UseGranted { receipt: receipt_kept },
        };
        let indices = self.remember(tx, &self.actor(None), vec![fact]).await?;
        let index =
            indices.first().copied().ok_or_else(|| Fault::new("sealing a use", "no entry was made"))?;
        let stored = StoredUse { side, receipt: receipt.clone(), ledger_index: index, at: self.clock.now() };
        tx.put_use(&stored).await?;
        self.metrics.used(Outcome::Granted);
        Ok(index)
    }

    /// Uses, newest first, of one agreement or of all. Who may not read the ledger sees what they asked
    /// themselves, and nothing of their colleagues.
    pub async fn uses(
        &self,
        by: &Person,
        agreement: Option<&AgreementId>,
        limit: u32,
    ) -> Result<Vec<UseShown>> {
        let reads_all = one_may(&by.roles, Act::ReadLedger);
        let own = (!reads_all).then(|| self.pseudonym(by));
        let mut tx = self.store.read("exchange.uses").await?;
        let found = tx.uses(agreement, own.as_deref(), limit).await?;
        let mut revoked: HashMap<AgreementId, Option<Moment>> = HashMap::new();
        for stored in &found {
            let id = &stored.receipt.agreement;
            if !revoked.contains_key(id) {
                let ended = tx.agreement(id).await?.and_then(|agreement| self.revocation_of(&agreement));
                revoked.insert(id.clone(), ended);
            }
        }
        let ecosystem = self.ecosystem();
        let shown = |stored: StoredUse| {
            let peer = match stored.side {
                Side::Provider => &stored.receipt.consumer,
                Side::Consumer => &stored.receipt.provider,
            };
            UseShown {
                side: stored.side,
                ledger_index: stored.ledger_index,
                peer_title: Some(ecosystem.title_of(peer)),
                revoked: revoked.get(&stored.receipt.agreement).cloned().flatten(),
                receipt: stored.receipt,
            }
        };
        Ok(found.into_iter().map(shown).collect())
    }
}
