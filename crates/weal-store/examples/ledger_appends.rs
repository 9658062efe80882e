//! How many entries a second a ledger takes, each durable and under its own signed checkpoint before the next.
//!
//! `cargo xtask bench node` runs it in release. Arguments: how many entries (2000), and a folder to write in (a
//! temporary one). Prints one line of JSON.

use std::path::PathBuf;
use std::time::Instant;

use weal_domain::Timestamp;
use weal_domain::identity::Did;
use weal_domain::ledger::{Actor, ENTRY_VERSION, Entry, Fact};
use weal_store::{OpenOptions, Store, sqlite_url};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::keys::NodeKey;
use weal_trust::merkle::Hash;

const ENTRIES: u64 = 2_000;
const ORIGIN: &str = "bench.example/ledger";

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let entries = arguments.next().map_or(Ok(ENTRIES), |given| given.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let store = Store::open(&sqlite_url(&folder.join("bench.db")), OpenOptions::default()).await?;
    let key = NodeKey::from_seed(&[7; 32]);
    let sign = |size: u64, root: Hash| Checkpoint { origin: ORIGIN.to_owned(), size, root }.sign(&key);
    let did: Did = "did:web:bench.example".parse()?;
    let began = Instant::now();
    for index in 0..entries {
        let mut nonce = || {
            let mut bytes = [1; 32];
            bytes[..8].copy_from_slice(&index.to_le_bytes());
            bytes
        };
        let entry = Entry {
            v: ENTRY_VERSION,
            at: Timestamp::from_second(1_795_000_000 + i64::try_from(index)?)?,
            by: Actor { member: did.clone(), role: None, person: None },
            fact: Fact::UseEnded {
                use_id: format!("urn:uuid:00000000-0000-4000-8000-{index:012x}").parse()?,
                rows: index,
                size_bytes: index,
                complete: true,
            },
        };
        let mut tx = store.write("bench").await?;
        tx.append(&[entry], &mut nonce, &sign).await?;
        tx.commit().await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    store.close().await;
    println!("{{\"entries\":{entries},\"seconds\":{seconds:.6}}}");
    Ok(())
}
