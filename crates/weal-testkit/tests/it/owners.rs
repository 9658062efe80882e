//! One question over products of several nodes: each owner gives its own private release, and one answer comes of all.
//! Whatever is known beforehand to stop one of them stops the question before another is charged.

use std::collections::BTreeSet;

use weal_domain::Refusal;
use weal_domain::agreements::Agreement;
use weal_domain::catalogue::Mode;
use weal_domain::compute::{Answer, Cell};
use weal_node::api::{Answered, Ask, OwnerPart};
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, statistics_terms};

use crate::main_job::payroll;
use crate::unanswered::{agreed_by_a_steward, agreed_by_a_steward_for};

const OWNERS: [&str; 3] = ["north", "south", "west"];
/// What a question costs each owner, by the proposed policy.
const RHO_NANO: u64 = 5_000_000;

const SQL: &str = "SELECT region, COUNT(*) AS heads, AVG(wage) AS mean
  FROM (SELECT region, monthly_wage AS wage FROM north.payroll
        UNION ALL SELECT region, monthly_wage FROM south.payroll WHERE monthly_wage > 0
        UNION ALL SELECT region, monthly_wage FROM west.payroll) AS everywhere
  GROUP BY region HAVING COUNT(*) > 100 ORDER BY mean DESC";

/// Three owners of like products, and one who asks under an agreement with each.
async fn federation(budgets_rho_nano: [u64; 3]) -> (Federation, Vec<Agreement>) {
    let federation = Federation::of(&["north", "south", "west", "asker"]).await;
    for (name, rho_nano) in OWNERS.into_iter().zip(budgets_rho_nano) {
        let offers = vec![(Mode::Statistics, statistics_terms(rho_nano))];
        federation.member(name).publishes("payroll", &payroll(), offers).await;
    }
    let asker = federation.member("asker");
    asker.looks_around().await;
    let mut agreements = Vec::new();
    for name in OWNERS {
        let wish = asker.requests(&format!("{name}.payroll"), Mode::Statistics);
        agreements.push(wish.for_purpose(FRAUD).await.is_agreed());
    }
    (federation, agreements)
}

async fn spent(owner: &MemberNode) -> u64 {
    owner.house().budget_shown("product:payroll").await.expect("a budget").spent.rho_nano
}

async fn nothing_is_spent(federation: &Federation, owners: &[&str]) {
    for name in owners {
        assert_eq!(spent(federation.member(name)).await, 0, "{name} was charged");
    }
}

fn answered(answered: Answered) -> (Answer, Vec<OwnerPart>) {
    let Answered::StatisticsOfOwners { answer, owners } = answered else { panic!("{answered:?}") };
    (answer, owners)
}

/// Which owners charged for their parts.
fn charged(parts: &[OwnerPart]) -> Vec<bool> {
    let is_charged = |part: &OwnerPart| matches!(&*part.answered, Answered::Statistics { receipt, .. } if !receipt.loss.is_zero());
    parts.iter().map(is_charged).collect()
}

