//! `weal ask`

use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use reqwest::{Response, header};
use tokio::io::AsyncWriteExt as _;
use weal_domain::compute::{Answer, ColumnRole, Loss, Preview};
use weal_domain::ledger::Receipt;
use weal_domain::words::count;
use weal_node::api::{AlsoUsedShown, Answered, Ask, BudgetShown, OwnerPart};

use super::budget::share_spent;
use crate::client::Client;
use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::{bytes, decimal, loss, thousands};
use crate::print::terminal::Unit;
use crate::print::{Table, WIDTH, csv, wrap};
use crate::words::short;

/// Ask a question in SQL.
///
/// Products stand as MEMBER.PRODUCT. Where the agreement is for statistics, the answer is
/// differentially private: every number comes with its interval, and the budget is charged. Where it
/// is for rows, the rows come. Products of several owners are put together with UNION ALL: each owner
/// answers and charges its part, and one answer comes of all. --preview says what a question would cost, reads no data and is free.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal ask \"SELECT region, COUNT(*), AVG(monthly_wage) FROM revenue.payroll GROUP BY region\"")]
pub struct Args {
    /// One SELECT.
    sql: String,
    /// Only say what it would cost and how exact it would be.
    #[arg(long)]
    preview: bool,
    /// Spend at most this; the owner's default where it is left out. What is above the owner's most is cut to that,
    /// and you are told.
    #[arg(long, value_name = "EPSILON")]
    epsilon: Option<f64>,
    /// Which agreement to use, where several would do. Of products of several owners, one for each.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    agreement: Vec<String>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the answer to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Csv,
    Json,
    Parquet,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let format = if setting.terminal.is_json() { Format::Json } else { args.format };
    if format == Format::Parquet && args.out.is_none() && setting.terminal.stdout_is_terminal() {
        return Err(Failure::usage("Parquet is not for a terminal").next("add --out FILE"));
    }
    let body = Ask {
        sql: args.sql,
        preview: args.preview,
        loss: args.epsilon.map(loss_of_epsilon).transpose()?,
        format: match format {
            Format::Csv if !args.preview => Some("csv".into()),
            Format::Parquet if !args.preview => Some("parquet".into()),
            _ => None,
        },
        agreement: (!args.agreement.is_empty()).then(|| args.agreement.join(",")),
    };
    let client = setting.client()?;
    let response = client.post_raw("/questions", &body, "the question").await?;
    if !is_json(&response) {
        return stream(response, args.out.as_deref(), setting).await;
    }
    let answered: Answered = client.read(response).await?;
    show(&answered, format, args.out.as_deref(), setting)?;
    Ok(Exit::Ok)
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// Bytes as they come, in bounded memory.
async fn stream(response: Response, out: Option<&Path>, setting: &Setting) -> Result<Exit> {
    let mut file = match out {
        Some(path) => {
            Some(tokio::fs::File::create(path).await.doing(format!("cannot write {}", path.display()))?)
        }
        None => None,
    };
    let mut progress = setting.terminal.progress("receiving", response.content_length(), Unit::Bytes);
    let mut chunks = response.bytes_stream();
    let mut written = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Failure::failed("the rows stopped coming before their end")
                .next("see why with `weal agreements ID`")
        })?;
        match &mut file {
            Some(file) => file.write_all(&chunk).await.doing("cannot write the answer")?,
            None => setting.terminal.raw(&chunk).doing("cannot print the answer")?,
        }
        written += chunk.len() as u64;
        progress.at(written);
    }
    if let Some(file) = &mut file {
        file.flush().await.doing("cannot write the answer")?;
    }
    drop(progress);
    if let Some(path) = out {
        setting.terminal.note(format!("Wrote {} ({}).", path.display(), bytes(written)));
    }
    Ok(Exit::Ok)
}

