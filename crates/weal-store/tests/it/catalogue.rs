use std::collections::BTreeSet;

use weal_domain::catalogue::{CatalogueEntry, Holder, Known, Query, Slice};
use weal_store::{LookRead, StoredProduct, Tx};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, offer, product};

on_both!(
    products_keep_their_versions,
    offers_climb_the_ladder,
    only_what_changed_of_a_peers_catalogue_is_written,
    how_fresh_a_copy_is_and_why_not,
    own_products_are_found_as_they_are
);

async fn products_keep_their_versions(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    for version in [1, 2] {
        let stored = StoredProduct {
            product: product("payroll", version),
            path: format!("products/payroll/{version}.parquet"),
            content_sha256: "ab".repeat(32),
        };
        tx.put_product(&stored).await.unwrap();
    }
    let stored =
        StoredProduct { product: product("claims", 1), path: "c".into(), content_sha256: "cd".into() };
    tx.put_product(&stored).await.unwrap();
    let mut again = stored.clone();
    again.product.title = "Apprenticeship claims".into();
    tx.put_product(&again).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.read("test").await.unwrap();
    let newest = tx.product(&id("payroll")).await.unwrap().unwrap();
    assert_eq!(newest.product, product("payroll", 2));
    assert_eq!(newest.path, "products/payroll/2.parquet");
    let names: Vec<_> = tx
        .products()
        .await
        .unwrap()
        .iter()
        .map(|p| (p.product.name.to_string(), p.product.version))
        .collect();
    assert_eq!(names, [("claims".into(), 1), ("payroll".into(), 2)]);
    assert_eq!(tx.product(&id("claims")).await.unwrap().unwrap(), again);
    assert_eq!(tx.product_versions(&id("payroll")).await.unwrap().len(), 2);
    assert!(tx.product(&id("nothing")).await.unwrap().is_none());
}

async fn offers_climb_the_ladder(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_offer(&offer("urn:uuid:1", "payroll", "extract")).await.unwrap();
    tx.put_offer(&offer("urn:uuid:2", "payroll", "metadata")).await.unwrap();
    tx.put_offer(&offer("urn:uuid:3", "claims", "lookup")).await.unwrap();
    let mut withdrawn = offer("urn:uuid:1", "payroll", "extract");
    withdrawn.withdrawn_at = Some(at(60));
    tx.put_offer(&withdrawn).await.unwrap();

    let all: Vec<_> = tx.offers().await.unwrap().into_iter().map(|offer| offer.id.to_string()).collect();
    assert_eq!(all, ["urn:uuid:3", "urn:uuid:2", "urn:uuid:1"]);
    assert_eq!(tx.offers_of(&id("payroll")).await.unwrap().len(), 2);
    assert_eq!(tx.offer(&id("urn:uuid:1")).await.unwrap(), Some(withdrawn));
    assert_eq!(tx.offer(&id("urn:uuid:9")).await.unwrap(), None);
    tx.commit().await.unwrap();
}

const NOBODY_ELSE: Slice = Slice { after: None, skip: 0, take: 10 };

fn entry(peer: &str, name: &str, title: &str) -> CatalogueEntry {
    let mut product = product(name, 1);
    product.title = title.into();
    let did = did(peer);
    let offers = [offer("urn:uuid:1", name, "extract")];
    let member = id(peer);
    CatalogueEntry::of(&product, &offers, Holder { member: &member, title: "Example", did: &did }, at(0))
}

fn known(peers: &[&str]) -> Vec<Known> {
    peers.iter().map(|peer| Known { did: did(peer), name: id(peer) }).collect()
}

async fn found(tx: &mut Tx, text: &str, peers: &[&str]) -> Vec<String> {
    let query = Query { text: text.into(), ..Query::default() };
    let hits = tx.find(&query, &known(peers), NOBODY_ELSE).await.unwrap();
    let mut names = Vec::new();
    for hit in &hits.found {
        names.push(tx.entry_numbered(hit.number).await.unwrap().unwrap().product.to_string());
    }
    assert_eq!(hits.total, names.len() as u64);
    names
}

async fn only_what_changed_of_a_peers_catalogue_is_written(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let (a, b) = (did("a"), did("b"));
    let entries =
        [entry("a", "roads", "Roads"), entry("a", "rivers", "Rivers"), entry("a", "lakes", "Lakes")];
    let first = tx.put_entries(&a, &entries).await.unwrap();
    assert_eq!((first.changed, first.numbers.len()), (3, 3));
    tx.put_entries(&b, &[entry("b", "roads", "Roads of b")]).await.unwrap();
    assert_eq!(found(&mut tx, "roads", &["a", "b"]).await, ["roads", "roads"]);

    let mut again = entries.to_vec();
    again[1].title = "Streams".into();
    again[0].fetched_at = at(99);
    let second = tx.put_entries(&a, &again[..2]).await.unwrap();
    assert_eq!((second.changed, second.numbers), (1, first.numbers[..2].to_vec()), "numbers stay");
    assert!(found(&mut tx, "lake strea", &["a", "b"]).await.is_empty());
    assert_eq!(found(&mut tx, "strea", &["a", "b"]).await, ["rivers"], "the name is still the old one");
    assert_eq!(found(&mut tx, "strems", &["a", "b"]).await, ["rivers"], "a slip");
    let kept = first.numbers[..2].iter().copied().collect();
    assert_eq!(tx.remove_entries_but(&a, &kept, 100).await.unwrap(), 1);
    assert!(found(&mut tx, "lakes", &["a", "b"]).await.is_empty());
    assert_eq!(found(&mut tx, "roads", &["b"]).await, ["roads"], "only of those who are looked at");
    assert_eq!(tx.entry_peers().await.unwrap(), [a.clone(), b.clone()]);
    assert_eq!(tx.entries_total(&a).await.unwrap(), 2);
    let seen = tx.entry_of_dataset(&b, "did:web:b.example#roads").await.unwrap().unwrap();
    assert_eq!(seen.title, "Roads of b");

    assert_eq!(tx.remove_entries_but(&a, &BTreeSet::new(), 1).await.unwrap(), 1, "some at a time");
    assert_eq!(tx.remove_entries_but(&a, &BTreeSet::new(), 9).await.unwrap(), 1);
    assert_eq!(tx.entry_peers().await.unwrap(), [b]);
    tx.commit().await.unwrap();
}

