//! A private question, understood and priced, with nothing read yet.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::split_conjunction_owned;
use weal_domain::Refusal;
use weal_domain::catalogue::{Column, PrivacyPolicy};
use weal_domain::compute::{AnswerColumn, ColumnRole, Loss, LossCut, Preview, Release};
use weal_domain::identity::MemberName;
use weal_domain::words::list;
use weal_privacy::accounting::epsilon_of;

use super::deep::on_deep_stack;
use super::derived::Derived;
use super::groupings::Chain;
use super::names::{Columns, name_columns, settle_names};
use super::parts::EXTREME;
use super::price::{
    CONFIDENCE, Contribution, Price, confidence_of_each, price, price_with_withheld, shares_of,
    with_threshold,
};
use super::public::{PublicGroups, public_groups};
use super::question::look_at;
use super::reading::{Estimate, Item, Part, Reading, read};
use super::refuse::{planning, refuse_shapes, refuse_zero_divisors};
use super::relation::Subject;
use super::schema::{plan, schema_of};
use super::sql::parse_with_options;
use super::tables::{Covered, Tables};

/// The delta at which an epsilon is quoted to people.
pub(crate) const QUOTED_DELTA: f64 = 1e-6;

/// A question, ready to be answered.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub tables: Tables,
    /// Of the first private product, with the limits that hold for all.
    pub policy: PrivacyPolicy,
    pub reading: Reading,
    pub groupings: Vec<Grouping>,
    /// Rows whose values are on no list do not exist here, in none of the groupings: that they do would be news, and
    /// a total is of the groups that it stands over.
    pub on_lists: Option<Expr>,
    /// Where each of several groupings refines another.
    pub chain: Option<Chain>,
    /// Whether the numbers are asked for as they are drawn; see [`super::drawn`].
    pub as_drawn: bool,
    /// Of more the rest are not shown.
    pub groups_max: usize,
    /// What is charged for all groupings together. All of what was asked for, even if rounding leaves a little of
    /// it unspent: so a preview, a reservation and the answer name the same figure.
    pub loss: Loss,
    /// Where more was asked for than the owner allows.
    pub cut: Option<LossCut>,
    /// Whether it is told how much is withheld.
    reports_withheld: bool,
}

/// One way in which the question groups.
#[derive(Debug)]
pub(crate) struct Grouping {
    /// By places in the question's keys.
    pub keys: Vec<usize>,
    /// `None` where keys are private and must pass a threshold.
    pub public: Option<PublicGroups>,
    pub price: Price,
}

/// What a question is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub products: &'a [Covered],
    pub member: &'a MemberName,
    pub loss: Option<Loss>,
}

/// Understands and prices a question.
pub(crate) fn prepare(
    sql: &str,
    asked: Asked<'_>,
    session: &SessionState,
    groups_max: usize,
) -> Result<Prepared, Refusal> {
    on_deep_stack(|| prepare_here(sql, asked, session, groups_max))
}

