//! A copy of the whole database while it is in use.

use std::path::Path;

use sqlx::Executor;

use crate::open::Place;
use crate::{Store, StoreError};

impl Store {
    /// Writes a compact, consistent copy of a SQLite database to `path`, which must not exist yet.
    ///
    /// PostgreSQL has its own tools, which also know how to restore: there it is a [`StoreError::Setting`].
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        if self.place == Place::Postgres {
            let reason = "the database is PostgreSQL: back it up with `pg_dump --format=custom`";
            return Err(StoreError::Setting { reason: reason.into() });
        }
        if path.exists() {
            let reason = format!("`{}` exists already; a backup never overwrites", path.display());
            return Err(StoreError::Setting { reason });
        }
        let target = path
            .to_str()
            .ok_or_else(|| StoreError::Setting { reason: "the path of a backup must be UTF-8".into() })?;
        // VACUUM INTO reads one snapshot; writers go on meanwhile.
        let mut connection = self.readers.acquire().await?;
        let copied = connection.execute(sqlx::query("VACUUM INTO $1").bind(target.to_owned())).await;
        if let Err(error) = copied {
            std::fs::remove_file(path).ok();
            return Err(error.into());
        }
        Ok(())
    }
}
