//! `weal budget`

use weal_node::api::BudgetShown;

use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::{decimal, power, thousands};

const LEGEND: &str = "The share spent is of ρ, which adds up; ε does not.";

/// Show what is left of every privacy budget.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal budget --json")]
pub struct Args {}

pub(super) async fn run(_args: &Args, setting: &Setting) -> Result<Exit> {
    let budgets: Vec<BudgetShown> = setting.client()?.get("/budgets", "reading the budgets").await?;
    setting.terminal.answer(&budgets, || {
        if budgets.is_empty() {
            return "No product has a privacy budget yet.".into();
        }
        format!("{}\n{LEGEND}", table(&budgets))
    });
    Ok(Exit::Ok)
}

pub(super) fn table(budgets: &[BudgetShown]) -> Table {
    let mut table = Table::new(&["budget", ">granted ε", ">spent ε", "at δ", ">spent", ">questions left"]);
    for budget in budgets {
        table.row([
            budget.account.clone(),
            decimal(budget.granted_epsilon, 2),
            decimal(budget.spent_epsilon, 2),
            power(budget.delta),
            format!("{:.1} %", share_spent(budget) * 100.0),
            budget.questions_left.map_or_else(String::new, thousands),
        ]);
    }
    table
}

/// Of the granted rho; what is reserved counts as spent.
#[must_use]
pub fn share_spent(budget: &BudgetShown) -> f64 {
    let used = budget.spent.rho_nano.saturating_add(budget.reserved.rho_nano);
    if budget.granted.rho_nano == 0 { 1.0 } else { used as f64 / budget.granted.rho_nano as f64 }
}
