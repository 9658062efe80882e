//! What nodes of ours say to each other beyond the Dataspace Protocol: questions and answers on the
//! data plane, that an agreement was revoked, and the governing body's papers.
//!
//! ```text
//! POST {endpoint}/question   QuestionMessage -> AnswerMessage, or PreviewMessage for a preview
//! GET  {endpoint}/rows?format=parquet|arrow|csv -> the rows; the receipt in a header
//! POST {origin}/peer/revocation RevocationMessage -> 204
//! ```
//!
//! Digests are taken of exact bytes. What a digest covers therefore travels as [`Exact`]: reading a
//! number and writing it again may change its last digit.

mod exact;
mod governance;
mod revocation;

pub use exact::Exact;
pub use governance::{AdmissionMessage, ApplicationMessage, CharterMessage, RegisterMessage};
pub use revocation::RevocationMessage;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weal_domain::Refusal;
use weal_domain::compute::{Answer, Loss, LossCut, Preview};
use weal_domain::identity::Role;
use weal_domain::ledger::Receipt;

use crate::{Message, Node, WireError};

/// Request header: the token of the transfer's DataAddress. The node's own token stands in
/// `Authorization`.
pub const TRANSFER_HEADER: &str = "weal-transfer";
/// Request header: the pseudonym of the person who asks for rows.
pub const PERSON_HEADER: &str = "weal-person";
/// Request header: the role they act in.
pub const ROLE_HEADER: &str = "weal-role";
/// Response header: the receipt of released rows, see [`receipt_header`].
pub const RECEIPT_HEADER: &str = "weal-receipt";
/// Response header: where the owner's ledger keeps the use.
pub const LEDGER_INDEX_HEADER: &str = "weal-ledger-index";

/// Below a node's origin: where the other party of an agreement says that it was revoked.
pub const REVOCATION_PATH: &str = "/peer/revocation";

/// The longest question, in bytes of SQL.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// The most lines of one question beside its own.
pub const LINES_ALSO_MAX: usize = 15;
/// The longest name and the longest token of a line.
pub const LINE_BYTES_MAX: usize = 1_024;
/// The longest pseudonym of a person.
pub const PERSON_BYTES_MAX: usize = 128;
/// The most bytes of an answer with its receipt.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The longest receipt header.
pub const RECEIPT_HEADER_BYTES_MAX: usize = 8 * 1024;

/// A question to the owner's node, or with `preview` what it would cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionMessage {
    pub sql: String,
    /// A pseudonym made by the asker's own node.
    pub person: String,
    pub role: Role,
    /// What it may cost; the owner's default where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    #[serde(default)]
    pub preview: bool,
    /// The lines of the other products that the question joins, each under an agreement of its own with the same
    /// owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<LineMessage>,
}

/// An open line, as it stands in the address and the header of a request that goes over it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineMessage {
    /// What the owner calls the transfer.
    pub transfer: String,
    /// The token of its DataAddress.
    pub token: String,
}

impl std::fmt::Debug for LineMessage {
    /// Keeps the secret out of every log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineMessage").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

/// The answer and its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerMessage {
    /// `receipt.answer_sha256` is the digest of this text.
    pub answer: Exact<Answer>,
    /// Both ledgers keep this text.
    pub receipt: Exact<Receipt>,
    pub ledger: LedgerProof,
    pub budget: BudgetLeft,
    /// Where more was asked for than the owner allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<LossCut>,
    /// The uses of the other products that the question joined, in the order of its lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlsoUsed>,
}

/// One more product behind an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlsoUsed {
    pub receipt: Exact<Receipt>,
    pub ledger: LedgerProof,
    /// Where it was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetLeft>,
}

/// What a question would cost; no data was read for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewMessage {
    pub preview: Preview,
    pub budget: BudgetLeft,
    /// The same of the other products that it joins, in the order of its lines; nothing where nothing is charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Option<BudgetLeft>>,
    /// Whether this very question was answered before, and would be answered again to this asker, for nothing.
    #[serde(default)]
    pub given_before: bool,
}

