//! How long somebody who gave wrong passwords waits before the next one is looked at.
//!
//! A stranger is slowed by address and by account, each with a wait that doubles. The wait of an address
//! grows far longer than that of an account: whoever has few addresses neither guesses on nor keeps an
//! account shut. A browser in which the account has signed in before is counted by itself, so that nobody
//! else's wrong passwords keep its owner out.

/// Wrong passwords that cost no wait.
pub const FREE_FAILURES: u64 = 5;

/// For what wrong passwords in a row are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountedFor {
    /// The account, by whomever in whatever new browser.
    Account,
    /// The address or network, on whichever account.
    Address,
    /// A browser that has been let in before.
    Browser,
}

impl CountedFor {
    /// The longest wait, in seconds.
    #[must_use]
    pub fn wait_s_max(self) -> i64 {
        match self {
            CountedFor::Account | CountedFor::Browser => 300,
            CountedFor::Address => 3_600,
        }
    }

    /// The seconds between the last of so many failures and the next attempt: 0, then 2, 4, 8 and so on.
    #[must_use]
    pub fn wait_s(self, failures: u64) -> i64 {
        let Some(beyond) = failures.checked_sub(FREE_FAILURES) else { return 0 };
        let doubled = u32::try_from(beyond).ok().and_then(|beyond| 2_i64.checked_shl(beyond.min(40)));
        doubled.unwrap_or(i64::MAX).min(self.wait_s_max())
    }
}
