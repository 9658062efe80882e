//! `weal publish`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use tokio_util::io::ReaderStream;
use weal_domain::InvalidName;
use weal_domain::catalogue::{Classification, Mode, PrivacyPolicy, ProductName, Terms};
use weal_node::api::{Inspect, Inspected, Publish, Published, UploadMade};

use super::offer::{TermsArgs, mode, offer_of};
use crate::client::{Client, file_name, segment};
use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::{bytes, thousands};
use crate::print::terminal::{Terminal, Unit};

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
    /// The column whose values are the protected subjects; `none` where no person is in it.
    #[arg(long, value_name = "COLUMN")]
    subject: Option<String>,
    /// open, internal, personal or sensitive.
    #[arg(long, value_parser = classification)]
    class: Option<Classification>,
    /// A column whose list of values is public knowledge, so that its groups are all shown. The values are
    /// those found, or name them: region=north,south. May be repeated.
    #[arg(long, value_name = "COLUMN[=VALUE,...]", value_parser = public_key)]
    public: Vec<(String, Vec<String>)>,
    /// Offer it on this rung. May be repeated; `none` offers it on no rung. By default metadata and, for
    /// personal data, statistics, for all other data extract.
    #[arg(long, value_name = "MODE", value_parser = rung)]
    offer: Vec<Rung>,
    #[command(flatten)]
    terms: TermsArgs,
}

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
    let client = setting.client()?;
    // Asked for before anything is sent: what is missing should be said at once.
    let terms = match args.offer.contains(&Rung::None) {
        true => None,
        false => Some(args.terms.terms(&client).await?),
    };
    let upload = upload(&client, &args.path, &setting.terminal).await?;
    let inspected = inspect(&client, &upload, args.format.clone(), &setting.terminal).await?;
    setting.terminal.say(found(&args.path, &inspected));
    let body = decide(&args, name, terms, inspected, &setting.terminal)?;
    let published: Published = client.post("/products", &body, "publishing").await?;
    setting.terminal.answer(&published, || done(&published));
    Ok(Exit::Ok)
}

/// Sends the file, or every file of the folder, and answers with the upload's id.
pub async fn upload(client: &Client, path: &Path, terminal: &Terminal) -> Result<String> {
    let files = files_of(path)?;
    let total = files.iter().map(|(_, size)| size).sum();
    let made: UploadMade = client.post("/uploads", &(), "starting an upload").await?;
    let mut progress = terminal.progress("sending", Some(total), Unit::Bytes);
    let mut before = 0;
    for (file, size) in files {
        let open = tokio::fs::File::open(&file).await.doing(format!("cannot read {}", file.display()))?;
        let sent = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&sent);
        let chunks = ReaderStream::with_capacity(open, 256 * 1024).inspect(move |chunk| {
            let length = chunk.as_ref().map_or(0, bytes::Bytes::len);
            counted.fetch_add(length as u64, Ordering::Relaxed);
        });
        let path = format!("/uploads/{}/{}", segment(&made.upload), segment(&file_name(&file)));
        let send = client.put_stream(&path, reqwest::Body::wrap_stream(chunks), "sending a file");
        let mut send = std::pin::pin!(send);
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            tokio::select! {
                sent = &mut send => break sent?,
                _ = tick.tick() => progress.at(before + sent.load(Ordering::Relaxed)),
            }
        }
        before += size;
        progress.at(before);
    }
    Ok(made.upload)
}

/// Has the node read the upload.
pub async fn inspect(
    client: &Client,
    upload: &str,
    format: Option<String>,
    terminal: &Terminal,
) -> Result<Inspected> {
    let path = format!("/uploads/{}/inspect", segment(upload));
    let body = Inspect { format };
    let progress = terminal.progress("reading and profiling", None, Unit::Things);
    progress.during(client.post(&path, &body, "reading the file")).await
}

/// The file, or the files of a folder in order of name, hidden ones left out.
fn files_of(path: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let unreadable = |cause| Failure::failed(format!("cannot read {}: {cause}", path.display()));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.is_file() {
        return Ok(vec![(path.to_owned(), about.len())]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let about = std::fs::metadata(entry.path()).map_err(unreadable)?;
        if about.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            files.push((entry.path(), about.len()));
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("there are no files in {}", path.display())));
    }
    Ok(files)
}

fn name_of(path: &Path) -> Result<ProductName> {
    let name = file_name(path).to_lowercase();
    let name = name.split('.').next().unwrap_or_default().replace(['-', ' '], "_");
    name.parse().map_err(|cause: InvalidName| {
        Failure::usage(cause.to_string()).next("give the product's short name with --name")
    })
}

