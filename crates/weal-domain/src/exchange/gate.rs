//! The gate: the one place where a use is allowed or refused.
//!
//! It asks in a fixed order, from who is asking to what is left: member, agreement, person, purpose,
//! policy, consent, quota, budget. [`decide`] stops at the first no and gives a permit when there is none
//! (`GT-1`); [`simulate`] answers every question with the same code, so that a refusal can be foreseen.

use serde::{Deserialize, Serialize};

use super::{Grant, Permit, Rung, UseId};
use crate::agreements::policy::iri;
use crate::agreements::sentence::{is_consent, legal_basis_label, purpose_label};
use crate::agreements::{Agreement, LegalBasis, Purpose, World, evaluate};
use crate::catalogue::{Mode, Offer, suggest_instead};
use crate::citizens::ConsentCover;
use crate::compute::{Budget, Loss};
use crate::governance::{Member, good_standing};
use crate::identity::{Did, Role};
use crate::words::{count, list};
use crate::{Refusal, RefusalKind, Timestamp};

/// Who exercises the agreement, as their own node vouches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    pub consumer: Did,
    /// A pseudonym made by the consumer's node.
    pub person: String,
    pub role: Role,
    /// What the use is for, where the person says so; otherwise the agreement's purpose.
    pub purpose: Option<Purpose>,
    pub legal_basis: Option<LegalBasis>,
}

/// The accounts that a use draws on; all of them must have room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budgets {
    pub product: Option<Budget>,
    /// The member's account under the limit of the agreement's terms: what it spent under other agreements about the
    /// product counts (`BU-3`).
    pub agreement: Option<Budget>,
    /// Where the owner gave members a share.
    pub member: Option<Budget>,
    /// Where the owner gave analysts a share.
    pub analyst: Option<Budget>,
}

/// Everything the gate looks at, gathered by the node in the transaction that records its answer.
#[derive(Debug, Clone)]
pub struct GateQuestion<'a> {
    pub use_id: UseId,
    pub now: Timestamp,
    pub asking: &'a Asking,
    /// The asker's line in the register of members.
    pub member: Option<&'a Member>,
    pub agreement: Option<&'a Agreement>,
    /// Every offer of the product, so that a refusal can name the rung that would answer.
    pub offers: &'a [Offer],
    /// The columns that the use touches; `None` is every column that the agreement permits.
    pub columns: Option<&'a [String]>,
    /// Where the use happens, as an IRI, if that is known.
    pub place: Option<&'a str>,
    /// Uses of this agreement on this day (UTC) and ever, this one not included.
    pub uses_today: u32,
    pub uses_ever: u64,
    pub consent: ConsentCover,
    /// What the use would cost; nothing for uses without a private answer.
    pub loss: Loss,
    /// An answer that was paid for before is given once more, and costs nothing.
    pub is_repeat: bool,
    pub budgets: Budgets,
}

/// One question of the gate and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateStep {
    /// `member`, `agreement`, `person`, `purpose`, `policy`, `consent`, `quota`, `budget`.
    pub name: String,
    pub passed: bool,
    /// Why it passed or not, as a sentence.
    pub reason: String,
    pub refusal: Option<Refusal>,
}

