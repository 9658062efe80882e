//! Messages that come twice, late or in another order leave both sides as they were: equal.

use weal_domain::agreements::{Agreement, Negotiation, Side};
use weal_domain::catalogue::Mode;
use weal_domain::ledger::Entry;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

use crate::asking::{callback, contract_request, dsp, segment};

async fn negotiations(node: &MemberNode) -> Vec<Negotiation> {
    let mut tx = node.house().store.read("testkit").await.expect("a look");
    tx.negotiations(1_000).await.expect("negotiations").into_iter().map(|(one, _)| one).collect()
}

/// Negotiations, agreements and ledger size: what a repetition must not move.
async fn picture(node: &MemberNode) -> (Vec<Negotiation>, Vec<Agreement>, u64) {
    let agreements = node.house().agreements().await.expect("agreements");
    let (_, size): (Vec<(u64, Entry)>, u64) =
        node.house().entries_newest(None, 1).await.expect("the ledger's size");
    (negotiations(node).await, agreements, size)
}

/// Until each of its negotiations has ended and everything it said is acknowledged.
async fn until_nothing_is_on_its_way(node: &MemberNode) {
    for _ in 0..2_400 {
        let all = negotiations(node).await;
        if all.iter().all(|one| one.state.is_final() && one.talk.awaiting_ack.is_none()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("something is still on its way: {:#?}", negotiations(node).await);
}

fn message(kind: &str, provider_pid: &str, consumer_pid: &str, turn: Option<u32>) -> serde_json::Value {
    let mut message = serde_json::json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": kind, "providerPid": provider_pid, "consumerPid": consumer_pid,
    });
    if let Some(turn) = turn {
        message["urn:weal:turn"] = turn.into();
    }
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_and_late_messages_leave_both_sides_equal() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    until_nothing_is_on_its_way(revenue).await;
    until_nothing_is_on_its_way(education).await;
    let ours = negotiations(education).await.remove(0);
    let (consumer_pid, provider_pid) =
        (ours.own_pid.clone(), ours.talk.peer_pid.clone().expect("a peer's pid"));
    let before = (picture(revenue).await, picture(education).await);

    // To the provider: the verification again, with a number of then and without any.
    let at = |path: &str| format!("{}/negotiations/{}/{path}", dsp(revenue), segment(&provider_pid));
    let back = |path: &str| format!("{}/negotiations/{}/{path}", callback(education), segment(&consumer_pid));
    for turn in [Some(1), Some(2_048), None] {
        let verified = message("ContractAgreementVerificationMessage", &provider_pid, &consumer_pid, turn);
        let token = education.token_for(&revenue.did());
        let reply = wire::post(&at("agreement/verification"), Some(&token), verified.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut finalized = message("ContractNegotiationEventMessage", &provider_pid, &consumer_pid, turn);
        finalized["eventType"] = "FINALIZED".into();
        let token = revenue.token_for(&education.did());
        let reply = wire::post(&back("events"), Some(&token), finalized.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    // What the state forbids is refused as the protocol says, and moves nothing.
    let mut accepted = message("ContractNegotiationEventMessage", &provider_pid, &consumer_pid, Some(90_000));
    accepted["eventType"] = "ACCEPTED".into();
    let token = education.token_for(&revenue.did());
    assert_eq!(wire::post(&at("events"), Some(&token), accepted.to_string()).await.status, 400);
    let late = message("ContractNegotiationTerminationMessage", &provider_pid, &consumer_pid, Some(90_001));
    let token = education.token_for(&revenue.did());
    assert_eq!(wire::post(&at("termination"), Some(&token), late.to_string()).await.status, 400);
    assert_eq!((picture(revenue).await, picture(education).await), before);

    // The first message of a negotiation twice, at the same moment: one negotiation, the same answer.
    let pid = "urn:uuid:11111111-1111-4111-8111-111111111111";
    let first = contract_request(education, "revenue.regions", pid, &callback(education)).await;
    let url = format!("{}/negotiations/request", dsp(revenue));
    let (one, two) = tokio::join!(
        async { wire::post(&url, Some(&education.token_for(&revenue.did())), first.clone()).await },
        async { wire::post(&url, Some(&education.token_for(&revenue.did())), first.clone()).await },
    );
    assert_eq!((one.status, two.status), (201, 201), "{one:?} {two:?}");
    assert_eq!(one.json()["providerPid"], two.json()["providerPid"]);
    let with_pid = |all: Vec<Negotiation>| {
        all.into_iter().filter(|one| one.talk.peer_pid.as_deref() == Some(pid)).collect::<Vec<_>>()
    };
    assert_eq!(with_pid(negotiations(revenue).await).len(), 1);
    // The same process identifier with another proposal is another thing.
    let bent = first.replace("ScientificResearch", "x").replace("\"urn:weal:terms\"", "\"urn:weal:other\"");
    let reply = wire::post(&url, Some(&education.token_for(&revenue.did())), bent).await;
    assert!([400, 409].contains(&reply.status), "{reply:?}");

    // A transfer is asked for twice: one transfer.
    education.house().open_line(&agreement).await.expect("a line");
    education.house().open_line(&agreement).await.expect("the same line");
    let mut tx = revenue.house().store.read("testkit").await.expect("a look");
    let transfers: Vec<(weal_domain::exchange::Transfer, u64)> =
        tx.transfers_of(&agreement.id).await.expect("transfers");
    assert_eq!(transfers.len(), 1);
    assert_eq!(transfers[0].0.side, Side::Provider);
}
