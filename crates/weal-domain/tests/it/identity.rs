//! Wrong passwords make wait, strangers longer than the account's own people.

use weal_domain::identity::{CountedFor, FREE_FAILURES};

const ALL: [CountedFor; 3] = [CountedFor::Account, CountedFor::Address, CountedFor::Browser];

#[test]
fn a_few_slips_cost_nothing_and_then_each_wait_is_twice_the_last() {
    for counted_for in ALL {
        for failures in 0..FREE_FAILURES {
            assert_eq!(counted_for.wait_s(failures), 0);
        }
        let mut last = 1;
        for failures in FREE_FAILURES..FREE_FAILURES + 100 {
            let wait = counted_for.wait_s(failures);
            assert_eq!(wait, (last * 2).min(counted_for.wait_s_max()), "{failures}");
            last = wait;
        }
        assert_eq!(counted_for.wait_s(u64::MAX), counted_for.wait_s_max());
    }
}

/// One address that guesses on for a day, without a pause: how often its passwords are looked at, and how
/// much of the day the account is shut to others for it.
#[test]
fn one_address_neither_guesses_on_nor_keeps_an_account_shut() {
    const DAY_S: i64 = 24 * 3600;
    let (mut now_s, mut failures, mut shut_s) = (0, 0, 0);
    while now_s < DAY_S {
        failures += 1;
        let own = CountedFor::Address.wait_s(failures).max(1);
        shut_s += CountedFor::Account.wait_s(failures).min(own);
        now_s += own;
    }
    assert!(failures < 50, "{failures} guesses");
    assert!(shut_s < DAY_S / 8, "shut for {shut_s} s");
}
