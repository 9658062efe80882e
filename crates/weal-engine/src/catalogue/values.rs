//! What a text means: the kinds of values, guessed over all rows of a column and then read back.
//!
//! Strict on purpose. A postcode `01234`, a phone number `+49...`, `NaN` and a number of twenty digits stay
//! text: turning them into numbers would change them.

use weal_domain::catalogue::ColumnKind;

use crate::calendar::{days_from_civil, days_in_month};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// What has been seen of a column so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Guess {
    boolean: bool,
    integer: bool,
    float: bool,
    date: bool,
    timestamp: bool,
    text: bool,
}

impl Guess {
    /// Takes one more non-empty text into account.
    pub(crate) fn see(&mut self, text: &str) {
        if self.text {
            return;
        }
        match text.as_bytes()[0] {
            b'0'..=b'9' | b'-' | b'.' if integer(text).is_some() => self.integer = true,
            b'0'..=b'9' | b'-' | b'.' if float(text).is_some() => self.float = true,
            b'0'..=b'9' if date(text).is_some() => self.date = true,
            b'0'..=b'9' if timestamp(text).is_some() => self.timestamp = true,
            b't' | b'T' | b'f' | b'F' if boolean(text).is_some() => self.boolean = true,
            _ => self.text = true,
        }
    }
    /// A text, whatever it looks like.
    pub(crate) fn see_text(&mut self) {
        self.text = true;
    }
    pub(crate) fn see_boolean(&mut self) {
        self.boolean = true;
    }
    pub(crate) fn see_integer(&mut self) {
        self.integer = true;
    }
    pub(crate) fn see_float(&mut self) {
        self.float = true;
    }

    /// The narrowest kind that holds everything seen; text where nothing was.
    pub(crate) fn kind(self) -> ColumnKind {
        let numbers = self.integer || self.float;
        let times = self.date || self.timestamp;
        match (self.text, self.boolean, numbers, times) {
            (false, true, false, false) => ColumnKind::Boolean,
            (false, false, true, false) if self.float => ColumnKind::Float,
            (false, false, true, false) => ColumnKind::Integer,
            (false, false, false, true) if self.timestamp => ColumnKind::Timestamp,
            (false, false, false, true) => ColumnKind::Date,
            _ => ColumnKind::Text,
        }
    }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Digits with an optional minus, no leading zero, within 64 bits.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    if plain { text.parse().ok() } else { None }
}

/// A decimal number, perhaps with an exponent, that is finite; an integer is one too.
pub(crate) fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let start = matches!(
        digits,
        [b'0'] | [b'0', b'.' | b'e' | b'E', ..] | [b'1'..=b'9', ..] | [b'.', b'0'..=b'9', ..]
    );
    let plain = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    // Twenty digits without a point are somebody's number, not a quantity.
    let named = digits.len() > 18 && digits.iter().all(u8::is_ascii_digit);
    if start && plain && !named { text.parse().ok().filter(|x: &f64| x.is_finite()) } else { None }
}

/// `2026-01-31`, as days since 1970-01-01.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let valid = year >= 1 && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    valid.then(|| days_from_civil(year, month, day))
}

/// `2026-01-31T23:59:59.123456Z` and its like (a space for the `T`, an offset for the `Z`, neither, seconds
/// and fraction left out), as microseconds of UTC. A day alone is its first moment.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let days = i64::from(date(text.get(..10)?)?);
    let bytes = text.as_bytes();
    if bytes.len() == 10 {
        return Some(days * SECONDS_PER_DAY * MICROS_PER_SECOND);
    }
    if bytes.len() < 16 || !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&bytes[11..13])?, digits(&bytes[14..16])?);
    let (mut second, mut micros, mut rest) = (0, 0, &bytes[16..]);
    if let [b':', tens, ones, after @ ..] = rest {
        second = digits(&[*tens, *ones])?;
        rest = after;
        if let [b'.', after @ ..] = rest {
            let places = after.iter().take_while(|b| b.is_ascii_digit()).count();
            micros = fraction(&after[..places])?;
            rest = &after[places..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset_seconds(rest)?;
    let seconds = days * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second) - offset;
    Some(seconds * MICROS_PER_SECOND + micros)
}

fn offset_seconds(rest: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match rest {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), h, i, b':', m, n] | [sign @ (b'+' | b'-'), h, i, m, n] => {
            (*sign, digits(&[*h, *i])?, digits(&[*m, *n])?)
        }
        [sign @ (b'+' | b'-'), h, i] => (*sign, digits(&[*h, *i])?, 0),
        _ => return None,
    };
    let seconds = i64::from(hours * 3600 + minutes * 60);
    (hours <= 18 && minutes <= 59).then_some(if sign == b'-' { -seconds } else { seconds })
}

/// Up to nine places; what is finer than a microsecond is cut off.
fn fraction(places: &[u8]) -> Option<i64> {
    if places.is_empty() || places.len() > 9 {
        return None;
    }
    Some((0..6).fold(0, |micros, i| micros * 10 + places.get(i).map_or(0, |b| i64::from(b - b'0'))))
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0_i32, |n, b| b.is_ascii_digit().then(|| n * 10 + i32::from(b - b'0')))
}