fn prepare_here(
    sql: &str,
    asked: Asked<'_>,
    session: &SessionState,
    groups_max: usize,
) -> Result<Prepared, Refusal> {
    let Asked { products, member, loss } = asked;
    let (mut query, options) = parse_with_options(sql)?;
    let mut tables = Tables::of(products, member, &look_at(&query)?.tables)?;
    let strictest = tables.strictest()?;
    let asked = options.loss(loss, strictest.question_loss_default, QUOTED_DELTA);
    let mut loss = asked.min(strictest.question_loss_max);
    let cut = cut(asked, loss);
    let policy = options.tighten(&strictest)?;
    tables.limit(&policy);
    refuse_shapes(&query)?;
    refuse_zero_divisors(&query)?;
    name_columns(&mut query);
    let known = tables.all.iter().map(|table| (table.about.clone(), names(&table.columns)));
    settle_names(&mut query, &Columns::from_iter(known));
    let schemas = tables.all.iter().map(|table| (table.name.clone(), schema_of(&table.covered)));
    let planned = plan(query, schemas).map_err(|error| {
        let (about, covered, all) = tables.columns();
        planning(&error, &about, &covered, &all)
    })?;
    let mut reading = read(&planned, Subject { tables: &tables, name: &policy.subject })?;
    let conditions: Vec<Expr> = reading.filter.iter().cloned().collect();
    let mut publics = Vec::new();
    for set in &reading.sets {
        let keys: Vec<Expr> = set.iter().map(|&key| reading.keys[key].clone()).collect();
        let known = (&reading.described[..], &reading.policy);
        publics.push(public_groups(&keys, &conditions, known, session, groups_max)?);
    }
    let mut on_lists: Vec<Expr> = Vec::new();
    for list in publics.iter().flatten().filter_map(|public| public.condition.clone()) {
        for list in split_conjunction_owned(list) {
            if !on_lists.contains(&list) {
                on_lists.push(list);
            }
        }
    }
    let on_lists = on_lists.into_iter().reduce(Expr::and);
    let private: Vec<bool> = publics.iter().map(Option::is_none).collect();
    if private.contains(&true) {
        with_threshold(&mut reading);
    }
    if !private.contains(&true) {
        loss.delta_femto = 0;
    }
    let reports_withheld = options.reports_withheld();
    let groupings = groupings(&reading, &policy, publics, loss, reports_withheld)?;
    let chain = Chain::of(&groupings);
    let as_drawn = options.as_drawn;
    if as_drawn {
        options.refuse_withheld()?;
    }
    let prepared = Prepared {
        tables,
        policy,
        reading,
        groupings,
        on_lists,
        chain,
        as_drawn,
        groups_max,
        loss,
        cut,
        reports_withheld,
    };
    if as_drawn {
        prepared.refuse_undrawn()?;
    }
    Ok(prepared)
}

/// The question's groupings, each priced at its share of the loss.
fn groupings(
    reading: &Reading,
    policy: &PrivacyPolicy,
    publics: Vec<Option<PublicGroups>>,
    loss: Loss,
    reports_withheld: bool,
) -> Result<Vec<Grouping>, Refusal> {
    let private: Vec<bool> = publics.iter().map(Option::is_none).collect();
    let mut groupings = Vec::new();
    for ((public, share), keys) in publics.into_iter().zip(shares_of(loss, &private)).zip(&reading.sets) {
        let groups = public.as_ref().map(|public| public.keys.num_rows());
        let price = if reports_withheld { price_with_withheld } else { price };
        let price = price(reading, policy, groups, share)?;
        groupings.push(Grouping { keys: keys.clone(), public, price });
    }
    Ok(groupings)
}

/// What is said where more was asked for than the owner allows for one question.
fn cut(asked: Loss, allowed: Loss) -> Option<LossCut> {
    if asked.rho_nano <= allowed.rho_nano {
        return None;
    }
    let told = |Loss { rho_nano, delta_femto }| {
        let epsilon = |delta_femto| epsilon_of(weal_privacy::Loss { rho_nano, delta_femto }, QUOTED_DELTA);
        // Where thresholds may spend more delta than epsilons are quoted at, of the noise alone.
        let epsilon = epsilon(delta_femto).or_else(|_| epsilon(0));
        epsilon.map_or_else(
            |_| format!("{} rho", rho_nano as f64 / 1e9),
            |epsilon| format!("epsilon {epsilon:.2}"),
        )
    };
    let (more, most) = (told(asked), told(allowed));
    // What differs by less than is ever said is no news.
    let said = format!(
        "The question asks to spend {more}, and the owner allows at most {most} for one: it is asked at that."
    );
    (more != most).then_some(LossCut { asked, allowed, said })
}

fn names(columns: &[Column]) -> BTreeSet<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

