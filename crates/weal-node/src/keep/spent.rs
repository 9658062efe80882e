//! The budgets of a restored node. The backup knows nothing of what was spent after it was taken, and a budget
//! that comes back could be spent twice: so either a newer export of the same ledger says what was spent, or all
//! that was left counts as spent.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use weal_domain::compute::Loss;
use weal_domain::exchange::UseId;
use weal_domain::ledger::{Entry, Fact};
use weal_store::{ENTRIES_READ_MAX, Tx};
use weal_trust::export;

use super::{KeepError, disk};
use crate::acts::agreements::agreement_account;
use crate::acts::exchange::product_account;
use crate::acts::sha256_hex;
use crate::fault::{Error, Result};
use crate::house::House;

/// What the entries after the backup say was reserved, by account.
#[derive(Debug, Default)]
struct Spent {
    by_account: HashMap<String, Loss>,
    /// Reserved for a use of which no entry says under which agreement.
    open: HashMap<UseId, (String, Loss)>,
    size: u64,
}

impl Spent {
    fn add(&mut self, account: String, loss: Loss) {
        let sum = self.by_account.entry(account).or_default();
        *sum = sum.saturating_add(loss);
    }

    fn read(&mut self, fact: Fact) {
        match fact {
            Fact::BudgetReserved { use_id, product, loss } => {
                let account = product_account(&product);
                self.add(account.clone(), loss);
                self.open.insert(use_id, (account, loss));
            }
            Fact::UseGranted { receipt } if self.open.remove(&receipt.use_id).is_some() => {
                self.add(agreement_account(&receipt.agreement), receipt.loss);
            }
            _ => {}
        }
    }
}

/// Brings the budgets up to date with the export in `ledger`, or closes them; the size of that export, and how many
/// accounts were closed.
pub(super) async fn settle(house: &House, ledger: Option<&Path>) -> Result<(Option<u64>, usize), KeepError> {
    let mut tx = house.store.write("restore.budgets").await.map_err(Error::from)?;
    let spent = match ledger {
        Some(folder) => Some(read(house, &mut tx, folder).await?),
        None => None,
    };
    let closed = charge(&mut tx, spent.as_ref()).await?;
    let ledger_size = tx.ledger_size().await.map_err(Error::from)?;
    let spent_known_to = spent.map(|spent| spent.size);
    let fact = Fact::BackupRestored { ledger_size, spent_known_to };
    house.remember(&mut tx, &house.actor(None), vec![fact]).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok((spent_known_to, closed))
}

async fn charge(tx: &mut Tx, spent: Option<&Spent>) -> Result<usize> {
    let mut closed = 0;
    for account in tx.budget_accounts().await? {
        let left = tx.budget(&account).await?.left();
        let loss = match spent {
            None => left,
            Some(spent) => {
                let known = spent.by_account.get(&account).copied().unwrap_or_default();
                // Of a use that never came to its answer only the product is known.
                let of_agreement = account.starts_with("agreement:");
                let open = spent.open.values().filter(|_| of_agreement);
                open.fold(known, |sum, (_, loss)| sum.saturating_add(*loss))
            }
        };
        closed += usize::from(spent.is_none() && !left.is_zero());
        tx.spend(&account, loss.min(left)).await?;
    }
    Ok(closed)
}

/// Reads a verified export that continues the ledger as restored.
async fn read(house: &House, tx: &mut Tx, folder: &Path) -> Result<Spent, KeepError> {
    let not_ours = |why: &str| KeepError::LedgerNotOurs { path: folder.to_owned(), why: why.to_owned() };
    let mut ours = Vec::new();
    loop {
        let from = ours.len() as u64;
        let page = tx.entries(from..from + ENTRIES_READ_MAX).await.map_err(Error::from)?;
        if page.is_empty() {
            break;
        }
        ours.extend(page.iter().map(|sealed| sha256_hex(&sealed.body)));
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).map_err(disk(&folder.join(name)));
    let path = folder.join(export::ENTRIES_FILE);
    let lines = BufReader::new(File::open(&path).map_err(disk(&path))?);
    let (mut spent, mut same, mut readable) = (Spent::default(), true, true);
    let on_entry = |index: u64, body: &str| match ours.get(usize::try_from(index).unwrap_or(usize::MAX)) {
        Some(held) => same &= *held == sha256_hex(body),
        None => match serde_json::from_str::<Entry>(body) {
            Ok(entry) => spent.read(entry.fact),
            Err(_) => readable = false,
        },
    };
    let (checkpoint, did_json) = (bytes(export::CHECKPOINT_FILE)?, bytes(export::DID_FILE)?);
    let verified = export::verify_export_with(&checkpoint, &did_json, lines, on_entry)
        .map_err(|_| not_ours("it does not verify; see `weal verify`"))?;
    let own_key = house.keys.is_own(&verified.key);
    if verified.did != house.did.as_str() || !own_key || !same {
        return Err(not_ours("it is not a continuation of this node's ledger"));
    }
    if !readable || verified.erased > 0 {
        return Err(not_ours("not all of its entries can be read"));
    }
    if verified.size < ours.len() as u64 {
        return Err(not_ours("it is older than the backup"));
    }
    spent.size = verified.size;
    Ok(spent)
}
