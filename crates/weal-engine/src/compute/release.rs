//! From exact totals to an answer: noise first, then everything that may be done with noisy numbers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, new_null_array,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SessionState;
use tokio::runtime::Handle;
use weal_domain::compute::{Answer, Cell, Withheld};
use weal_privacy::mechanism::Ranks;
use weal_privacy::totals::Fitted;

use super::derived::{Derived, Estimated, Triple};
use super::drawn::as_drawn;
use super::exact::{ExactGroups, Groups, Totals};
use super::groupings::{Chain, GROUPING, count_of, said};
use super::measure::Value;
use super::prepare::{Grouping, Prepared};
use super::price::{CONFIDENCE, Contribution, confidence_of_each, share_of};
use super::reading::{Estimate, Item, Part};
use super::sides::leaves_of;
use super::variance::Variance;
use crate::error::Doing;
use crate::{EngineError, Fault};

const DRAWING: &str = "drawing noise";
pub(super) const FORMING: &str = "forming the answer";

/// Draws the noise, once, and forms the answer. Everything after the draw is post-processing. `one_row_each`: no
/// subject has more than one row, so that totals are what their groups add up to.
///
/// To be called on a thread that may wait for others.
pub(crate) fn release(
    prepared: &Prepared,
    exact: Vec<ExactGroups>,
    one_row_each: bool,
    session: &SessionState,
    groups_max: usize,
) -> Result<Answer, EngineError> {
    let reading = &prepared.reading;
    if prepared.as_drawn {
        return as_drawn(prepared, exact, session, groups_max);
    }
    let mut keys = Vec::new();
    let mut estimates = vec![Vec::new(); reading.estimates.len()];
    let mut derived = vec![Vec::new(); reading.derived.len()];
    let drawn = prepared.groupings.iter().zip(exact);
    let mut drawn = drawn
        .map(|(grouping, exact)| Noisy::draw(prepared, grouping, exact))
        .collect::<Result<Vec<_>, _>>()?;
    let all_fitted = match prepared.adding_up(one_row_each) {
        Some(chain) => fit_to_totals(chain, prepared, &mut drawn)?,
        None => false,
    };
    for noisy in &drawn {
        for (all, estimate) in estimates.iter_mut().zip(&reading.estimates) {
            all.extend(noisy.estimated(*estimate, CONFIDENCE)?);
        }
        for (all, derived) in derived.iter_mut().zip(&reading.derived) {
            all.extend(noisy.computed(derived)?);
        }
        keys.push(widened(&noisy.keys, noisy.grouping, &reading.key_types)?);
    }
    let groupings = keys.iter().zip(0..).flat_map(|(keys, place)| vec![place; keys.num_rows()]).collect();
    let keys = concat_batches(&keys[0].schema(), &keys).doing(FORMING)?;
    let released = released(&keys, groupings, &estimates)?;
    let after = reading.after.run(&released, reading.keys.len(), session);
    let (mut rows, computed) = Handle::current().block_on(after).doing(FORMING)?;
    let mut protection = prepared.protection();
    let totals = said(prepared, one_row_each, all_fitted);
    protection.extend(totals.map(|(_, said)| said.to_owned()));
    let withheld: Vec<Withheld> = drawn.iter().filter_map(Noisy::withheld).collect();
    protection.extend(withheld.iter().filter_map(withheld_said));
    if rows.len() > groups_max {
        rows.truncate(groups_max);
        protection.push(format!("Only the first {groups_max} groups are shown."));
    }
    let (keys, computed) = (written(keys.columns())?, written(&computed)?);
    let cell = |place: usize, row: usize, item: Item| match item {
        Item::Key(i) => Cell::Key(keys[i][row].clone()),
        Item::Estimate(i) => shown(estimates[i][row]),
        Item::Derived(i) => shown(derived[i][row]),
        Item::Computed(i) => Cell::Key(computed[i][place].clone()),
    };
    let cells = |(place, row): (usize, usize)| {
        reading.outputs.iter().map(|(_, item)| cell(place, row, *item)).collect()
    };
    Ok(Answer {
        columns: prepared.columns(),
        rows: rows.into_iter().enumerate().map(cells).collect(),
        loss: prepared.loss,
        confidence: CONFIDENCE,
        protection,
        totals: totals.map(|(fit, _)| fit),
        withheld,
        drawing: None,
    })
}

