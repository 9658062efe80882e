//! Offers, policies and requests: what fits, what does not, and what would.

use weal_domain::agreements::policy::iri;
use weal_domain::agreements::{
    Agreement, AgreementStatus, Constraint, Operator, Policy, Proposal, Request, RightOperand, Side, accepts,
    mode_not_offered, narrow, policy_of, policy_of_terms,
};
use weal_domain::catalogue::{Mode, Offer, Terms};
use weal_domain::compute::Loss;
use weal_domain::governance::Charter;
use weal_domain::identity::Role;
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, RefusalKind};

use crate::given::{
    CONSENT, FRAUD, PUBLIC_TASK, STATISTICS, agreement, assert_helps, at, basis, charter, conclusion, did,
    education, now, offer, proposal, purpose, revenue, signed,
};

fn weigh(offer: &Offer, offers: &[Offer], proposal: &Proposal, charter: &Charter) -> Result<Terms, Refusal> {
    accepts(&Request { offer, offers, proposal, consumer: &education(), charter, now: now() })
}

fn weigh_one(offer: &Offer, proposal: &Proposal) -> Result<Terms, Refusal> {
    weigh(offer, std::slice::from_ref(offer), proposal, &charter())
}

#[test]
fn the_policy_of_an_offer_says_every_enforceable_term_in_absolute_iris() {
    let mut offer = offer(Mode::Extract);
    offer.terms.recipients = vec![education()];
    offer.terms.roles = vec![Role::Analyst, Role::Auditor];
    offer.terms.columns = Some(vec!["region".to_owned()]);
    offer.terms.row_filter = Some("region = 'north'".to_owned());
    let policy = policy_of(&offer);
    let many = |values: &[&str]| RightOperand::Many(values.iter().map(|value| (*value).to_owned()).collect());
    let one = |value: &str| RightOperand::One(value.to_owned());
    let expected = [
        ("urn:weal:mode", Operator::Eq, one("extract")),
        ("http://www.w3.org/ns/odrl/2/purpose", Operator::IsAnyOf, many(&[FRAUD, STATISTICS])),
        ("urn:weal:legalBasis", Operator::Eq, one(PUBLIC_TASK)),
        ("http://www.w3.org/ns/odrl/2/recipient", Operator::IsAnyOf, many(&["did:web:education.example"])),
        ("urn:weal:role", Operator::IsAnyOf, many(&["analyst", "auditor"])),
        ("http://www.w3.org/ns/odrl/2/dateTime", Operator::Lt, one("2027-12-31T00:00:00Z")),
        ("urn:weal:usesPerDay", Operator::Lteq, one("50")),
        ("urn:weal:columns", Operator::IsPartOf, many(&["region"])),
        ("urn:weal:rowFilter", Operator::Eq, one("region = 'north'")),
        ("urn:weal:budgetRhoNano", Operator::Lteq, one("1000000000")),
    ];
    let expected: Vec<Constraint> = expected
        .into_iter()
        .map(|(left, operator, right)| Constraint::Atomic { left: left.to_owned(), operator, right })
        .collect();
    assert_eq!(policy.permissions.len(), 1);
    assert_eq!(policy.permissions[0].action, iri::USE);
    assert_eq!(policy.permissions[0].constraints, expected);
}

#[test]
fn a_request_narrowed_to_one_purpose_and_one_basis_is_accepted() {
    let offer = offer(Mode::Statistics);
    let granted = weigh_one(&offer, &proposal(&offer)).expect("it fits");
    assert_eq!(granted.purposes, [purpose(FRAUD)]);
    assert_eq!(granted.legal_bases, [basis(PUBLIC_TASK)]);
}

