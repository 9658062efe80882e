//! Whole questions.

use super::Chance;
use super::expressions::{Both, condition, counted, key, number};
use super::tables::PLACES;

/// A question in our SQL, and what an oracle needs to compute its exact totals by itself.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub sql: String,
    /// Of the agreement, in our SQL and in DuckDB's; and of that about the second private table.
    pub row_filter: Option<Both>,
    pub second_filter: Option<Both>,
    /// In DuckDB's SQL: what stands after FROM, with `$TABLE` for the table and `$SECOND` for the second private one;
    /// WHERE; the keys.
    pub from: String,
    pub condition: String,
    pub keys: Vec<String>,
    /// The groupings, by places of keys.
    pub sets: Vec<Vec<usize>>,
    /// In the order of the question, each once.
    pub aggregates: Vec<Aggregate>,
}

/// One aggregate, as an oracle sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub kind: Kind,
    /// What is counted or summed, in DuckDB's SQL; rows where it is NULL do not count. `None` counts all.
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Count,
    Subjects,
    Sum,
    Average,
    Variance,
    /// Of subjects with a row where something holds.
    Present,
    Distinct,
    Quantile,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::Subjects => "subjects",
            Kind::Sum => "sum",
            Kind::Average => "avg",
            Kind::Variance => "var",
            Kind::Present => "present",
            Kind::Distinct => "distinct",
            Kind::Quantile => "quantile",
        }
    }
}

const KEYS_MAX: u64 = 3;
const AGGREGATES_MAX: u64 = 4;
/// Of an expression to sum: each level may double its bounds.
const DEPTH_MAX: u64 = 3;

/// A question about `owner.payroll`, joined now and then with `owner.second`, which has the same columns and people, and
/// with `owner.places`, which is about nobody; `first_key`, where there is one, is always a key.
pub(crate) fn question(chance: &mut Chance, first_key: Option<&str>) -> Asked {
    let mut keys: Vec<Both> = first_key.map(Both::same).into_iter().collect();
    for _ in 0..chance.below(KEYS_MAX + 1) {
        let key = key(chance);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut aggregates: Vec<(String, Aggregate)> = Vec::new();
    for _ in 0..=chance.below(AGGREGATES_MAX) {
        let next = aggregate(chance);
        if aggregates.iter().all(|(ours, _)| *ours != next.0) {
            aggregates.push(next);
        }
    }
    let depth = chance.below(3) as u32;
    let asked = (!chance.one_in(3)).then(|| condition(chance, depth));
    let row_filter = chance.one_in(4).then(|| condition(chance, 1));
    let second_filter = chance.one_in(4).then(|| condition(chance, 1));
    let Source { with, from } = source(chance, first_key);
    let selected =
        keys.iter().map(|key| key.ours.clone()).chain(aggregates.iter().map(|(ours, _)| ours.clone()));
    let mut selected: Vec<String> = selected.collect();
    let first = &aggregates[0].0;
    // What comes after the noise changes no exact total.
    match chance.below(8) {
        0 => selected.push(format!("{first} * 2 + 1")),
        1 => selected.push(format!("RANK() OVER (ORDER BY {first} DESC)")),
        2 => selected.push(format!("CASE WHEN {first} > 3 THEN 'many' ELSE 'few' END")),
        _ => {}
    }
    let mut sql = format!("{with}SELECT {} FROM {}", selected.join(", "), from.ours);
    if let Some(asked) = &asked {
        sql += &format!(" WHERE {}", asked.ours);
    }
    let sets = grouped(chance, &mut sql, &keys, first_key.is_none());
    if chance.one_in(4) {
        sql += &format!(" HAVING {first} > {}", chance.within(-3, 3));
    }
    if chance.one_in(4) {
        sql += &format!(" ORDER BY {} DESC LIMIT 3", keys.len() + 1);
    }
    Asked {
        sql,
        row_filter,
        second_filter,
        from: from.duck,
        condition: asked.map_or_else(|| "TRUE".to_owned(), |both| both.duck),
        keys: keys.into_iter().map(|key| key.duck).collect(),
        sets,
        aggregates: aggregates.into_iter().map(|(_, aggregate)| aggregate).collect(),
    }
}

/// Adds GROUP BY, now and then with several groupings.
fn grouped(chance: &mut Chance, sql: &mut String, keys: &[Both], several: bool) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..keys.len()).collect();
    if keys.is_empty() {
        return vec![all];
    }
    let names: Vec<&str> = keys.iter().map(|key| key.ours.as_str()).collect();
    let listed = names.join(", ");
    if !several || !chance.one_in(6) {
        *sql += &format!(" GROUP BY {listed}");
        return vec![all];
    }
    if chance.one_in(2) {
        *sql += &format!(" GROUP BY ROLLUP ({listed})");
        return (0..=keys.len()).rev().map(|kept| all[..kept].to_vec()).collect();
    }
    *sql += &format!(" GROUP BY GROUPING SETS (({}), ())", names.join("), ("));
    all.into_iter().map(|place| vec![place]).chain([Vec::new()]).collect()
}

