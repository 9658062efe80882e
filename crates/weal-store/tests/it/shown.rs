//! What each member sees of a large catalogue: each product once, whatever happens meanwhile, and nothing of what
//! is for others.

use std::ops::Range;
use std::time::{Duration, Instant};

use weal_domain::catalogue::{Classification, Offer, ProductName};
use weal_domain::identity::Did;
use weal_store::{ForeignPiece, ShownTo, Store, StoredProduct, Tx};

use crate::bed::{Bed, on_both};
use crate::foreign::source;
use crate::samples::{at, did, id, offer, product};

on_both!(
    each_sees_what_is_for_them_and_a_change_for_others_is_not_felt,
    what_an_earlier_program_kept_is_shown_to_the_same_members,
    what_the_sixth_schema_kept_is_shown_to_the_same_members,
    texts_are_shown_to_whom_they_say_all_and_go_with_what_they_say,
    names_of_the_catalogue_are_chance_and_harvesters_feel_only_what_they_may_read,
    a_hundred_thousand_products_come_once_each_while_others_come_and_go
);

fn product_of(name: &str) -> StoredProduct {
    StoredProduct { product: product(name, 1), path: "p".into(), content_sha256: "ab".into() }
}

async fn publish(tx: &mut Tx, name: &str) {
    tx.put_product(&product_of(name)).await.unwrap();
}

fn offer_to(number: &str, product: &str, recipients: &[&str]) -> Offer {
    let mut offer = offer(&format!("urn:uuid:{number}"), product, "extract");
    offer.terms.recipients = recipients.iter().map(|name| did(name)).collect();
    offer
}

fn to(member: &Did) -> ShownTo<'_> {
    ShownTo { member: Some(member), now: at(100) }
}

async fn names(tx: &mut Tx, to: ShownTo<'_>) -> Vec<String> {
    let shown = tx.shown_after(to, "", 100).await.unwrap();
    shown.iter().map(|(product, offers)| format!("{}:{}", product.name, offers.len())).collect()
}

async fn each_sees_what_is_for_them_and_a_change_for_others_is_not_felt(bed: &Bed) {
    let store = bed.open().await;
    let (a, b) = (did("a"), did("b"));
    let mut tx = store.write("test").await.unwrap();
    for name in ["common", "ended", "for_a", "none"] {
        publish(&mut tx, name).await;
    }
    tx.put_offer(&offer_to("1", "common", &[])).await.unwrap();
    tx.put_offer(&offer_to("2", "common", &["a"])).await.unwrap();
    tx.put_offer(&offer_to("3", "for_a", &["a", "a"])).await.unwrap();
    let mut ended = offer_to("4", "ended", &[]);
    ended.terms.valid_until = Some(at(50));
    tx.put_offer(&ended).await.unwrap();
    assert_eq!(names(&mut tx, to(&a)).await, ["common:2", "for_a:1"]);
    assert_eq!(names(&mut tx, to(&b)).await, ["common:1"], "CA-2");
    assert_eq!(names(&mut tx, ShownTo { member: None, now: at(100) }).await, ["common:1"]);
    assert_eq!(names(&mut tx, ShownTo { member: Some(&b), now: at(49) }).await, ["common:1", "ended:1"]);
    let product: ProductName = id("for_a");
    assert!(tx.shown_product(to(&a), &product).await.unwrap().is_some());
    assert!(tx.shown_product(to(&b), &product).await.unwrap().is_none());

    let mut named = product_of("for_a");
    named.product.identifier = Some(id("https://data.example/for_a"));
    tx.put_product(&named).await.unwrap();
    let identifier = "https://data.example/for_a";
    assert_eq!(tx.shown_identified(to(&a), identifier).await.unwrap(), Some(product));
    assert_eq!(tx.shown_identified(to(&b), identifier).await.unwrap(), None);

    let versions = (tx.shown_version(to(&a)).await.unwrap(), tx.shown_version(to(&b)).await.unwrap());
    assert_ne!(versions.0, versions.1);
    publish(&mut tx, "for_a").await;
    tx.put_offer(&offer_to("5", "none", &["a"])).await.unwrap();
    assert_ne!(tx.shown_version(to(&a)).await.unwrap(), versions.0);
    assert_eq!(tx.shown_version(to(&b)).await.unwrap(), versions.1, "b hears nothing of it");
    assert_ne!(
        tx.shown_version(ShownTo { member: Some(&b), now: at(49) }).await.unwrap(),
        versions.1,
        "what ends by itself is a change"
    );
    let mut withdrawn = offer_to("1", "common", &[]);
    withdrawn.withdrawn_at = Some(at(60));
    tx.put_offer(&withdrawn).await.unwrap();
    assert_ne!(tx.shown_version(to(&b)).await.unwrap(), versions.1);
    assert!(names(&mut tx, to(&b)).await.is_empty());
    tx.commit().await.unwrap();
}