impl Prepared {
    pub(crate) fn columns(&self) -> Vec<AnswerColumn> {
        if self.as_drawn {
            return self.drawn_columns();
        }
        let role = |item: Item| match item {
            Item::Key(_) => ColumnRole::Key,
            Item::Estimate(_) | Item::Derived(_) => ColumnRole::Estimate,
            Item::Computed(_) => ColumnRole::Computed,
        };
        let outputs = self.reading.outputs.iter();
        outputs.map(|(name, item)| AnswerColumn { name: name.clone(), role: role(*item) }).collect()
    }

    /// The groupings, if the totals of each are what the groups of the next add up to: where a subject has one row, and
    /// where it counts in one group, since it is then bounded once for all of them.
    pub(crate) fn adding_up(&self, one_row_each: bool) -> Option<&Chain> {
        self.chain.as_ref().filter(|_| one_row_each || self.policy.groups_per_subject_max == 1)
    }

    /// The grouping in which subjects are bounded for the totals of another.
    pub(crate) fn bounded_by<'a>(&'a self, grouping: &'a Grouping) -> &'a Grouping {
        self.adding_up(false).map_or(grouping, |chain| &self.groupings[chain.finest()])
    }

    /// The same question under another policy or at another loss; `None` where that cannot be answered. `reading` is of
    /// the same groupings.
    pub(crate) fn again(&self, policy: &PrivacyPolicy, reading: Reading, loss: Loss) -> Option<Prepared> {
        let publics = self.groupings.iter().map(|grouping| grouping.public.clone()).collect();
        let groupings = groupings(&reading, policy, publics, loss, self.reports_withheld).ok()?;
        let (policy, on_lists) = (policy.clone(), self.on_lists.clone());
        Some(Prepared {
            tables: self.tables.clone(),
            policy,
            reading,
            groupings,
            on_lists,
            chain: None,
            as_drawn: self.as_drawn,
            groups_max: self.groups_max,
            loss,
            cut: None,
            reports_withheld: self.reports_withheld,
        })
    }

    /// Of each column with an interval half its width, where it does not depend on the data.
    pub(crate) fn half_widths(&self) -> Result<Vec<Option<f64>>, Refusal> {
        if self.as_drawn {
            return self.drawn_widths();
        }
        let mut half_widths = Vec::new();
        for (_, item) in &self.reading.outputs {
            match item {
                Item::Key(_) | Item::Computed(_) => {}
                Item::Estimate(i) => {
                    half_widths.push(self.widest(|grouping| {
                        self.half_width(grouping, self.reading.estimates[*i], CONFIDENCE)
                    })?)
                }
                Item::Derived(i) => half_widths
                    .push(self.widest(|grouping| self.width_of(grouping, &self.reading.derived[*i]))?),
            }
        }
        Ok(half_widths)
    }

    pub(crate) fn preview(&self) -> Result<Preview, Refusal> {
        let half_widths = self.half_widths()?;
        let mut explanation = self.protection();
        let withheld = self.groupings.iter().filter_map(|grouping| grouping.price.withheld);
        if let Some(width) = withheld.map(|noise| noise.half_width(CONFIDENCE)).max() {
            explanation.push(format!(
                "How many subjects are in groups that are not shown is told as well, ± {width}; \
                 report_suppressed = false would leave that out."
            ));
        }
        if let Some(groups) = self.public_groups()
            && !self.reading.keys.is_empty()
        {
            explanation.push(format!("The answer has {groups} groups."));
        }
        Ok(Preview {
            loss: self.loss,
            cut: self.cut.clone(),
            columns: self.columns(),
            half_widths,
            shown_from: self.shown_from(),
            explanation,
            advice: self.advice(),
            releases: self.releases(),
            drawing: self.as_drawn.then(|| self.drawing()).transpose()?,
        })
    }

    /// The noise of all groupings, for whoever keeps accounts.
    fn releases(&self) -> Vec<Release> {
        Release::counted(self.groupings.iter().flat_map(|grouping| grouping.price.releases.iter().cloned()))
    }

