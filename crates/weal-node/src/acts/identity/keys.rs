//! Turning the node's key: the new one is published first and signs when others have heard of it; the old one is
//! published until all that it signed has expired.

use std::time::Duration;

use weal_domain::Refusal;
use weal_domain::Timestamp;
use weal_domain::identity::{Act, Person, Role};
use weal_domain::ledger::Fact;
use weal_trust::keys::NodeKey;

use crate::api::{KeyShown, KeysShown};
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::keys::{HeldKey, Record, SETTING_KEY_FOLLOWED, SETTING_KEYS, read_key};

/// How long a new key is published before it signs: nodes of ours hold a document for five minutes, strangers for
/// some more.
pub const KNOWN_AFTER: Duration = Duration::from_secs(15 * 60);
/// How long a key that no longer signs is published: longer than what it signed is good. Tokens live minutes, a
/// governing body's status list two days.
pub const SIGNED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// The same for a governing body, whose credentials are good for 90 days.
pub const ISSUED_FOR: Duration = Duration::from_secs(97 * 24 * 3600);
/// The most keys that are published at once.
const KEYS_MAX: usize = 8;

impl House {
    pub fn keys_shown(&self, by: &Person) -> Result<KeysShown> {
        self.require_act(by, Act::Look)?;
        let now = self.clock.now();
        let signing = self.keys.signing(now).record.fragment;
        let all = self.keys.all();
        Ok(KeysShown { keys: all.iter().map(|held| shown(held, &signing, now)).collect() })
    }

    /// Makes the node's next key and publishes it. One turn at a time. Where the one that signs was stolen, it is
    /// published no longer than until the next one signs, and what it signed is good no longer either.
    pub async fn turn_key(&self, by: &Person, stolen: bool) -> Result<KeysShown> {
        let role = self.require_act(by, Act::Operate)?;
        let turning = self.doors.turning.lock().await;
        let now = self.clock.now();
        let all = self.keys.all();
        let next = all.iter().find(|held| held.record.signs_from > now);
        if let Some(next) = next
            && stolen
        {
            let (at, count) = (next.record.signs_from, all.len());
            let mut keys: Vec<HeldKey> = all.as_ref().clone();
            for held in keys.iter_mut().take(count - 1) {
                held.record.retires_at = Some(held.record.retires_at.map_or(at, |known| known.min(at)));
            }
            self.keep_keys(keys, None, (by, role)).await?;
            drop(turning);
            return self.keys_shown(by);
        }
        if let Some(next) = next {
            let at = weal_domain::words::moment(next.record.signs_from);
            return Err(Refusal::conflict("key-turning", format!("The next key signs from {at} on.")).into());
        }
        if self.keys.published(now).len() >= KEYS_MAX {
            return Err(Refusal::conflict("keys-many", format!("{KEYS_MAX} keys are published already."))
                .remedy("Wait until the oldest of them has retired; see `weal keys list`.")
                .into());
        }
        let fragment = next_fragment(&all);
        let key = self.made_key(&fragment)?;
        let signs_from = now + KNOWN_AFTER;
        let kept_for = match self.config.ecosystem.governs {
            _ if stolen => Duration::ZERO,
            true => ISSUED_FOR,
            false => SIGNED_FOR,
        };
        let mut keys: Vec<HeldKey> = all.as_ref().clone();
        for held in &mut keys {
            let until = signs_from + kept_for;
            let known = held.record.retires_at;
            held.record.retires_at =
                Some(known.map_or(until, |known| if stolen { known.min(until) } else { known }));
        }
        let record = Record { fragment: fragment.clone(), published_at: now, signs_from, retires_at: None };
        let thumbprint = key.public().thumbprint();
        keys.push(HeldKey { record, key: key.into() });
        let fact = Fact::KeyPublished { key: fragment, thumbprint, signs_from };
        self.keep_keys(keys, Some(fact), (by, role)).await?;
        drop(turning);
        self.keys_shown(by)
    }

    async fn keep_keys(&self, keys: Vec<HeldKey>, fact: Option<Fact>, by: (&Person, Role)) -> Result<()> {
        let records: Vec<&Record> = keys.iter().map(|held| &held.record).collect();
        let text = serde_json::to_string(&records).map_err(|cause| Fault::new("keeping the keys", cause))?;
        let mut tx = self.store.write("identity.key").await?;
        tx.put_setting(SETTING_KEYS, &text).await?;
        self.remember(&mut tx, &self.actor(Some(by)), Vec::from_iter(fact)).await?;
        tx.commit().await?;
        self.keys.replace(keys);
        self.reload_ecosystem().await?;
        self.wakers.keys.notify_one();
        Ok(())
    }

    /// The key of a fragment: from its file, where a crash left one before it was recorded, or a new one. It is on
    /// disk before anything names it.
    fn made_key(&self, fragment: &str) -> Result<NodeKey> {
        if !self.folder.key_of(fragment).exists() {
            let seed = zeroize::Zeroizing::new(self.entropy.bytes::<32>()?);
            let pem = NodeKey::from_seed(&seed).to_pem();
            crate::private::write(&self.folder.key_of(fragment), pem.as_bytes())
                .map_err(|cause| Fault::new("writing a key of the node", cause))?;
        }
        Ok(read_key(&self.folder, fragment)?)
    }

    /// What has to follow when another key signs than before: the ledger's head is signed by it, and a governing
    /// body's papers. Done once for each key, whenever the node comes to it; how long until the next, if any.
    pub async fn follow_keys(&self) -> Result<Option<Duration>> {
        let turning = self.doors.turning.lock().await;
        let now = self.clock.now();
        let signing = self.keys.signing(now).record.fragment;
        let mut tx = self.store.write("identity.key-follows").await?;
        let followed = tx.setting(SETTING_KEY_FOLLOWED).await?;
        if followed.as_deref().unwrap_or(crate::keys::FIRST_FRAGMENT) != signing {
            let fact = Fact::KeySigns { key: signing.clone() };
            self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
            self.sign_papers_again(&mut tx).await?;
            tx.put_setting(SETTING_KEY_FOLLOWED, &signing).await?;
            tx.commit().await?;
            tracing::info!(key = signing, "another key of this node signs from now on");
            self.reload_ecosystem().await?;
            self.wakers.outbox.notify_one();
        }
        drop(turning);
        let all = self.keys.all();
        let next = all.iter().map(|held| held.record.signs_from).filter(|at| *at > now).min();
        let ms = next.map(|at| at.as_millisecond().saturating_sub(now.as_millisecond()));
        Ok(ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))))
    }
}

/// `key-2` after `key-1`: a fragment is never used twice, because others remember what it named.
fn next_fragment(all: &[HeldKey]) -> String {
    let number = |held: &HeldKey| held.record.fragment.strip_prefix("key-")?.parse::<u64>().ok();
    format!("key-{}", all.iter().filter_map(number).max().unwrap_or(1) + 1)
}

fn shown(held: &HeldKey, signing: &str, now: Timestamp) -> KeyShown {
    let Record { fragment, published_at, signs_from, retires_at } = held.record.clone();
    let state = match retires_at {
        _ if fragment == signing => "signs",
        Some(at) if at <= now => "retired",
        _ if signs_from > now => "published",
        _ => "verifies",
    };
    let thumbprint = held.key.public().thumbprint();
    KeyShown { key: fragment, thumbprint, state: state.into(), published_at, signs_from, retires_at }
}
