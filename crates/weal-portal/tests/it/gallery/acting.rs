//! Agreements, negotiations, asking, the ledger.

use weal_domain::agreements::Side;
use weal_domain::catalogue::{Approval, Mode};
use weal_domain::compute::{Advice, AnswerColumn, Change, ColumnRole, Preview};
use weal_domain::identity::Role;
use weal_domain::ledger::Fact;
use weal_portal::pages;
use weal_portal::paths;
use weal_portal::view::*;

use super::Page;
use crate::samples::*;

pub(super) fn pages() -> Vec<Page> {
    let asking = |outcome| pages::compute::ask(&chrome(Section::Ask), &ask(outcome));
    let agreements = |view| pages::agreements::agreements(&chrome(Section::Agreements), &view);
    let agreement = |view| pages::agreements::agreement(&chrome(Section::Agreements), &view);
    vec![
        ("agreements", agreements(agreement_lines())),
        ("agreements-none", agreements(AgreementsView::default())),
        ("agreement", agreement(agreement_view())),
        ("agreement-revoked", agreement(agreement_revoked())),
        ("agreement-revoke", pages::agreements::revoke(&chrome(Section::Agreements), &revoke())),
        ("negotiations", pages::negotiations::negotiations(&chrome(Section::Agreements), &negotiations())),
        (
            "negotiations-none",
            pages::negotiations::negotiations(&chrome(Section::Agreements), &NegotiationsView::default()),
        ),
        ("negotiation", pages::negotiations::negotiation(&chrome(Section::Agreements), &negotiation())),
        (
            "negotiation-refused",
            pages::negotiations::negotiation(&chrome(Section::Agreements), &negotiation_refused()),
        ),
        ("ask", asking(AskOutcome::None)),
        (
            "ask-none",
            pages::compute::ask(&chrome(Section::Ask), &AskView { held: vec![], ..ask(AskOutcome::None) }),
        ),
        ("ask-preview", asking(AskOutcome::Preview(Box::new(preview())))),
        ("ask-answer", asking(AskOutcome::Answer(Box::new(answered())))),
        ("ask-answer-totals", asking(AskOutcome::Answer(Box::new(answered_with_totals())))),
        ("ask-answer-owners", asking(AskOutcome::Answer(Box::new(answered_by_two())))),
        ("ask-rows", asking(AskOutcome::Rows(Box::new(rows())))),
        ("ask-refused", asking(AskOutcome::Refused(refusal()))),
        ("ask-error", pages::compute::ask(&chrome(Section::Ask), &ask_error())),
        ("ledger", pages::ledger::ledger(&chrome(Section::Ledger), &ledger())),
        ("ledger-none", pages::ledger::ledger(&chrome(Section::Ledger), &ledger_none())),
        ("entry", pages::ledger::entry(&chrome(Section::Ledger), &entry_view(None))),
        ("entry-checked", pages::ledger::entry(&chrome(Section::Ledger), &entry_view(Some(true)))),
        ("entry-wrong", pages::ledger::entry(&chrome(Section::Ledger), &entry_view(Some(false)))),
    ]
}

fn line(
    n: u32,
    product: &str,
    peer: Party,
    mode: Mode,
    state: AgreementState,
    budget: Option<Meter>,
) -> AgreementLine {
    AgreementLine {
        id: agreement_id(n),
        sentence: SENTENCE.replace("statistics about payroll", &format!("{mode} of {product}")),
        peer,
        product: reference(product),
        mode,
        state,
        valid_until: Some(at("2027-12-31T23:59:59Z")),
        uses: 68,
        budget,
    }
}

fn revoked() -> AgreementState {
    AgreementState::Revoked {
        at: at("2026-11-21T20:02:10Z"),
        by: employment(),
        role: "steward".to_owned(),
        reason: "The benefit scheme was reformed; the columns no longer mean what the agreement says."
            .to_owned(),
    }
}

pub(crate) fn agreement_lines() -> AgreementsView {
    AgreementsView {
        held: vec![
            line(1, "revenue.payroll", revenue(), Mode::Statistics, AgreementState::InForce, Some(meter())),
            line(
                2,
                "revenue.sectors",
                revenue(),
                Mode::Extract,
                AgreementState::Expired { at: at("2026-10-01T00:00:00Z") },
                None,
            ),
            line(3, "employment.benefits", employment(), Mode::Statistics, revoked(), None),
        ],
        given: vec![line(4, "education.claims", employment(), Mode::Matching, AgreementState::Pending, None)],
    }
}

