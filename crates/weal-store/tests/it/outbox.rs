use std::collections::BTreeSet;

use weal_store::{NewJob, Take, Tx};

use crate::bed::{Bed, on_both};
use crate::samples::at;

on_both!(
    a_job_waits_is_leased_and_done,
    the_same_job_never_waits_twice,
    a_job_is_given_to_one_driver,
    an_unreadable_job_stops_no_other,
    no_peer_takes_the_places_of_the_others,
    a_peer_that_cannot_be_reached_rests_and_is_woken
);

async fn enqueue(tx: &mut Tx, key: &str, peer: &str, due: i64) -> Option<u64> {
    tx.enqueue(NewJob { kind: "dsp", key, peer, body: &key, due_at: at(due) }).await.unwrap()
}

fn up_to(jobs: u32) -> Take<'static> {
    Take { jobs_max: jobs, jobs_per_peer_max: jobs, busy: &[] }
}

async fn a_job_waits_is_leased_and_done(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.next_due_at(&[]).await.unwrap(), None);
    enqueue(&mut tx, "later", "did:web:b.example", 100).await.unwrap();
    let first = enqueue(&mut tx, "now", "did:web:a.example", 10).await.unwrap();
    assert_eq!(tx.next_due_at(&[]).await.unwrap(), Some(at(10)));
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    assert!(tx.due::<String>(at(9), at(40), up_to(10)).await.unwrap().is_empty());
    let due = tx.due::<String>(at(10), at(40), up_to(10)).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].id, due[0].body.as_str(), due[0].attempts), (first, "now", 1));
    assert!(tx.due::<String>(at(11), at(41), up_to(10)).await.unwrap().is_empty(), "it is leased");
    assert_eq!(tx.next_due_at(&[]).await.unwrap(), Some(at(40)), "the lease ends");
    // Its driver died: another one gets it.
    assert_eq!(tx.due::<String>(at(40), at(70), up_to(10)).await.unwrap()[0].attempts, 2);
    tx.failed(first, "connection refused", at(90)).await.unwrap();
    assert_eq!(tx.next_due_at(&[]).await.unwrap(), Some(at(90)));
    assert_eq!(
        tx.pending().await.unwrap(),
        [("did:web:a.example".into(), 1), ("did:web:b.example".into(), 1)]
    );
    tx.done(first).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    let later = tx.due::<String>(at(500), at(600), up_to(10)).await.unwrap();
    assert_eq!(later.iter().map(|job| job.body.as_str()).collect::<Vec<_>>(), ["later"]);
    tx.give_up(later[0].id, "refused for good").await.unwrap();
    assert_eq!(tx.next_due_at(&[]).await.unwrap(), None);
    let given_up = tx.given_up(5).await.unwrap();
    assert_eq!(given_up, [("dsp".into(), "later".into(), "refused for good".into())]);
    tx.commit().await.unwrap();
}

async fn the_same_job_never_waits_twice(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let first = enqueue(&mut tx, "key", "p", 1).await.unwrap();
    assert_eq!(enqueue(&mut tx, "key", "p", 1).await, None);
    tx.give_up(first, "no").await.unwrap();
    let revived = enqueue(&mut tx, "key", "p", 1).await.unwrap();
    assert!(revived > first);
    // What the old driver says of its job means nothing for the new one.
    tx.done(first).await.unwrap();
    assert_eq!(tx.due::<String>(at(1), at(2), up_to(5)).await.unwrap()[0].id, revived);
    tx.done(revived).await.unwrap();
    assert!(enqueue(&mut tx, "key", "p", 1).await.unwrap() > revived, "ids are never used again");
    tx.commit().await.unwrap();
}

async fn a_job_is_given_to_one_driver(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    for number in 0..20 {
        enqueue(&mut tx, &format!("job {number}"), "p", number).await.unwrap();
    }
    tx.commit().await.unwrap();
    let drivers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let mut tx = store.write("test").await.unwrap();
                    let jobs = tx.due::<String>(at(100), at(200), up_to(3)).await.unwrap();
                    tx.commit().await.unwrap();
                    if jobs.is_empty() {
                        return mine;
                    }
                    assert!(jobs.is_sorted_by_key(|job| job.id));
                    mine.extend(jobs.into_iter().map(|job| job.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for driver in drivers {
        all.extend(driver.await.unwrap());
    }
    assert_eq!(all.len(), 20);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 20);
}

async fn an_unreadable_job_stops_no_other(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    enqueue(&mut tx, "bad", "p", 1).await.unwrap();
    enqueue(&mut tx, "good", "p", 2).await.unwrap();
    tx.commit().await.unwrap();
    bed.meddle("UPDATE job SET body = '{' WHERE job_key = 'bad'").await;
    let mut tx = store.write("test").await.unwrap();
    let due = tx.due::<String>(at(5), at(9), up_to(10)).await.unwrap();
    assert_eq!(due.iter().map(|job| job.body.as_str()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(tx.given_up(5).await.unwrap()[0].1, "bad");
    tx.commit().await.unwrap();
}

async fn no_peer_takes_the_places_of_the_others(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    for number in 0..30 {
        enqueue(&mut tx, &format!("dead {number}"), "dead", number).await.unwrap();
    }
    enqueue(&mut tx, "live", "live", 50).await.unwrap();
    let keys = |jobs: Vec<weal_store::Job<String>>| jobs.into_iter().map(|job| job.key).collect::<Vec<_>>();
    let take = Take { jobs_max: 10, jobs_per_peer_max: 2, busy: &[] };
    assert_eq!(keys(tx.due(at(100), at(200), take).await.unwrap()), ["dead 0", "dead 1", "live"]);

    let busy = ["dead".to_owned(), "somebody%3A7001".to_owned()];
    assert_eq!(tx.next_due_at(&busy).await.unwrap(), Some(at(200)), "the lease of the live one");
    let take = Take { jobs_max: 10, jobs_per_peer_max: 2, busy: &busy };
    assert!(tx.due::<String>(at(100), at(200), take).await.unwrap().is_empty());
    tx.commit().await.unwrap();
}

async fn a_peer_that_cannot_be_reached_rests_and_is_woken(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    for key in ["first", "second", "third"] {
        enqueue(&mut tx, key, "dead", 1).await.unwrap();
    }
    enqueue(&mut tx, "other", "live", 1).await.unwrap();
    let take = Take { jobs_max: 1, jobs_per_peer_max: 1, busy: &[] };
    let first = &tx.due::<String>(at(5), at(65), take).await.unwrap()[0];
    tx.failed(first.id, "connection refused", at(20)).await.unwrap();
    assert_eq!(
        tx.rest("dead", at(5), at(10), "connection refused").await.unwrap(),
        2,
        "not what waits longer"
    );
    let due = tx.due::<String>(at(6), at(66), up_to(9)).await.unwrap();
    assert_eq!(due.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["other"]);

    // One is on its way when the peer answers again: it is not sent twice at once.
    let second = &tx.due::<String>(at(11), at(71), take).await.unwrap()[0];
    assert_eq!(second.key, "second");
    assert_eq!(tx.wake_peer("dead", at(12)).await.unwrap(), 1, "the third is due already");
    let due = tx.due::<String>(at(12), at(72), up_to(9)).await.unwrap();
    assert_eq!(due.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["first", "third"]);
    tx.commit().await.unwrap();
}
