//! What the owner decides about the proposals: by options, then at the terminal.

use std::collections::{BTreeMap, BTreeSet};

use weal_domain::catalogue::{
    Classification, Column, Mode, Particulars, Product, ProductName, Terms, rungs_by_default,
};
use weal_node::api::{Inspected, Publish};

use super::policy::policy;
use super::{Args, NO_SUBJECT, Rung, classification};
use crate::commands::offer::{mode, offer_of};
use crate::failure::{Failure, Result};
use crate::print::Terminal;

/// The flag that answers every question with what was proposed.
const YES: &str = "--yes";

/// Whom the rows are about.
pub(super) struct Decided {
    /// The subject column.
    pub column: Option<String>,
    /// Somebody has said that no row is about a person; to accept proposals is not to say so.
    pub about_nobody: bool,
}

/// What the owner says, and else what they said of the version before.
pub(super) fn subject(
    args: &Args,
    inspected: &Inspected,
    former: Option<&Product>,
    terminal: &Terminal,
) -> Result<Decided> {
    let has = |name: &str| inspected.columns.iter().any(|column| column.name == name);
    let before = former.and_then(|former| former.privacy.as_ref()).map(|policy| policy.subject.as_str());
    let proposed = before.filter(|name| has(name)).or(inspected.subject.as_deref());
    let (subject, is_said) = match &args.subject {
        Some(subject) => (subject.clone(), true),
        None if args.yes => (proposed.unwrap_or(NO_SUBJECT).to_owned(), false),
        None => {
            let line = terminal.line("Subject column (or none)?", proposed.unwrap_or(NO_SUBJECT), YES)?;
            // To leave a proposal as it stands says nothing about persons.
            let is_said = proposed.is_some() || line != NO_SUBJECT;
            (line, is_said)
        }
    };
    if subject == NO_SUBJECT {
        if let Some(before) = before.filter(|_| args.subject.is_none()) {
            let what = format!(
                "the version before protects the subjects in column {before}, and this one would protect nobody"
            );
            return Err(Failure::usage(what)
                .next("name the column that tells them apart now with --subject COLUMN, or say --subject none where no row is about a person"));
        }
        let about_nobody =
            is_said || former.is_some_and(|former| former.about_nobody && is_like(former, inspected));
        return Ok(Decided { column: None, about_nobody });
    }
    if !has(&subject) {
        return Err(
            Failure::usage(format!("there is no column {subject}")).next("name one of the columns above")
        );
    }
    Ok(Decided { column: Some(subject), about_nobody: false })
}

/// Whether a new version has the columns of the one before.
fn is_like(former: &Product, inspected: &Inspected) -> bool {
    let names =
        |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<_>>();
    names(&former.columns) == names(&inspected.columns)
}

/// What is known before anything about the file is decided.
pub(super) struct Known {
    pub name: ProductName,
    pub terms: Option<Terms>,
    /// The product as it is published already.
    pub former: Option<Product>,
}

