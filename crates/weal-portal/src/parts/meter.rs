//! A privacy budget: spent, reserved, left, and what the rest would buy.

use maud::{Markup, html};
use weal_domain::compute::Loss;

use super::state::tag;
use crate::messages::{Messages, fill};
use crate::view::{BudgetChange, Meter, Tone};

/// What is left of the granted loss, in nano-rho.
fn left_nano(meter: &Meter) -> u64 {
    meter.granted.rho_nano.saturating_sub(meter.spent.rho_nano).saturating_sub(meter.reserved.rho_nano)
}

/// What may be spent at a time, and what of it is spent.
fn limit_nano(meter: &Meter) -> u64 {
    meter.granted.rho_nano.saturating_sub(meter.renewed.rho_nano)
}
fn counted_nano(meter: &Meter) -> u64 {
    meter.spent.rho_nano.saturating_sub(meter.renewed.rho_nano)
}

/// Whether less than a tenth is left.
fn is_low(meter: &Meter) -> bool {
    left_nano(meter) < limit_nano(meter) / 10
}

pub(crate) fn meter(m: &Messages, meter: &Meter) -> Markup {
    let reserved = meter.reserved.rho_nano;
    html! {
        div.meter {
            (bar(limit_nano(meter), counted_nano(meter), reserved))
            dl.meter-figures {
                div.spent { dt { (m.meter.spent) } dd { (m.loss(meter.spent)) } }
                @if meter.renewed.rho_nano > 0 {
                    div.spent { dt { (m.meter.renewed) } dd { (m.loss(meter.renewed)) } }
                }
                @if reserved > 0 { div.reserved { dt { (m.meter.reserved) } dd { (m.loss(meter.reserved)) } } }
                div.left { dt { (m.meter.left) } dd { (left_of(m, m.meter.left_of, meter)) } }
            }
            @if is_low(meter) { p { (tag(Tone::Attention, m.meter.low)) } }
            p.hint {
                (rest(m, meter))
                @if let Some(half) = meter.half_width {
                    " " (fill(m.meter.such_question, &[("half", &m.number(half))]))
                }
            }
        }
    }
}

/// In one line, for lists: "0.65 of 1.00 left".
pub(crate) fn short(m: &Messages, meter: &Meter) -> Markup {
    html! {
        div.meter.short {
            (bar(limit_nano(meter), counted_nano(meter), meter.reserved.rho_nano))
            p { (left_of(m, m.meter.short, meter)) }
        }
    }
}

/// Before and after one question.
pub(crate) fn change(m: &Messages, change: &BudgetChange) -> Markup {
    html! {
        div.two {
            div { h4 { (m.meter.before) } (meter(m, &change.before)) }
            div { h4 { (m.meter.after) } (meter(m, &change.after)) }
        }
    }
}

fn left_of(m: &Messages, text: &str, meter: &Meter) -> String {
    let left = Loss { rho_nano: left_nano(meter), delta_femto: 0 };
    let granted = Loss { rho_nano: limit_nano(meter), delta_femto: 0 };
    fill(text, &[("left", &m.loss(left)), ("granted", &m.loss(granted))])
}

fn rest(m: &Messages, meter: &Meter) -> String {
    match meter.questions_left() {
        None => m.meter.unit.to_owned(),
        Some(0) => m.meter.none_left.to_owned(),
        Some(n) => m.count(&m.meter.would_buy, n),
    }
}

/// The bar itself says nothing that the figures beside it do not say.
fn bar(granted: u64, spent: u64, reserved: u64) -> Markup {
    let share = |part: u64| {
        let parts = u128::from(part) * 10_000;
        let ten_thousandths = parts.checked_div(u128::from(granted)).unwrap_or(10_000).min(10_000);
        ten_thousandths as f64 / 100.0
    };
    let spent_at = share(spent);
    let reserved_at = share(spent.saturating_add(reserved)) - spent_at;
    html! {
        svg.meter-bar width="100%" height="16" aria-hidden="true" focusable="false" {
            rect.whole width="100%" height="16" {}
            rect.part-reserved x={ (spent_at) "%" } width={ (reserved_at) "%" } height="16" {}
            rect.part-spent width={ (spent_at) "%" } height="16" {}
        }
    }
}
