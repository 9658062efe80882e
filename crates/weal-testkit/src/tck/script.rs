//! What the tested node does in each test, move by move. The kit chooses the move by what it asks about: each
//! test has a dataset or an agreement of its own, named after it.

use weal_domain::agreements::NegotiationState::{self, Accepted, Agreed, Offered, Requested, Verified};
use weal_domain::agreements::negotiation::MoveKind as Says;
use weal_domain::exchange::TransferState::{self, Started, Suspended};
use weal_domain::exchange::transfer::MoveKind as Does;

/// Its own moves in order, and the state in which each is due. The first message of a consumer is not among
/// them: the kit's signal brings it about.
pub(super) struct Part<S: 'static, M: 'static> {
    /// `CN:01-01`.
    pub(super) test: &'static str,
    pub(super) moves: &'static [(S, M)],
}

impl<S, M> Part<S, M> {
    /// The dataset or the agreement of the test: `ACN0101`, `ACNC0101`.
    pub(super) fn about(&self) -> String {
        about(self.test)
    }
}

pub(super) fn about(test: &str) -> String {
    let letters: String = test.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("A{letters}")
}

/// The name of a test's properties begins so: `CN_C_01_01`.
pub(super) fn property(test: &str) -> String {
    test.replace([':', '-'], "_")
}

type Talk = Part<NegotiationState, Says>;
type Line = Part<TransferState, Does>;

const fn talk(test: &'static str, moves: &'static [(NegotiationState, Says)]) -> Talk {
    Part { test, moves }
}

const fn line(test: &'static str, moves: &'static [(TransferState, Does)]) -> Line {
    Part { test, moves }
}

/// As the provider.
pub(super) const OFFERED_BY_US: &[Talk] = &[
    talk("CN:01-01", &[(Requested, Says::Offer)]),
    talk("CN:01-02", &[(Requested, Says::Offer), (Requested, Says::Terminate)]),
    talk("CN:01-03", &[(Requested, Says::Offer), (Accepted, Says::Agree), (Verified, Says::Finalize)]),
    talk("CN:01-04", &[(Requested, Says::Agree), (Verified, Says::Finalize)]),
    talk("CN:02-01", &[(Requested, Says::Terminate)]),
    talk("CN:02-02", &[]),
    talk("CN:02-03", &[(Requested, Says::Agree)]),
    talk("CN:02-04", &[(Requested, Says::Offer)]),
    talk("CN:02-05", &[(Requested, Says::Offer), (Offered, Says::Terminate)]),
    talk("CN:02-06", &[(Requested, Says::Offer), (Accepted, Says::Terminate)]),
    talk("CN:02-07", &[(Requested, Says::Agree), (Verified, Says::Terminate)]),
    talk("CN:03-01", &[(Requested, Says::Agree), (Verified, Says::Finalize)]),
    talk("CN:03-02", &[(Requested, Says::Offer)]),
    talk("CN:03-03", &[(Requested, Says::Offer)]),
    talk("CN:03-04", &[(Requested, Says::Offer)]),
];

/// As the consumer.
pub(super) const ASKED_BY_US: &[Talk] = &[
    talk("CN_C:01-01", &[(Offered, Says::Accept), (Agreed, Says::Verify)]),
    talk("CN_C:01-02", &[(Offered, Says::Request)]),
    talk("CN_C:01-03", &[(Offered, Says::Terminate)]),
    talk("CN_C:01-04", &[(Agreed, Says::Verify)]),
    talk("CN_C:02-01", &[]),
    talk("CN_C:02-02", &[(Requested, Says::Terminate)]),
    talk("CN_C:02-03", &[(Agreed, Says::Terminate)]),
    talk("CN_C:02-04", &[]),
    talk("CN_C:02-05", &[(Offered, Says::Accept)]),
    talk("CN_C:02-06", &[(Agreed, Says::Verify)]),
    talk("CN_C:03-01", &[]),
    talk("CN_C:03-02", &[]),
    talk("CN_C:03-03", &[]),
    talk("CN_C:03-04", &[(Offered, Says::Accept)]),
    talk("CN_C:03-05", &[(Offered, Says::Accept)]),
    talk("CN_C:03-06", &[(Offered, Says::Accept)]),
];

/// Transfers under agreements of which we are the provider.
pub(super) const LINES_OF_OURS: &[Line] = &[
    line("TP:01-01", &[(TransferState::Requested, Does::Start), (Started, Does::Terminate)]),
    line("TP:01-02", &[(TransferState::Requested, Does::Start), (Started, Does::Complete)]),
    line(
        "TP:01-03",
        &[(TransferState::Requested, Does::Start), (Started, Does::Suspend), (Suspended, Does::Terminate)],
    ),
    line(
        "TP:01-04",
        &[
            (TransferState::Requested, Does::Start),
            (Started, Does::Suspend),
            (Suspended, Does::Start),
            (Started, Does::Complete),
        ],
    ),
    line("TP:01-05", &[(TransferState::Requested, Does::Terminate)]),
    line("TP:02-01", &[(TransferState::Requested, Does::Start)]),
    line("TP:02-02", &[(TransferState::Requested, Does::Start)]),
    line("TP:02-03", &[(TransferState::Requested, Does::Start)]),
    line("TP:02-04", &[(TransferState::Requested, Does::Start)]),
    line("TP:02-05", &[]),
    line("TP:03-01", &[]),
    line("TP:03-02", &[]),
    line("TP:03-03", &[(TransferState::Requested, Does::Start)]),
    line("TP:03-04", &[(TransferState::Requested, Does::Start)]),
    line("TP:03-05", &[(TransferState::Requested, Does::Start)]),
    line("TP:03-06", &[(TransferState::Requested, Does::Start)]),
];

/// Transfers under agreements of which we are the consumer.
pub(super) const LINES_OF_THEIRS: &[Line] = &[
    line("TP_C:01-01", &[]),
    line("TP_C:01-02", &[]),
    line("TP_C:01-03", &[]),
    line("TP_C:01-04", &[]),
    line("TP_C:01-05", &[]),
    line("TP_C:02-01", &[(Started, Does::Terminate)]),
    line("TP_C:02-02", &[(Started, Does::Complete)]),
    line("TP_C:02-03", &[(Started, Does::Suspend), (Suspended, Does::Terminate)]),
    line("TP_C:02-04", &[(Started, Does::Suspend), (Suspended, Does::Start), (Started, Does::Complete)]),
    line("TP_C:02-05", &[(TransferState::Requested, Does::Terminate)]),
    line("TP_C:03-01", &[]),
    line("TP_C:03-02", &[]),
    line("TP_C:03-03", &[]),
    line("TP_C:03-04", &[]),
    line("TP_C:03-05", &[]),
    line("TP_C:03-06", &[]),
];
