//! Steps five and six: statistics with their truth beside them, and rows where no person is in them.
//!
//! What is checked of noisy numbers fails by chance less than once in 10⁶ runs, all checks together: one count of
//! misses (10⁻⁷), and 19 numbers that must lie within six deviations (4 * 10⁻⁹ each).

use std::time::Instant;

use weal_domain::catalogue::Mode;
use weal_domain::compute::{Answer, Cell, TotalsFit};
use weal_domain::words::count;
use weal_node::api::{Answered, Ask, BudgetShown};

use super::{Stage, agree, typed};
use crate::commands::{percent, rows_table, share_spent, statistics};
use crate::demo::country::{AGE_BANDS, REGIONS};
use crate::demo::truth::{Keys, Truth, coverage, estimates, is_near, keys_of, misses_max};
use crate::failure::{Failure, Result};
use crate::print::Table;
use crate::print::number::{decimal, duration, interval, loss, thousands};

const WAGES: &str = "SELECT region, age_band, COUNT(DISTINCT person_id) AS people, AVG(monthly_wage) AS average_wage, \
                     MEDIAN(monthly_wage) AS median_wage FROM revenue.payroll GROUP BY region, age_band";
const TOTALS: &str = "SELECT region, COUNT(DISTINCT person_id) AS people, AVG(monthly_wage) AS average_wage, \
                      GROUPING(region) AS total FROM revenue.payroll GROUP BY ROLLUP (region) \
                      ORDER BY GROUPING(region), region";
const BEST_PAID: &str = "SELECT region, AVG(monthly_wage) AS average_wage, COUNT(DISTINCT person_id) AS people \
                         FROM revenue.payroll GROUP BY region HAVING COUNT(DISTINCT person_id) > 100 \
                         ORDER BY average_wage DESC LIMIT 3";
const APPRENTICES: &str =
    "SELECT COUNT(DISTINCT person_id) AS apprentices FROM revenue.payroll WHERE contract = 'apprentice'";
const REFERENCE: &str = "SELECT region, capital, residents_16_to_74 FROM employment.regions";

/// Regions of which the table of answers is shown; the rest is summed up.
const REGIONS_SHOWN: usize = 2;
/// Regions that [`BEST_PAID`] may name, and the people that it wants there.
const BEST_PAID_MAX: usize = 3;
const BEST_PAID_PEOPLE: f64 = 100.0;

/// An answer, what it took and what was left.
struct Outcome {
    answer: Answer,
    before: BudgetShown,
    after: BudgetShown,
}

pub(super) async fn ask(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("They ask in SQL, and the payroll stays where it is");
    explain(stage).await?;
    typed(stage, &stage.agencies.education, &format!("weal ask \"{WAGES}\""));
    let wages = question(stage, WAGES).await?;
    let truth = stage.oracle.ask(WAGES, &stage.agencies.revenue, "payroll", 2).await?;
    tell_wages(stage, &wages.answer, &truth);
    typed(stage, &stage.agencies.education, &format!("weal ask \"{TOTALS}\""));
    let totals = question(stage, TOTALS).await?;
    let truth = stage.oracle.ask(TOTALS, &stage.agencies.revenue, "payroll", 1).await?;
    tell_totals(stage, &totals.answer, &truth);
    charged(stage, &wages, &totals);
    best_paid(stage).await?;
    ghosts(stage).await
}

/// What a question would cost, how exact it would be and what would make it sharper, before it is asked.
async fn explain(stage: &mut Stage) -> Result<()> {
    typed(stage, &stage.agencies.education, &format!("weal ask \"EXPLAIN PRIVACY {WAGES}\""));
    let sql = format!("EXPLAIN PRIVACY {WAGES}");
    let body = Ask { sql, preview: false, loss: None, format: None, agreement: None };
    let client = &stage.agencies.education.client;
    let answered: Answered = client.post("/questions", &body, "the preview").await?;
    let Answered::Preview { preview, .. } = answered else {
        return Err(Failure::failed("the preview was answered with data"));
    };
    let half =
        preview.half_widths.iter().flatten().next().map(|half| format!(", heads ± {}", decimal(*half, 0)));
    stage.narrator.say(&format!(
        "An explanation is free and reads no data: it would cost {}{}. For a sharper answer:",
        loss(preview.loss),
        half.unwrap_or_default()
    ));
    for advice in &preview.advice {
        stage.narrator.say(&format!("- {}", advice.said));
    }
    stage.narrator.check("it is said what would be sharper", !preview.advice.is_empty());
    stage.narrator.blank();
    Ok(())
}

