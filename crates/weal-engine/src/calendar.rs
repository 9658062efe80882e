//! Days and dates of the proleptic Gregorian calendar, in plain integers that cannot overflow here
//! (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*).

/// Days from 1970-01-01 to 0001-01-01 and to 9999-12-31, the dates that are taken in.
pub(crate) const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

/// Days since 1970-01-01 of a date (`days_from_civil`).
pub(crate) fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year and month of a day (`civil_from_days`).
pub(crate) fn month_of(days: i32) -> (i32, i32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i32::from(month <= 2), month)
}

pub(crate) fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
