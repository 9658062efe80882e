//! `weal keys`

use weal_node::api::{KeysShown, RotateKey};

use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::time;

/// The node's keys: list them, or turn to a new one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal keys rotate")]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the keys: which one signs, and until when the others are published.
    #[command(after_help = "Example: weal keys list")]
    List,
    /// Publish a new key. It signs a quarter of an hour later, when others have heard of it; the old one stays
    /// published until all that it signed has expired.
    #[command(after_help = "Example: weal keys rotate")]
    Rotate {
        /// The key was stolen: it is not published any more once the new one signs. Whoever holds something
        /// that it signed needs it anew.
        #[arg(long)]
        stolen: bool,
    },
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let keys: KeysShown = match args.what.unwrap_or(What::List) {
        What::List => client.get("/keys", "listing the keys").await?,
        What::Rotate { stolen } => {
            client.post("/keys/rotate", &RotateKey { stolen }, "turning the key").await?
        }
    };
    setting.terminal.answer(&keys, || {
        let mut table = Table::new(&["key", "state", "signs from", "retires", "thumbprint"]);
        for key in &keys.keys {
            table.row([
                key.key.clone(),
                key.state.clone(),
                time(key.signs_from),
                key.retires_at.map_or_else(String::new, time),
                key.thumbprint.clone(),
            ]);
        }
        table.to_string()
    });
    Ok(Exit::Ok)
}
