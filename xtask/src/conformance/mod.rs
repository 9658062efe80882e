//! Strangers: whether others than our own nodes understand us, and we them.

mod acme;
mod dcat_ap;
mod dcp;
mod dps;
mod dsp;
mod edc;
mod kit;
mod statistics;

pub(crate) use acme::acme;
pub(crate) use dcat_ap::dcat_ap;
pub(crate) use dcp::dcp;
pub(crate) use dps::dps;
pub(crate) use dsp::dsp;
pub(crate) use edc::edc;
pub(crate) use statistics::statistics;
