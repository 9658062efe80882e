use weal_domain::agreements::Side;
use weal_domain::exchange::TransferState;
use weal_store::{StoreError, StoredUse};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, receipt, transfer};

on_both!(
    a_transfer_and_its_tokens,
    uses_are_counted_by_utc_day,
    counting_is_exact_under_concurrency,
    uses_are_kept_once_per_side,
);

async fn a_transfer_and_its_tokens(bed: &Bed) {
    let store = bed.open().await;
    let mut kept = transfer("urn:uuid:t1", "education", "urn:uuid:a1");
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.put_transfer(&kept, 0).await.unwrap(), 1);
    kept.state = TransferState::Started;
    assert_eq!(tx.put_transfer(&kept, 1).await.unwrap(), 2);
    tx.put_transfer(&transfer("urn:uuid:t2", "welfare", "urn:uuid:a2"), 0).await.unwrap();
    tx.put_transfer_token("digest-1", "urn:uuid:t1", at(2)).await.unwrap();
    tx.put_transfer_token("digest-2", "urn:uuid:t1", at(3)).await.unwrap();
    tx.commit().await.unwrap();

    for (late, revision) in [
        (transfer("urn:uuid:t1", "education", "urn:uuid:a1"), 0),
        (transfer("urn:uuid:t1", "education", "urn:uuid:a1"), 1),
        (transfer("urn:uuid:t1", "intruder", "urn:uuid:a1"), 2),
        (transfer("urn:uuid:t1", "education", "urn:uuid:a9"), 2),
    ] {
        let mut tx = store.write("test").await.unwrap();
        let outcome = tx.put_transfer(&late, revision).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    }

    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.transfer("urn:uuid:t1").await.unwrap(), Some((kept.clone(), 2)));
    let found = tx.transfer_of_peer(Side::Provider, &did("education"), "urn:uuid:t1-theirs").await.unwrap();
    assert_eq!(found, Some((kept.clone(), 2)));
    let other = tx.transfer_of_peer(Side::Provider, &did("welfare"), "urn:uuid:t1-theirs").await.unwrap();
    assert_eq!(other, None);
    assert_eq!(tx.transfers_of(&id("urn:uuid:a1")).await.unwrap(), [(kept, 2)]);
    assert_eq!(tx.transfers(5).await.unwrap()[0].0.own_pid, "urn:uuid:t2");
    assert_eq!(tx.transfer_of_token("digest-1").await.unwrap().as_deref(), Some("urn:uuid:t1"));
    assert_eq!(tx.remove_transfer_tokens("urn:uuid:t1").await.unwrap(), 2);
    assert_eq!(tx.transfer_of_token("digest-1").await.unwrap(), None);
    tx.commit().await.unwrap();
}

async fn uses_are_counted_by_utc_day(bed: &Bed) {
    let store = bed.open().await;
    let agreement = id("urn:uuid:a1");
    let mut tx = store.write("test").await.unwrap();
    let last_moment: weal_domain::Timestamp = "2026-11-21T23:59:59.999Z".parse().unwrap();
    let next_day: weal_domain::Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    assert_eq!(tx.count_use(&agreement, last_moment).await.unwrap(), 1);
    assert_eq!(tx.count_use(&agreement, last_moment).await.unwrap(), 2);
    assert_eq!(tx.count_use(&agreement, next_day).await.unwrap(), 1);
    assert_eq!(tx.uses_on(&agreement, last_moment).await.unwrap(), 2);
    assert_eq!(tx.uses_on(&id("urn:uuid:a2"), last_moment).await.unwrap(), 0);
    tx.commit().await.unwrap();
}

async fn counting_is_exact_under_concurrency(bed: &Bed) {
    let store = bed.open().await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.write("test").await.unwrap();
                let count = tx.count_use(&id("urn:uuid:a1"), at(0)).await.unwrap();
                tx.commit().await.unwrap();
                count
            })
        })
        .collect();
    let mut counts = Vec::new();
    for task in tasks {
        counts.push(task.await.unwrap());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=16).collect::<Vec<u64>>());
}

async fn uses_are_kept_once_per_side(bed: &Bed) {
    let store = bed.open().await;
    let stored = |number: u64, side, agreement: &str| StoredUse {
        side,
        receipt: receipt(&format!("urn:uuid:u{number}"), agreement),
        ledger_index: number,
        at: at(number as i64),
    };
    let mut tx = store.write("test").await.unwrap();
    tx.put_use(&stored(1, Side::Provider, "urn:uuid:a1")).await.unwrap();
    tx.put_use(&stored(1, Side::Consumer, "urn:uuid:a1")).await.unwrap();
    tx.put_use(&stored(2, Side::Provider, "urn:uuid:a2")).await.unwrap();
    tx.put_use(&stored(3, Side::Provider, "urn:uuid:a1")).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    let twice = tx.put_use(&stored(1, Side::Provider, "urn:uuid:a1")).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })), "{twice:?}");
    drop(tx);

    let mut tx = store.read("test").await.unwrap();
    let all = tx.uses(None, None, 3).await.unwrap();
    assert_eq!(all.iter().map(|kept| kept.ledger_index).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(all[0], stored(3, Side::Provider, "urn:uuid:a1"));
    let of = tx.uses(Some(&id("urn:uuid:a1")), None, 10).await.unwrap();
    assert_eq!(of.iter().map(|kept| kept.ledger_index).collect::<Vec<_>>(), [3, 1, 1]);
    assert_eq!(tx.uses_by_id(&id("urn:uuid:u1")).await.unwrap().len(), 2);
}
