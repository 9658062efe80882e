//! `weal budget`

use weal_domain::catalogue::ProductName;
use weal_domain::compute::Loss;
use weal_node::api::{BudgetShown, GrantBudget};

use super::ask::loss_of_epsilon;
use crate::compose::Setting;
use crate::failure::{Exit, Failure, Result};
use crate::print::Table;
use crate::print::number::{decimal, power, thousands};

const LEGEND: &str = "The share spent is of ρ, which adds up; ε does not.";

/// Show what is left of every privacy budget, or change one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal budget --json")]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Set what all questions about a product together may cost: a data protection officer's act.
    #[command(after_help = "Example: weal budget grant payroll --epsilon 8")]
    Grant {
        product: ProductName,
        /// The whole budget, what is spent already included.
        #[arg(long)]
        epsilon: f64,
    },
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let budgets: Vec<BudgetShown> = client.get("/budgets", "reading the budgets").await?;
    if let Some(What::Grant { product, epsilon }) = args.what {
        let account = format!("product:{product}");
        let standing = budgets.iter().find(|budget| budget.account == account);
        let body = GrantBudget { loss: whole(epsilon, standing)? };
        let path = format!("/products/{product}/budget");
        let granted: BudgetShown = client.put(&path, &body, "granting a budget").await?;
        setting.terminal.answer(&granted, || table(std::slice::from_ref(&granted)).to_string());
        return Ok(Exit::Ok);
    }
    setting.terminal.answer(&budgets, || {
        if budgets.is_empty() {
            return "No product has a privacy budget yet.".into();
        }
        format!("{}\n{LEGEND}", table(&budgets))
    });
    Ok(Exit::Ok)
}

/// The loss that epsilon stands for beside the delta that the account has.
fn whole(epsilon: f64, standing: Option<&BudgetShown>) -> Result<Loss> {
    let Some(standing) = standing else { return loss_of_epsilon(epsilon) };
    let delta_femto = standing.granted.delta_femto;
    let delta_left = standing.delta - delta_femto as f64 * 1e-15;
    match weal_privacy::accounting::rho_nano_for(epsilon, delta_left) {
        0 => Err(Failure::usage(format!("{epsilon} is no epsilon that a budget could have"))
            .next("try --epsilon 8")),
        rho_nano => Ok(Loss { rho_nano, delta_femto }),
    }
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
