//! From an offer to terms: the policy that expresses them, and whether a request fits.

use super::policy::iri;
use super::{Constraint, LegalBasis, Operator, Policy, Proposal, Purpose, RightOperand, Rule};
use crate::catalogue::{Mode, Offer, Terms, suggest_instead};
use crate::governance::Charter;
use crate::identity::Did;
use crate::words::moment;
use crate::{Refusal, Timestamp};

/// The ODRL policy of an offer: its enforceable terms, and nothing that the gate would not check.
#[must_use]
pub fn policy_of(offer: &Offer) -> Policy {
    offer.policy.clone().unwrap_or_else(|| policy_of_terms(offer.mode, &offer.terms))
}

/// One permission to use, under a constraint for every enforceable term, always in the same order:
/// both sides print the same policy for the same terms.
#[must_use]
pub fn policy_of_terms(mode: Mode, terms: &Terms) -> Policy {
    let mut constraints = vec![one(iri::MODE, Operator::Eq, mode.as_str().to_owned())];
    constraints.push(any_of(iri::PURPOSE, strings(&terms.purposes)));
    constraints.push(any_of(iri::LEGAL_BASIS, strings(&terms.legal_bases)));
    if !terms.recipients.is_empty() {
        constraints.push(many(iri::RECIPIENT, Operator::IsAnyOf, strings(&terms.recipients)));
    }
    if !terms.roles.is_empty() {
        let roles = terms.roles.iter().map(|role| role.as_str().to_owned()).collect();
        constraints.push(many(iri::ROLE, Operator::IsAnyOf, roles));
    }
    if let Some(until) = terms.valid_until {
        constraints.push(one(iri::DATE_TIME, Operator::Lt, until.to_string()));
    }
    if let Some(uses) = terms.uses_per_day_max {
        constraints.push(one(iri::USES_PER_DAY, Operator::Lteq, uses.to_string()));
    }
    if let Some(columns) = &terms.columns {
        constraints.push(many(iri::COLUMNS, Operator::IsPartOf, columns.clone()));
    }
    if let Some(filter) = &terms.row_filter {
        constraints.push(one(iri::ROW_FILTER, Operator::Eq, filter.clone()));
    }
    if let Some(budget) = terms.budget {
        constraints.push(one(iri::BUDGET_RHO_NANO, Operator::Lteq, budget.rho_nano.to_string()));
    }
    let permission = Rule { action: iri::USE.to_owned(), constraints };
    Policy { permissions: vec![permission], prohibitions: Vec::new(), obligations: Vec::new() }
}

/// The terms of an agreement under `offer` for one purpose and one legal basis. A stranger's offer that names
/// none leaves them to whoever asks, who then keeps to what they said.
pub fn narrow(offer: &Offer, purpose: &Purpose, legal_basis: &LegalBasis) -> Result<Terms, Refusal> {
    let left_open = |named: usize| named == 0 && offer.policy.is_some();
    if !offer.terms.purposes.contains(purpose) && !left_open(offer.terms.purposes.len()) {
        return Err(Refusal::forbidden(
            "purpose-not-offered",
            format!("The offer is not for the purpose {}.", super::sentence::purpose_label(purpose)),
        )
        .remedy(format!(
            "Choose one of its purposes: {}.",
            super::sentence::purposes_in_words(&offer.terms.purposes)
        ))
        .changed_by("the owner's steward"));
    }
    if !offer.terms.legal_bases.contains(legal_basis) && !left_open(offer.terms.legal_bases.len()) {
        let bases: Vec<String> =
            offer.terms.legal_bases.iter().map(super::sentence::legal_basis_label).collect();
        return Err(Refusal::forbidden(
            "legal-basis-not-offered",
            format!(
                "The offer does not rest on the legal basis {}.",
                super::sentence::legal_basis_label(legal_basis)
            ),
        )
        .remedy(format!("Choose one of its legal bases: {}.", bases.join("; ")))
        .changed_by("the owner's data protection officer"));
    }
    let mut terms = offer.terms.clone();
    terms.purposes = vec![purpose.clone()];
    terms.legal_bases = vec![legal_basis.clone()];
    Ok(terms)
}

