//! `weal join`

use weal_domain::identity::Did;
use weal_node::api::{Join, Joined};

use crate::compose::Setting;
use crate::failure::{Exit, Result};

/// Join an ecosystem by asking its governing body.
///
/// Asking again is harmless: it says whether the governing body has admitted us meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal join did:web:council.example")]
pub struct Args {
    /// The governing body's DID.
    #[arg(value_name = "DID")]
    governing_body: Did,
    /// How long to wait for the admission, in seconds.
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    wait: u64,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let body = Join { governing_body: args.governing_body, wait_ms: Some(args.wait.saturating_mul(1_000)) };
    let joined: Joined = setting.client()?.post("/ecosystem/join", &body, "joining the ecosystem").await?;
    setting.terminal.answer(&joined, || {
        let state = if joined.admitted { "We are a member of" } else { "We have applied to" };
        format!("{state} {}.\n{}", joined.ecosystem, joined.next_step)
    });
    Ok(Exit::Ok)
}
