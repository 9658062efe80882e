//! The protocol's addresses answer in the protocol's words, and nobody learns there what is not theirs.

use reqwest::Method;
use serde_json::{Value, json};
use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, open_terms, wire};
use weal_wire::dsp::catalogue::CatalogError;
use weal_wire::dsp::negotiation::ContractNegotiationError;
use weal_wire::dsp::transfer::TransferError;

use crate::asking::{callback, dsp, segment};

const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";
const ABSENT: &str = "urn:uuid:00000000-0000-4000-8000-000000000000";

/// The error that belongs to an address, with its code and the two identifiers.
#[track_caller]
fn typed(path: &str, reply: &wire::Reply) -> (String, String, String) {
    assert_eq!(reply.media_type, "application/json", "{path}: {reply:?}");
    let bytes = reply.text.as_bytes();
    let (code, reason, pids) = if path.contains("/negotiations") {
        let error: ContractNegotiationError = weal_wire::parse(bytes).expect(path);
        (error.code, error.reason, (error.provider_pid, error.consumer_pid))
    } else if path.contains("/transfers") {
        let error: TransferError = weal_wire::parse(bytes).expect(path);
        (error.code, error.reason, (error.provider_pid, error.consumer_pid))
    } else {
        let error: CatalogError = weal_wire::parse(bytes).expect(path);
        (error.code, error.reason, (String::new(), String::new()))
    };
    assert!(!reason.0.is_empty() && reason.0.iter().all(|reason| !reason.is_empty()), "{path}: {reply:?}");
    (code.expect("a code"), pids.0, pids.1)
}

