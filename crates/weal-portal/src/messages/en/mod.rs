//! English.

mod acting;
mod finding;
mod shared;

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
    roles: [
        "owner",
        "steward",
        "analyst",
        "data protection officer",
        "chief data officer",
        "ombudsman",
        "operator",
        "auditor",
    ],
    purposes: PURPOSES,
    legal_bases: LEGAL_BASES,
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

/// Terms of the Data Privacy Vocabulary (https://w3id.org/dpv#vocab-purposes) that charters use most.
const PURPOSES: &[(&str, &str)] = &[
    ("AcademicResearch", "academic research"),
    ("CombatClimateChange", "fighting climate change"),
    ("DataAltruism", "data altruism"),
    ("EnforceSecurity", "enforcing security"),
    ("FraudPreventionAndDetection", "preventing and finding fraud"),
    ("ImprovePublicServices", "better public services"),
    ("ImproveHealthcare", "better health care"),
    ("ImproveTransportMobility", "better transport"),
    ("LegalCompliance", "complying with the law"),
    ("NonCommercialResearch", "non-commercial research"),
    ("ProvideOfficialStatistics", "official statistics"),
    ("ProvidePublicPolicyMaking", "making public policy"),
    ("PublicBenefit", "the public benefit"),
    ("PublicPolicyMaking", "making public policy"),
    ("ResearchAndDevelopment", "research and development"),
    ("ScientificResearch", "scientific research"),
    ("ServiceProvision", "providing a service"),
];

/// Terms of https://w3id.org/dpv/legal/eu/gdpr and of the vocabulary's own legal bases.
const LEGAL_BASES: &[(&str, &str)] = &[
    ("A6-1-a", "consent (GDPR, article 6(1)(a))"),
    ("A6-1-b", "a contract (GDPR, article 6(1)(b))"),
    ("A6-1-c", "a legal obligation (GDPR, article 6(1)(c))"),
    ("A6-1-d", "vital interests (GDPR, article 6(1)(d))"),
    ("A6-1-e", "a task in the public interest (GDPR, article 6(1)(e))"),
    ("A6-1-f", "legitimate interests (GDPR, article 6(1)(f))"),
    ("A9-2-g", "substantial public interest (GDPR, article 9(2)(g))"),
    ("A9-2-h", "health or social care (GDPR, article 9(2)(h))"),
    ("A9-2-i", "public health (GDPR, article 9(2)(i))"),
    ("A9-2-j", "archives, research and statistics (GDPR, article 9(2)(j))"),
    ("Consent", "consent"),
    ("LegalObligation", "a legal obligation"),
    ("LegitimateInterest", "legitimate interests"),
    ("OfficialAuthorityOfController", "official authority"),
    ("PublicInterest", "the public interest"),
];
