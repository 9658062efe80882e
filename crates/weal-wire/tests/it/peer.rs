//! What nodes of ours say to each other, and that digests survive the way.

use serde_json::json;
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss};
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::Role;
use weal_domain::ledger::Receipt;
use weal_wire::peer::*;
use weal_wire::{Message, WireError, parse, print};

fn receipt() -> Receipt {
    serde_json::from_value(json!({
        "v": 1, "use_id": "urn:uuid:1", "agreement": "urn:uuid:2", "provider": "did:web:revenue.example",
        "consumer": "did:web:education.example", "product": "payroll", "mode": "statistics",
        "purpose": "https://w3id.org/dpv#FraudPreventionAndDetection",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e", "person": "p-1",
        "question_sha256": "00", "loss": { "rho_nano": 5, "delta_femto": 0 }, "at": "2026-03-01T08:00:00Z",
    }))
    .unwrap()
}

/// A number whose last digit is lost where a reader rounds carelessly.
const AWKWARD: f64 = 1_234_567.890_123_457;

fn answer() -> Answer {
    let column = |name: &str, role| AnswerColumn { name: name.into(), role };
    Answer {
        columns: vec![column("region", ColumnRole::Key), column("mean", ColumnRole::Estimate)],
        rows: vec![
            vec![
                Cell::Key(Some("north".into())),
                Cell::Estimate { value: AWKWARD, low: 0.1 + 0.2, high: 1e300 },
            ],
            vec![Cell::Key(None), Cell::Unknown],
        ],
        loss: Loss { rho_nano: u64::MAX, delta_femto: 1 },
        confidence: 0.95,
        protection: vec!["Noise was added.".into()],
        totals: None,
        withheld: Vec::new(),
        drawing: None,
    }
}

fn message() -> AnswerMessage {
    AnswerMessage {
        answer: Exact::new(answer()),
        receipt: Exact::new(receipt()),
        ledger: LedgerProof {
            index: 41,
            proof: "c2sp.org/tlog-proof@v1\nindex 41\n".into(),
            nonce: "00".repeat(32),
            body: "{}".into(),
        },
        budget: BudgetLeft {
            before: Loss { rho_nano: 10, delta_femto: 0 },
            after: Loss { rho_nano: 5, delta_femto: 0 },
            usual: None,
        },
        cut: None,
        also: Vec::new(),
    }
}

