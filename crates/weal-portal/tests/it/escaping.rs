//! `PO-1`: what came from outside reaches a page only as escaped text, and only as an address that is
//! harmless to follow.

use weal_domain::Refusal;
use weal_domain::agreements::{AgreementId, LegalBasis, Purpose};
use weal_domain::catalogue::OfferId;
use weal_domain::compute::Cell;
use weal_domain::exchange::UseId;
use weal_domain::identity::Did;
use weal_domain::ledger::Fact;
use weal_portal::pages;
use weal_portal::view::*;

use crate::gallery::{acting, finding};
use crate::samples::*;

/// Tries to leave text, attribute and placeholder alike.
const HOSTILE: &str =
    "\"'></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>{peer}{reason}";
/// The same for identifiers, which may hold no space.
const HOSTILE_ID: &str = "urn:x:\"'><script>alert(1)</script>{peer}";
const HOSTILE_ADDRESSES: [&str; 7] = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "vbscript:x",
];

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn hostile_party() -> Party {
    Party { did: Did::new(HOSTILE_ID).unwrap(), title: hostile(), ..revenue() }
}

fn hostile_chrome(section: Section) -> Chrome {
    let person = SignedIn { display_name: hostile(), roles: weal_domain::identity::Role::ALL.to_vec() };
    Chrome {
        node_title: hostile(),
        ecosystem: Some(hostile()),
        person: Some(person),
        csrf: hostile(),
        flash: Some(Flash { tone: Tone::Refused, text: hostile() }),
        footer: Footer { ledger_size: 1, checkpoint_short: hostile(), version: hostile() },
        ..chrome(section)
    }
}

fn hostile_refusal() -> Refusal {
    let mut refusal = refusal().remedy(hostile()).changed_by(HOSTILE);
    refusal.reason = format!("`{HOSTILE}` {HOSTILE}");
    refusal.code = hostile();
    refusal
}

fn hostile_errors(field: &'static str) -> Vec<FieldError> {
    vec![FieldError { field, text: hostile() }]
}

fn is_clean(page: &str) {
    for forbidden in
        ["<script", "<img", "\"'>", "</title></", "</textarea><s", "=javascript:", "='javascript:"]
    {
        if let Some(at) = page.find(forbidden) {
            let from = page[..at].char_indices().rev().nth(80).map_or(0, |(at, _)| at);
            panic!("{forbidden} in: {}", &page[from..(at + 60).min(page.len())]);
        }
    }
    assert!(page.contains("&lt;script&gt;alert(1)"), "the hostile text is shown, as text");
}

#[test]
fn hostile_products_stay_text() {
    let mut view = finding::product();
    view.owner = hostile_party();
    (view.title, view.description, view.keywords) = (hostile(), hostile(), vec![hostile()]);
    view.columns[0].name = hostile();
    view.columns[0].description = Some(hostile());
    view.privacy.as_mut().unwrap().subject = hostile();
    for rung in &mut view.rungs {
        match &mut rung.state {
            RungState::Offered { offer, terms } => {
                *offer = OfferId::new(HOSTILE_ID).unwrap();
                terms.purposes.push(Purpose::new(HOSTILE_ID).unwrap());
                terms.legal_bases.push(LegalBasis::new(HOSTILE_ID).unwrap());
                terms.recipients = vec![Did::new(HOSTILE_ID).unwrap()];
                terms.columns = Some(vec![hostile()]);
                terms.row_filter = Some(hostile());
                for text in
                    [&mut terms.service_level, &mut terms.liability, &mut terms.licence, &mut terms.disposal]
                {
                    *text = hostile();
                }
            }
            RungState::Closed { why } => *why = hostile_refusal(),
            RungState::Waiting { negotiation, .. } => *negotiation = hostile(),
            RungState::Held { agreement, .. } => *agreement = AgreementId::new(HOSTILE_ID).unwrap(),
            RungState::NotOffered => {}
        }
    }
    view.draft = Some(RequestDraft {
        offer: OfferId::new(HOSTILE_ID).unwrap(),
        purpose: None,
        legal_basis: None,
        errors: hostile_errors("purpose"),
        refusal: Some(hostile_refusal()),
    });
    is_clean(&pages::catalogue::product(&hostile_chrome(Section::Catalogue), &view));
}

