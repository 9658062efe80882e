//! A private question, understood and priced, with nothing read yet.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use weal_domain::Refusal;
use weal_domain::catalogue::{Column, PrivacyPolicy, Product, ProductRef};
use weal_domain::compute::{AnswerColumn, ColumnRole, Loss, Preview};
use weal_domain::identity::MemberName;
use weal_privacy::accounting::epsilon_of;

use super::deep::on_deep_stack;
use super::derived::Derived;
use super::names::{Columns, settle_names};
use super::price::{CONFIDENCE, Price, confidence_of_each, price, with_threshold};
use super::public::{PublicGroups, public_groups};
use super::question::look_at;
use super::reading::{Estimate, Item, Part, Reading, Subject, read};
use super::refuse::{planning, refuse_shapes};
use super::schema::{plan, schema_of};
use super::sql::parse_question;

/// The delta at which an epsilon is quoted to people.
const QUOTED_DELTA: f64 = 1e-6;

/// A question about one product, ready to be answered.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub policy: PrivacyPolicy,
    pub reading: Reading,
    /// `None` where keys are private and must pass a threshold.
    pub public: Option<PublicGroups>,
    pub price: Price,
}

/// What a question is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub product: &'a Product,
    pub member: &'a MemberName,
    /// The columns that the agreement covers; `None` is all.
    pub columns: Option<&'a [String]>,
    pub loss: Option<Loss>,
}

/// Understands and prices a question.
pub(crate) fn prepare(
    sql: &str,
    asked: Asked<'_>,
    session: &SessionState,
    groups_max: usize,
) -> Result<Prepared, Refusal> {
    on_deep_stack(|| prepare_here(sql, asked, session, groups_max))
}

fn prepare_here(
    sql: &str,
    asked: Asked<'_>,
    session: &SessionState,
    groups_max: usize,
) -> Result<Prepared, Refusal> {
    let Asked { product, member, columns, loss } = asked;
    let mut query = parse_question(sql)?;
    let about = ProductRef { member: member.clone(), product: product.name.clone() };
    refuse_other_products(&look_at(&query)?.tables, &about)?;
    let policy = product.privacy.as_ref().ok_or_else(|| {
        Refusal::forbidden("no-privacy-policy", format!("Private statistics are not offered on `{about}`."))
            .changed_by("the owner's steward")
    })?;
    refuse_shapes(&query)?;
    settle_names(&mut query, &Columns::from([(about.clone(), names(&product.columns))]));
    let covered = |column: &&Column| columns.is_none_or(|columns| columns.contains(&column.name));
    let covered: Vec<Column> = product.columns.iter().filter(covered).cloned().collect();
    let table = TableReference::partial(about.member.as_str(), about.product.as_str());
    let planned = plan(query, table, schema_of(&covered))
        .map_err(|error| planning(&error, &about.to_string(), &covered, &product.columns))?;
    let mut reading = read(&planned, &Subject { policy, columns: &product.columns })?;
    let conditions: Vec<Expr> = reading.filter.iter().cloned().collect();
    let public = public_groups(&reading.keys, &conditions, &product.columns, policy, session, groups_max)?;
    if public.is_none() {
        with_threshold(&mut reading);
    }
    let loss = loss.unwrap_or(policy.question_loss_default).min(policy.question_loss_max);
    let price = price(&reading, policy, public.as_ref().map(|public| public.keys.num_rows()), loss)?;
    Ok(Prepared { policy: policy.clone(), reading, public, price })
}

fn names(columns: &[Column]) -> BTreeSet<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

fn refuse_other_products(tables: &[ProductRef], about: &ProductRef) -> Result<(), Refusal> {
    match tables {
        [only] if only == about => Ok(()),
        [only] => {
            Err(Refusal::forbidden("other-product", format!("The agreement covers `{about}`, not `{only}`."))
                .remedy(format!("Ask about `{about}`, or request an agreement for `{only}`.")))
        }
        _ => Err(Refusal::invalid(
            "several-products",
            "Private statistics are asked of one product at a time.",
        )
        .remedy(format!("Ask about `{about}` alone and join the answers."))),
    }
}

impl Prepared {
    pub(crate) fn columns(&self) -> Vec<AnswerColumn> {
        let role = |item: Item| match item {
            Item::Key(_) => ColumnRole::Key,
            Item::Estimate(_) | Item::Derived(_) => ColumnRole::Estimate,
        };
        let outputs = self.reading.outputs.iter();
        outputs.map(|(name, item)| AnswerColumn { name: name.clone(), role: role(*item) }).collect()
    }

