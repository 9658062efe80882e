//! Two nodes of ours among themselves, from the release binary, driven over the local API of the consumer. They
//! do what they always do: signed tokens, membership, policies, every state and every use sealed to disk.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::load::{self, Load};
use super::{Figures, Plan};
use crate::api::Api;
use crate::bench::nodes::{Node, run};
use crate::bench::{PURPOSE, federate, median, timed};

const DATA: &str = "mars,incomes\n1,52\n2,48\n";
const PRODUCT: &str = "incomes";
const WAIT_MS: u64 = 60_000;
/// These protect a node from its peers; two that do nothing but talk are not to be held back by them.
const RAISED: [&str; 2] = ["requests_per_minute_max", "negotiations_per_peer_max"];
const LIMIT: u32 = 10_000_000;

pub(super) fn measure(weal: &str, place: &Path, plan: Plan) -> Result<Figures, String> {
    let mut governing = Node::make(weal, place, "council", &["--governs"])?;
    let mut owner = Node::make(weal, place, "revenue", &[])?;
    let mut asker = Node::make(weal, place, "welfare", &[])?;
    for node in [&owner, &asker] {
        unlimited(node)?;
    }
    let mut starts = Vec::new();
    for _ in 0..plan.starts {
        owner.stop();
        starts.push(owner.start()?);
    }
    governing.start()?;
    asker.start()?;
    federate(weal, &governing, &[&owner, &asker])?;
    publish_first(weal, &owner, place)?;
    std::thread::sleep(plan.idle_after);
    let idle_mib = owner.resident_mib().unwrap_or(f64::NAN);
    let exchange = exchanges(&asker, plan)?;
    let Load { per_second, failed_percent, memory_mib } = under_load(&owner, &asker, plan)?;
    let catalogue = catalogues(&owner, &asker, plan)?;
    Ok(Figures {
        exchange,
        negotiations_per_second: per_second,
        failed_percent,
        start: median(starts),
        idle_mib,
        loaded_mib: memory_mib,
        catalogue,
    })
}

pub(crate) fn unlimited(node: &Node) -> Result<(), String> {
    let file = node.folder.join("weal.toml");
    let raised = |line: &str| match line.split_once(" = ") {
        Some((key, _)) if RAISED.contains(&key) => format!("{key} = {LIMIT}\n"),
        _ => format!("{line}\n"),
    };
    let said: String = crate::read(&file)?.lines().map(raised).collect();
    std::fs::write(&file, said).map_err(|cause| format!("{}: {cause}", file.display()))
}

pub(crate) fn publish_first(weal: &str, owner: &Node, place: &Path) -> Result<(), String> {
    let file = place.join("incomes.csv");
    std::fs::write(&file, DATA).map_err(|cause| cause.to_string())?;
    let (file, folder) = (file.display().to_string(), owner.folder.display().to_string());
    let what = ["publish", &file, "--name", PRODUCT, "--subject", "none", "--class", "open"];
    run(weal, &[&what[..], &["--offer", "extract", "--yes", "--node", &folder]].concat()).map(|_| ())
}

fn request(product: &str) -> Value {
    json!({"product": {"member": "revenue", "product": product}, "mode": "extract", "purpose": PURPOSE,
           "wait_ms": WAIT_MS})
}

fn agreement_in(answer: &Value) -> Result<String, String> {
    let id = answer["agreement"]["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| format!("no agreement was made: {answer}"))
}

fn exchanges(asker: &Node, plan: Plan) -> Result<Duration, String> {
    let mut api = asker.api()?;
    let mut exchange = || -> Result<(), String> {
        api.post("/catalogue/refresh", &json!(null))?;
        let agreement = agreement_in(&api.post("/requests", &request(PRODUCT))?)?;
        let sql = format!("SELECT mars, incomes FROM revenue.{PRODUCT}");
        let answer = api.post("/questions", &json!({"sql": sql, "agreement": agreement}))?;
        if answer.to_string().contains("52") { Ok(()) } else { Err(format!("not the data: {answer}")) }
    };
    exchange()?;
    let took: Result<Vec<_>, String> =
        (0..plan.exchanges).map(|_| timed(&mut exchange).map(|(took, ())| took)).collect();
    Ok(median(took?))
}

fn under_load(owner: &Node, asker: &Node, plan: Plan) -> Result<Load, String> {
    let worker = || {
        let mut api = asker.api()?;
        Ok(move || Ok(agreement_in(&api.post("/requests", &request(PRODUCT))?).is_ok()))
    };
    let memory = || Some(owner.resident_mib()?.max(asker.resident_mib()?));
    load::run(plan, worker, memory)
}

fn catalogues(owner: &Node, asker: &Node, plan: Plan) -> Result<Duration, String> {
    let mut own = owner.api()?;
    let shown = own.get(&format!("/products/{PRODUCT}"))?;
    let terms = shown["offers"][0]["terms"].clone();
    if terms.is_null() {
        return Err(format!("the first product has no offer: {shown}"));
    }
    // One is there already; one more before each look, so that nothing is answered from memory.
    let before = plan.products - plan.catalogues;
    for number in 1..before {
        publish(&mut own, number, &terms)?;
    }
    let mut api = asker.api()?;
    let mut took = Vec::new();
    for number in before..plan.products {
        publish(&mut own, number, &terms)?;
        let (time, refreshed) = timed(|| api.post("/catalogue/refresh", &json!(null)))?;
        if refreshed["entries"].as_u64() != Some(number as u64 + 1) {
            return Err(format!("not {} products: {refreshed}", number + 1));
        }
        took.push(time);
    }
    Ok(median(took))
}

fn publish(own: &mut Api, number: usize, terms: &Value) -> Result<(), String> {
    let name = format!("{PRODUCT}{number}");
    let upload = own.post("/uploads", &json!(null))?["upload"].as_str().unwrap_or_default().to_owned();
    own.send("PUT", &format!("/uploads/{upload}/data.csv"), "text/csv", DATA.as_bytes())?;
    own.post(&format!("/uploads/{upload}/inspect"), &json!({}))?;
    let product = json!({
        "upload": upload, "name": name, "title": format!("Incomes {number}"),
        "description": "Made for a benchmark.", "classification": "open", "privacy": null,
        "offers": [{"product": name, "mode": "extract", "terms": terms}],
    });
    own.post("/products", &product).map(|_| ())
}