/// All decisions together; nothing is published by them.
pub(super) fn decide(
    args: &Args,
    known: Known,
    decided: Decided,
    inspected: Inspected,
    terminal: &Terminal,
) -> Result<Publish> {
    let Known { name, terms, former } = known;
    let Decided { column: subject, about_nobody } = decided;
    let asks = !args.yes;
    // A new version is no less careful than the one before, unless somebody says so.
    let careful = former
        .as_ref()
        .map_or(inspected.classification, |former| former.classification.max(inspected.classification));
    let class = match args.class {
        Some(class) => class,
        None if asks => {
            let line = terminal.line("Classification?", careful.as_str(), YES)?;
            classification(&line).map_err(Failure::usage)?
        }
        None => careful,
    };
    let public = public_keys(args, &inspected, subject.is_some(), terminal)?;
    let proposed = inspected.privacy.filter(|_| subject.is_some());
    let privacy = policy(args, proposed, former.as_ref(), &inspected.columns, public)?;
    let is_settled = about_nobody || class == Classification::Open || inspected.may_identify.is_empty();
    let mut modes = rungs(&args.offer, || rungs_by_default(class, privacy.is_some(), !is_settled));
    if asks && args.offer.is_empty() {
        modes = ask_rungs(&modes, terminal)?;
    }
    let offers = terms.map_or_else(Vec::new, |terms| {
        modes.iter().map(|mode| offer_of(&name, *mode, &terms, privacy.as_ref())).collect()
    });
    let of_former = |what: fn(&Product) -> String| former.as_ref().map(what);
    let titled = || name.as_str().replace('_', " ");
    Ok(Publish {
        upload: inspected.upload,
        title: args.title.clone().or(of_former(|former| former.title.clone())).unwrap_or_else(titled),
        description: args
            .description
            .clone()
            .or(of_former(|former| former.description.clone()))
            .unwrap_or_default(),
        keywords: match args.keyword.is_empty() {
            true => former.as_ref().map(|former| former.keywords.clone()).unwrap_or_default(),
            false => args.keyword.clone(),
        },
        classification: class,
        about_nobody,
        privacy,
        particulars: former
            .as_ref()
            .map(|former| former.particulars.clone())
            .filter(|_| args.about.particulars() == Particulars::default())
            .unwrap_or_else(|| args.about.particulars()),
        offers,
        name,
        identifier: args.identifier.clone().or(former.as_ref().and_then(|former| former.identifier.clone())),
    })
}

/// The last question, after everything that there is to know.
pub(super) fn confirm(args: &Args, name: &ProductName, terminal: &Terminal) -> Result<()> {
    if args.yes || terminal.confirm(&format!("Publish {name}?"), true, YES)? {
        return Ok(());
    }
    Err(Failure::failed("nothing was published"))
}

/// Lists of values that are public knowledge.
pub(super) struct PublicKeys {
    pub lists: BTreeMap<String, Vec<String>>,
    /// Whether they are all there are, and not beside those of the version before.
    pub instead: bool,
}

/// The columns whose lists of values are public knowledge: only the owner can say so.
fn public_keys(args: &Args, inspected: &Inspected, private: bool, terminal: &Terminal) -> Result<PublicKeys> {
    let mut chosen = args.public.clone();
    let mut instead = chosen.iter().any(|(name, values)| name == NO_SUBJECT && values.is_empty());
    chosen.retain(|(name, values)| name != NO_SUBJECT || !values.is_empty());
    if private && chosen.is_empty() && !instead && !args.yes && !inspected.public_keys.is_empty() {
        let few: Vec<&str> = inspected.public_keys.keys().map(String::as_str).collect();
        let question =
            format!("Is the list of values public knowledge in any of {} (or none)?", few.join(", "));
        let line = terminal.line(&question, "none", YES)?;
        let named = line.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        chosen = named.map(|name| (name.to_owned(), Vec::new())).collect();
        instead = true;
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
    Ok(PublicKeys { lists: keys, instead })
}

fn rungs(asked: &[Rung], by_default: impl FnOnce() -> Vec<Mode>) -> Vec<Mode> {
    if asked.contains(&Rung::None) {
        return Vec::new();
    }
    if asked.is_empty() {
        return by_default();
    }
    asked.iter().filter_map(|rung| if let Rung::Mode(mode) = rung { Some(*mode) } else { None }).collect()
}

fn ask_rungs(proposed: &[Mode], terminal: &Terminal) -> Result<Vec<Mode>> {
    let names: Vec<&str> = proposed.iter().map(|mode| mode.as_str()).collect();
    let line = terminal.line("Offer it for (or none)?", &names.join(","), YES)?;
    if line == "none" {
        return Ok(Vec::new());
    }
    line.split(',').map(|word| mode(word.trim()).map_err(Failure::usage)).collect()
}
