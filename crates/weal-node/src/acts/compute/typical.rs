//! What typical questions about a product would cost and how exact their answers would be, for its owner to see
//! before anybody asks. No row is read: the prices are the engine's own, sizes of groups are from the profile.

use weal_domain::Refusal;
use weal_domain::catalogue::{
    Column, ColumnKind, Identifying, PrivacyPolicy, Product, ProductName, ProductRef,
};
use weal_domain::compute::{Loss, Preview};
use weal_domain::identity::{Act, Person};

use crate::acts::catalogue::product_unknown;
use crate::api::{TypicalFor, TypicalQuestion};
use crate::fault::{Error, Result};
use crate::house::House;

/// Of every interval told here.
const CONFIDENCE: f64 = 0.95;
/// Half the width of a normal distribution's interval of that confidence, in standard deviations.
const DEVIATIONS: f64 = 1.96;
/// Groups of a key beyond which nobody would call the question typical.
const GROUPS_MAX: u64 = 1_000;

/// A question as it will be put to the engine.
struct Draft {
    about: String,
    sql: String,
    /// Groups by this column.
    key: Option<String>,
    kind: Kind,
}

/// What is asked of each group.
enum Kind {
    Count,
    Sum(String),
    Average(String),
}

impl House {
    /// Typical questions about an upload that was inspected, under the policy its owner has in mind.
    pub async fn typical_of_upload(
        &self,
        by: &Person,
        upload: &str,
        wanted: &TypicalFor,
    ) -> Result<Vec<TypicalQuestion>> {
        self.require_act(by, Act::Publish)?;
        let found = self.doors.uploads.measured(by, upload)?;
        let now = self.clock.now();
        let product = Product {
            name: wanted.name.clone(),
            identifier: None,
            version: 1,
            title: String::new(),
            description: String::new(),
            keywords: Vec::new(),
            classification: found.proposal.classification,
            about_nobody: false,
            columns: found.columns,
            privacy: Some(wanted.privacy.clone()),
            rows: found.rows,
            size_bytes: found.size_bytes,
            profile: found.profile,
            particulars: Default::default(),
            published_at: now,
            updated_at: now,
        };
        self.typical(&product).await
    }

    /// The same of a published product. How large its groups are is in its profile, which not everybody reads.
    pub async fn typical_of_product(&self, by: &Person, name: &ProductName) -> Result<Vec<TypicalQuestion>> {
        self.require_act(by, Act::ReadProfile)?;
        let stored = self.store.read("compute.typical").await?.product(name).await?;
        self.typical(&stored.ok_or_else(product_unknown)?.product).await
    }

    pub(crate) async fn typical(&self, product: &Product) -> Result<Vec<TypicalQuestion>> {
        let Some(policy) = &product.privacy else { return Ok(Vec::new()) };
        let mut told = Vec::new();
        for draft in drafts(&self.table_of(product), product, policy) {
            told.push(self.told(product, policy, draft).await?);
        }
        Ok(told)
    }

    /// How many subjects' rows there are, and how exact that would be: by it budgets are told in questions.
    pub(super) async fn plain_question(&self, product: &Product) -> Result<Option<TypicalQuestion>> {
        let Some(policy) = &product.privacy else { return Ok(None) };
        let draft = plain(&self.table_of(product));
        self.told(product, policy, draft).await.map(Some)
    }

    fn table_of(&self, product: &Product) -> ProductRef {
        ProductRef { member: self.config.node.name.clone(), product: product.name.clone() }
    }

    async fn told(&self, product: &Product, policy: &PrivacyPolicy, draft: Draft) -> Result<TypicalQuestion> {
        let (whole, member) = (product.clone(), self.config.node.name.clone());
        let preview = self.engine.preview_in_turn(draft.sql.clone(), whole, member, None, None).await;
        match preview.map_err(Error::from) {
            Ok(preview) => Ok(priced(product, policy, draft, &preview)),
            Err(Error::Refused(refusal)) => Ok(refused(draft, refusal)),
            Err(fault) => Err(fault),
        }
    }
}

fn refused(draft: Draft, refusal: Refusal) -> TypicalQuestion {
    TypicalQuestion {
        about: draft.about,
        sql: draft.sql,
        loss: Loss::ZERO,
        half_width: None,
        half_width_percent: None,
        shown_from: None,
        confidence: CONFIDENCE,
        refusal: Some(refusal),
    }
}

