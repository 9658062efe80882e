//! The gate, question by question: what it refuses, in which words, and what it lets through.

use weal_domain::agreements::policy::iri;
use weal_domain::agreements::{Agreement, Constraint, Operator, RightOperand, Rule};
use weal_domain::catalogue::{Mode, Offer};
use weal_domain::citizens::ConsentCover;
use weal_domain::compute::{Budget, Loss};
use weal_domain::exchange::{
    Asking, Budgets, Extract, GateQuestion, Permit, Rung, Statistics, UseId, decide, simulate,
};
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Role;
use weal_domain::{Refusal, RefusalKind, Timestamp};

use crate::given::{
    CONSENT, FRAUD, STATISTICS, agreement, assert_helps, at, basis, did, education, member, now, offer,
    purpose, revenue, signed,
};

/// Everything a question looks at, owned, with a use that is allowed unless a test changes something.
struct Case {
    now: Timestamp,
    asking: Asking,
    member: Option<Member>,
    agreement: Option<Agreement>,
    offers: Vec<Offer>,
    columns: Option<Vec<String>>,
    place: Option<String>,
    uses_today: u32,
    consent: ConsentCover,
    loss: Loss,
    is_repeat: bool,
    budgets: Budgets,
}

impl Case {
    fn education_asks() -> Self {
        Case {
            now: now(),
            asking: Asking {
                consumer: education(),
                person: "p-7f3a".to_owned(),
                role: Role::Analyst,
                purpose: None,
                legal_basis: None,
            },
            member: Some(member("education", Standing::Good)),
            agreement: Some(agreement(Mode::Statistics)),
            offers: vec![offer(Mode::Statistics)],
            columns: Some(vec!["wage".to_owned(), "region".to_owned()]),
            place: None,
            uses_today: 3,
            consent: ConsentCover::NoRegister,
            loss: Loss::new(10_000_000, 1_000),
            budgets: Budgets {
                product: Some(Budget::granted(Loss::new(2_000_000_000, 2_000_000))),
                agreement: Some(Budget::granted(Loss::new(1_000_000_000, 1_000_000))),
                ..Budgets::default()
            },
            is_repeat: false,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn agreed(self, change: impl FnOnce(&mut Agreement)) -> Self {
        self.with(|case| change(case.agreement.as_mut().expect("an agreement to change")))
    }

    fn question(&self) -> GateQuestion<'_> {
        GateQuestion {
            use_id: UseId::new("urn:uuid:use-1").unwrap(),
            now: self.now,
            asking: &self.asking,
            member: self.member.as_ref(),
            agreement: self.agreement.as_ref(),
            offers: &self.offers,
            columns: self.columns.as_deref(),
            place: self.place.as_deref(),
            uses_today: self.uses_today,
            uses_ever: u64::from(self.uses_today),
            consent: self.consent,
            loss: self.loss,
            is_repeat: self.is_repeat,
            budgets: self.budgets,
        }
    }

    fn permit<M: Rung>(&self) -> Result<Permit<M>, Refusal> {
        decide::<M>(&self.question())
    }

    /// The refusal must help, and the simulation must foresee it at the same question.
    fn is_refused(&self, step: &str, code: &str) -> Refusal {
        let refusal = self.permit::<Statistics>().expect_err("refused");
        assert_helps(&refusal, code);
        let foreseen = simulate(&self.question(), Mode::Statistics);
        let first = foreseen.iter().find(|step| !step.passed).expect("a step that did not pass");
        assert_eq!((first.name.as_str(), first.refusal.as_ref()), (step, Some(&refusal)));
        refusal
    }
}

#[test]
fn a_question_within_its_agreement_gets_a_permit_that_says_what_it_allows() {
    let case = Case::education_asks().agreed(|agreement| {
        agreement.terms.row_filter = Some("region <> 'islands'".to_owned());
    });
    let permit = case.permit::<Statistics>().expect("allowed");
    let grant = permit.grant();
    assert_eq!((&grant.provider, &grant.consumer), (&revenue(), &education()));
    assert_eq!(grant.mode, Mode::Statistics);
    assert_eq!(grant.purpose, purpose(FRAUD));
    assert_eq!(grant.row_filter.as_deref(), Some("region <> 'islands'"));
    assert_eq!((grant.loss_max, grant.decided_at), (case.loss, case.now));
    assert_eq!(grant.ends_at, case.agreement.as_ref().unwrap().terms.valid_until);
    let foreseen = simulate(&case.question(), Mode::Statistics);
    let names: Vec<&str> = foreseen.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["member", "agreement", "person", "purpose", "policy", "consent", "quota", "budget"]);
    assert!(foreseen.iter().all(|step| step.passed && !step.reason.is_empty()), "{foreseen:#?}");
}

