mod negotiation;
mod negotiation_wire;
mod odrl_suite;
mod policy;
mod sentence;
mod terms;
