//! A stack for the deepest question that `sql` lets through.

use weal_domain::{Refusal, RefusalKind};

/// Planning recurses over the question, with frames of kilobytes where nothing is optimised.
const STACK_BYTES: usize = 32 << 20;

/// Runs `work` on a thread of its own with a large stack.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, Refusal> + Send) -> Result<T, Refusal> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("question".into()).stack_size(STACK_BYTES);
        let done = thread.spawn_scoped(scope, work).ok().and_then(|running| running.join().ok());
        done.unwrap_or_else(|| {
            Err(Refusal::new(
                RefusalKind::Unavailable,
                "question-failed",
                "The question could not be worked on.",
            )
            .remedy("Try again later, or ask it in simpler words."))
        })
    })
}
