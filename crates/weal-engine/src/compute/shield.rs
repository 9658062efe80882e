//! The last line against failing: an expression that, whatever its kernels do, gives NULL for a row it cannot
//! be computed for, and the same value for every other row.
//!
//! An expression that failed as a whole would tell that some row made it fail: CASE computes a branch only
//! for the rows that reach it. So an error, or a panic, of a batch is narrowed down by halves to the rows it
//! came from, and no row's value ever depends on its neighbours in the batch.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array, new_null_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::expr::{Between, BinaryExpr, InList, TryCast};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use weal_domain::Refusal;

use super::safe::{type_of, unsupported};
use super::said::plainly;

/// `expr`, made by [`super::safe::safe`] over the columns of `schema`, so that it cannot fail. What visibly
/// cannot is left as it is, since a scan can use it; the rest becomes one opaque function of its columns.
///
/// It is made ready to run here: what could never run is refused now, before anything is read or charged.
pub(crate) fn shielded(expr: Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    if doublings(&expr) > DOUBLINGS_MAX {
        return Err(unsupported("CASE, COALESCE or BETWEEN nested so deeply", "Write it flatter."));
    }
    if cannot_fail(&expr, schema) {
        return Ok(expr);
    }
    let shield = Shield::new(expr, schema).map_err(|error| {
        unsupported("this expression", "Simplify it.").remedy(plainly(&error.strip_backtrace()))
    })?;
    let columns = shield.schema.fields().iter();
    let columns = columns.map(|field| Expr::Column(Column::new_unqualified(field.name()))).collect();
    Ok(ScalarUDF::from(shield).call(columns))
}

/// As [`shielded`], condition by condition of an AND.
pub(crate) fn shielded_condition(condition: Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    let mut all = Vec::new();
    for part in split_conjunction_owned(condition) {
        all.push(shielded(part, schema)?);
    }
    all.into_iter().reduce(Expr::and).ok_or_else(|| unsupported("an empty condition", "Write one."))
}

/// How deep those expressions may nest that planning writes out twice, and run-time computes twice.
const DOUBLINGS_MAX: usize = 6;

fn doublings(expr: &Expr) -> usize {
    let own = match expr {
        Expr::Case(_) | Expr::Between(_) => 1,
        Expr::ScalarFunction(call) => usize::from(matches!(call.name(), "coalesce" | "nvl")),
        _ => 0,
    };
    let mut inner = 0;
    // It ends in `Ok`, since each step does.
    let _ = expr.apply_children(|child| {
        inner = inner.max(doublings(child));
        Ok(TreeNodeRecursion::Continue)
    });
    own + inner
}

/// Columns, constants, comparisons of one type, and logic over them.
fn cannot_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let plain = |expr: &Expr| cannot_fail(expr, schema);
    let kind = |expr: &Expr| type_of(expr, schema).ok();
    let alike = |one: &Expr, other: &Expr| kind(one).is_some_and(|one| Some(one) == kind(other));
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Not(inner) | Expr::IsTrue(inner) | Expr::IsFalse(inner) | Expr::IsNotTrue(inner) => {
            plain(inner) && kind(inner) == Some(DataType::Boolean)
        }
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => plain(inner),
        Expr::Between(Between { expr, low, high, .. }) => {
            [expr, low, high].into_iter().all(|part| plain(part) && alike(expr, part))
        }
        Expr::InList(InList { expr, list, .. }) => {
            let constants = list.iter().all(|one| matches!(one, Expr::Literal(..)) && alike(expr, one));
            plain(expr) && constants
        }
        Expr::TryCast(TryCast { expr, field }) => {
            let from = kind(expr);
            let widening = matches!(from, Some(DataType::Int64 | DataType::Boolean));
            plain(expr) && widening && *field.data_type() == DataType::Float64
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And | Operator::Or => {
                plain(left) && plain(right) && alike(left, right) && kind(left) == Some(DataType::Boolean)
            }
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => plain(left) && plain(right) && alike(left, right),
            _ => false,
        },
        _ => false,
    }
}

/// Expressions are made ready with no more than DataFusion's own rules; nothing runs in it.
static READY: LazyLock<SessionState> = LazyLock::new(|| SessionStateBuilder::new().build());

#[derive(Debug)]
struct Shield {
    expr: Expr,
    /// The columns it reads, in order of name.
    schema: Arc<Schema>,
    ready: Arc<dyn PhysicalExpr>,
    kind: DataType,
    signature: Signature,
}

impl Shield {
    fn new(expr: Expr, schema: &DFSchema) -> Result<Self> {
        let mut fields: Vec<Field> = Vec::new();
        let mut names: Vec<String> =
            expr.column_refs().into_iter().map(|column| column.name.clone()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let known = schema.field_with_unqualified_name(&name)?;
            fields.push(Field::new(name, known.data_type().clone(), true));
        }
        let schema = Arc::new(Schema::new(fields));
        let columns = Arc::new(DFSchema::try_from(schema.clone())?);
        let context = SimplifyContext::builder().with_schema(columns.clone()).build();
        let simplifier = ExprSimplifier::new(context);
        let simple = simplifier.simplify(simplifier.coerce(expr.clone(), &columns)?)?;
        let ready = READY.create_physical_expr(simple, &columns)?;
        let kind = ready.data_type(&schema)?;
        let signature = match schema.fields().len() {
            0 => Signature::nullary(Volatility::Immutable),
            columns => Signature::any(columns, Volatility::Immutable),
        };
        Ok(Self { expr, schema, ready, kind, signature })
    }

    /// A value for each row of `batch`.
    fn over(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(new_empty_array(&self.kind));
        }
        if let Some(values) = self.attempt(batch) {
            return Ok(values);
        }
        if rows == 1 {
            return Ok(new_null_array(&self.kind, 1));
        }
        let half = rows / 2;
        let (first, second) =
            (self.over(&batch.slice(0, half))?, self.over(&batch.slice(half, rows - half))?);
        Ok(concat(&[first.as_ref(), second.as_ref()])?)
    }

    fn attempt(&self, batch: &RecordBatch) -> Option<ArrayRef> {
        let evaluate =
            || self.ready.evaluate(batch).and_then(|values| values.into_array(batch.num_rows())).ok();
        let values = catch_unwind(AssertUnwindSafe(evaluate)).ok().flatten()?;
        (values.len() == batch.num_rows() && *values.data_type() == self.kind).then_some(values)
    }
}

impl PartialEq for Shield {
    fn eq(&self, other: &Self) -> bool {
        (&self.expr, &self.schema) == (&other.expr, &other.schema)
    }
}

impl Eq for Shield {}

impl Hash for Shield {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expr.hash(state);
    }
}

impl ScalarUDFImpl for Shield {
    fn name(&self) -> &str {
        "shielded"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.kind.clone())
    }
    fn schema_name(&self, _: &[Expr]) -> Result<String> {
        Ok(format!("shielded({})", self.expr.schema_name()))
    }
    fn display_name(&self, _: &[Expr]) -> Result<String> {
        Ok(format!("shielded({})", self.expr))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut arrays = Vec::new();
        for (value, field) in args.args.iter().zip(self.schema.fields()) {
            let array = value.to_array(rows)?;
            let fits = array.data_type() == field.data_type();
            arrays.push(if fits { array } else { cast(&array, field.data_type())? });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?;
        Ok(ColumnarValue::Array(self.over(&batch)?))
    }
}