async fn how_fresh_a_copy_is_and_why_not(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let (a, b) = (did("a"), did("b"));
    let read =
        LookRead { title: "A", etag: Some("W/\"one\""), entries: 3, passed_over: 1, has_changed: true };
    tx.peer_read(&a, read, at(1), at(301)).await.unwrap();
    tx.peer_failed(&b, "cannot be reached", at(2), at(12)).await.unwrap();
    tx.peer_failed(&b, "cannot be reached", at(12), at(32)).await.unwrap();
    tx.peer_unchanged(&a, at(301), at(601)).await.unwrap();
    tx.peer_failed(&a, "broke off", at(601), at(611)).await.unwrap();
    tx.put_entries(&a, &[entry("a", "roads", "Roads")]).await.unwrap();
    let roads = tx.entry_of_product(&a, &id("roads")).await.unwrap().unwrap();
    assert_eq!(roads.fetched_at, at(301), "as old as the last word of its owner");

    let fresh = tx.peer_freshness().await.unwrap();
    assert_eq!((fresh[0].heard_at, fresh[0].changed_at), (Some(at(301)), Some(at(1))));
    assert_eq!((fresh[0].entries, fresh[0].passed_over, fresh[0].failures), (3, 1, 1));
    assert_eq!((fresh[0].failure.as_deref(), fresh[0].failed_at), (Some("broke off"), Some(at(601))));
    assert_eq!(fresh[0].etag.as_deref(), Some("W/\"one\""), "what is held is still what it was");
    assert_eq!((fresh[1].heard_at, fresh[1].failures, fresh[1].due_at), (None, 2, at(32)));
    let read = LookRead { has_changed: false, etag: None, ..read };
    tx.peer_read(&a, read, at(700), at(1000)).await.unwrap();
    let fresh = tx.peer_freshness().await.unwrap();
    assert_eq!((fresh[0].changed_at, fresh[0].failure.clone(), fresh[0].failures), (Some(at(1)), None, 0));
    tx.forget_peer(&a).await.unwrap();
    assert_eq!(tx.peer_freshness().await.unwrap().len(), 1);
    tx.commit().await.unwrap();
}

async fn own_products_are_found_as_they_are(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let (did, member) = (did("us"), id("us"));
    let holder = |title| Holder { member: &member, title, did: &did };
    tx.index_for(holder("Us")).await.unwrap();
    tx.put_offer(&offer("urn:uuid:1", "payroll", "extract")).await.unwrap();
    tx.index_own(holder("Us"), 9).await.unwrap();
    assert!(!tx.own_is_stale().await.unwrap(), "an offer without a product shows nothing");
    for name in ["payroll", "claims"] {
        let stored =
            StoredProduct { product: product(name, 1), path: "p".into(), content_sha256: "ab".into() };
        tx.put_product(&stored).await.unwrap();
    }
    tx.index_own(holder("Us"), 1).await.unwrap();
    assert!(tx.own_is_stale().await.unwrap());
    tx.index_own(holder("Us"), 9).await.unwrap();
    assert_eq!(found(&mut tx, "payroll extract", &["us"]).await, ["payroll"]);
    let mut withdrawn = offer("urn:uuid:1", "payroll", "extract");
    withdrawn.withdrawn_at = Some(at(9));
    tx.put_offer(&withdrawn).await.unwrap();
    tx.index_own(holder("Us"), 9).await.unwrap();
    assert!(found(&mut tx, "payroll extract", &["us"]).await.is_empty());
    assert_eq!(found(&mut tx, "of the example", &["us"]).await.len(), 2);

    tx.index_for(holder("Us")).await.unwrap();
    assert!(!tx.own_is_stale().await.unwrap(), "made with the same, it stays");
    tx.index_for(holder("We")).await.unwrap();
    assert!(tx.own_is_stale().await.unwrap());
    assert!(found(&mut tx, "payroll", &["us"]).await.is_empty());
    tx.index_own(holder("We"), 9).await.unwrap();
    assert_eq!(found(&mut tx, "payroll", &["us"]).await, ["payroll"]);
    tx.commit().await.unwrap();
}
