//! What the pages say: dates and numbers in words, counts, clocks, addresses; and limits.

use weal_domain::catalogue::{Classification, ColumnKind, Identifying, Mode};
use weal_domain::compute::{Cell, Loss, LossCut};
use weal_domain::exchange::UseId;
use weal_domain::identity::{Did, Role};
use weal_portal::view::*;
use weal_portal::{pages, paths};

use crate::gallery::{self, acting, finding};
use crate::samples::*;

#[test]
fn no_place_is_left_empty() {
    for (name, page) in gallery::pages() {
        for (at, _) in page.match_indices('{') {
            let inner = page[at + 1..].split('}').next().unwrap();
            let is_place = !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(!is_place, "{name} says {{{inner}}}");
        }
    }
}

#[test]
fn dates_are_words_and_numbers_have_separators_and_units() {
    let own = gallery::pages().into_iter().find(|(name, _)| *name == "product-own").unwrap().1;
    for text in
        ["18 November 2026, 04:10 UTC", "datetime=\"2026-11-18T04:10:00Z\"", "1,204,339 rows, 48.2\u{a0}MB"]
    {
        assert!(own.contains(text), "{text}");
    }
    let entry = pages::ledger::entry(&chrome(Section::Ledger), &acting::entry_view(None));
    assert!(entry.contains("Entry 12,407"));
    assert!(entry.contains("at a privacy loss of 0.005."));
}

#[test]
fn counts_have_their_plural() {
    let found = |total| {
        let mut view = finding::catalogue();
        view.paging.total = total;
        pages::catalogue::catalogue(&chrome(Section::Catalogue), &view)
    };
    assert!(found(0).contains(">0 products<"));
    assert!(found(1).contains(">1 product<"));
    assert!(found(2_000).contains(">2,000 products<"));
}

#[test]
fn clocks_say_what_is_left() {
    let left = |due: &str| {
        let mut view = finding::home();
        view.decisions.truncate(1);
        view.decisions[0].due = Some(at(due));
        pages::home::home(&chrome(Section::Home), &view)
    };
    assert!(left("2026-11-26T22:31:07Z").contains(">5 days left<"));
    assert!(left("2026-11-22T23:40:00Z").contains(">25 hours left<"));
    assert!(left("2026-11-21T23:31:07Z").contains(">1 hour left<"));
    assert!(left("2026-11-21T22:33:00Z").contains(">1 minute left<"));
    assert!(left("2026-11-21T22:31:06Z").contains(">Overdue<"));
}

#[test]
fn the_meter_says_what_the_rest_would_buy() {
    let page = |meter| {
        let view = AgreementView { budget: Some(meter), ..acting::agreement_view() };
        pages::agreements::agreement(&chrome(Section::Agreements), &view)
    };
    assert!(page(meter()).contains("buys 130 more questions at the usual cost"));
    assert!(
        page(Meter { spent: rho(985_000_000), ..meter() }).contains("buys 1 more question at the usual cost")
    );
    // By delta, where that answers fewer.
    let with = |loss: Loss, delta_femto| Loss { delta_femto, ..loss };
    let of_delta = Meter {
        granted: with(meter().granted, 100),
        spent: with(meter().spent, 30),
        question: with(meter().question, 10),
        ..meter()
    };
    assert!(page(of_delta).contains("buys 7 more questions at the usual cost"));
    let spent = page(Meter { spent: rho(999_000_000), reserved: rho(0), ..meter() });
    assert!(spent.contains("less than one question") && spent.contains("Little is left"));
    // More spent than granted cannot be, and must not break the page either.
    assert!(
        page(Meter { spent: rho(u64::MAX), reserved: rho(u64::MAX), ..meter() }).contains("0.00 of 1.00")
    );
    assert!(page(Meter::default()).contains("In units of privacy loss"));
}

#[test]
fn a_page_says_that_less_is_spent_than_was_asked_for() {
    let said = "The question asks to spend epsilon 5.00, and the owner allows at most epsilon 1.74 for one.";
    let page = |outcome| pages::compute::ask(&chrome(Section::Ask), &acting::ask(outcome));
    let (answer, mut preview) = (acting::answered(), acting::preview());
    assert!(!page(AskOutcome::Preview(Box::new(preview.clone()))).contains("asks to spend"));
    preview.preview.cut = Some(LossCut { asked: rho(2), allowed: rho(1), said: said.to_owned() });
    assert!(page(AskOutcome::Preview(Box::new(preview))).contains(said));
    let cut = AnswerView { cut: Some(said.to_owned()), ..answer };
    assert!(page(AskOutcome::Answer(Box::new(cut))).contains(said));
}

#[test]
fn identifiers_are_one_segment_of_an_address() {
    let did = Did::new("did:web:127.0.0.1%3A7001").unwrap();
    assert_eq!(paths::admit(&did), "/members/did%3Aweb%3A127.0.0.1%253A7001/admit");
    assert_eq!(paths::segment("a/b?c#d e\u{e9}"), "a%2Fb%3Fc%23d%20e%C3%A9");
    assert_eq!(
        paths::agreement(&agreement_id(1)),
        "/agreements/urn%3Auuid%3A6f1c2b1e-3d54-4a0b-9c6e-000000000001"
    );
    let id = UseId::new("urn:uuid:1").unwrap();
    assert_eq!(paths::answer_export(&id, ExportFormat::Parquet), "/ask/urn%3Auuid%3A1/answer.parquet");
}

