//! DID documents: fetched once for many, and never without limit for callers who proved nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_node::peers::{Age, Asker, Documents, Fetched, STRANGERS_PER_MINUTE_MAX};
use weal_trust::did::DidDocument;
use weal_trust::keys::NodeKey;

fn did(name: &str) -> Did {
    Did::new(format!("did:web:{name}.example")).expect("a DID")
}

fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_020 + s).expect("a time")
}

fn document(did: &Did) -> Fetched {
    let key = NodeKey::from_seed(&[1; 32]).public();
    Ok(Arc::new(DidDocument::new(did.as_str(), &[("key-1", key)], Vec::new())))
}

fn down() -> Fetched {
    Err(Refusal::new(RefusalKind::Unavailable, "peer-unavailable", "It is down."))
}

/// A web whose servers answer as they are told, slowly, and count who comes.
#[derive(Default)]
struct Web(AtomicUsize);

impl Web {
    async fn serve(&self, answer: Fetched) -> Fetched {
        self.serve_after(Duration::from_millis(30), answer).await
    }
    async fn serve_after(&self, time: Duration, answer: Fetched) -> Fetched {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(time).await;
        answer
    }
    fn fetched(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn however_many_ask_at_once_a_document_is_fetched_once() {
    let (documents, web, peer) = (Documents::default(), Web::default(), did("peer"));
    let ask = |answer: Fetched| documents.get(&peer, Asker::Member, Age::Fresh, at(0), || web.serve(answer));
    let answers = join_all((0..100).map(|_| ask(document(&peer)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(web.fetched(), 1);
    let other = did("other");
    let failing = join_all(
        (0..100).map(|_| documents.get(&other, Asker::Member, Age::Fresh, at(0), || web.serve(down()))),
    );
    assert!(failing.await.iter().all(Result::is_err));
    assert_eq!(web.fetched(), 2, "a failure is shared too");
}

#[tokio::test]
async fn who_hangs_up_does_not_take_the_fetch_from_those_who_wait() {
    let (documents, web, peer) = (Documents::default(), Web::default(), did("peer"));
    // Nothing comes before the first has hung up, however late a busy machine lets it.
    let hung_up = tokio::sync::Notify::new();
    let fetch = || async {
        hung_up.notified().await;
        web.serve(document(&peer)).await
    };
    let ask = || documents.get(&peer, Asker::Member, Age::Fresh, at(0), fetch);
    let hangs_up = async {
        let heard = tokio::time::timeout(Duration::from_millis(5), ask()).await;
        hung_up.notify_one();
        heard
    };
    let (first, second) = tokio::join!(hangs_up, ask());
    assert!(first.is_err() && second.is_ok());
}

#[tokio::test]
async fn a_failure_is_believed_for_a_moment_by_callers_and_not_by_our_own_acts() {
    let (documents, web, peer) = (Documents::default(), Web::default(), did("peer"));
    let ask =
        |asker, s, answer: Fetched| documents.get(&peer, asker, Age::Fresh, at(s), || web.serve(answer));
    assert!(ask(Asker::Member, 0, down()).await.is_err());
    for _ in 0..50 {
        assert!(ask(Asker::Member, 2, document(&peer)).await.is_err());
    }
    assert_eq!(web.fetched(), 1, "nobody was asked again");
    assert!(ask(Asker::Member, 10, down()).await.is_err());
    assert_eq!(web.fetched(), 2, "some seconds later somebody was");
    assert!(ask(Asker::Ourselves, 10, document(&peer)).await.is_ok());
    assert!(ask(Asker::Member, 11, down()).await.is_ok(), "and what came is held");
    assert!(ask(Asker::Member, 309, down()).await.is_ok());
    assert!(ask(Asker::Member, 311, down()).await.is_err(), "for its time");
}

#[tokio::test]
async fn a_key_nobody_has_does_not_make_us_fetch_again_and_again() {
    let (documents, web, peer) = (Documents::default(), Web::default(), did("peer"));
    let ask = |age, s, answer: Fetched| documents.get(&peer, Asker::Member, age, at(s), || web.serve(answer));
    assert!(ask(Age::Fresh, 0, document(&peer)).await.is_ok());
    for s in 0..30 {
        assert!(ask(Age::Again, s, document(&peer)).await.is_ok());
    }
    assert_eq!(web.fetched(), 1);
    assert!(ask(Age::Again, 31, down()).await.is_err(), "after a while it is looked up once more");
    assert_eq!(web.fetched(), 2);
    assert!(ask(Age::Again, 32, document(&peer)).await.is_err());
    assert_eq!(web.fetched(), 2);
    assert!(ask(Age::Fresh, 33, down()).await.is_ok(), "what is held stays good for its time");
}

#[tokio::test]
async fn for_strangers_only_so_many_at_once_and_in_a_minute_and_members_never_wait_for_them() {
    let (documents, web) = (Documents::default(), Web::default());
    let strangers: Vec<Did> = (0..200).map(|number| did(&format!("stranger-{number}"))).collect();
    let ask = |peer, asker, s| documents.get(peer, asker, Age::Fresh, at(s), || web.serve(document(peer)));
    let member = did("member");
    // So slowly that all of them have asked before the first is answered.
    const SLOW: Duration = Duration::from_secs(1);
    let ask_slowly =
        |peer, asker| documents.get(peer, asker, Age::Fresh, at(0), || web.serve_after(SLOW, document(peer)));
    let (answers, served) = tokio::join!(
        join_all(strangers.iter().map(|peer| ask_slowly(peer, Asker::Stranger))),
        ask_slowly(&member, Asker::Member)
    );
    assert!(served.is_ok());
    let refused: Vec<&Refusal> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(refused.iter().all(|refusal| refusal.code == "too-many-strangers"));
    assert_eq!(web.fetched(), 1 + 200 - refused.len());
    assert!(web.fetched() <= 5, "{} at once", web.fetched());

    let mut served = 0;
    for peer in &strangers {
        served += usize::from(ask(peer, Asker::Stranger, 1).await.is_ok());
    }
    assert!(web.fetched() <= 1 + STRANGERS_PER_MINUTE_MAX as usize, "{} in a minute", web.fetched());
    assert!((4..200).contains(&served));
    let (late, another) = (did("late"), did("another-member"));
    assert!(ask(&another, Asker::Member, 1).await.is_ok());
    assert!(ask(&late, Asker::Stranger, 70).await.is_ok(), "the next minute is a new one");
}