fn withheld_said(withheld: &Withheld) -> Option<String> {
    let Cell::Estimate { value, low, high } = withheld.subjects else { return None };
    Some(format!(
        "Groups by {} that are not shown hold about {value} subjects ({low} to {high}), each counted once for every such group.",
        withheld.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
    ))
}

/// Keys and computed values as they are shown, by column.
pub(super) fn written(arrays: &[ArrayRef]) -> Result<Vec<Vec<Option<String>>>, EngineError> {
    let options = FormatOptions::default();
    let mut columns = Vec::new();
    for array in arrays {
        let formatter = ArrayFormatter::try_new(array, &options).doing("writing the answer")?;
        let cell = |row| array.is_valid(row).then(|| formatter.value(row).to_string());
        columns.push((0..array.len()).map(cell).collect());
    }
    Ok(columns)
}

pub(super) fn shown(estimated: Estimated) -> Cell {
    match estimated {
        Some((value, low, high)) => Cell::Estimate { value, low, high },
        None => Cell::Unknown,
    }
}

/// The keys of one grouping among those of all; what it does not group by is NULL.
pub(super) fn widened(
    keys: &RecordBatch,
    grouping: &Grouping,
    types: &[DataType],
) -> Result<RecordBatch, EngineError> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (key, kind) in types.iter().enumerate() {
        let array = match grouping.keys.iter().position(|place| *place == key) {
            Some(place) => cast(keys.column(place), kind).doing(FORMING)?,
            None => new_null_array(kind, keys.num_rows()),
        };
        fields.push(Field::new(Item::Key(key).column(), kind.clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(keys.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).doing(FORMING)
}

/// The groups of one grouping, with what was drawn for each part.
pub(super) struct Noisy<'a> {
    prepared: &'a Prepared,
    grouping: &'a Grouping,
    pub(super) keys: RecordBatch,
    parts: Vec<Drawn>,
    /// Subjects in groups that are not shown, with the ends of the interval.
    withheld: Estimated,
}

/// Fits counts and sums of groups to the totals over them, where one is what the other adds up to. `true` where
/// that was all of them.
fn fit_to_totals(chain: &Chain, prepared: &Prepared, drawn: &mut [Noisy<'_>]) -> Result<bool, EngineError> {
    let reading = &prepared.reading;
    let mut all = true;
    // Counts come first, since they limit what is added up of values.
    let spread = |(_, part): &(usize, &Part)| matches!(part, Part::Spread(_));
    let parts = reading.parts.iter().enumerate();
    for (place, part) in parts.clone().filter(|part| !spread(part)).chain(parts.filter(spread)) {
        let counts = count_of(&reading.estimates, place).map_or_else(Vec::new, |count| {
            let counts = chain.groupings.iter().filter_map(|&grouping| match &drawn[grouping].parts[count] {
                Drawn::Fitted(fitted) => Some(fitted.iter().map(|fitted| fitted.value).collect()),
                Drawn::Numbers(_) | Drawn::Ranks(_) => None,
            });
            counts.collect()
        });
        let released = chain.groupings.iter().filter_map(|&grouping| match &drawn[grouping].parts[place] {
            Drawn::Numbers(numbers) => Some((numbers.clone(), drawn[grouping].grouping.price.scale(place))),
            Drawn::Fitted(_) | Drawn::Ranks(_) => None,
        });
        let counts = (&counts[..], prepared.policy.rows_per_group_max);
        match chain.fitted(part, released.collect(), counts)? {
            Some(levels) => {
                for (&grouping, fitted) in chain.groupings.iter().zip(levels) {
                    drawn[grouping].parts[place] = Drawn::Fitted(fitted);
                }
            }
            // Distinct values and quantiles do not add up, and nobody expects it of them.
            None => all &= matches!(part, Part::Distinct(_) | Part::Ranks(_)),
        }
    }
    Ok(all)
}

/// By group.
enum Drawn {
    Numbers(Vec<i64>),
    /// Numbers that add up to those of other groupings.
    Fitted(Vec<Fitted>),
    /// Noise is drawn as it is looked at, once.
    Ranks(RefCell<Vec<Ranks>>),
}

impl<'a> Noisy<'a> {
    pub(super) fn draw(
        prepared: &'a Prepared,
        grouping: &'a Grouping,
        exact: ExactGroups,
    ) -> Result<Self, EngineError> {
        let price = &grouping.price;
        let withheld = match price.withheld {
            Some(noise) => noise.release(&[exact.withheld]).doing(DRAWING)?.first().map(|&subjects| {
                let (subjects, width) = (subjects as f64, noise.half_width(CONFIDENCE) as f64);
                (subjects, subjects - width, subjects + width)
            }),
            None => None,
        };
        let mut parts = Vec::new();
        let mut totals = exact.totals.into_iter().enumerate();
        let (keys, places) = match &grouping.public {
            Some(public) => {
                let found = Groups::of(&exact.keys)?.places(&public.keys)?;
                let nobody = exact.subjects.is_empty();
                let found = found.into_iter().map(|place| place.filter(|_| !nobody)).collect();
                (public.keys.clone(), found)
            }
            None => {
                let shown =
                    exact.shown.ok_or_else(|| Fault::new(DRAWING, "private keys without a threshold"))?;
                parts.push(Drawn::Numbers(shown));
                totals.next();
                let places: Vec<_> = (0..exact.keys.num_rows()).map(Some).collect();
                (exact.keys, places)
            }
        };
        let offset = parts.len();
        for (place, totals) in totals {
            let noise = price.noise[place - offset];
            parts.push(match (totals, &prepared.reading.parts[place]) {
                (Totals::Numbers(exact), _) => {
                    let all: Vec<i64> =
                        places.iter().map(|place| place.map_or(0, |place| exact[place])).collect();
                    Drawn::Numbers(noise.release(&all).doing(DRAWING)?)
                }
                (Totals::Ranks(mut exact), Part::Ranks(value)) => {
                    let leaves = leaves_of(value)?;
                    let counts =
                        |place: Option<usize>| place.map_or_else(Vec::new, |place| take(&mut exact[place]));
                    let all = places.iter().copied().map(counts);
                    Drawn::Ranks(RefCell::new(all.map(|counts| Ranks::new(leaves, noise, counts)).collect()))
                }
                _ => return Err(Fault::new(DRAWING, "ranks where a number should be").into()),
            });
        }
        Ok(Self { prepared, grouping, keys, parts, withheld: at_least(0.0, withheld) })
    }

    /// What this grouping does not show.
    fn withheld(&self) -> Option<Withheld> {
        let (value, low, high) = self.withheld?;
        let keys =
            self.grouping.keys.iter().map(|&key| self.prepared.reading.key_names[key].clone()).collect();
        Some(Withheld { keys, subjects: Cell::Estimate { value, low, high } })
    }

    /// Numbers as they were drawn.
    pub(super) fn as_drawn(&self, part: usize) -> Result<&[i64], EngineError> {
        match &self.parts[part] {
            Drawn::Numbers(numbers) => Ok(numbers),
            Drawn::Fitted(_) | Drawn::Ranks(_) => {
                Err(Fault::new(FORMING, "something else where a number should be").into())
            }
        }
    }

    /// Numbers with the ends of their intervals, in the fixed point of their part.
    fn numbers(&self, part: usize, confidence: f64) -> Result<Vec<Triple>, EngineError> {
        let width = self.grouping.price.half_width(part, confidence);
        let around =
            |number: i64| (number as f64, number as f64 - width as f64, number as f64 + width as f64);
        match &self.parts[part] {
            Drawn::Numbers(numbers) => Ok(numbers.iter().copied().map(around).collect()),
            Drawn::Fitted(fitted) => Ok(fitted
                .iter()
                .map(|fitted| {
                    let (low, high) = fitted.interval(confidence, width);
                    (fitted.value as f64, low as f64, high as f64)
                })
                .collect()),
            Drawn::Ranks(_) => Err(Fault::new(FORMING, "ranks where a number should be").into()),
        }
    }

    fn value(&self, part: usize) -> Result<&Value, EngineError> {
        match &self.prepared.reading.parts[part] {
            Part::Total(value) | Part::Spread(value) | Part::Ranks(value) => Ok(value),
            _ => Err(Fault::new(FORMING, "a count where a value should be").into()),
        }
    }

    fn estimated(&self, estimate: Estimate, confidence: f64) -> Result<Vec<Estimated>, EngineError> {
        match estimate {
            Estimate::Count { part } => {
                let counts = self.numbers(part, confidence)?.into_iter();
                Ok(counts.map(|count| at_least(0.0, Some(count))).collect())
            }
            Estimate::Sum { part, count } => self.sums(part, count, confidence),
            Estimate::Average { spread, count } => self.averages(spread, count, confidence),
            Estimate::Variance { square, spread, count, sample, root } => {
                let each = share_of(confidence, 2);
                let value = self.value(spread)?;
                let counts = self.numbers(count, each)?.into_iter().map(Some);
                let variance = Variance { low: value.low, high: value.high, sample, root };
                let means = self.averages(spread, count, each)?.into_iter();
                let squares = self.averages(square, count, each)?;
                Ok(means
                    .zip(squares)
                    .zip(counts)
                    .map(|((mean, square), n)| variance.of(mean, square, n))
                    .collect())
            }
            Estimate::Quantile { ranks, fraction } => {
                let fixed = self.value(ranks)?.fixed()?;
                let unit = 10_f64.powi(fixed.decimals().into());
                let Drawn::Ranks(groups) = &self.parts[ranks] else {
                    return Err(Fault::new(FORMING, "a number where ranks should be").into());
                };
                let mut found = Vec::new();
                for ranks in groups.borrow_mut().iter_mut() {
                    let triple = ranks.quantile(fraction.0, confidence).doing(DRAWING)?;
                    found.push(triple.map(|(value, low, high)| (value / unit, low / unit, high / unit)));
                }
                Ok(found)
            }
        }
    }

    fn sums(
        &self,
        part: usize,
        count: Option<usize>,
        confidence: f64,
    ) -> Result<Vec<Estimated>, EngineError> {
        let fixed = self.value(part)?.fixed()?;
        let unit = 10_f64.powi(fixed.decimals().into());
        // A sum of what is never negative is not negative either.
        let least = if fixed.low() >= 0 { 0.0 } else { f64::NEG_INFINITY };
        let sums = match count {
            Some(count) => self.sums_of_spreads(part, count, confidence)?,
            None => self.numbers(part, confidence)?,
        };
        let in_units = |(sum, low, high): Triple| Some((sum / unit, low / unit, high / unit));
        Ok(sums.into_iter().map(|sum| at_least(least, in_units(sum))).collect())
    }

    /// Distances from the middle, and as many times the middle: the average times the count. As an average never leaves
    /// the bounds, this never leaves as many times them.
    fn sums_of_spreads(
        &self,
        spread: usize,
        count: usize,
        confidence: f64,
    ) -> Result<Vec<Triple>, EngineError> {
        let rows_max = self.prepared.policy.rows_per_group_max;
        let middle = Contribution::of_spread(self.value(spread)?, rows_max)?.middle;
        let is_fitted = [spread, count].iter().any(|part| matches!(self.parts[*part], Drawn::Fitted(_)));
        let width = self.grouping.price.half_width_of_sum(spread, middle, count, confidence);
        let middle = middle as f64;
        let fixed = self.value(spread)?.fixed()?;
        let sum = |(spread, count): (Triple, Triple)| {
            let exact = spread.0 + middle * count.0;
            // Of numbers that were fitted the intervals are known one by one. Both errors are independent and close
            // to normal, so half the widths are put together as deviations are.
            let ends = |(_, low, high): Triple| (f64::midpoint(low, high), (high - low) / 2.0);
            let (low, high) = match is_fitted {
                true => {
                    let (spread, count) = (ends(spread), ends(count));
                    let (centre, half) = (spread.0 + middle * count.0, spread.1.hypot(middle * count.1));
                    (centre - half, centre + half)
                }
                false => (exact - width, exact + width),
            };
            let rows = count.0.max(0.0);
            let value = exact.clamp(rows * fixed.low() as f64, rows * fixed.high() as f64);
            (value, low.min(value), high.max(value))
        };
        let counts = self.numbers(count, confidence)?;
        Ok(self.numbers(spread, confidence)?.into_iter().zip(counts).map(sum).collect())
    }

    fn averages(&self, spread: usize, count: usize, confidence: f64) -> Result<Vec<Estimated>, EngineError> {
        let average = Average::new(self.value(spread)?, self.prepared.policy.rows_per_group_max)?;
        let each = share_of(confidence, 2);
        let pairs = self.numbers(spread, each)?.into_iter().zip(self.numbers(count, each)?);
        Ok(pairs.map(|(spread, count)| average.of(spread, count)).collect())
    }

    /// What is computed from several estimates holds with the answer's confidence if each of them holds with more.
    fn computed(&self, derived: &Derived) -> Result<Vec<Estimated>, EngineError> {
        let places = derived.estimates();
        let each = confidence_of_each(places.len());
        let mut columns = BTreeMap::new();
        for place in places {
            columns.insert(place, self.estimated(self.prepared.reading.estimates[place], each)?);
        }
        let of_row = |row: usize| derived.of(&|place| columns.get(&place).and_then(|column| column[row]));
        Ok((0..self.keys.num_rows()).map(of_row).collect())
    }
}

/// What is known of a number beforehand, said of its estimate as well: at no cost, since the bounds are public.
pub(super) fn at_least(least: f64, estimated: Estimated) -> Estimated {
    estimated.map(|(value, low, high)| (value.max(least), low.max(least), high.max(least)))
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

    /// The interval covers every quotient of numbers within both intervals; so its confidence is at least that
    /// of both holding at once. An average never leaves the bounds of what is averaged.
    fn of(&self, (spread, least, most): Triple, (count, fewest, greatest): Triple) -> Estimated {
        if count <= 0.0 {
            return None;
        }
        let at =
            |spread: f64, count: f64| ((self.middle + spread / count) / self.unit).clamp(self.low, self.high);
        if fewest < 1.0 {
            return Some((at(spread, count), self.low, self.high));
        }
        let counts = [fewest, greatest];
        let low = counts.into_iter().map(|count| at(least, count)).fold(f64::INFINITY, f64::min);
        let high = counts.into_iter().map(|count| at(most, count)).fold(f64::NEG_INFINITY, f64::max);
        Some((at(spread, count), low, high))
    }
}

/// What has been released, as a table: the keys and the estimates by the names of their [`Item`]s, and the place of
/// the grouping that a row belongs to.
pub(super) fn released(
    keys: &RecordBatch,
    groupings: Vec<i64>,
    estimates: &[Vec<Estimated>],
) -> Result<RecordBatch, EngineError> {
    let mut fields: Vec<Field> = keys.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut arrays = keys.columns().to_vec();
    fields.push(Field::new(GROUPING, DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from(groupings)));
    for (i, column) in estimates.iter().enumerate() {
        fields.push(Field::new(Item::Estimate(i).column(), DataType::Float64, true));
        let values = column.iter().map(|estimated| estimated.map(|(value, ..)| value));
        arrays.push(Arc::new(values.collect::<Float64Array>()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(keys.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).doing(FORMING)
}
