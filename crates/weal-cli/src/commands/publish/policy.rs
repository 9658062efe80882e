//! What the owner knows better than the proposal: how much a subject counts, what questions may cost.

use weal_domain::catalogue::{Bounds, Column, Identifying, PrivacyPolicy, Product};
use weal_domain::compute::{BudgetRules, Loss, Renewal};

use super::Args;
use super::decide::PublicKeys;
use crate::commands::ask::{loss_beside, loss_of_epsilon};
use crate::failure::{Failure, Result};

/// Of the privacy policy; what is left out is as proposed, or for a product that is published already as it is.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct PolicyArgs {
    /// In how many groups of one answer a subject may count.
    #[arg(long, value_name = "N")]
    groups_per_subject: Option<u32>,
    /// For how many rows a subject may count in one group.
    #[arg(long, value_name = "N")]
    rows_per_group: Option<u32>,
    /// For how many rows a subject may count in all groups of one answer together; 0 for as many as the two limits
    /// above allow.
    #[arg(long, value_name = "N")]
    rows_per_subject: Option<u32>,
    /// Groups of fewer subjects are never shown.
    #[arg(long, value_name = "N")]
    group_size_min: Option<u32>,
    /// What one question costs, as epsilon; no more than one may cost at most.
    #[arg(long, value_name = "EPSILON")]
    question: Option<f64>,
    /// What one question may cost at most, as epsilon.
    #[arg(long, value_name = "EPSILON")]
    question_max: Option<f64>,
    /// What all questions of everybody together may cost, as epsilon.
    #[arg(long, value_name = "EPSILON")]
    product_budget: Option<f64>,
    #[command(flatten)]
    rules: RulesArgs,
}

/// Shares of a budget, and its renewal.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RulesArgs {
    /// What all questions of one member may cost, as epsilon; 0 takes the share away.
    #[arg(long, value_name = "EPSILON")]
    member_budget: Option<f64>,
    /// What all questions of one analyst may cost, as epsilon; 0 takes the share away.
    #[arg(long, value_name = "EPSILON")]
    analyst_budget: Option<f64>,
    /// Every so many days a part of what was spent becomes available again; 0 for never.
    #[arg(long, value_name = "DAYS")]
    renew_every: Option<u32>,
    /// How much, as epsilon.
    #[arg(long, value_name = "EPSILON", requires = "renew_every")]
    renew_budget: Option<f64>,
}

impl RulesArgs {
    #[must_use]
    pub(crate) fn are_given(&self) -> bool {
        self.member_budget.is_some() || self.analyst_budget.is_some() || self.renew_every.is_some()
    }

    /// The rules until now with what is said here. `delta_femto` is the product's: a share may spend all of it.
    pub(crate) fn over(&self, before: BudgetRules, delta_femto: u64) -> Result<BudgetRules> {
        let share = |given: Option<f64>, before: Option<Loss>| match given {
            None => Ok(before),
            Some(0.0) => Ok(None),
            Some(epsilon) => loss_beside(epsilon, delta_femto).map(Some),
        };
        let renewal = match (self.renew_every, self.renew_budget) {
            (None, _) => before.renewal,
            (Some(0), _) => None,
            (Some(every_days), Some(epsilon)) => {
                Some(Renewal { every_days, loss: loss_beside(epsilon, delta_femto)? })
            }
            (Some(every_days), None) => match before.renewal {
                Some(renewal) => Some(Renewal { every_days, ..renewal }),
                None => {
                    return Err(Failure::usage("a renewal needs to say how much becomes available again")
                        .next("add --renew-budget EPSILON"));
                }
            },
        };
        Ok(BudgetRules {
            member: share(self.member_budget, before.member)?,
            analyst: share(self.analyst_budget, before.analyst)?,
            renewal,
        })
    }
}