type Check = fn(&GateQuestion<'_>, Mode) -> Result<String, Refusal>;

/// The gate's questions in their order.
const CHECKS: [(&str, Check); 8] = [
    ("member", member),
    ("agreement", agreement),
    ("person", person),
    ("purpose", purpose),
    ("policy", policy),
    ("consent", consent),
    ("quota", quota),
    ("budget", budget),
];

/// Allows one use of rung `M`, or says why not. This is where every permit comes from.
pub fn decide<M: Rung>(question: &GateQuestion<'_>) -> Result<Permit<M>, Refusal> {
    for (_, check) in CHECKS {
        check(question, M::MODE).map_err(|refusal| with_rung(refusal, question, M::MODE))?;
    }
    let agreement = question.agreement.ok_or_else(no_agreement)?;
    Ok(Permit::new(Grant {
        use_id: question.use_id.clone(),
        agreement: agreement.id.clone(),
        provider: agreement.provider.clone(),
        consumer: agreement.consumer.clone(),
        product: agreement.product.clone(),
        mode: M::MODE,
        purpose: agreement.purpose.clone(),
        legal_basis: agreement.legal_basis.clone(),
        person: question.asking.person.clone(),
        columns: agreement.terms.columns.clone(),
        row_filter: agreement.terms.row_filter.clone(),
        loss_max: question.loss,
        decided_at: question.now,
        ends_at: agreement.terms.valid_until,
    }))
}

/// What the gate would say to this use of `mode`, question by question, without allowing anything.
#[must_use]
pub fn simulate(question: &GateQuestion<'_>, mode: Mode) -> Vec<GateStep> {
    let answer = |(name, check): &(&str, Check)| match check(question, mode) {
        Ok(reason) => GateStep { name: (*name).to_owned(), passed: true, reason, refusal: None },
        Err(refusal) => {
            let refusal = with_rung(refusal, question, mode);
            GateStep {
                name: (*name).to_owned(),
                passed: false,
                reason: refusal.reason.clone(),
                refusal: Some(refusal),
            }
        }
    };
    CHECKS.iter().map(answer).collect()
}

/// A refusal about the rung itself names the lower one that this member could have.
fn with_rung(refusal: Refusal, question: &GateQuestion<'_>, mode: Mode) -> Refusal {
    let about_the_asker = matches!(
        refusal.code.as_str(),
        "not-a-member" | "member-suspended" | "member-left" | "membership-pending"
    );
    if refusal.instead.is_some() || about_the_asker {
        return refusal;
    }
    match suggest_instead(question.offers, mode, &question.asking.consumer, question.now) {
        Some(lower) => refusal.instead(lower),
        None => refusal,
    }
}

fn no_agreement() -> Refusal {
    Refusal::forbidden("agreement-missing", "You hold no agreement that covers this use.")
        .remedy("Request one: see the product's page for what is offered.")
        .changed_by("the owner's steward")
}

fn held<'a>(question: &GateQuestion<'a>) -> Result<&'a Agreement, Refusal> {
    question.agreement.ok_or_else(no_agreement)
}

fn member(question: &GateQuestion<'_>, _: Mode) -> Result<String, Refusal> {
    let who = &question.asking.consumer;
    good_standing(question.member.filter(|line| line.did == *who), who)?;
    Ok("The asker is a member in good standing.".to_owned())
}

fn agreement(question: &GateQuestion<'_>, mode: Mode) -> Result<String, Refusal> {
    let agreement = held(question)?;
    if agreement.consumer != question.asking.consumer {
        // Somebody else's agreement is not known to this asker.
        return Err(no_agreement());
    }
    agreement.in_force(question.now)?;
    if agreement.mode != mode {
        let refusal = Refusal::forbidden(
            "agreement-other-rung",
            format!("Your agreement is for {}, and this use is {mode}.", agreement.mode),
        )
        .changed_by("the owner's steward");
        return Err(if agreement.mode < mode {
            refusal
                .remedy(format!("Ask for {}: {}.", agreement.mode, agreement.mode.leaves_the_owner()))
                .instead(agreement.mode)
        } else {
            refusal.remedy(format!("Request an agreement for {mode} as well."))
        });
    }
    Ok("The agreement is in force.".to_owned())
}

fn person(question: &GateQuestion<'_>, _: Mode) -> Result<String, Refusal> {
    let terms = &held(question)?.terms;
    let role = question.asking.role;
    if terms.allows_role(role) {
        return Ok(format!("The agreement may be used in the role {}.", role.title()));
    }
    let roles: Vec<&str> = terms.roles_allowed().iter().map(|role| role.plural()).collect();
    Err(Refusal::forbidden(
        "role-not-allowed",
        format!("The agreement may be used by {}, not in the role {}.", list(&roles, "and"), role.title()),
    )
    .remedy(format!("Have one of your {} ask.", list(&roles, "or")))
    .changed_by("the owner's steward"))
}

