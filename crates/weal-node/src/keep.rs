//! Taking a node's state away and bringing it back: backup, restore, ledger export. All of it works
//! beside a running node as well as without one.

mod spent;

use std::fs::File;
use std::path::{Path, PathBuf};

use weal_domain::identity::Did;
use weal_domain::ledger::Fact;

use crate::config::{Config, ConfigError, FILE_NAME, Folder};
use crate::fault::{Error, Fault};
use crate::house::House;
use crate::private;
use crate::seams::{Entropy, SystemEntropy};

/// The first entry of every backup, so that another archive is not taken for one.
const MARK_NAME: &str = "weal-backup";
const MARK: &[u8] = b"weal-backup-v1\n";

/// Why a backup, a restore or an export did not happen. Nothing half-made is left behind under the name
/// that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{path}: {cause}")]
    Disk { path: PathBuf, cause: std::io::Error },
    #[error("{0} exists already; choose another name, nothing was overwritten")]
    Exists(PathBuf),
    #[error("{0} is not a backup of a weal node")]
    NotABackup(PathBuf),
    #[error("{path} is no newer export of this node's ledger: {why}; nothing was restored")]
    LedgerNotOurs { path: PathBuf, why: String },
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A node that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub did: Did,
    /// Entries of its ledger when the backup was taken.
    pub ledger_size: u64,
    /// The size of the newer ledger that says what was spent of its budgets since.
    pub spent_known_to: Option<u64>,
    /// Budgets of which all that was left counts as spent, because nothing here says what was spent since.
    pub budgets_closed: usize,
}

impl From<Fault> for KeepError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> KeepError {
    let path = path.to_owned();
    move |cause| KeepError::Disk { path, cause }
}

async fn open(folder: &Folder) -> Result<House, KeepError> {
    let config = Config::read(folder, std::env::vars())?;
    Ok(House::open_beside(config, folder.clone()).await?)
}

/// Writes the folder that `weal verify` reads. Returns the number of entries.
pub async fn export_ledger(folder: PathBuf, out: &Path) -> Result<u64, KeepError> {
    let house = open(&Folder::new(folder)).await?;
    let size = house.export_ledger(out).await?;
    house.store.close().await;
    Ok(size)
}

/// Writes configuration, keys, database and products into one file that only this user may read. The
/// database is a snapshot of one moment, taken without stopping the node. Returns its size in bytes.
pub async fn backup(folder: PathBuf, out: &Path) -> Result<u64, KeepError> {
    if out.exists() {
        return Err(KeepError::Exists(out.to_owned()));
    }
    let folder = Folder::new(folder);
    let house = open(&folder).await?;
    let mut tx = house.store.write("backup").await.map_err(Error::from)?;
    let ledger_size = tx.ledger_size().await.map_err(Error::from)?;
    house.remember(&mut tx, &house.actor(None), vec![Fact::BackupTaken { ledger_size }]).await?;
    tx.commit().await.map_err(Error::from)?;
    let part = Part::beside(out)?;
    let (archive, snapshot) = (part.path().join("archive"), part.path().join("node.db"));
    let written = write_archive(&house, &folder, &archive, &snapshot).await;
    house.store.close().await;
    written?;
    // Unlike a renamed file, a linked one never takes the place of another that was made meanwhile.
    match std::fs::hard_link(&archive, out) {
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(KeepError::Exists(out.to_owned()));
        }
        // Some disks know no second names.
        Err(_) if !out.exists() => std::fs::rename(&archive, out).map_err(disk(out))?,
        linked => linked.map_err(disk(out))?,
    }
    Ok(std::fs::metadata(out).map_err(disk(out))?.len())
}

/// A folder of its own for what is not finished, beside what it will become; nobody else may look into it.
/// It goes with this value, and no other backup or restore has the same.
#[derive(Debug)]
struct Part(PathBuf);