async fn refused(asker: &MemberNode, sql: &str) -> Refusal {
    asker.asks(sql).await.expect_err("not all owners can answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_releases_of_three_nodes_are_one_answer_and_a_repeat_is_free_at_each() {
    let (federation, agreements) = federation([500_000_000; 3]).await;
    let asker = federation.member("asker");

    let previewed = asker.asks(&format!("EXPLAIN PRIVACY {SQL}")).await.expect("a preview");
    let Answered::PreviewOfOwners { preview, owners } = previewed else { panic!("{previewed:?}") };
    assert_eq!(owners.len(), 3);
    assert_eq!(preview.loss.rho_nano, 3 * RHO_NANO, "who is in all three loses three times as much");
    assert!(preview.half_widths[0].is_some_and(|half| half > 1.0), "{preview:?}");
    assert!(preview.explanation.iter().any(|said| said.starts_with("South Agency would charge 0.005 rho")));
    nothing_is_spent(&federation, &OWNERS).await;

    let (first, parts) = answered(asker.asks(SQL).await.expect("an answer"));
    assert_eq!(first.rows.len(), 3);
    for (row, region) in first.rows.iter().zip(["west", "south", "north"]) {
        assert_eq!(row[0], Cell::Key(Some(region.into())), "ordered by what was put together");
        let Cell::Estimate { value, low, high } = row[1] else { panic!("{row:?}") };
        assert!(low < value && value < high && (value - 3_000.0).abs() < 1_000.0, "{row:?}");
        assert_eq!(row[3], Cell::Key(Some("north, south, west".into())));
    }
    for (part, agreement) in parts.iter().zip(&agreements) {
        let Answered::Statistics { receipt, budget_before, budget_after, answer, .. } = &*part.answered
        else {
            panic!("{part:?}")
        };
        assert_eq!(receipt.agreement, agreement.id);
        assert_eq!(budget_after.spent.rho_nano - budget_before.spent.rho_nano, RHO_NANO);
        assert!(answer.drawing.is_some(), "each owner's own release, as it was drawn");
        let owner = federation.member(part.member.as_str());
        assert_eq!(spent(owner).await, RHO_NANO);
        // Both ledgers keep the use of each part, under the question that this owner was asked.
        for (node, name) in [(owner, "owner"), (asker, "asker")] {
            let uses = node.house().uses(&node.person, Some(&agreement.id), 10).await.expect("uses");
            assert_eq!(uses.len(), 1, "{name}");
            assert_eq!(uses[0].receipt, *receipt);
        }
    }

    let (again, parts) = answered(asker.asks(SQL).await.expect("the same answer"));
    assert_eq!(again, first);
    for part in &parts {
        let Answered::Statistics { receipt, .. } = &*part.answered else { panic!("{part:?}") };
        assert!(receipt.loss.is_zero(), "a repeat costs nothing");
        assert_eq!(spent(federation.member(part.member.as_str())).await, RHO_NANO);
    }
    let previewed = asker.asks(&format!("EXPLAIN PRIVACY {SQL}")).await.expect("a preview");
    let Answered::PreviewOfOwners { owners, .. } = previewed else { panic!("{previewed:?}") };
    assert!(
        owners.iter().all(|owner| matches!(&*owner.answered, Answered::Preview { given_before: true, .. }))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stops_one_owner_beforehand_costs_nothing_at_the_others() {
    // The third has budget for one question.
    let (mut federation, agreements) = federation([500_000_000, 500_000_000, RHO_NANO]).await;
    let asker = federation.member("asker");

    // What none can answer, and what one of them cannot: the bounds of an owner's columns are its own matter.
    let refusal = refused(asker, &SQL.replace("AVG(wage)", "MEDIAN(wage)")).await;
    assert_eq!(refusal.code, "not-over-owners");
    let of_west = "monthly_wage / (CASE WHEN region = 'west' THEN 0 ELSE 1 END) FROM west";
    let refusal = refused(asker, &SQL.replace("monthly_wage FROM west", of_west)).await;
    assert!(refusal.reason.starts_with("west: "), "{refusal:?}");
    let remedy = refusal.remedy.as_deref().unwrap_or_default();
    assert!(remedy.starts_with("No owner was charged."), "{refusal:?}");
    nothing_is_spent(&federation, &OWNERS).await;

    // A budget that is used up, by a question to this owner alone.
    asker.asks("SELECT COUNT(*) FROM west.payroll").await.expect("an answer");
    let refusal = refused(asker, SQL).await;
    assert_eq!(refusal.code, "owner-budget-exhausted", "{refusal:?}");
    assert!(refusal.reason.starts_with("west: "), "{refusal:?}");
    nothing_is_spent(&federation, &["north", "south"]).await;

    // An owner who is not there.
    federation.member_mut("west").stops().await;
    let asker = federation.member("asker");
    let refusal = refused(asker, SQL).await;
    assert_eq!(refusal.kind, weal_domain::RefusalKind::Unavailable, "{refusal:?}");
    nothing_is_spent(&federation, &["north", "south"]).await;
    federation.member_mut("west").starts().await;

    // An agreement that was revoked.
    let (south, asker) = (federation.member("south"), federation.member("asker"));
    south.revokes(&agreements[1], "The campaign is over.").await;
    let refusal = refused(asker, SQL).await;
    assert_eq!(refusal.code, "agreement-revoked", "{refusal:?}");
    nothing_is_spent(&federation, &["north", "south"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_each_owner_gave_is_free_when_the_rest_is_asked_again() {
    let (federation, agreements) = federation([500_000_000; 3]).await;
    let (asker, west) = (federation.member("asker"), federation.member("west"));
    // One cannot answer when the others have: its file is not where it should be.
    let file = west.folder.products().join("payroll/1.parquet");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).expect("moved");
    let refusal = refused(asker, SQL).await;
    std::fs::rename(&aside, &file).expect("moved back");
    assert_eq!(refusal.code, "could-not-be-answered", "{refusal:?}");
    assert!(refusal.reason.starts_with("west: "), "{refusal:?}");
    let remedy = refusal.remedy.as_deref().unwrap_or_default();
    assert!(remedy.contains("North Agency and South Agency answered and charged for it"), "{refusal:?}");
    assert_eq!(spent(federation.member("north")).await, RHO_NANO);
    // One ends its agreement, and a new one is made: only the answer under that is new.
    let (first, parts) = answered(asker.asks(SQL).await.expect("an answer"));
    assert_eq!(charged(&parts), [false, false, true]);
    west.revokes(&agreements[2], "Another one is made.").await;
    refused(asker, SQL).await;
    let _ = agreed_by_a_steward(west, asker).await;
    let (second, parts) = answered(asker.asks(SQL).await.expect("an answer"));
    assert_ne!(first, second);
    assert_eq!(charged(&parts), [false, false, true]);

    // With two agreements about one product, somebody has to say for which purpose.
    let other = agreed_by_a_steward(west, asker).await;
    let refusal = refused(asker, SQL).await;
    assert_eq!(refusal.code, "several-agreements");
    assert!(refusal.remedy.as_ref().is_some_and(|remedy| remedy.contains(&other)), "{refusal:?}");
    let agreement = Some(format!("{},{other}", agreements[0].id));
    let ask = Ask { sql: SQL.into(), preview: false, loss: None, format: None, agreement };
    let (_, parts) = answered(asker.asks_with(ask).await.expect("an answer"));
    let Answered::Statistics { agreement, .. } = &*parts[2].answered else { panic!("{parts:?}") };
    assert_eq!(*agreement, other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_agreed_upon_are_still_put_together_here() {
    let federation = Federation::of(&["north", "south", "asker"]).await;
    let asker = federation.member("asker");
    for name in ["north", "south"] {
        let csv = format!("region,inhabitants\n{name},1000\n");
        federation.member(name).publishes("regions", &csv, vec![(Mode::Extract, open_terms())]).await;
    }
    asker.looks_around().await;
    for name in ["north", "south"] {
        let _ =
            asker.requests(&format!("{name}.regions"), Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    }
    let sql = "SELECT MAX(inhabitants) FROM (SELECT * FROM north.regions UNION ALL SELECT * FROM south.regions) AS both";
    let outcome = asker.asks(sql).await.expect("rows");
    assert!(matches!(&outcome, Answered::Rows { rows, .. } if rows == &[[1000]]), "{outcome:?}");
}

const JOINED: &str = "SELECT COUNT(*) AS heads FROM (
  SELECT a.region FROM north.payroll AS a JOIN north.pensions AS b ON a.person_id = b.person_id
  UNION ALL SELECT region FROM south.payroll) AS both";

/// One owner of two products, another of one, and who asks under an agreement about each.
async fn with_pensions() -> (Federation, Vec<Agreement>) {
    let federation = Federation::of(&["north", "south", "asker"]).await;
    for (name, product) in [("north", "payroll"), ("north", "pensions"), ("south", "payroll")] {
        let offers = vec![(Mode::Statistics, statistics_terms(500_000_000))];
        federation.member(name).publishes(product, &payroll(), offers).await;
    }
    let asker = federation.member("asker");
    asker.looks_around().await;
    let mut agreements = Vec::new();
    for product in ["north.payroll", "north.pensions", "south.payroll"] {
        agreements.push(asker.requests(product, Mode::Statistics).for_purpose(FRAUD).await.is_agreed());
    }
    (federation, agreements)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_part_of_one_owner_may_join_its_own_products() {
    let (federation, _) = with_pensions().await;
    let (answer, parts) = answered(federation.member("asker").asks(JOINED).await.expect("an answer"));
    let Cell::Estimate { value, .. } = answer.rows[0][0] else { panic!("{answer:?}") };
    assert!((value - 6_000.0).abs() < 1_000.0, "{answer:?}");
    let Answered::Statistics { also, .. } = &*parts[0].answered else { panic!("{parts:?}") };
    assert_eq!(also.len(), 1, "both of its products are charged");
    let pensions =
        federation.member("north").house().budget_shown("product:pensions").await.expect("a budget");
    assert_eq!(pensions.spent.rho_nano, RHO_NANO);
}

/// Two agreements about one product for one purpose, so that nothing but the choice tells which is charged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_each_product_that_a_part_joins_the_chosen_agreement_is_charged() {
    let (federation, agreements) = with_pensions().await;
    let (north, asker) = (federation.member("north"), federation.member("asker"));
    let payroll = &agreements[0].id;
    let other = agreed_by_a_steward_for(north, asker, ("north.pensions", FRAUD)).await;
    assert_eq!(refused(asker, JOINED).await.code, "several-agreements");
    let under = |chosen: String| Ask {
        sql: JOINED.into(),
        preview: false,
        loss: None,
        format: None,
        agreement: Some(chosen),
    };
    let refusal = asker.asks_with(under(format!("{payroll},urn:uuid:none"))).await.expect_err("not held");
    assert_eq!(refusal.code, "agreement-missing", "{refusal:?}");
    for pensions in [&agreements[1].id, &other.id] {
        let asked = asker.asks_with(under(format!("{payroll},{pensions}"))).await.expect("an answer");
        let (_, parts) = answered(asked);
        let Answered::Statistics { receipt, also, .. } = &*parts[0].answered else { panic!("{parts:?}") };
        let charged = BTreeSet::from([&receipt.agreement, &also[0].receipt.agreement]);
        assert_eq!(charged, BTreeSet::from([payroll, pensions]));
    }
}