    pub(crate) fn preview(&self) -> Result<Preview, Refusal> {
        let mut half_widths = Vec::new();
        for (_, item) in &self.reading.outputs {
            match item {
                Item::Key(_) => {}
                Item::Estimate(i) => {
                    half_widths.push(self.half_width(self.reading.estimates[*i], CONFIDENCE)?)
                }
                Item::Derived(i) => half_widths.push(self.width_of(&self.reading.derived[*i])?),
            }
        }
        let mut explanation = self.protection();
        if let Some(groups) = self.public.as_ref().map(|public| public.keys.num_rows())
            && !self.reading.keys.is_empty()
        {
            explanation.push(format!("The answer has {groups} groups."));
        }
        Ok(Preview {
            loss: self.price.loss,
            columns: self.columns(),
            half_widths,
            shown_from: self.price.threshold.map(|threshold| threshold.shown_from(0.5)),
            explanation,
        })
    }

    /// The same of what is computed: where it is a sum of known widths.
    fn width_of(&self, derived: &Derived) -> Result<Option<f64>, Refusal> {
        let each = confidence_of_each(derived.estimates().len());
        let mut widths = BTreeMap::new();
        for place in derived.estimates() {
            widths.insert(place, self.half_width(self.reading.estimates[place], each)?);
        }
        let weights = derived.weights();
        Ok(weights.and_then(|weights| {
            weights
                .into_iter()
                .map(|(place, weight)| Some(widths.get(&place).copied()?? * weight.abs()))
                .sum()
        }))
    }

    /// Half the width of an estimate's interval, where it does not depend on the data.
    fn half_width(&self, estimate: Estimate, confidence: f64) -> Result<Option<f64>, Refusal> {
        Ok(match estimate {
            Estimate::Count { part } => Some(self.price.half_width(part, confidence) as f64),
            Estimate::Sum { part } => {
                let width = self.price.half_width(part, confidence);
                match &self.reading.parts[part] {
                    Part::Total(value) => Some(width as f64 / 10_f64.powi(value.fixed()?.decimals().into())),
                    _ => None,
                }
            }
            Estimate::Average { .. } => None,
        })
    }

    /// How the answer is protected, in plain sentences; true before and after it was given.
    pub(crate) fn protection(&self) -> Vec<String> {
        let policy = &self.policy;
        let mut said = vec![
            "Random noise was added to every number. Its interval holds the true number of the protected data in 95 of 100 cases.".to_owned(),
        ];
        let times = |count: u32, one: &str, many: &str| {
            if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
        };
        let rows = times(policy.rows_per_group_max, "row", "rows");
        said.push(if self.reading.keys.is_empty() {
            format!("Nobody counts for more than {rows}.")
        } else {
            let groups = times(policy.groups_per_subject_max, "group", "groups");
            format!("Nobody counts in more than {groups}, nor for more than {rows} in any.")
        });
        for part in &self.reading.parts {
            if let Part::Total(value) | Part::Spread(value) = part {
                said.push(format!(
                    "Values that are summed or averaged count as at least {} and at most {}; where many lie outside, \
                     the file's own total or average is another.",
                    value.low, value.high
                ));
            }
        }
        said.dedup();
        match (&self.price.threshold, &self.public) {
            (Some(threshold), _) => said.push(format!(
                "Groups of fewer than about {} subjects are not shown, and none of fewer than {}.",
                threshold.shown_from(0.5),
                policy.group_size_min.max(1)
            )),
            (None, Some(_)) if !self.reading.keys.is_empty() => said.push(
                "The groups are public knowledge: all are shown, also those that hold nobody, and no others."
                    .to_owned(),
            ),
            _ => {}
        }
        said.push(format!("Rows without a value in `{}` are left out.", policy.subject));
        let Loss { rho_nano, delta_femto } = self.price.loss;
        let spent = weal_privacy::Loss { rho_nano, delta_femto };
        let rho = rho_nano as f64 / 1e9;
        said.push(match epsilon_of(spent, QUOTED_DELTA) {
            Ok(epsilon) => {
                format!("The privacy loss is rho {rho} (epsilon {epsilon:.2} at delta {QUOTED_DELTA:e}).")
            }
            Err(_) => format!("The privacy loss is rho {rho}."),
        });
        said
    }
}
