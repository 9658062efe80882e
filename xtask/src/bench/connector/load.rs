//! Many at once, for a while.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Plan;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What happened between the end of the warm-up and the end of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) per_second: f64,
    /// How many of a hundred ended without what they were for.
    pub(super) failed_percent: f64,
    pub(super) memory_mib: f64,
}

/// Runs `plan.at_once` workers until the time is over. A worker is made on its own thread and called again and
/// again; each call that ends in time counts once, as done or, where it answers `false`, as failed. The first error
/// ends it all.
pub(super) fn run<W>(
    plan: Plan,
    worker: impl Fn() -> Result<W, String> + Sync,
    memory_mib: impl Fn() -> Option<f64>,
) -> Result<Load, String>
where
    W: FnMut() -> Result<bool, String>,
{
    let (counting, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let broken = Mutex::new(None);
    let fail = |why: String| {
        over.store(true, Ordering::Relaxed);
        broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(why);
    };
    let work = || -> Result<(), String> {
        let mut act = worker()?;
        while !over.load(Ordering::Relaxed) {
            let count = if act()? { &done } else { &failed };
            if counting.load(Ordering::Relaxed) && !over.load(Ordering::Relaxed) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    let mut most_mib = 0.0_f64;
    let mut wait = |time: Duration| {
        let began = Instant::now();
        while began.elapsed() < time && !over.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK.min(time));
            most_mib = most_mib.max(memory_mib().unwrap_or_default());
        }
        began.elapsed()
    };
    let counted = std::thread::scope(|scope| {
        for _ in 0..plan.at_once {
            scope.spawn(|| work().unwrap_or_else(&fail));
        }
        wait(plan.warm_up);
        counting.store(true, Ordering::Relaxed);
        let counted = wait(plan.load);
        over.store(true, Ordering::Relaxed);
        counted
    });
    if let Some(why) = broken.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(why);
    }
    let (done, failed) = (done.load(Ordering::Relaxed) as f64, failed.load(Ordering::Relaxed) as f64);
    Ok(Load {
        per_second: done / counted.as_secs_f64(),
        failed_percent: 100.0 * failed / (done + failed).max(1.0),
        memory_mib: most_mib,
    })
}
