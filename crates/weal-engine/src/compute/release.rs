//! From exact totals to an answer: noise first, then everything that may be done with noisy numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, cast, filter, lexsort_to_indices};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use weal_domain::compute::{Answer, Cell};
use weal_privacy::mechanism::MechanismError;

use super::derived::{Derived, Estimated};
use super::exact::ExactGroups;
use super::measure::Value;
use super::prepare::Prepared;
use super::price::{CONFIDENCE, Contribution, confidence_of_each, share_of};
use super::reading::{Estimate, Item, Part};
use crate::EngineError;
use crate::error::Doing;

/// Draws the noise, once, and forms the answer. Everything after the draw is post-processing.
pub(crate) fn release(
    prepared: &Prepared,
    exact: ExactGroups,
    session: &SessionState,
    groups_max: usize,
) -> Result<Answer, EngineError> {
    let noisy = draw(prepared, exact)?;
    let mut estimates = Vec::new();
    for estimate in &prepared.reading.estimates {
        estimates.push(estimated(prepared, &noisy, *estimate, CONFIDENCE)?);
    }
    let derived = prepared.reading.derived.iter().map(|derived| computed(prepared, &noisy, derived));
    let derived = derived.collect::<Result<Vec<_>, _>>()?;
    let released = released(&noisy.keys, &estimates)?;
    let order = order(prepared, &released, session)?;
    let mut protection = prepared.protection();
    let reading = &prepared.reading;
    let mut rows: Vec<usize> = order.into_iter().skip(reading.after.skip).collect();
    rows.truncate(reading.after.fetch.unwrap_or(usize::MAX));
    if rows.len() > groups_max {
        rows.truncate(groups_max);
        protection.push(format!("Only the first {groups_max} groups are shown."));
    }
    let options = FormatOptions::default();
    let keys = noisy.keys.columns().iter().map(|array| ArrayFormatter::try_new(array, &options));
    let keys = keys.collect::<Result<Vec<_>, _>>().doing("writing the answer")?;
    let cell = |row: usize, item: Item| match item {
        Item::Key(i) if noisy.keys.column(i).is_null(row) => Cell::Key(None),
        Item::Key(i) => Cell::Key(Some(keys[i].value(row).to_string())),
        Item::Estimate(i) => shown(estimates[i][row]),
        Item::Derived(i) => shown(derived[i][row]),
    };
    let cells = |row: usize| reading.outputs.iter().map(|(_, item)| cell(row, *item)).collect();
    Ok(Answer {
        columns: prepared.columns(),
        rows: rows.into_iter().map(cells).collect(),
        loss: prepared.price.loss,
        confidence: CONFIDENCE,
        protection,
    })
}

fn shown(estimated: Estimated) -> Cell {
    match estimated {
        Some((value, low, high)) => Cell::Estimate { value, low, high },
        None => Cell::Unknown,
    }
}

/// What is computed from several estimates holds with the answer's confidence if each of them holds with more.
fn computed(prepared: &Prepared, noisy: &Noisy, derived: &Derived) -> Result<Vec<Estimated>, EngineError> {
    let places = derived.estimates();
    let each = confidence_of_each(places.len());
    let mut columns = BTreeMap::new();
    for place in places {
        columns.insert(place, estimated(prepared, noisy, prepared.reading.estimates[place], each)?);
    }
    let of_row = |row: usize| derived.of(&|place| columns.get(&place).and_then(|column| column[row]));
    Ok((0..noisy.keys.num_rows()).map(of_row).collect())
}

/// The groups of the answer, with one noisy total per part and group.
struct Noisy {
    keys: RecordBatch,
    totals: Vec<Vec<i64>>,
}

fn draw(prepared: &Prepared, exact: ExactGroups) -> Result<Noisy, EngineError> {
    let doing = |error: MechanismError| crate::Fault::new("drawing noise", error);
    let price = &prepared.price;
    let Some(public) = &prepared.public else {
        let shown = exact
            .shown
            .ok_or_else(|| crate::Fault::new("drawing noise", "private keys without a threshold"))?;
        let mut totals = vec![shown];
        for (noise, part) in price.noise.iter().zip(&exact.totals[1..]) {
            totals.push(noise.release(part).map_err(doing)?);
        }
        return Ok(Noisy { keys: exact.keys, totals });
    };
    let found = places_in(&exact.keys, &public.keys)?;
    let mut totals = Vec::new();
    for (noise, part) in price.noise.iter().zip(&exact.totals) {
        let all: Vec<i64> = found.iter().map(|place| place.map_or(0, |place| part[place])).collect();
        totals.push(noise.release(&all).map_err(doing)?);
    }
    Ok(Noisy { keys: public.keys.clone(), totals })
}

/// For every row of `public`, where its keys stand in `exact`.
fn places_in(exact: &RecordBatch, public: &RecordBatch) -> Result<Vec<Option<usize>>, EngineError> {
    if public.num_columns() == 0 {
        return Ok(vec![(exact.num_rows() > 0).then_some(0)]);
    }
    let fields =
        public.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).doing("matching groups")?;
    let same =
        exact.columns().iter().zip(public.columns()).map(|(array, like)| cast(array, like.data_type()));
    let same = same.collect::<Result<Vec<ArrayRef>, _>>().doing("matching groups")?;
    let exact_rows = converter.convert_columns(&same).doing("matching groups")?;
    let public_rows = converter.convert_columns(public.columns()).doing("matching groups")?;
    let places: HashMap<_, usize> =
        exact_rows.iter().enumerate().map(|(place, row)| (row.owned(), place)).collect();
    Ok(public_rows.iter().map(|row| places.get(&row.owned()).copied()).collect())
}

