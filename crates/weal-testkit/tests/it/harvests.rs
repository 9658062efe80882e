//! The catalogue as others read it: whole, however long, and without those who are suspended.

use std::time::{Duration, Instant};

use weal_domain::catalogue::{Mode, Query};
use weal_domain::governance::Standing;
use weal_testkit::{Federation, MemberNode, open_terms, wire};

async fn until_standing(node: &MemberNode, of: &MemberNode, standing: Standing) {
    let began = Instant::now();
    while node.house().ecosystem().standing(&of.did()) != Some(standing) {
        assert!(began.elapsed() < Duration::from_secs(60), "{} never heard of it", node.name);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn seen(node: &MemberNode) -> u64 {
    node.house().search(&Query::default(), None, 10).await.expect("found").total
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_suspended_leaves_the_catalogue_at_once_and_comes_back() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (council, revenue, education) =
        (federation.member("council"), federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.offers_on_paper("schools", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    assert_eq!(seen(education).await, 2);
    let did = revenue.did();
    let reason = Some("Audit.".to_owned());
    council
        .house()
        .set_standing(&council.person, &did, Standing::Suspended, reason)
        .await
        .expect("suspended");
    until_standing(education, revenue, Standing::Suspended).await;
    assert_eq!(seen(education).await, 1, "only its own");
    education.house().entry_of(&"revenue.regions".parse().expect("a name")).await.expect_err("it is gone");

    council.house().set_standing(&council.person, &did, Standing::Good, None).await.expect("restored");
    until_standing(education, revenue, Standing::Good).await;
    assert_eq!(seen(education).await, 2, "without another look around");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_catalogue_is_harvested_whole_in_both_forms() {
    const PRODUCTS: usize = 120;
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    for number in 0..PRODUCTS {
        revenue.offers_on_paper(&format!("regions_{number}"), Mode::Extract, open_terms()).await;
    }
    let turtle = wire::get(&format!("{}/catalogue.ttl", revenue.origin()), None).await;
    assert_eq!((turtle.status, turtle.media_type.as_str()), (200, "text/turtle; charset=utf-8"));
    assert_eq!(turtle.text.matches("a dcat:Dataset ;").count(), PRODUCTS);
    let json_ld = wire::get(&format!("{}/catalogue.jsonld", revenue.origin()), None).await;
    assert_eq!((json_ld.status, json_ld.media_type.as_str()), (200, "application/ld+json"));
    let document = json_ld.json();
    let nodes = document["@graph"].as_array().expect("a graph");
    let datasets = nodes.iter().filter(|node| node["@type"][0] == "dcat:Dataset").count();
    assert_eq!(datasets, PRODUCTS);
}