/// A request as the owner's node weighs it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub offer: &'a Offer,
    /// Every offer of the same product, so that a refusal can name the rung that would answer.
    pub offers: &'a [Offer],
    pub proposal: &'a Proposal,
    pub consumer: &'a Did,
    pub charter: &'a Charter,
    pub now: Timestamp,
}

/// The terms that the owner grants to this request, or why it does not. Whether a person must still
/// say yes is in `Terms::approval`.
pub fn accepts(request: &Request<'_>) -> Result<Terms, Refusal> {
    weigh(request).map_err(|refusal| {
        let lower = suggest_instead(request.offers, request.offer.mode, request.consumer, request.now);
        match lower {
            Some(mode) if refusal.instead.is_none() => refusal.instead(mode),
            _ => refusal,
        }
    })
}

fn weigh(request: &Request<'_>) -> Result<Terms, Refusal> {
    let Request { offer, proposal, .. } = *request;
    still_open(offer, request.consumer, request.now)?;
    if proposal.mode.is_some_and(|mode| mode != offer.mode) {
        return Err(Refusal::invalid(
            "mode-differs",
            format!("The offer is for {}, and the request names another access mode.", offer.mode),
        ));
    }
    let purpose = chosen(
        proposal.purpose.as_ref(),
        proposal.terms.as_ref().map(|terms| terms.purposes.as_slice()),
        &offer.terms.purposes,
    )
    .ok_or_else(|| must_choose("purpose", strings(&offer.terms.purposes)))?;
    let basis = chosen(
        proposal.legal_basis.as_ref(),
        proposal.terms.as_ref().map(|terms| terms.legal_bases.as_slice()),
        &offer.terms.legal_bases,
    )
    .ok_or_else(|| must_choose("legal basis", strings(&offer.terms.legal_bases)))?;
    let widest = narrow(offer, purpose, basis)?;
    request.charter.allows(purpose)?;
    let terms = match &proposal.terms {
        Some(asked) => {
            within(asked, &widest)?;
            asked.clone()
        }
        None => widest,
    };
    if proposal.policy != policy_of_terms(offer.mode, &terms) {
        return Err(Refusal::invalid(
            "policy-differs",
            "The request's policy is not the offer's, narrowed to one purpose and one legal basis.",
        )
        .remedy(
            "Send the offer's policy as it stands in the catalogue, with one purpose and one legal basis.",
        ));
    }
    Ok(terms)
}

/// Whether an offer can be taken up by this member now.
pub fn still_open(offer: &Offer, consumer: &Did, now: Timestamp) -> Result<(), Refusal> {
    if let Some(at) = offer.withdrawn_at {
        return Err(Refusal::forbidden(
            "offer-withdrawn",
            format!("The owner withdrew this offer on {}.", moment(at)),
        )
        .remedy("See the product's page for what is offered now.")
        .changed_by("the owner's steward"));
    }
    if let Some(until) = offer.terms.valid_until.filter(|until| *until <= now) {
        return Err(Refusal::forbidden("offer-expired", format!("This offer ended on {}.", moment(until)))
            .remedy("Ask the owner for a new offer.")
            .changed_by("the owner's steward"));
    }
    if !offer.terms.recipients.is_empty() && !offer.terms.recipients.contains(consumer) {
        return Err(Refusal::forbidden(
            "recipient-not-named",
            format!("This offer is for named members only, and {consumer} is not one of them."),
        )
        .remedy("Ask the owner to name you as a recipient.")
        .changed_by("the owner's steward"));
    }
    Ok(())
}

/// The refusal for a rung that the product is not offered on at all.
#[must_use]
pub fn mode_not_offered(
    title: &str,
    mode: Mode,
    offers: &[Offer],
    consumer: &Did,
    now: Timestamp,
) -> Refusal {
    let refusal = Refusal::forbidden(
        "mode-not-offered",
        format!("{title} is not offered for {mode}: its owner does not let out {}.", mode.leaves_the_owner()),
    )
    .changed_by("the owner's steward");
    match suggest_instead(offers, mode, consumer, now) {
        Some(lower) => refusal
            .instead(lower)
            .remedy(format!("Request it for {lower}: you would get {}.", lower.leaves_the_owner())),
        None => refusal.remedy("Ask the owner whether they would offer it on some rung."),
    }
}