#[test]
fn a_stranger_who_echoes_an_offer_with_one_purpose_is_accepted_too() {
    let mut offer = offer(Mode::Statistics);
    offer.terms.purposes = vec![purpose(FRAUD)];
    let echo = Proposal {
        mode: None,
        terms: None,
        purpose: None,
        legal_basis: None,
        policy: policy_of(&offer),
        ..proposal(&offer)
    };
    weigh_one(&offer, &echo).expect("there is only one way to read it");
    let mut two = offer.clone();
    two.terms.purposes.push(purpose(STATISTICS));
    let echo = Proposal { policy: policy_of(&two), ..echo };
    assert_helps(&weigh_one(&two, &echo).unwrap_err(), "purpose-needed");
}

#[test]
fn tighter_terms_are_accepted_and_wider_ones_are_not() {
    let offer = offer(Mode::Statistics);
    let ask = |change: &dyn Fn(&mut Terms)| {
        let mut terms = narrow(&offer, &purpose(FRAUD), &basis(PUBLIC_TASK)).unwrap();
        change(&mut terms);
        let policy = policy_of_terms(offer.mode, &terms);
        weigh_one(&offer, &Proposal { terms: Some(terms), policy, ..proposal(&offer) })
    };
    let tighter: [&dyn Fn(&mut Terms); 6] = [
        &|terms| terms.uses_per_day_max = Some(1),
        &|terms| terms.valid_until = Some(at("2026-12-31T00:00:00Z")),
        &|terms| terms.columns = Some(vec!["region".to_owned()]),
        &|terms| terms.budget = Some(Loss::new(1, 0)),
        &|terms| terms.recipients = vec![education()],
        &|terms| terms.retention_days = 30,
    ];
    for change in tighter {
        ask(change).expect("tighter");
    }
    let wider: [&dyn Fn(&mut Terms); 8] = [
        &|terms| terms.uses_per_day_max = None,
        &|terms| terms.valid_until = Some(at("2099-01-01T00:00:00Z")),
        &|terms| terms.budget = None,
        &|terms| terms.budget = Some(Loss::new(1, 2_000_000)),
        &|terms| terms.roles = vec![Role::Operator],
        &|terms| terms.row_filter = Some("true".to_owned()),
        &|terms| terms.liability = "None.".to_owned(),
        &|terms| terms.retention_days = 3650,
    ];
    for change in wider {
        assert_helps(&ask(change).unwrap_err(), "terms-wider");
    }
}

#[test]
fn the_policy_must_say_what_the_terms_say() {
    let offer = offer(Mode::Statistics);
    let mut asked = proposal(&offer);
    asked.policy.permissions[0].constraints.pop();
    assert_helps(&weigh_one(&offer, &asked).unwrap_err(), "policy-differs");
}

#[test]
fn a_refused_request_names_the_reason_and_the_lower_rung() {
    let rows = Offer {
        terms: Terms { recipients: vec![did("council")], ..offer(Mode::Extract).terms },
        ..offer(Mode::Extract)
    };
    let offers = [rows.clone(), offer(Mode::Statistics)];
    let refusal = weigh(&rows, &offers, &proposal(&rows), &charter()).unwrap_err();
    assert_helps(&refusal, "recipient-not-named");
    assert_eq!(refusal.instead, Some(Mode::Statistics));

    let refusal = mode_not_offered("Payroll", Mode::Extract, &offers[1..], &education(), now());
    assert_helps(&refusal, "mode-not-offered");
    assert_eq!((refusal.kind, refusal.instead), (RefusalKind::Forbidden, Some(Mode::Statistics)));
    let refusal = mode_not_offered("Payroll", Mode::Statistics, &[], &education(), now());
    assert_eq!(refusal.instead, None);
}

