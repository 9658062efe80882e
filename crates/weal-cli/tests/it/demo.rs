//! The demo's pieces.

use weal_cli::demo::median::of_bands;
use weal_cli::demo::truth::{Coverage, Truth, coverage};
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss};

use super::{err, run};

#[test]
fn a_median_lies_where_half_of_the_people_are() {
    // 100 people, the 50th in the middle of the band from 2,000 to 2,500.
    assert_eq!(of_bands(&[10.0, 10.0, 20.0, 20.0, 20.0, 10.0, 10.0]), Some(2_250.0));
    assert_eq!(of_bands(&[100.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), Some(500.0));
    assert_eq!(
        of_bands(&[-5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0]),
        Some(7_000.0),
        "noise below zero counts as none"
    );
    assert_eq!(of_bands(&[3.0, 2.0, 1.0, -1.0, 0.0, 0.0, 2.0]), None, "too few people to say anything");
}

#[test]
fn coverage_counts_the_intervals_that_hold_the_truth() {
    let column = |name: &str, role| AnswerColumn { name: name.into(), role };
    let row = |key: &str, value: f64| {
        vec![
            Cell::Key(Some(key.into())),
            Cell::Estimate { value, low: value - 2.0, high: value + 2.0 },
            Cell::Unknown,
        ]
    };
    let answer = Answer {
        columns: vec![
            column("region", ColumnRole::Key),
            column("people", ColumnRole::Estimate),
            column("wage", ColumnRole::Estimate),
        ],
        rows: vec![row("north", 11.0), row("south", 20.0), row("empty", 1.0)],
        loss: Loss::default(),
        confidence: 0.95,
        protection: vec![],
    };
    let key = |name: &str| vec![Some(name.to_owned())];
    let truth = Truth::from([
        (key("north"), vec![Some(10.0), Some(1.0)]),
        (key("south"), vec![Some(23.0), Some(1.0)]),
        (key("hidden"), vec![Some(3.0), Some(1.0)]),
    ]);
    assert_eq!(coverage(&answer, &truth), Coverage { cells: 2, held: 1 });
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine"), "precious").expect("written");
    let ended = run(&["demo", "--check", "--folder", folder.path().to_str().expect("a name")]);
    assert_eq!(ended.status.code(), Some(2), "{}", err(&ended));
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
}
