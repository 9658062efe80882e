//! Numbers as they were drawn, where a question asks for them (`as_drawn`): to be added to those of other owners.
//!
//! A count that is held at 0 and above is nearer to the truth by itself, and too high on average; the sum of many
//! such counts would lie above every interval. So nothing is done with the numbers here: a mean comes as the sum of
//! distances from the middle of the bounds and the count of values, a variance with the sum of squares besides.
//! It is the same release at the same loss.

use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use tokio::runtime::Handle;
use weal_domain::Refusal;
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Drawing, Drawn, DrawnThreshold};

use super::exact::ExactGroups;
use super::measure::Value;
use super::prepare::{Grouping, Prepared};
use super::price::{CONFIDENCE, Contribution};
use super::reading::{Estimate, Item, Part};
use super::release::{FORMING, Noisy, released, widened, written};
use crate::error::Doing;
use crate::{EngineError, Fault};

/// One number of a drawn answer.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// A part by itself.
    Part(usize),
    /// Distances from the middle, and the middle as many times as there are values: the sum of these.
    Sum { spread: usize, count: usize },
}

impl Number {
    /// Those of an aggregate, in the order of their [`endings`].
    fn of(estimate: Estimate) -> Vec<Self> {
        match estimate {
            Estimate::Sum { part: spread, count: Some(count) } => vec![Number::Sum { spread, count }],
            other => other.parts().into_iter().map(Number::Part).collect(),
        }
    }
}

/// What the numbers of an aggregate are called after its name.
fn endings(estimate: Estimate) -> &'static [&'static str] {
    match estimate {
        Estimate::Count { .. } | Estimate::Sum { .. } => &[""],
        Estimate::Average { .. } => &["_spread", "_count"],
        Estimate::Variance { .. } => &["_squares", "_spread", "_count"],
        Estimate::Quantile { .. } => &[],
    }
}

impl Prepared {
    /// Only what can be added: keys and totals, in one grouping, with nothing done to them.
    pub(super) fn refuse_undrawn(&self) -> Result<(), Refusal> {
        let reading = &self.reading;
        let plain = |item: &Item| match item {
            Item::Key(_) => true,
            Item::Estimate(place) => !endings(reading.estimates[*place]).is_empty(),
            _ => false,
        };
        let untouched = reading.after.is_nothing() && self.groupings.len() == 1;
        if untouched && reading.outputs.iter().all(|(_, item)| plain(item)) {
            return Ok(());
        }
        let reason =
            "Numbers as they are drawn are COUNT, SUM, AVG, VAR and STDDEV by themselves, in one grouping.";
        Err(Refusal::invalid("not-as-drawn", reason)
            .remedy("Leave as_drawn out, or ask for these alone and compute with the answer."))
    }

    /// The estimates of the answer, each with its name, in their order.
    fn drawn_estimates(&self) -> impl Iterator<Item = (&str, Estimate)> {
        let outputs = self.reading.outputs.iter();
        outputs.filter_map(|(name, item)| match item {
            Item::Estimate(place) => Some((name.as_str(), self.reading.estimates[*place])),
            _ => None,
        })
    }

    fn drawn_numbers(&self) -> Vec<Number> {
        self.drawn_estimates().flat_map(|(_, estimate)| Number::of(estimate)).collect()
    }

    /// The one grouping there is.
    fn only_grouping(&self) -> Result<&Grouping, Refusal> {
        self.groupings
            .first()
            .ok_or_else(|| Refusal::invalid("no-grouping", "The question groups by nothing."))
    }

    pub(super) fn drawn_columns(&self) -> Vec<AnswerColumn> {
        let keys = self.reading.outputs.iter().filter(|(_, item)| matches!(item, Item::Key(_)));
        let keys = keys.map(|(name, _)| AnswerColumn { name: name.clone(), role: ColumnRole::Key });
        let numbers = self.drawn_estimates().flat_map(|(name, estimate)| {
            let called =
                |ending: &&str| AnswerColumn { name: format!("{name}{ending}"), role: ColumnRole::Estimate };
            endings(estimate).iter().map(called).collect::<Vec<_>>()
        });
        keys.chain(numbers).collect()
    }

    /// Half the width of each number's interval.
    pub(super) fn drawn_widths(&self) -> Result<Vec<Option<f64>>, Refusal> {
        let width = |number| Ok(Some(self.drawn_width(number)? * self.drawn(number)?.unit));
        self.drawn_numbers().into_iter().map(width).collect()
    }

    /// The same in the fixed point of the number.
    fn drawn_width(&self, number: Number) -> Result<f64, Refusal> {
        let price = &self.only_grouping()?.price;
        Ok(match number {
            Number::Part(part) => price.half_width(part, CONFIDENCE) as f64,
            Number::Sum { spread, count } => {
                price.half_width_of_sum(spread, self.middle_of(spread)?, count, CONFIDENCE)
            }
        })
    }

