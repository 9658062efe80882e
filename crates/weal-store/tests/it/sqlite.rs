//! What only a file can do: be full, be damaged, be copied.

use weal_store::durability::Flush;
use weal_store::{OpenOptions, Store, StoreError, sqlite_url};

use crate::bed::Bed;
use crate::ledger::audit;
use crate::samples::{entry, nonces, sign};

async fn append(store: &Store) -> Result<u64, StoreError> {
    let mut tx = store.write("test").await?;
    let size = tx.ledger_size().await?;
    tx.append(&[entry(size)], &mut nonces(size), &sign).await?;
    tx.commit().await?;
    Ok(size + 1)
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let bed = Bed::sqlite();
    bed.open().await.close().await;
    let pages_max = Some(150);
    let store = bed.open_with(OpenOptions { pages_max, ..OpenOptions::default() }).await;
    let mut size = 0;
    let error = loop {
        match append(&store).await {
            Ok(grown) => size = grown,
            Err(error) => break error,
        }
        assert!(size < 5_000, "the limit has no effect");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert!(size > 10, "only {size} fitted");
    // Full stays full and never turns into something worse; reading goes on.
    for _ in 0..3 {
        assert!(matches!(append(&store).await, Err(StoreError::Full)));
        assert_eq!(audit(&store).await, size);
    }
    store.close().await;

    // Room again: it goes on where it was.
    let store = bed.open().await;
    assert_eq!(audit(&store).await, size);
    assert_eq!(append(&store).await.unwrap(), size + 1);
    assert_eq!(audit(&store).await, size + 1);
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let bed = Bed::sqlite();
    bed.open().await.close().await;
    let path = bed.folder.path().join("node.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..100].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let outcome = Store::open(&bed.url, OpenOptions::default()).await;
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_backup_is_whole_while_others_write() {
    let bed = Bed::sqlite();
    let store = bed.open().await;
    for _ in 0..10 {
        append(&store).await.unwrap();
    }
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                append(&store).await.unwrap();
            }
        })
    };
    let copy = bed.folder.path().join("a copy #1.db");
    store.backup_to(&copy).await.unwrap();
    writer.await.unwrap();
    assert_eq!(audit(&store).await, 40);
    let twice = store.backup_to(&copy).await;
    assert!(matches!(twice, Err(StoreError::Setting { .. })), "{twice:?}");

    let restored = Store::open(&sqlite_url(&copy), OpenOptions::default()).await.unwrap();
    let size = audit(&restored).await;
    assert!((10..=40).contains(&size));
    assert_eq!(append(&restored).await.unwrap(), size + 1);
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let bed = Bed::sqlite();
    let store = bed.open().await;
    // A reader's connection stands before the damage is done.
    store.read("test").await.unwrap().ledger_size().await.unwrap();
    let nowhere = bed.folder.path().join("no such folder").join("copy.db");
    let outcome = store.backup_to(&nowhere).await;
    assert!(matches!(outcome, Err(StoreError::Setting { .. })), "{outcome:?}");
    bed.meddle(
        "DROP TABLE job; PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'offer'",
    )
    .await;
    let copy = bed.folder.path().join("copy.db");
    let outcome = store.backup_to(&copy).await;
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "a damaged database was copied: {outcome:?}");
    assert!(!copy.exists());
}

#[tokio::test]
async fn postgres_has_its_own_backup() {
    let Some(bed) = Bed::postgres().await else { return };
    let outcome = bed.open().await.backup_to(&bed.folder.path().join("copy")).await;
    let Err(StoreError::Setting { reason }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("pg_dump"), "{reason}");
    bed.clear().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let bed = Bed::sqlite();
    let store = bed.open().await;
    append(&store).await.unwrap();
    store.backup_to(&bed.folder.path().join("copy.db")).await.unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(bed.folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        files += 1;
    }
    assert!(files >= 3, "the file, its log and the backup");
}

#[tokio::test]
async fn nothing_is_made_where_nothing_shall_be() {
    let bed = Bed::sqlite();
    let outcome = Store::open(&bed.url, OpenOptions { create: false, ..OpenOptions::default() }).await;
    assert!(matches!(outcome, Err(StoreError::Setting { .. })), "{outcome:?}");
    assert_eq!(std::fs::read_dir(bed.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_flush_that_fails_is_the_last_thing_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let flush = Flush::of(&folder.path().join("node.db"));
    flush.durable().await.expect("without a log everything is in the database");
    // A folder cannot be flushed as data on every system, but a name that leads through a file never opens.
    std::fs::write(folder.path().join("plain"), "").unwrap();
    let broken = Flush::of(&folder.path().join("plain/node.db"));
    assert!(broken.durable().await.is_err());
    assert!(broken.usable().is_err());
    assert!(broken.durable().await.is_err());
}
