//! Bars with interval whiskers, drawn on the server.
//!
//! The drawing has no view box: lengths along it are percentages and everything else is in pixels, so
//! text keeps its size and bars keep the page's width on a phone and on a wide screen alike.

use maud::{Markup, html};
use weal_domain::compute::{Answer, Cell, ColumnRole};

use super::clip;
use crate::messages::{Messages, fill};

/// Bars in one chart; the table beneath has all rows.
pub(crate) const BARS_MAX: usize = 24;
/// Charts of one answer: one per estimate.
pub(crate) const CHARTS_MAX: usize = 3;
const LABEL_CHARS_MAX: usize = 34;
const ROW_PX: usize = 44;
const AXIS_PX: usize = 32;

/// One estimate of one group.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// `(low, value, high)`; `None` where nothing could be said.
    pub(crate) estimate: Option<(f64, f64, f64)>,
}

#[derive(Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) unit: Option<&'a str>,
    pub(crate) source: &'a str,
    pub(crate) decimals: usize,
    pub(crate) bars: Vec<Bar>,
    /// Rows of the answer that have no bar here.
    pub(crate) more: usize,
}

/// The rows that are compared: a bar of a total would make those of its groups short.
pub(crate) fn compared(answer: &Answer) -> impl Iterator<Item = &Vec<Cell>> {
    answer.rows.iter().filter(|row| !answer.is_total(row))
}

/// The bars of one estimate column.
pub(crate) fn bars_of(m: &Messages, answer: &Answer, column: usize) -> Vec<Bar> {
    compared(answer)
        .take(BARS_MAX)
        .map(|row| Bar { label: label(m, answer, row), estimate: estimate(row, column) })
        .collect()
}

fn label(m: &Messages, answer: &Answer, row: &[Cell]) -> String {
    let keys: Vec<&str> = row
        .iter()
        .zip(&answer.columns)
        .filter(|(_, column)| column.role == ColumnRole::Key)
        .map(|(cell, _)| match cell {
            Cell::Key(Some(key)) => key.as_str(),
            _ => m.answer.no_key,
        })
        .collect();
    if keys.is_empty() { m.answer.all.to_owned() } else { keys.join(", ") }
}

fn estimate(row: &[Cell], column: usize) -> Option<(f64, f64, f64)> {
    match row.get(column) {
        Some(&Cell::Estimate { value, low, high })
            if value.is_finite() && low.is_finite() && high.is_finite() =>
        {
            Some((low, value, high))
        }
        _ => None,
    }
}

impl Chart<'_> {
    pub(crate) fn render(&self, m: &Messages) -> Markup {
        let scale = Scale::over(&self.bars);
        let ticks = scale.ticks();
        let height = self.bars.len() * ROW_PX + AXIS_PX;
        let words = &m.answer;
        html! {
            figure.chart {
                figcaption {
                    h3 id={ (self.id) "-title" } { (self.title) }
                    p.hint { (self.reading(m)) }
                }
                svg width="100%" height=(height) role="img" focusable="false"
                    aria-labelledby={ (self.id) "-title " (self.id) "-says" } {
                    desc id={ (self.id) "-says" } { (words.chart_says) }
                    @for tick in &ticks { (self.tick(m, &scale, *tick, height)) }
                    @for (at, bar) in self.bars.iter().enumerate() { (self.bar(m, &scale, bar, at * ROW_PX)) }
                }
                p.source {
                    @if self.more > 0 { (m.count(&words.chart_more, self.more as u64)) " " }
                    (self.source)
                }
            }
        }
    }

    fn reading(&self, m: &Messages) -> String {
        match self.unit {
            Some(unit) => fill(m.answer.chart_unit, &[("unit", unit)]),
            None => m.answer.chart_reading.to_owned(),
        }
    }

    fn tick(&self, m: &Messages, scale: &Scale, at: f64, height: usize) -> Markup {
        let x = scale.x(at);
        let bottom = height - AXIS_PX;
        // The first and the last label would be cut in half at the edges of the drawing.
        let anchor = if x < 4.0 {
            "start"
        } else if x > 96.0 {
            "end"
        } else {
            "middle"
        };
        html! {
            line.grid.zero[at == 0.0] x1=(percent(x)) x2=(percent(x)) y1="0" y2=(bottom + 4) {}
            text.axis x=(percent(x)) y=(bottom + 22) text-anchor=(anchor) {
                (m.decimal(at, scale.decimals(self.decimals)))
            }
        }
    }

    fn bar(&self, m: &Messages, scale: &Scale, bar: &Bar, top: usize) -> Markup {
        html! {
            text.label x="0" y=(top + 17) { (clip(&bar.label, LABEL_CHARS_MAX)) }
            @match bar.estimate {
                None => text.value x="100%" y=(top + 17) text-anchor="end" { (m.answer.unknown) },
                Some((low, value, high)) => {
                    @let (zero, at) = (scale.x(0.0), scale.x(value));
                    text.value x="100%" y=(top + 17) text-anchor="end" { (m.decimal(value, self.decimals)) }
                    @let (from, width) = (percent(zero.min(at)), percent((at - zero).abs()));
                    rect.estimate x=(from) y=(top + 25) width=(width) height="14" {}
                    line.whisker x1=(percent(scale.x(low))) x2=(percent(scale.x(high))) y1=(top + 32) y2=(top + 32) {}
                    @for end in [low, high].map(|end| percent(scale.x(end))) {
                        line.whisker x1=(end) x2=(end) y1=(top + 27) y2=(top + 37) {}
                    }
                }
            }
        }
    }
}

/// From values to percentages of the drawing's width. Zero is always on it.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    const TICKS_WANTED: f64 = 4.0;

    fn over(bars: &[Bar]) -> Self {
        let (mut low, mut high) = (0.0_f64, 0.0_f64);
        for (bar_low, value, bar_high) in bars.iter().filter_map(|bar| bar.estimate) {
            low = low.min(bar_low).min(value);
            high = high.max(bar_high).max(value);
        }
        let span = high - low;
        if !span.is_normal() {
            return Self { low: 0.0, high: 1.0, step: 1.0 };
        }
        let rough = span / Self::TICKS_WANTED;
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// 0 to 100.
    fn x(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low) * 100.0).clamp(0.0, 100.0)
    }

    fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 20.0) as u32;
        (0..=count)
            .map(|n| self.low + f64::from(n) * self.step)
            .map(|at| if at.abs() < self.step / 1e6 { 0.0 } else { at })
            .collect()
    }

    /// Whole steps need no decimals, whatever the values have.
    fn decimals(&self, of_values: usize) -> usize {
        if self.step.fract() == 0.0 { 0 } else { of_values.max(1) }
    }
}

fn percent(x: f64) -> String {
    format!("{x:.2}%")
}
