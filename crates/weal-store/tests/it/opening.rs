use weal_store::{OpenOptions, SCHEMA_VERSION, Store, StoreError};

use crate::bed::{Bed, on_both};
use crate::samples::{at, entry, nonces, sign};

on_both!(
    an_empty_database_is_brought_up_and_kept,
    two_that_start_at_once_agree,
    a_newer_schema_is_refused,
    what_is_dropped_is_rolled_back,
    a_failed_step_spoils_the_commit,
    readers_see_one_moment_and_cannot_write,
    a_body_of_a_newer_program_is_named,
    a_waiting_writer_gives_up_in_time,
);

async fn an_empty_database_is_brought_up_and_kept(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_setting("name", "value").await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    assert!(store.read("test").await.is_err(), "closed is closed");

    let store = bed.open().await;
    assert_eq!(store.read("test").await.unwrap().setting("name").await.unwrap().as_deref(), Some("value"));
}

async fn two_that_start_at_once_agree(bed: &Bed) {
    let opening = (0..4).map(|_| {
        let url = bed.url.clone();
        tokio::spawn(async move { Store::open(&url, OpenOptions::default()).await.map(|_| ()) })
    });
    for opened in opening.collect::<Vec<_>>() {
        opened.await.unwrap().unwrap();
    }
}

async fn a_newer_schema_is_refused(bed: &Bed) {
    bed.open().await.close().await;
    bed.meddle("UPDATE schema_version SET version = version + 1").await;
    let outcome = Store::open(&bed.url, OpenOptions::default()).await;
    let Err(StoreError::Newer { found, known, .. }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!((*found, *known), (SCHEMA_VERSION + 1, SCHEMA_VERSION));
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("use a newer `weal`"), "{text}");
}

async fn what_is_dropped_is_rolled_back(bed: &Bed) {
    let store = bed.open().await;
    for _ in 0..3 {
        let mut tx = store.write("test").await.unwrap();
        assert_eq!(tx.setting("name").await.unwrap(), None);
        tx.put_setting("name", "value").await.unwrap();
    }
    assert_eq!(store.read("test").await.unwrap().setting("name").await.unwrap(), None);
}

async fn a_failed_step_spoils_the_commit(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_setting("name", "value").await.unwrap();
    let outcome = tx.put_transfer_token("digest", "urn:uuid:no-such-transfer", at(0)).await;
    assert!(matches!(outcome, Err(StoreError::Missing { .. })), "{outcome:?}");
    assert!(matches!(tx.commit().await, Err(StoreError::Void)));
    assert_eq!(store.read("test").await.unwrap().setting("name").await.unwrap(), None);
}

async fn readers_see_one_moment_and_cannot_write(bed: &Bed) {
    let store = bed.open().await;
    let mut reader = store.read("test").await.unwrap();
    assert_eq!(reader.ledger_size().await.unwrap(), 0);
    let mut tx = store.write("test").await.unwrap();
    tx.append(&[entry(0)], &mut nonces(0), &sign).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reader.ledger_size().await.unwrap(), 0, "the moment it began in");
    assert_eq!(store.read("test").await.unwrap().ledger_size().await.unwrap(), 1);

    assert!(matches!(reader.put_setting("name", "value").await, Err(StoreError::ReadOnly)));
    drop(reader);
    assert_eq!(store.read("test").await.unwrap().setting("name").await.unwrap(), None);
}

async fn a_body_of_a_newer_program_is_named(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_person(&crate::samples::person("ada")).await.unwrap();
    tx.commit().await.unwrap();
    bed.meddle("UPDATE person SET v = 2").await;
    let outcome = store.read("test").await.unwrap().persons().await;
    assert!(matches!(outcome, Err(StoreError::Newer { found: 2, .. })), "{outcome:?}");
    bed.meddle("UPDATE person SET v = 1, body = '{\"account\":\"ADA\"}'").await;
    let outcome = store.read("test").await.unwrap().persons().await;
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{outcome:?}");
}

async fn a_waiting_writer_gives_up_in_time(bed: &Bed) {
    let impatient = OpenOptions { wait_ms_max: 1_500, ..OpenOptions::default() };
    let store = bed.open_with(impatient.clone()).await;
    let other_process = bed.open_with(impatient).await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_setting("name", "value").await.unwrap();
    for waiting in [&store, &other_process] {
        let outcome = waiting.write("test").await;
        assert!(matches!(outcome, Err(StoreError::Busy)), "{outcome:?}");
    }
    tx.commit().await.unwrap();
    other_process.write("test").await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn an_unusable_url_says_what_to_write() {
    for (url, hint) in [
        ("mysql://host/db", "sqlite:///"),
        ("node.db", "sqlite:///"),
        ("sqlite://:memory:", "names a file"),
        ("sqlite://", "names a file"),
        ("sqlite:///tmp/a.db?mode=ro", "no parameters"),
        ("sqlite:///no/such/folder/node.db", "cannot make"),
        ("sqlite:///tmp/%zz.db", "% escape"),
    ] {
        let outcome = Store::open(url, OpenOptions::default()).await;
        let Err(StoreError::Setting { reason }) = outcome else { panic!("{url}: {outcome:?}") };
        assert!(reason.contains(hint), "{url}: {reason}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_named_at_once() {
    let began = std::time::Instant::now();
    // Port 9 (discard) of this machine: nobody listens there.
    let outcome = Store::open("postgres://nobody@127.0.0.1:9/none", OpenOptions::default()).await;
    assert!(matches!(outcome, Err(StoreError::Unreachable { .. })), "{outcome:?}");
    // Trying again until no connection is waited for any more takes 10 s.
    assert!(began.elapsed().as_secs() < 9);
}
