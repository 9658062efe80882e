//! English.

mod acting;
mod finding;
mod shared;

use weal_domain::agreements::sentence::{legal_basis_label, purpose_label};
use weal_domain::identity::Role;

use super::names::ModeWords;
use super::words::Messages;
use super::{Plural, PluralCategory};

pub(super) static ENGLISH: Messages = Messages {
    lang: "en",
    dir: "ltr",
    plural: |n| if n == 1 { PluralCategory::One } else { PluralCategory::Other },
    thousands: ",",
    decimal_point: ".",
    date_form: "{day} {month} {year}",
    date_time_form: "{day} {month} {year}, {hour}:{minute} UTC",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    modes: MODES,
    // The domain's own names, so that pages, refusals and the command line say the same.
    role_name: Role::title,
    role_plural: Role::plural,
    purpose_name: purpose_label,
    legal_basis_name: legal_basis_label,
    common: shared::COMMON,
    clock: shared::CLOCK,
    shell: shared::SHELL,
    form: shared::FORM,
    paging: shared::PAGING,
    meter: shared::METER,
    refusal: shared::REFUSAL,
    timeline: shared::TIMELINE,
    facts: shared::FACTS,
    not_found: shared::NOT_FOUND,
    fault: shared::FAULT,
    accessibility: shared::ACCESSIBILITY,
    sign_in: shared::SIGN_IN,
    home: finding::HOME,
    catalogue: finding::CATALOGUE,
    product: finding::PRODUCT,
    own: finding::OWN,
    ladder: finding::LADDER,
    members: finding::MEMBERS,
    credentials: finding::CREDENTIALS,
    terms: acting::TERMS,
    agreements: acting::AGREEMENTS,
    negotiations: acting::NEGOTIATIONS,
    ask: acting::ASK,
    answer: acting::ANSWER,
    ledger: acting::LEDGER,
};

/// A count in English: one and all others.
const fn count(one: &'static [(PluralCategory, &'static str)], other: &'static str) -> Plural {
    Plural { forms: one, other }
}

macro_rules! plural {
    ($one:literal, $other:literal) => {
        super::count(&[(super::super::PluralCategory::One, $one)], $other)
    };
}
use plural;

const MODES: [ModeWords; 7] = [
    ModeWords {
        name: "Catalogue entry",
        jargon: "metadata",
        about: "the catalogue entry of",
        leaves: "the catalogue entry, quality and service figures",
    },
    ModeWords {
        name: "Synthetic twin",
        jargon: "made-up rows with the same patterns",
        about: "a synthetic twin of",
        leaves: "invented rows that resemble the real ones; none is a real person's",
    },
    ModeWords {
        name: "Private statistics",
        jargon: "differential privacy",
        about: "statistics about",
        leaves: "totals and averages with a little noise, charged to a privacy budget; no record about a person",
    },
    ModeWords {
        name: "Private match",
        jargon: "private set intersection",
        about: "a private match with",
        leaves: "the count, sum or identifiers that the agreement names, and nothing about anyone else",
    },
    ModeWords {
        name: "Joint learning",
        jargon: "secure aggregation",
        about: "joint learning on",
        leaves: "a model's updates, added up over all owners before anyone can read them",
    },
    ModeWords {
        name: "Single records",
        jargon: "lookup",
        about: "single records of",
        leaves: "one record at a time, by its key, each with a reason",
    },
    ModeWords {
        name: "Rows",
        jargon: "extract",
        about: "rows of",
        leaves: "the rows and columns that the agreement permits",
    },
];
