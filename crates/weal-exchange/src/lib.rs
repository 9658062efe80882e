//! The gate's far side: rows on their way out.
//!
//! Every function that lets bytes leave takes a [`Permit`](weal_domain::exchange::Permit) (`GT-1`), and
//! keeps it for as long as bytes flow. Memory is bounded by a few batches, whatever the result.

mod encode;
mod received;
mod release;

pub use encode::EncodeError;
pub use received::{
    JSON_BYTES_MAX, JSON_ROWS_MAX, JsonTable, batch_of_answer, print_rows, sheet_of_answer, sheet_of_table,
    table_of_rows, with_metadata,
};
pub use release::{Released, StreamEnd, Tally, release};
pub use weal_wire::peer::RowsFormat;