async fn texts_are_shown_to_whom_they_say_all_and_go_with_what_they_say(bed: &Bed) {
    let store = bed.open().await;
    let (a, b) = (did("a"), did("b"));
    let mut tx = store.write("test").await.unwrap();
    for (number, name) in ["alpha", "beta", "gamma"].into_iter().enumerate() {
        publish(&mut tx, name).await;
        tx.put_offer(&offer_to(&number.to_string(), name, &[])).await.unwrap();
        assert_eq!(tx.shown_texts(to(&a), "", 9, "1").await.unwrap(), None, "{name} has no text yet");
        tx.put_text(&id(name), "1", None, format!("{{{name}}}")).await.unwrap();
    }
    let all = tx.shown_texts(to(&a), "", 9, "1").await.unwrap().unwrap();
    assert_eq!((all.products, all.last.as_str(), all.texts.as_str()), (3, "gamma", "{alpha},{beta},{gamma}"));
    let some = tx.shown_texts(to(&a), "alpha", 1, "1").await.unwrap().unwrap();
    assert_eq!((some.products, some.last.as_str(), some.texts.as_str()), (1, "beta", "{beta}"));
    assert_eq!(tx.shown_texts(to(&a), "gamma", 9, "1").await.unwrap(), None, "there are no more");
    assert_eq!(tx.shown_texts(to(&a), "", 9, "2").await.unwrap(), None, "made otherwise");

    tx.put_offer(&offer_to("own", "beta", &["a"])).await.unwrap();
    assert_eq!(tx.shown_texts(to(&a), "", 9, "1").await.unwrap(), None, "CA-2: it says too little for them");
    let others =
        tx.shown_texts(to(&b), "", 9, "1").await.unwrap().expect("CA-2: nobody else waits longer for it");
    assert_eq!(others.texts, all.texts);

    let ends = Some(at(100));
    tx.put_text(&id("alpha"), "1", ends, "{alpha}".into()).await.unwrap();
    assert_eq!(tx.shown_texts(to(&b), "", 9, "1").await.unwrap(), None, "it has ended");
    tx.put_text(&id("alpha"), "1", Some(at(101)), "{alpha}".into()).await.unwrap();
    assert!(tx.shown_texts(to(&b), "", 9, "1").await.unwrap().is_some());
    publish(&mut tx, "alpha").await;
    assert_eq!(tx.shown_texts(to(&b), "", 9, "1").await.unwrap(), None, "written again");
    tx.put_text(&id("alpha"), "1", None, "{alpha}".into()).await.unwrap();
    let withdrawn = Offer { withdrawn_at: Some(at(9)), ..offer_to("2", "gamma", &[]) };
    tx.put_offer(&withdrawn).await.unwrap();
    let rest = tx.shown_texts(to(&b), "", 9, "1").await.unwrap().unwrap();
    assert_eq!(rest.texts, "{alpha},{beta}", "what is withdrawn is not shown");

    let (member, us) = (id("us"), did("us"));
    tx.index_own(weal_domain::catalogue::Holder { member: &member, title: "Us", did: &us }, 9).await.unwrap();
    tx.texts_for("1").await.unwrap();
    assert!(!tx.own_is_stale().await.unwrap());
    tx.texts_for("2").await.unwrap();
    assert!(tx.own_is_stale().await.unwrap(), "they are made again");
    tx.commit().await.unwrap();
}

async fn what_an_earlier_program_kept_is_shown_to_the_same_members(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    publish(&mut tx, "common").await;
    publish(&mut tx, "for_a").await;
    tx.put_offer(&offer_to("1", "common", &[])).await.unwrap();
    tx.put_offer(&offer_to("2", "for_a", &["a"])).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    bed.as_before_the_catalogue().await;
    let store = bed.open().await;
    let mut tx = store.read("test").await.unwrap();
    assert_eq!(names(&mut tx, to(&did("a"))).await, ["common:1", "for_a:1"]);
    assert_eq!(names(&mut tx, to(&did("b"))).await, ["common:1"]);
    assert!(tx.own_is_stale().await.unwrap(), "and comes into the index");
}

