//! Credentials on their way: asked of a governing body, written by issuers, imported and exported by people.

use std::time::Duration;

use serde_json::json;
use weal_domain::governance::Standing;
use weal_domain::identity::Did;
use weal_node::api::{CredentialShown, CredentialsShown};
use weal_testkit::{Federation, MemberNode, Stranger, claims, sign, wire};
use weal_trust::did::{DidDocument, Service};
use weal_trust::token::Claims;
use weal_trust::vc::{NewCredential, Profile};
use weal_wire::dcp::{
    CredentialContainer, CredentialMessage, CredentialObject, CredentialOfferMessage,
    CredentialRequestMessage, CredentialRequestStatus, IssuerMetadata, MessageStatus, RequestStatus,
};

async fn shown(node: &MemberNode) -> CredentialsShown {
    node.house().credentials_shown(&node.person).await.expect("they are listed")
}

/// A self-issued token of a stranger.
fn token(of: &Stranger, to: &Did) -> String {
    sign(&Claims { token: Some("opaque".into()), ..claims(&of.did, to, None) }, &of.key)
}

fn issued_by(issuer: &Stranger, kind: &str, about: &Did) -> String {
    let now_s = weal_testkit::now_s();
    let new = NewCredential {
        profile: Profile::Vc20,
        id: "urn:uuid:1",
        issuer: issuer.did.as_str(),
        kinds: &[kind],
        subject: json!({ "id": about.as_str(), "level": 3 }),
        valid_from_s: now_s,
        valid_until_s: now_s + 600,
        status: None,
        context: json!({ "level": "urn:x:level" }),
    };
    weal_trust::vc::issue(&new, &format!("{}#key-1", issuer.did), &issuer.key).expect("a credential")
}

fn message(holder_pid: &str, payloads: &[String]) -> CredentialMessage {
    let container = |payload: &String| CredentialContainer {
        credential_type: "Certificate".into(),
        format: "any".into(),
        payload: payload.clone(),
    };
    CredentialMessage {
        issuer_pid: "i".into(),
        holder_pid: holder_pid.into(),
        status: MessageStatus::Issued,
        credentials: payloads.iter().map(container).collect(),
        rejection_reason: None,
    }
}

