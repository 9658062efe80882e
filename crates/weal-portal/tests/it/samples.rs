//! Views as the node would fill them: three agencies of an invented country, in November 2026.

use std::collections::BTreeMap;

use weal_domain::agreements::{Agreement, AgreementId, AgreementStatus, LegalBasis, Policy, Purpose, Side};
use weal_domain::catalogue::{
    Approval, Column, ColumnKind, Identifying, Mode, OfferId, ProductName, ProductRef, Terms,
};
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss, TotalsFit};
use weal_domain::exchange::UseId;
use weal_domain::identity::{Did, MemberName, Role};
use weal_domain::ledger::{Actor, Entry, Fact, Receipt};
use weal_domain::{Refusal, Timestamp};
use weal_portal::view::*;

pub(crate) const SQL: &str = "SELECT region, age_band, COUNT(*) AS people, AVG(wage) AS wage_average\n\
                              FROM revenue.payroll\nWHERE year = 2026\nGROUP BY region, age_band";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
pub(crate) fn now() -> Timestamp {
    at("2026-11-21T22:31:07Z")
}
pub(crate) fn rho(rho_nano: u64) -> Loss {
    Loss { rho_nano, delta_femto: 0 }
}
pub(crate) fn product_name(name: &str) -> ProductName {
    ProductName::new(name).unwrap()
}
pub(crate) fn reference(text: &str) -> ProductRef {
    text.parse().unwrap()
}
pub(crate) fn fraud() -> Purpose {
    Purpose::new("https://w3id.org/dpv#FraudPreventionAndDetection").unwrap()
}
pub(crate) fn statistics_purpose() -> Purpose {
    Purpose::new("https://w3id.org/dpv#ProvideOfficialStatistics").unwrap()
}
pub(crate) fn public_task() -> LegalBasis {
    LegalBasis::new("https://w3id.org/dpv/legal/eu/gdpr#A6-1-e").unwrap()
}
pub(crate) fn agreement_id(n: u32) -> AgreementId {
    AgreementId::new(format!("urn:uuid:6f1c2b1e-3d54-4a0b-9c6e-0000000000{n:02}")).unwrap()
}
pub(crate) fn offer_id(n: u32) -> OfferId {
    OfferId::new(format!("urn:uuid:0b7e5d1c-96f1-4f0e-8f5b-0000000000{n:02}")).unwrap()
}
pub(crate) fn use_id() -> UseId {
    UseId::new("urn:uuid:b2c4e9a0-7c1f-4f7e-9a41-5d2f7f3b8c11").unwrap()
}

fn party(name: &str, title: &str) -> Party {
    Party {
        did: Did::new(format!("did:web:{name}.arvenia.example")).unwrap(),
        name: MemberName::new(name).unwrap(),
        title: title.to_owned(),
    }
}
pub(crate) fn revenue() -> Party {
    party("revenue", "National Revenue Agency")
}
pub(crate) fn education() -> Party {
    party("education", "Agency for Education and Apprenticeships")
}
pub(crate) fn employment() -> Party {
    party("employment", "Employment and Benefits Agency")
}
pub(crate) fn council() -> Party {
    party("council", "Arvenia Data Council")
}
pub(crate) fn names() -> Names {
    let parties = [revenue(), education(), employment(), council()];
    Names(parties.into_iter().map(|party| (party.did, party.title)).collect::<BTreeMap<_, _>>())
}

pub(crate) fn chrome(section: Section) -> Chrome {
    Chrome {
        language: Language::English,
        node_title: education().title,
        member: education().name,
        ecosystem: Some("Arvenia Data Commons".to_owned()),
        person: Some(SignedIn {
            display_name: "Ilka Maren".to_owned(),
            roles: vec![Role::Analyst, Role::Steward],
        }),
        section: Some(section),
        csrf: "5c0ffee5c0ffee5c0ffee5c0ffee5c0f".to_owned(),
        flash: None,
        footer: Footer {
            ledger_size: 12_408,
            checkpoint_short: "q83vEjRW".to_owned(),
            version: "0.1.0".to_owned(),
        },
        now: now(),
    }
}

/// The same page as the owner's steward sees it.
pub(crate) fn owner_chrome(section: Section) -> Chrome {
    Chrome {
        node_title: revenue().title,
        member: revenue().name,
        person: Some(SignedIn {
            display_name: "Tomas Adeyemi-Lindqvist".to_owned(),
            roles: vec![Role::Owner, Role::Steward, Role::DataProtectionOfficer],
        }),
        ..chrome(section)
    }
}

