//! Offering a product on a rung, and withdrawing an offer.

use weal_domain::Refusal;
use weal_domain::catalogue::{Mode, Offer, OfferId, Product, Terms, check_offer};
use weal_domain::identity::{Act, Person};
use weal_domain::ledger::Fact;
use weal_store::Tx;

use super::product_unknown;
use crate::acts::json_sha256;
use crate::api::MakeOffer;
use crate::fault::{Fault, Result};
use crate::house::House;

impl House {
    pub async fn make_offer(&self, by: &Person, make: MakeOffer) -> Result<Offer> {
        let role = self.require_act(by, Act::Publish)?;
        let mut tx = self.store.write("catalogue.offer").await?;
        let stored = tx.product(&make.product).await?.ok_or_else(product_unknown)?;
        let (offer, fact) = self.offer_in(&mut tx, &stored.product, &make).await?;
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(offer)
    }

    /// Makes an offer in the transaction that is open, once it is sound.
    pub(super) async fn offer_in(
        &self,
        tx: &mut Tx,
        product: &Product,
        make: &MakeOffer,
    ) -> Result<(Offer, Fact)> {
        check_offer(product, make.mode, &make.terms)?;
        if let Some(filter) = &make.terms.row_filter {
            weal_engine::check_filter(&product.columns, filter)?;
        }
        let id: OfferId =
            self.entropy.urn()?.parse().map_err(|cause| Fault::new("making an offer id", cause))?;
        let rules = product.privacy.as_ref().filter(|_| make.mode == Mode::Statistics);
        let budget_rules = Box::new(rules.map(|policy| policy.budget_rules).unwrap_or_default());
        let offer = Offer {
            id,
            product: product.name.clone(),
            mode: make.mode,
            terms: Terms { budget_rules, ..make.terms.clone() },
            policy: None,
            withdrawn_at: None,
        };
        tx.put_offer(&offer).await?;
        let fact = Fact::OfferMade {
            offer: offer.id.clone(),
            product: offer.product.clone(),
            mode: offer.mode,
            terms_sha256: json_sha256(&offer.terms)?,
        };
        Ok((offer, fact))
    }

    /// Nobody can take it up any more; agreements already made stand.
    pub async fn withdraw_offer(&self, by: &Person, id: &str) -> Result<()> {
        let role = self.require_act(by, Act::Publish)?;
        let unknown = || Refusal::not_found("offer-unknown", "This node has no such offer.");
        let id: OfferId = id.parse().map_err(|_| unknown())?;
        let mut tx = self.store.write("catalogue.withdraw").await?;
        let mut offer = tx.offer(&id).await?.ok_or_else(unknown)?;
        if offer.withdrawn_at.is_some() {
            return Ok(());
        }
        offer.withdrawn_at = Some(self.clock.now());
        tx.put_offer(&offer).await?;
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![Fact::OfferWithdrawn { offer: id }])
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
