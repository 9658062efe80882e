//! Expressions in two languages. In a sum every column counts as at most its bounds, so there DuckDB's form clamps
//! it (`clamped` is a macro of the oracle); in conditions and keys columns are as they are.

use super::Chance;
use super::tables::{HOURS, REGIONS, WAGE};

/// The same expression in our SQL and in DuckDB's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Both {
    pub ours: String,
    pub duck: String,
}

impl Both {
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let ours = text.into();
        Self { duck: ours.clone(), ours }
    }

    /// A pattern over both, in which `$0`, `$1` ... stand for the parts.
    pub(crate) fn woven(pattern: &str, parts: &[&Both]) -> Self {
        woven(pattern, parts)
    }

    fn apart(ours: impl Into<String>, duck: impl Into<String>) -> Self {
        Self { ours: ours.into(), duck: duck.into() }
    }
}

/// `$0`, `$1` ... stand for the parts, in both languages.
fn woven(pattern: &str, parts: &[&Both]) -> Both {
    pair(pattern, pattern, parts)
}

fn pair(ours: &str, duck: &str, parts: &[&Both]) -> Both {
    let mut both = Both::apart(ours, duck);
    for (place, part) in parts.iter().enumerate() {
        let name = format!("${place}");
        both.ours = both.ours.replace(&name, &part.ours);
        both.duck = both.duck.replace(&name, &part.duck);
    }
    both
}

/// Something to sum, and whether it is made of whole numbers.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub both: Both,
    whole: bool,
}

fn literal(chance: &mut Chance) -> Number {
    if chance.one_in(2) {
        let text = chance.within(1, 9).to_string();
        return Number { both: Both::apart(&text, format!("{text}::DOUBLE")), whole: true };
    }
    let text = (*chance.pick(&["0.5", "1.25", "2.0", "0.1", "10.75"])).to_owned();
    Number { both: Both::apart(&text, format!("'{text}'::DOUBLE")), whole: false }
}

fn measured(chance: &mut Chance) -> Number {
    let (name, bounds, whole) = if chance.one_in(2) { ("wage", WAGE, false) } else { ("hours", HOURS, true) };
    let duck = format!("clamped({name}::DOUBLE, '{}'::DOUBLE, '{}'::DOUBLE)", bounds.low, bounds.high);
    Number { both: Both::apart(name, duck), whole }
}

/// A number over bounded columns, no deeper than `depth`.
pub(crate) fn number(chance: &mut Chance, depth: u32) -> Number {
    if depth == 0 {
        return if chance.one_in(8) { literal(chance) } else { measured(chance) };
    }
    let one = number(chance, depth - 1);
    match chance.below(16) {
        0..=2 => one,
        3 | 4 => {
            let other = number(chance, depth - 1);
            let sign = *chance.pick(&["($0 + $1)", "($0 - $1)"]);
            Number { both: woven(sign, &[&one.both, &other.both]), whole: one.whole && other.whole }
        }
        5 => {
            let factor = literal(chance);
            Number { both: woven("($0 * $1)", &[&one.both, &factor.both]), whole: one.whole && factor.whole }
        }
        6 => {
            let divisor = literal(chance);
            let whole = one.whole && divisor.whole;
            // Between whole numbers SQL divides without a remainder.
            let duck = if whole { "trunc($0 / $1)" } else { "($0 / $1)" };
            Number { both: pair("($0 / $1)", duck, &[&one.both, &divisor.both]), whole }
        }
        7 => Number { both: pair("(-$0)", "(0::DOUBLE - $0)", &[&one.both]), whole: one.whole },
        8 => Number { both: woven("abs($0)", &[&one.both]), whole: one.whole },
        9 => {
            let way = *chance.pick(&["round($0)", "floor($0)", "ceil($0)"]);
            Number { both: woven(way, &[&one.both]), whole: one.whole }
        }
        10 | 11 => {
            let (when, other) = (condition(chance, 1), number(chance, depth - 1));
            let both = woven("CASE WHEN $0 THEN $1 ELSE $2 END", &[&when, &one.both, &other.both]);
            Number { both, whole: one.whole && other.whole }
        }
        12 => {
            let when = condition(chance, 1);
            Number { both: woven("CASE WHEN $0 THEN $1 END", &[&when, &one.both]), whole: one.whole }
        }
        13 => {
            let other = number(chance, depth - 1);
            let way = *chance.pick(&["coalesce($0, $1)", "greatest($0, $1)", "least($0, $1)"]);
            Number { both: woven(way, &[&one.both, &other.both]), whole: one.whole && other.whole }
        }
        14 => Number {
            both: pair("CAST(active AS INTEGER)", "CAST(active AS INTEGER)::DOUBLE", &[]),
            whole: true,
        },
        _ => Number { both: pair("CAST($0 AS BIGINT)", "trunc($0)", &[&one.both]), whole: true },
    }
}

