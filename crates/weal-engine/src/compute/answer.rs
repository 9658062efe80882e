//! Private questions at the engine's door.

use std::time::Instant;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as Planned, TableReference, plan_datafusion_err};
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
use super::reading::Rows;
use super::release::release;
use super::schema::schema_of;
use super::tables::{Covered, PermitFor, Permitted, Table};
use super::tag::QueryKey;
use crate::error::Doing;
use crate::scan::{About, about, keep_order, read_at_once, scan};
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
        let covered = Covered { product: product.clone(), columns: columns.map(<[String]>::to_vec) };
        self.preview_about(sql, &[covered], member, loss)
    }

    /// The same of a question about several products of `member`, each as its agreement covers it.
    pub fn preview_about(
        &self,
        sql: &str,
        products: &[Covered],
        member: &MemberName,
        loss: Option<Loss>,
    ) -> Result<Preview, Refusal> {
        let asked = Asked { products, member, loss };
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
        let permit = PermitFor::Statistics(permit);
        self.answer_about(&[Permitted { permit, product, source }], sql, member, loss).await
    }

    /// The same of a question about several products of `member`. Each is read under a permit of its own, and each
    /// that is private costs the whole loss.
    pub async fn answer_about(
        &self,
        products: &[Permitted<'_>],
        sql: &str,
        member: &MemberName,
        loss: Loss,
    ) -> Result<Answer, EngineError> {
        let grants = products.iter().map(Permitted::grant).collect::<Result<Vec<_>, _>>()?;
        let covered = products.iter().map(Permitted::covered).collect::<Result<Vec<_>, _>>()?;
        let private = products.iter().zip(&grants).filter(|(each, _)| each.product.privacy.is_some());
        let loss = private.fold(loss, |loss, (_, grant)| loss.min(grant.loss_max));
        let _being_read: Vec<_> = products.iter().map(|each| self.begin_reading(&each.source.file)).collect();
        let mut files = Vec::new();
        for (each, grant) in products.iter().zip(&grants) {
            let about = about(&each.source.file).await?;
            files.push(File { source: each.source, row_filter: grant.row_filter.as_deref(), about });
        }
        let mut session = self.session();
        let rows_at_once = session.config().batch_size();
        let rows_at_once = files.iter().fold(rows_at_once, |rows, file| rows.min(file.about.batch_rows()));
        read_at_once(&mut session, rows_at_once);
        keep_order_of(&files, &mut session);
        let groups_max = self.limits().groups_max;
        let prepared = {
            let (sql, member, session) = (sql.to_owned(), member.clone(), session.clone());
            let work = move || {
                let asked = Asked { products: &covered, member: &member, loss: Some(loss) };
                prepare(&sql, asked, &session, groups_max)
            };
            tokio::task::spawn_blocking(work).await.doing("planning a private answer")??
        };
        let key = QueryKey::fresh().doing("drawing a query's key")?;
        let run = Run { files: &files, general: false, key };
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
        let tables = prepared.tables.all.iter().zip(run.files).map(|(table, file)| Below::of(table, file));
        let tables = tables.collect::<Result<Vec<_>, Refusal>>()?;
        // Where totals are of what their groups count, these are bounded and the totals are sums of them.
        let bounded = prepared.bounded_by(grouping);
        let (keys, own_keys) = (reading.keys_of(bounded), reading.keys_of(grouping));
        let place = |key: &usize| bounded.keys.iter().position(|known| known == key);
        let by: Vec<usize> = grouping.keys.iter().filter_map(place).collect();
        let all: Vec<usize> = (0..own_keys.len()).collect();
        let totals = totals_of(prepared, &run, bounded, (&keys, &by));
        let aside = totals_of(prepared, &run, grouping, (&own_keys, &all));
        let below = |name: &TableReference| -> Planned<&Below<'_>> {
            let found = tables.iter().find(|below| below.table.name == *name);
            found.ok_or_else(|| plan_datafusion_err!("nothing permits {name}"))
        };
        let file = || match &reading.rows {
            Rows::Table(name) => below(name)?.rows(),
            Rows::Steps(steps) => over_files(steps, &|name| below(name)?.rows()),
        };
        // Only what looks at the order itself is told of it: whatever else relied on it would be wrong where it is.
        let in_order = || match &reading.rows {
            Rows::Table(name) => below(name)?.rows_in_order(),
            Rows::Steps(_) => file(),
        };
        let planned = || {
            let main = if totals.subject_is_key { file()? } else { in_order()? };
            let main = totals.plan(main)?;
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
    let known = run.known(prepared);
    Totals {
        policy: &reading.policy,
        conditions: [reading.filter.clone(), prepared.on_lists.clone()].into_iter().flatten().collect(),
        keys,
        by,
        parts: &reading.parts,
        subject_is_key: run.one_row_each(prepared),
        subject_is_full: !run.general && known.is_some_and(|about| about.is_full(&reading.policy.subject)),
        choose: groups.is_none_or(|groups| groups > reading.policy.groups_per_subject_max.into()),
        // Steps may make many rows of one.
        rows_max: known.map_or(u64::MAX, |about| about.rows.next_power_of_two()),
        key: run.key.clone(),
    }
}

/// Steps over the files instead of the tables' schemas.
fn over_files(
    steps: &LogicalPlan,
    below: &dyn Fn(&TableReference) -> Planned<LogicalPlanBuilder>,
) -> Planned<LogicalPlanBuilder> {
    let read = steps.clone().transform_up(|node| match &node {
        LogicalPlan::TableScan(scan) => {
            let own = |name: &str| Expr::Column(Column::new_unqualified(name));
            let asked = scan.projected_schema.fields().iter().map(|field| own(field.name()));
            let rows = below(&scan.table_name)?.project(asked)?.alias(scan.table_name.clone())?;
            Ok(Transformed::yes(rows.build()?))
        }
        _ => Ok(Transformed::no(node)),
    });
    Ok(LogicalPlanBuilder::from(read?.data))
}

/// The file of a product, and which of its rows its agreement covers.
#[derive(Debug, Clone)]
pub(super) struct File<'a> {
    pub source: &'a Source,
    pub row_filter: Option<&'a str>,
    pub about: About,
}