pub(crate) fn agreement_view() -> AgreementView {
    let use_line = |minute: u32, refused: Option<&str>, index| UseLine {
        at: at(&format!("2026-11-21T22:{minute:02}:41Z")),
        person: "Ilka Maren".to_owned(),
        loss: rho(if refused.is_some() { 0 } else { 5_000_000 }),
        rows: refused.is_none().then_some(20),
        refused: refused.map(str::to_owned),
        ledger_index: index,
    };
    AgreementView {
        agreement: agreement(Mode::Statistics),
        sentence: SENTENCE.to_owned(),
        provider: revenue(),
        consumer: education(),
        product: reference("revenue.payroll"),
        product_title: "Payroll, by person and year".to_owned(),
        state: AgreementState::InForce,
        policy_json: "{\n  \"@context\": [\"https://w3id.org/dspace/2025/1/context.jsonld\"],\n  \"@type\": \"Agreement\",\n  \"@id\": \"urn:uuid:6f1c2b1e-3d54-4a0b-9c6e-000000000001\",\n  \"permission\": [{ \"action\": \"use\" }]\n}".to_owned(),
        timeline: timeline(),
        budget: Some(meter()),
        uses: vec![use_line(29, None, 12_407), use_line(21, Some("budget-exhausted"), 12_390), use_line(11, None, 12_388)],
        uses_total: 68,
        may_ask: true,
        may_revoke: true,
        revoke_reason: String::new(),
        revoke_errors: vec![],
    }
}

fn timeline() -> Vec<Step> {
    let message = "{\n  \"@type\": \"ContractRequestMessage\",\n  \"consumerPid\": \"urn:uuid:32541fe6-c580-409e-85a8-8a9a32fbe833\"\n}";
    let (us, them) = (&education().title, &revenue().title);
    vec![
        step("2026-11-20T09:15:31Z", &format!("{us}, analyst"), negotiated("REQUESTED"), Some(message)),
        step("2026-11-20T09:15:32Z", them, negotiated("AGREED"), Some(message)),
        step("2026-11-20T09:15:32Z", us, negotiated("VERIFIED"), None),
        step("2026-11-20T09:15:33Z", them, negotiated("FINALIZED"), None),
        step("2026-11-20T09:15:33Z", them, Happening::AgreementMade, None),
        step("2026-11-20T09:15:34Z", them, Happening::Transfer { state: "STARTED".to_owned() }, None),
        step("2026-11-20T10:02:00Z", &format!("{us}, analyst"), Happening::FirstUse, None),
    ]
}

fn agreement_revoked() -> AgreementView {
    let mut timeline = timeline();
    let reason = "The benefit scheme was reformed.".to_owned();
    timeline.push(step(
        "2026-11-21T20:02:10Z",
        &employment().title,
        Happening::AgreementRevoked { reason },
        None,
    ));
    AgreementView {
        state: revoked(),
        uses: vec![],
        uses_total: 0,
        may_ask: false,
        revoke_reason: " ".to_owned(),
        revoke_errors: vec![FieldError {
            field: "reason",
            text: "Say in one sentence why; the other side will read it.".to_owned(),
        }],
        budget: Some(Meter { spent: rho(980_000_000), ..meter() }),
        timeline,
        ..agreement_view()
    }
}

fn revoke() -> RevokeView {
    RevokeView {
        id: agreement_id(1),
        sentence: SENTENCE.to_owned(),
        peer: revenue(),
        reason: "The purpose has ended: all claims of the year are settled.".to_owned(),
        uses_total: 68,
    }
}

fn negotiation_line(side: Side, state: &str, due: Option<&str>) -> NegotiationLine {
    NegotiationLine {
        id: "urn:uuid:77aa".to_owned(),
        side,
        peer: employment(),
        product_title: "Apprenticeship claims".to_owned(),
        mode: Mode::Statistics,
        purpose: statistics_purpose(),
        state: state.to_owned(),
        due: due.map(at),
        updated_at: at("2026-11-20T08:00:00Z"),
    }
}

pub(crate) fn negotiations() -> NegotiationsView {
    NegotiationsView {
        waiting: vec![negotiation_line(Side::Provider, "REQUESTED", Some("2026-11-23T08:00:00Z"))],
        others: vec![
            negotiation_line(Side::Consumer, "FINALIZED", None),
            negotiation_line(Side::Consumer, "TERMINATED", None),
        ],
    }
}

