//! Files and folders for the user of this node alone: keys, tokens, what is kept of an authority.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// What others may not do with a secret's file: its group may read it, as some systems keep keys for a group.
const MODE_OF_OTHERS: u32 = 0o037;

/// Makes a folder that only this user may look into.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts `bytes` in the place of a file that only this user may read, whole or not at all; it is there after
/// a loss of power too.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    // What an earlier attempt left keeps nothing of its own, its mode neither. Where there is none, nothing is
    // to be done.
    let _ = std::fs::remove_file(&part);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    std::fs::rename(&part, path)?;
    match path.parent() {
        Some(folder) if folder != Path::new("") => std::fs::File::open(folder)?.sync_all(),
        _ => std::fs::File::open(".")?.sync_all(),
    }
}

/// The mode of a file with a secret, where it lets others do what they may not.
pub(crate) fn exposed_as(path: &Path) -> io::Result<Option<u32>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & MODE_OF_OTHERS != 0).then_some(mode))
}
