//! Files on their way to becoming a product: whose they are, and how much of them there may be.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use weal_domain::identity::{Person, Role};
use weal_node::api::Inspect;
use weal_node::fault::Error;
use weal_testkit::{Federation, MemberNode};

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// `chunks` chunks of 1,000 bytes, with a pause after each.
fn body(chunks: usize) -> Body {
    let chunk = || Ok(Bytes::from(format!("{}\n", "x".repeat(999))));
    Box::pin(futures::stream::iter(0..chunks).then(move |_| async move {
        tokio::task::yield_now().await;
        chunk()
    }))
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: &str) {
    match outcome {
        Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{refusal:?}"),
        other => panic!("not refused as {code}: {other:?}"),
    }
}

fn files_of(node: &MemberNode, upload: &str) -> usize {
    let folder = node.folder.scratch().join(upload).join("files");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_arrive_at_once_share_one_limit_and_what_is_refused_is_gone() {
    let mut federation = Federation::of(&["revenue"]).await;
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().limits.publish_bytes_max = 10_000;
    federation.member_mut("revenue").starts().await;
    let revenue = federation.member("revenue");
    let (house, by) = (revenue.house(), &revenue.person);
    let upload = house.begin_upload(by).await.expect("begun");
    let send = async |name: &str, chunks: usize| house.receive_file(by, &upload, name, body(chunks)).await;
    let (first, second) = tokio::join!(send("a.csv", 7), send("b.csv", 7));
    let kept = [first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count();
    assert!(kept <= 1, "14,000 bytes do not fit into 10,000");
    for outcome in [first, second].into_iter().filter(Result::is_err) {
        refused(outcome, "file-too-large");
    }
    assert_eq!(files_of(revenue, &upload), kept, "what was refused does not stay on the disk");

    let fresh = house.begin_upload(by).await.expect("begun");
    refused(house.receive_file(by, &fresh, "large.csv", body(11)).await, "file-too-large");
    house.receive_file(by, &fresh, "large.csv", body(9)).await.expect("what was refused is not counted");
    refused(house.receive_file(by, &fresh, "large.csv", body(1)).await, "file-twice");
    // A sender that goes away leaves nothing.
    let endless: Body = Box::pin(body(1).chain(futures::stream::pending()));
    let gone = tokio::time::timeout(
        std::time::Duration::from_secs(2),
        house.receive_file(by, &fresh, "gone.csv", endless),
    );
    assert!(gone.await.is_err());
    assert_eq!(files_of(revenue, &fresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_its_senders_and_the_oldest_makes_room() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let (house, by) = (revenue.house(), &revenue.person);
    let other = Person {
        account: "sam".parse().expect("a name"),
        display_name: "Sam".into(),
        roles: vec![Role::Steward],
    };
    let other = house.add_person(by, other, "correct horse battery").await.expect("added");
    let upload = house.begin_upload(by).await.expect("begun");
    house.receive_file(by, &upload, "a.csv", body(1)).await.expect("received");
    refused(house.receive_file(&other, &upload, "b.csv", body(1)).await, "upload-unknown");
    refused(house.inspect(&other, &upload, &Inspect::default()).await, "upload-unknown");

    let mut later = Vec::new();
    for _ in 0..15 {
        later.push(house.begin_upload(by).await.expect("begun"));
    }
    house.receive_file(by, &upload, "c.csv", body(1)).await.expect("sixteen are kept");
    later.push(house.begin_upload(by).await.expect("begun"));
    refused(house.receive_file(by, &upload, "d.csv", body(1)).await, "upload-unknown");
    for upload in &later {
        house.receive_file(by, upload, "a.csv", body(1)).await.expect("only the oldest made room");
    }
}
