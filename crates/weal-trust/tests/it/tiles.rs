//! Tile paths and contents of c2sp.org/tlog-tiles.

use proptest::prelude::*;
use weal_trust::merkle::{Coord, LEAVES_MAX};
use weal_trust::tiles::{Content, Tile, TileError, bundle, parse_bundle};

use crate::tree::{Stored, leaves, root};

fn hashes(level: u8, index: u64, width: u16) -> Tile {
    Tile { content: Content::Hashes { level }, index, width }
}

#[test]
fn reads_and_prints_paths() {
    for (path, tile) in [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/1/067", hashes(1, 67, 256)),
        ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
        ("tile/2/x001/000.p/255", hashes(2, 1000, 255)),
        ("tile/entries/x001/234.p/1", Tile { content: Content::Entries, index: 1234, width: 1 }),
    ] {
        assert_eq!(Tile::parse(path), Ok(tile));
        assert_eq!(tile.to_string(), path);
    }
}

#[test]
fn refuses_every_other_spelling() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/x001",
        "tile/0/x001/x067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/+01",
        "tile/0/../000",
        "tile/entries/x01/000",
        "tile/7/x999/x999/999",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠٠",
    ] {
        assert_eq!(Tile::parse(path), Err(TileError::BadPath), "{path}");
    }
    assert!(Tile::parse(&"tile/0/x000".repeat(100)).is_err());
}

/// The example of the specification: a tree of 70,000 leaves.
#[test]
fn counts_tiles_as_the_specification_does() {
    assert_eq!(Tile::count_at(0, 70_000), (273, 112));
    assert_eq!(Tile::count_at(1, 70_000), (1, 17));
    assert_eq!(Tile::count_at(2, 70_000), (0, 1));
    assert_eq!(Tile::count_at(3, 70_000), (0, 0));
    assert_eq!((Tile::count_at(0, 256), Tile::count_at(1, 256)), ((1, 0), (0, 1)));
    assert!(hashes(0, 273, 112).exists_in(70_000));
    assert!(!hashes(0, 273, 113).exists_in(70_000));
    assert!(hashes(2, 0, 1).exists_in(70_000) && !hashes(2, 0, 2).exists_in(70_000));
    assert_eq!(Tile::count_at(200, LEAVES_MAX), (0, 0));
}

#[test]
fn a_tile_is_a_tree_of_its_own() {
    let all = leaves(700);
    let stored = Stored::of(&all);
    let tile = hashes(0, 1, 256);
    let loaded: Vec<_> = tile.coords().map(|at| stored.load(at).unwrap()).collect();
    assert_eq!(loaded, all[256..512]);
    let bytes = tile.hash_bytes(&loaded).unwrap();
    assert_eq!(bytes.len(), 8192);
    // Each hash of the tile above is the root of a full tile below.
    let above = hashes(1, 0, 2);
    assert!(above.exists_in(700) && !hashes(1, 0, 3).exists_in(700));
    assert_eq!(above.coords().nth(1), Some(Coord { level: 8, index: 1 }));
    assert_eq!(stored.load(Coord { level: 8, index: 1 }), Some(root(&loaded)));
    assert_eq!(tile.hash_bytes(&loaded[1..]), Err(TileError::WrongWidth { width: 256, given: 255 }));
}

#[test]
fn bundles_have_limits() {
    let large = vec![0; 65_536];
    assert_eq!(bundle([&large[..]]), Err(TileError::EntryTooLarge));
    assert_eq!(bundle([&b"ab"[..], b""]).unwrap(), [0, 2, b'a', b'b', 0, 0]);
    for cut in [&[][..], &[0], &[0, 2, 1], &[0, 1, 1, 0], &[0; 514]] {
        assert_eq!(parse_bundle(cut), Err(TileError::BadBundle), "{} bytes", cut.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_is_read(level in 0u8..=7, index in 0u64..1 << 54, width in 1u16..=256) {
        let tile = hashes(level, index >> (8 * level).min(53), width);
        let read = Tile::parse(&tile.to_string());
        prop_assert_eq!(read, if tile.exists_in(LEAVES_MAX) { Ok(tile) } else { Err(TileError::BadPath) });
        let entries = Tile { content: Content::Entries, index, width };
        prop_assert_eq!(Tile::parse(&entries.to_string()), Ok(entries));
    }

    #[test]
    fn no_path_is_a_crash(path in "(tile/)?[0-9x./pentris]{0,40}") {
        if let Ok(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn bundles_come_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..60)) {
        let bytes = bundle(entries.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(parse_bundle(&bytes).unwrap(), entries);
    }
}
