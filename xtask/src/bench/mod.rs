//! `cargo xtask bench node`: the figures of docs/benchmarks.md, from the release binary, on loopback. Prints a
//! table and writes nothing.

mod catalogue;
mod connector;
mod data;
mod machine;
mod nodes;
mod statistics;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::Api;
pub(crate) use catalogue::catalogue;
pub(crate) use connector::{connector, publish_first, unlimited};
pub(crate) use nodes::{Node, run};
pub(crate) use statistics::statistics;

const STARTS: usize = 10;
const AGREEMENTS: usize = 20;
const QUESTIONS: usize = 10;
const IDLE_AFTER: Duration = Duration::from_secs(2);
pub(crate) const PURPOSE: &str = "https://w3id.org/dpv#FraudPreventionAndDetection";

/// Lines of the table: what, figure.
type Rows = Vec<(String, String)>;

pub(crate) fn node(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (weal, data) = options(root, arguments)?;
    let weal = match weal {
        Some(weal) => weal,
        None => build(root)?,
    };
    let place = Place::make()?;
    let (file, about) = data::find(root, data.as_deref(), &place.0)?;
    let mut rows = Rows::new();
    let mut governing = Node::make(&weal, &place.0, "council", &["--governs"])?;
    let mut owner = Node::make(&weal, &place.0, "revenue", &[])?;
    let mut asker = Node::make(&weal, &place.0, "welfare", &[])?;
    starting(&mut owner, &mut rows)?;
    governing.start()?;
    asker.start()?;
    federate(&weal, &governing, &[&owner, &asker])?;
    publishing(&weal, &owner, &file, &about, &mut rows)?;
    let small = small_products(&weal, &owner, &place.0)?;
    agreeing(&owner, &asker, &small, &mut rows)?;
    appends(root, &mut rows)?;
    Ok(report(&weal, arguments, &rows))
}

fn options(root: &Path, arguments: &[&str]) -> Result<(Option<String>, Option<PathBuf>), String> {
    let (mut weal, mut data) = (None, None);
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{option} needs a file\n{}", crate::USAGE))?;
        match *option {
            // Commands run in other folders, so the path is made whole.
            "--weal" => weal = Some(root.join(value).display().to_string()),
            "--data" => data = Some(root.join(value)),
            _ => return Err(crate::USAGE.to_owned()),
        }
    }
    Ok((weal, data))
}

fn build(root: &Path) -> Result<String, String> {
    cargo(root, &["build", "--release"])?;
    Ok(crate::target(root).join("release/weal").display().to_string())
}

pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    eprintln!("cargo {}", arguments.join(" "));
    let status = Command::new("cargo").args(arguments).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo {}: {status}", arguments.join(" "))),
        Err(cause) => Err(format!("cargo: {cause}")),
    }
}

/// A folder that is gone with this value.
pub(crate) struct Place(pub(crate) PathBuf);

/// So many folders may be left of programs that were killed and had our process id.
const PLACES_MAX: u32 = 1_000;

impl Place {
    /// An empty one: what somebody has left under the same name is not taken.
    pub(crate) fn make() -> Result<Self, String> {
        for number in 0..PLACES_MAX {
            let folder = std::env::temp_dir().join(format!("weal-xtask-{}-{number}", std::process::id()));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(format!("{}: {cause}", folder.display())),
            }
        }
        Err(format!("{} is full of folders named weal-xtask", std::env::temp_dir().display()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is the operating system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn starting(node: &mut Node, rows: &mut Rows) -> Result<(), String> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        node.stop();
        took.push(node.start()?);
    }
    rows.push((format!("start-up to the first answer, median of {STARTS}"), ms(median(took))));
    std::thread::sleep(IDLE_AFTER);
    let mib = node.resident_mib().map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.1} MiB"));
    rows.push(("idle memory (resident)".to_owned(), mib));
    Ok(())
}

pub(crate) fn federate(weal: &str, governing: &Node, members: &[&Node]) -> Result<(), String> {
    let (governing_did, governing_folder) = (governing.did(), governing.folder.display().to_string());
    for member in members {
        let folder = member.folder.display().to_string();
        run(weal, &["join", &governing_did, "--node", &folder, "--wait", "0"])?;
        run(weal, &["members", "--admit", &member.did(), "--node", &governing_folder])?;
        run(weal, &["join", &governing_did, "--node", &folder, "--wait", "60"])?;
    }
    Ok(())
}

fn publishing(weal: &str, owner: &Node, file: &Path, about: &str, rows: &mut Rows) -> Result<(), String> {
    let (file, folder) = (file.display().to_string(), owner.folder.display().to_string());
    let began = Instant::now();
    run(
        weal,
        &[
            "publish",
            &file,
            "--name",
            "wages",
            "--subject",
            "RECID",
            "--class",
            "personal",
            "--yes",
            "--node",
            &folder,
        ],
    )?;
    rows.push((format!("publish {about}"), format!("{:.2} s", began.elapsed().as_secs_f64())));
    Ok(())
}

/// Small products of persons, one for each agreement: a second agreement with a budget about the same
/// product would wait for a steward.
fn small_products(weal: &str, owner: &Node, folder: &Path) -> Result<Vec<String>, String> {
    let file = folder.join("small.csv");
    let rows: String = (0..1_000).map(|unit| format!("{unit},{},{}\n", unit % 4, unit * 10)).collect();
    std::fs::write(&file, format!("RECID,MARS,e00200\n{rows}")).map_err(|cause| cause.to_string())?;
    let (file, node) = (file.display().to_string(), owner.folder.display().to_string());
    let names: Vec<String> = (0..AGREEMENTS).map(|number| format!("small{number}")).collect();
    for name in &names {
        let what = ["publish", &file, "--name", name, "--subject", "RECID", "--class", "personal", "--yes"];
        run(weal, &[&what[..], &["--node", &node]].concat())?;
    }
    Ok(names)
}

