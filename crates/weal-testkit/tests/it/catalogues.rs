//! Catalogues of any size between nodes: in pages, only where something changed, and no further than a hostile
//! one may lead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use reqwest::header::{CONTENT_ENCODING, ETAG, IF_NONE_MATCH, LINK};
use serde_json::{Value, json};
use weal_domain::catalogue::{CatalogueFreshness, Mode, Query, Terms};
use weal_domain::identity::Did;
use weal_node::acts::catalogue::Page;
use weal_testkit::{Federation, MemberNode, open_terms, paper};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

fn address(of: &MemberNode) -> String {
    format!("{}/dsp/2025-1/catalog/request", of.origin())
}

/// A request for a page as another node makes it, and yet without its crawler.
fn ask(from: &MemberNode, of: &MemberNode, url: &str, message: &Value) -> reqwest::RequestBuilder {
    client().post(url).bearer_auth(from.token_for(&of.did())).json(message)
}

fn message() -> Value {
    json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"})
}

async fn page(request: reqwest::RequestBuilder) -> (Vec<String>, Option<String>) {
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let link = response.headers().get(LINK).map(|link| link.to_str().expect("text").to_owned());
    let next = link.as_deref().and_then(weal_wire::link::next_in).map(str::to_owned);
    let body: Value = response.json().await.expect("JSON");
    let datasets = body["dataset"].as_array().cloned().unwrap_or_default();
    let name = |dataset: &Value| dataset["dct:title"].as_str().expect("a title").to_owned();
    (datasets.iter().map(name).collect(), next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_comes_in_pages_and_whole_to_those_who_know_of_none() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    for number in 0..7 {
        revenue.offers_on_paper(&format!("p{number}"), Mode::Extract, open_terms()).await;
    }
    let for_council = Terms { recipients: vec![federation.member("council").did()], ..open_terms() };
    revenue.offers_on_paper("p3_closed", Mode::Extract, for_council).await;
    let all: Vec<String> = (0..7).map(|number| format!("p{number}")).collect();
    let url = address(revenue);
    assert_eq!(page(ask(education, revenue, &url, &message())).await, (all.clone(), None));

    let (mut seen, mut next, mut pages) = (Vec::new(), Some(url.clone()), 0);
    while let Some(url) = next {
        assert!(url.starts_with(&revenue.origin()), "{url}");
        let asked =
            ask(education, revenue, &url, &message()).header("prefer", "return=minimal, maxpagesize=3");
        let (names, following) = page(asked).await;
        assert!(names.len() <= 3);
        (seen, next, pages) = ([seen, names].concat(), following, pages + 1);
    }
    assert_eq!((seen, pages), (all, 3));
    // What EDC puts into its requests: it counts instead of following links.
    let counted = |offset: u32| {
        let mut message = message();
        message["filter"] = json!([{"@type": "QuerySpec", "offset": offset, "limit": 5}]);
        message
    };
    assert_eq!(page(ask(education, revenue, &url, &counted(5))).await.0, ["p5", "p6"]);
    assert_eq!(page(ask(education, revenue, &url, &counted(7))).await.0, Vec::<String>::new());

    for broken in ["x", "MTAwIC4uLy4u", "", &"A".repeat(4_000)] {
        let asked = ask(education, revenue, &format!("{url}?page={broken}"), &message());
        let refused = asked.send().await.expect("an answer");
        assert_eq!(refused.status(), 400, "{broken}");
        let error: Value = refused.json().await.expect("JSON");
        assert_eq!((&error["@type"], &error["code"]), (&json!("CatalogError"), &json!("page-unknown")));
    }
    for hidden in ["p3_closed", "nothing"] {
        let dataset =
            format!("{}/dsp/2025-1/catalog/datasets/{}%23{hidden}", revenue.origin(), revenue.did());
        let asked = client().get(dataset.replace("127.0.0.1%3A", "127.0.0.1%253A"));
        let answer = asked.bearer_auth(education.token_for(&revenue.did())).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{hidden}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_is_not_sent_and_what_did_is_sent_compressed() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    let url = address(revenue);
    let first = ask(education, revenue, &url, &message()).header("accept-encoding", "gzip");
    let first = first.send().await.expect("an answer");
    // This client knows no gzip of its own here: it sees what was sent.
    assert!(first.headers().get(CONTENT_ENCODING).is_none_or(|coding| coding == "gzip"));
    let etag = first.headers()[ETAG].clone();
    let held = || ask(education, revenue, &url, &message()).header(IF_NONE_MATCH, etag.clone());
    let fetched = || {
        let token = education.token_for(&revenue.did());
        client()
            .get(&url)
            .bearer_auth(token)
            .header(IF_NONE_MATCH, format!("\"other\", {}", etag.to_str().unwrap()))
    };
    let status = async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status();
    assert_eq!(status(held()).await, 412, "RFC 9110: a POST whose condition failed");
    assert_eq!(status(fetched()).await, 304);

    let for_council = Terms { recipients: vec![federation.member("council").did()], ..open_terms() };
    revenue.offers_on_paper("for_council", Mode::Extract, for_council).await;
    assert_eq!(status(fetched()).await, 304, "what is for others is not felt");
    revenue.offers_on_paper("schools", Mode::Extract, open_terms()).await;
    assert_eq!(status(held()).await, 200);
    assert_eq!(status(fetched()).await, 200);
    let harvest = format!("{}/catalogue.ttl", revenue.origin());
    let etag = client().get(&harvest).send().await.expect("an answer").headers()[ETAG].clone();
    assert_eq!(status(client().get(&harvest).header(IF_NONE_MATCH, etag)).await, 304);
    assert!(etag_says_how_it_was_printed(&etag_of(&client().get(&harvest).send().await.unwrap())));
}

fn etag_of(response: &reqwest::Response) -> String {
    response.headers()[ETAG].to_str().expect("text").to_owned()
}

/// So that whoever holds what a former program printed asks anew.
fn etag_says_how_it_was_printed(etag: &str) -> bool {
    etag.starts_with(&format!("W/\"weal-{}-", weal_wire::dcat::PRINTED_AS))
}

/// A connector of somebody else names each page by itself: the first one's name says nothing of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_a_first_page_is_the_catalogues_where_there_is_no_other_or_it_is_ours() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let did = federation.member("revenue").did();
    federation.member_mut("revenue").stops().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    for (etag, pages, is_kept) in [
        ("\"p1\"", 2, false),
        ("\"p1\"", 1, true),
        ("W/\"weal-1-00ff\"", 2, true),
        ("W/\"wealth\"", 2, false),
    ] {
        let peer = did.clone();
        let (_, task) = impostor(revenue, move |asked| {
            // Looks take turns, so each of them begins with the first page.
            let page = asked % pages;
            let next = if page + 1 < pages { "link: <?p=2>; rel=\"next\"\r\n" } else { "" };
            (format!("etag: {etag}\r\n{next}"), catalogue(&peer, &[format!("d{page}")]))
        });
        education.house().crawl().await.expect("no fault");
        task.abort();
        let _ = task.await;
        let known = education.house().store.read("test").await.unwrap().peer_freshness().await.unwrap();
        let known = known.into_iter().find(|one| one.peer == did).expect("it was looked at");
        assert_eq!((known.failure, known.entries), (None, pages as u64), "{etag} on {pages} pages");
        assert_eq!(known.etag.as_deref(), is_kept.then_some(etag), "{etag} on {pages} pages");
    }
}

const PRODUCTS: usize = 20_000;
const PIECE_BYTES_MAX: usize = 512 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_catalogue_is_never_in_memory_whole() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let house = revenue.house();
    let mut tx = house.store.write("test.fill").await.expect("a transaction");
    for number in 0..PRODUCTS {
        let name = format!("p{number:05}");
        let product = paper(&name, house.clock.now());
        let offer = weal_domain::catalogue::Offer {
            id: format!("urn:uuid:{number}").parse().expect("an IRI"),
            product: product.name.clone(),
            mode: Mode::Extract,
            terms: open_terms(),
            policy: None,
            withdrawn_at: None,
        };
        let stored = weal_store::StoredProduct { path: name, content_sha256: "0".repeat(64), product };
        tx.put_product(&stored).await.expect("it is kept");
        tx.put_offer(&offer).await.expect("it is kept");
    }
    tx.commit().await.expect("it is kept");

    let (mut page, mut seen, mut bytes) = (Page::default(), BTreeSet::new(), 0);
    loop {
        let shown = house.shown_page(&education.did(), page).await.expect("a page");
        let next = shown.next();
        let mut pieces = Box::pin(house.printed_page(shown));
        let mut whole = String::new();
        while let Some(piece) = pieces.next().await {
            // The stream makes a piece when the one before it is taken, so this is all there is at once.
            let piece = piece.expect("it is read");
            assert!(piece.len() <= PIECE_BYTES_MAX, "{} bytes", piece.len());
            bytes += piece.len();
            whole.push_str(&piece);
        }
        let body: Value = serde_json::from_str(&whole).expect("JSON");
        let datasets = body["dataset"].as_array().expect("datasets");
        assert!(datasets.len() <= 10_000);
        for dataset in datasets {
            assert!(seen.insert(dataset["@id"].as_str().expect("an id").to_owned()), "each once");
        }
        match next {
            Some(cursor) => page = Page::of_cursor(&cursor).expect("a cursor of ours"),
            None => break,
        }
    }
    assert_eq!(seen.len(), PRODUCTS);
    assert!(bytes > 30 * PIECE_BYTES_MAX, "{bytes} bytes went through pieces of at most {PIECE_BYTES_MAX}");
}

