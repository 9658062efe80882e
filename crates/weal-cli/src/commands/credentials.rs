//! `weal credentials`

use std::io::Read as _;
use std::path::PathBuf;

use weal_domain::identity::Did;
use weal_node::api::{
    CredentialShown, CredentialsShown, ImportCredential, RequestCredentials, RequestedCredential,
};

use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::Table;
use crate::print::number::time;

/// The longest file that may hold a credential, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Credentials about this node that others issued: list, import, export, remove or ask for them.
///
/// Verifiers that this node calls are shown those of the kind they ask for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal credentials import membership.jwt")]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List what this node holds, asked for, was offered and has issued.
    #[command(after_help = "Example: weal credentials list")]
    List,
    /// Take in a credential that was issued elsewhere: a signed JWT about this node.
    #[command(after_help = "Example: weal credentials import membership.jwt")]
    Import {
        /// The file that holds it.
        file: PathBuf,
    },
    /// Print a credential as it was signed.
    #[command(after_help = "Example: weal credentials export 3f9a0c51d2b8")]
    Export {
        /// Its number in the list.
        number: String,
    },
    /// Remove a credential; it is not shown to anybody from then on.
    #[command(after_help = "Example: weal credentials remove 3f9a0c51d2b8")]
    Remove {
        /// Its number in the list.
        number: String,
    },
    /// Ask an issuer for credentials; they are listed when they have come.
    #[command(after_help = "Example: weal credentials request did:web:council.example")]
    Request {
        /// The issuer's DID.
        issuer: Did,
        /// Of this kind only.
        #[arg(long, value_name = "NAME")]
        kind: Option<String>,
    },
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    match args.what.unwrap_or(What::List) {
        What::List => {
            let all: CredentialsShown = client.get("/credentials", "listing the credentials").await?;
            setting.terminal.answer(&all, || listed(&all));
        }
        What::Import { file } => {
            let body = ImportCredential { credential: read(&file)? };
            let held: CredentialShown = client.post("/credentials", &body, "importing a credential").await?;
            setting.terminal.answer(&held, || {
                format!("Imported {} of {}: number {}.", held.kinds.join(", "), held.issuer, held.number)
            });
        }
        What::Export { number } => {
            let path = format!("/credentials/{}/export", segment(&number));
            let signed = client.get_text(&path, "exporting a credential").await?;
            setting.terminal.answer(&signed, || signed.clone());
        }
        What::Remove { number } => {
            client.delete(&format!("/credentials/{}", segment(&number)), "removing a credential").await?;
            setting.terminal.answer(&number, || format!("Removed the credential {number}."));
        }
        What::Request { issuer, kind } => {
            let body = RequestCredentials { issuer, kind };
            let asked: RequestedCredential =
                client.post("/credentials/requests", &body, "asking for credentials").await?;
            setting.terminal.answer(&asked, || {
                format!("Asked {}. See `weal credentials list` for what comes.", asked.issuer)
            });
        }
    }
    Ok(Exit::Ok)
}

fn read(path: &PathBuf) -> Result<String> {
    let file = std::fs::File::open(path).doing(format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .doing(format!("cannot read {}", path.display()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::failed(format!("{} is larger than a credential can be", path.display())));
    }
    Ok(text.trim().to_owned())
}

fn listed(all: &CredentialsShown) -> String {
    let mut parts = Vec::new();
    let mut table = Table::new(&["number", "kinds", "issuer", "form", "came", "status", "until"]);
    for one in &all.credentials {
        table.row([
            one.number.clone(),
            one.kinds.join(", "),
            one.issuer.to_string(),
            one.profile.clone(),
            one.source.clone(),
            one.status.clone(),
            one.expires_at.map_or_else(String::new, time),
        ]);
    }
    parts.push(if table.is_empty() { "No credentials yet.".into() } else { table.to_string() });
    if !all.requests.is_empty() {
        let mut table = Table::new(&["asked", "of", "status", "why not"]);
        for one in &all.requests {
            let reason = one.reason.clone().unwrap_or_default();
            table.row([time(one.asked_at), one.issuer.to_string(), one.status.clone(), reason]);
        }
        parts.push(table.to_string());
    }
    if !all.offers.is_empty() {
        let mut table = Table::new(&["offered", "by", "kind", "because"]);
        for one in &all.offers {
            let (kind, reason) = (one.kind.clone(), one.reason.clone());
            let at = time(one.received_at);
            table.row([at, one.issuer.to_string(), kind.unwrap_or_default(), reason.unwrap_or_default()]);
        }
        parts.push(table.to_string());
    }
    if !all.issued.is_empty() {
        let mut table = Table::new(&["issued to", "kinds", ">place", "status", "until"]);
        for one in &all.issued {
            table.row([
                one.subject.to_string(),
                one.kinds.join(", "),
                one.place.to_string(),
                one.status.clone(),
                one.expires_at.map_or_else(String::new, time),
            ]);
        }
        parts.push(table.to_string());
    }
    parts.join("\n\n")
}
