//! Whole questions.

use super::Chance;
use super::expressions::{Both, condition, counted, key, number};

/// A question in our SQL, and what an oracle needs to compute its exact totals by itself.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub sql: String,
    /// Of the agreement.
    pub row_filter: Option<String>,
    /// In DuckDB's SQL: WHERE and row filter together, and the keys.
    pub condition: String,
    pub keys: Vec<String>,
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
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::Subjects => "subjects",
            Kind::Sum => "sum",
            Kind::Average => "avg",
        }
    }
}

const KEYS_MAX: u64 = 3;
const AGGREGATES_MAX: u64 = 4;
/// Of an expression to sum: each level may double its bounds.
const DEPTH_MAX: u64 = 3;

/// A question about `owner.payroll`; `first_key`, where there is one, is always a key.
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
    let mut conditions = Vec::new();
    let depth = chance.below(3) as u32;
    let asked = (!chance.one_in(3)).then(|| condition(chance, depth));
    let row_filter = chance.one_in(4).then(|| condition(chance, 1));
    conditions.extend(asked.iter().chain(&row_filter).map(|both| format!("({})", both.duck)));
    let selected = keys.iter().map(|key| &key.ours).chain(aggregates.iter().map(|(ours, _)| ours));
    let mut sql =
        format!("SELECT {} FROM owner.payroll", selected.map(String::as_str).collect::<Vec<_>>().join(", "));
    if let Some(asked) = &asked {
        sql += &format!(" WHERE {}", asked.ours);
    }
    if !keys.is_empty() {
        let listed: Vec<&str> = keys.iter().map(|key| key.ours.as_str()).collect();
        sql += &format!(" GROUP BY {}", listed.join(", "));
    }
    // What comes after the noise changes no exact total.
    if chance.one_in(4) {
        sql += &format!(" HAVING {} > {}", aggregates[0].0, chance.within(-3, 3));
    }
    if chance.one_in(4) {
        sql += &format!(" ORDER BY {} DESC LIMIT 3", keys.len() + 1);
    }
    Asked {
        sql,
        row_filter: row_filter.map(|both| both.ours),
        condition: if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") },
        keys: keys.into_iter().map(|key| key.duck).collect(),
        aggregates: aggregates.into_iter().map(|(_, aggregate)| aggregate).collect(),
    }
}

fn aggregate(chance: &mut Chance) -> (String, Aggregate) {
    let depth = chance.below(DEPTH_MAX + 1) as u32;
    let (call, kind, value) = match chance.below(9) {
        0 | 1 => ("COUNT(*)".to_owned(), Kind::Count, None),
        2 => {
            let counted = counted(chance);
            (format!("COUNT({})", counted.ours), Kind::Count, Some(counted.duck))
        }
        3 => return ("COUNT(DISTINCT person)".into(), Aggregate { kind: Kind::Subjects, value: None }),
        4..=6 => {
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
