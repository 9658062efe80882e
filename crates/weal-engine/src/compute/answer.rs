//! Private questions at the engine's door.

use std::time::Instant;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as Planned};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use weal_domain::Refusal;
use weal_domain::catalogue::Product;
use weal_domain::compute::{Answer, Loss, Preview};
use weal_domain::exchange::{Permit, Statistics};
use weal_domain::identity::MemberName;
use weal_privacy::mechanism::Thresholded;

use super::condition::condition;
use super::exact::{Choice, ExactGroups, Plans, exact};
use super::plan::{PlanError, Totals};
use super::prepare::{Asked, Grouping, Prepared, prepare};
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
        let one_row_each = run.one_row_each(&prepared);
        let totals = self.all_groups(&prepared, run, &session);
        let (began, most) = (Instant::now(), self.limits().question_time_max);
        let groups = tokio::time::timeout(most, totals).await.doing(IN_TIME)??;
        // The timer rings in whole milliseconds, and work that ends before it rings may be late all the same.
        if began.elapsed() > most {
            return Err(Fault::new(IN_TIME, "it was done too late").into());
        }
        // Drawing is work for a processor, and what draws must not change threads.
        tokio::task::spawn_blocking(move || release(&prepared, groups, one_row_each, &session, groups_max))
            .await
            .doing("drawing noise")?
    }

    async fn all_groups(
        &self,
        prepared: &Prepared,
        run: Run<'_>,
        session: &SessionState,
    ) -> Result<Vec<ExactGroups>, EngineError> {
        let mut all = Vec::new();
        for grouping in &prepared.groupings {
            let threshold = grouping.price.threshold;
            all.push(self.exact_groups(prepared, grouping, run.clone(), session, threshold).await?);
        }
        Ok(all)
    }

    pub(super) async fn exact_groups(
        &self,
        prepared: &Prepared,
        grouping: &Grouping,
        run: Run<'_>,
        session: &SessionState,
        threshold: Option<Thresholded>,
    ) -> Result<ExactGroups, EngineError> {
        let plans = self.plans(prepared, grouping, run)?;
        let choice = Choice { threshold, groups_max: self.limits().groups_found_max };
        exact(session, &plans, &prepared.reading.parts, choice).await
    }

    pub(super) fn plans(
        &self,
        prepared: &Prepared,
        grouping: &Grouping,
        run: Run<'_>,
    ) -> Result<Plans, EngineError> {
        let reading = &prepared.reading;
        let columns = &run.product.columns;
        let row_filter = run.row_filter.map(|filter| condition(columns, filter)).transpose()?;
        // Where totals are of what their groups count, these are bounded and the totals are sums of them.
        let bounded = prepared.bounded_by(grouping);
        let (keys, own_keys) = (reading.keys_of(bounded), reading.keys_of(grouping));
        let place = |key: &usize| bounded.keys.iter().position(|known| known == key);
        let by: Vec<usize> = grouping.keys.iter().filter_map(place).collect();
        let all: Vec<usize> = (0..own_keys.len()).collect();
        let totals = totals_of(prepared, &run, bounded, (&keys, &by));
        let aside = totals_of(prepared, &run, grouping, (&own_keys, &all));
        let table = || {
            let table = scan(&run.source.file, schema_of(columns))?;
            row_filter.iter().try_fold(table, |table, condition| table.filter(condition.clone()))
        };
        let file = || match &reading.rows {
            None => table(),
            Some(steps) => over_file(steps, &table),
        };
        let planned = || {
            let main = totals.plan(file()?)?;
            let sides = aside.side_plans(&file)?;
            Ok(Plans { main, sides, keys: by.len(), subject_is_key: totals.subject_is_key })
        };
        planned().map_err(|error| match error {
            PlanError::Refused(refusal) => refusal.into(),
            PlanError::DataFusion(error) => Fault::new("planning a private answer", error).into(),
        })
    }
}

/// The totals of a grouping `of` which (keys, and places of those that the totals are by).
fn totals_of<'a>(
    prepared: &'a Prepared,
    run: &Run<'_>,
    of: &Grouping,
    (keys, by): (&'a [Expr], &'a [usize]),
) -> Totals<'a> {
    let reading = &prepared.reading;
    let groups = of.public.as_ref().map(|public| public.keys.num_rows() as u64);
    Totals {
        policy: &reading.policy,
        conditions: [reading.filter.clone(), prepared.on_lists.clone()].into_iter().flatten().collect(),
        keys,
        by,
        parts: &reading.parts,
        subject_is_key: run.one_row_each(prepared),
        subject_is_full: run.subject_is_full && reading.rows.is_none(),
        choose: groups.is_none_or(|groups| groups > reading.policy.groups_per_subject_max.into()),
        // Steps may make many rows of one.
        rows_max: if reading.rows.is_none() { run.rows.next_power_of_two() } else { u64::MAX },
        key: run.key.clone(),
    }
}

/// The steps of an inner SELECT, over the file instead of the table's schema.
fn over_file(
    steps: &LogicalPlan,
    table: &dyn Fn() -> Planned<LogicalPlanBuilder>,
) -> Planned<LogicalPlanBuilder> {
    let read = steps.clone().transform_up(|node| match &node {
        LogicalPlan::TableScan(scan) => {
            let own = |name: &str| Expr::Column(Column::new_unqualified(name));
            let asked = scan.projected_schema.fields().iter().map(|field| own(field.name()));
            let table = table()?.project(asked)?.alias(scan.table_name.clone())?;
            Ok(Transformed::yes(table.build()?))
        }
        _ => Ok(Transformed::no(node)),
    });
    Ok(LogicalPlanBuilder::from(read?.data))
}

/// One execution: where the rows are and which of them count.
#[derive(Clone)]
pub(super) struct Run<'a> {
    pub product: &'a Product,
    pub source: &'a Source,
    pub row_filter: Option<&'a str>,
    pub subject_is_key: bool,
    pub subject_is_full: bool,
    /// Of the file.
    pub rows: u64,
    pub key: QueryKey,
}

impl Run<'_> {
    /// Whether no subject has more than one row: known by the file's schema, unless steps make new rows.
    fn one_row_each(&self, prepared: &Prepared) -> bool {
        self.subject_is_key && prepared.reading.rows.is_none()
    }
}
