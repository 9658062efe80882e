//! A data product: what its owner says about one table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Particulars;
use crate::compute::{BudgetRules, Loss};
use crate::names::{check_id, check_short, text_type};
use crate::{Refusal, Timestamp};

text_type!(
    /// A product's short name, the table name in SQL: `payroll`.
    ProductName, "product name", check_short
);

text_type!(
    /// A dataset's identifier of its owner's choosing, an IRI.
    DatasetId, "dataset identifier", check_id
);

/// How far the data may travel at all, whatever an offer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// No person and no secret in it; may be released as rows to anyone.
    Open,
    /// Not about persons, but not for everyone.
    Internal,
    /// About persons; rows leave only where an agreement names them.
    Personal,
    /// Special categories (health, belief, ...): never above statistics without a named legal basis.
    Sensitive,
}

impl Classification {
    /// From the least to the most closely held.
    pub const ALL: [Self; 4] = [Self::Open, Self::Internal, Self::Personal, Self::Sensitive];

    #[must_use]
    pub fn is_personal(self) -> bool {
        matches!(self, Classification::Personal | Classification::Sensitive)
    }
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Classification::Open => "open",
            Classification::Internal => "internal",
            Classification::Personal => "personal",
            Classification::Sensitive => "sensitive",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    Boolean,
    Integer,
    /// IEEE double; bounded and scaled to fixed point before it is ever summed privately.
    Float,
    Text,
    Date,
    Timestamp,
}

/// How near a column comes to naming a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifying {
    /// Names a person by itself: national number, e-mail, record id.
    Direct,
    /// Helps to single a person out: birth date, postcode.
    Quasi,
    No,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: ColumnKind,
    pub nullable: bool,
    pub identifying: Identifying,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What the owner's node measured of one column. It is the owner's own, never in a catalogue of
/// personal data: a minimum is somebody's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub column: String,
    pub nulls: u64,
    /// Exact up to the limit the engine names, an estimate (within 2 %) above it.
    pub distinct: u64,
    pub min: Option<String>,
    pub max: Option<String>,
}

/// What the owner fixes about private statistics on a product. An analyst can only tighten it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyPolicy {
    /// The column whose values are the protected subjects.
    pub subject: String,
    /// The most groups of one answer that a single subject may influence (L0).
    pub groups_per_subject_max: u32,
    /// The most rows that a subject may count for in one group.
    pub rows_per_group_max: u32,
    /// The most rows that a subject may count for in all groups of one answer together, where fewer than the two
    /// limits above allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_subject_max: Option<u32>,
    /// Public lower and upper bounds, per numeric column; values outside are clamped.
    pub bounds: BTreeMap<String, Bounds>,
    /// Columns whose possible values are public; groups by these alone are all shown, empty ones too.
    #[serde(default)]
    pub public_keys: BTreeMap<String, Vec<String>>,
    /// No group of fewer subjects than this is shown, whatever the noise says.
    pub group_size_min: u32,
    /// What one question costs where it does not ask for less, and the most it may cost.
    pub question_loss_default: Loss,
    pub question_loss_max: Loss,
    /// What all questions of all agreements together may cost the subjects of this product.
    pub budget: Loss,
    /// How much of it one member and one analyst may spend, and whether what was spent becomes available again.
    #[serde(default, skip_serializing_if = "BudgetRules::are_none")]
    pub budget_rules: BudgetRules,
}

impl PrivacyPolicy {
    /// Refuses losses of questions that contradict each other.
    pub fn check_losses(&self) -> Result<(), Refusal> {
        let (usual, most) = (self.question_loss_default, self.question_loss_max);
        if usual.fits(most) {
            return Ok(());
        }
        let reason = format!("A question would cost {usual}, and at most {most} is allowed for one.");
        Err(Refusal::invalid("question-loss", reason)
            .remedy("Let a question cost less (--question), or allow more for one (--question-max)."))
    }
}

/// Inclusive bounds of a numeric column, and how many decimal places are kept when its values are
/// turned into integers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
    #[serde(default)]
    pub decimals: u8,
}

/// One table and everything its owner says about it. `rows` and `profile` stay with the owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub name: ProductName,
    /// The identifier under which the dataset is known elsewhere, for example in the country's register of
    /// data; without one it is `<provider DID>#<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<DatasetId>,
    /// Grows by one at each publication of the same name.
    pub version: u32,
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub classification: Classification,
    /// The owner has said that no row is about a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub about_nobody: bool,
    pub columns: Vec<Column>,
    pub privacy: Option<PrivacyPolicy>,
    pub rows: u64,
    pub size_bytes: u64,
    pub profile: Vec<ColumnProfile>,
    #[serde(default, skip_serializing_if = "Particulars::is_empty")]
    pub particulars: Particulars,
    pub published_at: Timestamp,
    pub updated_at: Timestamp,
}
