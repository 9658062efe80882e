//! Whole answers under audit: from samples of what comes out for neighbouring tables, a lower bound on what is leaked,
//! held against the loss that the answer names. Every public group is a sample of its own: thousands of groups that are
//! alike, with one subject more in one of the two tables. A true claim fails by chance less than once in 10¹⁰.

use std::fmt::Write as _;

use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_domain::compute::{Answer, Cell, Loss};
use weal_domain::exchange::Statistics;
use weal_engine::Source;

use crate::auditor::{excess, lower, upper};
use crate::given::{House, owner, permit, policy};

const GROUPS: usize = 4_000;
const ANSWERS: usize = 5;
const LOSS: Loss = Loss { rho_nano: 500_000_000, delta_femto: 0 };

fn claim(loss: Loss) -> weal_privacy::Loss {
    weal_privacy::Loss { rho_nano: loss.rho_nano, delta_femto: loss.delta_femto }
}

/// What is observed of one group.
type Seen = fn(&[Cell]) -> i64;

fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Estimate { value, .. } => *value,
        other => panic!("{other:?}"),
    }
}

struct Audited {
    house: House,
    product: Product,
    source: Source,
}

impl Audited {
    /// Twelve people in each group, so that noise leaves hardly any count at 0; with one more, whose values are as far out as they can be, who is in `groups` groups
    /// one after the other.
    async fn table(with: bool, groups: u32) -> Self {
        let mut csv = String::from("person,region,wage\n");
        for group in 0..GROUPS {
            for person in 0..12 {
                writeln!(csv, "p{group}-{person},g{group:05},{}.00", 10 + person).unwrap();
            }
            if with {
                for _ in 0..3 {
                    writeln!(csv, "x{},g{group:05},1000000.00", group / groups as usize).unwrap();
                }
            }
        }
        let list = (0..GROUPS).map(|group| format!("g{group:05}")).collect();
        let policy = PrivacyPolicy {
            groups_per_subject_max: groups,
            question_loss_max: LOSS,
            public_keys: [("region".to_owned(), list)].into(),
            ..policy()
        };
        let house = House::new();
        let (product, source) = house.publish(&csv, policy).await;
        Self { house, product, source }
    }

    async fn ask(&self, sql: &str) -> Answer {
        let permit = permit::<Statistics>(None, None, LOSS);
        self.house.engine.answer(&permit, sql, &self.product, &owner(), &self.source, LOSS).await.unwrap()
    }

    /// What is seen of all groups in several answers, and the loss that each of them names.
    async fn samples(&self, sql: &str, answers: usize, seen: Seen) -> (Vec<i64>, Loss) {
        let (mut samples, mut loss) = (Vec::new(), Loss::default());
        for _ in 0..answers {
            let answer = self.ask(sql).await;
            assert_eq!(answer.rows.len(), GROUPS);
            loss = answer.loss;
            samples.extend(answer.rows.iter().map(|row| seen(row)));
        }
        (samples, loss)
    }
}

/// Audits one question, and sees that a twentieth of the loss would not have been enough to claim.
async fn audit(sql: &str, groups: u32, seen: Seen) {
    // As many samples of a subject in several groups.
    let answers = ANSWERS * groups as usize;
    let (with, loss) = Audited::table(true, groups).await.samples(sql, answers, seen).await;
    let (without, _) = Audited::table(false, groups).await.samples(sql, answers, seen).await;
    let together = |samples: Vec<i64>| -> Vec<i64> {
        samples.chunks(groups as usize).map(|cells| cells.iter().sum()).collect()
    };
    let (with, without) = (together(with), together(without));
    assert_eq!(loss, LOSS);
    let found = excess(claim(loss), &with, &without);
    assert!(found < 0.0, "{sql} leaks {found} more than claimed");
    let small = Loss { rho_nano: loss.rho_nano / 20, ..loss };
    let missed = excess(claim(small), &with, &without);
    assert!(missed > 0.0, "{sql}: the audit is blind, a twentieth of the loss would pass: {missed}");
}