    /// The number of groups, where it is public.
    fn public_groups(&self) -> Option<usize> {
        self.groupings.iter().map(|grouping| Some(grouping.public.as_ref()?.keys.num_rows())).sum()
    }

    /// About how many subjects a group needs to be shown in any grouping; `None` where all groups are public.
    pub(crate) fn shown_from(&self) -> Option<u64> {
        let thresholds = self.groupings.iter().filter_map(|grouping| grouping.price.threshold);
        thresholds.map(|threshold| threshold.shown_from(0.5)).max()
    }

    fn widest(
        &self,
        width: impl Fn(&Grouping) -> Result<Option<f64>, Refusal>,
    ) -> Result<Option<f64>, Refusal> {
        let widths = self.groupings.iter().map(width).collect::<Result<Vec<_>, _>>()?;
        Ok(widths.into_iter().try_fold(0.0_f64, |widest, width| Some(widest.max(width?))))
    }

    /// The same of what is computed: where it is a sum of known widths.
    fn width_of(&self, grouping: &Grouping, derived: &Derived) -> Result<Option<f64>, Refusal> {
        let each = confidence_of_each(derived.estimates().len());
        let mut widths = BTreeMap::new();
        for place in derived.estimates() {
            widths.insert(place, self.half_width(grouping, self.reading.estimates[place], each)?);
        }
        let weights = derived.weights();
        Ok(weights.and_then(|weights| {
            weights
                .into_iter()
                .map(|(place, weight)| Some(widths.get(&place).copied()?? * weight.abs()))
                .sum()
        }))
    }

    /// Half the width of an estimate's interval, where it does not depend on the data.
    fn half_width(
        &self,
        grouping: &Grouping,
        estimate: Estimate,
        confidence: f64,
    ) -> Result<Option<f64>, Refusal> {
        Ok(match estimate {
            Estimate::Count { part } => Some(grouping.price.half_width(part, confidence) as f64),
            Estimate::Sum { part, count: Some(count) } => {
                let Part::Spread(value) = &self.reading.parts[part] else { return Ok(None) };
                let middle = Contribution::of_spread(value, self.policy.rows_per_group_max)?.middle;
                let width = grouping.price.half_width_of_sum(part, middle, count, confidence);
                Some(width / 10_f64.powi(value.fixed()?.decimals().into()))
            }
            Estimate::Sum { part, count: None } => {
                let width = grouping.price.half_width(part, confidence);
                match &self.reading.parts[part] {
                    Part::Total(value) => Some(width as f64 / 10_f64.powi(value.fixed()?.decimals().into())),
                    _ => None,
                }
            }
            Estimate::Average { .. } | Estimate::Variance { .. } | Estimate::Quantile { .. } => None,
        })
    }

