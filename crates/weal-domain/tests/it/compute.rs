//! Loss and budgets: exact, and never overspent whatever the order of reservations and settlements.

use std::time::Duration;

use proptest::prelude::*;
use weal_domain::RefusalKind;
use weal_domain::compute::{
    Account, Budget, BudgetEvent, BudgetMove, BudgetRules, Charge, Loss, Mechanism, Release, Renewal,
    leaves_at,
};

use crate::given::{at, education, payroll};

#[test]
fn a_loss_reads_as_the_exact_figure() {
    assert_eq!(Loss::new(50_000_000, 0).to_string(), "0.05 rho");
    assert_eq!(Loss::new(1, 0).to_string(), "0.000000001 rho");
    assert_eq!(Loss::new(12_000_000_000, 1_000_000).to_string(), "12 rho and 0.000000001 delta");
    assert_eq!(Loss::new(u64::MAX, 0).to_string(), "18446744073.709551615 rho");
}

#[test]
fn losses_do_not_wrap_around() {
    let huge = Loss::new(u64::MAX, 1);
    assert_eq!(huge.checked_add(Loss::new(1, 0)), None);
    assert_eq!(Loss::new(1, 1).checked_sub(Loss::new(0, 2)), None);
    assert_eq!(huge.saturating_add(huge), Loss::new(u64::MAX, 2));
    assert_eq!(huge.checked_mul(2), None);
    assert_eq!(Loss::new(10, 7).scaled_down(3), Loss::new(3, 2));
    assert_eq!(Loss::new(10, 7).scaled_down(0), Loss::new(10, 7));
    assert!(!Budget::granted(huge).reserve(huge).unwrap().has_room(Loss::new(0, 1)));
}

#[test]
fn a_question_that_does_not_fit_is_refused_with_what_is_left() {
    let budget = Budget::granted(Loss::new(100, 10)).reserve(Loss::new(60, 0)).unwrap();
    let refusal = budget.reserve(Loss::new(41, 0)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Exhausted);
    assert!(refusal.reason.contains("only 0.00000004 rho"), "{refusal:?}");
    assert!(refusal.remedy.is_some());
    budget.reserve(Loss::new(40, 10)).expect("exactly what is left");
}

#[test]
fn a_settlement_gives_back_what_was_not_spent_and_no_more() {
    let reserved = Budget::granted(Loss::new(100, 0)).reserve(Loss::new(60, 0)).unwrap();
    let settled = reserved.settle(Loss::new(60, 0), Loss::new(25, 0)).unwrap();
    assert_eq!((settled.spent, settled.left()), (Loss::new(25, 0), Loss::new(75, 0)));
    let twice = settled.settle(Loss::new(60, 0), Loss::new(25, 0)).unwrap_err();
    assert_eq!(twice.kind, RefusalKind::Conflict);
    assert!(reserved.settle(Loss::new(60, 0), Loss::new(61, 0)).is_err());
}

#[test]
fn the_rest_is_counted_in_questions() {
    let budget = Budget::granted(Loss::new(1_000, 10));
    assert_eq!(budget.questions_left(Loss::new(7, 0)), Some(142));
    assert_eq!(budget.questions_left(Loss::new(7, 1)), Some(10), "the scarcer part decides");
    assert_eq!(budget.questions_left(Loss::ZERO), None);
}

#[test]
fn a_renewal_makes_spent_loss_available_again_and_forgets_nothing() {
    let spent = Budget { spent: Loss::new(70, 4), ..Budget::granted(Loss::new(100, 10)) };
    let renewed = spent.renew(1, Loss::new(50, 1));
    assert_eq!((renewed.left(), renewed.spent), (Loss::new(80, 7), Loss::new(70, 4)));
    assert_eq!((renewed.limit(), renewed.counted()), (Loss::new(100, 10), Loss::new(20, 3)));
    // What was never spent does not gather: three renewals later no more than the limit is left.
    let renewed = spent.renew(3, Loss::new(50, 1));
    assert_eq!((renewed.left(), renewed.limit()), (Loss::new(100, 9), Loss::new(100, 10)));
    assert_eq!(renewed.spent, Loss::new(70, 4), "the total since the beginning stands");
    assert_eq!(Budget::granted(Loss::new(100, 10)).renew(9, Loss::new(50, 1)).granted, Loss::new(100, 10));
    // What is reserved is not spent yet, and not renewed.
    let reserved = Budget::granted(Loss::new(100, 0)).reserve(Loss::new(60, 0)).unwrap();
    assert_eq!(reserved.renew(1, Loss::new(50, 0)).left(), Loss::new(40, 0));
}

