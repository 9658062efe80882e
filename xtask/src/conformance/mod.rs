//! Strangers: whether others than our own nodes understand us, and we them.

mod dsp;
mod edc;

pub(crate) use dsp::dsp;
pub(crate) use edc::edc;