pub(crate) fn terms(purposes: Vec<Purpose>, approval: Approval) -> Terms {
    Terms {
        purposes,
        legal_bases: vec![public_task()],
        recipients: vec![education().did],
        roles: vec![Role::Analyst],
        columns: None,
        row_filter: Some("year >= 2020".to_owned()),
        valid_until: Some(at("2027-12-31T23:59:59Z")),
        uses_per_day_max: Some(40),
        budget: Some(rho(1_000_000_000)),
        budget_rules: Default::default(),
        service_level: "Answers within two seconds on working days; questions by e-mail within one day."
            .to_owned(),
        liability: "Each side answers for what its own people do with the data.".to_owned(),
        licence: "For the named purpose only; results may be published.".to_owned(),
        retention_days: 90,
        disposal: "Delete every copy and confirm it in writing.".to_owned(),
        approval,
    }
}

pub(crate) fn meter() -> Meter {
    Meter {
        granted: rho(1_000_000_000),
        reserved: rho(10_000_000),
        spent: rho(340_000_000),
        question: rho(5_000_000),
        ..Meter::default()
    }
}

fn column(name: &str, kind: ColumnKind, identifying: Identifying, description: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        nullable: name == "employer_sector",
        identifying,
        description: Some(description.to_owned()).filter(|text| !text.is_empty()),
    }
}

pub(crate) fn payroll_columns() -> Vec<Column> {
    vec![
        column("person_id", ColumnKind::Text, Identifying::Direct, "National number, as a keyed digest"),
        column("year", ColumnKind::Integer, Identifying::No, "Tax year"),
        column("region", ColumnKind::Text, Identifying::Quasi, "Region of the employer"),
        column(
            "age_band",
            ColumnKind::Text,
            Identifying::Quasi,
            "Age at the end of the year, in bands of ten years",
        ),
        column("employer_sector", ColumnKind::Text, Identifying::No, "NACE section of the employer"),
        column("wage", ColumnKind::Float, Identifying::No, "Gross wage of the year, in euros"),
        column("first_day", ColumnKind::Date, Identifying::Quasi, ""),
    ]
}

pub(crate) fn entry(time: &str, member: &Party, role: Option<Role>, fact: Fact) -> Entry {
    Entry { v: 1, at: at(time), by: Actor { member: member.did.clone(), role, person: None }, fact }
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        v: 1,
        use_id: use_id(),
        agreement: agreement_id(1),
        provider: revenue().did,
        consumer: education().did,
        product: product_name("payroll"),
        mode: Mode::Statistics,
        purpose: fraud(),
        legal_basis: public_task(),
        person: "p-7d1f0c".to_owned(),
        question_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        answer_sha256: None,
        loss: rho(5_000_000),
        joined_with: Vec::new(),
        at: at("2026-11-21T22:29:41Z"),
    }
}

pub(crate) fn entries() -> Vec<EntryLine> {
    let revoked = Fact::AgreementRevoked {
        agreement: agreement_id(3),
        side: Side::Consumer,
        by: employment().did,
        reason: "The benefit scheme was reformed; the columns no longer mean what the agreement says."
            .to_owned(),
    };
    let made = Fact::AgreementMade {
        agreement: agreement_id(1),
        side: Side::Consumer,
        peer: revenue().did,
        product: product_name("payroll"),
        mode: Mode::Statistics,
        purpose: fraud(),
        legal_basis: public_task(),
        policy_sha256: String::new(),
    };
    let moved = Fact::NegotiationMoved {
        negotiation: "urn:uuid:1".to_owned(),
        side: Side::Consumer,
        peer: revenue().did,
        state: "VERIFIED".to_owned(),
        reason: None,
    };
    let refused = Fact::UseRefused {
        agreement: None,
        peer: employment().did,
        mode: Mode::Extract,
        code: "role-not-allowed".to_owned(),
    };
    let lines = [
        (
            12_407,
            entry(
                "2026-11-21T22:29:42Z",
                &education(),
                Some(Role::Analyst),
                Fact::UseReceived { receipt: receipt(), provider_index: 48_112 },
            ),
        ),
        (12_406, entry("2026-11-21T20:02:10Z", &employment(), Some(Role::Steward), revoked)),
        (12_405, entry("2026-11-21T18:44:00Z", &education(), None, refused)),
        (12_404, entry("2026-11-20T09:15:33Z", &education(), None, made)),
        (12_403, entry("2026-11-20T09:15:32Z", &education(), None, moved)),
        (
            12_402,
            entry(
                "2026-11-20T03:00:00Z",
                &education(),
                Some(Role::Operator),
                Fact::BackupTaken { ledger_size: 12_402 },
            ),
        ),
        (
            12_401,
            entry(
                "2026-11-19T16:20:05Z",
                &council(),
                None,
                Fact::MemberAdmitted { member: employment().did, name: employment().name },
            ),
        ),
    ];
    lines.into_iter().map(|(index, entry)| EntryLine { index, entry }).collect()
}

pub(crate) fn agreement(mode: Mode) -> Agreement {
    Agreement {
        id: agreement_id(1),
        side: Side::Consumer,
        provider: revenue().did,
        consumer: education().did,
        dataset: "did:web:revenue.arvenia.example#payroll".to_owned(),
        product: product_name("payroll"),
        mode,
        purpose: fraud(),
        legal_basis: public_task(),
        terms: terms(vec![fraud()], Approval::Automatic),
        policy: Policy::default(),
        agreed_at: at("2026-11-20T09:15:33Z"),
        status: AgreementStatus::InForce,
    }
}

