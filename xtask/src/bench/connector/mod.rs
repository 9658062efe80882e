//! `cargo xtask bench connector`: two nodes of ours and two reference connectors, each pair among itself, on the
//! same machine in one run. The connector is measured with its polling as it comes and at its fastest. Prints a
//! table and writes nothing.

mod edc;
mod load;
mod ours;

use std::path::Path;
use std::time::Duration;

use super::{Place, build, machine, ms};
use crate::edc::{Assembly, Kind, Polling};
pub(crate) use ours::{publish_first, unlimited};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    starts: usize,
    /// Whole exchanges, one at a time.
    exchanges: usize,
    /// Negotiations at once, and how long the load lasts.
    at_once: usize,
    warm_up: Duration,
    load: Duration,
    /// Products in the catalogue, and how often it is asked for.
    products: usize,
    catalogues: usize,
    idle_after: Duration,
}

impl Plan {
    const WHOLE: Self = Self {
        starts: 5,
        exchanges: 20,
        at_once: 64,
        warm_up: Duration::from_secs(10),
        load: Duration::from_secs(30),
        products: 10_000,
        catalogues: 5,
        idle_after: Duration::from_secs(10),
    };
    /// Enough to see that everything works.
    const QUICK: Self = Self {
        starts: 1,
        exchanges: 3,
        at_once: 64,
        warm_up: Duration::from_secs(2),
        load: Duration::from_secs(5),
        products: 200,
        catalogues: 2,
        idle_after: Duration::from_secs(2),
    };
}

/// What one kind of connector did.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// From a catalogue request over FINALIZED to the first byte, median.
    exchange: Duration,
    negotiations_per_second: f64,
    /// Of these under load, how many of a hundred were not finalised.
    failed_percent: f64,
    /// From the start of the process to its being ready, median.
    start: Duration,
    idle_mib: f64,
    /// The most that the busier of the two held under load.
    loaded_mib: f64,
    /// One request for the whole catalogue, through the consumer, median.
    catalogue: Duration,
}

#[derive(Debug, Default)]
struct Options {
    weal: Option<String>,
    quick: bool,
    only: Option<String>,
}

pub(crate) fn connector(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let options = options(root, arguments)?;
    let plan = if options.quick { Plan::QUICK } else { Plan::WHOLE };
    let wanted = |side: &str| options.only.as_deref().is_none_or(|only| only == side);
    let place = Place::make()?;
    let assembly = Assembly::make(root, Kind::Mock)?;
    let (mut columns, mut weal) = (Vec::new(), String::new());
    if wanted("weal") {
        weal = match options.weal {
            Some(weal) => weal,
            None => build(root)?,
        };
        eprintln!("two nodes of ours");
        columns.push(("weal".to_owned(), ours::measure(&weal, &place.0, plan)?));
    }
    if wanted("edc") {
        for (polling, name) in [(Polling::Fastest, "fastest polling"), (Polling::Default, "default polling")]
        {
            eprintln!("two reference connectors, {name}");
            let figures = edc::measure(&assembly, &place.0, polling, plan)?;
            columns.push((format!("EDC {}, {name}", assembly.version), figures));
        }
    }
    Ok(report(&weal, arguments, plan, &columns))
}

fn options(root: &Path, arguments: &[&str]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{option} needs a value\n{}", crate::USAGE));
        match *option {
            "--quick" => options.quick = true,
            "--weal" => options.weal = Some(root.join(value()?).display().to_string()),
            "--only" => match *value()? {
                side @ ("weal" | "edc") => options.only = Some(side.to_owned()),
                _ => return Err(crate::USAGE.to_owned()),
            },
            _ => return Err(crate::USAGE.to_owned()),
        }
    }
    Ok(options)
}

/// One row of the table: how a figure is read and shown, which way is better, and what is aimed at.
struct Row {
    name: String,
    value: fn(&Figures) -> f64,
    shown: fn(f64) -> String,
    better: Better,
    aim: &'static str,
}

fn rows(plan: Plan) -> Vec<Row> {
    let seconds = |value: f64| ms(Duration::from_secs_f64(value));
    let mib = |value: f64| format!("{value:.0} MiB");
    vec![
        Row {
            name: format!(
                "catalogue request to FINALIZED to first byte, one at a time, median of {}",
                plan.exchanges
            ),
            value: |figures| figures.exchange.as_secs_f64(),
            shown: seconds,
            better: Better::Less,
            aim: "50 times",
        },
        Row {
            name: format!(
                "negotiations per second, {} at once, over {} s",
                plan.at_once,
                plan.load.as_secs()
            ),
            value: |figures| figures.negotiations_per_second,
            shown: |value| format!("{value:.1}"),
            better: Better::More,
            aim: "50 times",
        },
        Row {
            name: "negotiations under that load that ended without an agreement".to_owned(),
            value: |figures| figures.failed_percent,
            shown: |value| format!("{value:.1} %"),
            better: Better::Untold,
            aim: "",
        },
        Row {
            name: format!("start-up to ready, median of {}", plan.starts),
            value: |figures| figures.start.as_secs_f64(),
            shown: seconds,
            better: Better::Less,
            aim: "30 times",
        },
        Row {
            name: format!("resident memory, idle for {} s", plan.idle_after.as_secs()),
            value: |figures| figures.idle_mib,
            shown: mib,
            better: Better::Less,
            aim: "10 times",
        },
        Row {
            name: "resident memory under that load, at most".to_owned(),
            value: |figures| figures.loaded_mib,
            shown: mib,
            better: Better::Less,
            aim: "10 times",
        },
        Row {
            name: format!(
                "catalogue of {} products, one request, median of {}",
                plan.products, plan.catalogues
            ),
            value: |figures| figures.catalogue.as_secs_f64(),
            shown: seconds,
            better: Better::Less,
            aim: "20 times",
        },
    ]
}

fn report(weal: &str, arguments: &[&str], plan: Plan, columns: &[(String, Figures)]) -> String {
    let mut text = format!("command: cargo xtask bench connector {}\n", arguments.join(" "));
    for line in machine::lines(weal) {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&format!("{}\n", machine::java()));
    text.push_str(
        "fastest polling: iteration-wait-millis=1, batch-size=500 for negotiations and transfers\n",
    );
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    text.push_str(&format!("\n| figure | {} | better by | aim |\n", names.join(" | ")));
    text.push_str(&format!("|---|{}---|---|\n", "---|".repeat(columns.len())));
    for row in rows(plan) {
        let values: Vec<f64> = columns.iter().map(|(_, figures)| (row.value)(figures)).collect();
        let shown: Vec<String> = values.iter().map(|value| (row.shown)(*value)).collect();
        let better: Vec<String> = match values.as_slice() {
            [ours, others @ ..] if !weal.is_empty() => {
                others.iter().map(|other| times(*ours, *other, row.better)).collect()
            }
            _ => Vec::new(),
        };
        let better = better.join("; ").trim_matches([';', ' ']).to_owned();
        text.push_str(&format!("| {} | {} | {better} | {} |\n", row.name, shown.join(" | "), row.aim));
    }
    text
}

#[derive(Debug, Clone, Copy)]
enum Better {
    More,
    Less,
    Untold,
}

fn times(ours: f64, other: f64, better: Better) -> String {
    match better {
        Better::More => format!("{:.1} times", ours / other),
        Better::Less => format!("{:.1} times", other / ours),
        Better::Untold => String::new(),
    }
}