#[test]
fn renewals_are_due_at_the_same_moments_however_rarely_somebody_looks() {
    let rule = Renewal { every_days: 30, loss: Loss::new(1, 0) };
    let since = at("2026-01-01T00:00:00Z");
    assert_eq!(rule.due(since, at("2026-01-30T23:59:59Z")), (0, since));
    assert_eq!(rule.due(since, at("2026-01-31T00:00:00Z")), (1, at("2026-01-31T00:00:00Z")));
    assert_eq!(rule.due(since, at("2026-04-15T12:00:00Z")), (3, at("2026-04-01T00:00:00Z")));
    assert_eq!(
        rule.due(since, at("2025-12-01T00:00:00Z")),
        (0, since),
        "a clock that ran back renews nothing"
    );
}

#[test]
fn rules_that_let_more_be_spent_are_known() {
    let share = |rho| Some(Loss::new(rho, 0));
    let renewal = |every_days, rho| Some(Renewal { every_days, loss: Loss::new(rho, 0) });
    let before = BudgetRules { member: share(50), analyst: None, renewal: renewal(30, 10) };
    assert!(before.are_within(&before));
    assert!(BudgetRules { member: share(40), analyst: share(1), renewal: None }.are_within(&before));
    assert!(BudgetRules { renewal: renewal(60, 10), ..before }.are_within(&before));
    for more in [
        BudgetRules { member: None, ..before },
        BudgetRules { member: share(51), ..before },
        BudgetRules { renewal: renewal(29, 10), ..before },
        BudgetRules { renewal: renewal(30, 11), ..before },
    ] {
        assert!(!more.are_within(&before), "{more:?}");
    }
    assert!(!before.are_within(&BudgetRules { renewal: None, ..before }));
    for (wrong, code) in [
        (BudgetRules { renewal: renewal(0, 1), ..BudgetRules::default() }, "renewal"),
        (BudgetRules { renewal: renewal(1, 0), ..BudgetRules::default() }, "renewal"),
        (BudgetRules { renewal: renewal(36_501, 1), ..BudgetRules::default() }, "renewal"),
        (BudgetRules { member: share(0), ..BudgetRules::default() }, "share"),
    ] {
        assert_eq!(wrong.check().unwrap_err().code, code, "{wrong:?}");
    }
    before.check().expect("rules that can be kept");
}

#[test]
fn an_agreements_limit_holds_for_everything_its_member_spent() {
    let member = Budget { spent: Loss::new(90, 0), ..Budget::granted(Loss::new(1_000, 0)) };
    assert_eq!(member.under(Loss::new(100, 0)).left(), Loss::new(10, 0));
    assert_eq!(
        member.under(Loss::new(80, 0)).left(),
        Loss::ZERO,
        "a second agreement begins where the first is"
    );
    let renewed = member.renew(1, Loss::new(50, 0));
    assert_eq!(renewed.under(Loss::new(100, 0)).left(), Loss::new(60, 0));
}

