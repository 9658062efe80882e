//! Joins: of subjects' rows with rows about nobody, or with rows of the same subject. What comes out is again rows of
//! one subject each, so whatever a join multiplies is brought together and bounded above it, once.

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinType, Result as Planned};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Operator};
use weal_domain::Refusal;

use super::inner::{Made, broken, named, put_out};
use super::plan::{SUBJECT, column};
use super::relation::{Relation, Subject, relation, substitute};
use super::safe::{safe, type_of, unsupported};
use super::shield::{shielded, shielded_condition};

const LEFT: char = 'l';
const RIGHT: char = 'r';

/// One side of a join, with its columns under names of their own.
struct Side {
    relation: Relation,
    made: Vec<Made>,
    /// Where the subject stands among `made`, if these are a subject's rows.
    subject_at: Option<usize>,
    prefix: char,
}

impl Side {
    fn of(plan: &LogicalPlan, subject: Subject<'_>, prefix: char) -> Result<Self, Refusal> {
        let relation = relation(plan, subject)?;
        let mut made = Vec::new();
        for (name, expr) in &relation.columns {
            made.push(Made::of(name.clone(), expr, &relation)?);
        }
        let mut subject_at = relation.columns.iter().position(|(_, expr)| relation.is_subject(expr));
        if let (None, Some(policy)) = (subject_at, &relation.policy) {
            // It goes along unseen.
            subject_at = Some(made.len());
            made.push(Made::of(Column::new_unqualified(""), &column(&policy.subject), &relation)?);
        }
        Ok(Self { relation, made, subject_at, prefix })
    }

    fn is_private(&self) -> bool {
        self.subject_at.is_some()
    }

    fn name(&self, place: usize) -> String {
        format!("{}{place}", self.prefix)
    }

    fn rows(&self) -> Planned<LogicalPlan> {
        let named =
            self.made.iter().enumerate().map(|(place, made)| made.expr.clone().alias(self.name(place)));
        self.relation.kept()?.project(named.collect::<Vec<_>>())?.build()
    }

    /// Where a visible column stands.
    fn columns(&self) -> impl Iterator<Item = (Column, Expr)> + '_ {
        self.made.iter().enumerate().map(|(place, made)| (made.called.clone(), column(&self.name(place))))
    }

    /// Under whichever of its names, after an earlier join.
    fn is_subject(&self, expr: &Expr) -> bool {
        let visible = self.relation.columns.iter().map(|(_, expr)| self.relation.is_subject(expr));
        let places = visible.enumerate().filter_map(|(place, is_subject)| is_subject.then_some(place));
        places.chain(self.subject_at).any(|place| *expr == column(&self.name(place)))
    }

    /// How the question calls the subject, as far as it does.
    fn subject_name(&self, subject: Subject<'_>) -> String {
        let called = self.subject_at.map(|place| self.made[place].called.flat_name());
        called.filter(|name| !name.is_empty()).unwrap_or_else(|| subject.name.to_owned())
    }

    /// Whether it holds rows of a product about nobody, of which there may be many.
    fn is_public_product(&self) -> bool {
        let is_scan = |plan: &LogicalPlan| Ok(matches!(plan, LogicalPlan::TableScan(_)));
        !self.is_private() && self.relation.rows.exists(is_scan).unwrap_or(true)
    }

    /// Whether an expression is made of columns of this side, and of no others.
    fn has_all_of(&self, expr: &Expr) -> bool {
        let used = expr.column_refs();
        !used.is_empty() && used.iter().all(|column| column.name.starts_with(self.prefix))
    }
}

