//! How a ledger is served (c2sp.org/tlog-tiles v0.1.0): its tree in immutable tiles of 256 hashes, its
//! leaves in bundles of 256.

use super::merkle::{Coord, Hash, LEAVES_MAX};
use crate::encoding::decimal;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Tree levels that a tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// The highest tile level that a tree of at most 2^62 leaves has.
pub const TILE_LEVEL_MAX: u8 = 7;
/// The longest path that is read, in bytes.
pub const PATH_BYTES_MAX: usize = 64;
/// The largest entry in a bundle, in bytes.
pub const BUNDLE_ENTRY_BYTES_MAX: usize = u16::MAX as usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    #[error("not the path of a tile or an entry bundle")]
    BadPath,
    #[error("a tile has 1 to 256 hashes, each {width} of them here, and {given} were given")]
    WrongWidth { width: u16, given: usize },
    #[error("an entry is larger than 65535 bytes")]
    EntryTooLarge,
    #[error("the entry bundle is cut off or has more than 256 entries")]
    BadBundle,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Tree hashes at tree level `8 * level`.
    Hashes { level: u8 },
    /// The leaves' data.
    Entries,
}

/// The address of a tile or bundle. `width` is below 256 for a partial one at the tree's right edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    pub content: Content,
    pub index: u64,
    pub width: u16,
}

impl Tile {
    /// Reads `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, the part of the path after the
    /// ledger's prefix. Only the one canonical spelling is read.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(TileError::BadPath);
        }
        let tile = Self::read(path).ok_or(TileError::BadPath)?;
        if tile.to_string() == path { Ok(tile) } else { Err(TileError::BadPath) }
    }

    fn read(path: &str) -> Option<Self> {
        let (content, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes { level: u8::try_from(decimal(level)?).ok()? },
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, u16::try_from(decimal(width)?).ok()?),
            None => (rest, TILE_WIDTH),
        };
        let tile = Self { content, index: parse_number(number)?, width };
        ((1..=TILE_WIDTH).contains(&width) && tile.end_index().is_some()).then_some(tile)
    }

    fn level(&self) -> u8 {
        match self.content {
            Content::Hashes { level } => level,
            Content::Entries => 0,
        }
    }

    /// The leaves that must exist for this tile to exist; `None` beyond what a tree can have.
    fn end_index(&self) -> Option<u64> {
        if self.level() > TILE_LEVEL_MAX {
            return None;
        }
        let slots = self.index.checked_mul(u64::from(TILE_WIDTH))?.checked_add(u64::from(self.width))?;
        let leaves = u128::from(slots) << (TILE_HEIGHT * self.level());
        u64::try_from(leaves).ok().filter(|leaves| *leaves <= LEAVES_MAX)
    }

    /// Whether a tree of `size` leaves has all that this tile holds.
    #[must_use]
    pub fn exists_in(&self, size: u64) -> bool {
        self.end_index().is_some_and(|end| end <= size)
    }

    /// The tree nodes whose hashes make up this tile, in order; for a bundle, the leaves. Ask
    /// [`Tile::exists_in`] first.
    pub fn coords(&self) -> impl Iterator<Item = Coord> + use<> {
        let level = TILE_HEIGHT.saturating_mul(self.level());
        let first = self.index.saturating_mul(u64::from(TILE_WIDTH));
        (first..first.saturating_add(u64::from(self.width))).map(move |index| Coord { level, index })
    }

    /// All tiles of a tree of `size` leaves at tile level `level`: how many are full, and how many hashes
    /// the partial one at the right edge has.
    #[must_use]
    pub fn count_at(level: u8, size: u64) -> (u64, u16) {
        let hashes = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(level)).unwrap_or(0);
        let partial = u16::try_from(hashes % u64::from(TILE_WIDTH)).expect("below 256");
        (hashes / u64::from(TILE_WIDTH), partial)
    }

    /// The tile's bytes: the hashes of [`Tile::coords`], in that order.
    pub fn hash_bytes(&self, hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
        if hashes.len() != usize::from(self.width) {
            return Err(TileError::WrongWidth { width: self.width, given: hashes.len() });
        }
        Ok(hashes.iter().flat_map(|hash| hash.0).collect())
    }
}

/// The path after the ledger's prefix, without a slash in front.
impl std::fmt::Display for Tile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.content {
            Content::Hashes { level } => write!(f, "tile/{level}/")?,
            Content::Entries => f.write_str("tile/entries/")?,
        }
        f.write_str(&number(self.index))?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Entries as a bundle: each behind its length, a big-endian `u16`.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLarge)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle: 1 to 256.
pub fn parse_bundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(TileError::BadBundle)?;
        entries.push(entry);
        bytes = rest;
    }
    let whole = bytes.is_empty() && (1..=usize::from(TILE_WIDTH)).contains(&entries.len());
    if whole { Ok(entries) } else { Err(TileError::BadBundle) }
}

/// `1234067` is `x001/x234/067`.
fn number(mut index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    while index >= 1000 {
        index /= 1000;
        text = format!("x{:03}/{text}", index % 1000);
    }
    text
}

fn parse_number(text: &str) -> Option<u64> {
    let mut index: u64 = 0;
    for part in text.split('/') {
        let digits = part.strip_prefix('x').unwrap_or(part);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}
