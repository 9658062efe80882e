//! What the owner decides about the proposals: by options, then at the terminal.

use std::collections::BTreeMap;

use weal_domain::catalogue::{Classification, Mode, PrivacyPolicy, ProductName, Terms};
use weal_node::api::{Inspected, Publish};

use super::policy::policy;
use super::{Args, NO_SUBJECT, Rung, classification};
use crate::commands::offer::{mode, offer_of};
use crate::failure::{Failure, Result};
use crate::print::Terminal;

/// The flag that answers every question with what was proposed.
const YES: &str = "--yes";

/// The subject column, `None` where no person is in the data.
pub(super) fn subject(args: &Args, inspected: &Inspected, terminal: &Terminal) -> Result<Option<String>> {
    let proposed = inspected.subject.as_deref().unwrap_or(NO_SUBJECT);
    let subject = match &args.subject {
        Some(subject) => subject.clone(),
        None if args.yes => proposed.to_owned(),
        None => terminal.line("Subject column (or none)?", proposed, YES)?,
    };
    if subject == NO_SUBJECT {
        return Ok(None);
    }
    if !inspected.columns.iter().any(|column| column.name == subject) {
        return Err(
            Failure::usage(format!("there is no column {subject}")).next("name one of the columns above")
        );
    }
    Ok(Some(subject))
}

/// What is known before anything about the file is decided.
pub(super) struct Known {
    pub name: ProductName,
    pub terms: Option<Terms>,
    /// Of the product as it is published already.
    pub former: Option<PrivacyPolicy>,
}

/// All decisions together; nothing is published by them.
pub(super) fn decide(
    args: &Args,
    known: Known,
    subject: Option<String>,
    inspected: Inspected,
    terminal: &Terminal,
) -> Result<Publish> {
    let Known { name, terms, former } = known;
    let asks = !args.yes;
    let class = match args.class {
        Some(class) => class,
        None if asks => {
            let line = terminal.line("Classification?", inspected.classification.as_str(), YES)?;
            classification(&line).map_err(Failure::usage)?
        }
        None => inspected.classification,
    };
    let public = public_keys(args, &inspected, subject.is_some(), terminal)?;
    let proposed = inspected.privacy.filter(|_| subject.is_some());
    let privacy = policy(args, proposed, former.as_ref(), public)?;
    let mut modes = rungs(&args.offer, class, privacy.is_some());
    if asks && args.offer.is_empty() {
        modes = ask_rungs(&modes, terminal)?;
    }
    let offers = terms.map_or_else(Vec::new, |terms| {
        modes.iter().map(|mode| offer_of(&name, *mode, &terms, privacy.as_ref())).collect()
    });
    Ok(Publish {
        upload: inspected.upload,
        title: args.title.clone().unwrap_or_else(|| name.as_str().replace('_', " ")),
        description: args.description.clone().unwrap_or_default(),
        keywords: args.keyword.clone(),
        classification: class,
        privacy,
        particulars: args.about.particulars(),
        offers,
        name,
        identifier: args.identifier.clone(),
    })
}

/// The last question, after everything that there is to know.
pub(super) fn confirm(args: &Args, name: &ProductName, terminal: &Terminal) -> Result<()> {
    if args.yes || terminal.confirm(&format!("Publish {name}?"), true, YES)? {
        return Ok(());
    }
    Err(Failure::failed("nothing was published"))
}

/// The columns whose lists of values are public knowledge: only the owner can say so.
fn public_keys(
    args: &Args,
    inspected: &Inspected,
    private: bool,
    terminal: &Terminal,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut chosen = args.public.clone();
    if private && chosen.is_empty() && !args.yes && !inspected.public_keys.is_empty() {
        let few: Vec<&str> = inspected.public_keys.keys().map(String::as_str).collect();
        let question =
            format!("Is the list of values public knowledge in any of {} (or none)?", few.join(", "));
        let line = terminal.line(&question, "none", YES)?;
        let named = line.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        chosen = named.map(|name| (name.to_owned(), Vec::new())).collect();
    }
    let mut keys = BTreeMap::new();
    for (column, values) in chosen {
        let values = match (values.is_empty(), inspected.public_keys.get(&column)) {
            (false, _) => values,
            (true, Some(found)) => found.clone(),
            (true, None) => {
                return Err(Failure::usage(format!(
                    "the values of {column} are too many to be taken as found"
                ))
                .next(format!("name them: --public {column}=VALUE,VALUE")));
            }
        };
        keys.insert(column, values);
    }
    Ok(keys)
}

fn rungs(asked: &[Rung], class: Classification, private: bool) -> Vec<Mode> {
    if asked.contains(&Rung::None) {
        return Vec::new();
    }
    if !asked.is_empty() {
        return asked
            .iter()
            .filter_map(|rung| if let Rung::Mode(mode) = rung { Some(*mode) } else { None })
            .collect();
    }
    match (class.is_personal(), private) {
        (true, true) => vec![Mode::Metadata, Mode::Statistics],
        (true, false) => vec![Mode::Metadata],
        (false, _) => vec![Mode::Metadata, Mode::Extract],
    }
}

fn ask_rungs(proposed: &[Mode], terminal: &Terminal) -> Result<Vec<Mode>> {
    let names: Vec<&str> = proposed.iter().map(|mode| mode.as_str()).collect();
    let line = terminal.line("Offer it for (or none)?", &names.join(","), YES)?;
    if line == "none" {
        return Ok(Vec::new());
    }
    line.split(',').map(|word| mode(word.trim()).map_err(Failure::usage)).collect()
}
