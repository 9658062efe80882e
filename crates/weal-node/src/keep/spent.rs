//! The budgets of a restored node. The backup knows nothing of what was spent after it was taken, and a budget
//! that comes back could be spent twice: so either a newer export of the same ledger says what was spent, or all
//! that was left counts as spent.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use weal_domain::Timestamp;
use weal_domain::catalogue::ProductName;
use weal_domain::compute::{Account, BudgetMove, Charge, Loss};
use weal_domain::exchange::UseId;
use weal_domain::ledger::{Entry, Fact, Receipt};
use weal_store::{ENTRIES_READ_MAX, Tx};
use weal_trust::export;

use super::{KeepError, disk};
use crate::acts::agreements::agreement_account;
use crate::acts::exchange::product_account;
use crate::acts::sha256_hex;
use crate::fault::{Error, Fault, Result};
use crate::house::House;

/// What the entries after the backup say was reserved, by account.
#[derive(Debug, Default)]
struct Spent {
    by_account: HashMap<String, Loss>,
    /// Reserved for a use of which no entry says under which agreement.
    open: HashMap<UseId, (ProductName, Loss)>,
    /// When a product's budget was last renewed.
    renewed: HashMap<ProductName, Timestamp>,
    size: u64,
}

impl Spent {
    fn add(&mut self, account: String, loss: Loss) {
        let sum = self.by_account.entry(account).or_default();
        *sum = sum.saturating_add(loss);
    }

    fn read(&mut self, Entry { at, fact, .. }: Entry) {
        match fact {
            Fact::BudgetReserved { product, loss, charge: Some(charge), .. } => {
                let Charge { agreement, member, person, .. } = charge;
                self.add(agreement_account(&agreement), loss);
                self.add(Account::Member(product.clone(), member.clone()).to_string(), loss);
                self.add(Account::Analyst(product.clone(), member, person).to_string(), loss);
                self.add(product_account(&product), loss);
            }
            // Of before entries said whose question it was.
            Fact::BudgetReserved { use_id, product, loss, charge: None, .. } => {
                self.add(product_account(&product), loss);
                self.open.insert(use_id, (product, loss));
            }
            Fact::UseGranted { receipt } if self.open.remove(&receipt.use_id).is_some() => {
                let Receipt { agreement, product, consumer, person, loss, .. } = receipt;
                self.add(agreement_account(&agreement), loss);
                self.add(Account::Member(product.clone(), consumer.clone()).to_string(), loss);
                self.add(Account::Analyst(product, consumer, person).to_string(), loss);
            }
            Fact::BudgetRenewed { product, .. } => {
                self.renewed.insert(product, at);
            }
            _ => {}
        }
    }

    /// What is known of an account, and of a use that never came to its answer and whose agreement nothing says:
    /// it may have been anybody's.
    fn of(&self, account: &Account) -> Loss {
        let known = self.by_account.get(&account.to_string()).copied().unwrap_or_default();
        let concerns = |product: &ProductName| match account {
            Account::Product(_) => false,
            Account::Agreement(_) => true,
            Account::Member(of, _) | Account::Analyst(of, ..) => of == product,
        };
        let open = self.open.values().filter(|(product, _)| concerns(product));
        open.fold(known, |sum, (_, loss)| sum.saturating_add(*loss))
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
    let closed = charge(house, &mut tx, spent.as_ref()).await?;
    let ledger_size = tx.ledger_size().await.map_err(Error::from)?;
    let spent_known_to = spent.map(|spent| spent.size);
    let fact = Fact::BackupRestored { ledger_size, spent_known_to };
    house.remember(&mut tx, &house.actor(None), vec![fact]).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok((spent_known_to, closed))
}

async fn charge(house: &House, tx: &mut Tx, spent: Option<&Spent>) -> Result<usize> {
    if let Some(spent) = spent {
        open_accounts(tx, spent).await?;
    }
    let mut closed = 0;
    for name in tx.budget_accounts().await? {
        let account: Account =
            name.parse().map_err(|cause| Fault::new("reading the name of an account", cause))?;
        let left = tx.budget(&name).await?.left();
        let loss = spent.map_or(left, |spent| spent.of(&account));
        let is_granted = matches!(account, Account::Product(_) | Account::Agreement(_));
        closed += usize::from(spent.is_none() && is_granted && !left.is_zero());
        tx.spend(&name, loss).await?;
        if let Account::Product(product) = &account
            && !loss.is_zero()
        {
            tx.put_budget_event(product, BudgetMove::Closed { loss }, house.clock.now()).await?;
        }
    }
    // What was renewed once is not renewed again.
    for (product, at) in spent.iter().flat_map(|spent| &spent.renewed) {
        tx.renew_from(product, *at).await?;
    }
    Ok(closed)
}

/// Members and analysts that asked for the first time after the backup: they begin with what they spent.
async fn open_accounts(tx: &mut Tx, spent: &Spent) -> Result<()> {
    for (name, loss) in &spent.by_account {
        let is_share = matches!(name.parse(), Ok(Account::Member(..) | Account::Analyst(..)));
        if is_share {
            let most = tx.budget(name).await?.counted().saturating_add(*loss);
            tx.grant(name, most).await?;
        }
    }
    Ok(())
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
            Ok(entry) => spent.read(entry),
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
