//! Loss and budgets: exact, and never overspent whatever the order of reservations and settlements.

use proptest::prelude::*;
use weal_domain::RefusalKind;
use weal_domain::compute::{Budget, Loss};

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

#[derive(Debug, Clone, Copy)]
enum Deed {
    Reserve(Loss),
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
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `BU-1`, against a ledger kept beside the budget in wider numbers.
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
                Deed::Settle { .. } => prop_assert!(budget.settle(Loss::new(1, 0), Loss::ZERO).is_err()),
            }
            let open_rho: u128 = open.iter().map(|loss| u128::from(loss.rho_nano)).sum();
            let open_delta: u128 = open.iter().map(|loss| u128::from(loss.delta_femto)).sum();
            prop_assert!(spent_rho + open_rho <= u128::from(granted.rho_nano), "BU-1");
            prop_assert!(spent_delta + open_delta <= u128::from(granted.delta_femto), "BU-1");
            prop_assert_eq!(u128::from(budget.spent.rho_nano), spent_rho);
            prop_assert_eq!(u128::from(budget.reserved.delta_femto), open_delta);
            prop_assert_eq!(budget.granted, granted);
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