#[test]
fn accounts_are_read_as_they_are_written() {
    let product = payroll();
    for account in [
        Account::Product(product.clone()),
        Account::Agreement("urn:uuid:a1".parse().unwrap()),
        Account::Member(product.clone(), education()),
        Account::Analyst(product.clone(), education(), "p/7f:3a".to_owned()),
    ] {
        assert_eq!(account.to_string().parse::<Account>().unwrap(), account);
    }
    for wrong in
        ["", "payroll", "product:", "member:payroll", "analyst:payroll/did:web:a.example", "person:x"]
    {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
}

#[test]
fn answers_leave_at_moments_that_the_data_does_not_choose() {
    let ms = Duration::from_millis;
    let leaves = |taken| leaves_at(ms(250), ms(3_000), ms(taken)).as_millis();
    assert_eq!([0, 1, 249, 250].map(leaves), [250; 4]);
    assert_eq!([251, 499, 500, 501, 999, 1_001].map(leaves), [500, 500, 500, 1_000, 1_000, 2_000]);
    assert_eq!([2_001, 2_999, 3_000].map(leaves), [3_000; 3], "the last moment, before the asker gives up");
    assert_eq!(leaves(3_001), 3_001);
    assert_eq!(leaves_at(ms(0), ms(3_000), ms(17)), ms(17), "without a step");
    // Whatever the work, at most so many moments are there to be told apart.
    let moments: std::collections::BTreeSet<_> = (0..=3_000).map(leaves).collect();
    assert_eq!(moments.len(), 5);
}

fn release(rho_nano: u64) -> Release {
    Release {
        mechanism: Mechanism::DiscreteGaussian,
        scale: 812.4,
        l0: 3,
        linf: 10,
        l2: 300_f64.sqrt(),
        threshold: None,
        count: 1,
        loss: Loss::new(rho_nano, 0),
    }
}

#[test]
fn like_releases_are_told_once_with_their_number() {
    let told = Release::counted([release(5), release(7), release(5), release(5)]);
    assert_eq!(told.iter().map(|one| (one.loss.rho_nano, one.count)).collect::<Vec<_>>(), [(5, 3), (7, 1)]);
    assert_eq!(Release::total(&told), Some(Loss::new(22, 0)));
    assert_eq!(Release::total(&[release(u64::MAX), release(1)]), None);
}

/// The form that `weal budget --events` prints and its guide describes.
#[test]
fn an_event_is_one_line_that_is_read_as_it_was_written() {
    let charge = Charge {
        version: 3,
        use_id: "urn:uuid:u1".parse().unwrap(),
        agreement: "urn:uuid:a1".parse().unwrap(),
        member: education(),
        person: "p-7f3a".to_owned(),
        question_sha256: "00".repeat(32),
    };
    let spent =
        BudgetMove::Spent { charge: charge.clone(), loss: Loss::new(5, 1), releases: vec![release(5)] };
    let granted = BudgetMove::Granted { loss: Loss::new(9, 0), rules: BudgetRules::default() };
    for (what, kind) in [
        (spent, "spent"),
        (granted, "granted"),
        (BudgetMove::Renewed { loss: Loss::new(1, 0) }, "renewed"),
        (BudgetMove::Repeated { charge }, "repeated"),
        (BudgetMove::Closed { loss: Loss::new(1, 0) }, "closed"),
    ] {
        let event = BudgetEvent { v: 1, number: 7, at: at("2026-11-22T08:00:00Z"), product: payroll(), what };
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.contains(&format!(r#""kind":"{kind}""#)) && !line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<BudgetEvent>(&line).unwrap(), event);
    }
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Reserve(Loss),
    /// So many renewals of this.
    Renew(u64, Loss),
    /// Settles one open reservation at a share of its price, or all of it after a crash.
    Settle {
        which: usize,
        share: u64,
    },
}

fn loss() -> impl Strategy<Value = Loss> {
    let part = prop_oneof![4 => 0u64..400, 1 => Just(0), 1 => Just(u64::MAX), 1 => any::<u64>()];
    (part.clone(), part).prop_map(|(rho, delta)| Loss::new(rho, delta))
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        loss().prop_map(Deed::Reserve),
        (any::<usize>(), 1u64..5).prop_map(|(which, share)| Deed::Settle { which, share }),
        (0u64..4, loss()).prop_map(|(times, loss)| Deed::Renew(times, loss)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `BU-1` and `BU-3`, against a ledger kept beside the budget in wider numbers.
    #[test]
    fn no_interleaving_overspends(granted in loss(), deeds in prop::collection::vec(deed(), 0..80)) {
        let mut budget = Budget::granted(granted);
        let mut open: Vec<Loss> = Vec::new();
        let (mut spent_rho, mut spent_delta) = (0u128, 0u128);
        for deed in deeds {
            match deed {
                Deed::Reserve(loss) => match budget.reserve(loss) {
                    Ok(next) => {
                        open.push(loss);
                        budget = next;
                    }
                    Err(_) => prop_assert!(!budget.has_room(loss)),
                },
                Deed::Settle { which, share } if !open.is_empty() => {
                    let reserved = open.swap_remove(which % open.len());
                    let cost = reserved.scaled_down(share);
                    budget = budget.settle(reserved, cost).expect("an open reservation");
                    spent_rho += u128::from(cost.rho_nano);
                    spent_delta += u128::from(cost.delta_femto);
                }
                Deed::Renew(times, loss) => {
                    let before = budget;
                    budget = budget.renew(times, loss);
                    prop_assert_eq!((budget.spent, budget.reserved), (before.spent, before.reserved), "BU-3");
                    prop_assert!(before.renewed.fits(budget.renewed) && budget.renewed.fits(budget.spent), "BU-3");
                }
                Deed::Settle { .. } => prop_assert!(budget.settle(Loss::new(1, 0), Loss::ZERO).is_err()),
            }
            let open_rho: u128 = open.iter().map(|loss| u128::from(loss.rho_nano)).sum();
            let open_delta: u128 = open.iter().map(|loss| u128::from(loss.delta_femto)).sum();
            prop_assert!(spent_rho + open_rho <= u128::from(budget.granted.rho_nano), "BU-1");
            prop_assert!(spent_delta + open_delta <= u128::from(budget.granted.delta_femto), "BU-1");
            prop_assert_eq!(u128::from(budget.spent.rho_nano), spent_rho);
            prop_assert_eq!(u128::from(budget.reserved.delta_femto), open_delta);
            prop_assert_eq!(budget.limit(), granted);
        }
    }

    #[test]
    fn what_is_left_fits_and_one_unit_more_does_not(granted in loss(), first in loss()) {
        let budget = Budget::granted(granted).reserve(first).unwrap_or(Budget::granted(granted));
        let left = budget.left();
        prop_assert!(budget.has_room(left));
        if let Some(more) = left.checked_add(Loss::new(1, 0)) {
            prop_assert!(!budget.has_room(more));
        }
    }
}