/// Asks, and notes that a use was made.
async fn question(stage: &mut Stage, sql: &str) -> Result<Outcome> {
    let began = Instant::now();
    let answered = statistics(&stage.agencies.education.client, sql).await?;
    let took = began.elapsed();
    stage.uses += 1;
    let Answered::Statistics { answer, budget_before, budget_after, .. } = answered else {
        return Err(Failure::failed("a question under an agreement for statistics was answered with rows"));
    };
    stage.narrator.say(&format!(
        "Answered in {}: {} for {}; budget spent {} before, {} after.",
        duration(took),
        count(numbers_of(&answer), "number", "numbers"),
        loss(answer.loss),
        percent(share_spent(&budget_before)),
        percent(share_spent(&budget_after)),
    ));
    Ok(Outcome { answer, before: budget_before, after: budget_after })
}

fn numbers_of(answer: &Answer) -> u64 {
    answer.rows.iter().flat_map(|row| estimates(row, answer)).count() as u64
}

fn tell_wages(stage: &mut Stage, wages: &Answer, truth: &Truth) {
    let table = wages_table(wages, truth);
    stage.narrator.blank();
    stage.narrator.show(&table.to_string());
    let found = coverage(wages, truth);
    stage.narrator.say(&format!(
        "({} of {} regions shown; the truth is here because this is a demo.) The truth lies within the interval of {} of \
         {} numbers; 95 % is the promise.",
        REGIONS_SHOWN,
        REGIONS.len(),
        found.held,
        found.cells
    ));
    stage.narrator.blank();
    stage.narrator.check("the answer has numbers", found.cells > 0);
    let missed = found.cells - found.held;
    stage.narrator.check("the truth lies within the intervals", missed <= misses_max(found.cells));
}

/// Head count, average and median of the first regions, each with the truth beside it.
fn wages_table(wages: &Answer, truth: &Truth) -> Table {
    let heads = ["region", "age", ">people", ">truth", ">average wage", ">truth", ">median wage", ">truth"];
    let mut table = Table::new(&heads);
    for region in &REGIONS[..REGIONS_SHOWN] {
        for (_, age) in AGE_BANDS {
            let keys: Keys = vec![Some(region.name.to_owned()), Some(age.to_owned())];
            let row = wages.rows.iter().find(|row| keys_of(row, wages) == keys);
            let row = row.map_or_else(Vec::new, |row| estimates(row, wages).collect());
            let beside = (0..3).flat_map(|at| {
                let said = row.get(at).map_or_else(|| "not shown".into(), |cell| estimate(cell));
                [said, exact(truth, &keys, at)]
            });
            table.row([region.name.to_owned(), age.to_owned()].into_iter().chain(beside));
        }
    }
    table
}

fn exact(truth: &Truth, keys: &Keys, at: usize) -> String {
    let value = truth.get(keys).and_then(|numbers| numbers.get(at).copied().flatten());
    value.map_or_else(String::new, |value| decimal(value, 0))
}

/// Groups with their total, which they add up to whatever the noise was.
fn tell_totals(stage: &mut Stage, totals: &Answer, truth: &Truth) {
    let mut table = Table::new(&["region", ">people", ">truth", ">average wage", ">truth"]);
    let (mut groups, mut total, mut near) = (0.0, None, true);
    for row in &totals.rows {
        let keys = keys_of(row, totals);
        let is_total = matches!(row.last(), Some(Cell::Key(Some(said))) if said == "1");
        let cells: Vec<&Cell> = estimates(row, totals).collect();
        let name = if is_total { Some("all of them".to_owned()) } else { keys.first().cloned().flatten() };
        let beside =
            cells.iter().enumerate().flat_map(|(at, cell)| [estimate(cell), exact(truth, &keys, at)]);
        table.row([name.unwrap_or_default()].into_iter().chain(beside));
        match cells.first() {
            Some(Cell::Estimate { value, .. }) if is_total => total = Some(*value),
            Some(Cell::Estimate { value, .. }) => groups += value,
            _ => {}
        }
        let true_of = |at: usize| truth.get(&keys).and_then(|numbers| numbers.get(at).copied().flatten());
        near &=
            cells.iter().enumerate().all(|(at, cell)| true_of(at).is_none_or(|exact| is_near(cell, exact)));
    }
    stage.narrator.blank();
    stage.narrator.show(&table.to_string());
    stage.narrator.say(
        "Each region and the total had noise of their own; they were fitted to each other afterwards, at no cost, so the \
         regions add up.",
    );
    stage.narrator.blank();
    stage.narrator.check("the regions add up to the total", total == Some(groups));
    stage.narrator.check("the answer says that they do", totals.totals == Some(TotalsFit::Exact));
    stage
        .narrator
        .check("regions and total are near the truth", near && totals.rows.len() == REGIONS.len() + 1);
}

