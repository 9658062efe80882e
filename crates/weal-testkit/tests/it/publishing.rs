//! Files that are not what they should be: a typed refusal, nothing published, and the node goes on.

use bytes::Bytes;
use reqwest::Method;
use weal_domain::catalogue::Mode;
use weal_node::api::{Inspect, MakeOffer, Publish};
use weal_node::fault::Error;
use weal_testkit::{Federation, MemberNode, open_terms, wire};

use crate::asking::local;

/// Uploads one file and has it inspected.
async fn inspected(
    node: &MemberNode,
    name: &str,
    bytes: Vec<u8>,
) -> Result<weal_node::api::Inspected, Error> {
    let house = node.house();
    let upload = house.begin_upload(&node.person).await?;
    let body = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    house.receive_file(&node.person, &upload, name, body).await?;
    house.inspect(&node.person, &upload, &Inspect::default()).await
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> weal_domain::Refusal {
    match outcome {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// Nothing published, nothing in the ledger, nothing on the disk but uploads.
async fn published(node: &MemberNode) -> (usize, u64, usize) {
    let products = node.house().own_products(0, 100).await.expect("products").len();
    let (_, size) = node.house().entries_newest(None, 1).await.expect("the ledger's size");
    let files = std::fs::read_dir(node.folder.products()).map_or(0, Iterator::count);
    (products, size, files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_files_are_refused_with_the_place_and_nothing_is_published() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let before = published(revenue).await;
    let mut unicode = b"a,b\n1,".to_vec();
    unicode.extend([0xff, 0xfe, b'\n']);
    for (name, bytes) in [
        ("empty.csv", Vec::new()),
        ("header.csv", b"a,b\n".to_vec()),
        ("ragged.csv", b"a,b\n1,2\n3\n4,5,6\n".to_vec()),
        ("quote.csv", b"a,b\n1,\"never ends\n2,3\n".to_vec()),
        ("twice.csv", b"a,a\n1,2\n".to_vec()),
        ("unicode.csv", unicode),
        ("cut.csv.gz", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]),
        ("nested.ndjson", b"{\"a\":{\"b\":1}}\n".to_vec()),
        ("deep.ndjson", [b"{\"a\":".to_vec(), b"[".repeat(200_000)].concat()),
        ("wrong.ndjson", b"{\"a\":1}\nnot json\n".to_vec()),
        ("garbage.parquet", b"PAR1 is not enough PAR1".to_vec()),
        (
            "lies.parquet",
            [b"PAR1".to_vec(), vec![0xff; 64], vec![0xff, 0xff, 0xff, 0x7f], b"PAR1".to_vec()].concat(),
        ),
        ("unknown.xlsx", b"PK\x03\x04".to_vec()),
    ] {
        let refusal = refusal(inspected(revenue, name, bytes).await);
        assert!(!refusal.code.is_empty() && !refusal.reason.is_empty(), "{name}: {refusal:?}");
        assert!(!refusal.reason.contains("/tmp"), "{name}: no paths of this machine: {refusal:?}");
        assert_eq!(published(revenue).await, before, "{name}");
    }
    // A type that changes in mid-file is not guessed around: the column is text, or the file refused.
    let mixed =
        format!("id,n\n{}x,not a number\n", (0..5_000).map(|n| format!("{n},{n}\n")).collect::<String>());
    if let Ok(found) = inspected(revenue, "mixed.csv", mixed.into_bytes()).await {
        assert!(found.columns.iter().all(|column| column.kind == weal_domain::catalogue::ColumnKind::Text));
        assert_eq!(found.rows, 5_001);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_owner_leaves_open_or_contradicts_is_refused_at_the_door() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let operator = revenue.operator_token();
    let codes: String = (0..40).map(|n| format!("K{n:03},{n}.5\n")).collect();
    let found =
        inspected(revenue, "codes.csv", format!("kood,palk\n{codes}").into_bytes()).await.expect("read");
    assert_eq!(found.may_identify, ["kood"]);
    assert!(found.reasons.iter().any(|reason| reason.contains("--subject none")), "{:?}", found.reasons);
    let name: weal_domain::catalogue::ProductName = "codes".parse().expect("a name");
    let rows = MakeOffer { product: name.clone(), mode: Mode::Extract, terms: open_terms() };
    let accepted = Publish {
        upload: found.upload,
        name,
        identifier: None,
        title: "Codes".into(),
        description: String::new(),
        keywords: Vec::new(),
        classification: found.classification,
        about_nobody: false,
        privacy: found.privacy,
        particulars: Default::default(),
        offers: vec![rows],
    };
    let publish = async |body: &Publish| {
        let body = serde_json::to_string(body).expect("JSON");
        wire::send(Method::POST, &local(revenue, "/products"), Some(&operator), &[], body).await
    };
    publish(&accepted).await.is_refused(400, "persons-unsettled");
    let stated = Publish { about_nobody: true, ..accepted };
    assert_eq!(publish(&stated).await.status, 200, "the owner has said so");

    let people: String = (0..40).map(|n| format!("{n},{n}\n")).collect();
    let found = inspected(revenue, "wages.csv", format!("person_id,wage\n{people}").into_bytes())
        .await
        .expect("read");
    assert!(found.may_identify.is_empty(), "a subject is proposed");
    let mut policy = found.privacy.expect("a policy");
    policy.question_loss_max = policy.question_loss_default.scaled_down(2);
    let contradicts = Publish {
        upload: found.upload,
        name: "wages".parse().expect("a name"),
        classification: found.classification,
        about_nobody: false,
        privacy: Some(policy),
        offers: Vec::new(),
        ..stated
    };
    publish(&contradicts).await.is_refused(400, "question-loss");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_full_disks_and_large_files_are_refused_and_the_node_goes_on() {
    let mut federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let before = published(revenue).await;

    // Names that would leave the upload's folder, or hide in it.
    let operator = revenue.operator_token();
    let upload = revenue.house().begin_upload(&revenue.person).await.expect("an upload");
    let long = "x".repeat(201);
    for name in [
        "..%2F..%2Fnode-key.pem",
        "%2Fetc%2Fpasswd",
        "..",
        ".hidden.csv",
        "a%5C..%5Cb.csv",
        "a%00b.csv",
        &long,
    ] {
        let url = local(revenue, &format!("/uploads/{upload}/{name}"));
        let reply = wire::send(Method::PUT, &url, Some(&operator), &[], "a,b\n1,2\n").await;
        assert!((400..=413).contains(&reply.status), "{name}: {reply:?}");
    }
    let key = std::fs::read_to_string(revenue.folder.key()).expect("the key");
    assert!(key.contains("PRIVATE KEY"), "the key is what it was");
    for id in ["..", "%2e%2e", "no-such-upload", "..%2F..%2F"] {
        let url = local(revenue, &format!("/uploads/{id}/a.csv"));
        let reply = wire::send(Method::PUT, &url, Some(&operator), &[], "a,b\n1,2\n").await;
        assert!((400..500).contains(&reply.status), "{id}: {reply:?}");
    }
    assert_eq!(published(revenue).await, before);

    // A disk that is full, at the door and while the product is made of it.
    let scratch = revenue.folder.scratch().join(&upload);
    std::os::unix::fs::symlink("/dev/full", scratch.join("files/full.csv")).expect("a link");
    let url = local(revenue, &format!("/uploads/{upload}/full.csv"));
    let csv = format!("a,b\n{}", "1,2\n".repeat(50_000));
    let reply = wire::send(Method::PUT, &url, Some(&operator), &[], csv).await;
    reply.is_refused(503, "disk-full");
    assert_eq!(published(revenue).await, before);

    // After all that a good file is published, and a file that is too large is not.
    revenue.publishes("regions", "region,n\nnorth,1\nsouth,2\n", vec![(Mode::Extract, open_terms())]).await;
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().limits.publish_bytes_max = 1_000;
    federation.member_mut("revenue").starts().await;
    let revenue = federation.member("revenue");
    let refusal = refusal(inspected(revenue, "large.csv", b"a,b\n".repeat(1_000)).await);
    assert_eq!(refusal.code, "file-too-large");
    assert_eq!(revenue.house().own_products(0, 100).await.expect("products").len(), 1);
}
