//! `weal publish`

mod about;
mod decide;
mod policy;
mod send;
mod typical;

use std::path::{Path, PathBuf};

use weal_domain::InvalidName;
use weal_domain::catalogue::{
    Bounds, Classification, DatasetId, Identifying, Mode, PrivacyPolicy, Product, ProductName,
    may_identify_in_words,
};
use weal_domain::words::list;
use weal_node::api::{Inspected, ProductShown, Published, TypicalFor, TypicalQuestion};

use super::offer::{TermsArgs, mode};
use crate::client::{Client, file_name, segment};
use crate::compose::Setting;
use crate::failure::{Exit, Failure, Result};
use crate::print::number::{bytes, decimal, thousands};
use crate::print::{WIDTH, wrap};

use about::AboutArgs;
use decide::Known;
use policy::PolicyArgs;
pub(super) use policy::RulesArgs;
pub use send::{inspect, upload};
pub(super) use typical::half;

/// Publish a file or a folder of files as a product.
///
/// Reads CSV, CSV.gz, Parquet and NDJSON. The node profiles the data and proposes what each column is,
/// whose data it is and how far it may go; you are asked to accept or change it, --yes accepts.
/// Publishing the same name again makes a new version.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal publish payroll.csv.gz --title \"Payroll 2026\" --purpose fraud")]
pub struct Args {
    /// The file, or a folder whose files have the same columns.
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// The product's short name, the table in SQL; the file's name by default.
    #[arg(long)]
    name: Option<ProductName>,
    /// The identifier under which the dataset is known elsewhere, an IRI; peers and harvesters will use it.
    #[arg(long, value_name = "IRI")]
    identifier: Option<DatasetId>,
    /// The product's name in full.
    #[arg(long)]
    title: Option<String>,
    /// What it holds, for people who search.
    #[arg(long)]
    description: Option<String>,
    /// A word to find it by. May be repeated.
    #[arg(long, value_name = "WORD")]
    keyword: Vec<String>,
    /// csv, csv.gz, parquet, ndjson or ndjson.gz; by the file's name where it is left out.
    #[arg(long)]
    format: Option<String>,
    /// Accept all proposals without asking.
    #[arg(long)]
    yes: bool,
    /// The column whose values are the protected subjects; `none` says that no row is about a person. Where --yes is
    /// all that is said and a column may tell persons apart, no rows are offered.
    #[arg(long, value_name = "COLUMN|none")]
    subject: Option<String>,
    /// open, internal, personal or sensitive.
    #[arg(long, value_parser = classification)]
    class: Option<Classification>,
    /// A column whose list of values is public knowledge, so that its groups are all shown. The values are
    /// those found, or name them: region=north,south. May be repeated; `none` takes back those of the version before.
    #[arg(long, value_name = "COLUMN[=VALUE,...]", value_parser = public_key)]
    public: Vec<(String, Vec<String>)>,
    /// What a number can sensibly be, as public knowledge: values outside count as the nearest bound.
    /// May be repeated.
    #[arg(long, value_name = "COLUMN=LOW..HIGH", value_parser = bounds)]
    bounds: Vec<(String, f64, f64)>,
    /// Offer it on this rung. May be repeated; `none` offers it on no rung. By default metadata and, where subjects
    /// are protected, statistics, and where no row is about a person extract.
    #[arg(long, value_name = "MODE", value_parser = rung)]
    offer: Vec<Rung>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    about: AboutArgs,
}

/// What to answer where no person is in the data.
const NO_SUBJECT: &str = "none";

/// A rung to offer, or the word for no rung at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Mode(Mode),
    None,
}

pub async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_of(&args.path)?,
    };
    let (client, terminal) = (setting.client()?, &setting.terminal);
    // Asked for before anything is sent: what is missing should be said at once.
    let terms = match args.offer.contains(&Rung::None) {
        true => None,
        false => Some(args.terms.terms(&client).await?),
    };
    let upload = upload(&client, &args.path, terminal).await?;
    let named = args.subject.as_deref().filter(|subject| *subject != NO_SUBJECT);
    let mut inspected = inspect(&client, &upload, args.format.clone(), named, terminal).await?;
    terminal.say(found(&args.path, &inspected));
    let former = former(&client, &name).await?;
    let decided = decide::subject(&args, &inspected, former.as_ref(), terminal)?;
    let subject = decided.column.clone();
    if subject.is_some() && subject != inspected.subject {
        // Another subject changes who is protected and how: the proposals are made again.
        inspected = inspect(&client, &upload, args.format.clone(), subject.as_deref(), terminal).await?;
        terminal.say(proposals(&inspected));
    }
    let known = Known { former, name, terms };
    let body = decide::decide(&args, known, decided, inspected, terminal)?;
    let mut typical_line = None;
    if let Some(privacy) = &body.privacy {
        let wanted = TypicalFor { name: body.name.clone(), privacy: privacy.clone() };
        let path = format!("/uploads/{}/typical", segment(&body.upload));
        let questions: Vec<TypicalQuestion> = client.post(&path, &wanted, "pricing questions").await?;
        terminal.say(typical::table(&questions));
        typical_line = typical::in_a_line(&questions, privacy);
    }
    decide::confirm(&args, &body.name, terminal)?;
    let published: Published = client.post("/products", &body, "publishing").await?;
    terminal.answer(&published, || done(&published, typical_line.as_deref()));
    for said in unsettled(&published).into_iter().chain(open_persons(&published)) {
        terminal.note(said);
    }
    Ok(Exit::Ok)
}

