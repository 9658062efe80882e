//! Files on their way to becoming a product: received, inspected, then published or forgotten.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use weal_domain::catalogue::{ColumnProfile, may_identify, may_identify_in_words};
use weal_domain::identity::{AccountName, Act, Person};
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
    /// Whose it is; for everybody else there is no such upload.
    by: AccountName,
    began: u64,
    folder: PathBuf,
    received: Arc<Received>,
    pub(super) ingested: Option<Ingested>,
}

/// How much of an upload lies on the disk, counted while it arrives, however many files arrive at once.
#[derive(Debug, Default)]
struct Received {
    names: Mutex<HashSet<String>>,
    size_bytes: AtomicU64,
}

/// The uploads of this run. Nothing of them survives a restart.
#[derive(Debug, Default)]
pub struct Uploads {
    all: Mutex<HashMap<String, Upload>>,
    begun: AtomicU64,
}

impl Uploads {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<String, Upload>) -> T) -> T {
        change(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// Adds an upload; the oldest one makes room, and is returned.
    fn add(&self, id: String, by: &Person, folder: PathBuf) -> Option<Upload> {
        let began = self.begun.fetch_add(1, Ordering::Relaxed);
        let new = Upload { by: by.account.clone(), began, folder, received: Arc::default(), ingested: None };
        self.with(|all| {
            let oldest = all.iter().min_by_key(|(_, upload)| upload.began).map(|(id, _)| id.clone());
            let forgotten =
                oldest.filter(|_| all.len() >= UPLOADS_MAX).and_then(|oldest| all.remove(&oldest));
            all.insert(id, new);
            forgotten
        })
    }
    pub(super) fn take(&self, by: &Person, id: &str) -> Option<Upload> {
        self.with(|all| match all.get(id) {
            Some(upload) if upload.by == by.account => all.remove(id),
            _ => None,
        })
    }
    pub(super) fn put_back(&self, id: &str, upload: Upload) {
        self.with(|all| all.insert(id.to_owned(), upload));
    }
    fn get(&self, by: &Person, id: &str) -> Result<Upload, Refusal> {
        let found = self.with(|all| all.get(id).filter(|upload| upload.by == by.account).cloned());
        found.ok_or_else(upload_unknown)
    }
    /// Keeps what was found in an upload; one that was published meanwhile does not come back by it.
    /// What was found in an upload of this person's.
    pub(crate) fn measured(&self, by: &Person, id: &str) -> Result<Ingested, Refusal> {
        self.get(by, id)?.ingested.ok_or_else(|| {
            Refusal::conflict("upload-not-inspected", "The upload has not been inspected yet.")
        })
    }
    fn inspected(&self, id: &str, ingested: Ingested) {
        self.with(|all| {
            if let Some(upload) = all.get_mut(id) {
                upload.ingested = Some(ingested);
            }
        });
    }
}

impl Received {
    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a file of this name its place, where there is one left and no other has it.
    fn add(&self, name: &str) -> Result<(), Refusal> {
        let mut names = self.names();
        if names.len() >= FILES_MAX {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                "too-many-files",
                format!("An upload has at most {FILES_MAX} files."),
            ));
        }
        if names.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Refusal::conflict("file-twice", "This upload has a file of this name already.")
            .remedy("Give the files of one product names of their own."))
    }
}

/// A file that is arriving. Unless it is kept it is removed and counted out again, whoever broke it off.
struct Arriving {
    name: String,
    path: PathBuf,
    received: Arc<Received>,
    size_bytes: u64,
    is_kept: bool,
}

impl Arriving {
    /// Counts more of it in, where the upload may still grow by that much.
    fn grow(&mut self, bytes: u64, size_max: u64) -> Result<(), Refusal> {
        self.size_bytes += bytes;
        if self.received.size_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= size_max {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::TooLarge,
            "file-too-large",
            format!("A published file has at most {size_max} bytes here."),
        )
        .remedy("Its operator can raise [limits] publish_bytes_max."))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        self.received.names().remove(&self.name);
        self.received.size_bytes.fetch_sub(self.size_bytes, Ordering::Relaxed);
        if let Err(cause) = std::fs::remove_file(&self.path) {
            tracing::warn!(%cause, "a file that broke off could not be removed");
        }
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
        let forgotten = self.doors.uploads.add(id.clone(), by, folder);
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
        let upload = self.doors.uploads.get(by, id)?;
        check_name(name)?;
        let path = upload.folder.join("files").join(name);
        upload.received.add(name)?;
        let (name, received) = (name.to_owned(), upload.received);
        let mut arriving = Arriving { name, path: path.clone(), received, size_bytes: 0, is_kept: false };
        let mut file = tokio::fs::File::create(&path).await.map_err(disk)?;
        let size_max = self.config.limits.publish_bytes_max;
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| {
                Refusal::invalid("upload-broken", "The file broke off before its end.")
                    .remedy("Publish it again.")
            })?;
            arriving.grow(chunk.len() as u64, size_max)?;
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        arriving.is_kept = true;
        Ok(())
    }

    /// Reads an upload whole: types, profile, proposals. Nothing is published by it.
    pub async fn inspect(&self, by: &Person, id: &str, inspect: &Inspect) -> Result<Inspected> {
        self.require_act(by, Act::Publish)?;
        let upload = self.doors.uploads.get(by, id)?;
        let input = input_of(&upload.folder.join("files")).await?;
        let format = inspect.format.as_deref().map(format_named).transpose()?;
        let out = upload.folder.join("product.parquet");
        let subject = inspect.subject.as_deref();
        let mut ingested = self.engine.ingest_about(&input, &out, format, subject, &|_rows| {}).await?;
        self.put_in_order(&mut ingested).await;
        let mut reasons = ingested.proposal.reasons.clone();
        let may_identify: Vec<String> = match ingested.proposal.subject {
            Some(_) => Vec::new(),
            None => {
                let found = may_identify(&ingested.columns, &ingested.profile, ingested.rows);
                if !found.is_empty() && !ingested.proposal.classification.is_personal() {
                    reasons.push(said_of_unsettled(&found, &ingested.profile));
                }
                found.into_iter().map(str::to_owned).collect()
            }
        };
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
            may_identify,
            reasons,
        };
        self.doors.uploads.inspected(id, ingested);
        Ok(inspected)
    }
}

/// Why rows are not offered yet, and what settles it.
fn said_of_unsettled(columns: &[&str], profile: &[ColumnProfile]) -> String {
    format!(
        "{} If the rows are about persons, name the column that tells whose a row is (--subject COLUMN); if no row is \
         about a person, say so (--subject none). Until then rows are not offered.",
        may_identify_in_words(columns, profile)
    )
}

impl House {
    /// Questions are answered sooner from a file in the order of its subjects, and just as well from any other.
    async fn put_in_order(&self, ingested: &mut Ingested) {
        let Some(subject) = &ingested.proposal.subject else { return };
        match self.engine.put_in_order(&ingested.file, &ingested.columns, subject).await {
            Ok(size_bytes) => ingested.size_bytes = size_bytes,
            Err(cause) => tracing::warn!(%cause, "an upload stays in the order in which it came"),
        }
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