async fn what_the_sixth_schema_kept_is_shown_to_the_same_members(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    publish(&mut tx, "common").await;
    publish(&mut tx, "for_a").await;
    tx.put_offer(&offer_to("1", "common", &[])).await.unwrap();
    tx.put_offer(&offer_to("2", "for_a", &["a"])).await.unwrap();
    let city = source("city");
    let piece = ForeignPiece { entry: None, triples: "around".into() };
    tx.put_foreign(&city, &[piece]).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    bed.as_before_the_bounds().await;
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(names(&mut tx, to(&did("a"))).await, ["common:1", "for_a:1"]);
    assert_eq!(names(&mut tx, to(&did("b"))).await, ["common:1"]);
    assert_eq!(tx.foreign_sources().await.unwrap(), [city]);
    drop(tx);
    assert_eq!(bed.count("SELECT COUNT(*) FROM shown_version WHERE name = 'a digest'").await, 0);
    assert_eq!(bed.count("SELECT COUNT(*) FROM shown WHERE class = ''").await, 0);
}

async fn names_of_the_catalogue_are_chance_and_harvesters_feel_only_what_they_may_read(bed: &Bed) {
    let store = bed.open().await;
    let of_class = |name: &str, class| {
        let mut stored = product_of(name);
        stored.product.classification = class;
        stored
    };
    let until = |number: &str, name: &str, until| {
        let mut offer = offer_to(number, name, &[]);
        offer.terms.valid_until = Some(until);
        offer
    };
    let mut tx = store.write("test").await.unwrap();
    tx.put_product(&of_class("regions", Classification::Open)).await.unwrap();
    tx.put_product(&of_class("rosters", Classification::Internal)).await.unwrap();
    tx.put_offer(&until("1", "regions", at(500))).await.unwrap();
    tx.put_offer(&until("2", "rosters", at(300))).await.unwrap();
    let b = did("b");
    // What is open, what is internal too, and what a member sees; and then again.
    let versions = async |tx: &mut Tx, now: i64| {
        [
            tx.public_version(Classification::Open, at(now)).await.unwrap(),
            tx.public_version(Classification::Internal, at(now)).await.unwrap(),
            tx.shown_version(ShownTo { member: Some(&b), now: at(now) }).await.unwrap(),
        ]
    };
    let differ =
        |one: &[String; 3], other: &[String; 3]| [one[0] != other[0], one[1] != other[1], one[2] != other[2]];
    let mut before = versions(&mut tx, 100).await;
    tx.put_product(&of_class("rosters", Classification::Internal)).await.unwrap();
    let after = versions(&mut tx, 100).await;
    assert_eq!(differ(&before, &after), [false, true, true], "a change of what is more closely held");
    assert_eq!(differ(&after, &versions(&mut tx, 400).await), [false, true, true], "and its end");
    assert_eq!(differ(&after, &versions(&mut tx, 600).await), [true, true, true]);
    before = after;
    for class in [Classification::Open, Classification::Internal] {
        tx.put_product(&of_class("rosters", class)).await.unwrap();
        let after = versions(&mut tx, 100).await;
        assert_eq!(differ(&before, &after), [true, true, true], "it comes into the open, and leaves it");
        before = after;
    }
    tx.put_offer(&offer_to("3", "regions", &["a"])).await.unwrap();
    assert_eq!(differ(&before, &versions(&mut tx, 100).await), [false, false, false]);
    tx.put_foreign(&source("city"), &[]).await.unwrap();
    let with_city = versions(&mut tx, 100).await;
    assert_eq!(differ(&before, &with_city), [true, true, false], "harvesters read that, too");
    tx.remove_foreign("city").await.unwrap();
    assert_eq!(differ(&with_city, &versions(&mut tx, 100).await), [true, true, false]);
    tx.commit().await.unwrap();

    // The same writes make other names: nobody can tell from a name what was written.
    let mut names = Vec::new();
    for _ in 0..2 {
        let mut tx = store.write("test").await.unwrap();
        tx.put_product(&of_class("rosters", Classification::Internal)).await.unwrap();
        names.push(tx.shown_version(to(&b)).await.unwrap());
        // It is rolled back.
        drop(tx);
    }
    assert_ne!(names[0], names[1]);
}