/// Conditions, order and limit over what was released: none of it costs anything, and none of it is left to chance.
async fn best_paid(stage: &mut Stage) -> Result<()> {
    stage.narrator.blank();
    typed(stage, &stage.agencies.education, &format!("weal ask \"{BEST_PAID}\""));
    let answer = question(stage, BEST_PAID).await?.answer;
    stage.narrator.show(&Table::of_answer(&answer).to_string());
    let value = |cell: Option<&Cell>| match cell {
        Some(Cell::Estimate { value, .. }) => *value,
        _ => f64::NEG_INFINITY,
    };
    let falls = answer.rows.windows(2).all(|pair| value(pair[0].get(1)) >= value(pair[1].get(1)));
    let kept = answer.rows.iter().all(|row| value(row.get(2)) > BEST_PAID_PEOPLE);
    stage.narrator.check("the best paid regions come first", falls && answer.rows.len() <= BEST_PAID_MAX);
    stage.narrator.check("and each has as many people as was asked for", kept);
    Ok(())
}

fn estimate(cell: &Cell) -> String {
    match cell {
        Cell::Estimate { value, low, high } => interval(*value, *low, *high),
        Cell::Key(_) | Cell::Unknown => "unknown".into(),
    }
}

/// The budget is charged exactly what the answers say they cost.
fn charged(stage: &mut Stage, first: &Outcome, second: &Outcome) {
    let exact = |outcome: &Outcome| {
        outcome.before.spent.checked_add(outcome.answer.loss) == Some(outcome.after.spent)
            && outcome.before.account == outcome.after.account
    };
    stage.narrator.check("the budget after is the budget before and the cost", exact(first) && exact(second));
    stage
        .narrator
        .check("the second question begins where the first ended", first.after.spent == second.before.spent);
}

/// What it was all for: one total against the agency's own count.
async fn ghosts(stage: &mut Stage) -> Result<()> {
    stage.narrator.blank();
    typed(stage, &stage.agencies.education, &format!("weal ask \"{APPRENTICES}\""));
    let outcome = question(stage, APPRENTICES).await?;
    let truth = stage.oracle.ask(APPRENTICES, &stage.agencies.revenue, "payroll", 0).await?;
    let cell = outcome.answer.rows.first().and_then(|row| estimates(row, &outcome.answer).next());
    let Some(&Cell::Estimate { value, low, high }) = cell else {
        stage.narrator.check("the number of apprentices is known", false);
        return Ok(());
    };
    let claims = stage.written.claims as f64;
    stage.narrator.say(&format!(
        "Payroll stands behind {} apprentices, the agency paid for {} claims: about {} claims have nobody behind them \
         (truth: {}). No record of a person left the revenue agency.",
        interval(value, low, high),
        thousands(stage.written.claims),
        interval(claims - value, claims - high, claims - low),
        thousands(stage.written.ghosts),
    ));
    let exact = truth.values().next().and_then(|numbers| numbers.first().copied().flatten());
    let apprentices = (stage.written.claims - stage.written.ghosts) as f64;
    stage.narrator.check("every claim that is no ghost has a payroll record", exact == Some(apprentices));
    let cell = Cell::Estimate { value, low, high };
    stage.narrator.check("the ghosts show in the total", is_near(&cell, apprentices));
    Ok(())
}

pub(super) async fn release(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("A reference table without personal data is released as rows");
    agree::request(stage, "employment.regions", Mode::Extract).await?;
    typed(stage, &stage.agencies.education, &format!("weal ask \"{REFERENCE}\""));
    let body = Ask { sql: REFERENCE.into(), preview: false, loss: None, format: None, agreement: None };
    let answered: Answered = stage.agencies.education.client.post("/questions", &body, "the rows").await?;
    stage.uses += 1;
    let Answered::Rows { columns, rows, receipts, .. } = answered else {
        return Err(Failure::failed("a question under an agreement for extract was not answered with rows"));
    };
    stage.narrator.show(&rows_table(&columns, &rows).to_string());
    let residents: u64 = rows.iter().filter_map(|row| row.get(2)?.as_u64()).sum();
    stage.narrator.check("all eight regions came", rows.len() == REGIONS.len());
    stage.narrator.check("every resident is in a region", residents == stage.written.residents);
    stage.narrator.check("the release has a receipt", receipts.len() == 1);
    Ok(())
}
