//! Negotiations and agreements as people read them.

use weal_domain::agreements::{Agreement, AgreementId, AgreementStatus, Negotiation, Side, Titles, sentence};
use weal_domain::catalogue::Mode;
use weal_domain::identity::{Did, Person};

use super::{agreement_account, negotiation_unknown, revoke::agreement_unknown};
use crate::api::{AgreementShown, Moment, NegotiationShown};
use crate::fault::Result;
use crate::house::House;

/// Negotiations and uses shown at once.
pub const LIST_MAX: u32 = 500;

impl House {
    pub async fn negotiations(&self) -> Result<Vec<NegotiationShown>> {
        let found = self.store.read("agreements.list").await?.negotiations(LIST_MAX).await?;
        let mut shown = Vec::with_capacity(found.len());
        for (negotiation, _) in found {
            shown.push(self.show_negotiation(&negotiation).await?);
        }
        Ok(shown)
    }

    pub async fn negotiation(&self, own_pid: &str) -> Result<Negotiation> {
        let found = self.store.read("agreements.one").await?.negotiation(own_pid).await?;
        Ok(found.map(|(negotiation, _)| negotiation).ok_or_else(negotiation_unknown)?)
    }

    pub async fn show_negotiation(&self, negotiation: &Negotiation) -> Result<NegotiationShown> {
        let ecosystem = self.ecosystem();
        let own = |side: Side| if side == negotiation.side { &self.did } else { &negotiation.peer };
        let mut timeline: Vec<Moment> = negotiation
            .turns
            .iter()
            .map(|turn| Moment {
                at: turn.at,
                by: ecosystem.title_of(own(turn.by)),
                what: turn.message.kind().message().to_owned(),
                message: serde_json::to_string_pretty(&turn.message).ok(),
            })
            .collect();
        if let Some(trouble) = &negotiation.talk.trouble {
            timeline.push(Moment {
                at: negotiation.talk.updated_at,
                by: ecosystem.title_of(&self.did),
                what: format!("Not delivered yet: {trouble}"),
                message: None,
            });
        }
        let product = negotiation.proposal.dataset.rsplit('#').next().unwrap_or_default();
        Ok(NegotiationShown {
            id: negotiation.own_pid.clone(),
            side: negotiation.side,
            peer: negotiation.peer.clone(),
            peer_title: Some(ecosystem.title_of(&negotiation.peer)),
            product: product.to_owned(),
            mode: negotiation.proposal.mode.unwrap_or(Mode::Metadata),
            purpose: negotiation.proposal.purpose.clone(),
            state: negotiation.state.as_str().to_owned(),
            waits_for_us: negotiation.waits_for_us(),
            agreement: negotiation.agreement.as_ref().map(ToString::to_string),
            timeline,
        })
    }

    pub async fn agreements(&self) -> Result<Vec<Agreement>> {
        Ok(self.store.read("agreements.agreements").await?.agreements().await?)
    }

    pub async fn agreement(&self, id: &AgreementId) -> Result<Agreement> {
        let found = self.store.read("agreements.agreement").await?.agreement(id).await?;
        Ok(found.ok_or_else(agreement_unknown)?)
    }

    pub async fn show_agreement(&self, by: &Person, id: &AgreementId) -> Result<AgreementShown> {
        let agreement = self.agreement(id).await?;
        let now = self.clock.now();
        let budget = match (agreement.side, agreement.mode) {
            (Side::Provider, Mode::Statistics) => Some(self.budget_shown(&agreement_account(id)).await?),
            _ => None,
        };
        Ok(AgreementShown {
            sentence: self.sentence_of(&agreement),
            in_force: agreement.in_force(now).is_ok(),
            timeline: self.timeline_of(&agreement).await?,
            budget,
            uses: self.uses(by, Some(id), LIST_MAX).await?,
            agreement,
        })
    }

    async fn timeline_of(&self, agreement: &Agreement) -> Result<Vec<Moment>> {
        let ecosystem = self.ecosystem();
        let mut timeline = vec![Moment {
            at: agreement.agreed_at,
            by: ecosystem.title_of(&agreement.provider),
            what: "Agreed".into(),
            message: serde_json::to_string_pretty(&agreement.policy).ok(),
        }];
        timeline.extend(self.revocation_of(agreement));
        Ok(timeline)
    }

    /// When, by whom and why an agreement was revoked, where it was.
    pub(crate) fn revocation_of(&self, agreement: &Agreement) -> Option<Moment> {
        let AgreementStatus::Revoked { at, by, role, reason } = &agreement.status else { return None };
        Some(Moment {
            at: *at,
            by: format!("{} ({})", self.title_of(by), role.replace('_', " ")),
            what: format!("Revoked: {reason}"),
            message: None,
        })
    }

    /// The agreement in one plain sentence.
    #[must_use]
    pub fn sentence_of(&self, agreement: &Agreement) -> String {
        let ecosystem = self.ecosystem();
        let (provider, consumer) =
            (ecosystem.title_of(&agreement.provider), ecosystem.title_of(&agreement.consumer));
        // Rows that an owner releases may be about persons or not; every lower rung promises that none leaves.
        let personal = agreement.mode != Mode::Extract;
        let titles = Titles {
            provider: &provider,
            consumer: &consumer,
            product: agreement.product.as_str(),
            personal,
        };
        sentence(agreement, titles)
    }

    /// An organisation's name in full.
    #[must_use]
    pub fn title_of(&self, did: &Did) -> String {
        self.ecosystem().title_of(did)
    }
}
