mod negotiation;
pub(crate) mod negotiation_any;
mod negotiation_wire;
mod odrl_suite;
mod policy;
mod sentence;
mod terms;
