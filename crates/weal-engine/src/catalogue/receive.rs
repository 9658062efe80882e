//! Rows that a peer sent, taken in as if a stranger had uploaded them.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use weal_domain::Refusal;

use super::Format;
use super::files::Input;
use super::parquet_in::{damaged, load, survey};
use super::write::Output;
use crate::error::Doing;
use crate::{Engine, EngineError, EngineLimits};

impl Engine {
    /// Reads the Parquet file at `input`, which somebody else wrote, within the limits of a publication, and
    /// writes what it holds to `out` in this node's own form: flat columns of the kinds known here, and texts of
    /// a known length. Questions run over `out` alone. `columns` are the names that it must have, if known.
    pub async fn receive(
        &self,
        input: &Path,
        out: &Path,
        columns: Option<&[String]>,
    ) -> Result<(), EngineError> {
        let (limits, input, out) = (self.limits().clone(), input.to_owned(), out.to_owned());
        let columns = columns.map(<[String]>::to_vec);
        let work = tokio::task::spawn_blocking(move || {
            let read = || receive(&limits, &input, &out, columns.as_deref());
            // Reading hostile Parquet may trip over itself inside the library.
            catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged(&input).into()))
        });
        work.await.doing("taking received rows in")?
    }
}

fn receive(
    limits: &EngineLimits,
    input: &Path,
    out: &Path,
    columns: Option<&[String]>,
) -> Result<(), EngineError> {
    let input = Input::find(input, Some(Format::Parquet), limits)?;
    let found = survey(&input, limits)?;
    let names: BTreeSet<&str> = found.iter().map(|column| column.name.as_str()).collect();
    let agreed = columns.map(|columns| columns.iter().map(String::as_str).collect::<BTreeSet<_>>());
    if agreed.is_some_and(|agreed| agreed != names) {
        return Err(Refusal::invalid(
            "other-columns",
            "The rows received have other columns than the agreement says.",
        )
        .remedy("Ask their owner; nothing of them was used.")
        .into());
    }
    let mut output = Output::plain(out, &found, &|_| true)?;
    load(&input, &found, limits, &mut output)?;
    output.finish().map(drop)
}