#[tokio::test]
async fn counts_leak_no_more_than_they_cost() {
    audit("SELECT region, COUNT(*) FROM owner.payroll GROUP BY region", 1, |row| number(&row[1]) as i64)
        .await;
}

#[tokio::test]
async fn counts_of_subjects_leak_no_more_than_they_cost() {
    let sql = "SELECT region, COUNT(DISTINCT person) FROM owner.payroll GROUP BY region";
    audit(sql, 1, |row| number(&row[1]) as i64).await;
}

#[tokio::test]
async fn sums_leak_no_more_than_they_cost() {
    let sql = "SELECT region, SUM(wage) FROM owner.payroll GROUP BY region";
    audit(sql, 1, |row| (number(&row[1]) * 100.0) as i64).await;
}

#[tokio::test]
async fn two_totals_together_leak_no_more_than_they_cost() {
    // One subject moves the count by 2 rows and the sum by 10,000. What tells most is each total times how far it is moved,
    // over its variance, whatever share of the loss it has.
    let sql = "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll GROUP BY region";
    audit(sql, 1, |row| {
        let weighed = |cell: &Cell, moved: f64| match cell {
            Cell::Estimate { value, low, high } => moved * value / (high - low).powi(2),
            other => panic!("{other:?}"),
        };
        (1e6 * (weighed(&row[1], 2.0) + weighed(&row[2], 10_000.0))) as i64
    })
    .await;
}

#[tokio::test]
async fn a_subject_in_four_groups_leaks_no_more_than_it_costs() {
    audit("SELECT region, COUNT(*) FROM owner.payroll GROUP BY region", 4, |row| number(&row[1]) as i64)
        .await;
}

#[tokio::test]
async fn groups_of_one_are_shown_no_more_often_than_delta_says() {
    const SINGLES: u64 = 20_000;
    // A hundredth: large, so that it can be measured.
    const SPENT: Loss = Loss { rho_nano: 500_000_000, delta_femto: 10_000_000_000_000 };
    let csv = (0..SINGLES)
        .fold(String::from("person,region\n"), |csv, group| csv + &format!("p{group},g{group}\n"));
    let policy = PrivacyPolicy { groups_per_subject_max: 1, question_loss_max: SPENT, ..policy() };
    let house = House::new();
    let (product, source) = house.publish(&csv, policy).await;
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let permit = permit::<Statistics>(None, None, SPENT);
    let mut shown = 0;
    for _ in 0..3 {
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, SPENT).await.unwrap();
        shown += answer.rows.len() as u64;
    }
    let delta = SPENT.delta_femto as f64 / 1e15;
    assert!(lower(shown, 3 * SINGLES, 1e-11) <= delta, "{shown} of {} against {delta}", 3 * SINGLES);
    assert!(upper(shown, 3 * SINGLES, 1e-11) > delta / 100.0, "{shown}: so few that it could not fail");
}

#[tokio::test]
async fn the_choice_of_groups_is_another_in_each_answer() {
    const PLENTY: Loss = Loss { rho_nano: 5_000_000_000, delta_femto: 0 };
    let csv = (0..2_000).fold(String::from("person,region\n"), |csv, person| {
        csv + &format!("p{person},north\np{person},south\n")
    });
    let policy = PrivacyPolicy {
        groups_per_subject_max: 1,
        rows_per_group_max: 1,
        rows_per_subject_max: None,
        question_loss_max: PLENTY,
        public_keys: [("region".to_owned(), vec!["north".to_owned(), "south".to_owned()])].into(),
        ..policy()
    };
    let house = House::new();
    let (product, source) = house.publish(&csv, policy).await;
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let permit = permit::<Statistics>(None, None, PLENTY);
    let mut counts = Vec::new();
    for _ in 0..12 {
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, PLENTY).await.unwrap();
        counts.push(number(&answer.rows[0][1]));
    }
    // Noise deviates by 0.3 and the choice by 22: twelve choices within 6 of each other come less than once in 10⁸ runs.
    let (least, most) =
        counts.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!(most - least > 6.0, "{counts:?}");
}
