//! `weal search`

use weal_domain::catalogue::{CatalogueEntry, Mode};
use weal_node::api::{Elsewhere, Found, Refreshed};

use super::offer::mode;
use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;

/// Search the catalogue of all members.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal search payroll wages --mode statistics")]
pub struct Args {
    /// Words of the title, the description, the keywords or the columns; all products without any.
    words: Vec<String>,
    /// Only products of this member.
    #[arg(long)]
    member: Option<String>,
    /// Only products offered on this rung.
    #[arg(long, value_parser = mode)]
    mode: Option<Mode>,
    /// Only products of this class: open, internal, personal or sensitive.
    #[arg(long)]
    class: Option<String>,
    /// Only products offered for this purpose, by its IRI.
    #[arg(long)]
    purpose: Option<String>,
    /// The most products to show.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Look at every member's catalogue again before searching.
    #[arg(long)]
    refresh: bool,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    if args.refresh {
        let fresh: Refreshed = client.post("/catalogue/refresh", &(), "refreshing the catalogue").await?;
        for (member, why) in &fresh.unreachable {
            setting.terminal.note(format!("{member} did not answer: {why}"));
        }
    }
    let mut path = format!("/catalogue?limit={}&q={}", args.limit, segment(&args.words.join(" ")));
    let filters = [
        ("member", args.member),
        ("mode", args.mode.map(|mode| mode.to_string())),
        ("class", args.class),
        ("purpose", args.purpose),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", segment(&value)));
        }
    }
    let found: Found = client.get(&path, "searching the catalogue").await?;
    setting.terminal.answer(&found, || words(&found));
    Ok(Exit::Ok)
}

pub fn words(found: &Found) -> String {
    if found.entries.is_empty() && found.elsewhere.entries.is_empty() {
        return "Nothing found. Fewer words find more; `weal search --refresh` asks every member again."
            .into();
    }
    if found.entries.is_empty() {
        return elsewhere(&found.elsewhere);
    }
    let mut table = Table::new(&["product", "class", "offered for", "title"]);
    for entry in &found.entries {
        table.row([name(entry), entry.classification.as_str().to_owned(), rungs(entry), entry.title.clone()]);
    }
    let more = found.total.saturating_sub(found.entries.len() as u64);
    let more = if more > 0 { format!("and {more} more; add words or filters\n") } else { String::new() };
    format!("{table}{more}{}", elsewhere(&found.elsewhere))
}

/// What catalogues elsewhere describe, told apart from what is offered.
fn elsewhere(found: &Elsewhere) -> String {
    if found.entries.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["title", "publisher", "where"]);
    for entry in &found.entries {
        let publisher = entry.publisher.clone().unwrap_or_else(|| entry.source.clone());
        let address = entry.addresses.first().or(entry.dataset.as_ref()).cloned().unwrap_or_default();
        table.row([entry.title.clone(), publisher, address]);
    }
    let more = found.total.saturating_sub(found.entries.len() as u64);
    let more = if more > 0 { format!("and {more} more; add words\n") } else { String::new() };
    format!("\nDescribed elsewhere, not offered here:\n{table}{more}")
}

fn name(entry: &CatalogueEntry) -> String {
    format!("{}.{}", entry.member, entry.product)
}

fn rungs(entry: &CatalogueEntry) -> String {
    entry.modes().iter().map(|mode| mode.as_str()).collect::<Vec<_>>().join(", ")
}
