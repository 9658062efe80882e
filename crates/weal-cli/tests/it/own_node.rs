//! One's own node from the command line: made, run, fed, asked, backed up.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{err, out, port, weal};

const PASSWORD: &str = "correct horse battery";

/// A node that runs in a folder of its own until it is dropped.
struct Node {
    folder: TempDir,
    serving: Child,
}

impl Node {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = port().local_addr().expect("an address");
        let made = command(folder.path(), &["init", "revenue", "--governs", "--listen", &listen.to_string()])
            .env("WEAL_PASSWORD", PASSWORD)
            .output()
            .expect("run");
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        let serving = command(folder.path(), &["serve", "--node", "revenue", "--exit-with-parent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let node = Self { folder, serving };
        let deadline = Instant::now() + Duration::from_secs(60);
        while node.run(&["status"]).status.code() != Some(0) {
            assert!(Instant::now() < deadline, "the node is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        node
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).env("WEAL_NODE", "revenue").output().expect("run")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", err(&ended));
        serde_json::from_str(&out(&ended)).expect("JSON")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Its standard input ends, and with it the node.
        drop(self.serving.stdin.take());
        let _ = self.serving.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = weal(arguments);
    command.current_dir(folder);
    command
}

#[test]
fn a_table_is_published_as_its_owner_says() {
    let node = Node::start();
    let rows: String = (0..60).map(|n| format!("{n},{},{}\n", ["north", "south"][n % 2], n % 10)).collect();
    std::fs::write(node.folder.path().join("small.csv"), format!("who,region,amount\n{rows}"))
        .expect("written");

    let unasked = node.run(&["publish", "small.csv", "--purpose", "fraud"]);
    assert_eq!(unasked.status.code(), Some(2), "nobody is there to answer: {}", err(&unasked));
    assert!(err(&unasked).contains("--yes"), "{}", err(&unasked));
    let unknown = node.run(&["publish", "small.csv", "--subject", "nobody", "--yes"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", err(&unknown));

    let published = node.json(&[
        "publish",
        "small.csv",
        "--subject",
        "who",
        "--class",
        "personal",
        "--public",
        "region=north,south,west",
        "--bounds",
        "amount=0..10",
        "--purpose",
        "fraud",
        "--yes",
    ]);
    let privacy = &published["product"]["privacy"];
    assert_eq!(privacy["subject"], "who");
    assert_eq!(privacy["bounds"]["amount"]["high"], 10.0);
    assert_eq!(privacy["public_keys"]["region"], serde_json::json!(["north", "south", "west"]));
    let modes: Vec<&str> = published["offers"]
        .as_array()
        .expect("offers")
        .iter()
        .filter_map(|offer| offer["mode"].as_str())
        .collect();
    assert_eq!(modes, ["metadata", "statistics"]);
    let budget = &published["offers"][1]["terms"]["budget"];
    assert_eq!(budget["rho_nano"].as_u64(), privacy["budget"]["rho_nano"].as_u64().map(|whole| whole / 2));

    let again = node.json(&[
        "publish",
        "small.csv",
        "--subject",
        "none",
        "--class",
        "open",
        "--offer",
        "none",
        "--yes",
    ]);
    assert_eq!(again["product"]["version"], 2);
    assert_eq!(again["product"]["privacy"], Value::Null);

    let contract = node.run(&["products", "small", "--contract"]);
    assert!(out(&contract).starts_with("apiVersion: v3.1.0"), "{}", out(&contract));
}

#[test]
fn rows_that_may_be_persons_are_not_offered_by_yes_alone() {
    let node = Node::start();
    let rows: String = (0..60).map(|n| format!("K{n:04},{},{n}.5\n", ["ida", "laas"][n % 2])).collect();
    std::fs::write(node.folder.path().join("palgad.csv"), format!("kood,piirkond,palk\n{rows}"))
        .expect("written");
    let modes = |published: &Value| -> Vec<String> {
        let offers = published["offers"].as_array().expect("offers").iter();
        offers.filter_map(|offer| offer["mode"].as_str().map(str::to_owned)).collect()
    };
    let publish = ["publish", "palgad.csv", "--purpose", "fraud", "--yes"];

    let unsure = node.run(&publish);
    assert_eq!(unsure.status.code(), Some(0), "{}", err(&unsure));
    let said = format!("{}{}", out(&unsure), err(&unsure)).replace('\n', " ");
    assert!(said.contains("`kood` (60 different values) may tell persons apart"), "{said}");
    assert!(said.contains("--subject none") && said.contains("--subject COLUMN"), "{said}");
    assert!(!said.contains("extract"), "{said}");
    let wanted = node.run(&[&publish[..], &["--offer", "extract"]].concat());
    assert_eq!(wanted.status.code(), Some(3), "{}", err(&wanted));
    assert!(err(&wanted).contains("Nobody has said"), "{}", err(&wanted));
    let later = node.run(&["offer", "palgad", "--mode", "extract", "--purpose", "fraud"]);
    assert_eq!(later.status.code(), Some(3), "{}", err(&later));

    let stated = node.json(&[&publish[..], &["--subject", "none"]].concat());
    assert_eq!(modes(&stated), ["metadata", "extract"]);
    assert_eq!(modes(&node.json(&publish)), ["metadata", "extract"], "as it was said of the version before");
    let protected = node.json(&[&publish[..], &["--subject", "kood"]].concat());
    assert_eq!(modes(&protected), ["metadata", "statistics"]);
    let again = node.json(&publish);
    assert_eq!(
        again["product"]["privacy"]["subject"], "kood",
        "the new version protects whom the one before did"
    );
    assert_eq!(modes(&again), ["metadata", "statistics"]);
}

#[test]
fn a_new_version_is_as_careful_as_the_one_before() {
    let node = Node::start();
    let rows: String =
        (0..90).map(|n| format!("{},{},{}\n", n % 30, ["north", "south"][n % 2], n % 10)).collect();
    std::fs::write(node.folder.path().join("small.csv"), format!("who,region,amount\n{rows}"))
        .expect("written");
    let first = node.run(&[
        "publish",
        "small.csv",
        "--subject",
        "who",
        "--purpose",
        "fraud",
        "--title",
        "Payments",
        "--public",
        "region=north,south,west",
        "--bounds",
        "amount=0..7",
        "--groups-per-subject",
        "2",
        "--rows-per-subject",
        "6",
        "--group-size-min",
        "12",
        "--question",
        "0.2",
        "--product-budget",
        "3",
        "--yes",
    ]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let before = node.json(&["products", "small"]);
    let again = node.run(&["publish", "small.csv", "--offer", "none", "--yes"]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    assert!(out(&again).contains("Offers that were made before stand"), "{}", out(&again));
    let after = node.json(&["products", "small"]);
    for what in ["privacy", "title", "classification"] {
        assert_eq!(after["product"][what], before["product"][what], "{what}");
    }
    assert_eq!(after["product"]["version"], 2);
    assert_eq!(after["product"]["privacy"]["rows_per_subject_max"], 6);

    // What is said of the new version holds, and the rest stays.
    let changed = node.run(&["publish", "small.csv", "--rows-per-subject", "4", "--offer", "none", "--yes"]);
    assert_eq!(changed.status.code(), Some(0), "{}", err(&changed));
    let changed = node.json(&["products", "small"]);
    assert_eq!(changed["product"]["privacy"]["rows_per_subject_max"], 4);
    assert_eq!(changed["product"]["privacy"]["bounds"], before["product"]["privacy"]["bounds"]);
    let taken_back = ["publish", "small.csv", "--public", "none", "--offer", "none", "--yes"];
    assert_eq!(node.json(&taken_back)["product"]["privacy"]["public_keys"], serde_json::json!({}));

    // A file in which nobody finds the subject any more protects nobody, which is not to happen by itself.
    let renamed: String = (0..90).map(|n| format!("{},{}\n", n % 30, n % 3)).collect();
    std::fs::write(node.folder.path().join("small.csv"), format!("account,amount\n{renamed}"))
        .expect("written");
    for class in ["internal", "open"] {
        let lost = node.run(&["publish", "small.csv", "--purpose", "fraud", "--class", class, "--yes"]);
        assert_eq!(lost.status.code(), Some(2), "{}", err(&lost));
        assert!(err(&lost).contains("--subject COLUMN"), "{}", err(&lost));
    }
    let said = node.json(&["publish", "small.csv", "--offer", "none", "--subject", "account", "--yes"]);
    let privacy = &said["product"]["privacy"];
    assert_eq!((&privacy["subject"], &privacy["group_size_min"]), (&"account".into(), &12.into()));
    assert_eq!(privacy["rows_per_subject_max"], 4);
}

#[test]
fn what_a_question_costs_fits_what_one_may() {
    let node = Node::start();
    let rows: String = (0..60).map(|n| format!("{n},{}\n", n % 10)).collect();
    std::fs::write(node.folder.path().join("small.csv"), format!("who,amount\n{rows}")).expect("written");
    let publish = ["publish", "small.csv", "--subject", "who", "--purpose", "fraud", "--yes"];

    let wrong = node.run(&[&publish[..], &["--question", "2", "--question-max", "1"]].concat());
    assert_eq!(wrong.status.code(), Some(2), "{}", err(&wrong));
    assert!(err(&wrong).contains("cannot cost 2") && err(&wrong).contains("at most 1"), "{}", err(&wrong));
    let lowered = node.json(&[&publish[..], &["--question-max", "0.1"]].concat());
    let privacy = &lowered["product"]["privacy"];
    assert_eq!(privacy["question_loss_default"]["rho_nano"], privacy["question_loss_max"]["rho_nano"]);
    let raised = node.json(&[&publish[..], &["--question", "3"]].concat());
    let privacy = &raised["product"]["privacy"];
    assert_eq!(privacy["question_loss_default"]["rho_nano"], privacy["question_loss_max"]["rho_nano"]);
}

#[test]
fn own_rows_are_asked_in_every_format() {
    let node = Node::start();
    std::fs::write(node.folder.path().join("towns.csv"), "town,people\nA,5\nB,70\n").expect("written");
    node.json(&[
        "publish",
        "towns.csv",
        "--class",
        "open",
        "--subject",
        "none",
        "--purpose",
        "fraud",
        "--yes",
    ]);
    let question = "SELECT town, people FROM revenue.towns ORDER BY town";

    let table = node.run(&["ask", question]);
    assert_eq!(out(&table), "town  people\n────  ──────\nA          5\nB         70\n", "{}", err(&table));
    let csv = node.run(&["ask", question, "--format", "csv"]);
    assert_eq!(out(&csv).replace("\r\n", "\n"), "town,people\nA,5\nB,70\n", "{}", err(&csv));
    let json = node.json(&["ask", question]);
    assert_eq!(json["rows"][1], serde_json::json!(["B", 70]));
    let parquet = node.run(&["ask", question, "--format", "parquet", "--out", "towns.parquet"]);
    assert_eq!(parquet.status.code(), Some(0), "{}", err(&parquet));
    let bytes = std::fs::read(node.folder.path().join("towns.parquet")).expect("written");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let wrong = node.run(&["ask", "DROP TABLE towns"]);
    assert_eq!(wrong.status.code(), Some(3), "{}", err(&wrong));
}

#[test]
fn a_node_is_backed_up_restored_and_verified() {
    let node = Node::start();
    let added =
        command(node.folder.path(), &["person", "add", "ada", "--role", "analyst", "--node", "revenue"])
            .env("WEAL_PASSWORD", PASSWORD)
            .output()
            .expect("run");
    assert_eq!(added.status.code(), Some(0), "{}", err(&added));
    let backup = node.run(&["backup", "revenue.tar"]);
    assert_eq!(backup.status.code(), Some(0), "{}", err(&backup));
    assert_eq!(node.run(&["backup", "revenue.tar"]).status.code(), Some(1), "nothing is overwritten");
    let restored = node.run(&["restore", "revenue.tar", "again"]);
    assert_eq!(restored.status.code(), Some(0), "{}", err(&restored));

    let here = node.json(&["verify"]);
    let there = command(node.folder.path(), &["--json", "verify", "--node", "again"]).output().expect("run");
    assert_eq!(there.status.code(), Some(0), "{}", err(&there));
    let there: Value = serde_json::from_str(&out(&there)).expect("JSON");
    assert_eq!(here["sound"], true);
    assert_eq!(here["ledgers"][0]["member"], there["ledgers"][0]["member"]);
    let persons = node.json(&["person", "list"]);
    assert_eq!(persons.as_array().map(Vec::len), Some(2));
}
