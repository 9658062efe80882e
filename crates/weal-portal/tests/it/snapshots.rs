//! Pages as they were last agreed on. The style sheet's address changes with every rule and is left out.

use weal_domain::catalogue::Mode;
use weal_portal::view::*;
use weal_portal::{pages, style};

use crate::gallery::{acting, finding};
use crate::samples::*;

/// One element a line, so that a change shows as the lines it touches.
fn lines(page: &str) -> String {
    page.replace(style::css_path(), "/assets/weal.css")
        .replace(style::icon_path(), "/assets/weal.svg")
        .replace("><", ">\n<")
}

fn snapshot(name: &str, page: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, lines(page));
    });
}

#[test]
fn home() {
    snapshot("home", &pages::home::home(&chrome(Section::Home), &finding::home()));
}

#[test]
fn product() {
    let mut view = finding::product();
    view.rungs.retain(|rung| matches!(rung.mode, Mode::Statistics | Mode::Matching | Mode::Extract));
    snapshot("product", &pages::catalogue::product(&chrome(Section::Catalogue), &view));
}

#[test]
fn agreement() {
    snapshot(
        "agreement",
        &pages::agreements::agreement(&chrome(Section::Agreements), &acting::agreement_view()),
    );
}

#[test]
fn answer() {
    let mut answered = acting::answered();
    answered.answer.rows.truncate(3);
    let view = acting::ask(AskOutcome::Answer(Box::new(answered)));
    snapshot("answer", &pages::compute::ask(&chrome(Section::Ask), &view));
}

#[test]
fn refusal_page() {
    let view = RefusalView {
        what: "Your request for the rows of Payroll, by person and year".to_owned(),
        refusal: refusal(),
        instead_href: Some("/catalogue/revenue/payroll#rung-3".to_owned()),
    };
    snapshot("refusal", &pages::notices::refusal(&chrome(Section::Home), &view));
}
