//! Files on their way to becoming a product: received, inspected, then published or forgotten.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use weal_domain::identity::{Act, Person};
use weal_domain::{Refusal, RefusalKind};
use weal_engine::{Format, Ingested};

use crate::api::{Inspect, Inspected};
use crate::fault::{Error, Fault, Result};
use crate::house::House;

/// Uploads kept at once; an older one is forgotten with its files.
const UPLOADS_MAX: usize = 16;
/// Files of one upload.
const FILES_MAX: usize = 10_000;
const FILE_NAME_BYTES_MAX: usize = 200;

/// What was received and what was found in it.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    folder: PathBuf,
    files: usize,
    size_bytes: u64,
    pub(super) ingested: Option<Ingested>,
}

/// The uploads of this run. Nothing of them survives a restart.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<HashMap<String, Upload>>);

impl Uploads {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<String, Upload>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    pub(super) fn take(&self, id: &str) -> Option<Upload> {
        self.with(|all| all.remove(id))
    }
    pub(super) fn put_back(&self, id: &str, upload: Upload) {
        self.with(|all| all.insert(id.to_owned(), upload));
    }
    fn get(&self, id: &str) -> Result<Upload, Refusal> {
        self.with(|all| all.get(id).cloned()).ok_or_else(upload_unknown)
    }
}

pub(super) fn upload_unknown() -> Refusal {
    Refusal::not_found(
        "upload-unknown",
        "There is no such upload; the node may have been restarted meanwhile.",
    )
    .remedy("Publish the file again.")
}

fn disk(cause: std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Refusal::new(
            RefusalKind::Unavailable,
            "disk-full",
            "This node's disk is full, so the file was not taken in.",
        )
        .remedy("Nothing was published. Its operator must free some space; then publish again.")
        .changed_by("the operator of this node")
        .into(),
        _ => Fault::new("writing an upload", cause).into(),
    }
}

impl House {
    pub async fn begin_upload(&self, by: &Person) -> Result<String> {
        self.require_act(by, Act::Publish)?;
        let id: String = self.entropy.bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = self.folder.scratch().join(&id);
        tokio::fs::create_dir_all(folder.join("files")).await.map_err(disk)?;
        let forgotten = self.doors.uploads.with(|all| {
            let oldest = (all.len() >= UPLOADS_MAX).then(|| all.keys().next().cloned()).flatten();
            let forgotten = oldest.and_then(|id| all.remove(&id));
            all.insert(id.clone(), Upload { folder, files: 0, size_bytes: 0, ingested: None });
            forgotten
        });
        if let Some(upload) = forgotten {
            remove(&upload.folder).await;
        }
        Ok(id)
    }

    /// Takes in one file of an upload, as it arrives, up to the configured size.
    pub async fn receive_file<E>(
        &self,
        by: &Person,
        id: &str,
        name: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<()>
    where
        E: std::fmt::Display,
    {
        self.require_act(by, Act::Publish)?;
        let upload = self.doors.uploads.get(id)?;
        check_name(name)?;
        if upload.files >= FILES_MAX {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                "too-many-files",
                format!("An upload has at most {FILES_MAX} files."),
            )
            .into());
        }
        let size_max = self.config.limits.publish_bytes_max;
        let path = upload.folder.join("files").join(name);
        let mut file = tokio::fs::File::create(&path).await.map_err(disk)?;
        let mut size = upload.size_bytes;
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| {
                Refusal::invalid("upload-broken", "The file broke off before its end.")
                    .remedy("Publish it again.")
            })?;
            size += chunk.len() as u64;
            if size > size_max {
                return Err(Refusal::new(
                    RefusalKind::TooLarge,
                    "file-too-large",
                    format!("A published file has at most {size_max} bytes here."),
                )
                .remedy("Its operator can raise [limits] publish_bytes_max.")
                .into());
            }
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        self.doors.uploads.with(|all| {
            if let Some(upload) = all.get_mut(id) {
                upload.files += 1;
                upload.size_bytes = size;
            }
        });
        Ok(())
    }

    /// Reads an upload whole: types, profile, proposals. Nothing is published by it.
    pub async fn inspect(&self, by: &Person, id: &str, inspect: &Inspect) -> Result<Inspected> {
        self.require_act(by, Act::Publish)?;
        let upload = self.doors.uploads.get(id)?;
        let input = input_of(&upload.folder.join("files")).await?;
        let format = inspect.format.as_deref().map(format_named).transpose()?;
        let out = upload.folder.join("product.parquet");
        let subject = inspect.subject.as_deref();
        let ingested = self.engine.ingest_about(&input, &out, format, subject, &|_rows| {}).await?;
        let inspected = Inspected {
            upload: id.to_owned(),
            rows: ingested.rows,
            size_bytes: ingested.size_bytes,
            columns: ingested.columns.clone(),
            profile: ingested.profile.clone(),
            subject: ingested.proposal.subject.clone(),
            classification: ingested.proposal.classification,
            privacy: ingested.proposal.privacy.clone(),
            public_keys: ingested.proposal.public_keys.clone(),
            reasons: ingested.proposal.reasons.clone(),
        };
        self.doors.uploads.put_back(id, Upload { ingested: Some(ingested), ..upload });
        Ok(inspected)
    }
}

/// The single file, or the folder where there are several.
async fn input_of(files: &Path) -> Result<PathBuf> {
    let mut listed = tokio::fs::read_dir(files).await.map_err(disk)?;
    let first = listed.next_entry().await.map_err(disk)?;
    let second = listed.next_entry().await.map_err(disk)?;
    match (first, second) {
        (Some(only), None) => Ok(only.path()),
        (Some(_), Some(_)) => Ok(files.to_owned()),
        (None, _) => Err(Refusal::invalid("upload-empty", "No file was sent.")
            .remedy("Name a file or a folder that has one.")
            .into()),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let plain = !name.starts_with('.') && !name.contains(['/', '\\', '\0']) && !name.is_empty();
    if plain && name.len() <= FILE_NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::invalid("file-name", "The file's name cannot be used.")
        .remedy("Rename it to letters, digits, dots and dashes."))
}

fn format_named(name: &str) -> Result<Format, Refusal> {
    match name.trim_end_matches(".gz") {
        "csv" => Ok(Format::Csv),
        "ndjson" => Ok(Format::NdJson),
        "parquet" => Ok(Format::Parquet),
        _ => Err(Refusal::invalid("format-unknown", "This format is not known.")
            .remedy("Use csv, ndjson or parquet.")),
    }
}

pub(super) async fn remove(folder: &Path) {
    if let Err(cause) = tokio::fs::remove_dir_all(folder).await {
        tracing::warn!(%cause, "an upload's files could not be removed");
    }
}

impl Upload {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}
