//! `PE-1`: nothing is ever sent to an address that is not the peer's own.

use weal_domain::catalogue::Mode;
use weal_testkit::{Federation, Stranger, open_terms, wire};

use crate::asking::{callback, contract_request, dsp};

/// Addresses that are not `own`, though some look like it; several lead to the bystander.
fn hostile(own: &str, bystander: &str) -> Vec<String> {
    let there = bystander.strip_prefix("http://").expect("an http origin");
    let host = own.strip_prefix("http://").expect("an http origin");
    vec![
        bystander.into(),
        format!("{bystander}/dsp/2025-1/callback"),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://[::ffff:169.254.169.254]/".into(),
        "http://0x7f000001/".into(),
        "http://localhost/".into(),
        "file:///etc/passwd".into(),
        "gopher://127.0.0.1/".into(),
        format!("http://{host}@{there}/"),
        format!("{own}@{there}/"),
        format!("{own}.evil.example/"),
        format!("{own}1/callback"),
        format!("{own}/../callback"),
        format!("{own}/callback?to={there}"),
        format!("{own}/callback#{there}"),
        format!("{own}\\@{there}/"),
        format!("http://user:secret@{host}/callback"),
        format!("https://{host}/callback"),
        own.to_uppercase(),
        String::new(),
        "//".into(),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_address_that_points_elsewhere_is_refused_and_nothing_is_sent() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let bystander = Stranger::start(1).await;
    let hostile = hostile(&education.origin(), &bystander.origin);
    let url = format!("{}/negotiations/request", dsp(revenue));
    for (number, address) in hostile.iter().enumerate() {
        let pid = format!("urn:uuid:hostile-{number}");
        let message = contract_request(education, "revenue.regions", &pid, address).await;
        let reply = wire::post(&url, Some(&education.token_for(&revenue.did())), message).await;
        assert_eq!(reply.status, 400, "{address}: {reply:?}");
        assert!(!reply.code().is_empty(), "{address}: {reply:?}");
    }

    // A transfer's address for data is the provider's own too.
    let agreement = education
        .requests("revenue.regions", Mode::Extract)
        .for_purpose(weal_testkit::FRAUD)
        .await
        .is_agreed();
    let transfer_request = |pid: &str, address: &str| {
        serde_json::json!({
            "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
            "@type": "TransferRequestMessage",
            "consumerPid": pid,
            "agreementId": agreement.id.to_string(),
            "format": "weal:extract",
            "callbackAddress": address,
        })
    };
    let transfers = format!("{}/transfers/request", dsp(revenue));
    for (number, address) in hostile.iter().enumerate() {
        let body = transfer_request(&format!("urn:uuid:transfer-{number}"), address).to_string();
        let reply = wire::post(&transfers, Some(&education.token_for(&revenue.did())), body).await;
        assert_eq!(reply.status, 400, "{address}: {reply:?}");
    }
    // Data is never pushed, wherever to.
    let mut push = transfer_request("urn:uuid:push", &callback(education));
    push["dataAddress"] = serde_json::json!({
        "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": bystander.origin,
        "endpointProperties": [],
    });
    let reply = wire::post(&transfers, Some(&education.token_for(&revenue.did())), push.to_string()).await;
    assert_eq!(reply.status, 400, "{reply:?}");

    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(bystander.connections(), 0, "nobody connected");
    let negotiations = revenue.house().negotiations().await.expect("negotiations");
    assert_eq!(negotiations.len(), 1, "what was refused left nothing behind");
}
