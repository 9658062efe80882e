use weal_domain::catalogue::{ForeignEntry, foreign_words};
use weal_store::{ForeignPiece, ForeignSource};

use crate::bed::{Bed, on_both};
use crate::samples::at;

on_both!(
    a_catalogue_elsewhere_is_replaced_whole_and_found_by_its_words,
    whatever_it_says_of_an_identifier_or_a_part_of_it_is_known
);

fn piece(source: &str, title: &str, triples: &str) -> ForeignPiece {
    let entry = ForeignEntry {
        source: source.into(),
        dataset: Some(format!("https://{source}.example/{title}")),
        title: title.into(),
        description: "Every one, 100 % counted".into(),
        publisher: Some("The City".into()),
        keywords: vec!["Park".into()],
        themes: Vec::new(),
        addresses: Vec::new(),
        licence: None,
    };
    ForeignPiece { entry: Some((entry, format!("<{title}>"))), triples: triples.into() }
}

async fn a_catalogue_elsewhere_is_replaced_whole_and_found_by_its_words(bed: &Bed) {
    let store = bed.open().await;
    let city = |entries| ForeignSource {
        name: "city".into(),
        read_at: at(1),
        entries,
        triples: 3,
        bytes: 8,
        from: Some("city.ttl".into()),
        content_sha256: Some("ab".repeat(32)),
    };
    let county = ForeignSource { name: "county".into(), read_at: at(2), triples: 1, from: None, ..city(1) };
    let around = ForeignPiece { entry: None, triples: "around".into() };
    let mut tx = store.write("test").await.unwrap();
    let first = [piece("city", "Bäume", "a"), piece("city", "Budget", "b"), around.clone()];
    tx.put_foreign(&city(2), &first).await.unwrap();
    tx.put_foreign(&county, &[piece("county", "Roads", "c")]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.foreign_sources().await.unwrap(), [city(2), county.clone()]);
    let found = async |tx: &mut weal_store::Tx, query: &str| {
        let (found, total) = tx.find_foreign(&foreign_words(query), 2).await.unwrap();
        (found.into_iter().map(|entry| entry.title).collect::<Vec<_>>(), total)
    };
    assert_eq!(found(&mut tx, "").await, (vec!["Bäume".into(), "Budget".into()], 3));
    assert_eq!(found(&mut tx, "the CITY bäume").await, (vec!["Bäume".into()], 1));
    assert_eq!(found(&mut tx, "100 % road").await, (vec!["Roads".into()], 1));
    assert_eq!(found(&mut tx, "road tree").await, (Vec::new(), 0));
    let pieces = tx.foreign_after(None, 2).await.unwrap();
    let (last, _) = pieces.last().cloned().unwrap();
    let more = tx.foreign_after(Some(&last), 10).await.unwrap();
    let all: Vec<_> = pieces.into_iter().chain(more).map(|(_, piece)| piece.triples).collect();
    assert_eq!(all, ["a", "b", "around", "c"]);
    let of_city = tx.foreign_of("city", Some(0), 1).await.unwrap();
    assert_eq!(of_city.into_iter().map(|(_, piece)| piece.triples).collect::<Vec<_>>(), ["b"]);
    assert!(tx.is_foreign("https://city.example/Budget").await.unwrap());

    tx.put_foreign(&city(1), &[piece("city", "Lakes", "d")]).await.unwrap();
    assert_eq!(found(&mut tx, "city").await.0, ["Lakes", "Roads"]);
    assert!(!tx.is_foreign("https://city.example/Budget").await.unwrap());
    assert!(tx.remove_foreign("city").await.unwrap() && !tx.remove_foreign("city").await.unwrap());
    let left = tx.foreign_after(None, 10).await.unwrap();
    assert_eq!(left.into_iter().map(|(place, _)| place).collect::<Vec<_>>(), [("county".to_owned(), 0)]);
}

/// A catalogue without entries.
pub(crate) fn source(name: &str) -> ForeignSource {
    ForeignSource {
        name: name.into(),
        read_at: at(1),
        entries: 0,
        triples: 1,
        bytes: 6,
        from: None,
        content_sha256: None,
    }
}

async fn whatever_it_says_of_an_identifier_or_a_part_of_it_is_known(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let source = source("city");
    let said = |subjects: &[&str]| ForeignPiece {
        entry: None,
        triples: subjects
            .iter()
            .map(|subject| format!("<{subject}> <urn:p> <https://data.example/linked> .\n"))
            .collect(),
    };
    let pieces = [
        said(&["urn:first", "https://data.example/x_y/extract"]),
        said(&["https://data.example/100%25#a", "https://data.example/LOUD"]),
    ];
    tx.put_foreign(&source, &pieces).await.unwrap();
    for taken in
        ["urn:first", "https://data.example/x_y", "https://data.example/100%25", "https://data.example/LOUD"]
    {
        assert!(tx.is_foreign(taken).await.unwrap(), "{taken}");
    }
    for free in [
        "https://data.example/linked",
        "https://data.example/x%y",
        "https://data.example/x-y",
        "https://data.example/x_y/ext",
        "https://data.example/100%2",
        "https://data.example/loud",
        "urn:firs",
    ] {
        assert!(!tx.is_foreign(free).await.unwrap(), "{free}");
    }
    tx.commit().await.unwrap();
}
