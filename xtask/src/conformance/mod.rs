//! Strangers: whether others than our own nodes understand us, and we them.

mod acme;
mod dcat_ap;
mod dsp;
mod edc;

pub(crate) use acme::acme;
pub(crate) use dcat_ap::dcat_ap;
pub(crate) use dsp::dsp;
pub(crate) use edc::edc;
