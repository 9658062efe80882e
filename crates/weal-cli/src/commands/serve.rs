//! `weal serve`

use tokio::signal::unix::{SignalKind, signal};
use weal_node::ServeError;

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};

/// Run the node until it is told to stop.
///
/// It ends in order on Ctrl-C or SIGTERM: open requests finish, streams are closed. Logs go to
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal serve --node revenue")]
pub struct Args {
    /// Also stop when standard input ends, as it does when the process that started this one is gone.
    #[arg(long)]
    exit_with_parent: bool,
}

pub(super) async fn run(args: &Args, setting: &Setting) -> Result<Exit> {
    let config = setting.config()?;
    let mut terminated = signal(SignalKind::terminate()).doing("cannot listen for SIGTERM")?;
    let parent_gone = parent_gone(args.exit_with_parent);
    let exit_with_parent = args.exit_with_parent;
    // It is waited for once the node answers, and not where it could not begin.
    let stop = async move {
        if !exit_with_parent {
            let (title, origin) = (&config.node.title, &config.node.origin);
            setting.terminal.note(format!("{title} answers at {origin}; stop it with Ctrl-C"));
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
            _ = parent_gone => {}
        }
    };
    match weal_node::serve(setting.folder().to_owned(), stop).await {
        Ok(()) => Ok(Exit::Ok),
        Err(ServeError::Config(cause)) => Err(cause.into()),
        Err(cause) => Err(Failure::failed(cause.to_string())),
    }
}

/// Resolves at the end of standard input; never where nobody asked for it.
async fn parent_gone(asked: bool) {
    if !asked {
        return std::future::pending().await;
    }
    let (gone, heard) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // An error on the pipe means the same as its end.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = gone.send(());
    });
    let _ = heard.await;
}
