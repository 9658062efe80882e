//! Several groupings of one question: `GROUPING(x, ...)`, and totals that are what their groups add up to.

use arrow::array::Array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Case};
use datafusion::logical_expr::{Expr, Operator, lit};
use weal_domain::Refusal;
use weal_domain::compute::TotalsFit;
use weal_privacy::totals::{Fitted, Level, fit, fit_within};

use super::exact::Groups;
use super::prepare::{Grouping, Prepared};
use super::price::Contribution;
use super::reading::{Estimate, Part};
use super::safe::unsupported;

/// The released column that says which of the question's groupings a row belongs to, by its place.
pub(crate) const GROUPING: &str = "g";

/// `expr` with what DataFusion has made of `GROUPING(...)` (arithmetic on the bits of a column of its own, here
/// [`GROUPING`]) replaced by its value in each of `sets`. A bit stands for each of so many `keys`, the last
/// key's is the lowest, and is set where a row is a total over that key.
pub(crate) fn with_groupings(expr: Expr, sets: &[Vec<usize>], keys: usize) -> Result<Expr, Refusal> {
    let bits = |set: &Vec<usize>| {
        (0..keys).filter(|key| !set.contains(key)).map(|key| 1_u64 << (keys - 1 - key)).sum::<u64>()
    };
    let replaced = expr.transform_down(|expr| {
        let is_about_it = expr.column_refs().iter().any(|column| column.name == GROUPING);
        let values: Option<Vec<u64>> =
            sets.iter().filter(|_| is_about_it).map(|set| value_of(&expr, bits(set))).collect();
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            return Ok(Transformed::no(expr));
        };
        let which = Box::new(Expr::Column(Column::new_unqualified(GROUPING)));
        let cases = values.iter().zip(0_i64..).map(|(value, place)| {
            (Box::new(lit(place)), Box::new(lit(i64::try_from(*value).unwrap_or(i64::MAX))))
        });
        let said = Expr::Case(Case::new(Some(which), cases.collect(), None));
        Ok(Transformed::new(said, true, TreeNodeRecursion::Jump))
    });
    Ok(replaced.map_err(|_| unsupported("this expression", "Simplify it."))?.data)
}

