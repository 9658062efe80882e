//! What an offer must satisfy before it is made, and how a product is named between nodes.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::{Classification, Mode, Product, ProductName, Terms, may_identify_in_words};
use crate::Refusal;
use crate::agreements::LegalBasis;
use crate::identity::Did;
use crate::words::list;

/// The longest short name that is made of an identifier.
const MADE_NAME_CHARS_MAX: usize = 32;

/// The dataset's identifier in the Dataspace Protocol: `<provider DID>#<product>`.
#[must_use]
pub fn dataset_id(provider: &Did, product: &ProductName) -> String {
    format!("{provider}#{product}")
}

impl Product {
    /// What the protocol calls it.
    #[must_use]
    pub fn dataset(&self, provider: &Did) -> String {
        self.identifier.as_ref().map_or_else(|| dataset_id(provider, &self.name), ToString::to_string)
    }
}

/// Whether an identifier is this one, or the name of a part of it: of a distribution, a policy, a page. One that only
/// begins with the same letters is another's.
#[must_use]
pub fn is_part_of(identifier: &str, whole: &str) -> bool {
    identifier
        .strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '/', '?', ':']))
}

/// Whether an identifier is one of these or a part of one of them, however long it is and however many they are.
#[must_use]
pub fn is_part_of_any(identifier: &str, wholes: &BTreeSet<String>) -> bool {
    // Every whole that the identifier begins with lies at or before `most`, and so do its own beginnings among them.
    let mut most = identifier;
    while let Some(last) = wholes.range::<str, _>((Bound::Unbounded, Bound::Included(most))).next_back() {
        if is_part_of(identifier, last) {
            return true;
        }
        if last.is_empty() {
            return false;
        }
        let alike = last.chars().zip(identifier.chars()).take_while(|(one, other)| one == other);
        let mut alike: usize = alike.map(|(letter, _)| letter.len_utf8()).sum();
        if alike == last.len() {
            // It begins with all of it and goes on with other letters: only shorter ones are left.
            alike -= last.chars().next_back().map_or(0, char::len_utf8);
        }
        most = identifier.get(..alike).unwrap_or_default();
    }
    false
}

/// A short name for a dataset that does not bear one: the letters of its identifier's last part.
#[must_use]
pub fn name_made_of(dataset: &str) -> Option<ProductName> {
    let last = dataset.rsplit(['#', '/', ':']).next()?.to_ascii_lowercase();
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let letters: String = last.chars().map(letter).take(MADE_NAME_CHARS_MAX).collect();
    let begins_well = letters.starts_with(|c: char| c.is_ascii_lowercase());
    ProductName::new(if begins_well { letters } else { format!("d{letters}") }).ok()
}

/// The two halves of a dataset's identifier, where it is `<provider DID>#<product>`.
pub fn parse_dataset(dataset: &str) -> Result<(Did, ProductName), Refusal> {
    let unknown = || Refusal::not_found("dataset-unknown", "There is no such dataset here.");
    let (did, product) = dataset.rsplit_once('#').ok_or_else(unknown)?;
    Ok((Did::new(did).map_err(|_| unknown())?, ProductName::new(product).map_err(|_| unknown())?))
}

/// Whether `product` may be offered for `mode` under `terms`. The classification sets the ceiling.
pub fn check_offer(product: &Product, mode: Mode, terms: &Terms) -> Result<(), Refusal> {
    if terms.purposes.is_empty() || terms.legal_bases.is_empty() {
        return Err(Refusal::invalid(
            "offer-without-purpose",
            "An offer names at least one purpose and one legal basis.",
        )
        .remedy("Add the purposes that you would say yes to."));
    }
    let unknown = unknown_columns(product, terms);
    if !unknown.is_empty() {
        return Err(Refusal::invalid(
            "column-unknown",
            format!("{} has no column {}.", product.title, list(&unknown, "or")),
        )
        .remedy("Name columns as they stand in the product's schema."));
    }
    let private = matches!(mode, Mode::Synthetic | Mode::Statistics | Mode::Training);
    if private && product.privacy.is_none() {
        return Err(Refusal::invalid(
            "privacy-policy-missing",
            format!("{} has no privacy policy, so it cannot be offered for {mode}.", product.title),
        )
        .remedy("Name the subject column and the bounds of its numbers, then offer it again."));
    }
    if matches!(mode, Mode::Lookup | Mode::Extract) {
        check_rows(product, mode, terms)?;
    }
    Ok(())
}

/// Rows about persons leave only where somebody has thought about which, and on what ground.
fn check_rows(product: &Product, mode: Mode, terms: &Terms) -> Result<(), Refusal> {
    let unsettled = product.unsettled();
    if !unsettled.is_empty() && terms.columns.is_none() {
        let reason = format!(
            "{} Nobody has said that no row of {} is about a person, so it is not offered for {mode}.",
            may_identify_in_words(&unsettled, &product.profile),
            product.title
        );
        return Err(Refusal::invalid("persons-unsettled", reason).remedy(
            "Publish it with `--subject COLUMN` where it is about persons, or with `--subject none` where no row is.",
        ));
    }
    if product.classification.is_personal() && terms.columns.is_none() {
        return Err(Refusal::invalid(
            "columns-needed",
            format!(
                "{} is about persons, so an offer for {mode} names the columns that leave.",
                product.title
            ),
        )
        .remedy("List the columns that the purpose needs, and no others."));
    }
    if product.classification == Classification::Sensitive && !terms.legal_bases.iter().all(is_special) {
        return Err(Refusal::invalid(
            "special-category",
            format!(
                "{} is sensitive; records of it leave only on a ground of GDPR article 9.",
                product.title
            ),
        )
        .remedy("Offer it for statistics, or name only legal bases of article 9.")
        .changed_by("the owner's data protection officer"));
    }
    Ok(())
}

fn is_special(basis: &LegalBasis) -> bool {
    basis.as_str().starts_with("https://w3id.org/dpv/legal/eu/gdpr#A9-2-")
}

fn unknown_columns<'a>(product: &Product, terms: &'a Terms) -> Vec<&'a str> {
    let known = |name: &str| product.columns.iter().any(|column| column.name == name);
    let named = terms.columns.iter().flatten();
    named.map(String::as_str).filter(|name| !known(name)).collect()
}
