//! The owner's file on its way to the node.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use tokio_util::io::ReaderStream;
use weal_node::api::{Inspect, Inspected, UploadMade};

use crate::client::{Client, file_name, segment};
use crate::failure::{Doing as _, Failure, Result};
use crate::print::terminal::{Terminal, Unit};

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

/// Has the node read the upload. `subject` is the column that the owner names, where they do.
pub async fn inspect(
    client: &Client,
    upload: &str,
    format: Option<String>,
    subject: Option<&str>,
    terminal: &Terminal,
) -> Result<Inspected> {
    let path = format!("/uploads/{}/inspect", segment(upload));
    let body = Inspect { format, subject: subject.map(str::to_owned) };
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