/// A join of subjects' rows with public ones, or with rows of the same subject; or of public rows.
pub(super) fn joined(join: &Join, subject: Subject<'_>) -> Result<Relation, Refusal> {
    let (left, right) = (Side::of(&join.left, subject, LEFT)?, Side::of(&join.right, subject, RIGHT)?);
    let keeper = keeper(join.join_type, &left, &right)?;
    let (left_rows, right_rows) = (left.rows().map_err(broken)?, right.rows().map_err(broken)?);
    let schema = left_rows.schema().join(right_rows.schema()).map_err(broken)?;
    let on = Condition::of(join, (&left, &right), &schema)?;
    on.check(&left, &right, subject)?;
    let rows =
        LogicalPlanBuilder::from(left_rows).join_on(right_rows, join.join_type, on.all).map_err(broken)?;
    let mut made = Vec::new();
    for side in [&left, &right] {
        let may_be_missing = match join.join_type {
            JoinType::Left => side.prefix == RIGHT,
            JoinType::Right => side.prefix == LEFT,
            _ => false,
        };
        for (place, each) in side.made.iter().enumerate() {
            let nullable = each.nullable || may_be_missing;
            // Rows without a partner have no value that would be on the list.
            let public = each.public.clone().filter(|_| !may_be_missing);
            made.push(Made { expr: column(&side.name(place)), nullable, public, ..each.clone() });
        }
    }
    let place_of =
        |side: &Side| side.subject_at.map(|at| at + usize::from(side.prefix == RIGHT) * left.made.len());
    let subject_at = keeper.and_then(place_of);
    let policy = keeper.and_then(|keeper| keeper.relation.policy.clone());
    let rows = rows.project(named(&made, subject_at)).and_then(LogicalPlanBuilder::build).map_err(broken)?;
    let mut joined = put_out(rows, made, subject_at, policy.as_ref());
    // Where every row has a partner both sides' columns are the subject, and either may be called so.
    if join.join_type == JoinType::Inner
        && let (Some(_), Some(twin)) = (place_of(&left), place_of(&right))
        && keeper.is_some_and(|keeper| keeper.prefix == LEFT)
    {
        joined.columns[twin].1 = column(SUBJECT);
    }
    Ok(joined)
}

/// The side whose subject every row has; `None` where both sides are about nobody.
fn keeper<'a>(kind: JoinType, left: &'a Side, right: &'a Side) -> Result<Option<&'a Side>, Refusal> {
    let kept = match kind {
        JoinType::Inner if left.is_private() => left,
        JoinType::Inner | JoinType::Right => right,
        JoinType::Left => left,
        other => {
            return Err(unsupported(
                &format!("a {other} join"),
                "Use JOIN or LEFT JOIN, with the product on the left.",
            ));
        }
    };
    if kept.is_private() {
        return Ok(Some(kept));
    }
    if !left.is_private() && !right.is_private() {
        return Ok(None);
    }
    Err(match kind {
        JoinType::Left => {
            unsupported("a join that begins with public values", "Put the product on the left.")
        }
        _ => unsupported("a join that keeps all public values", "Put the product on the right."),
    })
}

/// What stands after ON.
struct Condition {
    all: Vec<Expr>,
    /// Something of one side must equal something of the other.
    has_equality: bool,
    /// And that is the subject of both.
    has_subject: bool,
}

impl Condition {
    fn of(join: &Join, (left, right): (&Side, &Side), schema: &DFSchema) -> Result<Self, Refusal> {
        let columns: Vec<(Column, Expr)> = left.columns().chain(right.columns()).collect();
        let mut found = Self { all: Vec::new(), has_equality: false, has_subject: false };
        for (one, other) in &join.on {
            let (one, other) = (substitute(one, &columns)?, substitute(other, &columns)?);
            found.equal((one, other), (left, right), schema)?;
        }
        for condition in join.filter.iter().flat_map(split_conjunction) {
            let condition = substitute(condition, &columns)?;
            match &condition {
                Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other })
                    if type_of(one, schema)? == type_of(other, schema)? =>
                {
                    found.equal((*one.clone(), *other.clone()), (left, right), schema)?;
                }
                _ => found.all.push(shielded_condition(safe(&condition, schema)?, schema)?),
            }
        }
        Ok(found)
    }

    /// Each side by itself, so that the engine can look partners up instead of trying every pair.
    fn equal(
        &mut self,
        (one, other): (Expr, Expr),
        (left, right): (&Side, &Side),
        schema: &DFSchema,
    ) -> Result<(), Refusal> {
        let pairs = [(&one, &other), (&other, &one)];
        self.has_equality |= pairs.iter().any(|(one, other)| left.has_all_of(one) && right.has_all_of(other));
        self.has_subject |= pairs.iter().any(|(one, other)| left.is_subject(one) && right.is_subject(other));
        let one = shielded(safe(&one, schema)?, schema)?;
        let other = shielded(safe(&other, schema)?, schema)?;
        self.all.push(one.eq(other));
        Ok(())
    }

    fn check(&self, left: &Side, right: &Side, subject: Subject<'_>) -> Result<(), Refusal> {
        if left.is_private() && right.is_private() && !self.has_subject {
            let instead = format!(
                "Join ON `{}` = `{}`: rows of different subjects cannot be put together.",
                left.subject_name(subject),
                right.subject_name(subject)
            );
            return Err(unsupported("a join of private rows on something else than their subject", &instead));
        }
        if !self.has_equality && [left, right].iter().any(|side| side.is_public_product()) {
            return Err(unsupported(
                "a join with a public product without an equality",
                "Join ON a column of one = a column of the other, and put what else is to hold after it.",
            ));
        }
        Ok(())
    }
}
