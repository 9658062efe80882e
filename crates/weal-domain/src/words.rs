//! Dates, numbers and lists in words, the same on every page and in every refusal.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `31 December 2027`, in UTC.
#[must_use]
pub fn day(at: Timestamp) -> String {
    let date = at.to_zoned(TimeZone::UTC);
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    format!("{} {} {}", date.day(), MONTHS.get(month).copied().unwrap_or("?"), date.year())
}

/// `31 December 2027 at 10:15:07 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let date = at.to_zoned(TimeZone::UTC);
    format!("{} at {:02}:{:02}:{:02} UTC", day(at), date.hour(), date.minute(), date.second())
}

/// `280,005`.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 use`, `2 uses`.
#[must_use]
pub fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list<T: AsRef<str>>(items: &[T], last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}

/// Whether a text is one line of 1 to `chars_max` characters, none of them unseen.
#[must_use]
pub fn is_line(text: &str, chars_max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= chars_max && !text.chars().any(is_unseen)
}

/// Whether a text of several lines has at most `chars_max` characters, none of them unseen.
#[must_use]
pub fn is_prose(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(|letter| is_unseen(letter) && letter != '\n')
}

/// A control character, or one that is not seen and changes how its neighbours are read: with it, what is
/// shown is not what is written.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control()
        || turns
        || matches!(letter, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}')
}
