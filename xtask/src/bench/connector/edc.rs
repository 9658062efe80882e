//! Two reference connectors among themselves, driven over the management API of the consumer.
//!
//! The data plane is ours on both sides and does next to nothing, so the time is the connectors' own. The end of a
//! negotiation under load is told by the connector's callback, so that nobody's looking costs it anything.

use std::path::Path;
use std::time::Duration;

use super::load::{self, Load};
use super::{Figures, Plan};
use crate::bench::{median, timed};
use crate::edc::{Assembly, Counterparty, DataPlane, Edc, Management, PULL, items, text};
use serde_json::Value;

const DATA: &[u8] = b"mars,incomes\n1,52\n2,48\n";
const PRODUCT: &str = "incomes";
const WAIT_MAX: Duration = Duration::from_secs(120);
/// How often the state of a single negotiation is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A consumer and a provider, ready to talk.
struct Pair {
    consumer: Edc,
    provider: Edc,
    plane: DataPlane,
}

pub(super) fn measure(
    assembly: &Assembly,
    place: &Path,
    polling: crate::edc::Polling,
    plan: Plan,
) -> Result<Figures, String> {
    let start = |id: &str| {
        let addresses = Edc::addresses()?;
        let origin = format!("http://{}", addresses.protocol);
        Edc::start(assembly, place, (id, &origin), addresses, polling, &[])
    };
    let starts: Result<Vec<_>, String> =
        (0..plan.starts).map(|_| start("provider").map(|edc| edc.ready_after)).collect();
    let (provider, consumer) = (start("provider")?, start("consumer")?);
    let pair = Pair { consumer, provider, plane: DataPlane::start(DATA, Vec::new())? };
    for edc in [&pair.provider, &pair.consumer] {
        edc.use_data_plane(&pair.plane.url(), &[PULL])?;
    }
    let mut owner = pair.provider.management();
    owner.offer_all()?;
    owner.add_product(PRODUCT, "Incomes")?;
    std::thread::sleep(plan.idle_after);
    let idle_mib = pair.provider.resident_mib().unwrap_or(f64::NAN);
    pair.measure_rest(&mut owner, median(starts?), idle_mib, plan).map_err(|why| {
        format!("{why}\nprovider:\n{}\nconsumer:\n{}", pair.provider.last_words(), pair.consumer.last_words())
    })
}

impl Pair {
    fn measure_rest(
        &self,
        owner: &mut Management,
        start: Duration,
        idle_mib: f64,
        plan: Plan,
    ) -> Result<Figures, String> {
        let exchange = self.exchanges(plan)?;
        let Load { per_second, failed_percent, memory_mib } = self.load(plan)?;
        let catalogue = self.catalogues(owner, plan)?;
        Ok(Figures {
            exchange,
            negotiations_per_second: per_second,
            failed_percent,
            start,
            idle_mib,
            loaded_mib: memory_mib,
            catalogue,
        })
    }

    fn exchanges(&self, plan: Plan) -> Result<Duration, String> {
        let mut asker = self.consumer.management();
        let provider = Counterparty::from(&self.provider);
        let mut exchange = || -> Result<(), String> {
            let catalogue = asker.catalogue(&provider, 50)?;
            let (dataset, offer) = first_offer(&catalogue)?;
            let negotiation = asker.negotiate(&provider, &dataset, &offer, None)?;
            let agreement = asker.agreement_of(&negotiation, LOOK, WAIT_MAX)?;
            let transfer = asker.transfer(&provider, &agreement, PULL, &self.plane.events_url())?;
            let data = self.plane.started(&transfer, WAIT_MAX)?.fetch()?;
            if data == DATA { Ok(()) } else { Err(format!("{} bytes that are not the data", data.len())) }
        };
        exchange()?;
        let (mut took, mut lost) = (Vec::new(), 0);
        while took.len() < plan.exchanges {
            match timed(&mut exchange) {
                Ok((time, ())) => took.push(time),
                // At its fastest the connector's two sides overtake each other at times and give up. Its time is
                // that of the exchanges that came to their end.
                Err(cause) if cause.contains("is TERMINATED") && lost < plan.exchanges => lost += 1,
                Err(cause) => return Err(cause),
            }
        }
        if lost > 0 {
            eprintln!("{lost} exchanges were given up by the connectors themselves and begun again");
        }
        Ok(median(took))
    }

    fn load(&self, plan: Plan) -> Result<Load, String> {
        let provider = Counterparty::from(&self.provider);
        let catalogue = self.consumer.management().catalogue(&provider, 50)?;
        let (dataset, offer) = first_offer(&catalogue)?;
        let tell = self.plane.events_url();
        let worker = || {
            let mut asker = self.consumer.management();
            let (provider, dataset, offer, tell) = (&provider, &dataset, &offer, &tell);
            Ok(move || {
                let negotiation = asker.negotiate(provider, dataset, offer, Some(tell))?;
                self.plane.finalized(&negotiation, WAIT_MAX)
            })
        };
        let memory = || {
            let both = [self.consumer.resident_mib()?, self.provider.resident_mib()?];
            Some(both[0].max(both[1]))
        };
        load::run(plan, worker, memory)
    }

    fn catalogues(&self, owner: &mut Management, plan: Plan) -> Result<Duration, String> {
        // One is there already.
        for number in 1..plan.products {
            owner.add_product(&format!("{PRODUCT}{number}"), &format!("Incomes {number}"))?;
        }
        let mut asker = self.consumer.management();
        let provider = Counterparty::from(&self.provider);
        let mut ask = || {
            let catalogue = asker.catalogue(&provider, plan.products)?;
            let found = items(&catalogue, "dataset").len();
            if found == plan.products {
                Ok(())
            } else {
                Err(format!("{found} of {} products", plan.products))
            }
        };
        let took: Result<Vec<_>, String> =
            (0..plan.catalogues).map(|_| timed(&mut ask).map(|(took, ())| took)).collect();
        Ok(median(took?))
    }
}

/// The identifier and the first offer of a catalogue's first dataset.
fn first_offer(catalogue: &Value) -> Result<(String, Value), String> {
    let dataset = items(catalogue, "dataset")
        .first()
        .copied()
        .ok_or_else(|| format!("an empty catalogue: {catalogue}"))?;
    let offer = items(dataset, "hasPolicy").first().copied().ok_or_else(|| format!("no offer: {dataset}"))?;
    Ok((text(dataset, "@id")?.to_owned(), offer.clone()))
}