/// What a question is about: the table, or steps over it that keep to a subject.
struct Source {
    /// Before SELECT.
    with: String,
    from: Both,
}

const COLUMNS: [&str; 7] = ["person", "region", "wage", "hours", "hired", "active", "grade"];

fn source(chance: &mut Chance, also: Option<&str>) -> Source {
    let also = also.filter(|name| !COLUMNS.contains(name));
    let columns: Vec<&str> = COLUMNS.into_iter().chain(also).collect();
    let (listed, of_p) =
        (columns.join(", "), columns.iter().map(|name| format!("p.{name}")).collect::<Vec<_>>());
    let (one, other) = (condition(chance, 1), condition(chance, 1));
    let (inner, name) = match chance.below(22) {
        0 | 1 => (Both::woven(&format!("SELECT {listed} FROM $T WHERE $0"), &[&one]), "kept"),
        2 => {
            let both = format!("SELECT {listed} FROM $T WHERE $0 UNION ALL SELECT {listed} FROM $T WHERE $1");
            (Both::woven(&both, &[&one, &other]), "apart")
        }
        3 => {
            let among = format!("SELECT {listed} FROM $T WHERE person IN (SELECT person FROM $T WHERE $0)");
            (Both::woven(&among, &[&one]), "among")
        }
        4 => {
            let mapped = of_p.join(", ").replace("p.region", "m.climate AS region");
            let list = "(VALUES ('north', 'cold'), ('south', 'warm'), ('east', 'cold')) AS m(place, climate)";
            (Both::same(format!("SELECT {mapped} FROM $T AS p JOIN {list} ON p.region = m.place")), "mapped")
        }
        5 => {
            let paired = of_p.join(", ").replace("p.wage", "q.wage");
            let paired =
                format!("SELECT {paired} FROM $T AS p JOIN $T AS q ON p.person = q.person WHERE q.grade > 5");
            (Both::same(paired), "paired")
        }
        6 | 7 => {
            let kind = *chance.pick(&["", "LEFT "]);
            let paired = of_p.join(", ").replace("p.wage", "q.wage");
            let paired = format!(
                "SELECT {paired} FROM $T AS p {kind}JOIN $S AS q ON p.person = q.person AND q.grade > 3"
            );
            (Both::same(paired), "with_second")
        }
        8 => {
            let right = of_p.join(", ").replace("p.", "q.").replace("q.hours", "p.hours");
            let right = format!("SELECT {right} FROM $T AS p RIGHT JOIN $S AS q ON q.person = p.person");
            (Both::same(right), "of_second")
        }
        9 | 10 => {
            let not = *chance.pick(&["", "NOT "]);
            let listed = format!(
                "SELECT {listed} FROM $T WHERE person {not}IN (SELECT person FROM $S WHERE $0 AND person IS NOT NULL)"
            );
            (Both::woven(&listed, &[&one]), "among_second")
        }
        11 => {
            let both = format!("SELECT {listed} FROM $T WHERE $0 UNION ALL SELECT {listed} FROM $S WHERE $1");
            (Both::woven(&both, &[&one, &other]), "either")
        }
        12 | 13 => {
            let kind = *chance.pick(&["", "LEFT "]);
            let mapped = of_p.join(", ").replace("p.region", "m.climate AS region");
            let mapped = format!("SELECT {mapped} FROM $T AS p {kind}JOIN $P AS m ON p.region = m.place");
            (Both::same(mapped), "placed")
        }
        _ => return Source { with: String::new(), from: table(Both::same("$T")) },
    };
    let inner = table(inner);
    if chance.one_in(3) {
        let from = Both { ours: name.to_owned(), duck: format!("({}) AS {name}", inner.duck) };
        return Source { with: format!("WITH {name} AS ({}) ", inner.ours), from };
    }
    let as_table = |text: &str| format!("({text}) AS {name}");
    Source { with: String::new(), from: Both { ours: as_table(&inner.ours), duck: as_table(&inner.duck) } }
}

