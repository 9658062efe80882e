//! Catalogues elsewhere: who may take them in, what they may say, where they show, and that nothing of them is lost.

use std::sync::Arc;

use futures::StreamExt as _;
use reqwest::Method;
use weal_domain::catalogue::{DatasetId, Mode, Query};
use weal_domain::identity::{Person, Role};
use weal_node::api::{Inspect, Publish, Published};
use weal_node::fault::Error;
use weal_testkit::{Federation, MemberNode, open_terms, wire};

const CITY: &str = r#"@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
<catalogue> a dcat:Catalog ; dct:title "City" ; dcat:dataset <trees>, <budget> .
<trees> a dcat:Dataset ; dct:title "Trees <b>of</b> the city" ; dct:description "Every oak." ;
  <urn:city:unheard-of> [ <urn:city:deep> "resin" ] .
<budget> a dcat:Dataset ; dct:title "Budget" ."#;

async fn puts(
    node: &MemberNode,
    name: &str,
    media_type: &str,
    body: impl Into<reqwest::Body>,
) -> wire::Reply {
    let base = "https%3A%2F%2Fcity.example%2F";
    let url = format!("{}/api/v1/catalogues?name={name}&base={base}", node.origin());
    let token = node.operator_token();
    wire::send(Method::PUT, &url, Some(&token), &[("content-type", media_type)], body).await
}

