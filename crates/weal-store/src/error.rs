//! What can go wrong with storage, by what the caller can do about it.

use sqlx::error::ErrorKind;

/// Why a read or a write did not happen. After any of these the transaction is void: nothing of it stays.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room left on the disk. Free some and try again; what was stored before is intact.
    #[error("the disk that holds the database is full; free some space and try again")]
    Full,
    /// Other writers held the database for too long. Trying again later helps.
    #[error("the database is busy; try again")]
    Busy,
    /// The database server cannot be reached.
    #[error("the database cannot be reached: {reason}")]
    Unreachable { reason: String },
    /// The database, its file or this transaction can only be read.
    #[error("the database can only be read here")]
    ReadOnly,
    /// The database holds something that this program cannot have written.
    #[error("the database is damaged at {what}; restore the last backup")]
    Corrupt { what: String },
    /// The database, or a value in it, was written by a newer program.
    #[error("the database has version {found} of {what} and this program knows {known}; use a newer `weal`")]
    Newer { what: &'static str, found: i64, known: i64 },
    /// The value is already there, or was changed meanwhile by another writer.
    #[error("{what} already exists or was changed meanwhile")]
    Conflict { what: &'static str },
    /// There is nothing to change.
    #[error("there is no such {what}")]
    Missing { what: &'static str },
    /// A number that does not fit a 64-bit signed column.
    #[error("the {what} is too large to be stored")]
    TooLarge { what: &'static str },
    /// The database URL or an option cannot be used; the text says what to write instead.
    #[error("{reason}")]
    Setting { reason: String },
    /// An earlier statement of this transaction failed, so it cannot be committed.
    #[error("an earlier step of the transaction failed, so nothing of it was kept")]
    Void,
    /// Anything else: an incident.
    #[error("the database failed")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        StoreError::Corrupt { what: what.into() }
    }
    pub(crate) fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError::Fault(error.into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => StoreError::Full,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed => {
                StoreError::Unreachable { reason: error.to_string() }
            }
            sqlx::Error::Configuration(reason) => StoreError::Setting { reason: reason.to_string() },
            sqlx::Error::ColumnDecode { index, .. } => StoreError::corrupt(format!("column {index}")),
            sqlx::Error::Database(inner) => match inner.kind() {
                ErrorKind::UniqueViolation => StoreError::Conflict { what: "the value" },
                ErrorKind::ForeignKeyViolation => StoreError::Missing { what: "value it belongs to" },
                _ => match inner.code().as_deref().and_then(known_code) {
                    Some(known) => known,
                    None => StoreError::fault(error),
                },
            },
            _ => StoreError::fault(error),
        }
    }
}

/// SQLite gives extended result codes as decimal numbers (`sqlite.org/rescode.html`, the low byte is the
/// primary code), PostgreSQL five characters (`errcodes-appendix`). Some SQLSTATEs are all digits, but
/// five of them: SQLite's codes have at most four.
fn known_code(code: &str) -> Option<StoreError> {
    if code.len() < 5 {
        // IOERR_SHMSIZE: no room for the file beside the log.
        if code == "4874" {
            return Some(StoreError::Full);
        }
        let primary = code.parse::<u32>().ok()? & 0xff;
        return match primary {
            13 => Some(StoreError::Full),
            5 | 6 => Some(StoreError::Busy),
            11 | 26 => Some(StoreError::corrupt("its file")),
            14 => Some(StoreError::Unreachable { reason: "its file cannot be opened".into() }),
            8 => Some(StoreError::ReadOnly),
            23 => Some(StoreError::Unreachable { reason: "access to its file is denied".into() }),
            _ => None,
        };
    }
    match code {
        "53100" => Some(StoreError::Full),
        // Too many connections, lock timeout, serialization failure, deadlock.
        "53300" | "55P03" | "40001" | "40P01" => Some(StoreError::Busy),
        "25006" => Some(StoreError::ReadOnly),
        "XX001" | "XX002" => Some(StoreError::corrupt("its files")),
        "57P01" | "57P02" | "57P03" | "08000" | "08003" | "08006" | "08001" | "28000" | "28P01" | "3D000" => {
            Some(StoreError::Unreachable { reason: format!("PostgreSQL answered {code}") })
        }
        _ => None,
    }
}
