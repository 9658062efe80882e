//! `weal init`

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;
use weal_domain::identity::{AccountName, Did, MemberName};
use weal_node::InitOptions;
use weal_node::config::Reach;

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};

/// Make a node: a folder with its configuration, keys and database.
///
/// The first person gets every role and signs in to the portal with the password that is asked for,
/// or that stands in WEAL_PASSWORD.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal init revenue --title \"Revenue Agency\"")]
pub struct Args {
    /// The folder to make.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The member's short name, the schema in SQL; the folder's name by default.
    #[arg(long)]
    name: Option<MemberName>,
    /// The organisation's name in full.
    #[arg(long)]
    title: Option<String>,
    /// Where the node listens.
    #[arg(long, default_value = "127.0.0.1:7420", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// How others reach it, for example https://revenue.example; http and the listening address by default.
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// This node is the ecosystem's governing body: it holds the charter and admits the members.
    #[arg(long, conflicts_with = "governing_body")]
    governs: bool,
    /// The governing body's DID, for every other node.
    #[arg(long, value_name = "DID")]
    governing_body: Option<Did>,
    /// Where the metadata is kept, for example postgres://user@host/db; SQLite in the folder by default.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Account name of the first person.
    #[arg(long, default_value = "admin")]
    account: AccountName,
    /// Name of the first person as others see it.
    #[arg(long, default_value = "Administrator")]
    display_name: String,
    /// Which addresses the other members may have; loopback where the origin is http, public otherwise.
    #[arg(long, value_enum)]
    reach: Option<ReachArg>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ReachArg {
    /// https to public addresses only.
    Public,
    /// https to public and private addresses.
    Private,
    /// Also plain http on this machine, for trying out.
    Loopback,
}

#[derive(Serialize)]
struct Made<'a> {
    did: &'a Did,
    folder: PathBuf,
    origin: &'a str,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let name = match args.name {
        Some(name) => name,
        None => name_of(&args.folder)?,
    };
    let origin = args.origin.unwrap_or_else(|| format!("http://{}", args.listen));
    let plain = origin.starts_with("http://");
    let reach = match args.reach {
        Some(ReachArg::Public) => Reach::Public,
        Some(ReachArg::Private) => Reach::Private,
        Some(ReachArg::Loopback) => Reach::Loopback,
        None if plain => Reach::Loopback,
        None => Reach::Public,
    };
    let options = InitOptions {
        folder: args.folder.clone(),
        title: args.title.unwrap_or_else(|| name.to_string()),
        name,
        listen: args.listen,
        origin: origin.clone(),
        governs: args.governs,
        governing_body: args.governing_body,
        reach,
        store_url: args.store,
        account: args.account.clone(),
        display_name: args.display_name,
        password: password(&args.account)?,
    };
    let made = weal_node::init(options).await.doing("no node was made")?;
    let folder = made.folder.display();
    let here = Made { did: &made.did, folder: made.folder.clone(), origin: &origin };
    setting.terminal.answer(&here, || {
        let warning = if plain { "\nOthers can only reach it on this machine: its origin is plain http." } else { "" };
        format!(
            "Made the node {} in {folder}.{warning}\n\nNext:\n  weal serve --node {folder}\n  then sign in at {origin} \
             as {}",
            made.did, args.account
        )
    });
    Ok(Exit::Ok)
}

fn name_of(folder: &std::path::Path) -> Result<MemberName> {
    let name = folder.file_name().map(|name| name.to_string_lossy().replace('-', "_")).unwrap_or_default();
    name.parse().map_err(|cause: weal_domain::InvalidName| {
        Failure::usage(cause.to_string()).next("give the member's short name with --name")
    })
}

/// From the environment, or typed twice.
pub(super) fn password(account: &AccountName) -> Result<String> {
    if let Ok(password) = std::env::var("WEAL_PASSWORD") {
        return Ok(password);
    }
    let unasked = |cause| {
        Failure::usage(format!("the password of {account} cannot be asked for: {cause}"))
            .next("set it in the environment variable WEAL_PASSWORD")
    };
    let first = rpassword::prompt_password(format!("Password for {account}: ")).map_err(unasked)?;
    let again = rpassword::prompt_password("The same again: ").map_err(unasked)?;
    if first == again { Ok(first) } else { Err(Failure::usage("the two passwords are not the same")) }
}
