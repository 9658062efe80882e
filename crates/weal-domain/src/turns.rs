//! The numbers that messages of one protocol process carry, so that both sides can tell an old message
//! from a new one of the same words although the protocol has no message ids.
//!
//! A logical clock (Lamport 1978) with two digits. The high digit, the *epoch*, is one more than that of
//! the last message heard or known to be heard; the low digit counts what a side says within one epoch.
//! So a message of an epoch not after that of ours which the peer has acknowledged was sent before the
//! peer heard ours: it has taken effect already, or the peer has given it up.

/// How the sender of a message marks it, so that a repetition can be told from a new message of the same words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mark {
    /// The number that a node of our kind gives its message.
    Turn(u32),
    /// The name that a stranger gives its message. One that is sent again bears the same.
    Id(String),
    /// Neither: only what it says can tell.
    #[default]
    Bare,
}

impl Mark {
    /// Whether a message so marked can have been sent after our message `own` was heard.
    pub(crate) fn may_answer(&self, own: u32) -> bool {
        match self {
            Mark::Turn(turn) => epoch(*turn) > epoch(own),
            Mark::Id(_) | Mark::Bare => true,
        }
    }
}

/// What a side may say within one epoch: messages that were refused or overtaken.
const SAID_PER_EPOCH_MAX: u32 = 1024;

fn epoch(turn: u32) -> u32 {
    turn / SAID_PER_EPOCH_MAX
}

/// The number of a side's next message: `told`, `heard` and `acked` are the last that it said, that it
/// heard, and of its own that the peer has acknowledged; 0 is none.
pub(crate) fn next(told: u32, heard: u32, acked: u32) -> u32 {
    let start = epoch(heard.max(acked)).saturating_add(1).saturating_mul(SAID_PER_EPOCH_MAX);
    told.saturating_add(1).max(start)
}

/// Whether a message of the peer is a repetition, or one it has given up since.
pub(crate) fn is_old(turn: u32, heard: u32, acked: u32) -> bool {
    turn <= heard || (acked > 0 && epoch(turn) <= epoch(acked))
}
