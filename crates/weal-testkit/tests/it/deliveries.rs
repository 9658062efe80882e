//! Messages for a peer that is gone: they cost little, keep nobody else's waiting, and go when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use weal_domain::agreements::NegotiationState;
use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms};

/// More than one peer may have on its way at once, and more than are taken together.
const REQUESTS: usize = 24;
/// What is taken for a peer together may come on top of all places but one.
const ON_THE_WAY_MAX: usize = 15;

/// Takes every connection and says nothing, as a machine does whose program hangs.
fn hangs(listener: TcpListener) -> (Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    (taken, task)
}

async fn finalized(node: &MemberNode) -> usize {
    let mut tx = node.house().store.read("testkit").await.expect("a look");
    let all = tx.negotiations(1_000).await.expect("negotiations");
    all.into_iter().filter(|(one, _)| one.state == NegotiationState::Finalized).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_hangs_takes_its_own_places_only_and_gets_everything_when_it_is_back() {
    let mut federation = Federation::of(&["revenue", "employment", "education"]).await;
    for number in 0..REQUESTS {
        let name = format!("regions{number}");
        federation.member("revenue").offers_on_paper(&name, Mode::Extract, open_terms()).await;
    }
    federation.member("employment").offers_on_paper("offices", Mode::Extract, open_terms()).await;
    federation.member("education").looks_around().await;

    let address = federation.member("revenue").origin().replace("http://", "");
    federation.member_mut("revenue").stops().await;
    let (taken, hanging) =
        hangs(TcpListener::bind(&address).await.expect("the port of the node that stopped"));
    for number in 0..REQUESTS {
        let product = format!("revenue.regions{number}");
        let asked = federation.member("education").requests(&product, Mode::Extract);
        let _waiting = asked.without_waiting(FRAUD).await.waits();
    }
    let live = federation.member("education").requests("employment.offices", Mode::Extract);
    let _agreement = live.for_purpose(FRAUD).await.is_agreed();
    let on_the_way = taken.load(Ordering::SeqCst);
    assert!((1..=ON_THE_WAY_MAX).contains(&on_the_way), "connections to the peer that hangs: {on_the_way}");

    hanging.abort();
    assert!(hanging.await.is_err_and(|cause| cause.is_cancelled()));
    federation.member_mut("revenue").starts().await;
    let began = Instant::now();
    while finalized(federation.member("education")).await < REQUESTS + 1 {
        assert!(began.elapsed() < Duration::from_secs(120), "not everything went out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
