//! Random mixtures of releases, and the epsilon that our accountant says goes with them: for an accountant that is
//! not ours. Releases are in the form of the budget's journal.

use serde_json::{Value, json};
use weal_privacy::Loss;
use weal_privacy::accounting::epsilon_of;
use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::{Gaussian, Thresholded};

use crate::generated::Chance;

const DELTA: f64 = 1e-6;
const RELEASES_MAX: u64 = 12;
const COUNT_MAX: u64 = 20;

pub(crate) fn losses(mixtures: u64, seed: u64) {
    let mut chance = Chance::new(seed);
    for _ in 0..mixtures {
        let mut total = Loss::ZERO;
        let mut releases = Vec::new();
        for _ in 0..=chance.below(RELEASES_MAX) {
            let (release, loss, count) = release(&mut chance);
            for _ in 0..count {
                total = total.checked_add(loss).unwrap();
            }
            releases.push(release);
        }
        let Ok(epsilon) = epsilon_of(total, DELTA) else { continue };
        let charged = json!({ "rho_nano": total.rho_nano, "delta_femto": total.delta_femto });
        println!("{}", json!({ "loss": charged, "releases": releases, "delta": DELTA, "epsilon": epsilon }));
    }
}

fn release(chance: &mut Chance) -> (Value, Loss, u64) {
    let groups = 1 + chance.below(20) as u32;
    let per_group = if chance.one_in(2) { 1 } else { 1 + chance.below(100_000) };
    // From a ten-thousandth to a tenth, as likely small as large.
    let rho_nano = 100_000 << chance.below(10);
    let count = 1 + chance.below(COUNT_MAX);
    let entry = |word: &str, scale: f64, linf: u64, loss: Loss, threshold: Option<u64>| {
        let l2 = linf as f64 * f64::from(groups).sqrt();
        let loss = json!({ "rho_nano": loss.rho_nano, "delta_femto": loss.delta_femto });
        json!({ "mechanism": word, "scale": scale, "l0": groups, "linf": linf, "l2": l2, "threshold": threshold, "count": count, "loss": loss })
    };
    if chance.one_in(3) {
        // Together never more than the delta asked about.
        let made = Thresholded::for_loss(groups, rho_nano, 1 + chance.below(3_000_000), 1).unwrap();
        let entry =
            entry("discrete_gaussian_threshold", made.scale(), 1, made.loss(), Some(made.threshold()));
        return (entry, made.loss(), count);
    }
    let made = Gaussian::for_loss(Sensitivity::new(groups, per_group).unwrap(), rho_nano).unwrap();
    (entry("discrete_gaussian", made.scale(), per_group, made.loss(), None), made.loss(), count)
}
