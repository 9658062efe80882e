use std::collections::BTreeSet;

use weal_domain::catalogue::{CatalogueEntry, Holder, Known, Query, Slice};
use weal_store::{LookRead, StoredProduct, Tx};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, offer, product};

on_both!(
    products_keep_their_versions,
    offers_climb_the_ladder,
    only_what_changed_of_a_peers_catalogue_is_written,
    what_an_entry_was_read_from_is_known_until_it_changes,
    how_fresh_a_copy_is_and_why_not,
    own_products_are_found_as_they_are,
    an_index_of_other_rules_is_made_again_of_what_is_kept,
    no_transaction_changes_more_of_the_index_than_it_should,
    no_more_new_entries_are_taken_than_there_is_room_for,
    a_word_goes_with_the_last_entry_that_has_it,
    invented_purposes_hide_none_that_is_asked_for
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

/// Room for any number of new entries.
const ANY: usize = usize::MAX;
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
    let hits = tx.find(&query, &known(peers), &[], NOBODY_ELSE).await.unwrap();
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
    let first = tx.put_entries(&a, &entries, ANY).await.unwrap();
    assert_eq!((first.changed, first.numbers.len()), (3, 3));
    tx.put_entries(&b, &[entry("b", "roads", "Roads of b")], ANY).await.unwrap();
    assert_eq!(found(&mut tx, "roads", &["a", "b"]).await, ["roads", "roads"]);

    let mut again = entries.to_vec();
    again[1].title = "Streams".into();
    again[0].fetched_at = at(99);
    let second = tx.put_entries(&a, &again[..2], ANY).await.unwrap();
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

async fn what_an_entry_was_read_from_is_known_until_it_changes(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let a = did("a");
    let entries = [entry("a", "lakes", "Lakes"), entry("a", "rivers", "Rivers")];
    let (lakes, rivers) = (&entries[0].product, &entries[1].product);
    let one = |digest: &str| Some(digest.to_owned());
    let said = async |tx: &mut Tx| -> Vec<(u32, String)> {
        let said = tx.entries_said(&did("a"), (lakes, rivers), 9).await.unwrap();
        said.into_iter().map(|one| (one.number, one.said)).collect()
    };
    let written = tx.put_entries_said(&a, &entries, &[one("l1"), None], ANY).await.unwrap();
    let numbers = written.numbers;
    assert_eq!(said(&mut tx).await, [(numbers[0], "l1".to_owned())]);
    assert!(tx.entries_said(&did("b"), (lakes, rivers), 9).await.unwrap().is_empty());
    assert!(tx.entries_said(&a, (rivers, rivers), 9).await.unwrap().is_empty());
    let written = tx.put_entries_said(&a, &entries, &[one("l1"), one("r1")], ANY).await.unwrap();
    assert_eq!((written.changed, written.said_anew), (0, true));
    assert_eq!(said(&mut tx).await.len(), 2);
    let written = tx.put_entries_said(&a, &entries, &[one("l1"), one("r1")], ANY).await.unwrap();
    assert_eq!((written.changed, written.said_anew), (0, false));
    // Written without a digest, the former one says nothing of it any more.
    tx.put_entries(&a, &[entry("a", "lakes", "Ponds")], ANY).await.unwrap();
    assert_eq!(said(&mut tx).await, [(numbers[1], "r1".to_owned())]);
    tx.remove_entries_but(&a, &BTreeSet::new(), 9).await.unwrap();
    assert!(said(&mut tx).await.is_empty());
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
    tx.put_entries(&a, &[entry("a", "roads", "Roads")], ANY).await.unwrap();
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
    let (did, member, a) = (did("us"), id("us"), did("a"));
    let holder = |title| Holder { member: &member, title, did: &did };
    tx.index_for(holder("Us")).await.unwrap();
    tx.index_again(9).await.unwrap();
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
    tx.put_entries(&a, &[entry("a", "roads", "Roads")], ANY).await.unwrap();
    tx.index_for(holder("We")).await.unwrap();
    assert!(tx.own_is_stale().await.unwrap());
    assert!(tx.index_is_whole().await.unwrap(), "another name is no reason to index anything else anew");
    assert_eq!(found(&mut tx, "roads", &["us", "a"]).await, ["roads"], "what others said stays");
    tx.index_own(holder("We"), 9).await.unwrap();
    assert_eq!(found(&mut tx, "payroll we", &["us"]).await, ["payroll"]);
    tx.commit().await.unwrap();
}

async fn an_index_of_other_rules_is_made_again_of_what_is_kept(bed: &Bed) {
    let store = bed.open().await;
    let (us, member, a) = (did("us"), id("us"), did("a"));
    let holder = Holder { member: &member, title: "Us", did: &us };
    let mut tx = store.write("test").await.unwrap();
    tx.index_for(holder).await.unwrap();
    tx.index_again(9).await.unwrap();
    let entries = ["roads", "rivers", "lakes"].map(|name| entry("a", name, name));
    tx.put_entries(&a, &entries, ANY).await.unwrap();
    let read = LookRead { title: "A", etag: Some("W/\"1\""), entries: 3, passed_over: 0, has_changed: true };
    tx.peer_read(&a, read, at(1), at(301)).await.unwrap();
    tx.commit().await.unwrap();

    bed.meddle("UPDATE entry_index SET made_with = '0 and so on'").await;
    bed.meddle("INSERT INTO word (initial, letters, word) VALUES ('z', 5, 'zebra')").await;
    let mut tx = store.write("test").await.unwrap();
    tx.index_for(holder).await.unwrap();
    assert!(!tx.index_is_whole().await.unwrap());
    assert!(found(&mut tx, "", &["a"]).await.is_empty());
    tx.index_again(2).await.unwrap();
    assert_eq!(found(&mut tx, "", &["a"]).await, ["roads", "rivers"], "some at a time");
    // What is written meanwhile is in it once, wherever it has come to.
    let roads = entry("a", "roads", "Motorways");
    let ponds = entry("a", "ponds", "Ponds");
    tx.put_entries(&a, &[roads, ponds], ANY).await.unwrap();
    tx.index_for(holder).await.unwrap();
    while !tx.index_is_whole().await.unwrap() {
        tx.index_again(2).await.unwrap();
    }
    assert_eq!(found(&mut tx, "", &["a"]).await, ["roads", "rivers", "lakes", "ponds"]);
    assert_eq!(found(&mut tx, "motorways", &["a"]).await, ["roads"]);
    assert_eq!(
        tx.peer_freshness().await.unwrap()[0].etag.as_deref(),
        Some("W/\"1\""),
        "nobody is asked again"
    );
    tx.commit().await.unwrap();
    assert_eq!(bed.count("SELECT COUNT(*) FROM word WHERE word = 'zebra'").await, 0);
}

/// An entry of as many words as an entry can be found by, all of them its own.
fn wordy(name: &str, salt: usize) -> CatalogueEntry {
    let mut wordy = entry("a", name, name);
    let words = |from: usize, count: usize| {
        let words: Vec<String> = (0..count).map(|word| format!("w{salt}x{}", from + word)).collect();
        words.join(" ")
    };
    wordy.title = words(0, 300);
    wordy.keywords = vec![words(1_000, 300)];
    wordy.description = words(2_000, 300);
    wordy
}

async fn no_transaction_changes_more_of_the_index_than_it_should(bed: &Bed) {
    const ENTRIES: usize = 12;
    let store = bed.open().await;
    let a = did("a");
    let entries: Vec<CatalogueEntry> = (0..ENTRIES).map(|n| wordy(&format!("p{n}"), n)).collect();
    let (mut rest, mut transactions) = (&entries[..], 0);
    while !rest.is_empty() {
        let mut tx = store.write("test").await.unwrap();
        let written = tx.put_entries(&a, rest, ANY).await.unwrap();
        tx.commit().await.unwrap();
        assert!((1..=10).contains(&written.numbers.len()), "{}", written.numbers.len());
        rest = &rest[written.numbers.len()..];
        transactions += 1;
    }
    assert!(transactions >= 2, "{transactions}");
    let mut removed = Vec::new();
    loop {
        let mut tx = store.write("test").await.unwrap();
        let some = tx.remove_entries_but(&a, &BTreeSet::new(), 1_000).await.unwrap();
        tx.commit().await.unwrap();
        if some == 0 {
            break;
        }
        removed.push(some);
    }
    assert_eq!(removed.iter().sum::<usize>(), ENTRIES);
    assert!(removed.len() >= 2, "{removed:?}");
    // Own products likewise.
    let (us, member) = (did("us"), id("us"));
    let mut tx = store.write("test").await.unwrap();
    for number in 0..ENTRIES {
        let (name, of) = (format!("p{number}"), wordy("p", number));
        let mut product = product(&name, 1);
        (product.title, product.description, product.keywords) = (of.title, of.description, of.keywords);
        let stored = StoredProduct { product, path: "p".into(), content_sha256: "ab".into() };
        tx.put_product(&stored).await.unwrap();
    }
    let holder = Holder { member: &member, title: "Us", did: &us };
    tx.index_own(holder, 1_000).await.unwrap();
    assert!(tx.own_is_stale().await.unwrap(), "the rest waits for another transaction");
    while tx.own_is_stale().await.unwrap() {
        tx.index_own(holder, 1_000).await.unwrap();
    }
    assert_eq!(tx.entries_total(&us).await.unwrap(), ENTRIES as u64);
    tx.commit().await.unwrap();
}

async fn no_more_new_entries_are_taken_than_there_is_room_for(bed: &Bed) {
    let store = bed.open().await;
    let a = did("a");
    let named = |name: &str, title: &str| entry("a", name, title);
    let mut tx = store.write("test").await.unwrap();
    let first = [named("one", "One"), named("two", "Two"), named("three", "Three")];
    let written = tx.put_entries(&a, &first, 2).await.unwrap();
    assert_eq!((written.added, written.numbers.len()), (2, 2));
    let again = [named("two", "Second"), named("one", "One"), named("four", "Four")];
    let written = tx.put_entries(&a, &again, 0).await.unwrap();
    assert_eq!((written.added, written.changed, written.numbers.len()), (0, 1, 2), "the known ones");
    assert!(tx.put_entries(&a, &again[2..], 0).await.unwrap().numbers.is_empty());
    assert_eq!(tx.entries_total(&a).await.unwrap(), 2);
    tx.commit().await.unwrap();
}

async fn a_word_goes_with_the_last_entry_that_has_it(bed: &Bed) {
    let store = bed.open().await;
    let a = did("a");
    let mut tx = store.write("test").await.unwrap();
    let both = [entry("a", "one", "Harbours"), entry("a", "two", "Harbours and lighthouses")];
    let numbers = tx.put_entries(&a, &both, ANY).await.unwrap().numbers;
    assert_eq!(found(&mut tx, "lighthuoses", &["a"]).await, ["two"]);
    tx.remove_entries_but(&a, &BTreeSet::from([numbers[0]]), 9).await.unwrap();
    tx.commit().await.unwrap();
    let words =
        async |word: &str| bed.count(&format!("SELECT COUNT(*) FROM word WHERE word = '{word}'")).await;
    assert_eq!((words("lighthouses").await, words("harbours").await), (0, 1));
    // From the title into the description: it stays.
    let mut tx = store.write("test").await.unwrap();
    let mut moved = entry("a", "one", "Ports");
    moved.description = "Harbours".into();
    tx.put_entries(&a, &[moved], ANY).await.unwrap();
    assert_eq!(found(&mut tx, "habrours", &["a"]).await, ["one"]);
    tx.commit().await.unwrap();
    assert_eq!(words("harbours").await, 1);
}

async fn invented_purposes_hide_none_that_is_asked_for(bed: &Bed) {
    const INVENTED: usize = 4_100;
    let store = bed.open().await;
    let (a, b) = (did("a"), did("b"));
    let mut tx = store.write("test").await.unwrap();
    // They stand before every other in the alphabet.
    let names: Vec<usize> = (0..INVENTED).collect();
    for some in names.chunks(50) {
        let mut invented = entry("a", &format!("p{}", some[0]), "Invented");
        let purposes = some.iter().map(|n| format!("a:{n}").parse().unwrap());
        invented.offers[0].terms.purposes = purposes.collect();
        tx.put_entries(&a, &[invented], ANY).await.unwrap();
    }
    let honest = entry("b", "roads", "Roads");
    let purpose = honest.offers[0].terms.purposes[0].clone();
    tx.put_entries(&b, &[honest], ANY).await.unwrap();
    let asked = Query { purpose: Some(purpose.clone()), ..Query::default() };
    let hits = tx.find(&asked, &known(&["a", "b"]), &[], NOBODY_ELSE).await.unwrap();
    assert_eq!(hits.total, 1);
    let all = tx
        .find(
            &Query { text: "roads".into(), ..Query::default() },
            &known(&["a", "b"]),
            std::slice::from_ref(&purpose),
            NOBODY_ELSE,
        )
        .await
        .unwrap();
    let counted: Vec<_> =
        all.facets.purposes.iter().map(|facet| (facet.value.clone(), facet.count)).collect();
    assert_eq!(counted, [(purpose, 1)], "and those that are named are counted");
    tx.commit().await.unwrap();
}
