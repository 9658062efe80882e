//! Questions, and what they come to.

use serde::{Deserialize, Serialize};
use weal_domain::agreements::Purpose;
use weal_domain::catalogue::ProductRef;
use weal_domain::compute::{Answer, Loss, LossCut, Preview};
use weal_domain::identity::MemberName;
use weal_domain::ledger::Receipt;

use super::BudgetShown;

/// One more product behind an answer. Products about nobody are charged nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlsoUsedShown {
    pub agreement: String,
    pub receipt: Receipt,
    pub provider_index: u64,
    pub budget_before: Option<BudgetShown>,
    pub budget_after: Option<BudgetShown>,
}

/// A question in SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub sql: String,
    /// Only say what it would cost and how exact it would be; free, reads no data.
    #[serde(default)]
    pub preview: bool,
    /// Spend at most this; the owner's default where none is given. What is more than the owner allows is cut to
    /// that, and the preview and the answer say so (`cut`).
    #[serde(default)]
    pub loss: Option<Loss>,
    /// `json` (default), `csv`, `parquet` or `arrow`.
    #[serde(default)]
    pub format: Option<String>,
    /// Which agreement to use where several would do; of several products one for each, with commas between them.
    #[serde(default)]
    pub agreement: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "made once per question, printed and dropped")]
pub enum Answered {
    Preview {
        agreement: String,
        preview: Preview,
        budget: Option<BudgetShown>,
        /// The same of every other product that the question joins and that is charged.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<BudgetShown>,
        /// Asked before in these words, it would be answered again for nothing.
        #[serde(default)]
        given_before: bool,
    },
    /// What a question over products of several owners would cost, together and at each.
    PreviewOfOwners {
        /// Of the answer that all give together; its loss is what somebody loses who is in the data of all.
        preview: Preview,
        owners: Vec<OwnerPart>,
    },
    /// The private releases of several owners, put together.
    StatisticsOfOwners {
        answer: Answer,
        /// What each was asked, gave and charged, in the order of the question.
        owners: Vec<OwnerPart>,
    },
    Statistics {
        agreement: String,
        purpose: Purpose,
        answer: Answer,
        /// Where more was asked for than the owner allows for one question, with a sentence that names both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<LossCut>,
        receipt: Receipt,
        provider_index: u64,
        budget_before: BudgetShown,
        budget_after: BudgetShown,
        /// The uses of the other products that the question joined.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<AlsoUsedShown>,
    },
    /// Rows, as JSON objects; large results are better asked for as `parquet` or `csv`, which stream.
    Rows {
        agreements: Vec<String>,
        columns: Vec<String>,
        rows: Vec<Vec<serde_json::Value>>,
        receipts: Vec<Receipt>,
    },
}

/// What one of several owners was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerPart {
    pub member: MemberName,
    pub title: String,
    pub products: Vec<ProductRef>,
    /// The question to this owner.
    pub sql: String,
    /// Its own preview, or its own release with receipt, agreement and budget: the numbers as they were drawn.
    pub answered: Box<Answered>,
}