pub(crate) fn negotiation() -> NegotiationView {
    NegotiationView {
        id: "urn:uuid:77aa".to_owned(),
        side: Side::Provider,
        peer: employment(),
        product: reference("education.claims"),
        product_title: "Apprenticeship claims".to_owned(),
        mode: Mode::Statistics,
        purpose: statistics_purpose(),
        legal_basis: public_task(),
        sentence: "The Employment and Benefits Agency may ask the Agency for Education and Apprenticeships for statistics about apprenticeship claims, to make official statistics, until 31 December 2027. No record about a person leaves the Agency for Education and Apprenticeships.".to_owned(),
        terms: terms(vec![statistics_purpose()], Approval::Steward),
        state: "REQUESTED".to_owned(),
        timeline: vec![step("2026-11-20T08:00:00Z", &employment().title, negotiated("REQUESTED"), Some("{}"))],
        due: Some(at("2026-11-23T08:00:00Z")),
        may_decide: true,
        agreement: None,
        refusal: None,
        refuse_reason: String::new(),
        refuse_errors: vec![],
    }
}

fn negotiation_refused() -> NegotiationView {
    let ended = Happening::Negotiation {
        state: "TERMINATED".to_owned(),
        reason: Some("Rows are not released.".to_owned()),
    };
    let mut view = NegotiationView {
        side: Side::Consumer,
        peer: revenue(),
        product: reference("revenue.payroll"),
        product_title: "Payroll, by person and year".to_owned(),
        mode: Mode::Extract,
        state: "TERMINATED".to_owned(),
        may_decide: false,
        due: None,
        refusal: Some(refusal()),
        sentence: "The Agency for Education and Apprenticeships asks to receive rows of payroll from the National Revenue Agency, to make official statistics.".to_owned(),
        ..negotiation()
    };
    view.timeline.push(step("2026-11-20T08:00:01Z", &revenue().title, ended, None));
    view
}

pub(crate) fn ask(outcome: AskOutcome) -> AskView {
    let held = |n, product: &str, title: &str, mode, budget| HeldProduct {
        agreement: agreement_id(n),
        product: reference(product),
        title: title.to_owned(),
        owner: revenue(),
        mode,
        purpose: if mode == Mode::Statistics { fraud() } else { statistics_purpose() },
        legal_basis: public_task(),
        valid_until: Some(at("2027-12-31T23:59:59Z")),
        columns: payroll_columns(),
        examples: vec![SQL.to_owned(), format!("SELECT COUNT(*) AS people\nFROM {product}")],
        budget,
    };
    AskView {
        held: vec![
            held(1, "revenue.payroll", "Payroll, by person and year", Mode::Statistics, Some(meter())),
            held(2, "revenue.sectors", "Sectors of the economy", Mode::Extract, None),
        ],
        chosen: None,
        sql: SQL.to_owned(),
        once: "bm90LWEtc2VjcmV0".to_owned(),
        errors: vec![],
        outcome,
    }
}

fn ask_error() -> AskView {
    let text = "The column `salary` is not in revenue.payroll. Did you mean `wage`?";
    AskView {
        sql: "SELECT AVG(salary) FROM revenue.payroll".to_owned(),
        errors: vec![FieldError { field: "sql", text: text.to_owned() }],
        ..ask(AskOutcome::None)
    }
}

fn change() -> BudgetChange {
    BudgetChange { before: meter(), after: Meter { spent: rho(345_000_000), ..meter() } }
}

pub(crate) fn preview() -> PreviewView {
    let estimate = |name: &str| AnswerColumn { name: name.to_owned(), role: ColumnRole::Estimate };
    let key = AnswerColumn { name: "region".to_owned(), role: ColumnRole::Key };
    PreviewView {
        preview: Preview {
            loss: rho(5_000_000),
            cut: None,
            columns: vec![key, estimate("people"), estimate("wage_average")],
            half_widths: vec![Some(73.4), None],
            shown_from: Some(20),
            explanation: vec![
                "Half of the loss pays for the counts and half for the sums of wages.".to_owned(),
            ],
            advice: vec![
                Advice {
                    change: Change::Groups,
                    column: None,
                    said: "With max_groups_contributed = 1: `people` ± 42 instead of ± 73.4; who is in more groups is then \
                           counted in one of them, drawn by lot."
                        .to_owned(),
                    half_widths: vec![Some(42.0), None],
                },
                Advice {
                    change: Change::Bounds,
                    column: Some("wage".to_owned()),
                    said: "With bounds of `wage` half as wide, which only the owner can change: `wage_average` with 50 % \
                           of the noise."
                        .to_owned(),
                    half_widths: vec![Some(73.4), None],
                },
            ],
            releases: Vec::new(),
            drawing: None,
        },
        budget: Some(change()),
    }
}

