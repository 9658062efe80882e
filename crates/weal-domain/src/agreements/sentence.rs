//! Agreements in plain words: the sentence that every agreement opens with, and names for purposes and
//! legal bases that a reader without law or ontology understands.

use super::{Agreement, LegalBasis, Purpose};
use crate::catalogue::{Mode, Terms};
use crate::words::{count, day, list};

/// A term of the Data Privacy Vocabulary 2.3 with its plain name and, for a purpose, the way it ends a
/// sentence that begins "may ask for statistics ...".
struct Word {
    iri: &'static str,
    label: &'static str,
    to: &'static str,
}

const fn word(iri: &'static str, label: &'static str, to: &'static str) -> Word {
    Word { iri, label, to }
}

/// The purposes that public bodies share data for (DPV 2.3, purposes and the public-services sector).
const PURPOSES: [Word; 24] = [
    word(
        "https://w3id.org/dpv#FraudPreventionAndDetection",
        "preventing and finding fraud",
        "to prevent and find fraud",
    ),
    word(
        "https://w3id.org/dpv#ProvideOfficialStatistics",
        "official statistics",
        "to make official statistics",
    ),
    word("https://w3id.org/dpv#PublicPolicyMaking", "making public policy", "to make public policy"),
    word(
        "https://w3id.org/dpv#ImprovePublicServices",
        "better public services",
        "to improve public services",
    ),
    word("https://w3id.org/dpv#PublicBenefit", "the public benefit", "to serve the public"),
    word("https://w3id.org/dpv#ImproveHealthcare", "better health care", "to improve health care"),
    word("https://w3id.org/dpv#ImproveTransportMobility", "better transport", "to improve transport"),
    word("https://w3id.org/dpv#CombatClimateChange", "acting on climate change", "to act on climate change"),
    word(
        "https://w3id.org/dpv#DataAltruism",
        "data given for the common good",
        "to serve the common good with data given for it",
    ),
    word("https://w3id.org/dpv#ProtectionOfPublicSecurity", "public security", "to protect public security"),
    word(
        "https://w3id.org/dpv#ProtectionOfNationalSecurity",
        "national security",
        "to protect national security",
    ),
    word("https://w3id.org/dpv#Counterterrorism", "preventing terrorism", "to prevent terrorism"),
    word("https://w3id.org/dpv#LegalCompliance", "fulfilling the law", "to fulfil the law"),
    word("https://w3id.org/dpv#AcademicResearch", "academic research", "to do academic research"),
    word("https://w3id.org/dpv#ScientificResearch", "scientific research", "to do scientific research"),
    word(
        "https://w3id.org/dpv#NonCommercialResearch",
        "research without profit",
        "to do research without profit",
    ),
    word("https://w3id.org/dpv#RecordManagement", "keeping records right", "to keep records right"),
    word("https://w3id.org/dpv#IdentityVerification", "checking who somebody is", "to check who somebody is"),
    word("https://w3id.org/dpv#ServiceProvision", "providing a service", "to provide a service"),
    word(
        "https://w3id.org/dpv/sector/publicservices#PublicServiceEligibilityAssessment",
        "checking who is entitled to a service",
        "to check who is entitled to a service",
    ),
    word(
        "https://w3id.org/dpv/sector/publicservices#SocialWelfareEligibilityAssessment",
        "checking who is entitled to social welfare",
        "to check who is entitled to social welfare",
    ),
    word(
        "https://w3id.org/dpv/sector/publicservices#SocialWelfareDistribution",
        "paying social welfare",
        "to pay social welfare",
    ),
    word(
        "https://w3id.org/dpv/sector/publicservices#SocialWelfareProvision",
        "providing social welfare",
        "to provide social welfare",
    ),
    word(
        "https://w3id.org/dpv/sector/publicservices#HousingWelfareManagement",
        "housing welfare",
        "to manage housing welfare",
    ),
];

