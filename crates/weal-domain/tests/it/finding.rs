//! Finding entries: the index in memory, made as the store makes it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weal_domain::catalogue::{
    CatalogueEntry, Classification, Docs, Gathered, Hit, Hits, Known, Mode, Plan, Query, Slice, Span,
    WantedWord, dictionary_word, near, place_of, terms_of,
};
use weal_domain::identity::MemberName;

use crate::catalogue::country;

/// What the store keeps in tables.
#[derive(Default)]
struct Index(BTreeMap<(Vec<u8>, u32), Docs>);

impl Index {
    fn of(entries: &[(u32, CatalogueEntry)]) -> Self {
        let mut index = Self::default();
        for (number, entry) in entries {
            let (block, place) = place_of(*number);
            for term in terms_of(entry) {
                index.0.entry((term, block)).or_default().change(&[], &[place]);
            }
        }
        index
    }

    fn rows(&self, span: &Span) -> Vec<(Vec<u8>, u32, Docs)> {
        let is_in = |term: &Vec<u8>| match &span.until {
            Some(until) => *term >= span.from && term < until,
            None => *term == span.from,
        };
        let rows = self.0.iter().filter(|((term, _), _)| is_in(term));
        rows.map(|((term, block), docs)| (term.clone(), *block, docs.clone())).collect()
    }

    fn hits(&self, query: &Query, members: &[Known], slice: Slice) -> Hits {
        let mut gathered = Gathered::of(Plan::of(query));
        let plan = gathered.plan().clone();
        for (place, wanted) in plan.words.iter().enumerate() {
            for (term, block, docs) in wanted.spans.iter().flat_map(|span| self.rows(span)) {
                gathered.word(place, &term, block, &docs);
            }
            if gathered.is_missing(place) {
                let words = self.0.keys().filter_map(|(term, _)| dictionary_word(term));
                let (first, letters) = wanted.slips().unwrap_or((' ', 0..=0));
                let close = words.filter(|(word, count)| {
                    word.starts_with(first) && letters.contains(count) && near(&wanted.word, word)
                });
                for (term, block, docs) in
                    close.flat_map(|(word, _)| WantedWord::spans_of(word)).flat_map(|span| self.rows(&span))
                {
                    gathered.word(place, &term, block, &docs);
                }
            }
        }
        for (_, block, docs) in plan.title.iter().flat_map(|span| self.rows(span)) {
            gathered.title(block, docs);
        }
        let purpose = query.purpose.as_ref().map(Span::purpose);
        for span in Span::facets().into_iter().chain([Span::members()]).chain(purpose) {
            for (term, block, docs) in self.rows(&span) {
                gathered.facet(term, block, docs);
            }
        }
        gathered.hits(query, members, slice)
    }
}

const ALL: Slice = Slice { after: None, skip: 0, take: 100 };

fn numbered(entries: Vec<CatalogueEntry>) -> Vec<(u32, CatalogueEntry)> {
    // Across the border of two blocks.
    (65_535..).zip(entries).collect()
}

fn known(entries: &[(u32, CatalogueEntry)]) -> Vec<Known> {
    let known = |entry: &CatalogueEntry| Known { did: entry.did.clone(), name: entry.member.clone() };
    let mut all: Vec<Known> = entries.iter().map(|(_, entry)| known(entry)).collect();
    all.dedup_by(|a, b| a.did == b.did);
    all
}

fn hits(query: &Query) -> Hits {
    let entries = numbered(country());
    Index::of(&entries).hits(query, &known(&entries), ALL)
}

fn titles(query: &Query) -> Vec<String> {
    let entries = numbered(country());
    let title = |hit: &Hit| entries[(hit.number - 65_535) as usize].1.title.clone();
    hits(query).found.iter().map(title).collect()
}

fn find(text: &str) -> Vec<String> {
    titles(&Query { text: text.to_owned(), ..Query::default() })
}

#[test]
fn search_forgives_case_accents_and_slips_and_ranks_what_fits_best() {
    assert_eq!(find("PAYROLL"), ["Payroll"]);
    assert_eq!(find("payrol"), ["Payroll"], "its beginning");
    assert_eq!(find("pa"), ["Payroll"], "two letters of it");
    assert_eq!(find("pay"), ["Payroll"], "three");
    assert_eq!(find("pyaroll"), ["Payroll"], "two letters the wrong way round");
    assert_eq!(find("regioes codigos"), ["Regiões e códigos"]);
    assert_eq!(find("regio\u{303}es"), ["Regiões e códigos"], "decomposed letters");
    assert_eq!(
        find("wages"),
        ["Payroll", "Apprenticeship claims"],
        "a keyword weighs more than a description"
    );
    assert_eq!(find("revenue region"), ["Regiões e códigos", "Payroll"], "all words, anywhere");
    assert!(find("wage unicorns").is_empty());
    assert_eq!(find("").len(), 3);
    assert_eq!(find("  ...  ").len(), 3);
    assert!(find("xq").is_empty(), "short words are not guessed");
}

#[test]
fn words_of_any_script_are_found() {
    let mut entry = country().remove(0);
    let entry_of = |title: &str| {
        entry.title = title.into();
        numbered(vec![entry.clone()])
    };
    let mut entry_of = entry_of;
    for (title, text) in [
        ("Straßenverzeichnis der Gemeinden", "strassenverzeichnis"),
        ("Điện lực Việt Nam", "dien luc viet"),
        ("Δημόσια έργα", "δημοσια"),
        ("Ёлочные базары", "ёлочные"),
        ("東京都の人口統計", "人口"),
        ("東京都の人口統計", "東"),
        ("สถิติประชากร", "ประชากร"),
        ("जनसंख्या आँकड़े", "जनसंख्या"),
        ("إحصاءات السكان", "السكان"),
        ("한국 인구 통계", "인구"),
    ] {
        let entries = entry_of(title);
        let query = Query { text: text.into(), ..Query::default() };
        let found = Index::of(&entries).hits(&query, &known(&entries), ALL);
        assert_eq!(found.total, 1, "`{text}` in `{title}`");
    }
}

