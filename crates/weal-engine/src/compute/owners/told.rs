//! The answer over all owners, or what it would be.

use std::collections::{BTreeMap, BTreeSet};

use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Drawing, Loss, Preview};
use weal_domain::words::{count, list, number};
use weal_domain::{Refusal, RefusalKind};
use weal_privacy::combining::{Noise, half_width};

use super::super::derived::{Derived, Estimated};
use super::super::price::{CONFIDENCE, confidence_of_each};
use super::super::reading::Item;
use super::super::release::{FORMING, released, shown, written};
use super::combine::{Stood, estimated};
use super::split::{Split, Total};
use super::table::{Key, Table};
use crate::error::Doing;
use crate::{Engine, EngineError};

/// The column that says whose numbers stand in a row; the other where the question has one of that name.
const OWNERS: [&str; 2] = ["owners", "owners_of_row"];

/// What one owner answered.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// As it is shown.
    pub member: &'a str,
    pub answer: &'a Answer,
}

impl Engine {
    /// One answer from those of all owners, which are in the order of [`Split::parts`].
    ///
    /// Work for a processor: to be called on a thread that may wait for others.
    pub async fn combine(&self, split: &Split, heard: &[Heard<'_>]) -> Result<Answer, EngineError> {
        let sent: usize = heard.iter().map(|one| one.answer.rows.len()).sum();
        if sent > self.limits().groups_heard_max {
            return Err(too_many_groups(sent, self.limits().groups_heard_max).into());
        }
        let table = Table::of(split, heard)?;
        let rows: Vec<Row> = table.keys.iter().map(|key| Row::of(split, &table, key, heard)).collect();
        let keys = table.typed(&split.key_types)?;
        let columns = |of: fn(&Row) -> &Vec<Estimated>, count: usize| -> Vec<Vec<Estimated>> {
            (0..count).map(|at| rows.iter().map(|row| of(row)[at]).collect()).collect()
        };
        let estimates = columns(|row| &row.estimates, split.totals.len());
        let released = released(&keys, vec![0; rows.len()], &estimates)?;
        let after = split.above.after.run(&released, split.key_types.len(), &self.session()).await;
        let (mut places, computed) = after.doing(FORMING)?;
        let has_hidden = heard.iter().any(|one| is_hiding(one.answer.drawing.as_ref()));
        let lacks_some = rows.iter().any(|row| row.owners.len() < heard.len());
        let names_owners = !split.key_types.is_empty() && (has_hidden || lacks_some);
        let mut protection = split.protection(heard.iter().map(|one| one.member), names_owners);
        let groups_max = self.limits().groups_max;
        if places.len() > groups_max {
            places.truncate(groups_max);
            protection.push(format!("Only the first {groups_max} groups are shown."));
        }
        let computed = written(&computed)?;
        let cell = |place: usize, row: usize, item: Item| match item {
            Item::Key(at) => Cell::Key(table.keys[row][at].clone()),
            Item::Estimate(at) => shown(rows[row].estimates[at]),
            Item::Derived(at) => shown(rows[row].derived[at]),
            Item::Computed(at) => Cell::Key(computed[at][place].clone()),
        };
        let cells = |(place, row): (usize, usize)| {
            let asked = split.above.outputs.iter().map(|(_, item)| cell(place, row, *item));
            let owners = names_owners.then(|| Cell::Key(Some(rows[row].owners.join(", "))));
            asked.chain(owners).collect()
        };
        Ok(Answer {
            columns: split.columns(names_owners),
            rows: places.into_iter().enumerate().map(cells).collect(),
            loss: losses(heard.iter().map(|one| one.answer.loss)),
            confidence: CONFIDENCE,
            protection,
            totals: None,
            withheld: Vec::new(),
            drawing: None,
        })
    }
}

/// A group with its numbers over all owners.
struct Row {
    estimates: Vec<Estimated>,
    derived: Vec<Estimated>,
    /// Who shows it.
    owners: Vec<String>,
}

impl Row {
    fn of(split: &Split, table: &Table<'_>, key: &Key, heard: &[Heard<'_>]) -> Self {
        let stands = table.stands(key);
        let estimates = split.totals.iter().map(|total| estimated(*total, &stands, CONFIDENCE));
        let derived = split.above.derived.iter().map(|derived| {
            let each = confidence_of_each(derived.estimates().len());
            derived.of(&|place| estimated(split.totals[place], &stands, each))
        });
        let here = heard.iter().zip(&stands).filter(|(_, stand)| matches!(stand.stood, Stood::Here(_)));
        Self {
            estimates: estimates.collect(),
            derived: derived.collect(),
            owners: here.map(|(one, _)| one.member.to_owned()).collect(),
        }
    }
}