fn agreeing(owner: &Node, asker: &Node, small: &[String], rows: &mut Rows) -> Result<(), String> {
    let mut api = asker.api()?;
    let mut own = owner.api()?;
    api.post("/catalogue/refresh", &json!(null))?;
    let request = |product: &str| json!({"product": {"member": "revenue", "product": product}, "mode": "statistics", "purpose": PURPOSE, "wait_ms": 20_000});
    let agreement = |answer: &serde_json::Value| {
        let id = answer["agreement"]["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| format!("no agreement was made: {answer}"))
    };
    let (mut agreed, mut first) = (Vec::new(), Vec::new());
    let mut ids = Vec::new();
    for name in small {
        let (took, answer) = timed(|| api.post("/requests", &request(name)))?;
        ids.push(agreement(&answer)?);
        agreed.push(took);
    }
    for name in small {
        first.push(timed(|| api.post("/questions", &json!({"sql": question(name)})))?.0);
    }
    let large = agreement(&api.post("/requests", &request("wages"))?)?;
    let mut paired = |product: &str, id: &str| -> Result<Pair, String> {
        let price = smallest_price(&mut api, product, id)?;
        let ask = |preview: bool| json!({"sql": question(product), "agreement": id, "preview": preview, "loss": price});
        Ok(Pair {
            private: repeat(&mut api, &ask(false))?,
            preview: repeat(&mut api, &ask(true))?,
            plain: repeat(&mut own, &json!({"sql": question(product)}))?,
        })
    };
    let few = paired(&small[0], &ids[0])?;
    let many = paired("wages", &large)?;
    rows.push((format!("request to agreement, median of {AGREEMENTS}"), ms(median(agreed))));
    rows.push((format!("agreement to first answer, median of {AGREEMENTS}"), ms(median(first))));
    rows.push((format!("further answer over 1,000 rows, median of {QUESTIONS}"), ms(few.private)));
    rows.push((format!("further answer over the whole file, median of {QUESTIONS}"), ms(many.private)));
    rows.push((format!("preview, median of {QUESTIONS}"), ms(many.preview)));
    rows.push((format!("1,000 rows without privacy, by their owner, median of {QUESTIONS}"), ms(few.plain)));
    rows.push((
        format!("the whole file without privacy, by its owner, median of {QUESTIONS}"),
        ms(many.plain),
    ));
    let ratio = |private: Duration, plain: Duration| {
        format!("{:.2} times", private.as_secs_f64() / plain.as_secs_f64())
    };
    rows.push(("private against plain, all told".to_owned(), ratio(many.private, many.plain)));
    rows.push((
        "private against plain, for the rows (what 1,000 rows take is taken off both)".to_owned(),
        ratio(many.private.saturating_sub(few.private), many.plain.saturating_sub(few.plain)),
    ));
    Ok(())
}

/// The same question, asked privately, previewed, and asked plainly by the owner.
struct Pair {
    private: Duration,
    preview: Duration,
    plain: Duration,
}

/// What is asked, privately and plainly.
fn question(product: &str) -> String {
    format!("SELECT MARS, COUNT(*), SUM(e00200), AVG(e00200) FROM revenue.{product} GROUP BY MARS")
}

/// A little more loss each time: what was answered at a loss is not computed again at the same.
fn repeat(api: &mut Api, body: &serde_json::Value) -> Result<Duration, String> {
    let mut took = Vec::new();
    let mut body = body.clone();
    for _ in 0..QUESTIONS {
        if let Some(rho) = body["loss"]["rho_nano"].as_u64() {
            body["loss"]["rho_nano"] = json!(rho + 1);
        }
        took.push(timed(|| api.post("/questions", &body))?.0);
    }
    Ok(median(took))
}

/// A loss so small that the budget lasts for the whole benchmark: a fiftieth of what a question costs by default.
fn smallest_price(api: &mut Api, product: &str, agreement: &str) -> Result<serde_json::Value, String> {
    let preview =
        api.post("/questions", &json!({"sql": question(product), "agreement": agreement, "preview": true}))?;
    let mut loss = preview["preview"]["loss"].clone();
    let rho = loss["rho_nano"].as_u64().ok_or_else(|| format!("a preview without a loss: {preview}"))?;
    loss["rho_nano"] = json!((rho / 50).max(1));
    Ok(loss)
}

fn appends(root: &Path, rows: &mut Rows) -> Result<(), String> {
    cargo(root, &["build", "--release", "--package", "weal-store", "--example", "ledger_appends"])?;
    let program = crate::target(root).join("release/examples/ledger_appends").display().to_string();
    let said: serde_json::Value =
        serde_json::from_str(&run(&program, &[])?).map_err(|cause| format!("{program}: {cause}"))?;
    let (entries, seconds) =
        (said["entries"].as_f64().unwrap_or(0.0), said["seconds"].as_f64().unwrap_or(1.0));
    rows.push((
        "ledger appends, each durable and signed (SQLite)".to_owned(),
        format!("{:.0} a second", entries / seconds),
    ));
    Ok(())
}

fn timed<T>(act: impl FnOnce() -> Result<T, String>) -> Result<(Duration, T), String> {
    let began = Instant::now();
    let done = act()?;
    Ok((began.elapsed(), done))
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn ms(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

fn report(weal: &str, arguments: &[&str], rows: &Rows) -> String {
    let mut text = format!("command: cargo xtask bench node {}\n", arguments.join(" "));
    for line in machine::lines(weal) {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str("\n| what | figure |\n|---|---|\n");
    for (what, figure) in rows {
        text.push_str(&format!("| {what} | {figure} |\n"));
    }
    text
}