#[test]
fn what_has_the_words_for_its_title_comes_first() {
    let mut entries = country();
    entries[0].title = "Payroll of the regions, by month".into();
    entries[2].description = "Not the payroll.".into();
    let entries = numbered(entries);
    let query = Query { text: "payroll".into(), ..Query::default() };
    let found = Index::of(&entries).hits(&query, &known(&entries), ALL).found;
    let numbers: Vec<u32> = found.iter().map(|hit| hit.number - 65_535).collect();
    assert_eq!(numbers, [1, 0, 2], "the title itself, a word of the title, a word of the description");
    let after = Slice { after: Some(found[0]), skip: 0, take: 1 };
    assert_eq!(Index::of(&entries).hits(&query, &known(&entries), after).found, found[1..2]);
    let second = Slice { after: None, skip: 1, take: 1 };
    assert_eq!(Index::of(&entries).hits(&query, &known(&entries), second).found, found[1..2]);
}

#[test]
fn facets_count_the_finds_and_filters_narrow_them() {
    let query = Query { mode: Some(Mode::Statistics), ..Query::default() };
    assert_eq!(titles(&query).len(), 2);
    let found = hits(&query);
    let modes: Vec<(Mode, u64)> = found.facets.modes.iter().map(|facet| (facet.value, facet.count)).collect();
    assert_eq!(modes, [(Mode::Statistics, 2), (Mode::Matching, 1), (Mode::Extract, 1)]);
    let members: Vec<u64> = found.facets.members.iter().map(|facet| facet.count).collect();
    assert_eq!((members, found.total), (vec![1, 2], 2));
    let purpose = found.facets.purposes[0].value.clone();
    assert_eq!(titles(&Query { purpose: Some(purpose), ..Query::default() }).len(), 3);
    let other = Query { purpose: Some("https://example.org/other".parse().unwrap()), ..Query::default() };
    assert!(titles(&other).is_empty());
    let query = Query {
        classification: Some(Classification::Open),
        member: Some(MemberName::new("education").unwrap()),
        ..Query::default()
    };
    assert!(titles(&query).is_empty());
}

#[test]
fn whose_member_is_not_looked_at_is_neither_found_nor_counted() {
    let entries = numbered(country());
    let mut members = known(&entries);
    members.retain(|member| member.name.as_str() != "revenue");
    let found = Index::of(&entries).hits(&Query::default(), &members, ALL);
    assert_eq!((found.total, found.facets.members.len()), (1, 1));
    let counted: u64 = found.facets.classifications.iter().map(|facet| facet.count).sum();
    assert_eq!(counted, 1);
    let query = Query { text: "payroll".into(), ..Query::default() };
    let found = Index::of(&entries).hits(&query, &members, ALL);
    assert_eq!((found.total, found.facets), (0, Default::default()));
}

#[test]
fn a_hostile_query_is_cut_short_and_a_hostile_entry_fills_nothing() {
    assert!(find(&("é".repeat(5_000) + " payroll")).is_empty());
    assert_eq!(find(&"payroll ".repeat(10_000)), ["Payroll"]);
    let mut entry = country().remove(0);
    let words = |from: u32| (from..from + 20_000).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    entry.description = words(0);
    entry.keywords = (0..20).map(|n| words(n * 20_000)).collect();
    let terms = terms_of(&entry);
    assert!(terms.len() < 1_200, "{} terms", terms.len());
    let own_name = format!("k{}", entry.member).into_bytes();
    assert!(terms.contains(&own_name), "it is found by its owner's name whatever it says");
    assert!(terms.iter().all(|term| term.len() <= 300), "every term is short");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sets_hold_what_was_put_into_them(
        adds in proptest::collection::vec(any::<u16>(), 0..6_000),
        removes in proptest::collection::vec(any::<u16>(), 0..200),
    ) {
        let mut docs = Docs::default();
        docs.change(&[], &adds);
        docs.change(&removes, &adds[..adds.len().min(5)]);
        let mut model: std::collections::BTreeSet<u16> = adds.iter().copied().collect();
        removes.iter().for_each(|number| { model.remove(number); });
        model.extend(&adds[..adds.len().min(5)]);
        let mut bits = weal_domain::catalogue::Bits::default();
        docs.pour(&mut bits);
        prop_assert_eq!(bits.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(Docs::of(&docs.bytes()), Some(docs.clone()));
        prop_assert_eq!(docs.count_in(&bits), model.len() as u64);
        prop_assert_eq!(docs.is_empty(), model.is_empty());
    }

    #[test]
    fn bytes_of_anybody_are_a_set_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(docs) = Docs::of(&bytes) {
            prop_assert_eq!(docs.bytes(), bytes);
        }
    }

    #[test]
    fn any_words_of_a_title_find_it(title in "\\PC{0,60}", from in 0..20_usize) {
        let mut entry = country().remove(0);
        entry.title.clone_from(&title);
        let entries = numbered(vec![entry]);
        let text: String = title.split_whitespace().skip(from % 5).collect::<Vec<_>>().join(" ");
        let found = Index::of(&entries).hits(&Query { text, ..Query::default() }, &known(&entries), ALL);
        prop_assert_eq!(found.total, 1);
    }
}