#[test]
fn a_stranger_is_refused_first_whatever_else_is_wrong() {
    let refusal = Case::education_asks()
        .with(|case| {
            case.member = None;
            case.agreement = None;
            case.loss = Loss::ZERO;
        })
        .is_refused("member", "not-a-member");
    assert!(refusal.reason.contains("did:web:education.example"), "{refusal:?}");
    assert_eq!(refusal.instead, None, "no rung helps somebody who is not a member");
}

#[test]
fn another_members_line_in_the_register_does_not_help() {
    Case::education_asks()
        .with(|case| case.member = Some(member("employment", Standing::Good)))
        .is_refused("member", "not-a-member");
}

#[test]
fn members_who_do_not_stand_well_are_refused() {
    for (standing, code) in [
        (Standing::Applied, "membership-pending"),
        (Standing::Suspended, "member-suspended"),
        (Standing::Left, "member-left"),
    ] {
        let refusal = Case::education_asks()
            .with(|case| case.member = Some(member("education", standing)))
            .is_refused("member", code);
        assert_eq!(refusal.changed_by.as_deref(), Some("the governing body"));
    }
}

#[test]
fn without_an_agreement_the_refusal_names_the_rung_that_would_answer() {
    let case = Case::education_asks().with(|case| case.agreement = None);
    case.is_refused("agreement", "agreement-missing");
    let refusal = decide::<Extract>(&case.question()).unwrap_err();
    assert_eq!(refusal.instead, Some(Mode::Statistics));
}

#[test]
fn somebody_elses_agreement_is_no_agreement() {
    let refusal = Case::education_asks()
        .agreed(|agreement| agreement.consumer = did("employment"))
        .is_refused("agreement", "agreement-missing");
    assert!(!refusal.reason.contains("employment"), "and nothing is said about whose it is");
}

#[test]
fn after_a_revocation_the_refusal_says_when_and_by_whom_and_why() {
    let (revoked, _) = agreement(Mode::Statistics)
        .revoke(&revenue(), "steward", "The apprenticeship scheme has ended.", at("2026-09-01T10:15:06Z"))
        .unwrap();
    let refusal = Case::education_asks()
        .with(|case| case.agreement = Some(revoked))
        .is_refused("agreement", "agreement-revoked");
    for word in ["did:web:revenue.example", "steward", "1 September 2026 at 10:15:06 UTC", "scheme has ended"]
    {
        assert!(refusal.reason.contains(word), "{word} in {}", refusal.reason);
    }
}

#[test]
fn an_agreement_not_yet_in_force_or_at_its_end_opens_nothing() {
    Case::education_asks()
        .with(|case| case.agreement = Some(signed(Mode::Statistics)))
        .is_refused("agreement", "agreement-pending");
    let end = at("2027-12-31T00:00:00Z");
    let refusal =
        Case::education_asks().with(|case| case.now = end).is_refused("agreement", "agreement-expired");
    assert!(refusal.reason.contains("31 December 2027"), "{refusal:?}");
    let last = at("2027-12-30T23:59:59Z");
    Case::education_asks()
        .with(|case| case.now = last)
        .permit::<Statistics>()
        .expect("the last second counts");
}

#[test]
fn an_agreement_for_one_rung_opens_no_other() {
    let refusal = Case::education_asks().permit::<Extract>().unwrap_err();
    assert_helps(&refusal, "agreement-other-rung");
    assert_eq!(refusal.instead, Some(Mode::Statistics), "what is held already would answer");
    let refusal = Case::education_asks()
        .with(|case| case.agreement = Some(agreement(Mode::Extract)))
        .is_refused("agreement", "agreement-other-rung");
    assert_eq!(refusal.instead, None);
}