/// `$T` is the product with us, and whatever the oracle puts in its place there.
fn table(both: Both) -> Both {
    let ours = both.ours.replace("$T", "owner.payroll").replace("$S", "owner.second");
    let places: Vec<String> =
        PLACES.iter().map(|(place, climate)| format!("('{place}', '{climate}')")).collect();
    let values = format!("(SELECT * FROM (VALUES {}) AS v(place, climate))", places.join(", "));
    let duck = both.duck.replace("$T", "$TABLE").replace("$S", "$SECOND").replace("$P", &values);
    Both { ours: ours.replace("$P", "owner.places"), duck }
}

fn aggregate(chance: &mut Chance) -> (String, Aggregate) {
    let depth = chance.below(DEPTH_MAX + 1) as u32;
    let (call, kind, value) = match chance.below(14) {
        0 | 1 => ("COUNT(*)".to_owned(), Kind::Count, None),
        2 => {
            let counted = counted(chance);
            (format!("COUNT({})", counted.ours), Kind::Count, Some(counted.duck))
        }
        3 => return ("COUNT(DISTINCT person)".into(), Aggregate { kind: Kind::Subjects, value: None }),
        4 => {
            let when = condition(chance, 1);
            let call = format!("COUNT(DISTINCT person) FILTER (WHERE {})", when.ours);
            let value = Some(format!("CASE WHEN {} THEN person END", when.duck));
            return (call, Aggregate { kind: Kind::Present, value });
        }
        5 => {
            let counted = *chance.pick(&["region", "grade", "hours", "active"]);
            (format!("COUNT(DISTINCT {counted})"), Kind::Distinct, Some(counted.to_owned()))
        }
        6 | 7 => {
            let number = number(chance, depth.min(1)).both;
            let name = *chance.pick(&["VAR_POP", "VAR_SAMP", "STDDEV_POP", "STDDEV"]);
            (format!("{name}({})", number.ours), Kind::Variance, Some(number.duck))
        }
        8 | 9 => {
            let number = number(chance, depth.min(1)).both;
            let call = match chance.below(4) {
                0 => format!("MIN({})", number.ours),
                1 => format!("PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY {})", number.ours),
                2 => format!("MAX({})", number.ours),
                _ => format!("MEDIAN({})", number.ours),
            };
            (call, Kind::Quantile, Some(number.duck))
        }
        10..=12 => {
            let number = number(chance, depth).both;
            (format!("SUM({})", number.ours), Kind::Sum, Some(number.duck))
        }
        _ => {
            let number = number(chance, depth).both;
            (format!("AVG({})", number.ours), Kind::Average, Some(number.duck))
        }
    };
    if !chance.one_in(5) {
        return (call, Aggregate { kind, value });
    }
    let filter = condition(chance, 1);
    let kept = value.as_deref().unwrap_or("1");
    let value = Some(format!("CASE WHEN {} THEN {kept} END", filter.duck));
    (format!("{call} FILTER (WHERE {})", filter.ours), Aggregate { kind, value })
}
