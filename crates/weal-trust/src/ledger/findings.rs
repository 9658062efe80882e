//! What an audit found, in words a person can act on and in kinds a program can count.

use serde::Serialize;

/// How many findings an audit keeps. Those beyond are counted only.
pub const FINDINGS_MAX: usize = 200;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    pub severity: Severity,
    /// The DID of the member whose ledger it is, where several are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// The index of the entry it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// What is wrong, in plain words, without the ledger and the entry.
    pub says: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a question, and possible in an honest ledger.
    Warning,
    /// Impossible in an honest, whole ledger.
    Wrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The file could not be read to its end.
    Unreadable,
    /// `did.json` is not a DID document in the form that an export has.
    DidInvalid,
    /// The checkpoint is malformed or not signed with the node's published key.
    CheckpointInvalid,
    /// The checkpoint belongs to another ledger than the node's.
    WrongOrigin,
    /// A line is not in the exact form that an export has.
    LineInvalid,
    /// An entry is missing, stands twice or stands in another place.
    OutOfOrder,
    /// An entry's text or nonce was changed after it was sealed.
    EntryAltered,
    /// There are fewer or more entries than the checkpoint signs.
    WrongSize,
    /// The entries do not lead to the signed root.
    WrongRoot,
    /// An entry's body is not an entry that this version reads.
    BodyInvalid,
    /// An entry bears an earlier time than the one before it.
    ClockRanBack,
    /// A use stands twice in one ledger.
    UseTwice,
    /// A receipt names another member than the one who keeps it.
    ForeignReceipt,
    /// A statistic was granted without a budget reserved before.
    NoReservation,
    /// A use ended that never began.
    EndWithoutUse,
    /// A received use is not in the owner's ledger.
    GrantMissing,
    /// The two ledgers keep different receipts of one use.
    ReceiptDiffers,
    /// A received use stands elsewhere in the owner's ledger than the asker was told.
    GrantMoved,
    /// The owner's export ends before the entry that the asker names.
    ExportTooShort,
    /// A granted use that the asker never acknowledged.
    ReceiptMissing,
    /// There are more findings than an audit keeps.
    More,
}

impl FindingKind {
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::ClockRanBack | Self::ReceiptMissing => Severity::Warning,
            _ => Severity::Wrong,
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(ledger) = &self.ledger {
            write!(f, "ledger of {ledger}: ")?;
        }
        if let Some(entry) = self.entry {
            write!(f, "entry {entry}: ")?;
        }
        f.write_str(&self.says)
    }
}

/// Collects findings up to [`FINDINGS_MAX`], so that a ruined ledger cannot fill the memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    ledger: Option<String>,
    kept: Vec<Finding>,
    warnings_beyond: u64,
    wrong_beyond: u64,
}

impl Findings {
    pub(super) fn of(ledger: &str) -> Self {
        Self { ledger: Some(ledger.to_owned()), ..Self::default() }
    }

    pub(super) fn add(&mut self, kind: FindingKind, entry: Option<u64>, says: impl Into<String>) {
        let severity = kind.severity();
        if self.kept.len() < FINDINGS_MAX {
            let (ledger, says) = (self.ledger.clone(), says.into());
            self.kept.push(Finding { kind, severity, ledger, entry, says });
        } else if severity == Severity::Warning {
            self.warnings_beyond += 1;
        } else {
            self.wrong_beyond += 1;
        }
    }

    pub(super) fn full(&self) -> bool {
        self.kept.len() >= FINDINGS_MAX
    }

    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut list = self.kept;
        let (warnings, wrong) = (self.warnings_beyond, self.wrong_beyond);
        if warnings + wrong > 0 {
            list.push(Finding {
                kind: FindingKind::More,
                severity: if wrong > 0 { Severity::Wrong } else { Severity::Warning },
                ledger: self.ledger,
                entry: None,
                says: format!("{wrong} more things are wrong, and {warnings} more warnings"),
            });
        }
        list
    }
}
