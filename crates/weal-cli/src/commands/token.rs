//! `weal token`

use weal_domain::identity::Role;
use weal_node::api::{MakeToken, TokenMade, TokenShown};

use super::person::role;
use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::time;

/// Tokens for programs that speak to this node: list them, make one, revoke one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal token add prometheus --role operator")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a token that acts for you, in these roles only. It is shown once.
    #[command(after_help = "Example: weal token add prometheus --role operator")]
    Add {
        /// Which program it is for.
        label: String,
        /// A role in which it acts, one of yours. May be repeated.
        #[arg(long, required = true, value_parser = role)]
        role: Vec<Role>,
    },
    /// List the tokens: yours, and everybody's where you may add persons.
    #[command(after_help = "Example: weal token list")]
    List,
    /// End a token; from then on it opens nothing.
    #[command(after_help = "Example: weal token revoke 3f9a0c51d2b87e64")]
    Revoke {
        /// Its number in the list.
        id: String,
    },
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    match args.what {
        What::Add { label, role } => {
            let body = MakeToken { label, roles: role };
            let made: TokenMade = client.post("/tokens", &body, "making a token").await?;
            setting.terminal.answer(&made, || {
                format!(
                    "{}\nThis is the token of {}, shown this once. End it with `weal token revoke {}`.",
                    made.token, made.shown.label, made.shown.id
                )
            });
        }
        What::List => {
            let tokens: Vec<TokenShown> = client.get("/tokens", "listing the tokens").await?;
            setting.terminal.answer(&tokens, || listed(&tokens).to_string());
        }
        What::Revoke { id } => {
            client.delete(&format!("/tokens/{}", segment(&id)), "revoking a token").await?;
            setting.terminal.answer(&id, || format!("Ended the token {id}."));
        }
    }
    Ok(Exit::Ok)
}

fn listed(tokens: &[TokenShown]) -> Table {
    let mut table = Table::new(&["number", "for", "acts for", "roles", "made", "last used"]);
    for token in tokens {
        let roles: Vec<&str> = token.roles.iter().map(|role| role.as_str()).collect();
        table.row([
            token.id.clone(),
            token.label.clone(),
            token.account.to_string(),
            roles.join(", "),
            time(token.created_at),
            token.last_used_at.map_or_else(String::new, time),
        ]);
    }
    table
}
