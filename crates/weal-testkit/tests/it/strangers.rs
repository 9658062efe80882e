//! What belongs to one member is unknown to every other: the same answer as for what does not exist.

use serde_json::Value;
use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, MemberNode, Stranger, open_terms, wire};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_revocation_counts_however_it_is_worded() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let long = format!("Role: {}\n{}", "x".repeat(5_000), "y\u{202e}".repeat(5_000));
    for reason in [serde_json::json!([]), serde_json::json!([""]), serde_json::json!([long])] {
        let agreement =
            education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
        let (endpoint, _) = line(education, &agreement).await;
        let id = segment(&endpoint.rsplit('/').next().expect("a pid").replace("%3A", ":"));
        let token = || education.token_for(&revenue.did());
        let stands = wire::get(&format!("{}/transfers/{id}", dsp(revenue)), Some(&token())).await;
        let mut terminate = serde_json::json!({
            "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
            "@type": "TransferTerminationMessage",
            "providerPid": stands.json()["providerPid"], "consumerPid": stands.json()["consumerPid"],
            "code": "agreement-revoked",
        });
        if reason != serde_json::json!([]) {
            terminate["reason"] = reason;
        }
        let url = format!("{}/transfers/{id}/termination", dsp(revenue));
        let reply = wire::post(&url, Some(&token()), terminate.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let ours = revenue.house().agreement(&agreement.id).await.expect("known");
        let weal_domain::agreements::AgreementStatus::Revoked { role, reason, .. } = ours.status else {
            panic!("not revoked: {:?}", ours.status)
        };
        assert!(!reason.is_empty() && reason.len() <= 1_000 && role.len() <= 60, "{role}: {reason}");
        assert!(!reason.contains('\u{202e}'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_host_cannot_fill_the_queue_of_applicants_and_a_no_leaves_nothing() {
    let federation = Federation::of(&[]).await;
    let council = federation.member("council");
    let mut strangers = Vec::new();
    for seed in 1..=10 {
        strangers.push(Stranger::start(seed).await);
    }
    let apply = async |at: usize, name: String, title: String, version: u32| {
        let stranger = &strangers[at];
        let application = serde_json::json!({
            "did": stranger.did, "name": name, "title": title, "origin": stranger.origin,
            "charter_version": version,
        });
        let url = format!("{}/governance/applications", council.origin());
        wire::post(&url, Some(&stranger.token(&council.did(), None)), application.to_string()).await
    };
    apply(0, "early".into(), "Early".into(), 9).await.is_refused(409, "charter-version");
    for at in 0..8 {
        let reply = apply(at, format!("agency{at}"), format!("Agency {at}"), 1).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    apply(8, "agency8".into(), "Agency 8".into(), 1).await.is_refused(429, "too-many-applicants");

    let house = council.house();
    house.decline_application(&council.person, &strangers[0].did).await.expect("declined");
    let known = house.members().await.expect("members");
    assert!(known.iter().all(|member| member.did != strangers[0].did), "nothing stays");
    let register = house.signed_papers().await.expect("papers").1;
    let payload = register.split('.').nth(1).expect("a payload");
    let register = String::from_utf8(weal_trust::encoding::from_base64url(payload).expect("base64url"));
    assert!(!register.expect("text").contains(strangers[0].did.as_str()), "nor in the register");
    apply(8, "agency0".into(), "AGENCY  1".into(), 1).await.is_refused(409, "title-taken");
    assert_eq!(apply(8, "agency0".into(), "Agency 0".into(), 1).await.status, 200, "the name is free again");
}
