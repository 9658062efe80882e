//! What the owner is asked to confirm: whom the rows are about, how protected they should be, and within
//! which public bounds statistics may be asked.
//!
//! All of it is a guess from names, repetition and looks. A guess errs towards more protection, says why, and
//! is nothing until the owner confirms it.

use std::collections::BTreeMap;

use weal_domain::catalogue::{Bounds, Classification, Column, ColumnKind, Identifying, PrivacyPolicy};
use weal_domain::compute::Loss;

use super::Proposal;
use super::profile::{ColumnProfiler, Profiler};

/// Rho 0.005 and delta 10⁻⁹: about epsilon 0.5 at delta 10⁻⁶.
const QUESTION_LOSS_DEFAULT: Loss = Loss { rho_nano: 5_000_000, delta_femto: 1_000_000 };
const QUESTION_LOSS_MAX: Loss = Loss { rho_nano: 50_000_000, delta_femto: 10_000_000 };
/// A hundred questions of the default: about epsilon 5.2 at delta 10⁻⁶.
const BUDGET: Loss = Loss { rho_nano: 500_000_000, delta_femto: 100_000_000 };
const GROUP_SIZE_MIN: u32 = 10;
const GROUPS_PER_SUBJECT: u32 = 3;
/// The share of values that proposed bounds may cut off at either end.
const CUT_OFF: f64 = 0.005;
const FLOAT_DECIMALS: u8 = 2;

const PERSONS: &[&str] = &[
    "person",
    "citizen",
    "subject",
    "patient",
    "employee",
    "worker",
    "student",
    "pupil",
    "taxpayer",
    "applicant",
    "claimant",
    "beneficiary",
    "recipient",
    "member",
    "household",
    "user",
    "client",
    "customer",
    "resident",
    "apprentice",
];
const NUMBERS: &[&str] = &["id", "no", "nr", "number", "key", "ref", "identifier", "code"];
const NATIONAL: &[&str] = &[
    "ssn",
    "nin",
    "nino",
    "bsn",
    "cpr",
    "pesel",
    "tin",
    "nif",
    "passport",
    "personnummer",
    "taxid",
    "nationalid",
];
const RECORDS: &[&str] = &["id", "recid", "uid", "uuid", "guid", "pid", "rid"];
const CONTACTS: &[&str] = &["email", "mail", "phone", "telephone", "mobile", "iban"];
const NAMES: &[&str] =
    &["surname", "lastname", "firstname", "fullname", "forename", "givenname", "familyname"];
const TRAITS: &[&str] = &[
    "birth",
    "dob",
    "birthdate",
    "birthday",
    "birthyear",
    "age",
    "sex",
    "gender",
    "marital",
    "mars",
    "nationality",
    "occupation",
    "profession",
    "employer",
    "children",
    "dependents",
    "salary",
    "wage",
    "wages",
    "income",
];
const PLACES: &[&str] = &[
    "zip",
    "postcode",
    "postal",
    "address",
    "street",
    "city",
    "town",
    "municipality",
    "fips",
    "county",
    "region",
    "district",
];
const SPECIAL: &[&str] = &[
    "health",
    "diagnosis",
    "icd",
    "disease",
    "disability",
    "disabled",
    "blind",
    "religion",
    "faith",
    "ethnicity",
    "race",
    "sexual",
    "orientation",
    "political",
    "party",
    "union",
    "biometric",
    "genetic",
    "conviction",
    "criminal",
    "medication",
];

/// How well a column would do as the subject; the higher the better.
const SUBJECT_BY_NAME: u8 = 3;
const SUBJECT_BY_RECORD: u8 = 2;
const SUBJECT_BY_LOOKS: u8 = 1;

/// Stronger than any guess: the owner has said so.
const SUBJECT_BY_OWNER: u8 = 4;