/// Every address of the protocol at a node, with a process where one is named.
fn addresses(base: &str, callback: &str, pid: &str) -> Vec<(Method, String)> {
    let pid = segment(pid);
    let mut all = vec![
        (Method::POST, format!("{base}/catalog/request")),
        (Method::GET, format!("{base}/catalog/datasets/x")),
        (Method::POST, format!("{base}/negotiations/request")),
        (Method::POST, format!("{callback}/negotiations/offers")),
        (Method::POST, format!("{base}/transfers/request")),
    ];
    for (base, paths) in [
        (base, ["request", "events", "agreement/verification", "termination"]),
        (callback, ["offers", "agreement", "events", "termination"]),
    ] {
        all.push((Method::GET, format!("{base}/negotiations/{pid}")));
        all.extend(paths.map(|path| (Method::POST, format!("{base}/negotiations/{pid}/{path}"))));
        all.push((Method::GET, format!("{base}/transfers/{pid}")));
        let paths = ["start", "completion", "suspension", "termination"];
        all.extend(paths.map(|path| (Method::POST, format!("{base}/transfers/{pid}/{path}"))));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_under_the_protocols_addresses_is_said_in_its_own_errors() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let token = || education.token_for(&revenue.did());
    let (base, back) = (dsp(revenue), callback(revenue));
    let used = token();
    wire::get(&format!("{base}/negotiations/x"), Some(&used)).await;
    for (method, url) in addresses(&base, &back, "urn:uuid:p 1/2") {
        let send = |bearer: Option<String>, body: String| {
            let (method, url) = (method.clone(), url.clone());
            async move { wire::send(method, &url, bearer.as_deref(), &[], body).await }
        };
        for (bearer, status, code) in [
            (None, 401, "token-missing"),
            (Some("a.b.c".to_owned()), 401, "token-invalid"),
            (Some(used.clone()), 401, "token-replayed"),
        ] {
            let reply = send(bearer, "{}".into()).await;
            assert_eq!((reply.status, typed(&url, &reply).0.as_str()), (status, code), "{reply:?}");
        }
        if method == Method::GET {
            let reply = wire::post(&url, Some(&token()), "{}").await;
            assert_eq!((reply.status, typed(&url, &reply).0.as_str()), (405, "method-not-allowed"));
            continue;
        }
        for body in ["", "[", "{}", "{\"@type\":7}"] {
            let reply = send(Some(token()), body.into()).await;
            assert_eq!(reply.status, 400, "{url} {body}: {reply:?}");
            typed(&url, &reply);
        }
        let reply = send(Some(token()), "x".repeat(1024 * 1024 + 1)).await;
        assert_eq!((reply.status, typed(&url, &reply).0.as_str()), (413, "body-too-large"));
    }

    // The processes are named as far as they are known: by the address, else by the message.
    let pid = |reply: &wire::Reply, path: &str| typed(path, reply);
    let url = format!("{base}/negotiations/{}/events", segment("urn:uuid:p1"));
    let reply = wire::post(&url, Some(&token()), json!({"consumerPid": "urn:uuid:c1"}).to_string()).await;
    assert_eq!(pid(&reply, &url).1, "urn:uuid:p1");
    assert_eq!(pid(&reply, &url).2, "urn:uuid:c1");
    let url = format!("{back}/transfers/{}/start", segment("urn:uuid:c1"));
    let reply = wire::post(&url, None, "{}").await;
    assert_eq!((pid(&reply, &url).1, pid(&reply, &url).2), ("urn:weal:unknown".into(), "urn:uuid:c1".into()));
    for unknown in ["/negotiations/a/b/c", "/transfers", "/catalog/x"] {
        let reply = wire::get(&format!("{base}{unknown}"), Some(&token())).await;
        assert_eq!((reply.status, typed(unknown, &reply).0.as_str()), (404, "no-such-page"));
    }
    // Elsewhere a program is told in problem+json, at the data plane too.
    let reply = wire::get(&format!("{}/data/x/rows", revenue.origin()), None).await;
    assert_eq!((reply.status, reply.media_type.as_str()), (401, "application/problem+json"));
    let reply = wire::get(&format!("{}/data/x/nothing", revenue.origin()), None).await;
    assert_eq!((reply.status, reply.media_type.as_str()), (404, "application/problem+json"));

    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().limits.requests_per_minute_max = 5;
    federation.member_mut("revenue").starts().await;
    let base = dsp(federation.member("revenue"));
    let mut last = wire::get(&format!("{base}/transfers/x"), None).await;
    for _ in 0..12 {
        last = wire::get(&format!("{base}/transfers/x"), None).await;
        if last.status == 429 {
            break;
        }
    }
    assert_eq!((last.status, typed("/transfers", &last).0.as_str()), (429, "too-many-requests"));
}

/// A message for any of the addresses, good enough to be read.
fn message(url: &str, provider_pid: &str, consumer_pid: &str) -> Value {
    let kind = match url.rsplit('/').next().unwrap_or_default() {
        "verification" => "ContractAgreementVerificationMessage",
        "events" => "ContractNegotiationEventMessage",
        "termination" if url.contains("/negotiations/") => "ContractNegotiationTerminationMessage",
        "termination" => "TransferTerminationMessage",
        "start" => "TransferStartMessage",
        "completion" => "TransferCompletionMessage",
        "suspension" => "TransferSuspensionMessage",
        _ => "",
    };
    json!({
        "@context": [CONTEXT], "@type": kind, "providerPid": provider_pid, "consumerPid": consumer_pid,
        "eventType": if url.contains("/callback/") { "FINALIZED" } else { "ACCEPTED" },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_tell_anothers_process_from_none() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let address = education.house().open_line(&agreement).await.expect("an open line");
    let transfer = address.endpoint.rsplit('/').next().expect("a pid").replace("%3A", ":");
    let negotiations = revenue.house().negotiations().await.expect("negotiations");
    let negotiation = negotiations.first().expect("one").id.clone();
    let is_read = |method: &Method, url: &str| *method == Method::GET || message(url, "", "")["@type"] != "";
    for known in [negotiation.as_str(), transfer.as_str()] {
        let there = addresses(&dsp(revenue), &callback(revenue), known);
        let not_there = addresses(&dsp(revenue), &callback(revenue), ABSENT);
        for ((method, known_url), (_, absent_url)) in there.into_iter().zip(not_there) {
            if !is_read(&method, &known_url) || known_url == absent_url {
                continue;
            }
            // A stranger, a stranger with a token of nobody, a member who is no party to it.
            for bearer in [None, Some("a.b.c"), Some("member")] {
                let ask = async |url: &str, pid: &str| {
                    let own = welfare.token_for(&revenue.did());
                    let bearer = bearer.map(|bearer| if bearer == "member" { own.as_str() } else { bearer });
                    let body = message(url, pid, pid).to_string();
                    let reply = wire::send(method.clone(), url, bearer, &[], body).await;
                    (reply.status, reply.text.replace(pid, "PID"))
                };
                let (there, absent) = (ask(&known_url, known).await, ask(&absent_url, ABSENT).await);
                assert_eq!(there, absent, "{method} {known_url}");
                assert_eq!(there.0, if bearer == Some("member") { 404 } else { 401 }, "{there:?}");
            }
        }
    }
    let after = revenue.house().negotiations().await.expect("negotiations");
    assert_eq!(after.len(), negotiations.len());
}
