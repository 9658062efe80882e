//! Steps five and six: statistics with their truth beside them, and rows where no person is in them.

use std::time::Instant;

use weal_domain::catalogue::Mode;
use weal_domain::compute::{Answer, Cell};
use weal_domain::words::count;
use weal_node::api::{Answered, Ask, BudgetShown};

use super::{Stage, agree, typed};
use crate::commands::{percent, rows_table, share_spent, statistics};
use crate::demo::country::{AGE_BANDS, PAY_BANDS, REGIONS};
use crate::demo::median;
use crate::demo::truth::{Coverage, Keys, Truth, coverage, estimates, keys_of};
use crate::failure::{Failure, Result};
use crate::print::Table;
use crate::print::number::{decimal, duration, interval, loss, thousands};

const WAGES: &str = "SELECT region, age_band, COUNT(DISTINCT person_id) AS people, AVG(monthly_wage) AS average_wage \
                     FROM revenue.payroll GROUP BY region, age_band";
const BANDS: &str = "SELECT region, age_band, pay_band, COUNT(DISTINCT person_id) AS people \
                     FROM revenue.payroll GROUP BY region, age_band, pay_band";
const APPRENTICES: &str =
    "SELECT COUNT(DISTINCT person_id) AS apprentices FROM revenue.payroll WHERE contract = 'apprentice'";
/// The truth that [`BANDS`] lets an analyst estimate.
const MEDIANS: &str = "SELECT region, age_band, median(pay) AS median_pay FROM \
                       (SELECT person_id, region, age_band, SUM(monthly_wage) AS pay FROM revenue.payroll \
                       GROUP BY person_id, region, age_band) AS people GROUP BY region, age_band";
const REFERENCE: &str = "SELECT region, capital, residents_16_to_74 FROM employment.regions";

/// Regions of which the table of answers is shown; the rest is summed up.
const REGIONS_SHOWN: usize = 2;
/// Of all intervals, how many must hold the truth: 95 % are promised, and chance takes some. Of the 96 of the first
/// answer it takes more than a fifth less than once in 10⁹ runs.
const COVERAGE_MIN: f64 = 0.8;

/// An answer, what it took and what was left.
struct Outcome {
    answer: Answer,
    before: BudgetShown,
    after: BudgetShown,
}

pub(super) async fn ask(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("They ask in SQL, and the payroll stays where it is");
    typed(stage, &stage.agencies.education, &format!("weal ask \"{WAGES}\""));
    preview(stage).await?;
    let wages = question(stage, WAGES).await?;
    stage.narrator.blank();
    typed(stage, &stage.agencies.education, &format!("weal ask \"{BANDS}\""));
    let bands = question(stage, BANDS).await?;
    let truth = Truths {
        wages: stage.oracle.ask(WAGES, &stage.agencies.revenue, "payroll", 2).await?,
        bands: stage.oracle.ask(BANDS, &stage.agencies.revenue, "payroll", 3).await?,
        medians: stage.oracle.ask(MEDIANS, &stage.agencies.revenue, "payroll", 2).await?,
    };
    tell_wages(stage, &wages.answer, &bands.answer, &truth);
    charged(stage, &wages, &bands);
    ghosts(stage).await
}

