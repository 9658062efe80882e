//! `weal budget`

use weal_domain::catalogue::ProductName;
use weal_domain::compute::{BudgetEvent, Loss};
use weal_node::api::{BudgetShown, GrantBudget, ProductShown};

use super::ask::loss_of_epsilon;
use super::publish::{RulesArgs, half};
use crate::client::Client;
use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::{decimal, loss, power, thousands};
use crate::print::{Table, WIDTH, wrap};

const LEGEND: &str = "The share spent is of ρ, which adds up; ε does not. What is left would buy so many questions at \
the owner's usual cost, by ρ or by δ, whichever buys fewer; one for a number of rows would be exact to ± this.";
/// Events fetched at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// Show what is left of every privacy budget and what it would buy, or change one.
///
/// With --events, every event of the budgets instead, as JSON, one line each: what an accountant needs to add up
/// what was spent again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal budget --json
Example: weal budget --events --json --product payroll")]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Print every event, one JSON object a line, oldest first.
    #[arg(long)]
    events: bool,
    /// Only this product's events.
    #[arg(long, value_name = "PRODUCT", requires = "events")]
    product: Option<ProductName>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Set what all questions about a product together may cost: a data protection officer's act.
    #[command(after_help = "\
Example: weal budget grant payroll --epsilon 8
Example: weal budget grant payroll --epsilon 8 --member-budget 2 --renew-every 365 --renew-budget 1")]
    Grant {
        product: ProductName,
        /// The whole budget, what is spent already included.
        #[arg(long)]
        epsilon: f64,
        #[command(flatten)]
        rules: RulesArgs,
    },
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    if args.events {
        return events(&client, args.product.as_ref(), setting).await;
    }
    let budgets: Vec<BudgetShown> = client.get("/budgets", "reading the budgets").await?;
    if let Some(What::Grant { product, epsilon, rules }) = args.what {
        let account = format!("product:{product}");
        let standing = budgets.iter().find(|budget| budget.account == account);
        let total = whole(epsilon, standing)?;
        let rules = match rules.are_given() {
            true => Some(rules.over(rules_of(&client, &product).await?, total.delta_femto)?),
            false => None,
        };
        let body = GrantBudget { loss: total, rules };
        let path = format!("/products/{product}/budget");
        let granted: BudgetShown = client.put(&path, &body, "granting a budget").await?;
        setting.terminal.answer(&granted, || table(std::slice::from_ref(&granted)).to_string());
        return Ok(Exit::Ok);
    }
    setting.terminal.answer(&budgets, || {
        if budgets.is_empty() {
            return "No product has a privacy budget yet.".into();
        }
        format!("{}\n{}{}", table(&budgets), renewed(&budgets), wrap(LEGEND, WIDTH).join("\n"))
    });
    Ok(Exit::Ok)
}

/// The rules as they stand.
async fn rules_of(client: &Client, product: &ProductName) -> Result<weal_domain::compute::BudgetRules> {
    let shown: ProductShown = client.get(&format!("/products/{product}"), "reading a product").await?;
    Ok(shown.product.privacy.map(|policy| policy.budget_rules).unwrap_or_default())
}

/// A stretch at a time, each event on a line of its own.
async fn events(client: &Client, product: Option<&ProductName>, setting: &Setting) -> Result<Exit> {
    let about = product.map(|product| format!("&product={product}")).unwrap_or_default();
    let mut after = 0;
    loop {
        let path = format!("/budgets/events?after={after}&limit={EVENTS_AT_ONCE}{about}");
        let some: Vec<BudgetEvent> = client.get(&path, "reading the events of budgets").await?;
        for event in &some {
            let line = serde_json::to_string(event).doing("cannot print an event")? + "\n";
            setting.terminal.raw(line.as_bytes()).doing("cannot print the events")?;
        }
        match some.last() {
            Some(last) if some.len() == EVENTS_AT_ONCE => after = last.number,
            _ => return Ok(Exit::Ok),
        }
    }
}

/// The loss that epsilon stands for beside the delta that the account has.
fn whole(epsilon: f64, standing: Option<&BudgetShown>) -> Result<Loss> {
    let Some(standing) = standing else { return loss_of_epsilon(epsilon) };
    let delta_femto = standing.granted.delta_femto.saturating_sub(standing.renewed.delta_femto);
    let delta_left = standing.delta - delta_femto as f64 * 1e-15;
    match weal_privacy::accounting::rho_nano_for(epsilon, delta_left) {
        0 => Err(Failure::usage(format!("{epsilon} is no epsilon that a budget could have"))
            .next("try --epsilon 8")),
        rho_nano => Ok(Loss { rho_nano, delta_femto }),
    }
}

pub(super) fn table(budgets: &[BudgetShown]) -> Table {
    let mut table =
        Table::new(&["budget", ">granted ε", ">spent ε", "at δ", ">spent", ">questions left", ">exact to ±"]);
    for budget in budgets {
        let name = if budget.name.is_empty() { &budget.account } else { &budget.name };
        let exact = budget.question.as_ref().and_then(|question| question.half_width);
        table.row([
            name.clone(),
            decimal(budget.granted_epsilon, 2),
            decimal(budget.spent_epsilon, 2),
            power(budget.delta),
            format!("{:.1} %", share_spent(budget) * 100.0),
            budget.questions_left.map_or_else(String::new, thousands),
            exact.map_or_else(String::new, half),
        ]);
    }
    table
}

/// What became available again, a line for each budget of which something did.
fn renewed(budgets: &[BudgetShown]) -> String {
    let line = |budget: &BudgetShown| {
        format!(
            "Of {}: {} were spent since the beginning, of which {} became available again.\n",
            budget.name,
            loss(budget.spent),
            loss(budget.renewed)
        )
    };
    budgets.iter().filter(|budget| !budget.renewed.is_zero()).map(line).collect()
}

/// Of what may be spent at a time, in rho; what is reserved counts as spent, what became available again does not.
#[must_use]
pub fn share_spent(budget: &BudgetShown) -> f64 {
    let used = budget.spent.rho_nano.saturating_add(budget.reserved.rho_nano);
    let counted = used.saturating_sub(budget.renewed.rho_nano);
    let limit = budget.granted.rho_nano.saturating_sub(budget.renewed.rho_nano);
    if limit == 0 { 1.0 } else { counted as f64 / limit as f64 }
}
