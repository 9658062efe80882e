//! Reading the catalogues of the other members, each from its own node.

use std::sync::Arc;

use futures::StreamExt as _;
use weal_domain::Refusal;
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Did;
use weal_wire::Publisher;
use weal_wire::catalogue::entries_of;
use weal_wire::dsp::catalogue::{Catalog, CatalogRequestMessage};

use crate::api::Refreshed;
use crate::fault::{Error, Result};
use crate::house::House;
use crate::http::catalogue::DSP_PATH;
use crate::peers::unavailable;

/// Members asked at once.
const ASKED_AT_ONCE: usize = 8;

impl House {
    /// Asks every other member in good standing for its catalogue.
    pub async fn crawl(self: &Arc<Self>) -> Result<Refreshed> {
        // One look at a time: a slow older look must not write its picture over a newer one's.
        let _turn = self.doors.looking_around.lock().await;
        let ecosystem = self.ecosystem();
        if ecosystem.credential.is_none() {
            return Ok(Refreshed { members_asked: 0, entries: 0, unreachable: Vec::new() });
        }
        let others: Vec<Member> = ecosystem
            .members
            .values()
            .filter(|member| member.did != self.did && member.standing == Standing::Good)
            .cloned()
            .collect();
        let members_asked = others.len();
        let asked: Vec<(Did, Result<usize>)> = futures::stream::iter(others)
            .map(|member| {
                let house = Arc::clone(self);
                async move { (member.did.clone(), house.crawl_member(&member).await) }
            })
            .buffer_unordered(ASKED_AT_ONCE)
            .collect()
            .await;
        let mut refreshed = Refreshed { members_asked, entries: 0, unreachable: Vec::new() };
        for (did, outcome) in asked {
            match outcome {
                Ok(entries) => refreshed.entries += entries,
                Err(Error::Refused(refusal)) => refreshed.unreachable.push((did, refusal.reason)),
                Err(Error::Fault(fault)) => return Err(fault.into()),
            }
        }
        Ok(refreshed)
    }

    async fn crawl_member(&self, member: &Member) -> Result<usize> {
        let url = format!("{}{DSP_PATH}/catalog/request", self.peers.origin(&member.did)?);
        let authorization = self.authorization_for(&member.did)?;
        let body = weal_wire::print(&CatalogRequestMessage { filter: None });
        let reply = self.peers.post_text(&member.did, &url, Some(&authorization), body).await?;
        if !reply.is_success() {
            return Err(unavailable(&member.did, &format!("answered with status {}", reply.status)).into());
        }
        let catalog: Catalog =
            weal_wire::parse(&reply.body).map_err(|cause| unreadable(&member.did, &cause.to_string()))?;
        let publisher = Publisher {
            did: member.did.clone(),
            name: member.name.clone(),
            title: member.title.clone(),
            origin: member.origin.clone(),
        };
        let now = self.clock.now();
        let read = entries_of(catalog, &publisher, now)
            .map_err(|cause| unreadable(&member.did, &cause.to_string()))?;
        for (id, why) in &read.passed_over {
            tracing::info!(member = %member.did, dataset = %id, why, "an entry of a catalogue was passed over");
        }
        let count = read.entries.len();
        let mut tx = self.store.write("catalogue.crawled").await?;
        tx.put_peer_entries(&member.did, &read.entries, now, None).await?;
        tx.commit().await?;
        Ok(count)
    }
}

fn unreadable(member: &Did, why: &str) -> Refusal {
    unavailable(member, &format!("sent a catalogue this node cannot read ({why})"))
}
