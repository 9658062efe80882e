//! # The mathematics of privacy, usable alone
//!
//! Noise, what it costs, and what must be true of a number before noise may be added to it. Nothing here
//! knows of tables, agreements or ledgers; nothing here of ours is depended on.
//!
//! | module | gives | source |
//! |---|---|---|
//! | [`mechanism`] | releases: [`mechanism::Gaussian`] for known cells, [`mechanism::Thresholded`] for groups whose keys are private, [`mechanism::Ranks`] for quantiles | Canonne, Kamath, Steinke 2020; Rogers 2023; Hay et al. 2010 |
//! | [`accounting`] | zCDP to (epsilon, delta) and back | Canonne, Kamath, Steinke 2020, Corollary 13 |
//! | [`totals`] | noisy totals and their parts that add up, as exact as all of them together allow | Hay et al. 2010 |
//! | [`combining`] | one number with one interval out of several owners' releases | Fieller 1954 |
//! | [`bounds`] | integers with stated sensitivity out of measured values; a loss split into parts | Casacuberta et al. 2022 |
//!
//! **Neighbours.** Two data sets are neighbours when one is the other without one *subject* (all of its
//! rows). Every sensitivity is meant in that sense.
//!
//! **Rounding.** Whatever states a loss rounds it up; whatever turns a permitted loss into noise rounds
//! the noise up. No floating-point number is ever released: noise is an integer added to an integer.
//!
//! **Randomness.** OpenDP draws from `rand` 0.7's thread generator here: ChaCha20 seeded and reseeded by
//! the operating system. It cannot be seeded from outside, on purpose.
//!
//! **Leakage.** The samplers do not run in constant time: how long a release takes depends on the number
//! of cells and on the noise drawn. Callers who let strangers measure time must pad their answers.

pub mod accounting;
pub mod bounds;
pub mod combining;
mod loss;
pub mod mechanism;
mod rounding;
pub mod totals;

pub use loss::Loss;
