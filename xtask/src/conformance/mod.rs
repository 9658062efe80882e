//! Strangers: whether others than our own nodes understand us, and we them.

mod dsp;

pub(crate) use dsp::dsp;