fn purpose(question: &GateQuestion<'_>, _: Mode) -> Result<String, Refusal> {
    let agreement = held(question)?;
    if let Some(stated) = question.asking.purpose.as_ref().filter(|stated| **stated != agreement.purpose) {
        return Err(Refusal::forbidden(
            "purpose-differs",
            format!(
                "The agreement is for {}, not for {}.",
                purpose_label(&agreement.purpose),
                purpose_label(stated)
            ),
        )
        .remedy("Request an agreement for this purpose.")
        .changed_by("the owner's steward"));
    }
    if let Some(stated) =
        question.asking.legal_basis.as_ref().filter(|stated| **stated != agreement.legal_basis)
    {
        return Err(Refusal::forbidden(
            "legal-basis-differs",
            format!(
                "The agreement rests on {}, not on {}.",
                legal_basis_label(&agreement.legal_basis),
                legal_basis_label(stated)
            ),
        )
        .remedy("Request an agreement on this legal basis.")
        .changed_by("the owner's data protection officer"));
    }
    Ok(format!("It is for {}.", purpose_label(&agreement.purpose)))
}

/// The operands that a later question asks about in better words.
const ASKED_LATER: [&str; 2] = [iri::USES_PER_DAY, iri::BUDGET_RHO_NANO];

fn policy(question: &GateQuestion<'_>, mode: Mode) -> Result<String, Refusal> {
    let agreement = held(question)?;
    if let (Some(allowed), Some(asked)) = (&agreement.terms.columns, question.columns) {
        let outside: Vec<&str> =
            asked.iter().filter(|column| !allowed.contains(column)).map(String::as_str).collect();
        if !outside.is_empty() {
            return Err(Refusal::forbidden(
                "column-not-agreed",
                format!("The agreement does not cover {}.", list(&outside, "or")),
            )
            .remedy(format!("Leave it out; agreed are {}.", list(allowed, "and")))
            .changed_by("the owner's steward"));
        }
    }
    let later = |left: &Option<String>| left.as_deref().is_some_and(|left| ASKED_LATER.contains(&left));
    match against(question, mode)?.into_iter().find(|violated| violated.prohibited || !later(&violated.left))
    {
        Some(violated) => Err(Refusal::forbidden("policy", violated.reason)
            .remedy("Meet the condition, or request an agreement without it.")
            .changed_by("the owner's steward")),
        None => Ok("Every condition of the policy is met.".to_owned()),
    }
}

/// What the agreement's policy has against this use.
fn against(
    question: &GateQuestion<'_>,
    mode: Mode,
) -> Result<Vec<crate::agreements::policy::Violated>, Refusal> {
    let agreement = held(question)?;
    Ok(evaluate(&agreement.policy, &world(question, agreement, mode)).err().unwrap_or_default())
}

fn world(question: &GateQuestion<'_>, agreement: &Agreement, mode: Mode) -> World {
    let asking = question.asking;
    let columns = match (question.columns, &agreement.terms.columns) {
        (Some(asked), _) => Some(asked.to_vec()),
        (None, agreed) => agreed.clone(),
    };
    let cost = question.budgets.agreement.map(|budget| budget.counted());
    let cost = cost.unwrap_or_default().saturating_add(question.loss);
    let mut world = World::new()
        .with(iri::DATE_TIME, question.now.to_string())
        .with(iri::PURPOSE, asking.purpose.as_ref().unwrap_or(&agreement.purpose).as_str())
        .with(iri::LEGAL_BASIS, asking.legal_basis.as_ref().unwrap_or(&agreement.legal_basis).as_str())
        .with(iri::RECIPIENT, asking.consumer.as_str())
        .with(iri::ROLE, asking.role.as_str())
        .with(iri::MODE, mode.as_str())
        .with(iri::COUNT, question.uses_ever.saturating_add(1).to_string())
        .with(iri::USES_PER_DAY, (u64::from(question.uses_today) + 1).to_string())
        .with(iri::BUDGET_RHO_NANO, cost.rho_nano.to_string());
    // Without a list nobody can say which columns it would be, so a condition on them is not met.
    if let Some(columns) = columns {
        world = world.with_all(iri::COLUMNS, columns);
    }
    if let Some(filter) = &agreement.terms.row_filter {
        world = world.with(iri::ROW_FILTER, filter.as_str());
    }
    if let Some(place) = question.place {
        world = world.with(iri::SPATIAL, place);
    }
    match mode {
        Mode::Statistics | Mode::Synthetic | Mode::Training | Mode::Matching => {
            world.exercising(iri::AGGREGATE)
        }
        Mode::Lookup => world.exercising(iri::READ),
        Mode::Extract => world.exercising(iri::READ).exercising(iri::EXTRACT),
        Mode::Metadata => world,
    }
}