/// Marks what identifies in `columns` and proposes the rest. `named` is the subject column where the owner
/// has named one.
pub(crate) fn propose(columns: &mut [Column], profiler: &Profiler, named: Option<&str>) -> Proposal {
    let mut reasons = Vec::new();
    let words: Vec<Vec<String>> = columns.iter().map(|column| words(&column.name)).collect();
    let any = |list: &[&str]| words.iter().filter(|words| has(words, list)).count();
    let traits = any(TRAITS) + any(SPECIAL);
    let mut candidates: Vec<(u8, usize)> = Vec::new();
    for (i, profile) in profiler.columns.iter().enumerate() {
        if named == Some(columns[i].name.as_str()) {
            columns[i].identifying = Identifying::Direct;
            reasons.push(format!("`{}` names the subjects: you say so.", columns[i].name));
            candidates.push((SUBJECT_BY_OWNER, i));
        } else if let Some((strength, why)) = names_a_person(&words[i], profile, traits > 0) {
            columns[i].identifying = Identifying::Direct;
            reasons.push(format!("`{}` seems to name a person: {why}.", columns[i].name));
            candidates.push((strength, i));
        }
    }
    let personal = !candidates.is_empty() || traits >= 2;
    for (column, words) in columns.iter_mut().zip(&words) {
        let quasi = has(words, TRAITS) || has(words, SPECIAL) || has(words, PLACES);
        if personal && quasi && column.identifying == Identifying::No {
            column.identifying = Identifying::Quasi;
        }
    }
    let distinct = |i: usize| profiler.columns[i].distinct();
    let subject =
        candidates.into_iter().max_by_key(|&(strength, i)| (strength, distinct(i), std::cmp::Reverse(i)));
    let subject = subject.map(|(_, i)| i);
    let special =
        columns.iter().zip(&words).find(|(_, words)| has(words, SPECIAL)).map(|(column, _)| &column.name);
    let classification = classify(personal, special, &mut reasons);
    let public_keys = public_keys(columns, profiler, subject, &mut reasons);
    let privacy = match subject {
        Some(subject) => Some(policy(columns, profiler, subject, &mut reasons)),
        None if personal => {
            reasons.push("No column tells whose row is whose, so private statistics cannot be offered yet: name the subject column.".into());
            None
        }
        None => None,
    };
    let subject = subject.map(|i| columns[i].name.clone());
    Proposal { subject, classification, privacy, public_keys, reasons }
}

fn names_a_person(words: &[String], profile: &ColumnProfiler, traits: bool) -> Option<(u8, &'static str)> {
    let mostly_different = profile.distinct() * 2 > profile.rows - profile.nulls;
    let number = has(words, NUMBERS);
    if profile.kind == ColumnKind::Boolean || profile.kind == ColumnKind::Float {
        return None;
    }
    if has(words, NATIONAL) || words.join("") == "nationalid" {
        return Some((SUBJECT_BY_NAME, "its name is that of a national number"));
    }
    if has(words, PERSONS) && (number || profile.is_unique()) {
        return Some((SUBJECT_BY_NAME, "its name says so"));
    }
    let record =
        has(words, RECORDS) || words.last().is_some_and(|last| NUMBERS[..3].contains(&last.as_str()));
    if record && mostly_different && (traits || profile.rows > 1000) {
        return Some((SUBJECT_BY_RECORD, "it numbers the records, and nearly every value is different"));
    }
    if let Some(like) = profile.looks.like() {
        let why = match like {
            "e-mail addresses" => "its values look like e-mail addresses",
            "telephone numbers" => "its values look like telephone numbers",
            _ => "its values look like bank accounts",
        };
        return Some((SUBJECT_BY_LOOKS, why));
    }
    let contact = has(words, CONTACTS) || NAMES.contains(&words.join("").as_str());
    let name = words.last().is_some_and(|last| last == "name")
        && words.iter().any(|word| matches!(word.as_str(), "first" | "last" | "full" | "family" | "given"));
    (contact || name).then_some((SUBJECT_BY_LOOKS, "its name is that of a name or a contact"))
}

fn classify(personal: bool, special: Option<&String>, reasons: &mut Vec<String>) -> Classification {
    match (personal, special) {
        (true, Some(column)) => {
            reasons.push(format!("`{column}` belongs to a special category (health, belief, origin), so the product is sensitive."));
            Classification::Sensitive
        }
        (true, None) => {
            reasons.push("The rows are about persons, so the product is personal.".into());
            Classification::Personal
        }
        (false, _) => {
            reasons.push(
                "No column is known to be about a person. If none is and the table holds no secret, call it open."
                    .into(),
            );
            Classification::Internal
        }
    }
}

