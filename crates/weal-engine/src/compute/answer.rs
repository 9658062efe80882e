//! Private questions at the engine's door.

use std::time::Instant;

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use weal_domain::Refusal;
use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_domain::compute::{Answer, Loss, Preview};
use weal_domain::exchange::{Permit, Statistics};
use weal_domain::identity::MemberName;
use weal_privacy::mechanism::Thresholded;

use super::condition::condition;
use super::exact::{Choice, ExactGroups, exact};
use super::measure::Value;
use super::plan::{PlanError, Totals};
use super::prepare::{Asked, Prepared, prepare};
use super::price::Contribution;
use super::reading::{Estimate, Part};
use super::release::release;
use super::schema::schema_of;
use super::tag::QueryKey;
use crate::error::Doing;
use crate::scan::{about, read_at_once, scan};
use crate::{Engine, EngineError, Fault, Source};

const IN_TIME: &str = "computing a private answer in time";

impl Engine {
    /// What a private question will cost and how exact its answer will be. Reads no data.
    ///
    /// `loss` is what may be spent, by default what the owner says; never more than the owner's maximum.
    /// The preview's own `loss` is exactly what [`Engine::answer`] charges when given it.
    pub fn preview(
        &self,
        sql: &str,
        product: &Product,
        member: &MemberName,
        columns: Option<&[String]>,
        loss: Option<Loss>,
    ) -> Result<Preview, Refusal> {
        let asked = Asked { product, member, columns, loss };
        prepare(sql, asked, &self.session(), self.limits().groups_max)?.preview()
    }

    /// The private answer. It costs exactly the loss that [`Engine::preview`] names for the same question
    /// and `loss`, and never more than the permit allows.
    ///
    /// Each call draws fresh noise: whoever keeps accounts must count each call.
    pub async fn answer(
        &self,
        permit: &Permit<Statistics>,
        sql: &str,
        product: &Product,
        member: &MemberName,
        source: &Source,
        loss: Loss,
    ) -> Result<Answer, EngineError> {
        let grant = permit.grant();
        if grant.product != product.name {
            return Err(Fault::new("checking a permit", "it is for another product").into());
        }
        let _being_read = self.begin_reading(&source.file);
        let mut session = self.session();
        let about = about(&source.file).await?;
        read_at_once(&mut session, about.batch_rows());
        let groups_max = self.limits().groups_max;
        let prepared = {
            let (sql, product, member) = (sql.to_owned(), product.clone(), member.clone());
            let (columns, session) = (grant.columns.clone(), session.clone());
            let loss = Some(loss.min(grant.loss_max));
            let work = move || {
                let asked = Asked { product: &product, member: &member, columns: columns.as_deref(), loss };
                prepare(&sql, asked, &session, groups_max)
            };
            tokio::task::spawn_blocking(work).await.doing("planning a private answer")??
        };
        let key = QueryKey::fresh().doing("drawing a query's key")?;
        let subject_is_key = about.is_unique(&prepared.policy.subject);
        let subject_is_full = about.is_full(&prepared.policy.subject);
        let row_filter = grant.row_filter.as_deref();
        let run = Run { product, source, row_filter, subject_is_key, subject_is_full, rows: about.rows, key };
        let totals = self.exact_groups(&prepared, run, &session, prepared.price.threshold);
        let (began, most) = (Instant::now(), self.limits().question_time_max);
        let groups = tokio::time::timeout(most, totals).await.doing(IN_TIME)??;
        // The timer rings in whole milliseconds, and work that ends before it rings may be late all the same.
        if began.elapsed() > most {
            return Err(Fault::new(IN_TIME, "it was done too late").into());
        }
        // Drawing is work for a processor, and what draws must not change threads.
        tokio::task::spawn_blocking(move || release(&prepared, groups, &session, groups_max))
            .await
            .doing("drawing noise")?
    }

    async fn exact_groups(
        &self,
        prepared: &Prepared,
        run: Run<'_>,
        session: &SessionState,
        threshold: Option<Thresholded>,
    ) -> Result<ExactGroups, EngineError> {
        let (reading, subject_is_key) = (&prepared.reading, run.subject_is_key);
        let plan = self.totals_plan(prepared, run)?;
        let choice = Choice { threshold, groups_max: self.limits().groups_found_max };
        exact(session, &plan, &reading.parts, reading.keys.len(), subject_is_key, choice).await
    }

    fn totals_plan(&self, prepared: &Prepared, run: Run<'_>) -> Result<LogicalPlan, EngineError> {
        let Prepared { policy, reading, public, .. } = prepared;
        let columns = &run.product.columns;
        let row_filter = run.row_filter.map(|filter| condition(columns, filter)).transpose()?;
        let on_a_list = public.as_ref().and_then(|public| public.condition.clone());
        let groups = public.as_ref().map(|public| public.keys.num_rows() as u64);
        let totals = Totals {
            policy,
            conditions: [row_filter, reading.filter.clone(), on_a_list].into_iter().flatten().collect(),
            keys: &reading.keys,
            parts: &reading.parts,
            subject_is_key: run.subject_is_key,
            subject_is_full: run.subject_is_full,
            choose: groups.is_none_or(|groups| groups > policy.groups_per_subject_max.into()),
            group_size_min: if public.is_none() { policy.group_size_min } else { 0 },
            rows_max: run.rows.next_power_of_two(),
            key: run.key,
        };
        let scan = scan(&run.source.file, schema_of(columns)).doing("planning a private answer")?;
        totals.plan(scan).map_err(|error| match error {
            PlanError::Refused(refusal) => refusal.into(),
            PlanError::DataFusion(error) => Fault::new("planning a private answer", error).into(),
        })
    }
}

