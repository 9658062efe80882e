//! `weal catalogue`

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use reqwest::header;
use weal_node::api::ForeignShown;
use weal_wire::dcat::FOREIGN_BYTES_MAX;

use crate::client::{file_name, segment};
use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::Table;
use crate::print::number::thousands;

const TURTLE: &str = "text/turtle";
const JSON_LD: &str = "application/ld+json";
/// How long a catalogue may take to arrive from elsewhere.
const FETCH_TIMEOUT: Duration = Duration::from_secs(120);

/// Catalogues elsewhere: take one in, list them, write one out again, forget one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal catalogue import https://data.example/catalog.ttl --name \"Open data of Example\"
Example: weal catalogue export \"Open data of Example\"")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take in a catalogue in DCAT.
    ///
    /// Its datasets are found by `weal search` and in the portal as described elsewhere, not offered here, and
    /// harvesters of this node read them with every triple that came in. An address is fetched by this command,
    /// not by the node; nothing that a catalogue names is fetched at all.
    #[command(after_help = "Example: weal catalogue import city.ttl --name \"The city\"")]
    Import {
        /// A file, or the address of one.
        #[arg(value_name = "FILE|ADDRESS")]
        from: String,
        /// What to call it here; the file's name or the address by default. One of the same name is replaced.
        #[arg(long)]
        name: Option<String>,
        /// turtle or jsonld; by the file's name where it is left out.
        #[arg(long, value_parser = media_type)]
        format: Option<&'static str>,
        /// The address by which relative addresses in it are resolved; where it was fetched from by default.
        #[arg(long, value_name = "ADDRESS")]
        base: Option<String>,
    },
    /// List the catalogues that were taken in.
    #[command(after_help = "Example: weal catalogue list")]
    List,
    /// Print everything that a catalogue says, as N-Triples.
    #[command(after_help = "Example: weal catalogue export \"The city\"")]
    Export {
        /// What it is called here.
        name: String,
    },
    /// Forget a catalogue with all its entries.
    #[command(after_help = "Example: weal catalogue forget \"The city\"")]
    Forget {
        /// What it is called here.
        name: String,
    },
}

/// What is handed to the node.
struct Read {
    name: String,
    media_type: &'static str,
    base: Option<String>,
    /// The file's name, or the address.
    from: String,
    bytes: Vec<u8>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let (client, terminal) = (setting.client()?, &setting.terminal);
    match args.what {
        What::Import { from, name, format, base } => {
            let is_address = from.starts_with("https://") || from.starts_with("http://");
            let read = if is_address { fetch(&from, format).await? } else { open(&from, format).await? };
            let name = name.unwrap_or(read.name);
            let mut path = format!("/catalogues?name={}&from={}", segment(&name), segment(&read.from));
            if let Some(base) = base.or(read.base) {
                path.push_str(&format!("&base={}", segment(&base)));
            }
            let doing = "taking in the catalogue";
            let taken: ForeignShown = client.put_bytes(&path, read.media_type, read.bytes, doing).await?;
            terminal.answer(&taken, || {
                format!(
                    "Took in {}: {} entries, {} triples.\nThey are described elsewhere and not offered here; \
                     harvesters of this node read them too.\n",
                    taken.name,
                    thousands(taken.entries),
                    thousands(taken.triples)
                )
            });
        }
        What::List => {
            let sources: Vec<ForeignShown> = client.get("/catalogues", "listing catalogues").await?;
            terminal.answer(&sources, || listed(&sources));
        }
        What::Export { name } => {
            let path = format!("/catalogues/{}", segment(&name));
            let triples = client.get_text(&path, "writing out the catalogue").await?;
            terminal.answer(&triples, || triples.clone());
        }
        What::Forget { name } => {
            client.delete(&format!("/catalogues/{}", segment(&name)), "forgetting the catalogue").await?;
            terminal.answer(&(), || format!("Forgot {name}.\n"));
        }
    }
    Ok(Exit::Ok)
}

fn listed(sources: &[ForeignShown]) -> String {
    if sources.is_empty() {
        return "No catalogue was taken in; `weal catalogue import` takes one.\n".into();
    }
    let mut table = Table::new(&["name", "entries", "triples", "read"]);
    for source in sources {
        let figures = [thousands(source.entries), thousands(source.triples), source.read_at.to_string()];
        let [entries, triples, read_at] = figures;
        table.row([source.name.clone(), entries, triples, read_at]);
    }
    table.to_string()
}

async fn open(path: &str, format: Option<&'static str>) -> Result<Read> {
    let bytes = tokio::fs::read(path).await.doing(format!("cannot read {path}"))?;
    let name = file_name(Path::new(path));
    let media_type = format.map_or_else(|| type_named(path), Ok)?;
    Ok(Read { from: name.clone(), name, media_type, base: None, bytes })
}

async fn fetch(address: &str, format: Option<&'static str>) -> Result<Read> {
    let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build();
    let client = client.doing("cannot make an HTTP client")?;
    let request = client.get(address).header(header::ACCEPT, format!("{TURTLE}, {JSON_LD};q=0.9"));
    let unread = |cause: reqwest::Error| Failure::failed(format!("cannot fetch {address}: {cause}"));
    let mut response = request.send().await.map_err(unread)?;
    if !response.status().is_success() {
        return Err(Failure::failed(format!("{address} answered {}", response.status())));
    }
    let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let said = said.and_then(|said| {
        let said = said.split(';').next().unwrap_or_default().trim();
        [TURTLE, JSON_LD].into_iter().find(|known| *known == said)
    });
    let media_type = format.or(said).map_or_else(|| type_named(address), Ok)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unread)? {
        if bytes.len() + chunk.len() > FOREIGN_BYTES_MAX {
            return Err(Failure::failed(format!("{address} has more than {FOREIGN_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    let shown = without_secrets(address);
    Ok(Read { name: shown.clone(), media_type, base: Some(shown.clone()), from: shown, bytes })
}

/// An address without the name and the password by which it was opened: it is kept and shown.
fn without_secrets(address: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(address) else { return address.to_owned() };
    let bare = url.set_username("").and_then(|()| url.set_password(None));
    if bare.is_ok() { String::from(url) } else { address.to_owned() }
}

fn type_named(name: &str) -> Result<&'static str> {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "ttl" | "nt" => Ok(TURTLE),
        "jsonld" | "json" => Ok(JSON_LD),
        _ => Err(Failure::usage(format!("nothing says whether {name} is Turtle or JSON-LD"))
            .next("say it with --format turtle or --format jsonld")),
    }
}

fn media_type(given: &str) -> Result<&'static str, String> {
    match given {
        "turtle" => Ok(TURTLE),
        "jsonld" => Ok(JSON_LD),
        _ => Err(format!("`{given}` is no form of a catalogue; use turtle or jsonld")),
    }
}
