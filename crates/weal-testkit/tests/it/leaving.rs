//! Askers who go away in the middle: what the owner has charged and sealed is in the asker's ledger too.

use std::time::{Duration, Instant};

use weal_domain::catalogue::Mode;
use weal_domain::ledger::Fact;
use weal_node::api::Ask;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, statistics_terms};

use crate::main_job::payroll;

/// Entries of this kind in a node's ledger.
async fn entries(node: &MemberNode, is_kind: fn(&Fact) -> bool) -> usize {
    let (found, _) = node.house().entries_newest(None, 1_000).await.expect("entries");
    found.iter().filter(|(_, entry)| is_kind(&entry.fact)).count()
}

/// Asks, and goes away as soon as the owner has written `is_kind` into its ledger.
async fn leaves_when(asker: &MemberNode, owner: &MemberNode, sql: &str, is_kind: fn(&Fact) -> bool) {
    let ask = Ask { sql: sql.into(), preview: false, loss: None, format: None, agreement: None };
    let before = entries(owner, is_kind).await;
    let seen = async {
        while entries(owner, is_kind).await == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = seen => {}
        _ = asker.house().ask(&asker.person, &ask) => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_who_leaves_after_the_owner_was_asked_still_holds_the_receipt() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(900_000_000))]).await;
    revenue.publishes("regions", "region,seat\nnorth,Aston\n", vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    for (product, mode) in [("revenue.payroll", Mode::Statistics), ("revenue.regions", Mode::Extract)] {
        let agreement = education.requests(product, mode).for_purpose(FRAUD).await.is_agreed();
        education.house().open_line(&agreement).await.expect("a line");
    }
    let is_charged = |fact: &Fact| matches!(fact, Fact::BudgetReserved { .. });
    let is_granted = |fact: &Fact| matches!(fact, Fact::UseGranted { .. });
    for turn in 0..3 {
        // Each a question of its own: what was answered before is not charged.
        let sql = format!("SELECT COUNT(*) AS heads{turn} FROM revenue.payroll");
        leaves_when(education, revenue, &sql, is_charged).await;
        leaves_when(education, revenue, "SELECT seat FROM revenue.regions", is_granted).await;
    }
    let began = Instant::now();
    loop {
        let granted = entries(revenue, is_granted).await;
        let received = entries(education, |fact| matches!(fact, Fact::UseReceived { .. })).await;
        if granted == 6 && received == 6 {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the owner's ledger has {granted} of 6 uses, the asker's {received}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
