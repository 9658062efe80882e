//! Which setting to change for a sharper answer: the same question priced again with one thing changed.

use std::collections::BTreeSet;

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Advice, Change, Loss};
use weal_privacy::accounting::epsilon_of;

use super::measure::Value;
use super::prepare::{Prepared, QUOTED_DELTA};
use super::reading::{Estimate, Item, Part, Reading};

/// An interval must become narrower than this, of what it was, to be worth a sentence.
const WORTH_SAYING: f64 = 0.95;
/// Columns that one sentence tells of.
const COLUMNS_MAX: usize = 3;

/// An estimate of the question: its name, its place, and half the width of its interval where that is known.
struct Shown<'a> {
    name: &'a str,
    place: usize,
    half_width: Option<f64>,
}

impl Prepared {
    /// What would make the answer sharper, the strongest first within each kind of change.
    pub(crate) fn advice(&self) -> Vec<Advice> {
        let found = [self.with_more_loss(), self.with_fewer_groups(), self.asked_alone()];
        found.into_iter().flatten().chain(self.with_narrower_bounds()).collect()
    }

    fn with_more_loss(&self) -> Option<Advice> {
        let Loss { rho_nano, delta_femto } = self.policy.question_loss_max;
        if rho_nano <= self.loss.rho_nano {
            return None;
        }
        // Only thresholds need any.
        let delta_femto = if self.loss.delta_femto == 0 { 0 } else { delta_femto };
        let epsilon = epsilon_of(weal_privacy::Loss { rho_nano, delta_femto }, QUOTED_DELTA);
        let epsilon = epsilon.map_or_else(|_| String::new(), |epsilon| format!(" (epsilon {epsilon:.2})"));
        let what = format!("With the most loss that the owner allows for one question{epsilon}: ");
        let other = self.again(&self.policy, self.reading.clone(), Loss { rho_nano, delta_femto })?;
        self.compared(Change::Loss, &what, &other, "")
    }

    fn with_fewer_groups(&self) -> Option<Advice> {
        if self.policy.groups_per_subject_max == 1 || self.reading.keys.is_empty() {
            return None;
        }
        let policy = PrivacyPolicy { groups_per_subject_max: 1, ..self.policy.clone() };
        let other = self.again(&policy, self.reading.clone(), self.loss)?;
        let who = "; who is in more groups is then counted in one of them, drawn by lot";
        self.compared(Change::Groups, "With max_groups_contributed = 1: ", &other, who)
    }

    /// The loss is shared between all that is asked, so each would have it all in a question of its own.
    fn asked_alone(&self) -> Option<Advice> {
        let (mut said, mut half_widths) = (Vec::new(), Vec::new());
        for shown in self.shown() {
            let estimate = self.reading.estimates[shown.place];
            let mut kept: BTreeSet<usize> = estimate.parts().into_iter().collect();
            kept.extend(self.groupings.iter().any(|grouping| grouping.public.is_none()).then_some(0));
            let kept: Vec<usize> = kept.into_iter().collect();
            let now_at = |part: usize| kept.iter().position(|&kept| kept == part).unwrap_or(0);
            let reading = Reading {
                parts: kept.iter().map(|&part| self.reading.parts[part].clone()).collect(),
                estimates: vec![estimate.over(now_at)],
                derived: Vec::new(),
                outputs: vec![(shown.name.to_owned(), Item::Estimate(0))],
                ..self.reading.clone()
            };
            let other = self.again(&self.policy, reading, self.loss)?;
            let alone = other.half_widths().ok()?.first().copied().flatten();
            half_widths.push(alone);
            let noise = other.noise_of(estimate.over(now_at)) / self.noise_of(estimate);
            said.extend(gained(&shown, alone, noise));
        }
        said.truncate(COLUMNS_MAX);
        let said = format!("In a question of its own, at the same loss: {}.", said_of(said)?);
        Some(Advice { change: Change::Alone, column: None, said, half_widths })
    }