/// One execution: where the rows are and which of them count.
struct Run<'a> {
    product: &'a Product,
    source: &'a Source,
    row_filter: Option<&'a str>,
    subject_is_key: bool,
    subject_is_full: bool,
    /// Of the file.
    rows: u64,
    key: QueryKey,
}

/// What a test needs to hold the plan against an oracle: totals before noise, and what was claimed of them.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct ExactAnswer {
    /// Keys as they are shown, distinct subjects, totals; in order of keys.
    pub groups: Vec<(Vec<Option<String>>, i64, Vec<i64>)>,
    /// L0: the most groups one subject may change.
    pub groups_per_subject_max: u32,
    /// Linf of each total.
    pub per_group_max: Vec<u64>,
    /// What each total is of.
    pub parts: Vec<ExactPart>,
    /// The places of the totals that each aggregate of the question follows from, in the order of the question.
    pub aggregates: Vec<Vec<usize>>,
    /// The optimised plan.
    pub plan: String,
}

/// One total, as an oracle must know it to compute the same.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct ExactPart {
    /// `subjects`, `rows`, `values`, `total` or `spread`.
    pub kind: &'static str,
    /// The values' bounds and places, where there are values.
    pub value: Option<(f64, f64, u8)>,
    /// Subtracted from each value.
    pub middle: i64,
    /// What a subject's own total is clamped to.
    pub low: i64,
    pub high: i64,
}

impl ExactPart {
    fn of(part: &Part, rows_max: u32) -> Result<Self, Refusal> {
        let counted = |kind, high: u32| Self { kind, value: None, middle: 0, low: 0, high: high.into() };
        let valued = |kind, value: &Value, contribution: Contribution| {
            let Contribution { middle, low, high } = contribution;
            Self { kind, value: Some((value.low, value.high, value.decimals)), middle, low, high }
        };
        Ok(match part {
            Part::Subjects => counted("subjects", 1),
            Part::Rows => counted("rows", rows_max),
            Part::Values(_) => counted("values", rows_max),
            Part::Total(value) => valued("total", value, Contribution::of_total(value, rows_max)?),
            Part::Spread(value) => valued("spread", value, Contribution::of_spread(value, rows_max)?),
        })
    }
}

fn places_of(estimate: &Estimate) -> Vec<usize> {
    match *estimate {
        Estimate::Count { part } | Estimate::Sum { part } => vec![part],
        Estimate::Average { spread, count } => vec![spread, count],
    }
}

impl ExactAnswer {
    /// Exact totals: for tests only, since nothing here is private. `key` stands for the query's secret;
    /// `general` takes the way of tables whose subject column is no key.
    #[doc(hidden)]
    pub async fn of(
        engine: &Engine,
        sql: &str,
        (product, source): (&Product, &Source),
        row_filter: Option<&str>,
        (key, general): (u8, bool),
    ) -> Result<ExactAnswer, EngineError> {
        let session = engine.session();
        let member: MemberName = "owner".parse().doing("naming a member")?;
        let asked = Asked { product, member: &member, columns: None, loss: None };
        let prepared = prepare(sql, asked, &session, engine.limits().groups_max)?;
        let about = about(&source.file).await?;
        let subject_is_key = !general && about.is_unique(&prepared.policy.subject);
        let subject_is_full = !general && about.is_full(&prepared.policy.subject);
        let run = || {
            let (rows, key) = (about.rows, QueryKey::known(key));
            Run { product, source, row_filter, subject_is_key, subject_is_full, rows, key }
        };
        let plan = session.optimize(&engine.totals_plan(&prepared, run())?).doing("planning")?;
        let exact = engine.exact_groups(&prepared, run(), &session, None).await?;
        let options = FormatOptions::default().with_null("NULL");
        let mut groups = Vec::new();
        for (group, subjects) in exact.subjects.iter().enumerate() {
            let mut keys = Vec::new();
            for array in exact.keys.columns() {
                let formatter = ArrayFormatter::try_new(array, &options).doing("showing a key")?;
                keys.push(array.is_valid(group).then(|| formatter.value(group).to_string()));
            }
            groups.push((keys, *subjects, exact.totals.iter().map(|total| total[group]).collect()));
        }
        groups.sort();
        let mut per_group_max: Vec<u64> =
            prepared.price.noise.iter().map(|noise| noise.sensitivity().per_group()).collect();
        if prepared.price.threshold.is_some() {
            per_group_max.insert(0, 1);
        }
        let PrivacyPolicy { groups_per_subject_max, rows_per_group_max, .. } = prepared.policy;
        let parts = prepared.reading.parts.iter().map(|part| ExactPart::of(part, rows_per_group_max));
        Ok(ExactAnswer {
            groups,
            groups_per_subject_max,
            per_group_max,
            parts: parts.collect::<Result<_, _>>()?,
            aggregates: prepared.reading.estimates.iter().map(places_of).collect(),
            plan: plan.display_indent().to_string(),
        })
    }
}
