use weal_domain::agreements::{AgreementId, LegalBasis, Purpose};
use weal_domain::catalogue::{Column, Mode, ProductRef};
use weal_domain::compute::{Answer, Budget, Loss, Preview};
use weal_domain::exchange::UseId;
use weal_domain::{Refusal, Timestamp};

use super::{FieldError, Party};

/// `GET /ask`, `GET /ask/{use}`, and what `POST /ask` answers with where it leads to no answer.
///
/// The form posts `agreement`, `sql`, `once` and `act` (`preview` or `ask`).
#[derive(Debug, Clone)]
pub struct AskView {
    /// What may be asked about; empty where this person holds no agreement in force.
    pub held: Vec<HeldProduct>,
    /// The chosen agreement; `None` chooses the first.
    pub chosen: Option<AgreementId>,
    pub sql: String,
    /// The number of this very form, which it sends back as `once`: sent twice, it asks once.
    pub once: String,
    /// Fields: `agreement`, `sql`.
    pub errors: Vec<FieldError>,
    pub outcome: AskOutcome,
}

#[derive(Debug, Clone)]
pub struct HeldProduct {
    pub agreement: AgreementId,
    pub product: ProductRef,
    pub title: String,
    pub owner: Party,
    pub mode: Mode,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    pub valid_until: Option<Timestamp>,
    /// The columns the agreement allows.
    pub columns: Vec<Column>,
    /// Whole questions that work, most telling first.
    pub examples: Vec<String>,
    pub budget: Option<Meter>,
}

#[derive(Debug, Clone)]
pub enum AskOutcome {
    /// Nothing was asked yet.
    None,
    Preview(Box<PreviewView>),
    Answer(Box<AnswerView>),
    Rows(Box<RowsView>),
    Refused(Refusal),
}

/// A privacy budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meter {
    /// Since the beginning, what became available again included.
    pub granted: Loss,
    pub renewed: Loss,
    pub reserved: Loss,
    /// Since the beginning.
    pub spent: Loss,
    /// Half the width of the interval of a count at the usual cost; `None` where unknown.
    pub half_width: Option<u64>,
    /// What a question costs that asks for nothing else; zero where unknown.
    pub question: Loss,
}

impl Meter {
    /// How many such questions the rest would answer, by rho or by delta, whichever answers fewer; `None` where the
    /// cost of one is unknown.
    pub(crate) fn questions_left(&self) -> Option<u64> {
        let Meter { granted, renewed, reserved, spent, .. } = *self;
        Budget { granted, renewed, reserved, spent }.questions_left(self.question)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct BudgetChange {
    pub before: Meter,
    pub after: Meter,
}

#[derive(Debug, Clone)]
pub struct PreviewView {
    pub preview: Preview,
    pub budget: Option<BudgetChange>,
}

/// Where the proof of a use is.
#[derive(Debug, Clone)]
pub struct ReceiptRef {
    pub use_id: UseId,
    /// The entry in this node's ledger.
    pub ledger_index: u64,
    /// The entry in the owner's ledger.
    pub owner_index: u64,
}

#[derive(Debug, Clone)]
pub struct AnswerView {
    /// What was asked about: "Payroll, yearly".
    pub title: String,
    pub owner: Party,
    pub product: ProductRef,
    pub agreement: AgreementId,
    pub purpose: Purpose,
    pub answer: Answer,
    /// That more was asked for than the owner allows, where it was.
    pub cut: Option<String>,
    /// Per column of the answer: "euros", "people"; `None` where unknown.
    pub units: Vec<Option<String>>,
    pub budget: Option<BudgetChange>,
    pub receipt: ReceiptRef,
    pub asked_at: Timestamp,
    pub exports: Vec<Export>,
    /// Where several owners stand behind the answer: all of them, the one above as well.
    pub parts: Vec<AnswerPart>,
}

/// What one of several owners gave to an answer.
#[derive(Debug, Clone)]
pub struct AnswerPart {
    pub title: String,
    pub owner: Party,
    pub agreement: AgreementId,
    pub purpose: Purpose,
    pub loss: Loss,
    pub cut: Option<String>,
    pub budget: Option<BudgetChange>,
    pub receipt: ReceiptRef,
}

/// Rows that were released whole.
#[derive(Debug, Clone)]
pub struct RowsView {
    pub title: String,
    pub owner: Party,
    pub product: ProductRef,
    pub agreement: AgreementId,
    pub purpose: Purpose,
    pub columns: Vec<String>,
    /// The first rows; `None` is SQL's NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// All rows of the answer, where known; more than `rows` when this is an excerpt.
    pub total: Option<u64>,
    pub receipt: Option<ReceiptRef>,
    pub asked_at: Timestamp,
    pub exports: Vec<Export>,
}

#[derive(Debug, Clone)]
pub struct Export {
    pub format: ExportFormat,
    pub href: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    Csv,
    Json,
    Parquet,
}

impl ExportFormat {
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            ExportFormat::Csv => "csv",
            ExportFormat::Json => "json",
            ExportFormat::Parquet => "parquet",
        }
    }
}