/// Legal bases: the six of the GDPR's article 6, those of article 9 that public bodies use, and the
/// vocabulary's own for bodies outside the GDPR.
const LEGAL_BASES: [Word; 19] = [
    word("https://w3id.org/dpv/legal/eu/gdpr#A6-1-a", "consent (GDPR 6(1)(a))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A6-1-b", "a contract with the person (GDPR 6(1)(b))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A6-1-c", "a legal obligation (GDPR 6(1)(c))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A6-1-d", "vital interests (GDPR 6(1)(d))", ""),
    word(
        "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
        "a task in the public interest or of official authority (GDPR 6(1)(e))",
        "",
    ),
    word("https://w3id.org/dpv/legal/eu/gdpr#A6-1-f", "legitimate interests (GDPR 6(1)(f))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A9-2-a", "explicit consent (GDPR 9(2)(a))", ""),
    word(
        "https://w3id.org/dpv/legal/eu/gdpr#A9-2-b",
        "employment and social protection law (GDPR 9(2)(b))",
        "",
    ),
    word("https://w3id.org/dpv/legal/eu/gdpr#A9-2-g", "substantial public interest (GDPR 9(2)(g))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A9-2-h", "health or social care (GDPR 9(2)(h))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A9-2-i", "public health (GDPR 9(2)(i))", ""),
    word("https://w3id.org/dpv/legal/eu/gdpr#A9-2-j", "archives, research and statistics (GDPR 9(2)(j))", ""),
    word("https://w3id.org/dpv#Consent", "consent", ""),
    word("https://w3id.org/dpv#Contract", "a contract", ""),
    word("https://w3id.org/dpv#LegalObligation", "a legal obligation", ""),
    word("https://w3id.org/dpv#LegitimateInterest", "a legitimate interest", ""),
    word("https://w3id.org/dpv#OfficialAuthorityOfController", "official authority", ""),
    word("https://w3id.org/dpv#PublicInterest", "the public interest", ""),
    word("https://w3id.org/dpv#VitalInterest", "vital interests", ""),
];

/// What a use rests on when the person said yes; then a consent must cover it.
const CONSENT: [&str; 3] = [
    "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
    "https://w3id.org/dpv/legal/eu/gdpr#A9-2-a",
    "https://w3id.org/dpv#Consent",
];

/// The purposes with a plain name, as (IRI, label), for lists to choose from.
pub fn known_purposes() -> impl Iterator<Item = (&'static str, &'static str)> {
    PURPOSES.iter().map(|word| (word.iri, word.label))
}

/// The legal bases with a plain name, as (IRI, label).
pub fn known_legal_bases() -> impl Iterator<Item = (&'static str, &'static str)> {
    LEGAL_BASES.iter().map(|word| (word.iri, word.label))
}

#[must_use]
pub fn purpose_label(purpose: &Purpose) -> String {
    label(&PURPOSES, purpose.as_str())
}

#[must_use]
pub fn legal_basis_label(basis: &LegalBasis) -> String {
    label(&LEGAL_BASES, basis.as_str())
}

#[must_use]
pub fn purposes_in_words(purposes: &[Purpose]) -> String {
    let labels: Vec<String> = purposes.iter().map(purpose_label).collect();
    list(&labels, "or")
}

/// `to prevent and find fraud`.
#[must_use]
pub fn purpose_to(purpose: &Purpose) -> String {
    match PURPOSES.iter().find(|word| word.iri == purpose.as_str()) {
        Some(word) => word.to.to_owned(),
        None => format!("for {}", purpose_label(purpose)),
    }
}

#[must_use]
pub fn is_consent(basis: &LegalBasis) -> bool {
    CONSENT.contains(&basis.as_str())
}

/// Names of the parties and the product as a person knows them.
#[derive(Debug, Clone, Copy)]
pub struct Titles<'a> {
    pub provider: &'a str,
    pub consumer: &'a str,
    pub product: &'a str,
    /// Whether the product is about persons.
    pub personal: bool,
}

/// *Education may ask Revenue for statistics about payroll, to prevent and find fraud, until
/// 31 December 2027. No record about a person leaves Revenue.*
#[must_use]
pub fn sentence(agreement: &Agreement, titles: Titles<'_>) -> String {
    let Titles { provider, consumer, product, .. } = titles;
    let may = match agreement.mode {
        Mode::Metadata => format!("see what {provider} says about {product}"),
        Mode::Synthetic => format!("receive invented rows from {provider} that resemble {product}"),
        Mode::Statistics => format!("ask {provider} for statistics about {product}"),
        Mode::Matching => format!("match its own records privately with {product} of {provider}"),
        Mode::Training => format!("train a model on {product} of {provider}"),
        Mode::Lookup => format!("look up single records of {product} at {provider}"),
        Mode::Extract => format!("receive rows of {product} from {provider}"),
    };
    let purpose = purpose_to(&agreement.purpose);
    let until = agreement.terms.valid_until.map(|at| format!(", until {}", day(at))).unwrap_or_default();
    let leaves = what_leaves(agreement, titles);
    format!("{consumer} may {may}, {purpose}{until}. {leaves}")
}