fn found(path: &Path, inspected: &Inspected) -> String {
    let product = super::products::profile(&inspected.columns, &inspected.profile);
    let reasons: String = inspected.reasons.iter().map(|reason| format!("\n  - {reason}")).collect();
    format!(
        "{}: {} rows, {} as Parquet\n\n{product}\nProposed: {}, {}{reasons}\n",
        path.display(),
        thousands(inspected.rows),
        bytes(inspected.size_bytes),
        inspected.classification.as_str(),
        match &inspected.subject {
            Some(subject) => format!("subjects in column {subject}"),
            None => "no protected subjects".to_owned(),
        },
    )
}

/// The proposals as the options, then the person at the terminal, change them.
fn decide(
    args: &Args,
    name: ProductName,
    terms: Option<Terms>,
    inspected: Inspected,
    terminal: &Terminal,
) -> Result<Publish> {
    const YES: &str = "--yes";
    let asks = !args.yes;
    let class = match args.class {
        Some(class) => class,
        None if asks => {
            let line = terminal.line("Classification?", inspected.classification.as_str(), YES)?;
            classification(&line).map_err(Failure::usage)?
        }
        None => inspected.classification,
    };
    let proposed = inspected.subject.clone().unwrap_or_else(|| "none".to_owned());
    let subject = match &args.subject {
        Some(subject) => subject.clone(),
        None if asks => terminal.line("Subject column (or none)?", &proposed, YES)?,
        None => proposed,
    };
    if subject != "none" && !inspected.columns.iter().any(|column| column.name == subject) {
        return Err(
            Failure::usage(format!("there is no column {subject}")).next("name one of the columns above")
        );
    }
    let public = public_keys(args, &inspected, subject != "none", terminal)?;
    let privacy = privacy(inspected.privacy, &subject, public)?;
    let mut modes = rungs(&args.offer, class, privacy.is_some());
    if asks && args.offer.is_empty() {
        modes = ask_rungs(modes, terminal)?;
    }
    let offers = terms.map_or_else(Vec::new, |terms| {
        modes.iter().map(|mode| offer_of(&name, *mode, &terms, privacy.as_ref())).collect()
    });
    if asks && !terminal.confirm(&format!("Publish {name}?"), true, YES)? {
        return Err(Failure::failed("nothing was published"));
    }
    Ok(Publish {
        upload: inspected.upload,
        title: args.title.clone().unwrap_or_else(|| name.as_str().replace('_', " ")),
        description: args.description.clone().unwrap_or_default(),
        keywords: args.keyword.clone(),
        classification: class,
        privacy,
        offers,
        name,
    })
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
        let line = terminal.line(&question, "none", "--yes")?;
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

/// The proposed policy for another subject or with public keys, `None` for no subject at all.
pub fn privacy(
    proposed: Option<PrivacyPolicy>,
    subject: &str,
    public: BTreeMap<String, Vec<String>>,
) -> Result<Option<PrivacyPolicy>> {
    if subject == "none" {
        return Ok(None);
    }
    let Some(mut policy) = proposed else {
        return Err(Failure::failed(format!(
            "the node proposed no privacy policy, so {subject} cannot be protected"
        ))
        .next("name the subject in the data's own column and publish again, or use --subject none"));
    };
    subject.clone_into(&mut policy.subject);
    policy.public_keys.extend(public);
    Ok(Some(policy))
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

fn ask_rungs(proposed: Vec<Mode>, terminal: &Terminal) -> Result<Vec<Mode>> {
    let names: Vec<&str> = proposed.iter().map(|mode| mode.as_str()).collect();
    let line = terminal.line("Offer it for (or none)?", &names.join(","), "--yes")?;
    if line == "none" {
        return Ok(Vec::new());
    }
    line.split(',').map(|word| mode(word.trim()).map_err(Failure::usage)).collect()
}

fn done(published: &Published) -> String {
    let product = &published.product;
    let offers = if published.offers.is_empty() {
        "It is offered on no rung yet; offer it with `weal offer`.".to_owned()
    } else {
        super::offer::modes(&published.offers).to_string()
    };
    format!(
        "Published {} version {}: {} rows, {}, entry {} of the ledger.\n{offers}",
        product.name,
        product.version,
        thousands(product.rows),
        product.classification.as_str(),
        published.ledger_index
    )
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
