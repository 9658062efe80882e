//! What serving a large catalogue takes: run by `cargo xtask bench catalogue`, which prints what this prints. The
//! argument is how many products. Client and node are one process, so memory is an upper bound for the node; the
//! client throws away what it reads.

use std::time::Instant;

use serde_json::{Value, json};
use weal_domain::catalogue::{Mode, Offer};
use weal_testkit::{Federation, MemberNode, open_terms, paper};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const WRITTEN_AT_ONCE: u32 = 5_000;

async fn fill(node: &MemberNode, products: u32) -> Outcome<()> {
    let house = node.house();
    for start in (0..products).step_by(WRITTEN_AT_ONCE as usize) {
        let mut tx = house.store.write("bench.fill").await?;
        for number in start..(start + WRITTEN_AT_ONCE).min(products) {
            let name = format!("p{number:06}");
            let product = paper(&name, house.clock.now());
            let offer = Offer {
                id: format!("urn:uuid:{number}").parse()?,
                product: product.name.clone(),
                mode: Mode::Extract,
                terms: open_terms(),
                policy: None,
                withdrawn_at: None,
            };
            let stored = weal_store::StoredProduct { path: name, content_sha256: "0".repeat(64), product };
            tx.put_product(&stored).await?;
            tx.put_offer(&offer).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// The most memory this process has held since it was last asked, in MiB.
fn peak_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    // 5 is the peak alone (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5")?;
    Ok(kib / 1024.0)
}

struct Read {
    bytes: usize,
    status: u16,
    next: Option<String>,
}

async fn read(request: reqwest::RequestBuilder) -> Outcome<Read> {
    let mut response = request.send().await?;
    let link = response.headers().get("link").and_then(|link| link.to_str().ok());
    let next = link.and_then(weal_wire::link::next_in).map(str::to_owned);
    let (status, mut bytes) = (response.status().as_u16(), 0);
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len();
    }
    Ok(Read { bytes, status, next })
}

fn served(what: &str, began: Instant, bytes: usize, requests: u32, before: f64) -> Outcome<Value> {
    let seconds = began.elapsed().as_secs_f64();
    let more_mib = peak_mib()? - before;
    Ok(json!({"what": what, "seconds": seconds, "bytes": bytes, "requests": requests, "more_mib": more_mib}))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let products: u32 = std::env::args().nth(1).ok_or("how many products?")?.parse()?;
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    fill(revenue, products).await?;
    let address = format!("{}/dsp/2025-1/catalog/request", revenue.origin());
    let message = json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"
    });
    // Without gzip here: the client asks for it by itself where it is wanted.
    let client = |gzip| reqwest::Client::builder().no_proxy().gzip(gzip).build();
    let plain = client(false)?;
    let mut rows = Vec::new();
    for (what, coding) in [("over the protocol", "identity"), ("over the protocol, gzip", "gzip")] {
        peak_mib()?;
        let (before, began) = (peak_mib()?, Instant::now());
        let (mut next, mut bytes, mut requests) = (Some(address.clone()), 0, 0);
        while let Some(url) = next {
            let token = education.token_for(&revenue.did());
            let request = plain.post(url).bearer_auth(token).header("accept-encoding", coding).json(&message);
            let page = read(request).await?;
            (next, bytes, requests) = (page.next, bytes + page.bytes, requests + 1);
        }
        rows.push(served(what, began, bytes, requests, before)?);
    }
    let (before, began) = (peak_mib()?, Instant::now());
    let whole = read(plain.get(format!("{}/catalogue.ttl", revenue.origin()))).await?;
    rows.push(served("for harvesters (Turtle)", began, whole.bytes, 1, before)?);

    let first =
        plain.post(&address).bearer_auth(education.token_for(&revenue.did())).json(&message).send().await?;
    let etag = first.headers().get("etag").ok_or("no ETag")?.clone();
    drop(first);
    let (before, began) = (peak_mib()?, Instant::now());
    let token = education.token_for(&revenue.did());
    let unchanged = read(plain.get(&address).bearer_auth(token).header("if-none-match", etag)).await?;
    if unchanged.status != 304 {
        return Err(format!("an unchanged catalogue was answered with {}", unchanged.status).into());
    }
    rows.push(served("that have not changed", began, unchanged.bytes, 1, before)?);
    println!("{}", json!({"products": products, "served": rows}));
    Ok(())
}