async fn fresh(of: &MemberNode, owner: &Did) -> CatalogueFreshness {
    let all = of.house().catalogue_freshness().await.expect("freshness");
    all.into_iter().find(|one| one.did == *owner).expect("a member")
}

async fn total(node: &MemberNode, text: &str) -> u64 {
    let query = Query { text: text.into(), ..Query::default() };
    node.house().search(&query, None, 10).await.expect("found").total
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_changed_is_read_again_and_why_a_look_failed_is_said() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    for name in ["regions", "schools", "harbours"] {
        revenue.offers_on_paper(name, Mode::Extract, open_terms()).await;
    }
    let did = revenue.did();
    education.looks_around().await;
    let first = fresh(education, &did).await;
    assert_eq!((first.entries, first.failures, first.failure.clone()), (3, 0, None));
    assert!(first.changed_at.is_some() && first.due_at > first.heard_at);
    education.looks_around().await;
    let second = fresh(education, &did).await;
    assert!(second.heard_at > first.heard_at, "it was asked");
    assert_eq!(second.changed_at, first.changed_at, "and nothing was new");

    let offers =
        revenue.house().show_product(&revenue.person, &"schools".parse().unwrap()).await.unwrap().offers;
    revenue.house().withdraw_offer(&revenue.person, offers[0].id.as_str()).await.expect("withdrawn");
    education.looks_around().await;
    let third = fresh(education, &did).await;
    assert_eq!(third.entries, 2);
    assert!(third.changed_at > first.changed_at);
    assert_eq!((total(education, "schools").await, total(education, "harbours").await), (0, 1));
    // What is known by its text stands beside what is new, before it and after it.
    for name in ["airports", "lakes"] {
        revenue.offers_on_paper(name, Mode::Extract, open_terms()).await;
    }
    education.looks_around().await;
    assert_eq!(fresh(education, &did).await.entries, 4);
    for (text, found) in [("airports", 1), ("harbours", 1), ("lakes", 1), ("regions", 1), ("schools", 0)] {
        assert_eq!(total(education, text).await, found, "{text}");
    }
    for name in ["airports", "lakes"] {
        let shown = revenue.house().show_product(&revenue.person, &name.parse().unwrap()).await.unwrap();
        let offer = shown.offers[0].id.as_str();
        revenue.house().withdraw_offer(&revenue.person, offer).await.expect("withdrawn");
    }
    education.looks_around().await;
    let third = fresh(education, &did).await;
    assert_eq!((third.entries, total(education, "lakes").await), (2, 0));

    federation.member_mut("revenue").stops().await;
    let education = federation.member("education");
    for failures in 1..=2 {
        let refreshed = education.house().crawl().await.expect("crawled");
        assert_eq!(refreshed.unreachable.len(), 1);
        let failed = fresh(education, &did).await;
        assert_eq!((failed.failures, failed.entries, failed.heard_at), (failures, 2, third.heard_at));
        assert!(failed.failure.is_some_and(|why| why.contains("cannot be reached")));
    }
    assert_eq!(total(education, "harbours").await, 1, "what it said last stays");
    federation.member_mut("revenue").starts().await;
    let education = federation.member("education");
    education.looks_around().await;
    assert_eq!(fresh(education, &did).await.failures, 0);
    let figures = education.house().metrics.text();
    assert!(figures.contains("weal_catalogue_entries{member=\"revenue\"} 2"), "{figures}");
}

