mod gate;
pub(crate) mod transfer;
mod transfer_any;
mod transfer_wire;
