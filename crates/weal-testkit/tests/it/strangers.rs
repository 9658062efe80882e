//! What belongs to one member is unknown to every other: the same answer as for what does not exist.

use serde_json::Value;
use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

use crate::asking::{callback, dsp, segment};

/// The transfer's address as its consumer keeps it: pid at the provider, endpoint and token.
async fn line(consumer: &MemberNode, agreement: &weal_domain::agreements::Agreement) -> (String, String) {
    let address = consumer.house().open_line(agreement).await.expect("an open line");
    (address.endpoint.clone(), address.property("authorization").expect("a token").to_owned())
}

/// A reply without the identifiers that the asker sent itself.
fn without(reply: &wire::Reply, ids: &[&str]) -> (u16, String) {
    let mut text = reply.text.clone();
    for id in ids {
        text = text.replace(id, "ID");
    }
    (reply.status, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_members_processes_and_tokens_are_unknown_here() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    welfare.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let (endpoint, _) = line(education, &agreement).await;
    let token = || welfare.token_for(&revenue.did());

    // By identifier: negotiations, transfers, agreements.
    let theirs = revenue.house().negotiations().await.expect("negotiations");
    let theirs = theirs.iter().find(|shown| shown.peer == education.did()).expect("theirs").id.clone();
    let transfer = endpoint.rsplit('/').next().expect("a pid").replace("%3A", ":");
    let absent = "urn:uuid:00000000-0000-4000-8000-000000000000";
    for (path, id) in [("negotiations", theirs.as_str()), ("transfers", transfer.as_str())] {
        for base in [dsp(revenue), callback(revenue)] {
            let known = wire::get(&format!("{base}/{path}/{}", segment(id)), Some(&token())).await;
            let unknown = wire::get(&format!("{base}/{path}/{}", segment(absent)), Some(&token())).await;
            assert_eq!(known.status, 404, "{known:?}");
            assert_eq!(without(&known, &[id]), without(&unknown, &[absent]));
        }
    }
    let request = |agreement: &str, pid: &str| {
        serde_json::json!({
            "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
            "@type": "TransferRequestMessage", "consumerPid": pid, "agreementId": agreement,
            "format": "weal:extract", "callbackAddress": callback(welfare),
        })
        .to_string()
    };
    let url = format!("{}/transfers/request", dsp(revenue));
    let id = agreement.id.to_string();
    let known = wire::post(&url, Some(&token()), request(&id, "urn:uuid:t1")).await;
    let unknown = wire::post(&url, Some(&token()), request(absent, "urn:uuid:t1")).await;
    known.is_refused(404, "agreement-unknown");
    assert_eq!(without(&known, &[&id]), without(&unknown, &[absent]));
    let ended = serde_json::json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractNegotiationTerminationMessage", "providerPid": theirs, "consumerPid": "urn:uuid:x",
    });
    let url = format!("{}/negotiations/{}/termination", dsp(revenue), segment(&theirs));
    wire::post(&url, Some(&token()), ended.to_string()).await.is_refused(404, "negotiation-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfers_token_opens_one_line_for_one_member_until_it_ends() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    welfare.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let own = welfare.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let (endpoint, secret) = line(education, &agreement).await;
    let (own_endpoint, own_secret) = line(welfare, &own).await;
    let token = || welfare.token_for(&revenue.did());

    // At the data plane: no token, a wrong one, another's, one's own for another's transfer.
    let rows = |endpoint: &str| format!("{endpoint}/rows?format=csv");
    let ask = async |endpoint: &str, secret: Option<&str>, bearer: String| {
        let mut headers = vec![("weal-person", "p"), ("weal-role", "analyst")];
        headers.extend(secret.map(|secret| ("weal-transfer", secret)));
        wire::send(reqwest::Method::GET, &rows(endpoint), Some(&bearer), &headers, "").await
    };
    ask(&endpoint, None, education.token_for(&revenue.did())).await.is_refused(401, "transfer-token-missing");
    ask(&endpoint, Some("wrong"), education.token_for(&revenue.did()))
        .await
        .is_refused(404, "transfer-unknown");
    ask(&endpoint, Some(&secret), token()).await.is_refused(404, "transfer-unknown");
    ask(&endpoint, Some(&own_secret), token()).await.is_refused(404, "transfer-unknown");
    ask(&own_endpoint, Some(&secret), token()).await.is_refused(404, "transfer-unknown");
    let message = serde_json::json!({"sql": "SELECT 1", "person": "p", "role": "analyst"}).to_string();
    let question = format!("{endpoint}/question");
    wire::send(reqwest::Method::POST, &question, Some(&token()), &[("weal-transfer", &secret)], message)
        .await
        .is_refused(404, "transfer-unknown");

    // After revocation the token opens nothing, with the reason, and the other's line is untouched.
    revenue.revokes(&agreement, "The campaign is over.").await;
    let reply = ask(&endpoint, Some(&secret), education.token_for(&revenue.did())).await;
    assert!([403, 404].contains(&reply.status) && !reply.code().is_empty(), "{reply:?}");
    let id = segment(&own_endpoint.rsplit('/').next().expect("a pid").replace("%3A", ":"));
    let stands = wire::get(&format!("{}/transfers/{id}", dsp(revenue)), Some(&token())).await;
    assert_eq!(stands.json().get("state").and_then(Value::as_str), Some("STARTED"), "{stands:?}");

    // After termination by the consumer likewise.
    let terminate = serde_json::json!({
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "TransferTerminationMessage",
        "providerPid": stands.json()["providerPid"], "consumerPid": stands.json()["consumerPid"],
    });
    let url = format!("{}/transfers/{id}/termination", dsp(revenue));
    let reply = wire::post(&url, Some(&token()), terminate.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    ask(&own_endpoint, Some(&own_secret), token()).await.is_refused(404, "transfer-unknown");
}