    fn with_narrower_bounds(&self) -> Vec<Advice> {
        let squares: BTreeSet<usize> = self.reading.estimates.iter().filter_map(square_of).collect();
        let mut columns = BTreeSet::new();
        for (_, part) in self.reading.parts.iter().enumerate().filter(|(place, _)| !squares.contains(place)) {
            columns.extend(column_of(part));
        }
        let advice = columns.into_iter().filter_map(|column| {
            let narrowed = self.reading.parts.iter().enumerate().map(|(place, part)| match column_of(part) {
                Some(found) if found == column && !squares.contains(&place) => halved(part),
                _ => part.clone(),
            });
            let reading = Reading { parts: narrowed.collect(), ..self.reading.clone() };
            let other = self.again(&self.policy, reading, self.loss)?;
            let called = self.reading.called.get(&column).cloned().unwrap_or(column);
            let what = format!("With bounds of `{called}` half as wide, which only the owner can change: ");
            let advice = self.compared(Change::Bounds, &what, &other, "")?;
            Some(Advice { column: Some(called), ..advice })
        });
        advice.collect()
    }

    /// Of numbers as they were drawn there are several for a column; they are added up elsewhere.
    fn shown(&self) -> Vec<Shown<'_>> {
        if self.as_drawn {
            return Vec::new();
        }
        let widths = self.half_widths().unwrap_or_default();
        let outputs =
            self.reading.outputs.iter().filter(|(_, item)| !matches!(item, Item::Key(_) | Item::Computed(_)));
        let shown = outputs.zip(widths).filter_map(|((name, item), half_width)| match item {
            Item::Estimate(place) => Some(Shown { name, place: *place, half_width }),
            _ => None,
        });
        shown.collect()
    }

    /// What the change does to each column, and to the size of groups that are shown.
    fn compared(&self, change: Change, what: &str, other: &Prepared, also: &str) -> Option<Advice> {
        let mut said = Vec::new();
        for (before, after) in self.shown().iter().zip(other.shown()) {
            let (was, is) = (self.reading.estimates[before.place], other.reading.estimates[after.place]);
            said.extend(gained(before, after.half_width, other.noise_of(is) / self.noise_of(was)));
        }
        said.truncate(COLUMNS_MAX);
        if let (Some(was), Some(is)) = (self.shown_from(), other.shown_from())
            && (is as f64) < WORTH_SAYING * was as f64
        {
            said.push(format!("groups are shown from about {is} subjects instead of {was}"));
        }
        let said = format!("{what}{}{also}.", said_of(said)?);
        Some(Advice { change, column: None, said, half_widths: other.half_widths().ok()? })
    }

    /// The standard deviation of what weighs most in an estimate, in the first grouping.
    fn noise_of(&self, estimate: Estimate) -> f64 {
        let part = estimate.parts()[0];
        self.groupings[0].price.scale(part)
    }
}

fn said_of(said: Vec<String>) -> Option<String> {
    (!said.is_empty()).then(|| said.join(", "))
}

/// What is gained for a column; `noise` of what was, where an interval depends on the data.
fn gained(before: &Shown<'_>, after: Option<f64>, noise: f64) -> Option<String> {
    let name = before.name;
    match (before.half_width, after) {
        (Some(was), Some(is)) if is < WORTH_SAYING * was => {
            Some(format!("`{name}` ± {} instead of ± {}", short(is), short(was)))
        }
        (None, None) if noise < WORTH_SAYING => {
            Some(format!("`{name}` with {:.0} % of the noise", noise * 100.0))
        }
        _ => None,
    }
}

/// Three digits are enough to compare.
fn short(width: f64) -> String {
    let text = match width {
        100.0.. => format!("{width:.0}"),
        1.0..100.0 => format!("{width:.1}"),
        _ => format!("{width:.3}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn square_of(estimate: &Estimate) -> Option<usize> {
    match estimate {
        Estimate::Variance { square, .. } => Some(*square),
        _ => None,
    }
}

/// The only column that a sum or a mean is of.
fn column_of(part: &Part) -> Option<String> {
    let (Part::Total(value) | Part::Spread(value)) = part else { return None };
    let columns = value.expr.column_refs();
    match (columns.len(), columns.into_iter().next()) {
        (1, Some(column)) => Some(column.name.clone()),
        _ => None,
    }
}

fn halved(part: &Part) -> Part {
    let half = |value: &Value, around: f64| Value {
        low: around + (value.low - around) / 2.0,
        high: around + (value.high - around) / 2.0,
        ..value.clone()
    };
    match part {
        Part::Total(value) => Part::Total(half(value, 0.0)),
        Part::Spread(value) => Part::Spread(half(value, f64::midpoint(value.low, value.high))),
        other => other.clone(),
    }
}