#[test]
fn hostile_searches_stay_text() {
    let mut view = finding::catalogue();
    view.query.text = hostile();
    view.facets.members[0].value = hostile_party();
    view.unreachable = vec![hostile_party()];
    (view.results[0].title, view.results[0].description) = (hostile(), hostile());
    is_clean(&pages::catalogue::catalogue(&hostile_chrome(Section::Catalogue), &view));
}

#[test]
fn hostile_agreements_stay_text() {
    let mut view = acting::agreement_view();
    view.agreement.id = AgreementId::new(HOSTILE_ID).unwrap();
    (view.sentence, view.product_title, view.policy_json) = (hostile(), hostile(), hostile());
    (view.provider, view.consumer) = (hostile_party(), hostile_party());
    view.state =
        AgreementState::Revoked { at: now(), by: hostile_party(), role: hostile(), reason: hostile() };
    view.timeline = vec![
        step("2026-11-20T09:15:31Z", HOSTILE, negotiated(HOSTILE), Some(HOSTILE)),
        step("2026-11-20T09:15:31Z", HOSTILE, Happening::AgreementRevoked { reason: hostile() }, None),
    ];
    (view.uses[0].person, view.uses[1].refused) = (hostile(), Some(hostile()));
    (view.revoke_reason, view.revoke_errors) = (hostile(), hostile_errors("reason"));
    is_clean(&pages::agreements::agreement(&hostile_chrome(Section::Agreements), &view));
}

#[test]
fn hostile_negotiations_stay_text() {
    let mut view = acting::negotiation();
    (view.id, view.sentence, view.state, view.product_title) = (hostile(), hostile(), hostile(), hostile());
    (view.peer, view.refusal) = (hostile_party(), Some(hostile_refusal()));
    (view.refuse_reason, view.refuse_errors) = (hostile(), hostile_errors("reason"));
    is_clean(&pages::negotiations::negotiation(&hostile_chrome(Section::Agreements), &view));
}

#[test]
fn hostile_questions_and_answers_stay_text() {
    let mut answered = acting::answered();
    answered.receipt.use_id = UseId::new(HOSTILE_ID).unwrap();
    (answered.title, answered.owner, answered.units) = (hostile(), hostile_party(), vec![Some(hostile()); 4]);
    answered.answer.columns[2].name = hostile();
    answered.answer.rows[0][0] = Cell::Key(Some(hostile()));
    answered.answer.protection = vec![hostile()];
    let mut rows = acting::rows();
    (rows.title, rows.columns[0], rows.rows[0][0]) = (hostile(), hostile(), Some(hostile()));
    let mut preview = acting::preview();
    (preview.preview.explanation, preview.preview.columns[0].name) = (vec![hostile()], hostile());
    preview.preview.advice[0].said = hostile();
    let outcomes = [
        AskOutcome::Answer(Box::new(answered)),
        AskOutcome::Rows(Box::new(rows)),
        AskOutcome::Preview(Box::new(preview)),
        AskOutcome::Refused(hostile_refusal()),
    ];
    for outcome in outcomes {
        let mut view = acting::ask(outcome);
        (view.sql, view.errors) = (hostile(), hostile_errors("sql"));
        view.held[0].agreement = AgreementId::new(HOSTILE_ID).unwrap();
        (view.held[0].title, view.held[0].examples) = (hostile(), vec![hostile()]);
        view.held[0].columns[0].name = hostile();
        is_clean(&pages::compute::ask(&hostile_chrome(Section::Ask), &view));
    }
}