/// Columns with few values, as a suggestion only: that a list is public knowledge nobody can see in the data.
fn public_keys(
    columns: &[Column],
    profiler: &Profiler,
    subject: Option<usize>,
    reasons: &mut Vec<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::new();
    for (i, (column, profile)) in columns.iter().zip(&profiler.columns).enumerate() {
        let kind = matches!(column.kind, ColumnKind::Text | ColumnKind::Integer | ColumnKind::Boolean);
        let repeats = !profile.is_unique();
        if let (Some(few), true, true) =
            (profile.few_values(), kind && repeats, subject.is_some() && subject != Some(i))
        {
            keys.insert(column.name.clone(), few.iter().cloned().collect());
        }
    }
    if !keys.is_empty() {
        let names: Vec<_> = keys.keys().map(|name| format!("`{name}`")).collect();
        reasons.push(format!(
            "Columns of few values: {}. Where such a list is public knowledge (one of regions is, one of diagnoses found is not), declare it as public keys: then all groups are shown and nothing is spent on finding them.",
            names.join(", ")
        ));
    }
    keys
}

fn policy(
    columns: &[Column],
    profiler: &Profiler,
    subject: usize,
    reasons: &mut Vec<String>,
) -> PrivacyPolicy {
    let about = &profiler.columns[subject];
    let name = columns[subject].name.clone();
    let rows_per_subject = (about.rows - about.nulls).div_ceil(about.distinct().max(1));
    let (groups, rows) = if about.is_unique() {
        reasons.push(format!("`{name}` is in one row each, so a subject counts once, in one group."));
        (1, 1)
    } else {
        let rows = u32::try_from(rows_per_subject.saturating_mul(2)).unwrap_or(u32::MAX).clamp(2, 1000);
        reasons.push(format!(
            "`{name}` is in about {rows_per_subject} rows each; a subject counts for at most {rows} rows in a group and in {GROUPS_PER_SUBJECT} groups. Lower limits mean less noise."
        ));
        (GROUPS_PER_SUBJECT, rows)
    };
    let mut bounds = BTreeMap::new();
    for (i, (column, profile)) in columns.iter().zip(&profiler.columns).enumerate() {
        let number = matches!(column.kind, ColumnKind::Integer | ColumnKind::Float);
        if number
            && i != subject
            && column.identifying != Identifying::Direct
            && let Some(found) = bounds_of(profile)
        {
            bounds.insert(column.name.clone(), found);
        }
    }
    if !bounds.is_empty() {
        reasons.push(
            "Warning: the bounds were derived from the data. Confirm each as public knowledge (what such a value can sensibly be), or set others: values outside count as the nearest bound.".into(),
        );
    }
    reasons.push(format!(
        "One question costs rho {} unless it asks for less, and all questions together may cost rho {}.",
        QUESTION_LOSS_DEFAULT.rho_nano as f64 / 1e9,
        BUDGET.rho_nano as f64 / 1e9
    ));
    PrivacyPolicy {
        subject: name,
        groups_per_subject_max: groups,
        rows_per_group_max: rows,
        rows_per_subject_max: None,
        bounds,
        public_keys: BTreeMap::new(),
        group_size_min: GROUP_SIZE_MIN,
        question_loss_default: QUESTION_LOSS_DEFAULT,
        question_loss_max: QUESTION_LOSS_MAX,
        budget: BUDGET,
        budget_rules: Default::default(),
    }
}

/// Round numbers around nearly all values.
fn bounds_of(profile: &ColumnProfiler) -> Option<Bounds> {
    let mut numbers = profile.sample.numbers.clone();
    numbers.sort_by(f64::total_cmp);
    if numbers.is_empty() {
        return None;
    }
    let cut = (numbers.len() as f64 * CUT_OFF) as usize;
    let (low, high) = (numbers[cut], numbers[numbers.len() - 1 - cut]);
    // Where nearly everything is one value, bounds around the rare others would be those others themselves.
    if low == high {
        return None;
    }
    let low = if low < 0.0 { -round_up(-low) } else { 0.0 };
    let high = if high > 0.0 { round_up(high) } else { 0.0 };
    let decimals = if profile.kind == ColumnKind::Float { FLOAT_DECIMALS } else { 0 };
    (low < high).then_some(Bounds { low, high, decimals })
}

/// The next of 1, 2, 5, 10, 20, 50, ...
fn round_up(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|&round| round >= x)
        .unwrap_or(10.0 * power)
}

fn has(words: &[String], list: &[&str]) -> bool {
    words.iter().any(|word| list.contains(&word.as_str()))
}

/// `personId`, `PERSON_ID` and `person id` are the words `person` and `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("it begins with one word").extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}