impl Part {
    fn beside(target: &Path) -> Result<Self, KeepError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let entropy: &dyn Entropy = &SystemEntropy;
        let unique: String = entropy.bytes::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{unique}.part"));
        let path = target.with_file_name(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(disk(&path))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.0) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%cause, path = %self.0.display(), "half a backup could not be removed");
            }
            _ => {}
        }
    }
}

async fn write_archive(
    house: &House,
    folder: &Folder,
    part: &Path,
    snapshot: &Path,
) -> Result<(), KeepError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    house.store.backup_to(snapshot).await.map_err(Error::from)?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
    let mut archive = tar::Builder::new(file.map_err(disk(part))?);
    let mut header = tar::Header::new_gnu();
    header.set_size(MARK.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, MARK_NAME, MARK).map_err(disk(part))?;
    let files = [
        (folder.config(), FILE_NAME.to_owned()),
        (folder.operator_token(), "operator.token".to_owned()),
        (snapshot.to_owned(), "node.db".to_owned()),
    ];
    let keys = house.keys.all();
    let keys = keys.iter().map(|held| folder.key_of(&held.record.fragment)).map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path, name)
    });
    for (path, name) in files.into_iter().chain(keys) {
        archive.append_path_with_name(&path, name).map_err(disk(&path))?;
    }
    if folder.products().is_dir() {
        archive.append_dir_all("products", folder.products()).map_err(disk(&folder.products()))?;
    }
    archive.into_inner().and_then(|file| file.sync_all()).map_err(disk(part))
}

/// Brings a backup back into a folder that does not exist yet. What was spent of its budgets after the backup
/// is read from a newer export of its ledger; without one, all that was left counts as spent.
///
/// A node restored from an old backup has an older ledger than its peers have seen; they will notice. Let
/// the governing body know before it serves again.
pub async fn restore(file: &Path, folder: PathBuf, ledger: Option<&Path>) -> Result<Restored, KeepError> {
    if folder.exists() {
        return Err(KeepError::Exists(folder));
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(disk(parent))?;
    }
    let part = Part::beside(&folder)?;
    let restored = restore_into(file, part.path(), ledger).await?;
    std::fs::rename(part.path(), &folder).map_err(disk(&folder))?;
    Ok(restored)
}

async fn restore_into(file: &Path, part: &Path, ledger: Option<&Path>) -> Result<Restored, KeepError> {
    unpack(file, part)?;
    let folder = Folder::new(part);
    for made in [folder.products(), folder.received(), folder.scratch()] {
        private::make_folder(&made).map_err(disk(&made))?;
    }
    let house = open(&folder).await?;
    let mut tx = house.store.read("restore").await.map_err(Error::from)?;
    let ledger_size = tx.ledger_size().await.map_err(Error::from)?;
    drop(tx);
    let settled = spent::settle(&house, ledger).await;
    house.store.close().await;
    let (spent_known_to, budgets_closed) = settled?;
    Ok(Restored { did: house.did.clone(), ledger_size, spent_known_to, budgets_closed })
}

fn unpack(file: &Path, into: &Path) -> Result<(), KeepError> {
    let not_a_backup = || KeepError::NotABackup(file.to_owned());
    let mut archive = tar::Archive::new(File::open(file).map_err(disk(file))?);
    archive.set_preserve_permissions(true);
    let mut entries = archive.entries().map_err(|_| not_a_backup())?;
    let mut mark = entries.next().ok_or_else(not_a_backup)?.map_err(|_| not_a_backup())?;
    let named = mark.path().is_ok_and(|path| path == Path::new(MARK_NAME));
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut mark, 64), &mut text).map_err(disk(file))?;
    if !named || text != MARK {
        return Err(not_a_backup());
    }
    drop(mark);
    for entry in entries {
        let mut entry = entry.map_err(disk(file))?;
        // `unpack_in` never writes outside the folder; anything but files and folders is not ours.
        let kind = entry.header().entry_type();
        let inside = (kind.is_file() || kind.is_dir()) && entry.unpack_in(into).map_err(disk(into))?;
        if !inside {
            return Err(not_a_backup());
        }
    }
    Ok(())
}
