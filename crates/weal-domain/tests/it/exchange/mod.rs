mod gate;
mod transfer;
mod transfer_wire;
