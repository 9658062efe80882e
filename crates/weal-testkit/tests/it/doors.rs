//! Bad bodies at every kind of door: a typed refusal, and the node goes on.

use reqwest::Method;
use weal_domain::catalogue::Mode;
use weal_testkit::{Federation, open_terms, wire};

use crate::asking::{callback, contract_request, dsp, local};

fn deep(levels: usize) -> String {
    format!("{}{}", "{\"a\":".repeat(levels), "1".to_owned() + &"}".repeat(levels))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies_are_refused_with_a_reason_and_unknown_members_are_not_minded() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let operator = revenue.operator_token();
    let token = || education.token_for(&revenue.did());
    let request = format!("{}/negotiations/request", dsp(revenue));

    let large = "x".repeat(1024 * 1024 + 1);
    for (url, bearer) in [
        (request.clone(), token()),
        (format!("{}/transfers/request", dsp(revenue)), token()),
        (format!("{}/governance/applications", revenue.origin()), token()),
        (format!("{}/governance/register", revenue.origin()), token()),
        (local(revenue, "/questions"), operator.clone()),
        (local(revenue, "/requests"), operator.clone()),
    ] {
        wire::post(&url, Some(&bearer), large.clone()).await.is_refused(413, "body-too-large");
    }
    let register = format!("{}/governance/register", revenue.origin());
    let council = federation.member("council").token_for(&revenue.did());
    wire::post(&register, Some(&council), vec![0xff_u8, 0xfe, 0x00]).await.is_refused(400, "paper-not-text");

    for body in [deep(65), deep(100_000), "[".repeat(500_000)] {
        let reply = wire::post(&request, Some(&token()), body).await;
        assert!([400, 413].contains(&reply.status) && !reply.code().is_empty(), "{reply:?}");
    }
    let reply = wire::post(&local(revenue, "/questions"), Some(&operator), deep(100_000)).await;
    reply.is_refused(400, "json-wrong");

    let good = contract_request(education, "revenue.regions", "urn:uuid:1", &callback(education)).await;
    let good: serde_json::Value = serde_json::from_str(&good).unwrap();
    for (member, wrong) in [
        ("consumerPid", serde_json::json!(7)),
        ("offer", serde_json::json!([])),
        ("offer", serde_json::json!({"@id": {}})),
        ("@type", serde_json::json!("ContractAgreementMessage")),
        ("callbackAddress", serde_json::Value::Null),
    ] {
        let mut bent = good.clone();
        bent[member] = wrong;
        let reply = wire::post(&request, Some(&token()), bent.to_string()).await;
        assert!(reply.status == 400 && !reply.code().is_empty(), "{member}: {reply:?}");
    }
    for body in ["", "null", "[]", "{", "\u{0}", "{\"@type\":\"ContractRequestMessage\",\"@type\":\"x\"}"] {
        let reply = wire::post(&request, Some(&token()), body).await;
        assert!(reply.status == 400 && !reply.code().is_empty(), "{body}: {reply:?}");
    }
    let reply = wire::post(&local(revenue, "/requests"), Some(&operator), "{\"product\":7}").await;
    reply.is_refused(400, "json-wrong");

    let mut generous = good.clone();
    generous["consumerPid"] = "urn:uuid:2".into();
    generous["somethingOfTomorrow"] = serde_json::json!({"deep": [1, 2, {"er": null}]});
    let reply = wire::post(&request, Some(&token()), generous.to_string()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_addresses_and_too_many_requests_are_refused_with_a_reason() {
    let mut federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let operator = revenue.operator_token();
    for (method, url) in [
        (Method::GET, format!("{}/dsp/2025-1/negotiations/%2e%2e%2f", revenue.origin())),
        (Method::GET, format!("{}/data/x/rows", revenue.origin())),
        (Method::GET, format!("{}/data/x/rows?format=parquet&format=csv", revenue.origin())),
        (Method::GET, format!("{}/ledger/tile/0/999", revenue.origin())),
        (Method::GET, format!("{}/ledger/tile/..%2f..%2fnode-key.pem", revenue.origin())),
        (Method::GET, local(revenue, "/agreements/%00")),
        (Method::POST, local(revenue, "/members/not-a-did/standing")),
    ] {
        let reply = wire::send(method, &url, Some(&operator), &[], "{}").await;
        assert!((400..500).contains(&reply.status) && !reply.code().is_empty(), "{url}: {reply:?}");
        assert!(!reply.text.contains("PRIVATE") && !reply.text.contains("/tmp"), "{reply:?}");
    }
    let metrics = wire::get(&format!("{}/metrics", revenue.origin()), Some(&operator)).await;
    assert!(!metrics.text.contains("weal_invariants_broken_total 1"), "{metrics:?}");
    assert_eq!(wire::get(&local(revenue, "/node"), Some(&operator)).await.status, 200);

    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().limits.requests_per_minute_max = 20;
    federation.member_mut("revenue").starts().await;
    let revenue = federation.member("revenue");
    let mut refused = None;
    for _ in 0..45 {
        let reply = wire::get(&format!("{}/.well-known/did.json", revenue.origin()), None).await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    refused.expect("a limit within two minutes' worth").is_refused(429, "too-many-requests");
}