/// Over a connection every statement is a journey, so a server's share is smaller.
fn products(bed: &Bed) -> usize {
    if bed.url.starts_with("sqlite") { 100_000 } else { 20_000 }
}
const PAGE: u32 = 10_000;
const BATCH: u32 = 500;

fn name(number: usize) -> String {
    format!("p{number:06}")
}

/// Every second number is for a member who is not asked about.
async fn fill(store: &Store, products: Range<usize>) {
    let (began, count) = (Instant::now(), products.len());
    for start in products.step_by(10_000) {
        let mut tx = store.write("test.fill").await.unwrap();
        for number in start..start + 10_000 {
            publish(&mut tx, &name(number * 2)).await;
            tx.put_offer(&offer_to(&number.to_string(), &name(number * 2), &[])).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    eprintln!("{count} products were made in {:?}", began.elapsed());
}

/// The shortest of many, some time apart: one of them finds even a busy machine with nothing else to do.
async fn time_of_a_batch(store: &Store, reader: &Did) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut tx = store.read("test").await.unwrap();
        let began = Instant::now();
        assert_eq!(tx.shown_after(to(reader), "", BATCH).await.unwrap().len(), BATCH as usize);
        shortest = shortest.min(began.elapsed());
    }
    shortest
}

async fn a_hundred_thousand_products_come_once_each_while_others_come_and_go(bed: &Bed) {
    let (store, products) = (bed.open().await, products(bed));
    let reader = did("b");
    fill(&store, 0..10_000).await;
    let among_few = time_of_a_batch(&store, &reader).await;
    fill(&store, 10_000..products).await;
    let among_many = time_of_a_batch(&store, &reader).await;
    assert!(
        among_many < among_few * 5 + Duration::from_millis(20),
        "a batch takes {among_few:?} among few products and {among_many:?} among many"
    );
    let began = Instant::now();
    let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let mut tx = store.read("test").await.unwrap();
        let end = tx.shown_page_end(to(&reader), &after, PAGE).await.unwrap();
        drop(tx);
        let mut on_page = 0;
        loop {
            // What is in memory at once is one batch.
            let left = PAGE - on_page;
            let mut tx = store.read("test").await.unwrap();
            let some = tx.shown_after(to(&reader), &after, BATCH.min(left)).await.unwrap();
            drop(tx);
            assert!(some.len() <= BATCH as usize);
            let Some((last, _)) = some.last() else { break };
            after = last.name.to_string();
            on_page += some.len() as u32;
            seen.extend(some.iter().map(|(product, offers)| (product.name.to_string(), offers.len())));
            if on_page == PAGE || end.last.as_ref().is_some_and(|end| after >= end.to_string()) {
                break;
            }
        }
        pages += 1;
        disturb(&store, pages, products).await;
        if end.last.is_none() {
            break;
        }
    }
    eprintln!("{} products came in {pages} pages in {:?}", seen.len(), began.elapsed());
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "in order, and so each once");
    assert!(seen.iter().all(|(_, offers)| *offers == 1));
    let stayed = |number: &usize| !is_withdrawn(*number);
    let mut all = seen.iter().map(|(name, _)| name.clone()).peekable();
    for expected in (0..products).filter(stayed).map(|number| name(number * 2)) {
        while all.peek().is_some_and(|one| *one < expected) {
            all.next();
        }
        assert_eq!(all.next(), Some(expected), "what was there all along is there");
    }
    assert!(seen.len() < products + 100);
}

/// Of each page, one that is read already and one that is yet to come are withdrawn.
fn is_withdrawn(number: usize) -> bool {
    number % 10_000 == 5_000
}

/// Between pages: one product before, one after is withdrawn, and others appear on both sides, one of them closed.
async fn disturb(store: &Store, page: usize, products: usize) {
    let mut tx = store.write("test.disturb").await.unwrap();
    for number in [page * 10_000 - 5_000, (page * 10_000 + 5_000) % products] {
        let mut withdrawn = offer_to(&number.to_string(), &name(number * 2), &[]);
        withdrawn.withdrawn_at = Some(at(70));
        tx.put_offer(&withdrawn).await.unwrap();
    }
    for (number, recipients) in
        [(page * 20_000 - 9_999, &[][..]), (page * 20_000 + 9_999, &[]), (page * 20_000 + 1, &["a"])]
    {
        publish(&mut tx, &name(number)).await;
        tx.put_offer(&offer_to(&format!("new-{number}"), &name(number), recipients)).await.unwrap();
    }
    tx.commit().await.unwrap();
}
