//! `BU-2`: a node that comes back from a backup does not get back what it has spent since.

use std::path::Path;

use weal_domain::catalogue::Mode;
use weal_domain::compute::Loss;
use weal_domain::ledger::Fact;
use weal_node::config::{Config, Folder};
use weal_node::{House, KeepError};
use weal_testkit::{FRAUD, Federation, statistics_terms};

use crate::main_job::payroll;

/// What is granted and spent, by account, and the last fact of the ledger.
async fn budgets(folder: &Path) -> (Vec<(String, Loss, Loss)>, Fact) {
    let folder = Folder::new(folder);
    let config = Config::read(&folder, []).expect("its configuration");
    let house = House::open_beside(config, folder).await.expect("it opens");
    let shown = house.budgets().await.expect("budgets");
    let (entries, _) = house.entries_newest(None, 1).await.expect("the last entry");
    let last = entries.into_iter().next().expect("an entry").1.fact;
    house.store.close().await;
    (shown.into_iter().map(|one| (one.account, one.granted, one.spent)).collect(), last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_after_a_backup_stays_spent() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue
        .publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(50_000_000_000))])
        .await;
    education.looks_around().await;
    let wish = education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD);
    let _agreement = wish.await.is_agreed();
    let question = "SELECT region, COUNT(*) AS heads FROM revenue.payroll GROUP BY region";
    education.asks(question).await.expect("an answer");
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    weal_node::backup(revenue.folder.path().to_owned(), &at("backup")).await.expect("backed up");
    weal_node::export_ledger(revenue.folder.path().to_owned(), &at("older")).await.expect("exported");
    let other = question.replace("heads", "people");
    education.asks(&other).await.expect("an answer after the backup");
    weal_node::export_ledger(revenue.folder.path().to_owned(), &at("newer")).await.expect("exported");
    let (before, _) = budgets(revenue.folder.path()).await;
    assert_eq!(before.len(), 2, "{before:?}");

    let restored = weal_node::restore(&at("backup"), at("closed"), None).await.expect("restored");
    assert_eq!((restored.spent_known_to, restored.budgets_closed), (None, 2));
    let (closed, last) = budgets(&at("closed")).await;
    for (account, granted, spent) in &closed {
        assert_eq!(granted, spent, "nothing is left of {account}");
    }
    assert!(matches!(last, Fact::BackupRestored { spent_known_to: None, .. }), "{last:?}");

    let newer = at("newer");
    let restored = weal_node::restore(&at("backup"), at("counted"), Some(&newer)).await.expect("restored");
    assert_eq!(restored.budgets_closed, 0);
    assert!(restored.spent_known_to.is_some_and(|size| size > restored.ledger_size));
    let (counted, _) = budgets(&at("counted")).await;
    assert_eq!(counted, before, "exactly what was spent is spent");

    // Another node's ledger says nothing of ours, and one that was altered says nothing at all.
    weal_node::export_ledger(education.folder.path().to_owned(), &at("theirs")).await.expect("exported");
    let entries = std::fs::read_to_string(newer.join("entries.ndjson")).expect("entries");
    std::fs::create_dir(at("altered")).expect("a folder");
    for name in ["checkpoint", "did.json"] {
        std::fs::copy(newer.join(name), at("altered").join(name)).expect("copied");
    }
    std::fs::write(at("altered").join("entries.ndjson"), entries.replace("use_granted", "use_granteb"))
        .expect("written");
    for name in ["theirs", "altered"] {
        let refused = weal_node::restore(&at("backup"), at("never"), Some(&at(name))).await;
        assert!(matches!(refused, Err(KeepError::LedgerNotOurs { .. })), "{name}: {refused:?}");
        assert!(!at("never").exists(), "nothing half-restored is left behind");
    }
    // One of the moment of the backup adds nothing.
    let older = at("older");
    weal_node::restore(&at("backup"), at("same"), Some(&older)).await.expect("restored");
}