#[test]
fn hostile_ledgers_and_members_stay_text() {
    let mut view = acting::entry_view(Some(false));
    view.entry.by.member = Did::new(HOSTILE_ID).unwrap();
    let by = Did::new(HOSTILE_ID).unwrap();
    view.entry.fact = Fact::AgreementRevoked {
        agreement: agreement_id(1),
        side: weal_domain::agreements::Side::Provider,
        by,
        reason: hostile(),
    };
    (view.body, view.commitment, view.leaf_hash, view.path) =
        (hostile(), hostile(), hostile(), vec![hostile()]);
    view.checkpoint.as_mut().unwrap().note = hostile();
    is_clean(&pages::ledger::entry(&hostile_chrome(Section::Ledger), &view));

    let mut view = finding::members();
    for line in &mut view.members {
        (line.member.title, line.member.origin) = (hostile(), hostile());
        line.member.did = Did::new(HOSTILE_ID).unwrap();
    }
    let charter = view.charter.as_mut().unwrap();
    (charter.name, charter.text) = (hostile(), hostile());
    is_clean(&pages::governance::members(&hostile_chrome(Section::Members), &view));
}

#[test]
fn hostile_credentials_stay_text() {
    let mut view = finding::credentials();
    let issuer = Did::new(HOSTILE_ID).unwrap();
    for line in &mut view.held {
        (line.number, line.kinds, line.issuer) = (hostile(), vec![hostile(); 3], issuer.clone());
    }
    for line in &mut view.requests {
        (line.state, line.reason, line.issuer) = (RequestState::Refused, Some(hostile()), issuer.clone());
    }
    for line in &mut view.offers {
        (line.kind, line.reason, line.issuer) = (Some(hostile()), Some(hostile()), issuer.clone());
    }
    (view.typed, view.errors) = (hostile(), hostile_errors("credential"));
    view.issues = true;
    view.issued = vec![IssuedLine {
        subject: issuer,
        kinds: vec![hostile()],
        valid_until: None,
        state: CredentialState::Unknown,
        place: u32::MAX,
    }];
    is_clean(&pages::identity::credentials(&hostile_chrome(Section::Members), &view));
}

#[test]
fn hostile_notices_stay_text() {
    let chrome = hostile_chrome(Section::Home);
    let refused = RefusalView { what: hostile(), refusal: hostile_refusal(), instead_href: Some(hostile()) };
    is_clean(&pages::notices::refusal(&chrome, &refused));
    is_clean(&pages::notices::fault(&chrome, &FaultView { id: hostile() }));
    let view = SignInView { account: hostile(), next: hostile(), errors: hostile_errors("account") };
    is_clean(&pages::identity::sign_in(&chrome, &view));
}

#[test]
fn addresses_from_outside_are_followed_only_where_that_is_harmless() {
    for address in HOSTILE_ADDRESSES {
        let mut members = finding::members();
        members.members[0].member.origin = address.to_owned();
        let product = ProductView { contract_href: Some(address.to_owned()), ..finding::product() };
        let mut answered = acting::answered();
        answered.exports[0].href = address.to_owned();
        let refused =
            RefusalView { what: String::new(), refusal: refusal(), instead_href: Some(address.to_owned()) };
        let pages = [
            pages::governance::members(&chrome(Section::Members), &members),
            pages::catalogue::product(&chrome(Section::Catalogue), &product),
            pages::compute::ask(&chrome(Section::Ask), &acting::ask(AskOutcome::Answer(Box::new(answered)))),
            pages::notices::refusal(&chrome(Section::Home), &refused),
        ];
        for page in pages {
            let links = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
            for link in links {
                let harmless = link.starts_with('#')
                    || link.starts_with("https://")
                    || (link.starts_with('/') && !link.starts_with("//") && !link.contains(['\\', '\t']));
                assert!(harmless, "{address:?} became the link {link:?}");
            }
        }
    }
    let good = ProductView {
        contract_href: Some("https://revenue.arvenia.example/c".to_owned()),
        ..finding::product()
    };
    let page = pages::catalogue::product(&chrome(Section::Catalogue), &good);
    assert!(page.contains("href=\"https://revenue.arvenia.example/c\""));
}