/// The product where it is published already.
async fn former(client: &Client, name: &ProductName) -> Result<Option<Product>> {
    match client.get::<ProductShown>(&format!("/products/{name}"), "reading a product").await {
        Ok(shown) => Ok(Some(shown.product)),
        Err(Failure::Refused { refusal, .. }) if refusal.code == "product-unknown" => Ok(None),
        Err(other) => Err(other),
    }
}

fn name_of(path: &Path) -> Result<ProductName> {
    let name = file_name(path).to_lowercase();
    let name = name.split('.').next().unwrap_or_default().replace(['-', ' '], "_");
    name.parse().map_err(|cause: InvalidName| {
        Failure::usage(cause.to_string()).next("give the product's short name with --name")
    })
}

fn found(path: &Path, inspected: &Inspected) -> String {
    format!(
        "{}: {} rows, {} as Parquet\n\n{}\n{}",
        path.display(),
        thousands(inspected.rows),
        bytes(inspected.size_bytes),
        super::products::profile(&inspected.columns, &inspected.profile),
        proposals(inspected),
    )
}

fn proposals(inspected: &Inspected) -> String {
    let class = inspected.classification.as_str();
    let subject = match &inspected.subject {
        Some(subject) => format!("subjects in column {subject}"),
        None => "no protected subjects".to_owned(),
    };
    let reason = |reason: &String| format!("\n  - {}", wrap(reason, WIDTH - 4).join("\n    "));
    let reasons: String = inspected.reasons.iter().map(reason).collect();
    let bounds = inspected.privacy.as_ref().map(bounds_of).unwrap_or_default();
    format!("Proposed: {class}, {subject}{reasons}{bounds}\n")
}

/// The bounds within which numbers are summed and averaged, a line each.
fn bounds_of(policy: &PrivacyPolicy) -> String {
    let line = |(column, bounds): (&String, &Bounds)| {
        let places = usize::from(bounds.decimals);
        format!("\n      {column}: {} to {}", decimal(bounds.low, places), decimal(bounds.high, places))
    };
    let lines: String = policy.bounds.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n  - Bounds (change them with --bounds):{lines}") }
}

fn done(published: &Published, typical: Option<&str>) -> String {
    let product = &published.product;
    let offers = if published.offers.is_empty() && product.version > 1 {
        format!(
            "Nothing new is offered. Offers that were made before stand: `weal products {}` shows them.",
            product.name
        )
    } else if published.offers.is_empty() {
        "It is offered on no rung yet; offer it with `weal offer`.".to_owned()
    } else {
        super::offer::modes(&published.offers).to_string()
    };
    let typical = typical.map(|line| wrap(line, WIDTH).join("\n") + "\n").unwrap_or_default();
    format!(
        "Published {} version {}: {} rows, {}, entry {} of the ledger.\n{typical}{offers}",
        product.name,
        product.version,
        thousands(product.rows),
        product.classification.as_str(),
        published.ledger_index
    )
}

/// That rows which name persons are there for everyone, because somebody said that they are about nobody.
fn open_persons(published: &Published) -> Option<String> {
    let product = &published.product;
    let naming = product.columns.iter().filter(|column| column.identifying == Identifying::Direct);
    let naming: Vec<String> = naming.map(|column| format!("`{}`", column.name)).collect();
    if naming.is_empty() || product.privacy.is_some() || product.classification != Classification::Open {
        return None;
    }
    let said = format!(
        "Take care: {} looks as if it named persons, and the product is open: whoever is a member may have its rows. If they are about \
         persons, withdraw its offers with `weal offer` and publish it again with `--subject COLUMN`.",
        list(&naming, "and")
    );
    Some(wrap(&said, WIDTH).join("\n"))
}

/// Why rows are not offered, and what to pass where they may be.
fn unsettled(published: &Published) -> Option<String> {
    let product = &published.product;
    let columns = product.unsettled();
    if columns.is_empty() {
        return None;
    }
    let said = format!(
        "Its rows are not offered: {} If no row is about a person, publish it again with `--subject none`; if rows are, \
         with `--subject COLUMN`, the column that tells whose a row is.",
        may_identify_in_words(&columns, &product.profile)
    );
    Some(wrap(&said, WIDTH).join("\n"))
}

fn classification(given: &str) -> Result<Classification, String> {
    use Classification::{Internal, Open, Personal, Sensitive};
    [Open, Internal, Personal, Sensitive]
        .into_iter()
        .find(|class| class.as_str() == given)
        .ok_or_else(|| format!("`{given}` is no class; use open, internal, personal or sensitive"))
}

fn public_key(given: &str) -> Result<(String, Vec<String>), String> {
    if !given.contains('=') {
        return Ok((given.to_owned(), Vec::new()));
    }
    let wrong = || "write the column, =, and its values separated by commas: region=north,south".to_owned();
    let (column, values) = given.split_once('=').ok_or_else(wrong)?;
    if column.is_empty() || values.is_empty() {
        return Err(wrong());
    }
    Ok((column.to_owned(), values.split(',').map(str::to_owned).collect()))
}

fn rung(given: &str) -> Result<Rung, String> {
    if given == "none" { Ok(Rung::None) } else { mode(given).map(Rung::Mode) }
}

fn bounds(given: &str) -> Result<(String, f64, f64), String> {
    let wrong = || "write the column, =, and both ends: wage=0..9000".to_owned();
    let (column, ends) = given.split_once('=').ok_or_else(wrong)?;
    let (low, high) = ends.split_once("..").ok_or_else(wrong)?;
    let (low, high): (f64, f64) = (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?);
    if column.is_empty() || !low.is_finite() || !high.is_finite() || low >= high {
        return Err(wrong());
    }
    Ok((column.to_owned(), low, high))
}