/// Until `found` says so, for as long as a busy machine may need.
async fn until<F: Future<Output = bool>>(what: &str, found: impl Fn() -> F) {
    for _ in 0..2_400 {
        if found().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_holds_its_membership_in_both_forms_and_can_ask_for_it_again() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (council, education) = (federation.member("council"), federation.member("education"));
    let profiles = |all: &CredentialsShown, source: &str| {
        let of_source = all.credentials.iter().filter(|one| one.source == source);
        let mut profiles: Vec<String> = of_source.map(|one| one.profile.clone()).collect();
        profiles.sort();
        profiles
    };
    let held = shown(education).await;
    assert_eq!(profiles(&held, "membership"), ["vc11-sl2021/jwt", "vc20-bssl/jwt"]);
    assert!(held.credentials.iter().all(|one| one.status == "good"), "{held:#?}");

    let asked = education
        .house()
        .request_credentials(&education.person, &council.did(), Some("MembershipCredential"))
        .await
        .expect("it is asked for");
    until("the credential", || async { !profiles(&shown(education).await, "issued").is_empty() }).await;
    let held = shown(education).await;
    assert_eq!(profiles(&held, "issued"), ["vc11-sl2021/jwt"]);
    let request = held.requests.iter().find(|one| one.id == asked.id).expect("it is listed");
    assert_eq!(request.status, "ISSUED");
    let unknown =
        education.house().request_credentials(&education.person, &council.did(), Some("Other")).await;
    assert!(unknown.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_asks_has_applied_and_is_served_when_it_is_admitted() {
    let federation = Federation::of(&["education"]).await;
    let (council, education) = (federation.member("council"), federation.member("education"));
    let stranger = Stranger::start(21).await;
    let service = Service {
        id: format!("{}#cs", stranger.did),
        kind: "CredentialService".into(),
        endpoint: format!("{}/store", stranger.origin),
    };
    let document =
        DidDocument::new(stranger.did.as_str(), &[("key-1", stranger.key.public())], vec![service]);
    stranger.answers(document.to_json().to_string());
    let issuer = format!("{}/dcp/issuer", council.origin());

    let metadata = wire::get(&format!("{issuer}/metadata"), None).await;
    let metadata: IssuerMetadata = weal_wire::parse(metadata.text.as_bytes()).expect("metadata");
    assert_eq!(metadata.issuer, council.did().as_str());
    let ids: Vec<String> = metadata.credentials_supported.iter().map(|object| object.id.clone()).collect();
    assert_eq!(ids.len(), 2);
    let schema = metadata.credentials_supported[0].credential_schema.clone().expect("a schema");
    assert_eq!(wire::get(&schema, None).await.status, 200);

    let ask = |ids: Vec<String>| {
        weal_wire::print(&CredentialRequestMessage { holder_pid: "mine".into(), credentials: ids })
    };
    let url = format!("{issuer}/credentials");
    let us = council.did();
    wire::post(&url, None, ask(ids.clone())).await.is_refused(401, "token-missing");
    let wrong = wire::post(&url, Some(&token(&stranger, &us)), ask(vec!["other".into()])).await;
    wrong.is_refused(400, "credential-not-issued");
    let reply = wire::post(&url, Some(&token(&stranger, &us)), ask(ids)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let open = async || {
        let mut tx = council.house().store.read("test").await.unwrap();
        tx.open_issuances(&stranger.did).await.unwrap()
    };
    let pid = open().await.pop().expect("it waits").issuer_pid;
    let asks = |by: String| {
        let url = format!("{issuer}/requests/{pid}");
        async move { wire::get(&url, Some(&by)).await }
    };
    let status = |reply: wire::Reply| {
        let status: CredentialRequestStatus = weal_wire::parse(reply.text.as_bytes()).expect("a status");
        status.status
    };
    assert_eq!(status(asks(token(&stranger, &us)).await), RequestStatus::Received);
    // To anybody else there is no such request.
    asks(education.house().self_issued_token(&us, &[]).unwrap()).await.is_refused(404, "request-unknown");
    wire::get(&format!("{issuer}/requests/none"), Some(&token(&stranger, &us)))
        .await
        .is_refused(404, "request-unknown");
    let members = council.house().members().await.unwrap();
    let applicant = members.iter().find(|member| member.did == stranger.did).expect("it has applied");
    assert_eq!(applicant.standing, Standing::Applied);

    council
        .house()
        .set_standing(&council.person, &stranger.did, Standing::Good, None)
        .await
        .expect("admitted");
    until("the issuance", || async { open().await.is_empty() }).await;
    assert_eq!(status(asks(token(&stranger, &us)).await), RequestStatus::Issued);
    // A node that governs nobody issues nothing.
    let elsewhere = format!("{}/dcp/issuer/metadata", education.origin());
    wire::get(&elsewhere, None).await.is_refused(403, "not-governing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_whom_the_node_knows_as_an_issuer_may_write_to_it() {
    let mut federation = Federation::of(&["education"]).await;
    let (trusted, other) = (Stranger::start(22).await, Stranger::start(23).await);
    let education = federation.member_mut("education");
    education.stops().await;
    education.config_mut().identity.trusted_issuers = vec![trusted.did.clone()];
    education.starts().await;
    let education = federation.member("education");
    let us = education.did();
    let url = format!("{}/dcp/credentials", education.origin());
    let post = |by: &Stranger, message: &CredentialMessage| {
        let (token, body, url) = (token(by, &us), weal_wire::print(message), url.clone());
        async move { wire::post(&url, Some(&token), body).await }
    };
    let good = issued_by(&trusted, "Certificate", &us);
    post(&other, &message("x", &[issued_by(&other, "Certificate", &us)]))
        .await
        .is_refused(403, "credential-not-asked");
    // What another signed, what is about another, and what is no credential.
    let elsewhere = Did::new("did:web:elsewhere.example").unwrap();
    for wrong in
        [issued_by(&other, "Certificate", &us), issued_by(&trusted, "Certificate", &elsewhere), "x".into()]
    {
        post(&trusted, &message("x", &[good.clone(), wrong])).await.is_refused(400, "credential-invalid");
    }
    let imported = |all: &CredentialsShown| {
        all.credentials.iter().filter(|one| one.source != "membership").cloned().collect::<Vec<_>>()
    };
    assert_eq!(imported(&shown(education).await), []);
    for _ in 0..2 {
        assert_eq!(post(&trusted, &message("x", std::slice::from_ref(&good))).await.status, 200);
    }
    let held = imported(&shown(education).await);
    assert_eq!(held.len(), 1, "a newer one takes the place of the older");
    assert_eq!((held[0].kinds.clone(), held[0].source.as_str()), (vec!["Certificate".to_owned()], "issued"));
    wire::post(&url, None, weal_wire::print(&message("x", &[good]))).await.is_refused(401, "token-missing");

    let object = CredentialObject {
        id: "urn:uuid:7".into(),
        credential_type: Some("Certificate".into()),
        credential_schema: None,
        offer_reason: Some("reissue".into()),
        binding_methods: Vec::new(),
        profile: None,
        issuance_policy: None,
    };
    let offer = |issuer: &Stranger| {
        let issuer = issuer.did.to_string();
        weal_wire::print(&CredentialOfferMessage { issuer, credentials: vec![object.clone()] })
    };
    let offers = format!("{}/dcp/offers", education.origin());
    assert_eq!(wire::post(&offers, Some(&token(&trusted, &us)), offer(&trusted)).await.status, 200);
    wire::post(&offers, Some(&token(&trusted, &us)), offer(&other)).await.is_refused(400, "issuer-not-own");
    wire::post(&offers, Some(&token(&other, &us)), offer(&other))
        .await
        .is_refused(403, "credential-not-asked");
    let listed = shown(education).await.offers;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].kind.as_deref(), Some("Certificate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_issued_elsewhere_is_imported_and_shown_to_whoever_asks_for_its_kind() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let issuer = Stranger::start(24).await;
    let (us, operator) = (education.did(), education.operator_token());
    let api = format!("{}/api/v1/credentials", education.origin());
    let import = |signed: String| {
        let (api, operator) = (api.clone(), operator.clone());
        async move { wire::post(&api, Some(&operator), json!({ "credential": signed }).to_string()).await }
    };
    let elsewhere = Did::new("did:web:elsewhere.example").unwrap();
    import(issued_by(&issuer, "Certificate", &elsewhere)).await.is_refused(400, "credential-invalid");
    import("nonsense".into()).await.is_refused(400, "credential-invalid");
    let signed = issued_by(&issuer, "Certificate", &us);
    let reply = import(format!("{signed}\n")).await;
    let held: CredentialShown = serde_json::from_str(&reply.text).expect("it is held");
    assert_eq!((held.issuer.clone(), held.source.as_str()), (issuer.did.clone(), "imported"));

    let exported = wire::get(&format!("{api}/{}/export", held.number), Some(&operator)).await;
    assert_eq!(exported.text, signed);
    let scope = "org.eclipse.dspace.dcp.vc.type:Certificate:read".to_owned();
    let query = format!(
        r#"{{"@context":["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],"type":"PresentationQueryMessage","scope":["{scope}"]}}"#
    );
    let asks = async || {
        let access =
            education.house().self_issued_token(&revenue.did(), std::slice::from_ref(&scope)).unwrap();
        let payload = weal_trust::encoding::from_base64url(access.split('.').nth(1).unwrap()).unwrap();
        let access = serde_json::from_slice::<Claims>(&payload).unwrap().token;
        let asks = Claims { token: access, ..claims(&revenue.did(), &us, None) };
        let bearer = sign(&asks, &revenue.house().key());
        let url = format!("{}/dcp/presentations/query", education.origin());
        let reply = wire::post(&url, Some(&bearer), query.clone()).await;
        reply.json()["presentation"].as_array().expect("a list").clone()
    };
    let presented = asks().await;
    let document = education.house().did_document();
    let credentials = weal_trust::presentation::verify(
        presented[0].as_str().unwrap(),
        &document,
        revenue.did().as_str(),
        weal_testkit::now_s(),
    );
    assert_eq!(credentials, Ok(vec![signed]));

    let number = format!("{api}/{}", held.number);
    let remove = || wire::send(reqwest::Method::DELETE, &number, Some(&operator), &[], "");
    assert_eq!(remove().await.status, 204);
    remove().await.is_refused(404, "credential-unknown");
    assert_eq!(asks().await.len(), 0);
}
