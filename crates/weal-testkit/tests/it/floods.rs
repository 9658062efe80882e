//! What one peer can fill of another's node: so many open negotiations, so many entries a minute.

use weal_domain::catalogue::{Approval, Mode, Terms};
use weal_domain::exchange::DataAddress;
use weal_domain::ledger::Fact;
use weal_node::acts::exchange::REFUSALS_PER_MINUTE_MAX;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

use crate::asking::{callback, contract_request, dsp, segment};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_begins_no_more_negotiations_than_it_may_leave_open() {
    let mut federation = Federation::of(&["revenue", "education", "health"]).await;
    federation.member_mut("revenue").config_mut().limits.negotiations_per_peer_max = 2;
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").starts().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let terms = Terms { approval: Approval::Steward, ..open_terms() };
    revenue.offers_on_paper("regions", Mode::Extract, terms).await;
    education.looks_around().await;
    let begins = |node, number: u8| async move {
        let pid = format!("urn:uuid:0000000{number}-1111-4111-8111-111111111111");
        let first = contract_request(node, "revenue.regions", &pid, &callback(node)).await;
        let token = MemberNode::token_for(node, &revenue.did());
        wire::post(&format!("{}/negotiations/request", dsp(revenue)), Some(&token), first).await
    };
    assert_eq!(begins(education, 1).await.status, 201);
    assert_eq!(begins(education, 2).await.status, 201);
    let third = begins(education, 3).await;
    third.is_refused(429, "too-many-negotiations");
    assert!(third.text.contains("2 unfinished negotiations"), "it names the limit: {third:?}");
    assert_eq!(begins(education, 1).await.status, 201, "a repetition begins nothing");
    let health = federation.member("health");
    health.looks_around().await;
    assert_eq!(begins(health, 4).await.status, 201, "others have room of their own");

    // One that is over makes room for another.
    let first = begins(education, 1).await.json();
    let end = serde_json::json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractNegotiationTerminationMessage", "reason": ["Not this year."],
        "providerPid": first["providerPid"], "consumerPid": first["consumerPid"],
    });
    let pid = segment(first["providerPid"].as_str().expect("a pid"));
    let url = format!("{}/negotiations/{pid}/termination", dsp(revenue));
    let token = education.token_for(&revenue.did());
    assert_eq!(wire::post(&url, Some(&token), end.to_string()).await.status, 200);
    assert_eq!(begins(education, 3).await.status, 201);
}

async fn fetches(asker: &MemberNode, owner: &MemberNode, address: &DataAddress) -> wire::Reply {
    let secret = address.property("authorization").expect("a token");
    let headers = [("weal-transfer", secret), ("weal-person", "p"), ("weal-role", "analyst")];
    let url = format!("{}/rows?format=csv", address.endpoint);
    wire::send(reqwest::Method::GET, &url, Some(&asker.token_for(&owner.did())), &headers, "").await
}

/// Entries about single refusals, and what the summaries say of further ones.
async fn refusals(node: &MemberNode) -> (u64, u64) {
    let (entries, _) = node.house().entries_newest(None, 1_000).await.expect("entries");
    entries.iter().fold((0, 0), |(single, summed), (_, entry)| match &entry.fact {
        Fact::UseRefused { code, .. } if code == "agreement-revoked" => (single + 1, summed),
        Fact::UsesRefused { code, count, .. } if code == "agreement-revoked" => (single, summed + count),
        _ => (single, summed),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_uses_are_all_in_the_ledger_and_do_not_fill_it() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let csv = "region,inhabitants\nnorth,4\nsouth,9\n";
    revenue.publishes("regions", csv, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let address = education.house().open_line(&agreement).await.expect("a line");
    assert_eq!(fetches(education, revenue, &address).await.status, 200);
    revenue.revokes(&agreement, "The campaign is over.").await;

    // What is refused after a revocation is remembered as what was refused before it.
    fetches(education, revenue, &address).await.is_refused(403, "agreement-revoked");
    assert_eq!(refusals(revenue).await, (1, 0));
    // More than three minutes take one by one, so that it does not matter at which moment of a minute this begins.
    let asked = REFUSALS_PER_MINUTE_MAX * 3 + 5;
    for _ in 1..asked {
        fetches(education, revenue, &address).await.is_refused(403, "agreement-revoked");
    }
    let (single, _) = refusals(revenue).await;
    assert!(single < asked, "each is an entry of its own");
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").starts().await;
    let (single, summed) = refusals(federation.member("revenue")).await;
    // At most three minutes ran meanwhile.
    assert!(single <= 3 * REFUSALS_PER_MINUTE_MAX && summed > 0, "{single}, {summed}");
    assert_eq!(single + summed, asked, "none is forgotten");
}