#[test]
fn every_use_behind_an_answer_keeps_its_exact_text() {
    let AnswerMessage { receipt, ledger, budget, .. } = message();
    let free = AlsoUsed { receipt: receipt.clone(), ledger: ledger.clone(), budget: None };
    let paid = AlsoUsed { receipt, ledger, budget: Some(budget) };
    let joined = AnswerMessage { also: vec![paid, free], ..message() };
    let odd = joined.print().replace(r#""rho_nano":5,"#, r#""rho_nano": 5,"#);
    assert_eq!(AnswerMessage::parse(joined.print().as_bytes()).as_ref(), Ok(&joined));
    let read = AnswerMessage::parse(odd.as_bytes()).unwrap();
    assert!(read.also[1].receipt.text().contains(r#""rho_nano": 5,"#), "as it was sent");
    assert!(!message().print().contains("also"), "as it was before there were joins");
}

#[test]
fn answers_and_receipts_keep_their_exact_text() {
    let sent = message();
    let received = AnswerMessage::parse(sent.print().as_bytes()).unwrap();
    assert_eq!(received.answer.text(), sent.answer.text());
    assert_eq!(received.receipt.text(), sent.receipt.text());
    assert_eq!(received.print(), sent.print());

    // Even where the sender writes differently than we would, or knows members that we do not.
    let odd = sent.print().replacen("\"receipt\":{", "\"receipt\":{ \"later\" : 1e0,", 1);
    let received = AnswerMessage::parse(odd.as_bytes()).unwrap();
    assert!(received.receipt.text().starts_with("{ \"later\" : 1e0,"));
    assert_eq!(received.receipt.value(), sent.receipt.value());
    assert_eq!(received.print(), odd);
}

#[test]
fn an_answer_is_read_within_limits() {
    let deep = message().print().replacen(
        "\"index\":41",
        &format!("\"index\":41,\"x\":{}{}", "[".repeat(80), "]".repeat(80)),
        1,
    );
    assert!(matches!(AnswerMessage::parse(deep.as_bytes()), Err(WireError::TooDeep { .. })));
    let twice = message().print().replacen("\"index\":41", "\"index\":41,\"index\":42", 1);
    assert!(matches!(AnswerMessage::parse(twice.as_bytes()), Err(WireError::Syntax { .. })));
    let wrong = message().print().replacen("\"index\":41", "\"index\":-1", 1);
    assert!(matches!(AnswerMessage::parse(wrong.as_bytes()), Err(WireError::Wrong { .. })));
}

#[test]
fn receipts_travel_in_a_header() {
    let receipt = Exact::new(receipt());
    let header = receipt_header(&receipt);
    assert!(header.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert_eq!(receipt_of_header(&header).unwrap(), receipt);
    assert!(matches!(receipt_of_header("not base64!"), Err(WireError::Wrong { .. })));
    assert!(matches!(
        receipt_of_header(&"A".repeat(RECEIPT_HEADER_BYTES_MAX + 1)),
        Err(WireError::TooLarge { .. })
    ));
    assert!(receipt_of_header("").is_err());
}

#[test]
fn questions() {
    let question = QuestionMessage {
        sql: "SELECT region, AVG(wage) FROM revenue.payroll GROUP BY region".into(),
        person: "p-7f3a".into(),
        role: Role::Analyst,
        loss: Some(Loss { rho_nano: 1, delta_femto: 0 }),
        preview: true,
        also: Vec::new(),
    };
    assert_eq!(parse::<QuestionMessage>(print(&question).as_bytes()).unwrap(), question);
    let short = json!({ "sql": "SELECT 1", "person": "p", "role": "auditor" });
    let read: QuestionMessage = parse(short.to_string().as_bytes()).unwrap();
    assert_eq!((read.loss, read.preview), (None, false));
    let line = LineMessage { transfer: "urn:uuid:7".into(), token: "a secret".into() };
    let joining = QuestionMessage { also: vec![line; LINES_ALSO_MAX], ..question.clone() };
    assert_eq!(parse::<QuestionMessage>(print(&joining).as_bytes()).unwrap(), joining);
    assert!(!format!("{joining:?}").contains("secret"));
    let mut more = joining.also.clone();
    more.push(more[0].clone());
    let more = QuestionMessage { also: more, ..question.clone() };
    assert!(parse::<QuestionMessage>(print(&more).as_bytes()).is_err(), "one more than a question may join");
    let long = LineMessage { transfer: "x".repeat(LINE_BYTES_MAX + 1), token: String::new() };
    let long = QuestionMessage { also: vec![long], ..question.clone() };
    assert!(parse::<QuestionMessage>(print(&long).as_bytes()).is_err());

    for (member, value, words) in [
        ("sql", json!(""), "`sql` is not a question of 1 to"),
        ("sql", json!("x".repeat(SQL_BYTES_MAX + 1)), "`sql` is not a question of 1 to"),
        ("person", json!(""), "`person` is not a pseudonym"),
        ("person", json!("a b"), "`person` is not a pseudonym"),
        ("person", json!("x".repeat(PERSON_BYTES_MAX + 1)), "`person` is not a pseudonym"),
        ("role", json!("king"), "in its form"),
        ("loss", json!({ "rho_nano": -1 }), "in its form"),
        ("loss", json!({ "rho_nano": 0.5 }), "in its form"),
    ] {
        let mut changed = short.clone();
        changed[member] = value;
        let error = parse::<QuestionMessage>(changed.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn applications_name_the_address_of_their_did() {
    let application = json!({
        "did": "did:web:revenue.example%3A8443", "name": "revenue", "title": "Revenue agency",
        "origin": "https://revenue.example:8443", "charter_version": 2,
    });
    let read: ApplicationMessage = parse(application.to_string().as_bytes()).unwrap();
    assert_eq!(parse::<ApplicationMessage>(print(&read).as_bytes()).unwrap(), read);
    for (member, value) in [
        ("did", json!("did:web:other.example")),
        ("origin", json!("https://user@revenue.example:8443")),
        ("name", json!("Revenue Agency")),
        ("title", json!(" ")),
        ("title", json!("two\nlines")),
        ("title", json!("revenue\u{202e}")),
        ("charter_version", json!(null)),
        ("title", json!("x".repeat(201))),
    ] {
        let mut changed = application.clone();
        changed[member] = value;
        assert!(parse::<ApplicationMessage>(changed.to_string().as_bytes()).is_err(), "{changed}");
    }
}

#[test]
fn papers_carry_their_version() {
    let at = "2026-03-01T08:00:00Z".parse().unwrap();
    let body = "did:web:council.example".parse().unwrap();
    let member = Member {
        did: "did:web:revenue.example".parse().unwrap(),
        name: "revenue".parse().unwrap(),
        title: "Revenue agency".into(),
        origin: "https://revenue.example".into(),
        standing: Standing::Good,
        since: at,
    };
    let register = RegisterMessage { governing_body: body, issued_at: at, members: vec![member] };
    assert_eq!(register.to_value()["v"], 1);
    assert_eq!(parse::<RegisterMessage>(print(&register).as_bytes()).unwrap(), register);
    let charter = Charter {
        version: 3,
        name: "The commons".into(),
        governing_body: register.governing_body.clone(),
        purposes: vec!["https://w3id.org/dpv#ResearchAndDevelopment".parse().unwrap()],
        text: "We share.".into(),
        adopted_at: at,
    };
    let charter = CharterMessage { charter, issued_at: at };
    assert_eq!(parse::<CharterMessage>(print(&charter).as_bytes()).unwrap(), charter);
    for mut paper in [register.to_value(), charter.to_value()] {
        paper["v"] = json!(2);
        let text = paper.to_string();
        assert!(parse::<RegisterMessage>(text.as_bytes()).is_err());
        assert!(parse::<CharterMessage>(text.as_bytes()).is_err());
    }
    let admission = AdmissionMessage { standing: Standing::Applied, credential: None, vc11: None };
    assert_eq!(print(&admission), r#"{"standing":"applied"}"#);
    assert_eq!(parse::<AdmissionMessage>(print(&admission).as_bytes()).unwrap(), admission);
}

#[test]
fn formats_of_rows() {
    for format in RowsFormat::ALL {
        assert_eq!(format.as_str().parse::<RowsFormat>().unwrap(), format);
        assert!(format.media_type().contains('/'));
    }
    assert!("xlsx".parse::<RowsFormat>().is_err());
}