fn what_leaves(agreement: &Agreement, titles: Titles<'_>) -> String {
    let Titles { provider, personal, .. } = titles;
    match (agreement.mode, personal) {
        (Mode::Lookup | Mode::Extract, _) => {
            let what = match &agreement.terms.columns {
                Some(columns) if columns.len() <= 6 => {
                    format!("Only {} leave {provider}", list(columns, "and"))
                }
                Some(columns) => {
                    format!("{} leave {provider}", count(columns.len() as u64, "column", "columns"))
                }
                None => format!("All columns leave {provider}"),
            };
            if agreement.terms.row_filter.is_some() {
                format!("{what}, of some rows only.")
            } else {
                format!("{what}.")
            }
        }
        (Mode::Matching, _) => format!("Only what the match is about leaves {provider}."),
        (_, true) => format!("No record about a person leaves {provider}."),
        (_, false) => format!("No record leaves {provider}."),
    }
}

/// The terms, one plain sentence each, in the order a reader asks: what for, who, what, how much, until
/// when, and what happens afterwards.
#[must_use]
pub fn terms_in_words(mode: Mode, terms: &Terms) -> Vec<String> {
    let mut said = vec![format!("What leaves the owner's node: {}.", mode.leaves_the_owner())];
    said.push(format!("Purpose: {}.", purposes_in_words(&terms.purposes)));
    let bases: Vec<String> = terms.legal_bases.iter().map(legal_basis_label).collect();
    said.push(format!("Legal basis: {}.", list(&bases, "or")));
    if !terms.recipients.is_empty() {
        said.push(format!("Only for {}.", list(&terms.recipients, "and")));
    }
    let roles: Vec<String> = terms.roles_allowed().iter().map(|role| role.plural().to_owned()).collect();
    said.push(format!("Used by {}.", list(&roles, "and")));
    if let Some(columns) = &terms.columns {
        said.push(format!("Only these columns: {}.", list(columns, "and")));
    }
    if let Some(filter) = &terms.row_filter {
        said.push(format!("Only rows where {filter}."));
    }
    if let Some(uses) = terms.uses_per_day_max {
        said.push(format!("At most {} a day.", count(u64::from(uses), "use", "uses")));
    }
    if let Some(budget) = terms.budget {
        said.push(format!("All questions together may cost {budget} of privacy."));
    }
    said.extend(terms.budget_rules.in_words());
    if let Some(until) = terms.valid_until {
        said.push(format!("Until {}.", day(until)));
    }
    said.push(format!(
        "Copies are kept for {} at most, then: {}",
        count(u64::from(terms.retention_days), "day", "days"),
        ended(&terms.disposal)
    ));
    said.push(format!("Service: {}", ended(&terms.service_level)));
    said.push(format!("Liability: {}", ended(&terms.liability)));
    said.push(format!("Licence: {}", ended(&terms.licence)));
    said
}

/// A text with a full stop at its end, whoever wrote it.
fn ended(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        "nothing is said.".to_owned()
    } else if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn label(words: &[Word], iri: &str) -> String {
    match words.iter().find(|word| word.iri == iri) {
        Some(word) => word.label.to_owned(),
        None => from_iri(iri),
    }
}

/// The last part of an unknown IRI, its capitals turned into spaces: better than the whole IRI.
fn from_iri(iri: &str) -> String {
    let name = iri.rsplit(['#', '/', ':']).find(|part| !part.is_empty()).unwrap_or(iri);
    let mut text = String::with_capacity(name.len() + 8);
    let mut before_is_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before_is_small {
            text.push(' ');
        }
        before_is_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        text.push(if matches!(letter, '_' | '-') { ' ' } else { letter.to_ascii_lowercase() });
    }
    text
}
