//! Dates in words, numbers with separators and units.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use weal_domain::Timestamp;
use weal_domain::compute::Loss;

use super::{Messages, fill};

const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 3_600;
const SECONDS_PER_DAY: i64 = 86_400;

impl Messages {
    /// `12,408`
    pub(crate) fn number(&self, n: u64) -> String {
        group(&n.to_string(), self.thousands)
    }

    /// `-1,204.50` with exactly `places` decimals.
    pub(crate) fn decimal(&self, value: f64, places: usize) -> String {
        if !value.is_finite() {
            return self.common.not_known.to_owned();
        }
        let text = format!("{:.places$}", value.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
        let sign = if value < 0.0 && !zero { "\u{2212}" } else { "" };
        let point = if fraction.is_empty() { "" } else { self.decimal_point };
        format!("{sign}{}{point}{fraction}", group(whole, self.thousands))
    }

    /// A privacy loss in units of rho: `0.05`, `0.0013`, `1.00`.
    pub(crate) fn loss(&self, loss: Loss) -> String {
        let (whole, nano) = (loss.rho_nano / 1_000_000_000, loss.rho_nano % 1_000_000_000);
        let digits = format!("{nano:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        format!("{}{}{}", self.number(whole), self.decimal_point, &digits[..kept])
    }

    /// `14.2 MB`, in powers of ten.
    pub(crate) fn size(&self, bytes: u64) -> String {
        const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
        let (mut value, mut unit) = (bytes as f64, 0);
        while value >= 1000.0 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        let places = usize::from(unit > 0 && value < 100.0);
        format!("{}\u{a0}{}", self.decimal(value, places), UNITS[unit])
    }

    /// `21 November 2026, 22:31 UTC`
    pub(crate) fn date_time(&self, at: Timestamp) -> String {
        self.when(self.date_time_form, at)
    }

    /// `21 November 2026`
    pub(crate) fn date(&self, at: Timestamp) -> String {
        self.when(self.date_form, at)
    }

    fn when(&self, form: &str, at: Timestamp) -> String {
        let utc = at.to_zoned(TimeZone::UTC);
        let month =
            usize::try_from(utc.month()).ok().and_then(|month| self.months.get(month.wrapping_sub(1)));
        fill(
            form,
            &[
                ("day", &utc.day().to_string()),
                ("month", month.copied().unwrap_or_default()),
                ("year", &utc.year().to_string()),
                ("hour", &format!("{:02}", utc.hour())),
                ("minute", &format!("{:02}", utc.minute())),
            ],
        )
    }

    /// The moment as an element: in words for people, in figures for machines.
    pub(crate) fn time(&self, at: Timestamp) -> Markup {
        html! { time datetime=(seconds(at)) { (self.date_time(at)) } }
    }

    pub(crate) fn day(&self, at: Timestamp) -> Markup {
        html! { time datetime=(seconds(at)) { (self.date(at)) } }
    }

    /// How long until `due`: "2 days left", "5 hours left", "overdue".
    pub(crate) fn left(&self, now: Timestamp, due: Timestamp) -> String {
        let seconds = due.as_second() - now.as_second();
        let words = &self.clock;
        if seconds < 0 {
            words.overdue.to_owned()
        } else if seconds >= 2 * SECONDS_PER_DAY {
            self.count(&words.days_left, whole(seconds / SECONDS_PER_DAY))
        } else if seconds >= SECONDS_PER_HOUR {
            self.count(&words.hours_left, whole(seconds / SECONDS_PER_HOUR))
        } else {
            self.count(&words.minutes_left, whole(seconds / SECONDS_PER_MINUTE))
        }
    }
}

fn whole(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

/// To the second: nobody reads a page's nanoseconds.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

fn group(digits: &str, separator: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}