fn consent(question: &GateQuestion<'_>, _: Mode) -> Result<String, Refusal> {
    if !is_consent(&held(question)?.legal_basis) {
        return Ok("It does not rest on consent.".to_owned());
    }
    question.consent.check()?;
    Ok("Everyone concerned has consented.".to_owned())
}

fn quota(question: &GateQuestion<'_>, mode: Mode) -> Result<String, Refusal> {
    let agreement = held(question)?;
    let most = agreement.terms.uses_per_day_max;
    let in_policy = against(question, mode)?
        .into_iter()
        .any(|violated| violated.left.as_deref() == Some(iri::USES_PER_DAY));
    match most {
        Some(most) if question.uses_today >= most || in_policy => Err(Refusal::new(
            RefusalKind::Exhausted,
            "quota-exhausted",
            format!(
                "The agreement allows {} a day, and {} made today.",
                count(u64::from(most), "use", "uses"),
                count(u64::from(question.uses_today), "was", "were")
            ),
        )
        .remedy("Ask again after midnight UTC.")
        .changed_by("the owner's steward")),
        Some(most) => {
            let left = most.saturating_sub(question.uses_today);
            Ok(format!("{} left today.", count(u64::from(left), "use is", "uses are")))
        }
        None if in_policy => Err(Refusal::new(
            RefusalKind::Exhausted,
            "quota-exhausted",
            "The agreement's policy allows no further use today.",
        )
        .remedy("Ask again after midnight UTC.")
        .changed_by("the owner's steward")),
        None => Ok("The number of uses is not limited.".to_owned()),
    }
}

/// Rungs whose every answer costs privacy.
fn is_private(mode: Mode) -> bool {
    matches!(mode, Mode::Synthetic | Mode::Statistics | Mode::Training)
}

fn budget(question: &GateQuestion<'_>, mode: Mode) -> Result<String, Refusal> {
    let agreement = held(question)?;
    if question.loss.is_zero() {
        return if question.is_repeat {
            Ok("It was paid for before.".to_owned())
        } else if is_private(mode) {
            Err(Refusal::invalid(
                "loss-missing",
                "A private answer always costs something, and this names no price.",
            ))
        } else {
            Ok("It draws on no privacy budget.".to_owned())
        };
    }
    let Some(product) = question.budgets.product else {
        return Err(Refusal::forbidden(
            "budget-missing",
            "The owner has granted no privacy budget for this product.",
        )
        .remedy("Ask the owner to set one in the product's privacy policy.")
        .changed_by("the owner's steward"));
    };
    if !product.has_room(question.loss) {
        let refusal = product.exhausted(question.loss).changed_by("the owner's data protection officer");
        return Err(Refusal { code: "product-budget-exhausted".to_owned(), ..refusal });
    }
    // Only terms that grant a budget have an account of their own.
    let account = match (agreement.terms.budget, question.budgets.agreement) {
        (None, _) => None,
        (Some(_), Some(account)) => Some(account),
        (Some(_), None) => {
            return Err(Refusal::forbidden(
                "budget-missing",
                "The agreement's privacy budget has not been opened.",
            )
            .changed_by("the owner's node"));
        }
    };
    let over_policy = against(question, mode)?
        .into_iter()
        .any(|violated| violated.left.as_deref() == Some(iri::BUDGET_RHO_NANO));
    if over_policy || account.is_some_and(|account| !account.has_room(question.loss)) {
        let refusal = account.unwrap_or(product).exhausted(question.loss).changed_by("the owner's steward");
        return Err(Refusal { code: "agreement-budget-exhausted".to_owned(), ..refusal });
    }
    let Budgets { member, analyst, .. } = question.budgets;
    for (share, code) in [(member, "member-budget-exhausted"), (analyst, "analyst-budget-exhausted")] {
        if let Some(share) = share.filter(|share| !share.has_room(question.loss)) {
            let refusal = share.exhausted(question.loss).changed_by("the owner's data protection officer");
            return Err(Refusal { code: code.to_owned(), ..refusal });
        }
    }
    let shares = [account, member, analyst].into_iter().flatten();
    let left = shares.fold(product.left(), |left, share| left.min(share.left()));
    Ok(format!("Of the budget {left} is left."))
}