    /// What is subtracted from the values of a spread, in fixed point.
    fn middle_of(&self, spread: usize) -> Result<i64, Refusal> {
        match &self.reading.parts[spread] {
            Part::Spread(value) => {
                Ok(Contribution::of_spread(value, self.reading.policy.rows_per_group_max)?.middle)
            }
            _ => Ok(0),
        }
    }

    pub(super) fn drawing(&self) -> Result<Drawing, Refusal> {
        let threshold = self.only_grouping()?.price.threshold;
        Ok(Drawing {
            numbers: self.drawn_numbers().into_iter().map(|one| self.drawn(one)).collect::<Result<_, _>>()?,
            threshold: threshold.map(|threshold| DrawnThreshold {
                shown_from: threshold.threshold(),
                scale: threshold.scale(),
            }),
            groups_max: self.groups_max as u64,
        })
    }

    fn drawn(&self, number: Number) -> Result<Drawn, Refusal> {
        let price = &self.only_grouping()?.price;
        let rows_max = self.reading.policy.rows_per_group_max;
        let (part, scale) = match number {
            Number::Part(part) => (part, price.scale(part)),
            Number::Sum { spread, count } => {
                (spread, price.scale(spread).hypot(self.middle_of(spread)? as f64 * price.scale(count)))
            }
        };
        let counted = |most: u32| Drawn {
            scale,
            unit: 1.0,
            middle: 0.0,
            low: 0.0,
            high: 1.0,
            least: 0.0,
            most: most.into(),
        };
        let valued = |value: &Value, Contribution { middle, low, high }: Contribution| {
            let unit = 10_f64.powi(-i32::from(value.decimals));
            Drawn {
                scale: scale * unit,
                unit,
                middle: middle as f64 * unit,
                low: value.low,
                high: value.high,
                least: low as f64 * unit,
                most: high as f64 * unit,
            }
        };
        Ok(match &self.reading.parts[part] {
            Part::Spread(value) if matches!(number, Number::Sum { .. }) => {
                valued(value, Contribution::of_total(value, rows_max)?)
            }
            Part::Subjects | Part::Present(_) => counted(1),
            Part::Rows | Part::Values(_) | Part::Distinct(_) => counted(rows_max),
            Part::Total(value) => valued(value, Contribution::of_total(value, rows_max)?),
            Part::Spread(value) => valued(value, Contribution::of_spread(value, rows_max)?),
            Part::Ranks(_) => {
                return Err(Refusal::invalid("not-as-drawn", "Quantiles are not drawn as numbers."));
            }
        })
    }
}

/// Draws the noise, once, and writes the numbers down as they come.
pub(super) fn as_drawn(
    prepared: &Prepared,
    exact: Vec<ExactGroups>,
    session: &SessionState,
    groups_max: usize,
) -> Result<Answer, EngineError> {
    let Some((grouping, exact)) = prepared.groupings.first().zip(exact.into_iter().next()) else {
        return Err(Fault::new(FORMING, "no grouping").into());
    };
    let reading = &prepared.reading;
    let noisy = Noisy::draw(prepared, grouping, exact)?;
    let mut numbers = Vec::new();
    for number in prepared.drawn_numbers() {
        let (unit, width) = (prepared.drawn(number)?.unit, prepared.drawn_width(number)?);
        let cell = |drawn: f64| {
            let [value, low, high] = [0.0, -width, width].map(|apart| (drawn + apart) * unit);
            Cell::Estimate { value, low, high }
        };
        let drawn: Vec<f64> = match number {
            Number::Part(part) => noisy.as_drawn(part)?.iter().map(|&drawn| drawn as f64).collect(),
            Number::Sum { spread, count } => {
                let (middle, counts) = (prepared.middle_of(spread)? as f64, noisy.as_drawn(count)?);
                let pairs = noisy.as_drawn(spread)?.iter().zip(counts);
                pairs.map(|(&spread, &count)| spread as f64 + middle * count as f64).collect()
            }
        };
        numbers.push(drawn.into_iter().map(cell).collect::<Vec<_>>());
    }
    let keys: RecordBatch = widened(&noisy.keys, grouping, &reading.key_types)?;
    let released = released(&keys, vec![0; keys.num_rows()], &[])?;
    let rows = reading.after.run(&released, reading.keys.len(), session);
    let (mut rows, _) = Handle::current().block_on(rows).doing(FORMING)?;
    rows.truncate(groups_max);
    let keys = written(keys.columns())?;
    let shown: Vec<usize> = reading
        .outputs
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Key(place) => Some(*place),
            _ => None,
        })
        .collect();
    let cells = |row: usize| {
        let keys = shown.iter().map(|&key| Cell::Key(keys[key][row].clone()));
        keys.chain(numbers.iter().map(|column| column[row].clone())).collect()
    };
    Ok(Answer {
        columns: prepared.columns(),
        rows: rows.into_iter().map(cells).collect(),
        loss: prepared.loss,
        confidence: CONFIDENCE,
        protection: prepared.protection(),
        totals: None,
        withheld: Vec::new(),
        drawing: Some(prepared.drawing()?),
    })
}
