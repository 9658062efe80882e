//! The owner's answer to a request: by itself where the offer says so, by a steward otherwise.

use weal_domain::agreements::negotiation::{Event, Move};
use weal_domain::agreements::{Negotiation, Request, Side, accepts};
use weal_domain::catalogue::{Approval, Mode, OfferId, Terms};
use weal_domain::governance::good_standing;
use weal_domain::identity::{Act, Person};
use weal_domain::words::is_prose;
use weal_domain::{Refusal, RefusalKind};
use weal_store::Tx;

use super::negotiation_unknown;
use crate::fault::Result;
use crate::house::House;

/// The longest reason of a steward's no, in characters.
const REASON_CHARS_MAX: usize = 1_000;

impl House {
    /// The owner's node weighs a request. `None`: a steward decides.
    pub(super) async fn answer_request(
        &self,
        tx: &mut Tx,
        negotiation: &Negotiation,
    ) -> Result<Option<Move>> {
        match self.weigh(tx, negotiation).await? {
            Ok(terms)
                if terms.approval == Approval::Automatic && !self.asked_before(tx, negotiation).await? =>
            {
                let agreement = Box::new(self.conclude(tx, negotiation, terms).await?);
                Ok(Some(Move::Agree { agreement }))
            }
            Ok(_) => Ok(None),
            Err(refusal) => Ok(Some(terminate(&refusal))),
        }
    }

    /// An offer that a steward made and the other side accepted becomes an agreement, unless it could not be
    /// made any more.
    pub(super) async fn keep_word(&self, tx: &mut Tx, negotiation: &Negotiation) -> Result<Move> {
        Ok(match self.weigh(tx, negotiation).await? {
            Ok(terms) => Move::Agree { agreement: Box::new(self.conclude(tx, negotiation, terms).await?) },
            Err(refusal) => terminate(&refusal),
        })
    }

    /// Whether this member has, or had, an agreement about the same product on the same rung with a quota
    /// or a budget. A second one would have them anew, so a steward decides about it.
    async fn asked_before(&self, tx: &mut Tx, negotiation: &Negotiation) -> Result<bool> {
        let Some(offer) = tx.offer(&negotiation.proposal.offer).await? else { return Ok(false) };
        let limited = |terms: &Terms| terms.budget.is_some() || terms.uses_per_day_max.is_some();
        // What has no limits begins none anew. This spares most requests a look at all that was agreed before.
        if !limited(&offer.terms) {
            return Ok(false);
        }
        let held = tx.agreements_with(&negotiation.peer, &offer.product).await?;
        Ok(held.iter().any(|agreement| {
            agreement.side == Side::Provider
                && Some(agreement.mode) == negotiation.proposal.mode
                && limited(&agreement.terms)
        }))
    }

    async fn weigh(&self, tx: &mut Tx, negotiation: &Negotiation) -> Result<Result<Terms, Refusal>> {
        let charter = self.charter()?;
        // `GO-1`: whom another issuer than the governing body vouches for is heard, and agrees to nothing.
        let member = tx.member(&negotiation.peer).await?;
        if let Err(refusal) = good_standing(member.as_ref(), &negotiation.peer) {
            return Ok(Err(refusal));
        }
        let offer = tx.offer(&negotiation.proposal.offer).await?;
        let Some(offer) = offer else {
            return Ok(Err(offer_unknown(&negotiation.proposal.offer)));
        };
        let offers = tx.offers_of(&offer.product).await?;
        Ok(accepts(&Request {
            offer: &offer,
            offers: &offers,
            proposal: &negotiation.proposal,
            consumer: &negotiation.peer,
            charter: &charter,
            now: self.clock.now(),
        }))
    }

    /// A steward says yes or no to a request that waits for them.
    pub async fn decide_request(
        &self,
        by: &Person,
        own_pid: &str,
        approve: bool,
        reason: Option<String>,
    ) -> Result<Negotiation> {
        let role = self.require_act(by, Act::Approve)?;
        let mut tx = self.store.write("agreements.decide").await?;
        let (negotiation, revision) = tx.negotiation(own_pid).await?.ok_or_else(negotiation_unknown)?;
        if negotiation.side != Side::Provider || !negotiation.waits_for_us() {
            return Err(Refusal::conflict(
                "nothing-to-decide",
                "This negotiation does not wait for a decision of yours.",
            )
            .into());
        }
        let own = if approve {
            let terms = self.weigh(&mut tx, &negotiation).await??;
            Move::Agree { agreement: Box::new(self.conclude(&mut tx, &negotiation, terms).await?) }
        } else {
            let reason = reason.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
                Refusal::invalid("reason-needed", "A refusal needs a reason that the other side can read.")
                    .remedy("Say in one sentence why.")
            })?;
            if !is_prose(&reason, REASON_CHARS_MAX) {
                return Err(Refusal::invalid(
                    "reason-needed",
                    format!("A reason has at most {REASON_CHARS_MAX} characters."),
                )
                .remedy("Say in one sentence why.")
                .into());
            }
            Move::Terminate { code: "refused-by-steward".into(), reason }
        };
        let step = negotiation.on(Event::Intend(own), self.clock.now())?;
        let next = step.next.clone();
        self.keep_negotiation(&mut tx, step, revision, Some((by, role))).await?;
        tx.commit().await?;
        self.wakers.ring(own_pid);
        Ok(next)
    }
}

fn terminate(refusal: &Refusal) -> Move {
    let (code, reason) = words_of_refusal(refusal);
    Move::Terminate { code, reason }
}

pub(super) fn offer_unknown(offer: &OfferId) -> Refusal {
    Refusal::not_found("offer-unknown", format!("There is no offer {offer} here."))
        .remedy("Look at the catalogue again: offers change.")
}

const REMEDY: &str = "What helps: ";
const INSTEAD: &str = "What would answer: ";
const CHANGED_BY: &str = "Who may change it: ";

/// A refusal as the code and the lines of a termination message, which any connector can show a person.
#[must_use]
pub fn words_of_refusal(refusal: &Refusal) -> (String, String) {
    let mut lines = vec![refusal.reason.clone()];
    lines.extend(refusal.remedy.iter().map(|text| format!("{REMEDY}{text}")));
    lines.extend(refusal.instead.iter().map(|mode| format!("{INSTEAD}{mode}")));
    lines.extend(refusal.changed_by.iter().map(|text| format!("{CHANGED_BY}{text}")));
    (refusal.code.clone(), lines.join("\n"))
}

/// The refusal that a peer put into words, or as much of it as a stranger's words tell.
#[must_use]
pub fn refusal_of_words(code: &str, words: &str) -> Refusal {
    let mut refusal = Refusal::new(RefusalKind::Forbidden, code, String::new());
    let mut reason = Vec::new();
    for line in words.lines() {
        if let Some(text) = line.strip_prefix(REMEDY) {
            refusal.remedy = Some(text.to_owned());
        } else if let Some(text) = line.strip_prefix(INSTEAD) {
            refusal.instead = text.parse::<Mode>().ok();
        } else if let Some(text) = line.strip_prefix(CHANGED_BY) {
            refusal.changed_by = Some(text.to_owned());
        } else {
            reason.push(line);
        }
    }
    refusal.reason = reason.join(" ");
    if refusal.reason.is_empty() {
        refusal.reason = "The other side ended the negotiation without a reason.".into();
    }
    refusal
}