fn estimated(
    prepared: &Prepared,
    noisy: &Noisy,
    estimate: Estimate,
    confidence: f64,
) -> Result<Vec<Estimated>, EngineError> {
    let width = |part: usize, confidence: f64| prepared.price.half_width(part, confidence) as f64;
    let part = |part: usize| match &prepared.reading.parts[part] {
        Part::Total(value) | Part::Spread(value) => Ok(value),
        _ => {
            Err(EngineError::from(crate::Fault::new("forming the answer", "a count where a value should be")))
        }
    };
    match estimate {
        Estimate::Count { part } => {
            let width = width(part, confidence);
            Ok(noisy.totals[part].iter().map(|&count| around(count as f64, width)).collect())
        }
        Estimate::Sum { part: place } => {
            let fixed = part(place)?.fixed()?;
            let unit = 10_f64.powi(fixed.decimals().into());
            let width = width(place, confidence) / unit;
            Ok(noisy.totals[place].iter().map(|&total| around(fixed.from_fixed(total), width)).collect())
        }
        Estimate::Average { spread, count } => {
            let average = Average::new(part(spread)?, prepared.policy.rows_per_group_max)?;
            let each = share_of(confidence, 2);
            let widths = (width(spread, each), width(count, each));
            let pairs = noisy.totals[spread].iter().zip(&noisy.totals[count]);
            Ok(pairs.map(|(&spread, &count)| average.of(spread as f64, count as f64, widths)).collect())
        }
    }
}

fn around(value: f64, width: f64) -> Estimated {
    Some((value, value - width, value + width))
}

/// A noisy distance from the middle over a noisy count.
struct Average {
    middle: f64,
    unit: f64,
    low: f64,
    high: f64,
}

impl Average {
    fn new(value: &Value, rows_max: u32) -> Result<Self, EngineError> {
        let middle = Contribution::of_spread(value, rows_max)?.middle as f64;
        let unit = 10_f64.powi(value.fixed()?.decimals().into());
        Ok(Self { middle, unit, low: value.low, high: value.high })
    }

    /// The interval covers every quotient of numbers within both widths; so its confidence is at least that
    /// of both holding at once. An average never leaves the bounds of what is averaged.
    fn of(&self, spread: f64, count: f64, (spread_width, count_width): (f64, f64)) -> Estimated {
        if count <= 0.0 {
            return None;
        }
        let at =
            |spread: f64, count: f64| ((self.middle + spread / count) / self.unit).clamp(self.low, self.high);
        let fewest = count - count_width;
        if fewest < 1.0 {
            return Some((at(spread, count), self.low, self.high));
        }
        let (least, most) = (spread - spread_width, spread + spread_width);
        let counts = [fewest, count + count_width];
        let low = counts.into_iter().map(|count| at(least, count)).fold(f64::INFINITY, f64::min);
        let high = counts.into_iter().map(|count| at(most, count)).fold(f64::NEG_INFINITY, f64::max);
        Some((at(spread, count), low, high))
    }
}

/// What has been released, as a table: the keys and the estimates by the names of their [`Item`]s.
fn released(keys: &RecordBatch, estimates: &[Vec<Estimated>]) -> Result<RecordBatch, EngineError> {
    let mut fields: Vec<Field> = keys.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut arrays = keys.columns().to_vec();
    for (i, column) in estimates.iter().enumerate() {
        fields.push(Field::new(Item::Estimate(i).column(), DataType::Float64, true));
        let values = column.iter().map(|estimated| estimated.map(|(value, ..)| value));
        arrays.push(Arc::new(values.collect::<Float64Array>()));
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(keys.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .doing("forming the answer")
}

/// The rows that HAVING leaves, in the order asked for, or else of their keys.
fn order(
    prepared: &Prepared,
    released: &RecordBatch,
    session: &SessionState,
) -> Result<Vec<usize>, EngineError> {
    let after = &prepared.reading.after;
    let schema = DFSchema::try_from(released.schema()).doing("ordering the answer")?;
    let evaluate = |expr: &datafusion::logical_expr::Expr| {
        let physical = session.create_physical_expr(expr.clone(), &schema)?;
        physical.evaluate(released)?.into_array(released.num_rows())
    };
    let mut columns = Vec::new();
    for sort in &after.sort {
        let values = evaluate(&sort.expr).doing("ordering the answer")?;
        let options = SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first };
        columns.push(SortColumn { values, options: Some(options) });
    }
    for key in 0..prepared.reading.keys.len() {
        let options = SortOptions { descending: false, nulls_first: false };
        columns.push(SortColumn { values: released.column(key).clone(), options: Some(options) });
    }
    let mut rows = if columns.is_empty() {
        UInt32Array::from_iter_values(0..released.num_rows() as u32)
    } else {
        lexsort_to_indices(&columns, None).doing("ordering the answer")?
    };
    if let Some(having) = &after.having {
        let verdict = evaluate(having).doing("applying HAVING")?;
        let kept = arrow::compute::take(&verdict, &rows, None).doing("applying HAVING")?;
        let left = filter(&rows, kept.as_boolean()).doing("applying HAVING")?;
        rows = left.as_primitive::<UInt32Type>().clone();
    }
    Ok(rows.values().iter().map(|&row| row as usize).collect())
}