#[test]
fn only_the_roles_of_the_agreement_may_ask() {
    let refusal = Case::education_asks()
        .with(|case| case.asking.role = Role::Operator)
        .is_refused("person", "role-not-allowed");
    assert!(refusal.reason.contains("analysts") && refusal.reason.contains("operator"), "{refusal:?}");
}

#[test]
fn another_purpose_or_legal_basis_needs_another_agreement() {
    let refusal = Case::education_asks()
        .with(|case| case.asking.purpose = Some(purpose(STATISTICS)))
        .is_refused("purpose", "purpose-differs");
    assert!(refusal.reason.contains("official statistics"), "{refusal:?}");
    Case::education_asks()
        .with(|case| case.asking.legal_basis = Some(basis(CONSENT)))
        .is_refused("purpose", "legal-basis-differs");
    Case::education_asks()
        .with(|case| case.asking.purpose = Some(purpose(FRAUD)))
        .permit::<Statistics>()
        .expect("the agreement's own purpose");
}

#[test]
fn a_column_that_was_not_agreed_is_named() {
    let refusal = Case::education_asks()
        .agreed(|agreement| agreement.terms.columns = Some(vec!["region".to_owned()]))
        .is_refused("policy", "column-not-agreed");
    assert!(refusal.reason.contains("wage") && !refusal.reason.contains("region"), "{refusal:?}");
}

fn only_if(left: &str, operator: Operator, right: &str) -> Constraint {
    Constraint::Atomic { left: left.to_owned(), operator, right: RightOperand::One(right.to_owned()) }
}

#[test]
fn every_condition_of_the_policy_counts_known_or_not() {
    let add = |constraint: Constraint| {
        move |agreement: &mut Agreement| agreement.policy.permissions[0].constraints.push(constraint)
    };
    let place = only_if(iri::SPATIAL, Operator::Eq, "https://places.example/EE");
    Case::education_asks().agreed(add(place.clone())).is_refused("policy", "policy");
    Case::education_asks()
        .agreed(add(place))
        .with(|case| case.place = Some("https://places.example/EE".to_owned()))
        .permit::<Statistics>()
        .expect("in the right place");
    let unknown = only_if("https://example.org/moonPhase", Operator::Eq, "full");
    let refusal = Case::education_asks().agreed(add(unknown)).is_refused("policy", "policy");
    assert!(refusal.reason.contains("moonPhase"), "{refusal:?}");
    let forbids = Rule { action: iri::USE.to_owned(), constraints: Vec::new() };
    Case::education_asks()
        .agreed(|agreement| agreement.policy.prohibitions.push(forbids))
        .is_refused("policy", "policy");
}

#[test]
fn where_the_basis_is_consent_everyone_must_have_given_it() {
    let on_consent = |cover: ConsentCover| {
        Case::education_asks()
            .agreed(|agreement| {
                agreement.legal_basis = basis(CONSENT);
                agreement.terms.legal_bases = vec![basis(CONSENT)];
                agreement.policy =
                    weal_domain::agreements::policy_of_terms(Mode::Statistics, &agreement.terms);
            })
            .with(|case| case.consent = cover)
    };
    on_consent(ConsentCover::NoRegister).is_refused("consent", "consent-unknown");
    on_consent(ConsentCover::Incomplete).is_refused("consent", "consent-missing");
    on_consent(ConsentCover::Everyone).permit::<Statistics>().expect("everyone consented");
}

#[test]
fn the_last_use_of_the_day_is_allowed_and_the_next_is_not() {
    Case::education_asks().with(|case| case.uses_today = 49).permit::<Statistics>().expect("the fiftieth");
    let refusal =
        Case::education_asks().with(|case| case.uses_today = 50).is_refused("quota", "quota-exhausted");
    assert_eq!(refusal.kind, RefusalKind::Exhausted);
    assert!(refusal.reason.contains("50 uses a day"), "{refusal:?}");
}