    /// How the answer is protected, in plain sentences; true before and after it was given.
    pub(crate) fn protection(&self) -> Vec<String> {
        let policy = &self.policy;
        let mut said = self.tables.stricter_than_alone(!self.reading.keys.is_empty());
        said.push(
            "Random noise was added to every number. Its interval holds the true number of the protected data in 95 of 100 cases.".to_owned(),
        );
        let times = |count: u32, one: &str, many: &str| {
            if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
        };
        let rows = times(policy.rows_per_group_max, "row", "rows");
        said.push(if self.reading.keys.is_empty() {
            format!("Nobody counts for more than {rows}.")
        } else {
            let groups = times(policy.groups_per_subject_max, "group", "groups");
            format!("Nobody counts in more than {groups}, nor for more than {rows} in any.")
        });
        let of_rows =
            |part: &Part| matches!(part, Part::Rows | Part::Values(_) | Part::Total(_) | Part::Spread(_));
        said.extend(policy.rows_per_subject_max.filter(|_| self.reading.parts.iter().any(of_rows)).map(|most| {
            let rows = times(most, "row", "rows");
            format!("Counts of rows, sums and averages take no more than {rows} of anybody in all groups together.")
        }));
        if self.groupings.len() > 1 {
            said.push(format!(
                "The question groups in {} ways; that holds for each of them, and each has its share of the loss.",
                self.groupings.len()
            ));
        }
        said.extend(self.what_counts());
        match (self.shown_from(), self.public_groups()) {
            (Some(shown_from), _) => said.push(format!(
                "Groups of fewer than about {shown_from} subjects are not shown, and none of fewer than {}.",
                policy.group_size_min.max(1)
            )),
            (None, Some(_)) if !self.reading.keys.is_empty() => said.push(
                "The groups are public knowledge: all are shown, also those that hold nobody, and no others."
                    .to_owned(),
            ),
            _ => {}
        }
        if self.groupings.len() > 1 && self.on_lists.is_some() {
            said.push(
                "Rows whose keys are on no public list are left out, of the totals as well.".to_owned(),
            );
        }
        said.push(format!("Rows without a value in `{}` are left out.", policy.subject));
        said.extend(self.of_products());
        let Loss { rho_nano, delta_femto } = self.loss;
        let spent = weal_privacy::Loss { rho_nano, delta_femto };
        let rho = rho_nano as f64 / 1e9;
        said.push(match epsilon_of(spent, QUOTED_DELTA) {
            Ok(epsilon) => {
                format!("The privacy loss is rho {rho} (epsilon {epsilon:.2} at delta {QUOTED_DELTA:e}).")
            }
            Err(_) => format!("The privacy loss is rho {rho}."),
        });
        said
    }

    /// Which products are about whom, and who pays, where there are several.
    fn of_products(&self) -> Vec<String> {
        let names = |private: bool| {
            let of = self.tables.all.iter().filter(|table| table.policy.is_some() == private);
            of.map(|table| format!("`{}`", table.about)).collect::<Vec<_>>()
        };
        let (private, public) = (names(true), names(false));
        let mut said = Vec::new();
        if private.len() > 1 {
            said.push(format!(
                "The strictest limits of {} hold, and each is charged the whole loss.",
                list(&private, "and")
            ));
        }
        if !public.is_empty() {
            let verb = if public.len() == 1 { "is" } else { "are" };
            said.push(format!(
                "{} {verb} about nobody: taken as published, and charged nothing.",
                list(&public, "and")
            ));
        }
        said
    }

    /// What of a value, and of how many, goes into the numbers.
    fn what_counts(&self) -> Vec<String> {
        let mut said = Vec::new();
        let square = |place: usize| {
            let of = |estimate: &Estimate| matches!(estimate, Estimate::Variance { square, .. } if *square == place);
            self.reading.estimates.iter().any(of)
        };
        let parts = self.reading.parts.iter().enumerate().filter(|(place, _)| !square(*place));
        for (_, part) in parts {
            said.push(match part {
                Part::Total(value) | Part::Spread(value) => format!(
                    "Values that are summed or averaged count as at least {} and at most {}; where many lie outside, \
                     the file's own total or average is another.",
                    value.low, value.high
                ),
                Part::Ranks(value) => format!(
                    "Quantiles are taken between {} and {}, the bounds that the owner has declared.",
                    value.low, value.high
                ),
                Part::Distinct(_) => format!(
                    "Of the different values that a subject has in a group, {} at most are counted, drawn by lot.",
                    self.policy.rows_per_group_max
                ),
                _ => continue,
            });
        }
        let extreme = |estimate: &Estimate| match estimate {
            Estimate::Quantile { fraction, .. } => fraction.0 == EXTREME || fraction.0 == 1.0 - EXTREME,
            _ => false,
        };
        if self.reading.estimates.iter().any(extreme) {
            said.push(format!(
                "MIN and MAX are the values with {} % of the rows below and above them: the very first and last \
                 belong to one subject, and cannot be told.",
                EXTREME * 100.0
            ));
        }
        said.dedup();
        said
    }
}