/// What a question would cost, before it is asked.
async fn preview(stage: &mut Stage) -> Result<()> {
    let body = Ask { sql: WAGES.into(), preview: true, loss: None, format: None, agreement: None };
    let client = &stage.agencies.education.client;
    let answered: Answered = client.post("/questions", &body, "the preview").await?;
    let Answered::Preview { preview, .. } = answered else {
        return Err(Failure::failed("the preview was answered with data"));
    };
    let half =
        preview.half_widths.iter().flatten().next().map(|half| format!(", heads ± {}", decimal(*half, 0)));
    stage.narrator.say(&format!(
        "A preview is free and reads no data: it would cost {}{}.",
        loss(preview.loss),
        half.unwrap_or_default()
    ));
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

struct Truths {
    wages: Truth,
    bands: Truth,
    medians: Truth,
}

fn tell_wages(stage: &mut Stage, wages: &Answer, bands: &Answer, truth: &Truths) {
    let table = wages_table(wages, bands, truth);
    stage.narrator.blank();
    stage.narrator.show(&table.to_string());
    let (first, second) = (coverage(wages, &truth.wages), coverage(bands, &truth.bands));
    stage.narrator.say(&format!(
        "({} of {} regions shown; the truth is here because this is a demo. Medians are read off the noisy head counts \
         per pay band, at no further cost.)",
        REGIONS_SHOWN,
        REGIONS.len(),
    ));
    stage.narrator.say(&format!(
        "The truth lies within the interval of {} of {} numbers of the first answer and {} of {} of the second; 95 % is \
         the promise.",
        first.held, first.cells, second.held, second.cells
    ));
    for (what, found) in [("the first answer", first), ("the second answer", second)] {
        stage.narrator.check(format!("{what} has numbers"), found.cells > 0);
        stage.narrator.check(format!("the truth lies within the intervals of {what}"), holds(found));
    }
}

fn holds(coverage: Coverage) -> bool {
    coverage.share() >= COVERAGE_MIN
}

/// Head count, average and median of the first regions, each with the truth beside it.
fn wages_table(wages: &Answer, bands: &Answer, truth: &Truths) -> Table {
    let mut table = Table::new(&[
        "region",
        "age",
        ">people",
        ">truth",
        ">average wage",
        ">truth",
        ">median pay",
        ">truth",
    ]);
    for region in &REGIONS[..REGIONS_SHOWN] {
        for (_, age) in AGE_BANDS {
            let keys: Keys = vec![Some(region.name.to_owned()), Some(age.to_owned())];
            let exact = |truth: &Truth, index: usize| {
                let value = truth.get(&keys).and_then(|numbers| numbers.get(index).copied().flatten());
                value.map_or_else(String::new, |value| decimal(value, 0))
            };
            let cells = wages.rows.iter().find(|row| keys_of(row, wages) == keys);
            let cell = |index: usize| {
                cells
                    .and_then(|row| estimates(row, wages).nth(index))
                    .map_or_else(|| "not shown".into(), estimate)
            };
            let median = median_of(bands, &keys)
                .map_or_else(|| "unknown".into(), |pay| format!("≈ {}", decimal(pay, 0)));
            table.row([
                region.name.to_owned(),
                age.to_owned(),
                cell(0),
                exact(&truth.wages, 0),
                cell(1),
                exact(&truth.wages, 1),
                median,
                exact(&truth.medians, 0),
            ]);
        }
    }
    table
}

fn estimate(cell: &Cell) -> String {
    match cell {
        Cell::Estimate { value, low, high } => interval(*value, *low, *high),
        Cell::Key(_) | Cell::Unknown => "unknown".into(),
    }
}

/// The median pay of a region and age band, from the noisy heads in its pay bands.
fn median_of(bands: &Answer, keys: &Keys) -> Option<f64> {
    let heads = PAY_BANDS.map(|(_, band)| {
        let all = [keys.as_slice(), &[Some(band.to_owned())]].concat();
        let row = bands.rows.iter().find(|row| keys_of(row, bands) == all);
        match row.and_then(|row| estimates(row, bands).next()) {
            Some(Cell::Estimate { value, .. }) => *value,
            _ => 0.0,
        }
    });
    median::of_bands(&heads)
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
    let Some(Cell::Estimate { value, low, high }) = cell else {
        stage.narrator.check("the number of apprentices is known", false);
        return Ok(());
    };
    let claims = stage.written.claims as f64;
    stage.narrator.say(&format!(
        "Payroll stands behind {} apprentices, the agency paid for {} claims: about {} claims have nobody behind them \
         (truth: {}). No record of a person left the revenue agency.",
        interval(*value, *low, *high),
        thousands(stage.written.claims),
        interval(claims - value, claims - high, claims - low),
        thousands(stage.written.ghosts),
    ));
    let exact = truth.values().next().and_then(|numbers| numbers.first().copied().flatten());
    let apprentices = (stage.written.claims - stage.written.ghosts) as f64;
    stage.narrator.check("every claim that is no ghost has a payroll record", exact == Some(apprentices));
    // One number: its interval may miss with chance 1 in 20, three times its width hardly ever.
    let wide = (high - low).max(1.0);
    stage.narrator.check("the ghosts show in the total", (low - wide..=high + wide).contains(&apprentices));
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
