//! Refusals, faults and other pages that stand in no room.

use weal_portal::pages::notices;
use weal_portal::view::*;

use super::Page;
use crate::samples::*;

pub(super) fn pages() -> Vec<Page> {
    let chrome = Chrome { section: None, ..chrome(Section::Home) };
    let refused = RefusalView {
        what: "Your request for the rows of Payroll, by person and year".to_owned(),
        refusal: refusal(),
        instead_href: Some("/catalogue/revenue/payroll#rung-3".to_owned()),
    };
    vec![
        ("refusal", notices::refusal(&chrome, &refused)),
        ("not-found", notices::not_found(&chrome)),
        ("fault", notices::fault(&chrome, &FaultView { id: "F-7Q2M-91XK".to_owned() })),
        ("accessibility", notices::accessibility(&chrome)),
    ]
}