/// Where the owner's ledger keeps the use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerProof {
    pub index: u64,
    /// The text of a C2SP tlog-proof with its checkpoint.
    pub proof: String,
    /// The entry's nonce (hex) and its exact text, which the proof's leaf commits to.
    pub nonce: String,
    pub body: String,
}

/// What is left of the agreement's budget before the question and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLeft {
    pub before: Loss,
    pub after: Loss,
    /// What a question costs where it asks for nothing else, by which what is left is told in questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Loss>,
}

/// In which form rows are streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowsFormat {
    Parquet,
    /// Arrow's streaming format.
    Arrow,
    Csv,
}

impl RowsFormat {
    pub const ALL: [RowsFormat; 3] = [RowsFormat::Parquet, RowsFormat::Arrow, RowsFormat::Csv];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RowsFormat::Parquet => "parquet",
            RowsFormat::Arrow => "arrow",
            RowsFormat::Csv => "csv",
        }
    }

    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            RowsFormat::Parquet => "application/vnd.apache.parquet",
            RowsFormat::Arrow => "application/vnd.apache.arrow.stream",
            RowsFormat::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl std::str::FromStr for RowsFormat {
    type Err = Refusal;
    fn from_str(given: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == given);
        found.ok_or_else(|| {
            Refusal::invalid("format-unknown", "This format of rows is not known.")
                .remedy("Use parquet, arrow or csv.")
        })
    }
}

impl Message for QuestionMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        let question: Self = node.whole()?;
        if question.sql.is_empty() || question.sql.len() > SQL_BYTES_MAX {
            return Err(node.wrong("sql", format!("a question of 1 to {SQL_BYTES_MAX} bytes")));
        }
        check_person(&question.person)?;
        let is_line = |line: &LineMessage| line.transfer.len().max(line.token.len()) <= LINE_BYTES_MAX;
        if question.also.len() > LINES_ALSO_MAX || !question.also.iter().all(is_line) {
            return Err(node.wrong("also", format!("at most {LINES_ALSO_MAX} lines")));
        }
        Ok(question)
    }
    fn to_value(&self) -> Value {
        crate::json::plain(self)
    }
}

impl Message for PreviewMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        node.whole()
    }
    fn to_value(&self) -> Value {
        crate::json::plain(self)
    }
}

impl AnswerMessage {
    /// Reads an answer and keeps the exact text of its parts.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        exact::parse(bytes, ANSWER_BYTES_MAX)
    }
    #[must_use]
    pub fn print(&self) -> String {
        exact::print(self)
    }
}

/// Refuses what cannot be a pseudonym, from a message or from [`PERSON_HEADER`].
pub fn check_person(person: &str) -> Result<(), WireError> {
    let plain = person.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && !person.is_empty() && person.len() <= PERSON_BYTES_MAX {
        Ok(())
    } else {
        let expected = format!("a pseudonym of 1 to {PERSON_BYTES_MAX} printable ASCII characters");
        Err(WireError::wrong("person", expected))
    }
}

/// The value of [`RECEIPT_HEADER`]: the receipt's exact text in base64url without padding.
#[must_use]
pub fn receipt_header(receipt: &Exact<Receipt>) -> String {
    URL_SAFE_NO_PAD.encode(receipt.text())
}

/// Reads [`RECEIPT_HEADER`].
pub fn receipt_of_header(header: &str) -> Result<Exact<Receipt>, WireError> {
    if header.len() > RECEIPT_HEADER_BYTES_MAX {
        let limit_bytes = RECEIPT_HEADER_BYTES_MAX;
        return Err(WireError::TooLarge { size_bytes: header.len(), limit_bytes });
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| WireError::wrong(RECEIPT_HEADER, "base64url without padding"))?;
    exact::parse(&bytes, RECEIPT_HEADER_BYTES_MAX)
}