fn show(answered: &Answered, format: Format, out: Option<&Path>, setting: &Setting) -> Result<()> {
    let body = match (format, answered) {
        (Format::Json, _) => serde_json::to_string_pretty(answered).doing("cannot print the answer")? + "\n",
        (Format::Csv, Answered::Statistics { answer, .. } | Answered::StatisticsOfOwners { answer, .. }) => {
            csv::of_answer(answer)
        }
        (Format::Csv, Answered::Rows { columns, rows, .. }) => csv::of_rows(columns, rows),
        (_, Answered::Preview { preview, .. } | Answered::PreviewOfOwners { preview, .. }) => {
            preview_words(preview)
        }
        (_, Answered::Statistics { answer, .. } | Answered::StatisticsOfOwners { answer, .. }) => {
            Table::of_answer(answer).to_string()
        }
        (_, Answered::Rows { columns, rows, .. }) => rows_table(columns, rows).to_string(),
    };
    match out {
        Some(path) => {
            std::fs::write(path, &body).doing(format!("cannot write {}", path.display()))?;
            setting.terminal.note(format!("Wrote {} ({}).", path.display(), bytes(body.len() as u64)));
        }
        None => setting.terminal.raw(body.as_bytes()).doing("cannot print the answer")?,
    }
    if format != Format::Json {
        setting.terminal.note(beside(answered));
    }
    Ok(())
}

/// What a person should know beside the answer.
#[must_use]
pub fn beside(answered: &Answered) -> String {
    match answered {
        Answered::Preview { given_before: true, .. } => {
            "Asked before: the same answer is given again for nothing.".to_owned()
        }
        Answered::Preview { budget, also, .. } => {
            let mut lines: Vec<String> =
                budget.iter().map(|budget| format!("Nothing was spent. {}", left(budget))).collect();
            lines.extend(also.iter().map(|budget| format!("Of {}: {}", budget.name, left(budget))));
            lines.join("\n")
        }
        Answered::PreviewOfOwners { owners, .. } => {
            let each = owners.iter().map(|owner| format!("{}: {}", owner.title, beside(&owner.answered)));
            each.collect::<Vec<_>>().join("\n")
        }
        Answered::StatisticsOfOwners { answer, owners } => beside_owners(answer, owners),
        Answered::Rows { rows, receipts, .. } => {
            let rows = count(rows.len() as u64, "row", "rows");
            let said = format!("{rows} under {}.", count(receipts.len() as u64, "receipt", "receipts"));
            let lines = [said].into_iter().chain(receipts.iter().map(of_rows));
            lines.flat_map(|line| wrap(&line, WIDTH)).collect::<Vec<_>>().join("\n")
        }
        Answered::Statistics {
            answer,
            cut,
            receipt,
            provider_index,
            budget_before,
            budget_after,
            also,
            ..
        } => {
            let charged = charged(receipt, *provider_index, (budget_before, budget_after));
            let cut = cut.iter().map(|cut| cut.said.clone());
            let lines =
                [rules(answer)].into_iter().chain(cut).chain(charged).chain(also.iter().map(of_joined));
            lines.flat_map(|line| wrap(&line, WIDTH)).collect::<Vec<_>>().join("\n")
        }
    }
}

/// What rows were read for, and under which agreement: it may cover some of them only.
fn of_rows(receipt: &Receipt) -> String {
    format!(
        "Computed here from the rows of {} that the agreement covers, asked for {}, under {}.",
        receipt.product,
        short(receipt.purpose.as_str()),
        receipt.agreement
    )
}

/// The same of a product that was joined.
fn of_joined(used: &AlsoUsedShown) -> String {
    let AlsoUsedShown { receipt, provider_index, budget_before, budget_after, .. } = used;
    let charged = match budget_before.as_ref().zip(budget_after.as_ref()) {
        Some((before, after)) => format!(
            "budget spent: {} before, {} after. {}",
            percent(share_spent(before)),
            percent(share_spent(after)),
            left(after)
        ),
        None => "nothing is charged.".to_owned(),
    };
    format!(
        "Joined with {}: {charged} Under {}. Receipt {}, entry {provider_index}.",
        receipt.product, receipt.agreement, receipt.use_id
    )
}

fn rules(answer: &Answer) -> String {
    format!(
        "With {} % confidence each ± holds the true figure, counted by these rules. {}",
        decimal(answer.confidence * 100.0, 0),
        answer.protection.join(" ")
    )
}

