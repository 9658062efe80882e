//! Whole answers: what a preview promises, what is released, and what is done with it afterwards.

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Answer, Cell, ColumnRole, Loss, Preview};
use weal_domain::exchange::Statistics;
use weal_engine::exact::ExactAnswer;

use crate::given::{House, owner, payroll, permit, policy};

/// So much loss that noise is small against the numbers of these tests, and still noise.
const PLENTY: Loss = Loss { rho_nano: 5_000_000_000, delta_femto: 10_000_000_000 };

fn generous() -> PrivacyPolicy {
    PrivacyPolicy { question_loss_max: PLENTY, group_size_min: 5, ..policy() }
}

/// 400 people in `north`, 100 in `south`, 3 in `islet`: wages 1000 and 3000 by turns.
fn people() -> String {
    let mut csv = String::from("person,region,wage,hours\n");
    for i in 0..503 {
        let region = match i {
            0..400 => "north",
            400..500 => "south",
            _ => "islet",
        };
        let wage = if i % 2 == 0 { 1000 } else { 3000 };
        csv += &format!("p{i},{region},{wage}.00,{}\n", i % 40);
        if i % 10 == 0 {
            csv += &format!("p{i},{region},{wage}.00,{}\n", i % 40);
        }
    }
    csv
}

async fn ask(house: &House, sql: &str, policy: PrivacyPolicy, filter: Option<&str>) -> Answer {
    let (product, source) = house.publish(&people(), policy).await;
    let loss = house.engine.preview(sql, &product, &owner(), None, Some(PLENTY)).unwrap().loss;
    let permit = permit::<Statistics>(None, filter, loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
    assert_eq!(answer.loss, loss);
    answer
}

fn key(cell: &Cell) -> &str {
    match cell {
        Cell::Key(key) => key.as_deref().unwrap_or("NULL"),
        other => panic!("{other:?} is no key"),
    }
}

fn near(cell: &Cell, truth: f64, within: f64) {
    let Cell::Estimate { value, low, high } = cell else { panic!("{cell:?} is no estimate") };
    assert!(low <= value && value <= high, "{cell:?}");
    assert!((value - truth).abs() <= within, "{cell:?} should be near {truth}");
}

#[tokio::test]
async fn counts_sums_and_averages_come_with_intervals_and_small_groups_do_not_come() {
    let house = House::new();
    let sql =
        "SELECT region, COUNT(*) AS heads, SUM(wage) AS paid, AVG(wage) FROM owner.payroll GROUP BY region";
    let answer = ask(&house, sql, generous(), None).await;
    let names: Vec<_> = answer.columns.iter().map(|column| (column.name.as_str(), column.role)).collect();
    let estimate = ColumnRole::Estimate;
    assert_eq!(
        names,
        [("region", ColumnRole::Key), ("heads", estimate), ("paid", estimate), ("AVG(wage)", estimate)]
    );
    let regions: Vec<_> = answer.rows.iter().map(|row| key(&row[0])).collect();
    assert_eq!(regions, ["north", "south"], "three subjects are too few");
    // Noise here has deviations of 2.2 rows, 11,000 of money in all and 13 on average. These are 8 of them or more, which
    // come less than once in 10¹⁴ runs.
    near(&answer.rows[0][1], 440.0, 25.0);
    near(&answer.rows[0][2], 840_000.0, 90_000.0);
    near(&answer.rows[0][3], 1909.0, 150.0);
    near(&answer.rows[1][1], 110.0, 25.0);
    assert_eq!(answer.confidence, 0.95);
    // The last sentence has a number of its own, and is tried in `totals`.
    let (withheld, said) = answer.protection.split_last().unwrap();
    assert!(withheld.starts_with("Groups by `region` that are not shown"), "{withheld}");
    insta::assert_snapshot!(said.join("\n"), @r"
    Random noise was added to every number. Its interval holds the true number of the protected data in 95 of 100 cases.
    Nobody counts in more than 3 groups, nor for more than 2 rows in any.
    Values that are summed or averaged count as at least 0 and at most 5000; where many lie outside, the file's own total or average is another.
    Groups of fewer than about 12 subjects are not shown, and none of fewer than 5.
    Rows without a value in `person` are left out.
    The privacy loss is rho 5.
    ");
}

/// What is asked for of the same values is made of the same noisy numbers.
#[tokio::test]
async fn a_sum_over_its_count_is_the_average_that_is_shown() {
    let house = House::new();
    let sql = "SELECT region, AVG(wage), SUM(wage), COUNT(wage), SUM(wage) / COUNT(wage) FROM owner.payroll GROUP BY region";
    let answer = ask(&house, sql, generous(), None).await;
    assert_eq!(answer.rows.len(), 2);
    for row in &answer.rows {
        let [average, sum, count, quotient] = [1, 2, 3, 4].map(|place| match row[place] {
            Cell::Estimate { value, low, high } => {
                assert!(low < value && value < high);
                value
            }
            ref other => panic!("{other:?}"),
        });
        assert!((sum / count - average).abs() < 1e-6 && (quotient - average).abs() < 1e-6);
    }
    // The count that chooses the groups, the count of values, and their distance from the middle; then what is
    // withheld.
    let preview = house.engine.preview(sql, &payroll(generous()), &owner(), None, None).unwrap();
    let [chosen, values, spread, _] = &preview.releases[..] else { panic!("{:?}", preview.releases) };
    for part in [values, spread] {
        assert!(part.loss.rho_nano.abs_diff(2 * chosen.loss.rho_nano) <= 4);
    }
}

#[tokio::test]
async fn the_row_filter_of_the_agreement_comes_before_the_question() {
    let house = House::new();
    let answer =
        ask(&house, "SELECT COUNT(*) FROM owner.payroll", generous(), Some("region = 'south'")).await;
    near(&answer.rows[0][0], 110.0, 25.0);
}

#[tokio::test]
async fn public_groups_are_shown_even_empty_and_nothing_else_is() {
    let house = House::new();
    let mut policy = generous();
    policy.public_keys.insert("region".into(), ["south", "east", "islet"].map(String::from).to_vec());
    let sql = "SELECT region, COUNT(*), AVG(wage) FROM owner.payroll GROUP BY region";
    let answer = ask(&house, sql, policy.clone(), None).await;
    let regions: Vec<_> = answer.rows.iter().map(|row| key(&row[0])).collect();
    assert_eq!(regions, ["east", "islet", "south"]);
    near(&answer.rows[0][1], 0.0, 25.0);
    assert_eq!(answer.loss.delta_femto, 0, "no threshold, no delta");
    // The question's own condition on a public column is public too.
    let sql = "SELECT upper(region) AS r, COUNT(*) FROM owner.payroll WHERE region <> 'east' AND hours > 3 GROUP BY upper(region)";
    let answer = ask(&house, sql, policy, None).await;
    let regions: Vec<_> = answer.rows.iter().map(|row| key(&row[0])).collect();
    assert_eq!(regions, ["ISLET", "SOUTH"]);
}

/// Minus zero is zero: the group that the list makes of it is the one that rows are found in.
#[tokio::test]
async fn a_public_group_by_a_negated_zero_holds_its_rows() {
    let house = House::new();
    let mut csv = String::from("person,region,wage,hours\n");
    (0..400).for_each(|i| csv += &format!("p{i},north,0.00,{}\n", i % 7));
    csv += "q,north,0.50,1\n";
    let mut policy = generous();
    policy.public_keys.insert("wage".into(), ["0", "1.5"].map(String::from).to_vec());
    let (product, source) = house.publish(&csv, policy).await;
    let sql = "SELECT wage * -1, COUNT(*) FROM owner.payroll GROUP BY wage * -1 ORDER BY 1 DESC";
    let loss = house.engine.preview(sql, &product, &owner(), None, Some(PLENTY)).unwrap().loss;
    let permit = permit::<Statistics>(None, None, loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
    assert_eq!(answer.rows.len(), 2, "{:?}", answer.rows);
    near(&answer.rows[0][1], 400.0, 25.0);
    near(&answer.rows[1][1], 0.0, 25.0);
}

#[tokio::test]
async fn having_order_and_limit_work_on_what_was_released() {
    let house = House::new();
    let sql = "SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region HAVING COUNT(*) > 50 ORDER BY n DESC LIMIT 5";
    let answer = ask(&house, sql, generous(), None).await;
    assert_eq!(answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(), ["north", "south"]);
    let sql =
        "SELECT region FROM owner.payroll GROUP BY region ORDER BY AVG(wage), region DESC LIMIT 1 OFFSET 1";
    assert_eq!(ask(&house, sql, generous(), None).await.rows.len(), 1);
    let sql = "SELECT hours % 4 AS h, COUNT(*) FROM owner.payroll GROUP BY 1 ORDER BY h DESC";
    let answer = ask(&house, sql, generous(), None).await;
    assert_eq!(
        answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(),
        ["3", "2", "1", "0"],
        "as numbers"
    );
    let sql =
        "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region HAVING 1 / (COUNT(*) - COUNT(*)) > 0";
    assert!(ask(&house, sql, generous(), None).await.rows.len() <= 2, "and cannot fail");
}

#[tokio::test]
async fn nothing_found_is_an_answer_like_any_other() {
    let house = House::new();
    let sql = "SELECT COUNT(*), AVG(wage) FROM owner.payroll WHERE wage = 12345";
    let answer = ask(&house, sql, generous(), None).await;
    assert_eq!(answer.rows.len(), 1);
    near(&answer.rows[0][0], 0.0, 25.0);
    let sql = "SELECT region, COUNT(*) FROM owner.payroll WHERE wage = 12345 GROUP BY region";
    assert!(ask(&house, sql, generous(), None).await.rows.is_empty());
}

#[tokio::test]
async fn each_answer_draws_its_own_noise() {
    let house = House::new();
    let sql = "SELECT SUM(wage) FROM owner.payroll";
    let first = ask(&house, sql, policy(), None).await;
    let second = ask(&house, sql, policy(), None).await;
    // In cents, with a deviation of 2.2 million of them: two draws agree once in 8 million runs.
    assert_ne!(first.rows, second.rows);
}

#[test]
fn a_preview_reads_nothing_and_names_the_price() {
    let house = House::new();
    let product = payroll(policy());
    let preview = |sql: &str, loss| house.engine.preview(sql, &product, &owner(), None, loss).unwrap();
    let sql = "SELECT region, COUNT(*), SUM(wage), AVG(wage) FROM owner.payroll GROUP BY region";
    let by_default = preview(sql, None);
    assert_eq!(by_default.loss, policy().question_loss_default);
    // Capped, and the same again when the node passes it on.
    let most = preview(sql, Some(Loss { rho_nano: u64::MAX, delta_femto: u64::MAX }));
    assert_eq!(most.loss, policy().question_loss_max);
    assert_eq!(preview(sql, Some(most.loss)), Preview { cut: None, ..most.clone() });
    assert!(most.cut.is_some(), "and it is said");
    assert!(most.half_widths[0] < by_default.half_widths[0], "more loss, less noise");
    assert!(most.shown_from < by_default.shown_from);
    assert_eq!(by_default.half_widths[2], None, "of an average it depends on the data");
    let total = preview("SELECT COUNT(*) FROM owner.payroll", None);
    assert_eq!((total.loss.delta_femto, total.shown_from), (0, None));
    // What accountants are told is tried in `accounted`, what would be sharper in `advice`.
    let told = Preview { releases: Vec::new(), advice: Vec::new(), ..by_default };
    insta::assert_json_snapshot!(told, @r#"
    {
      "loss": {
        "rho_nano": 100000000,
        "delta_femto": 1000000000
      },
      "columns": [
        {
          "name": "region",
          "role": "key"
        },
        {
          "name": "COUNT(*)",
          "role": "estimate"
        },
        {
          "name": "SUM(wage)",
          "role": "estimate"
        },
        {
          "name": "AVG(wage)",
          "role": "estimate"
        }
      ],
      "half_widths": [
        29.0,
        103937.79,
        null
      ],
      "shown_from": 54,
      "explanation": [
        "Random noise was added to every number. Its interval holds the true number of the protected data in 95 of 100 cases.",
        "Nobody counts in more than 3 groups, nor for more than 2 rows in any.",
        "Values that are summed or averaged count as at least 0 and at most 5000; where many lie outside, the file's own total or average is another.",
        "Groups of fewer than about 54 subjects are not shown, and none of fewer than 1.",
        "Rows without a value in `person` are left out.",
        "The privacy loss is rho 0.1.",
        "How many subjects are in groups that are not shown is told as well, ± 93; report_suppressed = false would leave that out."
      ]
    }
    "#);
}

#[tokio::test]
async fn an_answer_costs_no_more_than_the_permit_allows() {
    let house = House::new();
    let (product, source) = house.publish(&people(), generous()).await;
    let little = Loss { rho_nano: 1_000_000, delta_femto: 1_000_000 };
    let permit = permit::<Statistics>(None, None, little);
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, PLENTY).await.unwrap();
    assert_eq!(answer.loss, little);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_larger_than_memory_goes_by_way_of_the_disk() {
    let house = House::with(|limits| limits.memory_bytes_max = 40 << 20);
    let mut csv = String::from("person,region,wage\n");
    for i in 0..300_000_u32 {
        csv += &format!("{:032x},r{},1\n", i.wrapping_mul(2_654_435_761), i % 7);
    }
    let (product, source) = house.publish(&csv, generous()).await;
    let sql = "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll GROUP BY region";
    let exact = ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true)).await.unwrap();
    assert_eq!(exact.groups.iter().map(|(_, subjects, _)| subjects).sum::<i64>(), 300_000);
}

fn estimate(cell: &Cell) -> (f64, f64, f64) {
    let Cell::Estimate { value, low, high } = cell else { panic!("{cell:?} is no estimate") };
    (*value, *low, *high)
}

/// What is computed in the question is what one computes from its columns, and no surer than they are.
#[tokio::test]
async fn arithmetic_over_released_numbers_costs_nothing_and_carries_their_intervals() {
    let house = House::new();
    let sql = "SELECT region, COUNT(*), SUM(wage), SUM(wage) / COUNT(*) AS mean, COUNT(*) / 3 AS third, \
               COUNT(*) - COUNT(*) AS none, ROUND(100 * COUNT(hours) / COUNT(*), 1) AS share, \
               ABS(COUNT(*) - 1000) * COUNT(*) AS area, -SUM(wage) + 2 * COUNT(*) AS mixed, \
               COUNT(*) / (COUNT(*) - COUNT(wage)) AS unknown \
               FROM owner.payroll GROUP BY region HAVING SUM(wage) / COUNT(*) > 0 ORDER BY mean";
    let answer = ask(&house, sql, generous(), None).await;
    assert!(!answer.rows.is_empty());
    for row in &answer.rows {
        let (count, sum) = (estimate(&row[1]), estimate(&row[2]));
        let same = |column: usize, value: f64| {
            let (found, low, high) = estimate(&row[column]);
            assert!(
                (found - value).abs() <= value.abs() * 1e-12,
                "{}: {found} {value}",
                answer.columns[column].name
            );
            assert!(low <= found && found <= high);
            (low, high)
        };
        let (low, high) = same(3, sum.0 / count.0);
        assert!(low <= sum.1 / count.2 && sum.2 / count.1 <= high, "both ends of both intervals are within");
        // One estimate alone is no less sure for a factor.
        let (low, high) = same(4, count.0 / 3.0);
        assert!((low - count.1 / 3.0).abs() < 1e-9 && (high - count.2 / 3.0).abs() < 1e-9);
        assert_eq!(estimate(&row[5]), (0.0, 0.0, 0.0), "what is taken from itself leaves nothing");
        let (share, ..) = estimate(&row[6]);
        assert!((share * 10.0).fract() == 0.0 && (90.0..110.0).contains(&share), "{share}");
        let (low, high) = same(7, (count.0 - 1000.0).abs() * count.0);
        assert!(low <= (1000.0 - count.2) * count.1 && (1000.0 - count.1) * count.2 <= high);
        same(8, 2.0 * count.0 - sum.0);
        assert_eq!(row[9], Cell::Unknown, "a divisor that may be 0");
    }
}

#[tokio::test]
async fn a_preview_knows_the_width_of_a_sum_of_estimates_and_of_no_quotient() {
    let house = House::new();
    let (product, _) = house.publish(&people(), generous()).await;
    let widths = |select: &str| {
        let sql = format!("SELECT region, {select} FROM owner.payroll GROUP BY region");
        house.engine.preview(&sql, &product, &owner(), None, Some(PLENTY)).unwrap().half_widths
    };
    let [count, double, none, quotient] =
        widths("COUNT(*), 2 * COUNT(*) + 1, COUNT(*) - COUNT(*), COUNT(*) / SUM(wage)")[..]
    else {
        panic!("four columns have four widths")
    };
    let count = count.expect("a count's width is known");
    assert!((double.expect("known") - 2.0 * count).abs() < 1e-9);
    assert_eq!((none, quotient), (Some(0.0), None));
    // Both must hold at once, so each is taken wider than by itself.
    let [sum, both, wage] = widths("COUNT(*) + SUM(wage), COUNT(*), SUM(wage)")[..] else { panic!("three") };
    assert!(sum > both.zip(wage).map(|(both, wage)| both + wage));
}

#[tokio::test]
async fn what_keeps_the_order_of_numbers_keeps_their_intervals() {
    let house = House::new();
    let sql = "SELECT region, COUNT(*), SUM(wage), SUM(wage) / NULLIF(COUNT(*), 0) AS mean, GREATEST(COUNT(*), 200) AS most, \
               LEAST(COUNT(*), 200, SUM(wage)) AS least, FLOOR(COUNT(*) / 3) AS below, CEIL(COUNT(*) / 3) AS above, \
               NULLIF(COUNT(*) - COUNT(*), 0) AS nothing FROM owner.payroll GROUP BY region ORDER BY region";
    let answer = ask(&house, sql, generous(), None).await;
    let roles: Vec<_> = answer.columns.iter().map(|column| column.role).collect();
    assert_eq!(roles[1..], [ColumnRole::Estimate; 8]);
    for row in &answer.rows {
        let (count, sum) = (estimate(&row[1]), estimate(&row[2]));
        let (mean, low, high) = estimate(&row[3]);
        assert!((mean - sum.0 / count.0).abs() < 1e-9 && low <= sum.1 / count.2 && sum.2 / count.1 <= high);
        assert_eq!(estimate(&row[4]), (count.0.max(200.0), count.1.max(200.0), count.2.max(200.0)));
        // Of two estimates each must hold with more, so their intervals are wider here.
        let least = |count: f64, sum: f64| count.min(200.0).min(sum);
        let (value, low, high) = estimate(&row[5]);
        assert_eq!(value, least(count.0, sum.0));
        assert!(low <= least(count.1, sum.1) && least(count.2, sum.2) <= high);
        assert_eq!(estimate(&row[6]).0, (count.0 / 3.0).floor());
        let (above, low, high) = estimate(&row[7]);
        assert!(low <= above && above <= high && above == (count.0 / 3.0).ceil());
        assert_eq!(row[8], Cell::Unknown, "NULL");
    }
}

/// The three fit each other, since the average and the sum follow from one count and one sum of distances.
#[tokio::test]
async fn an_average_is_the_sum_by_the_count_where_all_are_asked() {
    let house = House::new();
    let sql = "SELECT region, COUNT(wage) AS n, SUM(wage) AS paid, AVG(wage) AS mean FROM owner.payroll GROUP BY region";
    for policy in [policy(), generous()] {
        let mut policy = policy;
        policy
            .public_keys
            .insert("region".into(), ["north", "south", "islet", "empty"].map(String::from).to_vec());
        let answer = ask(&house, sql, policy, None).await;
        assert_eq!(answer.rows.len(), 4);
        for row in &answer.rows {
            let (n, paid) = (estimate(&row[1]), estimate(&row[2]));
            match row[3] {
                Cell::Unknown => assert_eq!((n.0, paid.0), (0.0, 0.0)),
                _ => assert!((estimate(&row[3]).0 - paid.0 / n.0).abs() < 1e-6, "{row:?}"),
            }
        }
    }
    // A sum alone has a release of its own.
    let (product, _) = house.publish(&people(), generous()).await;
    let preview = |select: &str| {
        let sql = format!("SELECT {select} FROM owner.payroll");
        house.engine.preview(&sql, &product, &owner(), None, Some(PLENTY)).unwrap()
    };
    let releases = |select: &str| preview(select).releases.iter().map(|release| release.count).sum::<u64>();
    assert_eq!(
        ["COUNT(wage), SUM(wage), AVG(wage)", "SUM(wage), AVG(wage)", "SUM(wage)"].map(releases),
        [2, 2, 1]
    );
}

/// Of 600 answers 30 miss on average; more than 65 would be six deviations and a half. With half of the noise forgotten
/// a hundred would.
#[tokio::test]
async fn the_interval_of_a_sum_beside_an_average_holds_the_truth() {
    let house = House::new();
    let (product, source) = house.publish(&people(), policy()).await;
    let sql = "SELECT SUM(wage), AVG(wage) FROM owner.payroll WHERE region = 'north'";
    let loss = policy().question_loss_default;
    let permit = permit::<Statistics>(None, None, loss);
    let expected =
        house.engine.preview(sql, &product, &owner(), None, Some(loss)).unwrap().half_widths[0].unwrap();
    let mut missed = 0;
    for _ in 0..600 {
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
        let (value, low, high) = estimate(&answer.rows[0][0]);
        missed += u32::from(!(low..=high).contains(&840_000.0));
        assert!(low <= value && ((high - low) / 2.0 - expected).abs() < 1.0, "{low} {high} {expected}");
    }
    assert!((1..=65).contains(&missed), "{missed}");
}