async fn found(node: &MemberNode, text: &str) -> (Vec<String>, u64) {
    let query = Query { text: text.into(), ..Query::default() };
    let found = node.house().search(&query, None, 10).await.expect("a search").elsewhere;
    (found.entries.into_iter().map(|entry| entry.title).collect(), found.total)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_elsewhere_is_found_printed_replaced_and_forgotten() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let token = revenue.operator_token();
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    let taken = puts(revenue, "city", "text/turtle; charset=utf-8", CITY).await;
    assert_eq!(
        (taken.status, taken.json()["entries"].as_u64(), taken.json()["triples"].as_u64()),
        (200, Some(2), Some(11))
    );

    assert_eq!(found(revenue, "oak").await, (vec!["Trees <b>of</b> the city".into()], 1));
    assert_eq!(found(revenue, "CITY").await.1, 2, "the name it has here is looked through too");
    assert_eq!(found(revenue, "regions").await.1, 0);
    let narrowed = Query { mode: Some(Mode::Extract), ..Query::default() };
    assert_eq!(revenue.house().search(&narrowed, None, 10).await.expect("a search").elsewhere.total, 0);
    revenue.house().entry_of(&"revenue.trees".parse().expect("a name")).await.expect_err("it is no product");

    for form in ["ttl", "jsonld"] {
        let printed = wire::get(&format!("{}/catalogue.{form}", revenue.origin()), None).await.text;
        for said in [
            "https://city.example/trees",
            "urn:city:deep",
            "resin",
            "https://city.example/catalogue",
            "regions",
        ] {
            assert!(printed.contains(said), "{said} is not in {form}: {printed}");
        }
    }
    let url = format!("{}/api/v1/catalogues/city", revenue.origin());
    let exported = wire::get(&url, Some(&token)).await;
    assert_eq!((exported.text.lines().count(), exported.media_type.as_str()), (11, "application/n-triples"));

    let less = CITY.lines().filter(|line| !line.contains("Budget")).collect::<Vec<_>>().join("\n");
    assert_eq!(puts(revenue, "city", "text/turtle", less).await.status, 200);
    assert_eq!(found(revenue, "").await.1, 1, "it takes its own place");
    let forgotten = wire::send(Method::DELETE, &url, Some(&token), &[], "").await;
    assert_eq!(forgotten.status, 204);
    wire::send(Method::DELETE, &url, Some(&token), &[], "").await.is_refused(404, "catalogue-unknown");
    wire::get(&url, Some(&token)).await.is_refused(404, "catalogue-unknown");
    assert_eq!(found(revenue, "").await.1, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_in_and_forgotten_is_in_the_ledger() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let newest = async || {
        let (entries, _) = revenue.house().entries_newest(None, 1).await.expect("entries");
        serde_json::to_value(&entries[0].1).expect("an entry")
    };
    assert_eq!(puts(revenue, "city", "text/turtle", CITY).await.status, 200);
    let entry = newest().await;
    assert_eq!(entry["fact"]["kind"], "catalogue_imported");
    assert_eq!((&entry["fact"]["catalogue"], &entry["fact"]["entries"]), (&"city".into(), &2.into()));
    assert_eq!(entry["fact"]["from"], "https://city.example/", "where it is from, as far as was said");
    let digest = entry["fact"]["content_sha256"].as_str().expect("a digest").to_owned();
    assert_eq!(digest.len(), 64);
    assert_eq!(entry["by"]["person"], revenue.house().pseudonym(&revenue.person));
    let role = entry["by"]["role"].clone();
    assert!(role.is_string(), "in the role in which it was done");

    // What opened an address is no matter of the ledger's.
    let from = "https%3A%2F%2Fada%3Asecret%40city.example%2Fcatalog.ttl";
    let url = format!("{}/api/v1/catalogues?name=city&from={from}", revenue.origin());
    let token = revenue.operator_token();
    let body = CITY.replace("<catalogue>", "<urn:city:catalogue>");
    let body = body.replace("<trees>", "<urn:city:trees>").replace("<budget>", "<urn:city:budget>");
    let again =
        wire::send(Method::PUT, &url, Some(&token), &[("content-type", "text/turtle")], body.clone()).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let entry = newest().await;
    assert_eq!(entry["fact"]["from"], "https://city.example/catalog.ttl");
    assert_ne!(entry["fact"]["content_sha256"], digest);
    let unseen = format!("{}/api/v1/catalogues?name=city&from=a%0Ab", revenue.origin());
    let refused =
        wire::send(Method::PUT, &unseen, Some(&token), &[("content-type", "text/turtle")], body).await;
    refused.is_refused(400, "from");

    let url = format!("{}/api/v1/catalogues/city", revenue.origin());
    assert_eq!(wire::send(Method::DELETE, &url, Some(&token), &[], "").await.status, 204);
    let forgotten = newest().await;
    assert_eq!(forgotten["fact"]["kind"], "catalogue_forgotten");
    for of in ["catalogue", "from", "content_sha256", "entries"] {
        assert_eq!(forgotten["fact"][of], entry["fact"][of], "{of}");
    }
    // Who forgets nothing leaves nothing.
    wire::send(Method::DELETE, &url, Some(&token), &[], "").await.is_refused(404, "catalogue-unknown");
    assert_eq!(newest().await, forgotten);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_elsewhere_says_nothing_of_ours_and_has_limits() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    let (did, origin) = (revenue.did(), revenue.origin());
    let dataset = |subject: &str| format!("<{subject}> a <http://www.w3.org/ns/dcat#Dataset> .");
    for ours in [
        did.to_string(),
        format!("{did}#regions"),
        format!("{did}#new/extract"),
        format!("{origin}/catalogue/x"),
    ] {
        puts(revenue, "evil", "text/turtle", dataset(&ours)).await.is_refused(400, "member-wrong");
    }
    // Only as far as its name goes: a neighbour's port begins with the same letters.
    assert_eq!(puts(revenue, "neighbour", "text/turtle", dataset(&format!("{origin}0/x"))).await.status, 200);
    assert_eq!(
        puts(revenue, "held", "text/turtle", dataset("https://data.example/holidays")).await.status,
        200
    );

    puts(revenue, "x", "application/rdf+xml", "<x/>").await.is_refused(400, "form-unknown");
    puts(revenue, "x", "text/turtle", "no Turtle").await.is_refused(400, "document-unreadable");
    puts(revenue, "x", "text/turtle", "<urn:a> <urn:b> <urn:c> .").await.is_refused(400, "no-datasets");
    puts(revenue, "", "text/turtle", CITY).await.is_refused(400, "name");
    let remote = r#"{"@context": "http://127.0.0.1:1/context.jsonld", "@id": "urn:x"}"#;
    puts(revenue, "x", "application/ld+json", remote).await.is_refused(400, "member-wrong");
    let long = " ".repeat(weal_wire::dcat::FOREIGN_BYTES_MAX + 1);
    puts(revenue, "x", "text/turtle", long).await.is_refused(413, "catalogue-too-large");
    let mebibytes = format!("{CITY}\n#{}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(puts(revenue, "city", "text/turtle", mebibytes).await.status, 200, "larger than other bodies");

    let nodes = vec!["{\"@context\": {}}"; 30_000].join(",");
    let terms: Vec<String> = (0..30_000).map(|n| format!("\"t{n}\":\"urn:t{n}\"")).collect();
    let contexts = format!("{{\"@context\": {{{}}}, \"@graph\": [{nodes}]}}", terms.join(","));
    puts(revenue, "x", "application/ld+json", contexts).await.is_refused(413, "document-too-many");

    let ben = Person {
        account: "ben".parse().expect("a name"),
        display_name: "Ben".into(),
        roles: vec![Role::Analyst],
    };
    let forgotten = revenue.house().forget_catalogue(&ben, "city").await;
    assert!(matches!(forgotten, Err(Error::Refused(refusal)) if refusal.code == "role-missing"));
}

async fn publishes_as(node: &MemberNode, name: &str, identifier: &str) -> Result<Published, Error> {
    let house = node.house();
    let upload = house.begin_upload(&node.person).await?;
    let csv = bytes::Bytes::from("region,inhabitants\nnorth,12\nsouth,34\n");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(csv)]);
    house.receive_file(&node.person, &upload, "a.csv", body).await?;
    let inspected = house.inspect(&node.person, &upload, &Inspect::default()).await?;
    let publish = Publish {
        upload,
        name: name.parse().expect("a product name"),
        identifier: Some(DatasetId::new(identifier).expect("an identifier")),
        title: name.to_owned(),
        description: String::new(),
        keywords: Vec::new(),
        classification: inspected.classification,
        about_nobody: false,
        privacy: inspected.privacy,
        particulars: Default::default(),
        offers: Vec::new(),
    };
    house.publish(&node.person, publish).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_elsewhere_speaks_about_parts_of_what_is_ours() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    publishes_as(revenue, "holidays", "https://data.example/holidays").await.expect("published");
    let offer = revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    let said = |subject: &str| {
        format!(
            "<urn:d> a <http://www.w3.org/ns/dcat#Dataset> .
             <{subject}> <http://www.w3.org/ns/dcat#accessURL> <https://evil.example/> ."
        )
    };
    for ours in [
        "https://data.example/holidays".to_owned(),
        "https://data.example/holidays/extract".to_owned(),
        "https://data.example/holidays/contact".to_owned(),
        format!("{offer}#permission-1"),
    ] {
        puts(revenue, "evil", "text/turtle", said(&ours)).await.is_refused(400, "member-wrong");
    }
    // The other way round: what they describe already, or a part of it, becomes none of ours.
    for (name, theirs) in [("a", "https://data.example/schools/extract"), ("b", "https://data.example/lakes")]
    {
        assert_eq!(puts(revenue, name, "text/turtle", said(theirs)).await.status, 200);
    }
    for taken in ["https://data.example/schools", "https://data.example/lakes", "urn:d"] {
        let refused = publishes_as(revenue, "schools", taken).await;
        assert!(
            matches!(&refused, Err(Error::Refused(refusal)) if refusal.code == "identifier-taken"),
            "{taken}: {refused:?}"
        );
    }
    publishes_as(revenue, "schools", "https://data.example/school").await.expect("another's letters only");
    publishes_as(revenue, "holidays", "https://data.example/holidays").await.expect("its own, again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replaced_while_it_is_read_breaks_off() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house: &Arc<_> = revenue.house();
    let datasets: Vec<String> = (0..40)
        .map(|n| format!("<urn:d{n}> a <http://www.w3.org/ns/dcat#Dataset> ; <urn:p> \"{n}\" ."))
        .collect();
    let text = datasets.join("\n");
    assert_eq!(puts(revenue, "city", "text/turtle", text.clone()).await.status, 200);

    let mut whole = Box::pin(house.exported_catalogue("city").await.expect("it is known"));
    let mut lines = 0;
    while let Some(piece) = whole.next().await {
        lines += piece.expect("it is read").lines().count();
    }
    assert_eq!(lines, 80);
    let mut export = Box::pin(house.exported_catalogue("city").await.expect("it is known"));
    let mut harvest = Box::pin(house.harvested(weal_wire::dcat::Form::Turtle));
    export.next().await.expect("a piece").expect("it is read");
    while let Some(piece) = harvest.next().await {
        // As far as the first of what is elsewhere.
        if piece.expect("it is read").contains("<urn:d0>") {
            break;
        }
    }
    assert_eq!(puts(revenue, "city", "text/turtle", text.replace("<urn:p>", "<urn:q>")).await.status, 200);
    let (exported, harvested): (Vec<_>, Vec<_>) = (export.collect().await, harvest.collect().await);
    assert!(exported.last().is_some_and(Result::is_err), "the halves of two catalogues pass for none");
    assert!(harvested.last().is_some_and(Result::is_err));
    for piece in exported.iter().chain(&harvested).flatten() {
        assert!(!piece.contains("<urn:q>"), "{piece}");
    }
}