/// Somebody hostile where a node was: answers the nth request with a head and a body.
fn impostor(
    node: &MemberNode,
    answer: impl Fn(usize) -> (String, String) + Send + 'static,
) -> (Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = node.origin().trim_start_matches("http://").to_owned();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Listening before anybody can come.
    let listener = std::net::TcpListener::bind(&address).expect("the node's own port");
    listener.set_nonblocking(true).expect("a runtime can wait for it");
    let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0_u8; 65_536]).await;
            let (head, body) = answer(count.fetch_add(1, Ordering::SeqCst));
            let length = body.len();
            let text = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{body}"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    (asked, task)
}

/// A page of a catalogue of a connector that is none of ours.
fn catalogue(did: &Did, names: &[String]) -> String {
    let datasets: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "@id": name, "@type": "Dataset",
                "hasPolicy": [{"@id": format!("urn:offer:{name}"), "@type": "Offer", "permission": [{"action": "use"}]}],
                "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "urn:service"}],
            })
        })
        .collect();
    json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "Catalog", "@id": "urn:catalogue",
        "participantId": did, "dataset": datasets,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_catalogue_leads_nowhere() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    federation.member_mut("education").stops().await;
    federation.member_mut("education").config_mut().limits.catalogue_entries_max = 120;
    federation.member_mut("education").starts().await;
    let did = federation.member("revenue").did();
    let bystander = federation.member("council").origin();
    federation.member_mut("revenue").stops().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));

    type Hostile = Box<dyn Fn(usize) -> (String, String) + Send>;
    let of = |did: &Did, hostile: fn(&Did, usize) -> (String, String)| -> Hostile {
        let did = did.clone();
        Box::new(move |asked| hostile(&did, asked))
    };
    let elsewhere = {
        let (did, bystander) = (did.clone(), bystander.clone());
        move |_: usize| (format!("link: <{bystander}/x>; rel=next\r\n"), catalogue(&did, &["a".into()]))
    };
    let cases: Vec<(&str, &str, Hostile)> = vec![
        (
            "a circle",
            "round in a circle",
            of(&did, |did, _| ("link: <?again>; rel=\"next\"\r\n".into(), catalogue(did, &["a".into()]))),
        ),
        (
            "pages without end that bring nothing",
            "do not end",
            of(&did, |did, asked| {
                (format!("link: <?p={asked}>; rel=\"next\"\r\n"), catalogue(did, &["a".into()]))
            }),
        ),
        (
            "entries without end",
            "more than the 120 entries",
            of(&did, |did, asked| {
                let names: Vec<String> = (0..50).map(|number| format!("d{asked}-{number}")).collect();
                (format!("link: <?p={asked}>; rel=\"next\"\r\n"), catalogue(did, &names))
            }),
        ),
        ("another origin", "not under its published origin", Box::new(elsewhere)),
        (
            "another's catalogue",
            "cannot read",
            of(&did, |_, _| {
                let other: Did = "did:web:other.example".parse().expect("a did:web");
                (String::new(), catalogue(&other, &["a".into()]))
            }),
        ),
        ("no JSON", "cannot read", of(&did, |_, _| (String::new(), "<h1>Welcome</h1>".into()))),
    ];
    for (what, why, hostile) in cases {
        let (asked, task) = impostor(revenue, hostile);
        let refreshed = education.house().crawl().await.expect("no fault");
        task.abort();
        let _ = task.await;
        let said = refreshed.unreachable.iter().find(|(member, _)| *member == did);
        assert!(said.is_some_and(|(_, said)| said.contains(why)), "{what}: {refreshed:?}");
        let asked = asked.load(Ordering::SeqCst);
        assert!(asked <= 30, "{what}: asked {asked} times");
        assert!(fresh(education, &did).await.failure.is_some_and(|said| said.contains(why)), "{what}");
    }
    assert!(total(education, "").await <= 120, "no more is kept than may be");
}
