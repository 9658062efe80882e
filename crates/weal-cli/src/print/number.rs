//! Numbers, sizes and times as people read them.

use std::time::Duration;

use weal_domain::Timestamp;
use weal_domain::compute::Loss;
pub use weal_domain::words::number as thousands;

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// With thousands grouped and exactly `decimals` places.
#[must_use]
pub fn decimal(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let nothing = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !nothing { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", group(whole))
}

/// As many decimal places as an uncertainty of `half_width` makes meaningful: two figures of it.
#[must_use]
pub fn decimals_for(half_width: f64) -> usize {
    match half_width.abs() {
        width if width == 0.0 || width >= 10.0 => 0,
        width if width >= 1.0 => 1,
        width if width >= 0.1 => 2,
        _ => 3,
    }
}

/// Whole counts with whole intervals stay whole.
#[must_use]
pub fn places_of(value: f64, half_width: f64) -> usize {
    let whole = value.fract() == 0.0 && half_width.fract() == 0.0;
    if whole { 0 } else { decimals_for(half_width) }
}

/// An estimate and its interval: `1,234 ± 56`, or both ends where they do not lie evenly around it.
#[must_use]
pub fn interval(value: f64, low: f64, high: f64) -> String {
    let (below, above) = (value - low, high - value);
    let half = below.max(above);
    let places = places_of(value, half);
    if (below - above).abs() <= 0.1 * half {
        format!("{} ± {}", decimal(value, places), decimal(half, places))
    } else {
        format!("{} ({} to {})", decimal(value, places), decimal(low, places), decimal(high, places))
    }
}

#[must_use]
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if size < 1_000 {
        return format!("{size} B");
    }
    let mut left = size as f64 / 1_000.0;
    let mut unit = 0;
    while left >= 999.5 && unit + 1 < UNITS.len() {
        left /= 1_000.0;
        unit += 1;
    }
    let places = usize::from(left < 9.95);
    format!("{left:.places$} {}", UNITS[unit])
}

#[must_use]
pub fn duration(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{} µs", time.as_micros()),
        seconds if seconds < 0.9995 => format!("{} ms", (seconds * 1_000.0).round()),
        seconds if seconds < 99.95 => format!("{seconds:.1} s"),
        seconds => format!("{} min {} s", seconds as u64 / 60, seconds as u64 % 60),
    }
}

/// To the second, in UTC: `2026-05-01 12:33:05 UTC`.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.split(['.', 'Z']).next().unwrap_or(&text);
    format!("{} UTC", text.replace('T', " "))
}

/// A small number by its power of ten, with two figures at most: `1e-6`, `2.5e-9`.
#[must_use]
pub fn power(value: f64) -> String {
    format!("{value:.1e}").replace(".0e", "e")
}

/// A privacy loss: `ρ 0.05`, and `ρ 0.005, δ 1e-9` where a threshold was paid for.
#[must_use]
pub fn loss(loss: Loss) -> String {
    let rho = loss.rho_nano as f64 / 1e9;
    match loss.delta_femto {
        0 => format!("ρ {rho}"),
        femto => format!("ρ {rho}, δ {}", power(femto as f64 / 1e15)),
    }
}
