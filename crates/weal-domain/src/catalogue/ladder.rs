//! The ladder of one product as one member sees it: what is offered, what is held, what would leave the
//! owner's node, and what stands between the member and each rung.

use serde::{Deserialize, Serialize};

use super::{Approval, Mode, Offer, OfferId};
use crate::Timestamp;
use crate::agreements::{Agreement, AgreementId, AgreementStatus, still_open};
use crate::identity::Did;

/// Where a member stands with one rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungStanding {
    /// Open to every member, without an agreement.
    Open,
    /// An agreement is in force.
    Held,
    /// An agreement is signed and not yet in force.
    Pending,
    /// May be requested now.
    Offered,
    /// Offered, but not to this member, or no longer.
    Closed,
    NotOffered,
}

/// One rung, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungView {
    pub mode: Mode,
    pub standing: RungStanding,
    /// The offer that would be requested.
    pub offer: Option<OfferId>,
    pub agreement: Option<AgreementId>,
    /// What leaves the owner's node on this rung.
    pub leaves: String,
    /// What stands between the member and this rung; `None` where nothing does.
    pub between: Option<String>,
}

/// All seven rungs, lowest disclosure first. `offers` and `agreements` are those of this product;
/// agreements are the viewer's own.
#[must_use]
pub fn ladder(offers: &[Offer], agreements: &[Agreement], viewer: &Did, now: Timestamp) -> Vec<RungView> {
    Mode::LADDER.into_iter().map(|mode| rung(mode, offers, agreements, viewer, now)).collect()
}

fn rung(mode: Mode, offers: &[Offer], agreements: &[Agreement], viewer: &Did, now: Timestamp) -> RungView {
    let mut view = RungView {
        mode,
        standing: RungStanding::NotOffered,
        offer: None,
        agreement: None,
        leaves: mode.leaves_the_owner().to_owned(),
        between: Some("The owner does not offer this rung.".to_owned()),
    };
    if mode == Mode::Metadata {
        view.standing = RungStanding::Open;
        view.between = None;
        return view;
    }
    let mut here = offers.iter().filter(|offer| offer.mode == mode).peekable();
    if here.peek().is_some() {
        view.standing = RungStanding::Closed;
    }
    for offer in here {
        match still_open(offer, viewer, now) {
            Ok(()) => {
                view.standing = RungStanding::Offered;
                view.offer = Some(offer.id.clone());
                view.between = Some(how_to_get(offer));
                break;
            }
            Err(refusal) => view.between = Some(refusal.reason),
        }
    }
    held(&mut view, agreements, now);
    view
}

/// The newest agreement that helps, in force before pending; one that ended only explains a closed rung.
fn held(view: &mut RungView, agreements: &[Agreement], now: Timestamp) {
    let mut ours: Vec<&Agreement> =
        agreements.iter().filter(|agreement| agreement.mode == view.mode).collect();
    ours.sort_by_key(|agreement| std::cmp::Reverse(agreement.agreed_at));
    if let Some(agreement) = ours.iter().find(|agreement| agreement.in_force(now).is_ok()) {
        view.standing = RungStanding::Held;
        view.agreement = Some(agreement.id.clone());
        view.between = None;
        return;
    }
    let Some(agreement) = ours.first() else { return };
    let Err(refusal) = agreement.in_force(now) else { return };
    if agreement.status == AgreementStatus::Pending {
        view.standing = RungStanding::Pending;
        view.between = Some(refusal.reason);
        view.agreement = Some(agreement.id.clone());
    } else {
        view.agreement = Some(agreement.id.clone());
        view.between = Some(match view.between.take() {
            Some(step) => format!("{} {step}", sentence(&refusal.reason)),
            None => refusal.reason,
        });
    }
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn how_to_get(offer: &Offer) -> String {
    match offer.terms.approval {
        Approval::Automatic => "Request it with a purpose; the owner's node answers at once.".to_owned(),
        Approval::Steward => "Request it with a purpose; a steward of the owner decides.".to_owned(),
    }
}

/// Below a refused rung, what answers the most questions first: totals, then rows that look alike, then
/// what needs a partner or a key.
const INSTEAD: [Mode; 5] = [Mode::Statistics, Mode::Synthetic, Mode::Matching, Mode::Training, Mode::Lookup];

/// The rung under `refused` that this member could have instead; `None` when nothing lower is offered.
#[must_use]
pub fn suggest_instead(offers: &[Offer], refused: Mode, consumer: &Did, now: Timestamp) -> Option<Mode> {
    let open = |mode: &Mode| {
        offers.iter().any(|offer| offer.mode == *mode && still_open(offer, consumer, now).is_ok())
    };
    INSTEAD.into_iter().filter(|mode| *mode < refused).find(open)
}
