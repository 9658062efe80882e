use weal_domain::agreements::Side;
use weal_domain::compute::{BudgetMove, Charge, Loss, Renewal};
use weal_domain::exchange::UseId;
use weal_store::{ANSWERS_KEPT_MAX, AnswerKey, Overdrawn, StoreError};

use crate::bed::{Bed, on_both};
use crate::samples::{agreement, at, did, id, loss};

on_both!(
    a_reservation_takes_all_accounts_or_none,
    sixty_four_analysts_never_overspend,
    what_is_renewed_is_renewed_in_all_accounts_of_a_product_at_once,
    what_was_spent_before_there_were_shares_is_known,
    events_are_numbered_and_found_by_their_product,
    an_answer_is_found_by_everything_that_makes_its_question,
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

/// 64 analysts of four members, each question paid from four accounts at once, settled or left open.
async fn sixty_four_analysts_never_overspend(bed: &Bed) {
    const ANALYSTS: u64 = 64;
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.grant("product:payroll", loss(700, 700)).await.unwrap();
    tx.grant("agreement:urn:uuid:a1", loss(500, 500)).await.unwrap();
    tx.commit().await.unwrap();
    let begin = std::sync::Arc::new(tokio::sync::Barrier::new(ANALYSTS as usize));
    let askers = (0..ANALYSTS).map(|analyst| {
        let (store, begin) = (store.clone(), std::sync::Arc::clone(&begin));
        tokio::spawn(async move {
            let member = format!("member:payroll/did:web:m{}.example", analyst % 4);
            let person = format!("analyst:payroll/did:web:m{}.example/{analyst}", analyst % 4);
            begin.wait().await;
            let mut granted = 0_u64;
            for turn in 0..3 {
                let mut tx = store.write("test").await.unwrap();
                tx.grant(&member, loss(200, 200)).await.unwrap();
                tx.grant(&person, loss(21, 21)).await.unwrap();
                let use_id = use_id(analyst * 100 + turn);
                let accounts = ["product:payroll", "agreement:urn:uuid:a1", &member, &person];
                if tx.reserve(&use_id, &accounts, loss(7, 1), at(1)).await.unwrap().is_err() {
                    continue;
                }
                tx.commit().await.unwrap();
                granted += 1;
                if analyst % 2 == 0 {
                    let mut tx = store.write("test").await.unwrap();
                    tx.settle(&use_id).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
            granted
        })
    });
    let mut granted = 0;
    for asker in askers.collect::<Vec<_>>() {
        granted += asker.await.unwrap();
    }
    // 192 wanted 7 each; the agreement has 500, so exactly 71 can be served.
    assert_eq!(granted, 71);
    let mut tx = store.read("test").await.unwrap();
    let all = tx.budgets_of(&id("payroll")).await.unwrap();
    assert!(all.iter().all(|(_, budget)| budget.reserved.saturating_add(budget.spent).fits(budget.granted)));
    let used = |kind: &str| -> u64 {
        let of_kind = all.iter().filter(|(account, _)| account.starts_with(kind));
        of_kind.map(|(_, budget)| budget.reserved.rho_nano + budget.spent.rho_nano).sum()
    };
    assert_eq!(
        [used("product:"), used("member:"), used("analyst:")],
        [497; 3],
        "each question in every account"
    );
    assert!(
        all.iter()
            .filter(|(account, _)| account.starts_with("analyst:"))
            .all(|(_, one)| one.limit() == loss(21, 21))
    );
}

async fn what_is_renewed_is_renewed_in_all_accounts_of_a_product_at_once(bed: &Bed) {
    let store = bed.open().await;
    let day = |days: i64| at(days * 86_400);
    let (payroll, rule) = (id("payroll"), Renewal { every_days: 10, loss: loss(30, 0) });
    let (member, other) = ("member:payroll/did:web:m.example", "member:wages/did:web:m.example");
    let mut tx = store.write("test").await.unwrap();
    for (account, limit) in [("product:payroll", 100), (member, 50), (other, 50)] {
        tx.grant(account, loss(limit, 5)).await.unwrap();
    }
    tx.renew_from(&payroll, day(0)).await.unwrap();
    tx.reserve(&use_id(1), &["product:payroll", member, other], loss(40, 1), day(1)).await.unwrap().unwrap();
    assert_eq!(tx.renew(&payroll, rule, day(9)).await.unwrap(), Loss::ZERO, "not due yet");
    assert_eq!(tx.renew(&payroll, rule, day(11)).await.unwrap(), Loss::ZERO, "what is reserved is not spent");
    tx.settle(&use_id(1)).await.unwrap();
    assert_eq!(tx.renew(&payroll, rule, day(19)).await.unwrap(), Loss::ZERO, "once for each time");
    assert_eq!(tx.renew(&payroll, rule, day(20)).await.unwrap(), loss(30, 0));
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    for (account, left, granted) in [("product:payroll", 90, 130), (member, 40, 80), (other, 10, 50)] {
        let budget = tx.budget(account).await.unwrap();
        assert_eq!((budget.left().rho_nano, budget.granted.rho_nano), (left, granted), "{account}");
        assert_eq!(budget.spent, loss(40, 1), "{account}: what was spent stays spent");
    }
    assert_eq!(tx.renewed_at(&payroll).await.unwrap(), day(20));
    // Never more than was spent, however long nobody asked.
    assert_eq!(tx.renew(&payroll, rule, day(3_650)).await.unwrap(), loss(10, 0));
    assert_eq!(
        tx.grant("product:payroll", loss(60, 5)).await.unwrap(),
        loss(60, 5),
        "the limit is what may be set"
    );
    assert_eq!(tx.budget("product:payroll").await.unwrap().left(), loss(60, 4));
    // A restored budget: what exceeds what is left was renewed meanwhile, and gives nothing back.
    tx.spend("product:payroll", loss(75, 0)).await.unwrap();
    let restored = tx.budget("product:payroll").await.unwrap();
    assert_eq!((restored.left(), restored.spent.rho_nano, restored.limit()), (loss(0, 4), 115, loss(60, 5)));
    tx.commit().await.unwrap();
    // `BU-3` is a constraint of the database too.
    let meddled = tokio::spawn({
        let url = bed.url.clone();
        async move { crate::bed::try_run(&url, "UPDATE budget SET renewed_rho = spent_rho + 1").await }
    });
    assert!(meddled.await.unwrap().is_err(), "more was renewed than spent");
}

async fn what_was_spent_before_there_were_shares_is_known(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_agreement(&agreement("urn:uuid:a1", Side::Provider, "education"), "d").await.unwrap();
    tx.put_agreement(&agreement("urn:uuid:a2", Side::Provider, "education"), "d").await.unwrap();
    tx.grant("product:payroll", loss(100, 10)).await.unwrap();
    for (number, account) in [(1, "agreement:urn:uuid:a1"), (2, "agreement:urn:uuid:a2")] {
        tx.grant(account, loss(50, 5)).await.unwrap();
        tx.reserve(&use_id(number), &["product:payroll", account], loss(10, 1), at(1))
            .await
            .unwrap()
            .unwrap();
        tx.settle(&use_id(number)).await.unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
    bed.as_before_the_budgets().await;

    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let member = format!("member:payroll/{}", did("education"));
    assert_eq!(tx.budget(&member).await.unwrap().spent, loss(20, 2), "under both agreements");
    let all = tx.budgets_of(&id("payroll")).await.unwrap();
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(tx.grant(&member, loss(30, 3)).await.unwrap(), loss(30, 3));
    let refused = tx.reserve(&use_id(3), &["product:payroll", &member], loss(11, 0), at(2)).await.unwrap();
    assert_eq!(refused.unwrap_err().account, member);
}

async fn events_are_numbered_and_found_by_their_product(bed: &Bed) {
    let store = bed.open().await;
    let (payroll, wages) = (id("payroll"), id("wages"));
    let charge = |number: u64| Charge {
        version: 1,
        use_id: use_id(number),
        agreement: id("urn:uuid:a1"),
        member: did("education"),
        person: "p".into(),
        question_sha256: "00".into(),
    };
    let mut tx = store.write("test").await.unwrap();
    for number in 1..=3 {
        let what = BudgetMove::Spent { charge: charge(number), loss: loss(number, 0), releases: Vec::new() };
        let event = tx.put_budget_event(&payroll, what, at(1)).await.unwrap();
        assert_eq!(event.number, 2 * number - 1);
        tx.put_budget_event(&wages, BudgetMove::Renewed { loss: loss(1, 0) }, at(2)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.read("test").await.unwrap();
    let all = tx.budget_events(None, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|event| event.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let some = tx.budget_events(Some(&payroll), 1, 1).await.unwrap();
    assert_eq!(some.iter().map(|event| event.number).collect::<Vec<_>>(), [3]);
    assert_eq!(some[0], all[2]);
}

async fn an_answer_is_found_by_everything_that_makes_its_question(bed: &Bed) {
    let store = bed.open().await;
    let key = AnswerKey {
        agreement: id("urn:uuid:a1"),
        version: 2,
        question_sha256: "aa".into(),
        loss: loss(5, 1),
    };
    let mut tx = store.write("test").await.unwrap();
    tx.keep_answer(&key, "the first").await.unwrap();
    tx.keep_answer(&key, "of two asked at once").await.unwrap();
    assert_eq!(tx.kept_answer(&key).await.unwrap().as_deref(), Some("the first"));
    assert!(tx.is_answer_kept(&key).await.unwrap());
    for other in [
        AnswerKey { agreement: id("urn:uuid:a2"), ..key.clone() },
        AnswerKey { version: 3, ..key.clone() },
        AnswerKey { question_sha256: "ab".into(), ..key.clone() },
        AnswerKey { loss: loss(6, 1), ..key.clone() },
        AnswerKey { loss: loss(5, 0), ..key.clone() },
    ] {
        assert_eq!(tx.kept_answer(&other).await.unwrap(), None, "{other:?}");
        assert!(!tx.is_answer_kept(&other).await.unwrap(), "{other:?}");
    }
    // Those of former versions go, the oldest of too many too, and what is too long is never kept.
    let newer = AnswerKey { version: 3, ..key.clone() };
    tx.keep_answer(&newer, "of the new version").await.unwrap();
    assert_eq!(tx.kept_answer(&key).await.unwrap(), None);
    for number in 0..ANSWERS_KEPT_MAX {
        let key = AnswerKey { question_sha256: number.to_string(), ..newer.clone() };
        tx.keep_answer(&key, "one of many").await.unwrap();
    }
    assert_eq!(tx.kept_answer(&newer).await.unwrap(), None, "the oldest");
    let long = AnswerKey { question_sha256: "long".into(), ..newer };
    tx.keep_answer(&long, &"x".repeat(weal_store::ANSWER_KEPT_BYTES_MAX + 1)).await.unwrap();
    assert_eq!(tx.kept_answer(&long).await.unwrap(), None);
    tx.commit().await.unwrap();
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
