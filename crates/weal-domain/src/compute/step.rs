//! When an answer leaves, so that the time it took says next to nothing of the data.

use std::time::Duration;

/// How long after its arrival a question is answered, where working on it took `taken`: after one `step`, or after
/// two, four, eight ... of them, whichever is the first that is not over. The last such moment is `most`, before
/// whoever asked gives up; what takes longer leaves when it is done.
///
/// The moments are the same for every data set. Who measures learns which of them it was: of a work that took up
/// to n steps at most the logarithm of n, and mostly nothing. Without a step (zero) answers leave when they are
/// made.
#[must_use]
pub fn leaves_at(step: Duration, most: Duration, taken: Duration) -> Duration {
    if step.is_zero() || taken > most {
        return taken;
    }
    let mut moment = step;
    while moment < taken {
        moment = moment.saturating_mul(2);
    }
    moment.min(most)
}
