//! The schema's versions, embedded and numbered, each applied in a transaction of its own.

use crate::open::Place;
use crate::tx::{get, sql};
use crate::{Store, StoreError};

/// Every migration ever released, oldest first; number N stands at N - 1. Never edited, only added to.
const MIGRATIONS: [&str; 10] = [
    include_str!("../migrations/0001_rooms.sql"),
    include_str!("../migrations/0002_by_key.sql"),
    include_str!("../migrations/0003_foreign.sql"),
    include_str!("../migrations/0004_credentials.sql"),
    include_str!("../migrations/0005_catalogue.sql"),
    include_str!("../migrations/0006_whence.sql"),
    include_str!("../migrations/0007_bounds.sql"),
    include_str!("../migrations/0008_reader.sql"),
    include_str!("../migrations/0009_budgets.sql"),
    include_str!("../migrations/0010_texts.sql"),
];
/// From here on, what each member may see of the catalogue is derived as it is now.
const SHOWN_SINCE: usize = 7;

/// The schema this program knows.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Applies what is missing. Two nodes that start at once on one PostgreSQL take turns.
pub(crate) async fn bring_up(store: &Store) -> Result<(), StoreError> {
    // The four things that SQLite and PostgreSQL spell differently.
    let spelt = match store.place {
        Place::Sqlite => [
            ("{BYTES}", "BLOB"),
            ("{AGREEMENT}", "json_extract(body, '$.agreement')"),
            ("{BYTEWISE}", "COLLATE BINARY"),
            ("{CHANCE}", "hex(randomblob(16))"),
        ],
        Place::Postgres => [
            ("{BYTES}", "BYTEA"),
            ("{AGREEMENT}", "body::json ->> 'agreement'"),
            ("{BYTEWISE}", "COLLATE \"C\""),
            ("{CHANCE}", "gen_random_uuid()::text"),
        ],
    };
    let mut tx = store.write("store.migrate").await?;
    tx.run(sql("CREATE TABLE IF NOT EXISTS schema_version (
             one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)"))
        .await?;
    let row = tx.row(sql("SELECT version FROM schema_version WHERE one = 1")).await?;
    let found: i64 = row.map(|row| get(&row, "version")).transpose()?.unwrap_or(0);
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { what: "its schema", found, known: SCHEMA_VERSION });
    }
    let known = usize::try_from(found).map_err(|_| StoreError::corrupt("schema_version"))?;
    if known == MIGRATIONS.len() {
        return Ok(());
    }
    for migration in &MIGRATIONS[known..] {
        let here = |text: String, (what, here): &(&str, &str)| text.replace(what, here);
        tx.script(spelt.iter().fold((*migration).to_owned(), here)).await?;
    }
    if known < SHOWN_SINCE {
        tx.derive_shown().await?;
    }
    let note = sql("INSERT INTO schema_version (one, version) VALUES (1, $1)
         ON CONFLICT (one) DO UPDATE SET version = excluded.version");
    tx.run(note.bind(SCHEMA_VERSION)).await?;
    tx.commit().await
}