fn value_of(expr: &Expr, bits: u64) -> Option<u64> {
    match expr {
        Expr::Column(column) if column.name == GROUPING => Some(bits),
        Expr::Cast(cast) => value_of(&cast.expr, bits),
        Expr::Literal(value, _) => match value.cast_to(&arrow::datatypes::DataType::UInt64) {
            Ok(ScalarValue::UInt64(number)) => number,
            _ => None,
        },
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (value_of(left, bits)?, value_of(right, bits)?);
            match op {
                Operator::BitwiseAnd => Some(left & right),
                Operator::BitwiseOr => Some(left | right),
                Operator::BitwiseShiftLeft => left.checked_shl(u32::try_from(right).ok()?),
                Operator::BitwiseShiftRight => left.checked_shr(u32::try_from(right).ok()?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Groupings of which each refines the one before, and how their groups belong to each other.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Places of the groupings, the coarsest first.
    pub groupings: Vec<usize>,
    /// Of each grouping, the place of the group before that each of its groups is a part of.
    parents: Vec<Vec<usize>>,
}

impl Chain {
    /// The chain that several groupings are, as those of ROLLUP; `None` where they are none, as those of CUBE, where
    /// whole numbers that fit all of them at once need not exist, where the groups of one are private, or where a
    /// key comes to NULL for a group, which nobody could tell from a total.
    pub(super) fn of(groupings: &[Grouping]) -> Option<Chain> {
        let named = |grouping: &Grouping| {
            let keys = grouping.public.as_ref().map(|public| public.keys.columns());
            keys.is_some_and(|keys| keys.iter().all(|key| key.null_count() == 0))
        };
        if groupings.len() < 2 || !groupings.iter().all(named) {
            return None;
        }
        let mut places: Vec<usize> = (0..groupings.len()).collect();
        places.sort_by_key(|&place| groupings[place].keys.len());
        let mut parents = vec![vec![0; groups_of(&groupings[places[0]])]];
        for pair in places.windows(2) {
            parents.push(parents_of(&groupings[pair[0]], &groupings[pair[1]])?);
        }
        Some(Chain { groupings: places, parents })
    }

    /// The place of the grouping that refines all others.
    pub(super) fn finest(&self) -> usize {
        self.groupings.last().copied().unwrap_or_default()
    }

    /// What was released of one part in each of the chain's groupings, fitted; `None` where it does not add up by
    /// itself. Of distances from a middle `counts` are the numbers of values, fitted already: no average leaves the
    /// bounds, so no sum leaves as many times them.
    pub(super) fn fitted(
        &self,
        part: &Part,
        released: Vec<(Vec<i64>, f64)>,
        (counts, rows_max): (&[Vec<i64>], u32),
    ) -> Result<Option<Vec<Vec<Fitted>>>, Refusal> {
        let not_negative = match part {
            Part::Distinct(_) | Part::Ranks(_) => return Ok(None),
            Part::Subjects | Part::Rows | Part::Values(_) | Part::Present(_) => true,
            Part::Total(value) => value.fixed()?.low() >= 0,
            Part::Spread(_) => false,
        };
        let levels = released.into_iter().zip(&self.parents);
        let levels: Vec<Level> = levels
            .map(|((released, scale), parents)| Level { released, scale, parents: parents.clone() })
            .collect();
        let Part::Spread(value) = part else { return Ok(fit(&levels, not_negative)) };
        let (fixed, middle) = (value.fixed()?, Contribution::of_spread(value, rows_max)?.middle);
        let ends = (fixed.low() - middle, fixed.high() - middle);
        let of = |count: &i64| Some((count.checked_mul(ends.0)?, count.checked_mul(ends.1)?));
        let limits: Option<Vec<Vec<_>>> = counts.iter().map(|level| level.iter().map(of).collect()).collect();
        Ok(limits.and_then(|limits| fit_within(&levels, &limits)))
    }
}

fn groups_of(grouping: &Grouping) -> usize {
    grouping.public.as_ref().map_or(0, |public| public.keys.num_rows())
}

/// Of each group of `fine`, the group of `coarse` that it is a part of; `None` where one has none, or where `fine`
/// does not group by all that `coarse` groups by.
fn parents_of(coarse: &Grouping, fine: &Grouping) -> Option<Vec<usize>> {
    let (above, below) = (coarse.public.as_ref()?, fine.public.as_ref()?);
    let columns = coarse.keys.iter().map(|key| fine.keys.iter().position(|known| known == key));
    let keys = below.keys.project(&columns.collect::<Option<Vec<usize>>>()?).ok()?;
    Groups::of(&above.keys).ok()?.places(&keys).ok()?.into_iter().collect()
}

/// The count of the values whose distances a part adds up.
pub(super) fn count_of(estimates: &[Estimate], part: usize) -> Option<usize> {
    estimates.iter().find_map(|estimate| match *estimate {
        Estimate::Average { spread, count } if spread == part => Some(count),
        Estimate::Variance { square, spread, count, .. } if square == part || spread == part => Some(count),
        _ => None,
    })
}

/// Whether the groups of an answer fit their totals, and what is said about it; `None` where there are no totals.
pub(super) fn said(
    prepared: &Prepared,
    one_row_each: bool,
    all_fitted: bool,
) -> Option<(TotalsFit, &'static str)> {
    if prepared.groupings.len() < 2 {
        return None;
    }
    let is_private = prepared.groupings.iter().any(|grouping| grouping.public.is_none());
    Some(match () {
        () if all_fitted => (
            TotalsFit::Exact,
            "Groups and totals were fitted to each other after the noise: counts and sums of groups add up to their totals.",
        ),
        () if is_private => (
            TotalsFit::Apart,
            "Groups that are too small are withheld and missing from every sum, so groups do not add up to their totals.",
        ),
        () if prepared.chain.is_some() && prepared.adding_up(one_row_each).is_none() => (
            TotalsFit::Apart,
            "A subject may count in several groups and is bounded once more in a total, so groups do not add up to their \
             totals; with max_groups_contributed = 1 they do.",
        ),
        () => (
            TotalsFit::Apart,
            "Each group and each total has noise of its own, so groups do not add up to their totals exactly.",
        ),
    })
}