/// Something that is there or not, to be counted.
pub(crate) fn counted(chance: &mut Chance) -> Both {
    match chance.below(5) {
        0 => Both::same(*chance.pick(&["wage", "hours", "hired", "region", "active"])),
        1 => woven("CASE WHEN $0 THEN 1 END", &[&condition(chance, 1)]),
        2 => Both::same("nullif(region, 'north')"),
        3 => Both::same("nullif(hours, 10)"),
        _ => Both::same("coalesce(region, upper(region))"),
    }
}

fn plain_condition(chance: &mut Chance) -> Both {
    let comparison = *chance.pick(&["=", "<>", "<", "<=", ">", ">="]);
    let (few, many) = (chance.within(-5, 45), chance.within(0, 1500));
    let region = *chance.pick(&REGIONS);
    match chance.below(20) {
        0 | 1 => Both::same(format!("hours {comparison} {few}")),
        2 | 3 => {
            let wage = format!("{many}.{}", chance.below(10));
            Both::apart(format!("wage {comparison} {wage}"), format!("wage {comparison} '{wage}'::DOUBLE"))
        }
        4 => Both::same(format!("region {comparison} '{region}'")),
        5 => Both::same(format!("region IN ('{region}', 'east')")),
        6 => Both::same(format!("region NOT IN ('{region}', 'nowhere')")),
        7 => Both::same(*chance.pick(&[
            "region LIKE '%st'",
            "region LIKE '_o%'",
            "region NOT LIKE '%t%'",
            "region ILIKE 'FAR%'",
        ])),
        8 => Both::same(format!("hired {comparison} DATE '2020-06-15'")),
        9 => Both::same("active"),
        10 => Both::same(*chance.pick(&[
            "wage IS NULL",
            "hours IS NOT NULL",
            "region IS NULL",
            "active IS NOT TRUE",
            "active IS UNKNOWN",
        ]))
        .duckish(),
        11 => Both::same(format!("hours BETWEEN {few} AND {}", few + 20)),
        12 => Both::same(format!("date_part('year', hired) {comparison} 2020")),
        13 => Both::same(format!("hours % 3 = {}", chance.below(3))),
        14 => Both::same(format!("hours * 2 + grade {comparison} {few}")),
        15 => Both::apart(
            format!("character_length(region) {comparison} 4"),
            format!("length(region) {comparison} 4"),
        ),
        16 => Both::same("upper(left(region, 2)) = 'NO'"),
        17 => Both::same(format!(
            "starts_with(coalesce(region, 'none'), '{}')",
            chance.pick(&["n", "s", "none"])
        )),
        // Its right side takes in everything that follows, with us.
        18 => Both::same("(region IS DISTINCT FROM (CASE WHEN active THEN 'north' ELSE 'south' END))"),
        _ => Both::same("hours > wage"),
    }
}

impl Both {
    /// DuckDB has no UNKNOWN.
    fn duckish(mut self) -> Self {
        self.duck = self.duck.replace("IS UNKNOWN", "IS NULL");
        self
    }
}

/// A condition over one row, no deeper than `depth`.
pub(crate) fn condition(chance: &mut Chance, depth: u32) -> Both {
    if depth == 0 || chance.one_in(3) {
        return plain_condition(chance);
    }
    let one = condition(chance, depth - 1);
    match chance.below(4) {
        0 => woven("(NOT ($0))", &[&one]),
        1 => woven("($0 OR $1)", &[&one, &condition(chance, depth - 1)]),
        _ => woven("($0 AND $1)", &[&one, &condition(chance, depth - 1)]),
    }
}

/// A key to group by.
pub(crate) fn key(chance: &mut Chance) -> Both {
    match chance.below(15) {
        0..=3 => Both::same("region"),
        4 => Both::same("active"),
        5 => Both::same("grade"),
        6 => Both::same("CASE WHEN hours < 10 THEN 'few' WHEN hours < 35 THEN 'some' END"),
        7 => Both::same("date_part('year', hired)"),
        8 => Both::same("date_part('month', hired)"),
        9 => Both::same("upper(region)"),
        10 => Both::same("left(region, 1)"),
        11 => Both::same("coalesce(region, 'none')"),
        12 => Both::apart("grade / 3", "grade // 3"),
        13 => Both::same("grade % 4"),
        _ => woven("CASE WHEN $0 THEN 'yes' ELSE 'no' END", &[&condition(chance, 1)]),
    }
}
