//! Small tables: few people, few regions, values on both sides of the bounds that the owner declares.

use std::collections::BTreeMap;

use weal_domain::catalogue::{Bounds, PrivacyPolicy};

use super::Chance;

pub(crate) const WAGE: Bounds = Bounds { low: -50.0, high: 2000.0, decimals: 2 };
pub(crate) const HOURS: Bounds = Bounds { low: -10.0, high: 60.0, decimals: 0 };
pub(crate) const REGIONS: [&str; 5] = ["north", "south", "east", "west", "Far West"];
/// The product about nobody: places and what they are like, one of them twice.
pub(crate) const PLACES: [(&str, &str); 5] =
    [("north", "cold"), ("south", "warm"), ("east", "cold"), ("east", "dry"), ("elsewhere", "wet")];
pub(crate) const HEADER: &str = "person,region,wage,Hours,hired,active,grade\n";

/// One row, as it stands in a CSV file; empty is NULL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Row {
    pub person: String,
    pub region: String,
    pub wage: String,
    pub hours: String,
    pub hired: String,
    pub active: String,
    pub grade: String,
}

impl Row {
    pub(crate) fn line(&self) -> String {
        let Row { person, region, wage, hours, hired, active, grade } = self;
        format!("{person},{region},{wage},{hours},{hired},{active},{grade}\n")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub rows: Vec<Row>,
    pub policy: PrivacyPolicy,
}

impl Table {
    /// `rows` rows of `people`. Where `choosing`, people are in more groups than they may influence.
    pub(crate) fn of(
        chance: &mut Chance,
        (rows, people): (u64, u64),
        choosing: bool,
        like: PrivacyPolicy,
    ) -> Self {
        let mut all = Vec::new();
        for _ in 0..rows {
            let person = if chance.one_in(12) { String::new() } else { format!("p{}", chance.below(people)) };
            all.push(Row { person, ..row(chance) });
        }
        // Every column has a value somewhere, and so a type.
        all.push(whole(chance));
        let groups_per_subject_max = if choosing { 1 + chance.below(3) as u32 } else { 500 };
        let rows_per_group_max = 1 + chance.below(4) as u32;
        let rows_per_subject_max = (choosing && chance.one_in(2)).then(|| 1 + chance.below(4) as u32);
        let bounds = BTreeMap::from([("wage".to_owned(), WAGE), ("Hours".to_owned(), HOURS)]);
        let mut public_keys = BTreeMap::new();
        if chance.one_in(3) {
            public_keys.insert("region".to_owned(), vec!["north".into(), "south".into(), "nowhere".into()]);
        }
        let group_size_min = if chance.one_in(4) { 2 } else { 1 };
        let policy = PrivacyPolicy {
            groups_per_subject_max,
            rows_per_group_max,
            rows_per_subject_max,
            bounds,
            public_keys,
            group_size_min,
            ..like
        };
        Self { rows: all, policy }
    }

    /// As [`Table::of`], with no two rows of one person.
    pub(crate) fn of_keys(chance: &mut Chance, rows: u64, like: PrivacyPolicy) -> Self {
        let mut table = Self::of(chance, (rows, 1), false, like);
        for (number, row) in table.rows.iter_mut().enumerate() {
            row.person = format!("p{number}");
        }
        table
    }

    /// Another table about some of the same people and others, under limits of its own, with the same public keys.
    pub(crate) fn second(chance: &mut Chance, first: &Table, rows: u64) -> Self {
        let mut table = Self::of(chance, (rows, 1), false, first.policy.clone());
        for row in &mut table.rows {
            if chance.one_in(3) {
                row.person = format!("p{}", chance.below(40));
            } else {
                row.person.clone_from(&chance.pick(&first.rows).person);
            }
        }
        table.policy.public_keys.clone_from(&first.policy.public_keys);
        table
    }

    pub(crate) fn csv(&self) -> String {
        self.rows.iter().fold(HEADER.to_owned(), |text, row| text + &row.line())
    }
}

fn maybe(chance: &mut Chance, value: String) -> String {
    if chance.one_in(6) { String::new() } else { value }
}

fn whole(chance: &mut Chance) -> Row {
    // Mostly within the bounds, now and then far outside.
    let cents =
        if chance.one_in(10) { chance.within(-1_000_000, 1_000_000) } else { chance.within(-9_000, 250_000) };
    let hours = if chance.one_in(20) { chance.within(-100_000, 100_000) } else { chance.within(-15, 70) };
    let (year, month, day) = (chance.within(2015, 2026), chance.within(1, 12), chance.within(1, 28));
    let sign = if cents < 0 { "-" } else { "" };
    Row {
        person: "whole".into(),
        region: (*chance.pick(&REGIONS)).into(),
        wage: format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100),
        hours: hours.to_string(),
        hired: format!("{year}-{month:02}-{day:02}"),
        active: if chance.one_in(2) { "true" } else { "false" }.into(),
        grade: chance.within(1, 9).to_string(),
    }
}

/// A row of nobody in particular, with values missing here and there.
pub(crate) fn row(chance: &mut Chance) -> Row {
    let Row { person, region, wage, hours, hired, active, grade } = whole(chance);
    Row {
        person,
        region: maybe(chance, region),
        wage: maybe(chance, wage),
        hours: maybe(chance, hours),
        hired: maybe(chance, hired),
        active: maybe(chance, active),
        grade,
    }
}
