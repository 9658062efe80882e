//! What persons say: other offers, acceptance, an end; lines that rest and go on. And where data is fetched.

use std::time::Duration;

use weal_domain::agreements::NegotiationState;
use weal_domain::catalogue::{Approval, Mode, Terms};
use weal_domain::exchange::transfer::TransferState;
use weal_node::api::{Deed, Propose};
use weal_testkit::{FRAUD, Federation, MemberNode, Stranger, open_terms, wire};

use crate::asking::{callback, segment};

/// Looks until it is so, for as long as a busy machine may need.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..2_400 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}

async fn state(node: &MemberNode) -> String {
    let all = node.house().negotiations().await.expect("negotiations");
    all.first().map(|one| one.state.clone()).unwrap_or_default()
}

async fn line(node: &MemberNode) -> (String, String) {
    let all = node.house().transfers().await.expect("transfers");
    all.first().map(|one| (one.id.clone(), one.state.clone())).expect("a transfer")
}

/// Requests the regions, about which a steward decides, until that has arrived and is acknowledged. Answers its pid.
async fn requested(asker: &MemberNode) -> String {
    let requested = asker.requests("revenue.regions", Mode::Extract).without_waiting(FRAUD).await.waits();
    until("the request is acknowledged", async || {
        let mut tx = asker.house().store.read("testkit").await.expect("a look");
        let all = tx.negotiations(1_000).await.expect("negotiations");
        all.iter().all(|(one, _)| one.talk.peer_pid.is_some() && one.talk.awaiting_ack.is_none())
    })
    .await;
    requested.negotiation.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steward_offers_less_and_the_other_side_accepts() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let asks_steward = Terms { approval: Approval::Steward, ..open_terms() };
    revenue.offers_on_paper("regions", Mode::Extract, asks_steward.clone()).await;
    let less = Terms { columns: Some(vec!["region".into()]), ..asks_steward };
    let make = weal_node::api::MakeOffer {
        product: "regions".parse().expect("a name"),
        mode: Mode::Extract,
        terms: less,
    };
    education.looks_around().await;
    let asked = requested(education).await;
    // Made after the request, so that it is not the one that was asked for.
    let less = revenue.house().make_offer(&revenue.person, make).await.expect("it is offered");
    let own = revenue.house().negotiations().await.expect("negotiations").pop().expect("one").id;
    revenue.house().offer_instead(&revenue.person, &own, &less.id).await.expect("it is said");
    until("the offer arrives", async || state(education).await == "OFFERED").await;

    education.house().accept_offer(&education.person, &asked).await.expect("it is said");
    until("it is in force", async || {
        state(education).await == "FINALIZED" && state(revenue).await == "FINALIZED"
    })
    .await;
    let agreement = education.house().agreements().await.expect("agreements").pop().expect("one");
    assert_eq!(agreement.terms.columns, Some(vec!["region".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steward_proposes_and_the_other_side_accepts_or_not() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let for_education = Terms { recipients: vec![education.did()], ..open_terms() };
    let offer = revenue.offers_on_paper("regions", Mode::Extract, for_education).await;
    let to = |member: &MemberNode| Propose {
        offer: offer.clone(),
        member: member.did(),
        purpose: FRAUD.parse().expect("a purpose"),
        legal_basis: None,
        callback: None,
    };
    let house = revenue.house();
    let elsewhere = house.propose(&revenue.person, to(federation.member("welfare"))).await;
    assert!(elsewhere.is_err(), "the offer is for another member");
    let unasked = Propose { callback: Some("http://127.0.0.1:9/".into()), ..to(education) };
    assert!(house.propose(&revenue.person, unasked).await.is_err(), "PE-1: not the member's own origin");

    let own = house.propose(&revenue.person, to(education)).await.expect("it is sent").own_pid;
    until("the offer arrives", async || state(education).await == "OFFERED").await;
    let theirs = education.house().negotiations().await.expect("negotiations").pop().expect("one").id;
    education.house().accept_offer(&education.person, &theirs).await.expect("it is said");
    until("it is in force", async || {
        state(education).await == "FINALIZED" && state(revenue).await == "FINALIZED"
    })
    .await;
    assert!(house.negotiation(&own).await.expect("known").agreement.is_some());
    education.house().agreements().await.expect("agreements").pop().expect("an agreement");

    let own = house.propose(&revenue.person, to(education)).await.expect("it is sent").own_pid;
    until("the second offer arrives", async || state(education).await == "OFFERED").await;
    let theirs = education.house().negotiations().await.expect("negotiations");
    let theirs = theirs.iter().find(|one| one.state == "OFFERED").expect("an offer").id.clone();
    house.withdraw_offer(&revenue.person, offer.as_str()).await.expect("it is withdrawn");
    education.house().accept_offer(&education.person, &theirs).await.expect("it is said");
    until("the word is not kept, and said so", async || {
        house.negotiation(&own).await.expect("known").state == NegotiationState::Terminated
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_ends_what_waits() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let asks_steward = Terms { approval: Approval::Steward, ..open_terms() };
    revenue.offers_on_paper("regions", Mode::Extract, asks_steward).await;
    education.looks_around().await;
    let id = requested(education).await;
    let house = education.house();
    let unsaid = house.end_negotiation(&education.person, &id, " ").await;
    assert!(unsaid.is_err(), "an end needs a reason");
    house.end_negotiation(&education.person, &id, "No longer needed.").await.expect("it is said");
    until("both know", async || {
        state(revenue).await == "TERMINATED" && state(education).await == "TERMINATED"
    })
    .await;
    let over = house.end_negotiation(&education.person, &id, "Again.").await;
    assert!(over.is_err(), "what is over cannot be ended");
    assert!(house.retry_negotiation(&education.person, &id).await.is_err(), "nothing waits to be sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_rests_and_goes_on_as_persons_say() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", "region,n\nnorth,1\n", vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let wish = education.requests("revenue.regions", Mode::Extract);
    let agreement = wish.for_purpose(FRAUD).await.is_agreed();
    let house = education.house();
    house.fetch_rows(&agreement, &education.person).await.expect("rows");
    let started = (TransferState::Started.as_str(), TransferState::Suspended.as_str());

    let (theirs, _) = line(revenue).await;
    let rest = Deed::Suspend { reason: "The source is checked.".into() };
    revenue.house().decide_transfer(&revenue.person, &theirs, rest.clone()).await.expect("it is said");
    until("both rest", async || line(education).await.1 == started.1 && line(revenue).await.1 == started.1)
        .await;
    revenue.house().decide_transfer(&revenue.person, &theirs, Deed::Start).await.expect("it is said");
    until("both go on", async || line(education).await.1 == started.0 && line(revenue).await.1 == started.0)
        .await;
    house.fetch_rows(&agreement, &education.person).await.expect("rows, with the new secret");

    let (ours, _) = line(education).await;
    house.decide_transfer(&education.person, &ours, rest).await.expect("it is said");
    until("both rest", async || line(revenue).await.1 == started.1 && line(education).await.1 == started.1)
        .await;
    house.decide_transfer(&education.person, &ours, Deed::Start).await.expect("it is said");
    until("both go on", async || line(revenue).await.1 == started.0 && line(education).await.1 == started.0)
        .await;
    house.fetch_rows(&agreement, &education.person).await.expect("rows, with the old secret");
    house.decide_transfer(&education.person, &ours, Deed::Complete).await.expect("it is said");
    until("both are done", async || {
        line(revenue).await.1 == "COMPLETED" && line(education).await.1 == "COMPLETED"
    })
    .await;
}

/// `PE-1`: an address for data elsewhere is taken in, and nobody ever goes there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_never_fetched_from_elsewhere() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", "region,n\nnorth,1\n", vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let wish = education.requests("revenue.regions", Mode::Extract);
    let agreement = wish.for_purpose(FRAUD).await.is_agreed();
    education.house().fetch_rows(&agreement, &education.person).await.expect("rows");
    let bystander = Stranger::start(2).await;
    let (ours, theirs) = (line(education).await.0, line(revenue).await.0);
    let say = async |message: &str, more: serde_json::Value| {
        let mut body = serde_json::json!({
            "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
            "@type": message, "@id": message, "providerPid": theirs, "consumerPid": ours,
        });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let path = if message == "TransferStartMessage" { "start" } else { "suspension" };
        let url = format!("{}/transfers/{}/{path}", callback(education), segment(&ours));
        let token = revenue.token_for(&education.did());
        let reply = wire::post(&url, Some(&token), body.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    say("TransferSuspensionMessage", serde_json::json!({})).await;
    let address = serde_json::json!({
        "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": bystander.origin,
    });
    say("TransferStartMessage", serde_json::json!({ "dataAddress": address })).await;
    let fetched = education.house().fetch_rows(&agreement, &education.person).await;
    assert!(fetched.is_err(), "no rows from elsewhere");
    assert_eq!(bystander.connections(), 0, "nobody connected");
}