fn priced(product: &Product, policy: &PrivacyPolicy, draft: Draft, preview: &Preview) -> TypicalQuestion {
    let size = group_size(product, policy, draft.key.as_deref());
    let told = preview.half_widths.first().copied().flatten();
    let middle = |column: &str| {
        let bounds = policy.bounds.get(column)?;
        Some(((bounds.low + bounds.high) / 2.0).abs()).filter(|middle| *middle > 0.0)
    };
    let (half_width, typical) = match &draft.kind {
        Kind::Count => (told, size),
        Kind::Sum(column) => (told, size.zip(middle(column)).map(|(size, middle)| size * middle)),
        Kind::Average(column) => {
            (told.or_else(|| of_average(policy, column, size?, preview)), middle(column))
        }
    };
    let percent = half_width.zip(typical.filter(|typical| *typical > 0.0));
    TypicalQuestion {
        half_width,
        half_width_percent: percent.map(|(half, typical)| 100.0 * half / typical),
        shown_from: preview.shown_from,
        loss: preview.loss,
        about: draft.about,
        sql: draft.sql,
        confidence: CONFIDENCE,
        refusal: None,
    }
}

/// An average's interval depends on how many rows it is of: about this, for a group of so many. Its widest noise
/// is that of the sum it is made of.
fn of_average(policy: &PrivacyPolicy, column: &str, rows: f64, preview: &Preview) -> Option<f64> {
    let widest = preview.releases.iter().max_by_key(|release| release.linf)?;
    let unit = 10_f64.powi(i32::from(policy.bounds.get(column)?.decimals));
    (rows >= 1.0).then(|| DEVIATIONS * widest.scale / unit / rows)
}

/// Rows of a group of middling size, as far as the profile tells and the policy counts them.
fn group_size(product: &Product, policy: &PrivacyPolicy, key: Option<&str>) -> Option<f64> {
    let distinct = |name: &str| {
        let found = product.profile.iter().find(|column| column.column == name)?;
        Some(found.distinct).filter(|distinct| *distinct > 0)
    };
    let groups = match key {
        None => 1,
        Some(key) => match policy.public_keys.get(key) {
            Some(values) => values.len() as u64,
            None => distinct(key)?,
        },
    };
    let per_subject =
        u64::from(policy.rows_per_group_max).saturating_mul(policy.groups_per_subject_max.into());
    let counted = distinct(&policy.subject)?.saturating_mul(per_subject).min(product.rows);
    Some(counted as f64 / groups.max(1) as f64)
}

/// A handful, from the least to the most that is asked.
fn drafts(table: &ProductRef, product: &Product, policy: &PrivacyPolicy) -> Vec<Draft> {
    let mut drafts = vec![plain(table)];
    let public = product.columns.iter().find(|column| policy.public_keys.contains_key(&column.name));
    let private = private_key(product, policy);
    let number = product
        .columns
        .iter()
        .find(|column| column.identifying == Identifying::No && policy.bounds.contains_key(&column.name));
    for key in [public, private].into_iter().flatten() {
        let name = quoted(key);
        drafts.push(Draft {
            about: format!("How many, by {}", key.name),
            sql: format!("SELECT {name}, COUNT(*) AS number FROM {table} GROUP BY {name}"),
            key: Some(key.name.clone()),
            kind: Kind::Count,
        });
    }
    let Some(number) = number else { return drafts };
    let (value, key) = (quoted(number), public.or(private));
    for (function, word) in [("SUM", "Total"), ("AVG", "Average")] {
        let kind = match function {
            "SUM" => Kind::Sum(number.name.clone()),
            _ => Kind::Average(number.name.clone()),
        };
        let (about, sql) = match key {
            Some(key) => {
                let name = quoted(key);
                (
                    format!("{word} of {}, by {}", number.name, key.name),
                    format!("SELECT {name}, {function}({value}) AS value FROM {table} GROUP BY {name}"),
                )
            }
            None => (
                format!("{word} of {}", number.name),
                format!("SELECT {function}({value}) AS value FROM {table}"),
            ),
        };
        drafts.push(Draft { about, sql, key: key.map(|key| key.name.clone()), kind });
    }
    drafts
}

fn plain(table: &ProductRef) -> Draft {
    Draft {
        about: "How many".to_owned(),
        sql: format!("SELECT COUNT(*) AS number FROM {table}"),
        key: None,
        kind: Kind::Count,
    }
}

/// The column of fewest values by which somebody would group, whose list the owner has not made public.
fn private_key<'a>(product: &'a Product, policy: &PrivacyPolicy) -> Option<&'a Column> {
    let distinct = |column: &Column| {
        let found = product.profile.iter().find(|one| one.column == column.name);
        found.map_or(0, |found| found.distinct)
    };
    let is_key = |column: &&Column| {
        matches!(column.kind, ColumnKind::Text | ColumnKind::Boolean | ColumnKind::Integer)
            && column.identifying != Identifying::Direct
            && column.name != policy.subject
            && !policy.public_keys.contains_key(&column.name)
            && !policy.bounds.contains_key(&column.name)
            && (2..=GROUPS_MAX).contains(&distinct(column))
    };
    product.columns.iter().filter(is_key).min_by_key(|column| distinct(column))
}

/// The column's name as SQL wants it.
fn quoted(column: &Column) -> String {
    format!("\"{}\"", column.name.replace('"', "\"\""))
}