#[test]
fn a_budget_that_is_used_up_says_what_is_left_and_whose_it_is() {
    let refusal = Case::education_asks()
        .with(|case| case.budgets.agreement = Some(Budget::granted(Loss::new(9_999_999, 1_000_000))))
        .is_refused("budget", "agreement-budget-exhausted");
    assert_eq!(refusal.kind, RefusalKind::Exhausted);
    assert!(refusal.reason.contains("0.009999999 rho"), "what is left: {refusal:?}");

    let spent =
        Budget { spent: Loss::new(1_995_000_000, 0), ..Budget::granted(Loss::new(2_000_000_000, 2_000_000)) };
    let refusal = Case::education_asks()
        .with(|case| case.budgets.product = Some(spent))
        .is_refused("budget", "product-budget-exhausted");
    assert!(refusal.reason.contains("only 0.005 rho"), "{refusal:?}");

    let delta = Budget::granted(Loss::new(1_000_000_000, 999));
    Case::education_asks()
        .with(|case| case.budgets.agreement = Some(delta))
        .is_refused("budget", "agreement-budget-exhausted");
}

#[test]
fn the_policys_own_budget_counts_even_where_the_account_says_more() {
    let refusal = Case::education_asks()
        .with(|case| {
            let generous =
                Budget { spent: Loss::new(995_000_000, 0), ..Budget::granted(Loss::new(u64::MAX, u64::MAX)) };
            case.budgets = Budgets {
                product: Some(Budget::granted(generous.granted)),
                agreement: Some(generous),
                ..Budgets::default()
            };
        })
        .is_refused("budget", "agreement-budget-exhausted");
    assert_eq!(refusal.kind, RefusalKind::Exhausted);
}

#[test]
fn no_account_and_no_price_mean_no_private_answer() {
    Case::education_asks().with(|case| case.budgets.product = None).is_refused("budget", "budget-missing");
    Case::education_asks().with(|case| case.budgets.agreement = None).is_refused("budget", "budget-missing");
    let free = Case::education_asks().with(|case| case.loss = Loss::ZERO);
    assert_eq!(free.permit::<Statistics>().unwrap_err().code, "loss-missing");
}

#[test]
fn shares_of_members_and_analysts_are_refused_by_their_name() {
    let little = Some(Budget::granted(Loss::new(9_999_999, 1_000_000)));
    Case::education_asks()
        .with(|case| case.budgets.member = little)
        .is_refused("budget", "member-budget-exhausted");
    Case::education_asks()
        .with(|case| case.budgets.analyst = little)
        .is_refused("budget", "analyst-budget-exhausted");
    let enough = Some(Budget::granted(Loss::new(10_000_000, 1_000)));
    Case::education_asks()
        .with(|case| (case.budgets.member, case.budgets.analyst) = (enough, enough))
        .permit::<Statistics>()
        .expect("just enough");
}

#[test]
fn an_answer_given_again_costs_nothing_and_passes_every_other_question() {
    let again = || {
        Case::education_asks().with(|case| {
            (case.loss, case.is_repeat, case.budgets) = (Loss::ZERO, true, Budgets::default());
        })
    };
    let permit = again().permit::<Statistics>().expect("paid for before");
    assert_eq!(permit.grant().loss_max, Loss::ZERO, "nothing new can be released with it");
    again().with(|case| case.uses_today = 50).is_refused("quota", "quota-exhausted");
    again().with(|case| case.member = None).is_refused("member", "not-a-member");
}

#[test]
fn terms_without_a_budget_draw_on_the_products_alone() {
    let without = || {
        Case::education_asks().agreed(|agreement| {
            agreement.terms.budget = None;
            agreement.policy = weal_domain::agreements::policy_of_terms(Mode::Statistics, &agreement.terms);
        })
    };
    without()
        .with(|case| case.budgets.agreement = None)
        .permit::<Statistics>()
        .expect("the product's budget");
    let empty = Some(Budget::default());
    without()
        .with(|case| case.budgets.agreement = empty)
        .permit::<Statistics>()
        .expect("no account was granted");
    without().with(|case| case.budgets.product = empty).is_refused("budget", "product-budget-exhausted");
}

#[test]
fn rows_draw_on_no_budget() {
    Case::education_asks()
        .with(|case| {
            case.agreement = Some(agreement(Mode::Extract));
            case.loss = Loss::ZERO;
            case.budgets = Budgets::default();
        })
        .permit::<Extract>()
        .expect("rows under their own agreement");
}