pub(crate) const SENTENCE: &str = "The Agency for Education and Apprenticeships may ask the National Revenue Agency for \
    statistics about payroll, to prevent and find fraud, until 31 December 2027. No record about a person leaves the \
    National Revenue Agency.";

pub(crate) fn step(time: &str, actor: &str, what: Happening, message: Option<&str>) -> Step {
    Step { at: at(time), actor: actor.to_owned(), what, message: message.map(str::to_owned) }
}

pub(crate) fn negotiated(state: &str) -> Happening {
    Happening::Negotiation { state: state.to_owned(), reason: None }
}

pub(crate) fn refusal() -> Refusal {
    Refusal::forbidden(
        "mode-not-offered-to-you",
        "Rows of payroll are not released to the Agency for Education and Apprenticeships: they are about persons, and no law names you as a recipient.",
    )
    .remedy("Ask for private statistics: they answer questions about groups. On the command line: `weal request revenue.payroll --mode statistics`.")
    .instead(Mode::Statistics)
    .changed_by("the steward of payroll at the National Revenue Agency")
}

/// 4 regions by 5 age bands, with numbers that look like a population.
pub(crate) fn answer() -> Answer {
    let regions = ["Northern Highlands", "Coast", "Capital", "Lakes"];
    let bands = ["16 to 24", "25 to 34", "35 to 44", "45 to 54", "55 and over"];
    let estimate = |value: f64, half: f64| Cell::Estimate { value, low: value - half, high: value + half };
    let mut rows = Vec::new();
    for (r, region) in (0_u32..).zip(regions) {
        for (b, band) in (0_u32..).zip(bands) {
            let people = f64::from(1_840 + 911 * ((r * 7 + b * 3) % 6));
            let wage = 14_200.0 + 6_900.0 * f64::from(b) + 2_350.0 * f64::from(r);
            let wage = if (r, b) == (3, 0) {
                Cell::Unknown
            } else {
                estimate(wage, 620.0 + 90.0 * f64::from(r * b))
            };
            rows.push(vec![
                Cell::Key(Some(region.to_owned())),
                Cell::Key((r != 1 || b != 4).then(|| band.to_owned())),
                estimate(people, 73.0),
                wage,
            ]);
        }
    }
    let column = |name: &str, role| AnswerColumn { name: name.to_owned(), role };
    Answer {
        columns: vec![
            column("region", ColumnRole::Key),
            column("age_band", ColumnRole::Key),
            column("people", ColumnRole::Estimate),
            column("wage_average", ColumnRole::Estimate),
        ],
        rows,
        loss: rho(5_000_000),
        confidence: 0.95,
        protection: vec![
            "Each person counts in at most one group, with a wage between 0 and 250,000 euros.".to_owned(),
            "Noise drawn by the owner's node hides whether any one person is in the data; groups of fewer than about 20 people are left out.".to_owned(),
        ],
        totals: None,
        withheld: Vec::new(),
        drawing: None,
    }
}

/// Three regions by two trades with totals that they add up to, a share with its interval, and a number that has none.
pub(crate) fn answer_with_totals() -> Answer {
    let estimate = |value: f64, half: f64| Cell::Estimate { value, low: value - half, high: value + half };
    let mut rows = Vec::new();
    let mut row = |keys: [Option<&str>; 2], people: f64, over: u8| {
        let share = 100.0 * people / 24_180.0;
        rows.push(vec![
            Cell::Key(keys[0].map(str::to_owned)),
            Cell::Key(keys[1].map(str::to_owned)),
            estimate(people, 190.0),
            estimate(share, 0.9 + share / 50.0),
            Cell::Key(Some(over.to_string())),
        ]);
    };
    let regions =
        [("Northern Highlands", 2_410.0, 3_120.0), ("Coast", 5_875.0, 4_330.0), ("Lakes", 1_205.0, 7_240.0)];
    for (region, baking, joinery) in regions {
        row([Some(region), Some("baking")], baking, 0);
        row([Some(region), Some("joinery")], joinery, 0);
        row([Some(region), None], baking + joinery, 1);
    }
    row([None, None], 24_180.0, 3);
    let column = |name: &str, role| AnswerColumn { name: name.to_owned(), role };
    Answer {
        columns: vec![
            column("region", ColumnRole::Key),
            column("trade", ColumnRole::Key),
            column("people", ColumnRole::Estimate),
            column("percent", ColumnRole::Estimate),
            column("over", ColumnRole::Computed),
        ],
        rows,
        protection: vec![
            "Groups and totals were fitted to each other after the noise: counts and sums of groups add up to their totals.".to_owned(),
        ],
        totals: Some(TotalsFit::Exact),
        ..answer()
    }
}