#[test]
fn closed_offers_and_foreign_purposes_are_refused() {
    let open = offer(Mode::Statistics);
    let asked = proposal(&open);
    let withdrawn = Offer { withdrawn_at: Some(now()), ..open.clone() };
    assert_helps(&weigh_one(&withdrawn, &asked).unwrap_err(), "offer-withdrawn");
    let mut over = open.clone();
    over.terms.valid_until = Some(now());
    assert_helps(&weigh_one(&over, &asked).unwrap_err(), "offer-expired");

    let other = Proposal { purpose: Some(purpose("https://w3id.org/dpv#Marketing")), ..asked.clone() };
    let refusal = weigh_one(&open, &other).unwrap_err();
    assert_helps(&refusal, "purpose-not-offered");
    assert!(refusal.reason.contains("marketing") && refusal.remedy.unwrap().contains("fraud"));
    let other = Proposal { legal_basis: Some(basis(CONSENT)), ..asked.clone() };
    assert_helps(&weigh_one(&open, &other).unwrap_err(), "legal-basis-not-offered");
    let strict = Charter { purposes: vec![purpose(STATISTICS)], ..charter() };
    let refusal = weigh(&open, &[], &asked, &strict).unwrap_err();
    assert_helps(&refusal, "purpose-not-in-charter");
    let other = Proposal { mode: Some(Mode::Extract), ..asked };
    assert_eq!(weigh_one(&open, &other).unwrap_err().code, "mode-differs");
}

#[test]
fn a_strangers_offer_leaves_open_what_it_does_not_name() {
    let policy = Some(Policy::default());
    let named = Offer { policy: policy.clone(), ..offer(Mode::Extract) };
    assert_eq!(
        narrow(&named, &purpose(CONSENT), &basis(PUBLIC_TASK)).unwrap_err().code,
        "purpose-not-offered"
    );
    let nothing = Terms { purposes: Vec::new(), legal_bases: Vec::new(), ..named.terms.clone() };
    let silent = Offer { terms: nothing.clone(), ..named };
    let terms = narrow(&silent, &purpose(FRAUD), &basis(PUBLIC_TASK)).unwrap();
    assert_eq!((terms.purposes, terms.legal_bases), (vec![purpose(FRAUD)], vec![basis(PUBLIC_TASK)]));
    assert_eq!(policy_of(&silent), Policy::default());
    // Of an offer of ours that names no purpose nobody could take advantage.
    let ours = Offer { terms: nothing, ..offer(Mode::Extract) };
    assert!(narrow(&ours, &purpose(FRAUD), &basis(PUBLIC_TASK)).is_err());
}

#[test]
fn an_agreement_is_concluded_for_one_purpose_about_the_providers_dataset() {
    let made = signed(Mode::Statistics);
    assert_eq!((made.peer(), made.product.as_str()), (&education(), "payroll"));
    assert_eq!(made.status, AgreementStatus::Pending);
    let mut wide = conclusion(Side::Provider, &proposal(&offer(Mode::Statistics)));
    wide.terms.purposes.push(purpose(STATISTICS));
    assert_eq!(Agreement::conclude(wide).unwrap_err().code, "purpose-needed");
    let mut foreign = conclusion(Side::Provider, &proposal(&offer(Mode::Statistics)));
    foreign.dataset = "did:web:employment.example#benefits".to_owned();
    assert_eq!(Agreement::conclude(foreign).unwrap_err().code, "dataset-not-the-providers");
}

#[test]
fn either_party_may_revoke_once_with_a_reason_and_nobody_else() {
    let held = agreement(Mode::Statistics);
    let (ended, facts) = held.revoke(&education(), "owner", " We no longer need it. ", now()).unwrap();
    assert!(matches!(&facts[..], [Fact::AgreementRevoked { by, reason, .. }]
        if *by == education() && reason == "We no longer need it."));
    assert_eq!(ended.clone().finalized(), ended, "FINALIZED does not wake it again");
    assert_eq!(ended.revoke(&revenue(), "owner", "Too.", now()).unwrap_err().kind, RefusalKind::Conflict);
    assert_eq!(held.revoke(&did("council"), "owner", "No.", now()).unwrap_err().kind, RefusalKind::NotFound);
    for reason in ["", "  ", "a\nb", &"x".repeat(1001)] {
        assert_helps(&held.revoke(&revenue(), "owner", reason, now()).unwrap_err(), "reason-needed");
    }
}