#[test]
fn filters_travel_from_page_to_page() {
    let query = CatalogueQuery {
        text: "wages & more".to_owned(),
        member: Some(revenue().name),
        mode: Some(Mode::Extract),
        class: Some(Classification::Open),
    };
    let expected = "/catalogue?q=wages%20%26%20more&member=revenue&mode=extract&class=open&page=3";
    assert_eq!(paths::catalogue_page(&query, 3), expected);
    assert_eq!(paths::catalogue_page(&CatalogueQuery::default(), 1), "/catalogue");
    assert_eq!(paths::ledger_page(Some(FactGroup::Uses), 2), "/ledger?kind=uses&page=2");
    for group in FactGroup::ALL {
        assert_eq!(FactGroup::parse(group.as_str()), Some(group));
    }
}

#[test]
fn a_reader_is_not_offered_what_would_be_refused() {
    let as_role = |role| {
        let person = SignedIn { display_name: "Ilka".to_owned(), roles: vec![role] };
        Chrome { person: Some(person), ..chrome(Section::Catalogue) }
    };
    let page = |role| pages::catalogue::product(&as_role(role), &finding::product());
    assert!(page(Role::Analyst).contains("action=\"/agreements/request\""));
    assert!(!page(Role::Auditor).contains("action=\"/agreements/request\""));
    assert!(!page(Role::Analyst).contains("href=\"/ledger\""));
    assert!(
        page(Role::Auditor).contains("href=\"/ledger\"") && !page(Role::Auditor).contains("href=\"/ask\"")
    );
}

#[test]
fn the_profile_is_for_the_owner_only() {
    let own = gallery::pages().into_iter().find(|(name, _)| *name == "product-own").unwrap().1;
    assert!(own.contains("88,412"), "the owner sees it");
    assert!(
        !pages::catalogue::product(&chrome(Section::Catalogue), &finding::product())
            .contains("id=\"profile\"")
    );
}

#[test]
fn the_largest_pages_stay_light() {
    let most = |name: &str, page: String| assert!(page.len() < 100_000, "{name} has {} bytes", page.len());

    let mut answered = acting::answered();
    let row = answered.answer.rows[3].clone();
    answered.answer.rows = vec![row; 5_000];
    answered.answer.rows[7][0] = Cell::Key(Some("x".repeat(10_000)));
    let mut view = acting::ask(AskOutcome::Answer(Box::new(answered)));
    view.held =
        (0..300).map(|n| HeldProduct { agreement: agreement_id(n), ..view.held[0].clone() }).collect();
    let page = pages::compute::ask(&chrome(Section::Ask), &view);
    assert!(page.contains("4,910 more rows are in the export."), "it says what is left out");
    most("answer", page);

    let mut rows = acting::rows();
    rows.columns = vec!["name".to_owned(); 70];
    rows.rows = vec![vec![Some("y".repeat(500)); 70]; 2_000];
    most("rows", pages::compute::ask(&chrome(Section::Ask), &acting::ask(AskOutcome::Rows(Box::new(rows)))));

    let mut view = finding::product();
    view.own = true;
    view.columns = vec![view.columns[3].clone(); 1_000];
    let profile = weal_domain::catalogue::ColumnProfile {
        column: "column_of_some_length".to_owned(),
        nulls: 1,
        distinct: 2,
        min: Some("z".repeat(900)),
        max: None,
    };
    view.profile = vec![profile; 1_000];
    view.columns[0].kind = ColumnKind::Timestamp;
    view.columns[0].identifying = Identifying::Quasi;
    most("product", pages::catalogue::product(&chrome(Section::Catalogue), &view));

    let mut view = acting::agreement_view();
    view.uses = vec![view.uses[0].clone(); 1_000];
    view.uses_total = 1_000;
    view.timeline = (0..200)
        .map(|_| step("2026-11-20T09:15:31Z", "Somebody", negotiated("REQUESTED"), Some(&"m".repeat(9_000))))
        .collect();
    view.policy_json = "p".repeat(500_000);
    most("agreement", pages::agreements::agreement(&chrome(Section::Agreements), &view));

    let view = AgreementsView {
        held: vec![acting::agreement_lines().held[2].clone(); 500],
        given: vec![acting::agreement_lines().held[0].clone(); 500],
    };
    most("agreements", pages::agreements::agreements(&chrome(Section::Agreements), &view));

    let mut view = acting::negotiations();
    (view.waiting, view.others) = (vec![view.waiting[0].clone(); 500], vec![view.others[0].clone(); 500]);
    most("negotiations", pages::negotiations::negotiations(&chrome(Section::Agreements), &view));

    let mut view = acting::ledger();
    view.entries = vec![view.entries[0].clone(); 900];
    most("ledger", pages::ledger::ledger(&chrome(Section::Ledger), &view));

    let mut view = finding::members();
    view.members = vec![view.members[0].clone(); 900];
    most("members", pages::governance::members(&chrome(Section::Members), &view));

    let mut view = finding::credentials();
    view.held = vec![view.held[1].clone(); 200];
    (view.requests, view.offers) = (vec![view.requests[1].clone(); 200], vec![view.offers[0].clone(); 200]);
    most("credentials", pages::identity::credentials(&chrome(Section::Members), &view));

    let mut view = finding::own_products();
    view.products = vec![view.products[0].clone(); 300];
    most("products", pages::catalogue::own_products(&owner_chrome(Section::Catalogue), &view));

    let mut view = finding::home();
    (view.decisions, view.changes) =
        (vec![view.decisions[0].clone(); 200], vec![view.changes[0].clone(); 200]);
    most("home", pages::home::home(&chrome(Section::Home), &view));
}