/// Whether `asked` binds at least as tightly as `widest` in every term. What cannot be compared (a
/// condition in SQL, a promise in words) must be the same.
pub fn within(asked: &Terms, widest: &Terms) -> Result<(), Refusal> {
    let subset = |asked: &[Did], of: &[Did]| {
        of.is_empty() || (!asked.is_empty() && asked.iter().all(|a| of.contains(a)))
    };
    let columns = match (&asked.columns, &widest.columns) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(asked), Some(of)) => asked.iter().all(|column| of.contains(column)),
    };
    let roles = widest.roles.is_empty() && asked.roles.is_empty()
        || (!asked.roles.is_empty() && asked.roles.iter().all(|role| widest.allows_role(*role)));
    let checks = [
        (asked.purposes == widest.purposes, "the purpose"),
        (asked.legal_bases == widest.legal_bases, "the legal basis"),
        (subset(&asked.recipients, &widest.recipients), "the recipients"),
        (roles, "the roles"),
        (columns, "the columns"),
        (asked.row_filter == widest.row_filter, "the row filter"),
        (at_most(asked.valid_until, widest.valid_until), "the end"),
        (at_most(asked.uses_per_day_max, widest.uses_per_day_max), "the uses per day"),
        (
            widest.budget.is_none_or(|most| asked.budget.is_some_and(|budget| budget.fits(most))),
            "the privacy budget",
        ),
        (asked.budget_rules == widest.budget_rules, "the rules of its privacy budget"),
        (asked.service_level == widest.service_level, "the service level"),
        (asked.liability == widest.liability, "the liability"),
        (asked.licence == widest.licence, "the licence"),
        (asked.retention_days <= widest.retention_days, "the retention"),
        (asked.disposal == widest.disposal, "the disposal"),
        (asked.approval == widest.approval, "the approval"),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, what)) => {
            Err(Refusal::forbidden("terms-wider", format!("The request goes beyond the offer in {what}."))
                .remedy("Ask for the offer's terms or narrower ones.")
                .changed_by("the owner's steward"))
        }
    }
}

/// Absent means without limit, so nothing but a limit fits under a limit.
fn at_most<T: PartialOrd>(asked: Option<T>, most: Option<T>) -> bool {
    match (asked, most) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(asked), Some(most)) => asked <= most,
    }
}

/// What the request names, or the only one there is to name.
fn chosen<'a, T>(named: Option<&'a T>, asked: Option<&'a [T]>, offered: &'a [T]) -> Option<&'a T> {
    if named.is_some() {
        return named;
    }
    match (asked, offered) {
        (Some([only]), _) | (None, [only]) => Some(only),
        _ => None,
    }
}

fn must_choose(what: &str, choices: Vec<String>) -> Refusal {
    Refusal::invalid(
        if what == "purpose" { "purpose-needed" } else { "legal-basis-needed" },
        format!("An agreement is for exactly one {what}, and the request does not say which."),
    )
    .remedy(format!("Name one of: {}.", choices.join(", ")))
}

fn strings<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn one(left: &str, operator: Operator, right: String) -> Constraint {
    Constraint::Atomic { left: left.to_owned(), operator, right: RightOperand::One(right) }
}

fn many(left: &str, operator: Operator, right: Vec<String>) -> Constraint {
    Constraint::Atomic { left: left.to_owned(), operator, right: RightOperand::Many(right) }
}

/// One value is asked for as equality: a scalar survives every peer's JSON, a list of one does not.
fn any_of(left: &str, mut values: Vec<String>) -> Constraint {
    if values.len() == 1 {
        return one(left, Operator::Eq, values.remove(0));
    }
    many(left, Operator::IsAnyOf, values)
}
