//! The demo: its pieces, and the whole of it as a new user starts it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weal_cli::demo::truth::{Coverage, Truth, coverage, is_near, misses_max};
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss};

use super::{err, out, run, weal};

/// One demo at a time: each asks for ports, lets go of them, and has its nodes take them.
static DEMO: Mutex<()> = Mutex::new(());

#[test]
fn chance_alone_fails_no_demo() {
    // Summed with whole numbers elsewhere: 100 intervals miss more than 20 times with a probability of 2.1e-8, and more
    // than 19 times with one of 1e-7 or more.
    assert_eq!([0, 1, 18, 100, 144].map(misses_max), [0, 1, 8, 20, 24]);
    let cell = Cell::Estimate { value: 100.0, low: 90.0, high: 110.0 };
    assert!(is_near(&cell, 70.0) && is_near(&cell, 130.0) && !is_near(&cell, 69.0) && !is_near(&cell, 131.0));
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
        totals: None,
        withheld: Vec::new(),
        drawing: None,
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

/// The demo of the README, small: all nine steps hold, and nothing is left behind.
#[test]
fn the_whole_demo_holds() {
    let _alone = DEMO.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = run(&["--json", "demo", "--check", "--people", "2000"]);
    let said = format!("{}\n{}", out(&ended), err(&ended));
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_str(&out(&ended)).expect("JSON");
    assert_eq!(report["ok"], true);
    let steps = report["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 9, "{said}");
    assert!(steps.iter().filter(|step| !step["checks"].as_array().expect("checks").is_empty()).count() >= 8);
}

/// Killed hard, the demo cannot tell its nodes to stop; they notice by themselves.
#[test]
fn no_node_outlives_the_demo() {
    let _alone = DEMO.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().to_str().expect("a name").to_owned();
    let mut child = weal(&["demo", "--people", "1000", "--folder", &name])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let told = BufReader::new(child.stdout.take().expect("piped"));
    let portals: Vec<String> = told
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.starts_with("3/9"))
        .filter_map(|line| {
            line.split_whitespace().find_map(|word| word.strip_prefix("http://").map(str::to_owned))
        })
        .collect();
    assert_eq!(portals.len(), 4, "four nodes answer");
    child.kill().expect("killed");
    child.wait().expect("gone");
    let deadline = Instant::now() + Duration::from_secs(60);
    for portal in portals {
        let address = portal.parse().expect("an address");
        while std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            assert!(Instant::now() < deadline, "{portal} still answers");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
