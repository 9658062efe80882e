use serde_json::{Value, json};
use weal_store::StoredProduct;

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, offer, product};

on_both!(products_keep_their_versions, offers_climb_the_ladder, a_peers_catalogue_is_replaced_whole);

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

async fn a_peers_catalogue_is_replaced_whole(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let (a, b) = (did("a"), did("b"));
    let three = [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})];
    tx.put_peer_entries(&a, &three, at(1), Some("\"one\"")).await.unwrap();
    tx.put_peer_entries(&b, &[json!({"n": 9})], at(2), None).await.unwrap();
    tx.put_peer_entries(&a, &three[1..], at(3), Some("\"two\"")).await.unwrap();
    tx.peer_unchanged(&b, at(4)).await.unwrap();

    let entries: Vec<(_, Value)> = tx.peer_entries().await.unwrap();
    let numbers: Vec<_> = entries.iter().map(|(peer, entry)| (peer.clone(), entry["n"].as_u64())).collect();
    assert_eq!(numbers, [(a.clone(), Some(2)), (a.clone(), Some(3)), (b.clone(), Some(9))]);
    let fresh = tx.peer_freshness().await.unwrap();
    assert_eq!(fresh[0].etag.as_deref(), Some("\"two\""));
    assert_eq!((fresh[0].entries, fresh[0].fetched_at), (2, at(3)));
    assert_eq!((fresh[1].etag.clone(), fresh[1].fetched_at), (None, at(4)));

    tx.remove_peer_entries(&a).await.unwrap();
    assert_eq!(tx.peer_entries::<Value>().await.unwrap().len(), 1);
    tx.commit().await.unwrap();
}
