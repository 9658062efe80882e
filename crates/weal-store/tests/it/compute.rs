use weal_domain::compute::Loss;
use weal_domain::exchange::UseId;
use weal_store::{Overdrawn, StoreError};

use crate::bed::{Bed, on_both};
use crate::samples::{at, id, loss};

on_both!(
    a_reservation_takes_all_accounts_or_none,
    sixteen_askers_never_overspend,
    an_open_reservation_is_spent_at_the_next_start,
    a_grant_never_falls_below_what_is_used,
);

fn use_id(number: u64) -> UseId {
    id(&format!("urn:uuid:use-{number}"))
}

async fn a_reservation_takes_all_accounts_or_none(bed: &Bed) {
    let store = bed.open().await;
    let accounts = ["product:payroll", "agreement:urn:uuid:a1"];
    let mut tx = store.write("test").await.unwrap();
    tx.grant(accounts[0], loss(100, 10)).await.unwrap();
    tx.grant(accounts[1], loss(30, 10)).await.unwrap();
    assert_eq!(tx.reserve(&use_id(1), &accounts, loss(20, 1), at(1)).await.unwrap(), Ok(()));

    let refused = tx.reserve(&use_id(2), &accounts, loss(11, 1), at(2)).await.unwrap();
    let Err(Overdrawn { account, budget }) = refused else { panic!("{refused:?}") };
    assert_eq!((account.as_str(), budget.left()), (accounts[1], loss(10, 9)));
    // Either component alone can be what is missing.
    let refused = tx.reserve(&use_id(2), &accounts, loss(1, 10), at(2)).await.unwrap();
    assert_eq!(refused.unwrap_err().account, accounts[0]);
    let refused = tx.reserve(&use_id(2), &["product:unknown"], loss(1, 0), at(2)).await.unwrap();
    assert_eq!(refused.unwrap_err().budget.left(), Loss::default());
    let huge = tx.reserve(&use_id(2), &accounts, loss(u64::MAX, 0), at(2)).await.unwrap();
    assert!(huge.is_err());

    tx.settle(&use_id(1)).await.unwrap();
    tx.settle(&use_id(1)).await.unwrap();
    // A refusal leaves the transaction whole.
    tx.commit().await.unwrap();

    let mut tx = store.read("test").await.unwrap();
    let budget = tx.budget(accounts[0]).await.unwrap();
    assert_eq!((budget.granted, budget.reserved, budget.spent), (loss(100, 10), loss(0, 0), loss(20, 1)));
    assert_eq!(tx.budget(accounts[1]).await.unwrap().left(), loss(10, 9));
    drop(tx);

    let mut tx = store.write("test").await.unwrap();
    let twice = tx.reserve(&use_id(1), &accounts, loss(1, 0), at(5)).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })), "{twice:?}");
    assert!(matches!(tx.commit().await, Err(StoreError::Void)));
}

async fn sixteen_askers_never_overspend(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.grant("product:payroll", loss(100, 100)).await.unwrap();
    tx.commit().await.unwrap();

    let askers = (0..16_u64).map(|asker| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut granted = 0;
            for turn in 0..4 {
                let mut tx = store.write("test").await.unwrap();
                let use_id = use_id(asker * 100 + turn);
                if tx.reserve(&use_id, &["product:payroll"], loss(7, 1), at(1)).await.unwrap().is_ok() {
                    tx.commit().await.unwrap();
                    granted += 1;
                    if asker % 2 == 0 {
                        let mut tx = store.write("test").await.unwrap();
                        tx.settle(&use_id).await.unwrap();
                        tx.commit().await.unwrap();
                    }
                }
            }
            granted
        })
    });
    let mut granted = 0;
    for asker in askers.collect::<Vec<_>>() {
        granted += asker.await.unwrap();
    }
    // 64 wanted 7 each of 100: exactly 14 can be served.
    assert_eq!(granted, 14);
    let budget = store.read("test").await.unwrap().budget("product:payroll").await.unwrap();
    assert_eq!(budget.reserved.rho_nano + budget.spent.rho_nano, 98);
    assert_eq!(budget.left(), loss(2, 86));
}

async fn an_open_reservation_is_spent_at_the_next_start(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.grant("product:payroll", loss(100, 0)).await.unwrap();
    tx.reserve(&use_id(1), &["product:payroll"], loss(10, 0), at(1)).await.unwrap().unwrap();
    tx.reserve(&use_id(2), &["product:payroll"], loss(5, 0), at(2)).await.unwrap().unwrap();
    tx.settle(&use_id(2)).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;

    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let open = tx.settle_unsettled().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].use_id.clone(), open[0].loss, open[0].at), (use_id(1), loss(10, 0), at(1)));
    assert!(tx.unsettled().await.unwrap().is_empty());
    let budget = tx.budget("product:payroll").await.unwrap();
    assert_eq!((budget.reserved, budget.spent), (loss(0, 0), loss(15, 0)));
    tx.commit().await.unwrap();
}

async fn a_grant_never_falls_below_what_is_used(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.grant("product:payroll", loss(50, 50)).await.unwrap();
    tx.reserve(&use_id(1), &["product:payroll"], loss(20, 5), at(1)).await.unwrap().unwrap();
    assert_eq!(tx.grant("product:payroll", loss(10, 60)).await.unwrap(), loss(20, 60));
    assert_eq!(tx.budget("product:payroll").await.unwrap().left(), loss(0, 55));
    assert_eq!(tx.grant("product:payroll", loss(80, 60)).await.unwrap(), loss(80, 60));
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    let outcome = tx.grant("product:big", loss(u64::MAX, 0)).await;
    assert!(matches!(outcome, Err(StoreError::TooLarge { .. })), "{outcome:?}");
}