fn exports() -> Vec<Export> {
    [ExportFormat::Csv, ExportFormat::Json, ExportFormat::Parquet]
        .map(|format| Export { format, href: paths::answer_export(&use_id(), format) })
        .to_vec()
}

pub(crate) fn answered() -> AnswerView {
    AnswerView {
        title: "Payroll, by person and year".to_owned(),
        owner: revenue(),
        product: reference("revenue.payroll"),
        agreement: agreement_id(1),
        purpose: fraud(),
        answer: answer(),
        cut: None,
        units: vec![None, None, Some("people".to_owned()), Some("euros a year".to_owned())],
        budget: Some(change()),
        receipt: ReceiptRef { use_id: use_id(), ledger_index: 12_407, owner_index: 48_112 },
        asked_at: at("2026-11-21T22:29:41Z"),
        exports: exports(),
        parts: Vec::new(),
    }
}

/// The answer to a ROLLUP with a column that was computed from two others.
pub(crate) fn answered_with_totals() -> AnswerView {
    AnswerView { answer: answer_with_totals(), units: vec![None; 5], ..answered() }
}

/// The same from two owners.
pub(crate) fn answered_by_two() -> AnswerView {
    let whole = answered();
    let part = |owner: Party| AnswerPart {
        title: whole.title.clone(),
        owner,
        agreement: whole.agreement.clone(),
        purpose: whole.purpose.clone(),
        loss: whole.answer.loss,
        cut: None,
        budget: whole.budget,
        receipt: whole.receipt.clone(),
    };
    AnswerView { budget: None, parts: vec![part(revenue()), part(education())], ..whole.clone() }
}

pub(crate) fn rows() -> RowsView {
    let sectors = [
        ("A", "Agriculture, forestry and fishing"),
        ("C", "Manufacturing"),
        ("F", "Construction"),
        ("Q", "Human health and social work"),
    ];
    RowsView {
        title: "Sectors of the economy".to_owned(),
        owner: revenue(),
        product: reference("revenue.sectors"),
        agreement: agreement_id(2),
        purpose: statistics_purpose(),
        columns: ["section", "name", "note"].map(str::to_owned).to_vec(),
        rows: sectors
            .map(|(section, name)| vec![Some(section.to_owned()), Some(name.to_owned()), None])
            .to_vec(),
        total: Some(21),
        receipt: Some(ReceiptRef { use_id: use_id(), ledger_index: 12_400, owner_index: 48_100 }),
        asked_at: at("2026-11-21T22:20:00Z"),
        exports: exports(),
    }
}

fn checkpoint() -> CheckpointView {
    let root = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=".to_owned();
    CheckpointView {
        origin: "education.arvenia.example/ledger".to_owned(),
        size: 12_408,
        note: format!(
            "education.arvenia.example/ledger\n12408\n{root}\n\n\u{2014} education.arvenia.example/ledger 7EXrUwfE6o1VG2zV2lXfWl3hXHhL8Lw=\n"
        ),
        root,
    }
}

pub(crate) fn ledger() -> LedgerView {
    LedgerView {
        entries: entries(),
        names: names(),
        filter: LedgerFilter { kind: None },
        paging: Paging { page: 1, pages: 249, total: 12_408 },
        checkpoint: Some(checkpoint()),
    }
}

fn ledger_none() -> LedgerView {
    LedgerView {
        entries: vec![],
        filter: LedgerFilter { kind: Some(FactGroup::Governance) },
        paging: Paging { page: 1, pages: 1, total: 0 },
        checkpoint: None,
        ..ledger()
    }
}

pub(crate) fn entry_view(check: Option<bool>) -> EntryView {
    let hash = |n: u32| format!("{n:02x}86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a{n:02x}");
    let received = Fact::UseReceived { receipt: receipt(), provider_index: 48_112 };
    EntryView {
        index: 12_407,
        entry: entry("2026-11-21T22:29:42Z", &education(), Some(Role::Analyst), received),
        names: names(),
        body: "{\"v\":1,\"at\":\"2026-11-21T22:29:42Z\",\"fact\":{\"kind\":\"use_received\"}}".to_owned(),
        commitment: hash(1),
        leaf_hash: hash(2),
        path: (3..16).map(hash).collect(),
        checkpoint: Some(checkpoint()),
        check: check.map(|holds| EntryCheck {
            commitment_holds: true,
            path_holds: holds,
            signature_holds: true,
            computed_root: checkpoint().root,
        }),
    }
}