/// A product's rows as its agreement covers them: what every step stands on.
struct Below<'a> {
    table: &'a Table,
    file: &'a File<'a>,
    row_filter: Option<Expr>,
}

impl<'a> Below<'a> {
    fn of(table: &'a Table, file: &'a File<'a>) -> Result<Self, Refusal> {
        let row_filter = file.row_filter.map(|filter| condition(&table.columns, filter)).transpose()?;
        Ok(Self { table, file, row_filter })
    }

    fn rows(&self) -> Planned<LogicalPlanBuilder> {
        self.scanned(None)
    }

    /// The same, with the order of which the file says that it is in.
    fn rows_in_order(&self) -> Planned<LogicalPlanBuilder> {
        self.scanned(self.file.about.order())
    }

    fn scanned(&self, order: Option<&str>) -> Planned<LogicalPlanBuilder> {
        let rows = scan(&self.file.source.file, schema_of(&self.table.columns), order)?;
        self.row_filter.iter().try_fold(rows, |rows, condition| rows.filter(condition.clone()))
    }
}

pub(super) fn keep_order_of(files: &[File<'_>], session: &mut SessionState) {
    if files.iter().any(|file| file.about.order().is_some()) {
        keep_order(session);
    }
}

/// One execution: where the rows are, in the order of the tables, and which of them count.
#[derive(Clone)]
pub(super) struct Run<'a> {
    pub files: &'a [File<'a>],
    /// Takes the way of tables of which nothing is known.
    pub general: bool,
    pub key: QueryKey,
}

impl Run<'_> {
    /// What is known of the product whose own table the totals are of. Of steps over tables nothing is.
    fn known(&self, prepared: &Prepared) -> Option<&About> {
        let Rows::Table(name) = &prepared.reading.rows else { return None };
        let mut files = prepared.tables.all.iter().zip(self.files);
        files.find(|(table, _)| table.name == *name).map(|(_, file)| &file.about)
    }

    /// Whether no subject has more than one row: known by the file's schema, unless steps make new rows.
    fn one_row_each(&self, prepared: &Prepared) -> bool {
        let subject = &prepared.reading.policy.subject;
        !self.general && self.known(prepared).is_some_and(|about| about.is_unique(subject))
    }
}
