//! Organisations, budgets and products as pages name them.

use std::collections::BTreeMap;

use weal_domain::catalogue::{CatalogueEntry, ProductName, ProductRef, parse_dataset};
use weal_domain::identity::{Did, MemberName};
use weal_portal::view::{Meter, Names, Party};

use crate::acts::governance::Ecosystem;
use crate::api::BudgetShown;
use crate::house::House;

/// The longest short name.
const NAME_CHARS_MAX: usize = 40;

/// An organisation as far as this node knows it.
pub(super) fn party(house: &House, ecosystem: &Ecosystem, did: &Did) -> Party {
    if let Some(member) = ecosystem.members.get(did) {
        return Party { did: did.clone(), name: member.name.clone(), title: member.title.clone() };
    }
    if *did == house.did {
        return own(house);
    }
    Party { did: did.clone(), name: stranger(did), title: did.to_string() }
}

pub(super) fn own(house: &House) -> Party {
    let node = &house.config.node;
    Party { did: house.did.clone(), name: node.name.clone(), title: node.title.clone() }
}

/// A stranger has told us no name; its DID, written as one, stands for it.
fn stranger(did: &Did) -> MemberName {
    let letters =
        did.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    let name: String = letters.take(NAME_CHARS_MAX).collect();
    MemberName::new(name)
        .unwrap_or_else(|_| MemberName::new("stranger").expect("a lower-case word is a member name"))
}

/// Full names of everyone the register names.
pub(super) fn names(house: &House, ecosystem: &Ecosystem) -> Names {
    let mut names: BTreeMap<Did, String> =
        ecosystem.members.iter().map(|(did, member)| (did.clone(), member.title.clone())).collect();
    names.entry(house.did.clone()).or_insert_with(|| house.config.node.title.clone());
    Names(names)
}

/// The product of a dataset, under its owner's short name; `None` for a dataset that is not named as ours are.
pub(super) fn product_of(house: &House, ecosystem: &Ecosystem, dataset: &str) -> Option<ProductRef> {
    let (owner, product) = parse_dataset(dataset).ok()?;
    Some(ProductRef { member: party(house, ecosystem, &owner).name, product })
}

/// A product's title, or its short name where no catalogue names it any more.
pub(super) fn title_of(entries: &[CatalogueEntry], owner: &Did, product: &ProductName) -> String {
    let found = entries.iter().find(|entry| entry.did == *owner && entry.product == *product);
    found.map_or_else(|| product.to_string(), |entry| entry.title.clone())
}

pub(super) fn meter(shown: &BudgetShown) -> Meter {
    let half_width = shown.question.as_ref().and_then(|question| question.half_width);
    Meter {
        granted: shown.granted,
        renewed: shown.renewed,
        reserved: shown.reserved,
        spent: shown.spent,
        // Of a count, a whole number.
        half_width: half_width.map(|width| width.ceil() as u64),
        question: shown.question_loss.unwrap_or_default(),
    }
}
