//! How commands end when they do not end well: the promised code, and words that name the next step.

use std::io::{Read as _, Write as _};
use std::path::Path;

use super::{err, out, port, run};

#[test]
fn help_and_version_end_well() {
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(out(&version).starts_with("weal "));
}

#[test]
fn a_wrong_command_line_is_2() {
    for wrong in
        [&["frobnicate"][..], &["ask"], &["request", "payroll", "--mode", "statistics", "--purpose", "x"]]
    {
        let ended = run(wrong);
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {}", err(&ended));
        assert!(out(&ended).is_empty(), "words of failure belong to standard error");
    }
    assert!(err(&run(&["serach"])).contains("search"), "a slip of the finger is met with a suggestion");
}

#[test]
fn a_folder_without_a_node_is_64_and_says_how_to_make_one() {
    let empty = tempfile::tempdir().expect("a folder");
    let folder = empty.path().to_str().expect("a name");
    for command in [&["status"][..], &["products"], &["ask", "SELECT 1"], &["verify"], &["backup", "x"]] {
        let ended = run(&[&["--node", folder], command].concat());
        assert_eq!(ended.status.code(), Some(64), "{command:?}: {}", err(&ended));
        assert!(err(&ended).contains("weal init"), "{}", err(&ended));
    }
}

#[test]
fn an_unknown_key_is_64_and_met_with_a_suggestion() {
    let folder = tempfile::tempdir().expect("a folder");
    node_folder(folder.path(), "127.0.0.1:1", "tilte = \"x\"\n");
    let ended = run(&["--node", folder.path().to_str().expect("a name"), "status"]);
    assert_eq!(ended.status.code(), Some(64), "{}", err(&ended));
    assert!(err(&ended).contains("did you mean `title`"), "{}", err(&ended));
}

#[test]
fn a_node_that_does_not_answer_is_4() {
    let folder = tempfile::tempdir().expect("a folder");
    // Port 1 (tcpmux) of this machine: nobody listens there.
    node_folder(folder.path(), "127.0.0.1:1", "");
    let ended = run(&["--node", folder.path().to_str().expect("a name"), "status"]);
    assert_eq!(ended.status.code(), Some(4), "{}", err(&ended));
    assert!(err(&ended).contains("weal serve"), "{}", err(&ended));
}

const REFUSAL: &str = r#"{"type":"urn:weal:refusal:mode-not-offered","title":"This is not allowed","status":403,
"detail":"Payroll is not offered for extract.","remedy":"Request it for statistics.","instead":"statistics",
"changed_by":"the owner's steward"}"#;

#[test]
fn a_refusal_is_3_and_told_in_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = answer_once("403 Forbidden", "application/problem+json", REFUSAL);
    node_folder(folder.path(), &address, "");
    let name = folder.path().to_str().expect("a name");
    let ended =
        run(&["--node", name, "request", "revenue.payroll", "--mode", "extract", "--purpose", "fraud"]);
    assert_eq!(ended.status.code(), Some(3), "{}", err(&ended));
    insta::assert_snapshot!("refusal", err(&ended));
}

#[test]
fn with_json_a_refusal_is_json_on_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = answer_once("403 Forbidden", "application/problem+json", REFUSAL);
    node_folder(folder.path(), &address, "");
    let name = folder.path().to_str().expect("a name");
    let ended = run(&[
        "--json",
        "--node",
        name,
        "request",
        "revenue.payroll",
        "--mode",
        "extract",
        "--purpose",
        "fraud",
    ]);
    assert_eq!(ended.status.code(), Some(3));
    let said: serde_json::Value = serde_json::from_str(&out(&ended)).expect("JSON");
    assert_eq!(said["exit"], 3);
    assert_eq!(said["refusal"]["code"], "mode-not-offered");
    assert_eq!(said["refusal"]["instead"], "statistics");
    assert!(err(&ended).starts_with("refused: "));
}

#[test]
fn a_fault_of_the_node_is_1_and_names_the_incident() {
    let folder = tempfile::tempdir().expect("a folder");
    let fault = r#"{"type":"urn:weal:fault","title":"Something went wrong","status":500,"instance":"00ff"}"#;
    let address = answer_once("500 Internal Server Error", "application/problem+json", fault);
    node_folder(folder.path(), &address, "");
    let ended = run(&["--node", folder.path().to_str().expect("a name"), "status"]);
    assert_eq!(ended.status.code(), Some(1), "{}", err(&ended));
    assert!(err(&ended).contains("incident 00ff"), "{}", err(&ended));
}

#[test]
fn a_budget_prints_as_a_table_and_as_json() {
    let budgets = r#"[{"account":"product:payroll","granted":{"rho_nano":1000000000,"delta_femto":0},
        "reserved":{"rho_nano":0,"delta_femto":0},"spent":{"rho_nano":150000000,"delta_femto":0},
        "granted_epsilon":7.93,"spent_epsilon":2.61,"delta":1e-6,"questions_left":17}]"#;
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().to_str().expect("a name");
    node_folder(folder.path(), &answer_once("200 OK", "application/json", budgets), "");
    let told = run(&["--node", name, "budget"]);
    assert_eq!(told.status.code(), Some(0), "{}", err(&told));
    insta::assert_snapshot!("budget", out(&told));

    node_folder(folder.path(), &answer_once("200 OK", "application/json", budgets), "");
    let json = run(&["--node", name, "--json", "budget"]);
    let read: serde_json::Value = serde_json::from_str(&out(&json)).expect("JSON");
    assert_eq!(read[0]["questions_left"], 17);
}

#[test]
fn a_question_is_for_nobody_to_answer_without_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(&["init", folder.path().join("my-node").to_str().expect("a name"), "--name", "Bad Name"]);
    assert_eq!(ended.status.code(), Some(2), "{}", err(&ended));
    let ended = run(&["init", folder.path().join("my-node").to_str().expect("a name")]);
    assert_eq!(ended.status.code(), Some(2), "{}", err(&ended));
    assert!(err(&ended).contains("WEAL_PASSWORD"), "{}", err(&ended));
}

/// The configuration and the operator's token of a node, without the node.
fn node_folder(folder: &Path, listen: &str, more: &str) {
    let text = format!(
        "[node]\nname = \"revenue\"\ntitle = \"Revenue\"\nlisten = \"{listen}\"\norigin = \"http://{listen}\"\n{more}\n\
         [network]\nreach = \"loopback\"\n"
    );
    std::fs::write(folder.join("weal.toml"), text).expect("written");
    std::fs::write(folder.join("operator.token"), "token").expect("written");
}

/// A server that answers one request and is gone.
fn answer_once(status: &str, kind: &str, body: &str) -> String {
    let listener = port();
    let address = listener.local_addr().expect("an address").to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut request = Vec::new();
        let mut buffer = [0; 4_096];
        // A request without a body ends with its head; one with a body here fits into one read more.
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).expect("readable");
            if read == 0 {
                return;
            }
            request.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).expect("writable");
    });
    address
}