/// What an owner charged, and where that is written down.
fn charged(receipt: &Receipt, index: u64, (before, after): (&BudgetShown, &BudgetShown)) -> [String; 2] {
    let cost = match receipt.loss.is_zero() {
        true => "Given before, so it cost nothing".to_owned(),
        false => format!("Cost {}", loss(receipt.loss)),
    };
    let spent = format!(
        "{cost}. Budget spent: {} before, {} after. {}",
        percent(share_spent(before)),
        percent(share_spent(after)),
        left(after),
    );
    let proof = format!(
        "Asked for {}, under {}. Receipt {}, entry {index} of the owner's ledger.",
        short(receipt.purpose.as_str()),
        receipt.agreement,
        receipt.use_id
    );
    [spent, proof]
}

/// The rules of an answer, and what each of its owners charged.
fn beside_owners(answer: &Answer, owners: &[OwnerPart]) -> String {
    let mut lines = vec![rules(answer)];
    for owner in owners {
        if let Answered::Statistics {
            cut, receipt, provider_index, budget_before, budget_after, also, ..
        } = &*owner.answered
        {
            let [spent, proof] = charged(receipt, *provider_index, (budget_before, budget_after));
            let cut = cut.as_ref().map_or_else(String::new, |cut| format!("{} ", cut.said));
            lines.push(format!("{}: {cut}{spent} {proof}", owner.title));
            lines.extend(also.iter().map(of_joined));
        }
    }
    lines.iter().flat_map(|line| wrap(line, WIDTH)).collect::<Vec<_>>().join("\n")
}

fn left(budget: &BudgetShown) -> String {
    match budget.questions_left {
        Some(1) => "1 question at the owner's usual cost is left.".to_owned(),
        Some(questions) => format!("{} questions at the owner's usual cost are left.", thousands(questions)),
        None => format!("{} of the budget is left.", percent(1.0 - share_spent(budget))),
    }
}

#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn preview_words(preview: &Preview) -> String {
    let mut lines = vec![format!("This would cost {}.", loss(preview.loss))];
    lines.extend(preview.cut.iter().flat_map(|cut| wrap(&cut.said, WIDTH)));
    let estimates = preview.columns.iter().filter(|column| column.role == ColumnRole::Estimate);
    for (column, half) in estimates.zip(&preview.half_widths) {
        if let Some(half) = half {
            let places = crate::print::number::decimals_for(*half);
            lines.push(format!("  {:<24} ± {}", column.name, decimal(*half, places)));
        }
    }
    lines.extend(preview.explanation.iter().flat_map(|sentence| wrap(sentence, WIDTH)));
    if !preview.advice.is_empty() {
        lines.push("For a sharper answer:".to_owned());
        lines.extend(preview.advice.iter().flat_map(|advice| wrap(&format!("- {}", advice.said), WIDTH)));
    }
    lines.join("\n") + "\n"
}

pub fn rows_table(columns: &[String], rows: &[Vec<serde_json::Value>]) -> Table {
    let numeric =
        |index: usize| rows.iter().any(|row| row.get(index).is_some_and(serde_json::Value::is_number));
    let heads: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| if numeric(index) { format!(">{column}") } else { column.clone() })
        .collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    for row in rows {
        table.row(row.iter().map(csv::text));
    }
    table
}

/// The delta at which nodes speak of epsilon, and how much of it thresholds may spend.
const DELTA: f64 = 1e-6;
const THRESHOLDS_DELTA_FEMTO: u64 = 1_000_000;

/// The loss that epsilon stands for, rounded down: never more than was asked for.
pub fn loss_of_epsilon(epsilon: f64) -> Result<Loss> {
    loss_beside(epsilon, THRESHOLDS_DELTA_FEMTO)
}

/// The same where thresholds may spend so much delta.
pub(super) fn loss_beside(epsilon: f64, delta_femto: u64) -> Result<Loss> {
    let delta_left = DELTA - delta_femto as f64 * 1e-15;
    match weal_privacy::accounting::rho_nano_for(epsilon, delta_left) {
        0 => {
            Err(Failure::usage(format!("{epsilon} is no epsilon that buys an answer"))
                .next("try --epsilon 0.5"))
        }
        rho_nano => Ok(Loss { rho_nano, delta_femto }),
    }
}

/// Asks for statistics and expects nothing else.
pub async fn statistics(client: &Client, sql: &str) -> Result<Answered> {
    let body = Ask { sql: sql.to_owned(), preview: false, loss: None, format: None, agreement: None };
    let response = client.post_raw("/questions", &body, "the question").await?;
    client.read(response).await
}
