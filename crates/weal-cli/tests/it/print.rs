//! Tables, intervals, numbers and CSV as people and programs read them.

use std::time::Duration;

use weal_cli::print::number::{bytes, decimal, duration, interval, loss, power, thousands, time};
use weal_cli::print::{Table, csv};
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss, TotalsFit};

fn answer() -> Answer {
    let column = |name: &str, role| AnswerColumn { name: name.into(), role };
    let key = |text: &str| Cell::Key(Some(text.into()));
    let estimate = |value: f64, half: f64| Cell::Estimate { value, low: value - half, high: value + half };
    Answer {
        columns: vec![
            column("region", ColumnRole::Key),
            column("people", ColumnRole::Estimate),
            column("wage", ColumnRole::Estimate),
        ],
        rows: vec![
            vec![key("eastmere"), estimate(12_345.0, 19.0), estimate(2_811.44, 12.5)],
            vec![key("a,\"quoted\" name"), estimate(98.0, 19.0), Cell::Unknown],
            vec![
                Cell::Key(None),
                estimate(1_204.0, 119.0),
                Cell::Estimate { value: 900.0, low: 850.0, high: 1_100.0 },
            ],
        ],
        loss: Loss { rho_nano: 50_000_000, delta_femto: 0 },
        confidence: 0.95,
        protection: vec![],
        totals: None,
        withheld: Vec::new(),
        drawing: None,
    }
}

#[test]
fn a_total_says_what_it_is_over() {
    let mut answer = Answer { totals: Some(TotalsFit::Exact), ..answer() };
    let mut total = answer.rows[0].clone();
    total[0] = Cell::Key(None);
    answer.rows.push(total);
    assert!(Table::of_answer(&answer).to_string().contains("(all)"));
    answer.totals = Some(TotalsFit::Apart);
    assert!(!Table::of_answer(&answer).to_string().contains("(all)"), "it may be a group without a name");
}

#[test]
fn an_answer_is_a_table_whose_intervals_line_up() {
    insta::assert_snapshot!("answer-table", Table::of_answer(&answer()).to_string());
}

#[test]
fn an_answer_is_csv_with_both_ends_of_every_interval() {
    let text = csv::of_answer(&answer());
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "region,people,people_low,people_high,wage,wage_low,wage_high");
    assert_eq!(lines[1], "eastmere,12345,12326,12364,2811.44,2798.94,2823.94");
    assert_eq!(lines[2], "\"a,\"\"quoted\"\" name\",98,79,117,,,");
    assert_eq!(lines[3], ",1204,1085,1323,900,850,1100");
}

#[test]
fn rows_are_csv_without_the_marks_of_json() {
    let columns = ["name".to_owned(), "n".to_owned()];
    let rows =
        [vec![serde_json::json!("a\nb"), serde_json::json!(3)], vec![serde_json::json!(null), true.into()]];
    assert_eq!(csv::of_rows(&columns, &rows), "name,n\r\n\"a\nb\",3\r\n,true\r\n");
}

#[test]
fn a_cell_cannot_draw_outside_its_place() {
    let mut table = Table::new(&["name", ">n"]);
    table.row(["two\nlines\u{1b}[31m", "1"]);
    let text = table.to_string();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn intervals_show_two_figures_of_their_width() {
    assert_eq!(interval(1_234.4, 1_178.1, 1_290.7), "1,234 ± 56");
    assert_eq!(interval(12.345, 9.9, 14.79), "12.3 ± 2.4");
    assert_eq!(interval(0.5, 0.45, 0.55), "0.500 ± 0.050");
    assert_eq!(interval(900.0, 850.0, 1_100.0), "900 (850 to 1,100)");
    assert_eq!(interval(-1_500.2, -1_600.2, -1_400.2), "-1,500 ± 100");
    assert_eq!(interval(7.0, 7.0, 7.0), "7 ± 0");
    assert_eq!(interval(511.0, 505.0, 517.0), "511 ± 6", "whole counts stay whole");
}

#[test]
fn numbers_are_grouped_and_rounded() {
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(999), "999");
    assert_eq!(thousands(1_000), "1,000");
    assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    assert_eq!(decimal(1_234_567.891, 2), "1,234,567.89");
    assert_eq!(decimal(-0.4, 0), "0", "there is no minus nothing");
    assert_eq!(decimal(f64::NAN, 2), "NaN");
    assert_eq!(power(1.000_000_000_000_000_2e-6), "1e-6");
    assert_eq!(power(2.5e-9), "2.5e-9");
    assert_eq!(loss(Loss { rho_nano: 5_000_000, delta_femto: 1_000_000 }), "ρ 0.005, δ 1e-9");
    assert_eq!(loss(Loss { rho_nano: 50_000_000, delta_femto: 0 }), "ρ 0.05");
    assert_eq!(bytes(999), "999 B");
    assert_eq!(bytes(1_234), "1.2 KB");
    assert_eq!(bytes(40_000_000), "40 MB");
    assert_eq!(duration(Duration::from_micros(80)), "80 µs");
    assert_eq!(duration(Duration::from_millis(47)), "47 ms");
    assert_eq!(duration(Duration::from_millis(2_340)), "2.3 s");
    assert_eq!(duration(Duration::from_secs(130)), "2 min 10 s");
    assert_eq!(time("2026-05-01T12:33:05.125Z".parse().expect("a time")), "2026-05-01 12:33:05 UTC");
}