fn too_many_groups(sent: usize, most: usize) -> Refusal {
    let reason = format!(
        "The owners sent {} in all, and at most {} are put together.",
        count(sent as u64, "group", "groups"),
        number(most as u64)
    );
    Refusal::new(RefusalKind::TooLarge, "too-many-groups", reason)
        .remedy("Each owner was charged. Group by fewer or coarser keys, or ask fewer owners at once.")
}

fn is_hiding(drawing: Option<&Drawing>) -> bool {
    drawing.is_some_and(|drawing| drawing.threshold.is_some())
}

/// What somebody loses who is in the data of all.
fn losses(all: impl Iterator<Item = Loss>) -> Loss {
    all.fold(Loss::ZERO, Loss::saturating_add)
}

impl Split {
    /// What the answer would cost and how exact it would be, from the previews of all owners, which are in the order
    /// of [`Split::parts`] and come with the name of each.
    pub fn preview(&self, heard: &[(&str, &Preview)]) -> Result<Preview, Refusal> {
        let mut drawings = Vec::new();
        for (member, preview) in heard {
            let sound = preview.drawing.as_ref().filter(|drawing| drawing.numbers.len() == self.numbers);
            drawings.push(sound.ok_or_else(|| {
                Refusal::invalid(
                    "answer-not-as-drawn",
                    format!("{member} does not give its numbers as they are drawn."),
                )
                .remedy("Nothing was charged. Ask its operator which version they run.")
            })?);
        }
        let names_owners =
            !self.key_types.is_empty() && drawings.iter().any(|drawing| is_hiding(Some(drawing)));
        let mut half_widths = Vec::new();
        for (_, item) in &self.above.outputs {
            match item {
                Item::Key(_) | Item::Computed(_) => {}
                Item::Estimate(at) => half_widths.push(self.width(*at, &drawings, CONFIDENCE)),
                Item::Derived(at) => half_widths.push(self.width_of(&self.above.derived[*at], &drawings)),
            }
        }
        Ok(Preview {
            loss: losses(heard.iter().map(|(_, preview)| preview.loss)),
            cut: None,
            columns: self.columns(names_owners),
            half_widths,
            shown_from: heard.iter().filter_map(|(_, preview)| preview.shown_from).max(),
            explanation: self.protection(heard.iter().map(|(member, _)| *member), names_owners),
            advice: Vec::new(),
            releases: Vec::new(),
            drawing: None,
        })
    }

    /// Half the width of a total's interval where all owners show the group; `None` where it depends on the data.
    fn width(&self, place: usize, drawings: &[&Drawing], confidence: f64) -> Option<f64> {
        let (Total::Count { at } | Total::Sum { at }) = self.totals[place] else { return None };
        let noise = drawings.iter().map(|drawing| {
            let drawn = drawing.numbers[at];
            (1.0, Noise { scale: drawn.scale, unit: drawn.unit })
        });
        Some(half_width(noise, confidence))
    }

    fn width_of(&self, derived: &Derived, drawings: &[&Drawing]) -> Option<f64> {
        let each = confidence_of_each(derived.estimates().len());
        let weights: BTreeMap<usize, f64> = derived.weights()?;
        weights
            .into_iter()
            .map(|(place, weight)| Some(self.width(place, drawings, each)? * weight.abs()))
            .sum()
    }

    fn columns(&self, names_owners: bool) -> Vec<AnswerColumn> {
        let role = |item: Item| match item {
            Item::Key(_) => ColumnRole::Key,
            Item::Estimate(_) | Item::Derived(_) => ColumnRole::Estimate,
            Item::Computed(_) => ColumnRole::Computed,
        };
        let outputs = self.above.outputs.iter();
        let asked = outputs.map(|(name, item)| AnswerColumn { name: name.clone(), role: role(*item) });
        let owners = AnswerColumn { name: self.owners_column().to_owned(), role: ColumnRole::Computed };
        asked.chain(names_owners.then_some(owners)).collect()
    }

    fn owners_column(&self) -> &'static str {
        let taken: BTreeSet<&str> = self.above.outputs.iter().map(|(name, _)| name.as_str()).collect();
        OWNERS.into_iter().find(|name| !taken.contains(name)).unwrap_or(OWNERS[1])
    }

    fn protection<'a>(&self, members: impl Iterator<Item = &'a str>, names_owners: bool) -> Vec<String> {
        let members: Vec<String> = members.map(str::to_owned).collect();
        let mut said = vec![
            format!(
                "The totals of {} are added. Each owner adds noise of its own and pays from a budget of its own; each \
                 interval holds the true number of all their protected data in 95 of 100 cases.",
                list(&members, "and")
            ),
            "Somebody who is in the data of several of them counts at each, and what they lose adds up."
                .to_owned(),
        ];
        if names_owners {
            said.push(format!(
                "An owner does not show groups of too few subjects. The column `{}` says whose numbers stand in a \
                 row; its intervals reach as far as the others may have hidden.",
                self.owners_column()
            ));
        }
        said
    }
}