/// The proposed policy with what the owner knows better. What was decided when the product was published before stays,
/// where nothing else is said; under another subject, what is stricter of it.
pub(super) fn policy(
    args: &Args,
    proposed: Option<PrivacyPolicy>,
    former: Option<&Product>,
    columns: &[Column],
    public: PublicKeys,
) -> Result<Option<PrivacyPolicy>> {
    let Some(mut policy) = proposed else { return Ok(None) };
    if let Some((former, before)) = former.and_then(|former| Some((former, former.privacy.as_ref()?))) {
        policy = as_before(former, before, policy, columns);
    }
    if public.instead {
        policy.public_keys.clear();
    }
    policy.public_keys.extend(public.lists);
    for (column, low, high) in &args.bounds {
        let decimals = policy.bounds.get(column).map_or(0, |bounds| bounds.decimals);
        policy.bounds.insert(column.clone(), Bounds { low: *low, high: *high, decimals });
    }
    let given = &args.policy;
    policy.groups_per_subject_max = given.groups_per_subject.unwrap_or(policy.groups_per_subject_max);
    policy.rows_per_group_max = given.rows_per_group.unwrap_or(policy.rows_per_group_max);
    if let Some(rows) = given.rows_per_subject {
        policy.rows_per_subject_max = (rows > 0).then_some(rows);
    }
    policy.group_size_min = given.group_size_min.unwrap_or(policy.group_size_min);
    question_losses(given, &mut policy)?;
    if let Some(epsilon) = given.product_budget {
        policy.budget = loss_beside(epsilon, policy.budget.delta_femto)?;
    }
    policy.budget_rules = given.rules.over(policy.budget_rules, policy.budget.delta_femto)?;
    Ok(Some(policy))
}

/// The policy of the version before, with what the new one has in columns that are new. What was said of a column that
/// holds values of another kind now was said of another column.
fn as_before(
    former: &Product,
    before: &PrivacyPolicy,
    proposed: PrivacyPolicy,
    columns: &[Column],
) -> PrivacyPolicy {
    if before.subject != proposed.subject {
        // Whoever is protected now: limits are no looser than they were.
        return PrivacyPolicy {
            groups_per_subject_max: before.groups_per_subject_max.min(proposed.groups_per_subject_max),
            rows_per_group_max: before.rows_per_group_max.min(proposed.rows_per_group_max),
            rows_per_subject_max: before
                .rows_per_subject_max
                .into_iter()
                .chain(proposed.rows_per_subject_max)
                .min(),
            group_size_min: before.group_size_min.max(proposed.group_size_min),
            question_loss_default: before.question_loss_default.min(proposed.question_loss_default),
            question_loss_max: before.question_loss_max.min(proposed.question_loss_max),
            budget: before.budget,
            budget_rules: before.budget_rules,
            ..proposed
        };
    }
    let of = |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
    let is_same = |name: &str| match (of(&former.columns, name), of(columns, name)) {
        (Some(old), Some(new)) => old.kind == new.kind && new.identifying != Identifying::Direct,
        _ => false,
    };
    let mut kept = before.clone();
    kept.bounds.retain(|name, _| is_same(name));
    kept.public_keys.retain(|name, _| is_same(name));
    for (name, bounds) in proposed.bounds {
        if !is_same(&name) {
            kept.bounds.insert(name, bounds);
        }
    }
    kept
}

/// What a question costs, and at most: where one of the two is given the other follows, where both are they must fit.
fn question_losses(given: &PolicyArgs, policy: &mut PrivacyPolicy) -> Result<()> {
    if let (Some(usual), Some(most)) = (given.question, given.question_max)
        && usual > most
    {
        let what = format!("a question cannot cost {usual} where one may cost at most {most}");
        return Err(Failure::usage(what).next("make --question smaller or --question-max larger"));
    }
    if let Some(epsilon) = given.question {
        policy.question_loss_default = loss_of_epsilon(epsilon)?;
        policy.question_loss_max = at_least(policy.question_loss_max, policy.question_loss_default);
    }
    if let Some(epsilon) = given.question_max {
        policy.question_loss_max = loss_beside(epsilon, policy.question_loss_max.delta_femto)?;
        policy.question_loss_default = policy.question_loss_default.min(policy.question_loss_max);
    }
    Ok(())
}

fn at_least(loss: Loss, least: Loss) -> Loss {
    Loss { rho_nano: loss.rho_nano.max(least.rho_nano), delta_femto: loss.delta_femto.max(least.delta_femto) }
}
