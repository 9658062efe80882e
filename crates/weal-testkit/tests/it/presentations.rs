//! Callers known by what they present, and what a node presents of itself: between nodes of ours and with
//! strangers who mean no good.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weal_domain::governance::Standing;
use weal_domain::identity::Did;
use weal_node::seams::Seams;
use weal_testkit::{Federation, MemberNode, Stranger, TurnedClock, claims, sign, wire};
use weal_trust::did::{DidDocument, Service};
use weal_trust::presentation::NewPresentation;
use weal_trust::status::{ListKind, StatusEntry, StatusList};
use weal_trust::token::Claims;
use weal_trust::vc::{NewCredential, Profile};
use weal_wire::dcp::{PresentationQueryMessage, PresentationResponseMessage, Query, Scope};

use crate::asking::dsp;

const NOBODY: &str = "/negotiations/urn%3Auuid%3Anobody";
const KIND: &str = "MembershipCredential";

fn scope(kind: &str) -> String {
    Scope::Kind(kind.into()).to_string()
}

/// A token in the stranger's form, that carries no membership.
fn presenting(node: &MemberNode, to: &Did) -> String {
    node.house().self_issued_token(to, &[scope(KIND)]).expect("a token")
}

fn query_of(scopes: &[String]) -> String {
    weal_wire::print(&PresentationQueryMessage { query: Query::Scopes(scopes.to_vec()) })
}

fn query_url(node: &MemberNode) -> String {
    format!("{}/dcp/presentations/query", node.origin())
}

/// The access that is in a token.
fn access_in(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let payload = weal_trust::encoding::from_base64url(payload).expect("a signed token");
    serde_json::from_slice::<Claims>(&payload).expect("claims").token.expect("an access")
}

/// A verifier's token with somebody's access in it.
fn asking(verifier: &MemberNode, holder: &MemberNode, access: &str) -> String {
    let asks = Claims { token: Some(access.into()), ..claims(&verifier.did(), &holder.did(), None) };
    sign(&asks, &verifier.house().key())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_known_by_what_it_presents() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    for _ in 0..2 {
        let token = presenting(education, &revenue.did());
        wire::get(&url, Some(&token)).await.is_refused(404, "negotiation-unknown");
        wire::get(&url, Some(&token)).await.is_refused(401, "token-replayed");
    }
    // A token that carries neither a membership nor the access to one.
    let bare = sign(&claims(&education.did(), &revenue.did(), None), &education.house().key());
    wire::get(&url, Some(&bare)).await.is_refused(401, "membership-missing");
    // The access of another scope shows no membership.
    let less = education.house().self_issued_token(&revenue.did(), &[scope("Other")]).unwrap();
    let fresh = Federation::of(&["welfare"]).await;
    let welfare = fresh.member("welfare");
    let less_to_welfare = education.house().self_issued_token(&welfare.did(), &[scope(KIND)]).unwrap();
    // Known to revenue a moment ago, so it is believed there; of another ecosystem it is nobody.
    wire::get(&url, Some(&less)).await.is_refused(404, "negotiation-unknown");
    let there = format!("{}{NOBODY}", dsp(welfare));
    wire::get(&there, Some(&less_to_welfare)).await.is_refused(401, "presentation-invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_opens_to_its_verifier_what_it_names_and_for_a_moment() {
    let mut federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let clock = Arc::new(TurnedClock::default());
    let education = federation.member_mut("education");
    education.stops().await;
    education.starts_with(Seams { clock: clock.clone(), ..Seams::default() }).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    let url = query_url(education);
    let access = access_in(&presenting(education, &revenue.did()));
    let query = query_of(&[scope(KIND)]);

    let reply = wire::post(&url, Some(&asking(revenue, education, &access)), query.clone()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let shown: PresentationResponseMessage = weal_wire::parse(reply.text.as_bytes()).unwrap();
    assert_eq!(shown.presentation.len(), 1);
    let document = education.house().did_document();
    let now_s = weal_testkit::now_s();
    let signed = shown.presentation[0].as_str().unwrap();
    let verify =
        |audience: &Did| weal_trust::presentation::verify(signed, &document, audience.as_str(), now_s);
    let credentials = verify(&revenue.did()).unwrap();
    assert_eq!(credentials.len(), 1);
    assert_eq!(weal_trust::vc::peek(&credentials[0]).unwrap().profile, Profile::Vc11);
    // What was shown to one verifier is nothing to another, neither is the access.
    assert!(verify(&welfare.did()).is_err());
    let stolen = asking(welfare, education, &access);
    wire::post(&url, Some(&stolen), query.clone()).await.is_refused(401, "access-invalid");
    // What the access does not name is left out, without a word.
    let more = query_of(&[scope(KIND), scope("SensitiveDataCredential")]);
    let reply = wire::post(&url, Some(&asking(revenue, education, &access)), more).await;
    let shown: PresentationResponseMessage = weal_wire::parse(reply.text.as_bytes()).unwrap();
    assert_eq!(shown.presentation.len(), 1);
    let other = access_in(&education.house().self_issued_token(&revenue.did(), &[scope("Other")]).unwrap());
    let reply = wire::post(&url, Some(&asking(revenue, education, &other)), query.clone()).await;
    let shown: PresentationResponseMessage = weal_wire::parse(reply.text.as_bytes()).unwrap();
    assert_eq!(shown.presentation, Vec::<Value>::new());
    // One that is bent is none.
    let mut bent: Vec<&str> = access.split('.').collect();
    let everything = "*".to_owned();
    bent[1] = &everything;
    let bent = asking(revenue, education, &bent.join("."));
    wire::post(&url, Some(&bent), query.clone()).await.is_refused(401, "access-invalid");
    for wrong in ["", "x", "9.9.9", "99999999999.*.00"] {
        let token = asking(revenue, education, if wrong.is_empty() { "-" } else { wrong });
        wire::post(&url, Some(&token), query.clone()).await.is_refused(401, "access-invalid");
    }
    let bare = sign(&claims(&revenue.did(), &education.did(), None), &revenue.house().key());
    wire::post(&url, Some(&bare), query.clone()).await.is_refused(401, "access-invalid");
    wire::post(&url, None, query.clone()).await.is_refused(401, "token-missing");
    // And only for a moment: the caller's token lives on, the access does not.
    clock.turn(Duration::from_secs(121));
    let late = Claims {
        token: Some(access),
        iat: now_s + 121,
        exp: now_s + 181,
        ..claims(&revenue.did(), &education.did(), None)
    };
    let late = sign(&late, &revenue.house().key());
    wire::post(&url, Some(&late), query).await.is_refused(401, "access-invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_is_wrong_is_refused_as_the_protocol_says() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let url = query_url(education);
    let context = json!(["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"]);
    let definition = json!({ "id": "1", "input_descriptors": [] });
    for (rest, status) in [
        (json!({ "scope": [scope(KIND)], "presentationDefinition": definition }), 400),
        (json!({ "scope": [] }), 400),
        (json!({}), 400),
        (json!({ "presentationDefinition": {} }), 400),
        (json!({ "presentationDefinition": null }), 400),
        (json!({ "presentationDefinition": definition }), 501),
    ] {
        let mut body = json!({ "@context": context, "type": "PresentationQueryMessage" });
        for (name, value) in rest.as_object().unwrap() {
            body[name] = value.clone();
        }
        let access = access_in(&presenting(education, &revenue.did()));
        let token = asking(revenue, education, &access);
        assert_eq!(wire::post(&url, Some(&token), body.to_string()).await.status, status, "{rest}");
        // Who asks is known before what they ask is read.
        wire::post(&url, None, body.to_string()).await.is_refused(401, "token-missing");
    }
}

/// A stranger's own credential service, a trusted issuer's signature, and everything that may be wrong with them.
struct Stage {
    holder: Stranger,
    issuer: Stranger,
}

impl Stage {
    async fn set(endpoint: Option<&str>) -> Self {
        let (holder, issuer) = (Stranger::start(31).await, Stranger::start(32).await);
        let service = Service {
            id: format!("{}#cs", holder.did),
            kind: "CredentialService".into(),
            endpoint: endpoint.map_or_else(|| format!("{}/dcp", holder.origin), str::to_owned),
        };
        let document =
            DidDocument::new(holder.did.as_str(), &[("key-1", holder.key.public())], vec![service]);
        holder.answers(document.to_json().to_string());
        Self { holder, issuer }
    }

    fn credential(&self, kind: &str, about: &Did, status: Option<&StatusEntry>) -> String {
        let now_s = weal_testkit::now_s();
        let new = NewCredential {
            profile: Profile::Vc11,
            id: "urn:uuid:1",
            issuer: self.issuer.did.as_str(),
            kinds: &[kind],
            subject: json!({ "id": about.as_str() }),
            valid_from_s: now_s,
            valid_until_s: now_s + 600,
            status,
            context: json!({}),
        };
        weal_trust::vc::issue(&new, &format!("{}#key-1", self.issuer.did), &self.issuer.key)
            .expect("a credential")
    }

    fn presents(&self, to: &Did, credentials: &[String]) {
        let new = NewPresentation {
            profile: Profile::Vc11,
            id: "urn:uuid:2",
            holder: self.holder.did.as_str(),
            audience: to.as_str(),
            credentials,
            now_s: weal_testkit::now_s(),
            valid_s: 60,
        };
        let kid = format!("{}#key-1", self.holder.did);
        let signed = weal_trust::presentation::sign(&new, &kid, &self.holder.key);
        self.answers_query(&PresentationResponseMessage { presentation: vec![signed.into()] });
    }

    fn answers_query(&self, message: &PresentationResponseMessage) {
        self.holder.answers_at("/dcp/presentations/query", weal_wire::print(message));
    }

    fn token(&self, to: &Did) -> String {
        let claims = Claims { token: Some("opaque".into()), ..claims(&self.holder.did, to, None) };
        sign(&claims, &self.holder.key)
    }
}

/// A node that trusts an issuer and remembers nothing of what was presented.
async fn trusting(federation: &mut Federation, name: &str, issuer: &Did) {
    let node = federation.member_mut(name);
    node.stops().await;
    node.config_mut().identity.trusted_issuers = vec![issuer.clone()];
    node.config_mut().identity.presentation_fresh_s = 0;
    node.starts().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_believed_what_a_trusted_issuer_signed_about_it() {
    let mut federation = Federation::of(&["revenue"]).await;
    let stage = Stage::set(None).await;
    trusting(&mut federation, "revenue", &stage.issuer.did).await;
    let revenue = federation.member("revenue");
    let (us, them) = (revenue.did(), stage.holder.did.clone());
    let url = format!("{}{NOBODY}", dsp(revenue));
    let knocks = || async { wire::get(&url, Some(&stage.token(&us))).await };
    let good = stage.credential(KIND, &them, None);

    stage.presents(&us, std::slice::from_ref(&good));
    knocks().await.is_refused(404, "negotiation-unknown");
    // More than was asked for is no harm.
    stage.presents(&us, &[stage.credential("Other", &them, None), good.clone()]);
    knocks().await.is_refused(404, "negotiation-unknown");

    let refused = || async { knocks().await.is_refused(401, "presentation-invalid") };
    stage.presents(&us, &[]);
    refused().await;
    stage.answers_query(&PresentationResponseMessage { presentation: Vec::new() });
    refused().await;
    stage.answers_query(&PresentationResponseMessage { presentation: vec![json!({ "id": "x" })] });
    refused().await;
    stage.holder.answers_at("/dcp/presentations/query", "nonsense".into());
    refused().await;
    // Of another kind, about another, shown to another, of another issuer.
    stage.presents(&us, &[stage.credential("Other", &them, None)]);
    refused().await;
    stage.presents(&us, &[stage.credential(KIND, &us, None)]);
    refused().await;
    stage.presents(&them, std::slice::from_ref(&good));
    refused().await;
    let elsewhere = Stage::set(None).await;
    stage.presents(&us, &[elsewhere.credential(KIND, &them, None)]);
    refused().await;
    assert_eq!(elsewhere.issuer.connections(), 0, "an issuer nobody trusts is not looked up");
    // One that does not hold spoils the rest.
    stage.presents(&us, &[good.clone(), stage.credential("Other", &us, None)]);
    refused().await;

    // With a status list: good, revoked, and one that cannot be had.
    let list = format!("{}/lists/1", stage.issuer.origin);
    let entry = |index| StatusEntry { list: list.clone(), index, purpose: "revocation".into() };
    let mut bits = StatusList::new(0, "revocation");
    bits.set(7).unwrap();
    let kid = format!("{}#key-1", stage.issuer.did);
    let signed = bits
        .sign(ListKind::StatusList2021, &list, &kid, &stage.issuer.key, (weal_testkit::now_s(), 600))
        .unwrap();
    stage.issuer.answers_at("/lists/1", signed);
    stage.presents(&us, &[stage.credential(KIND, &them, Some(&entry(6)))]);
    knocks().await.is_refused(404, "negotiation-unknown");
    stage.presents(&us, &[stage.credential(KIND, &them, Some(&entry(7)))]);
    refused().await;
    stage.presents(&us, &[stage.credential(KIND, &them, Some(&entry(u32::MAX)))]);
    refused().await;
    let nowhere =
        StatusEntry { list: "http://10.0.0.1/lists/1".into(), index: 1, purpose: "revocation".into() };
    stage.presents(&us, &[stage.credential(KIND, &them, Some(&nowhere))]);
    refused().await;
    let unsigned = StatusEntry { list: format!("{}/lists/2", stage.issuer.origin), ..entry(6) };
    stage.issuer.answers_at("/lists/2", json!({ "credentialSubject": { "encodedList": "x" } }).to_string());
    stage.presents(&us, &[stage.credential(KIND, &them, Some(&unsigned))]);
    refused().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_leads_nobody_inside() {
    let mut federation = Federation::of(&["revenue"]).await;
    let inside = Stranger::start(40).await;
    let port = inside.origin.rsplit(':').next().unwrap().to_owned();
    for endpoint in [
        "http://10.0.0.1/dcp".to_owned(),
        "http://169.254.169.254/latest".to_owned(),
        "https://[::ffff:127.0.0.1]/dcp".to_owned(),
        "ftp://127.0.0.1/dcp".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("http://user@127.0.0.1:{port}/dcp"),
        format!("http://127.0.0.1:{port}/dcp?a=b"),
        format!("http://0.0.0.0:{port}/dcp"),
        "not an address".to_owned(),
    ] {
        let stage = Stage::set(Some(&endpoint)).await;
        trusting(&mut federation, "revenue", &stage.issuer.did).await;
        let revenue = federation.member("revenue");
        let url = format!("{}{NOBODY}", dsp(revenue));
        let reply = wire::get(&url, Some(&stage.token(&revenue.did()))).await;
        reply.is_refused(401, "presentation-invalid");
        assert_eq!(inside.connections(), 0, "{endpoint}");
        // Nothing is asked for a caller whose token does not verify.
        let before = stage.holder.connections();
        let forged = Claims { token: Some("x".into()), ..claims(&stage.holder.did, &revenue.did(), None) };
        wire::get(&url, Some(&sign(&forged, &inside.key))).await.is_refused(401, "token-invalid");
        assert_eq!(stage.holder.connections(), before, "its document is held");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_felt_within_a_minute_by_the_list_alone() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let clock = Arc::new(TurnedClock::default());
    let revenue = federation.member_mut("revenue");
    revenue.stops().await;
    revenue.starts_with(Seams { clock: clock.clone(), ..Seams::default() }).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let council = federation.member("council").house();
    let url = format!("{}{NOBODY}", dsp(revenue));
    let knocks = |ahead_s: i64| {
        let (education, us, url) = (education, revenue.did(), url.clone());
        async move {
            let now_s = weal_testkit::now_s() + ahead_s;
            let credential = Some(education.credential());
            let own = Claims { iat: now_s, exp: now_s + 60, ..claims(&education.did(), &us, credential) };
            wire::get(&url, Some(&sign(&own, &education.house().key()))).await
        }
    };
    knocks(0).await.is_refused(404, "negotiation-unknown");
    // The register that says so does not reach the member; the list is all that tells.
    let mut tx = council.store.write("test").await.unwrap();
    tx.revoke_status(&education.did(), council.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    clock.turn(Duration::from_secs(60));
    knocks(60).await.is_refused(403, "member-suspended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_members_nothing_stops_when_the_governing_body_does() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    federation.member_mut("council").stops().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    // No list was ever seen; the register as last signed names the member as good.
    let own = || education.token_for(&revenue.did());
    wire::get(&url, Some(&own())).await.is_refused(404, "negotiation-unknown");
    wire::get(&url, Some(&own())).await.is_refused(404, "negotiation-unknown");
    // Whoever can only be known by what it presents needs a list that was seen within the day.
    let token = presenting(education, &revenue.did());
    wire::get(&url, Some(&token)).await.is_refused(401, "presentation-invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_suspended_is_revoked_and_restored_anew() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let council = federation.member("council");
    let list = format!("{}/dcp/status/1", council.origin());
    let jwt = [("accept", "application/vc+jwt")];
    let get = |headers: &'static [(&'static str, &'static str)]| {
        let list = list.clone();
        async move { wire::send(reqwest::Method::GET, &list, None, headers, "").await }
    };
    let before = wire::send(reqwest::Method::GET, &list, None, &jwt, "").await;
    assert_eq!((before.status, before.media_type.as_str()), (200, "application/vc+jwt"));
    let again = wire::send(reqwest::Method::GET, &list, None, &jwt, "").await;
    assert_eq!(again.text, before.text, "a list changes only with what is in it");
    let document = council.house().did_document();
    let read = |signed: &str| StatusList::verify(signed, &document, weal_testkit::now_s()).unwrap();
    let stated = weal_trust::credential::peek(&education.credential()).unwrap().status.unwrap();
    assert_eq!(read(&before.text).is_set(stated.index), Ok(false));

    council
        .house()
        .set_standing(&council.person, &education.did(), Standing::Suspended, Some("late".into()))
        .await
        .unwrap();
    let after = wire::send(reqwest::Method::GET, &list, None, &jwt, "").await;
    assert_eq!(read(&after.text).is_set(stated.index), Ok(true));
    // For readers of plain JSON too.
    let plain = get(&[]).await.json();
    assert_eq!(plain["credentialSubject"]["type"], "BitstringStatusList");
    let encoded = plain["credentialSubject"]["encodedList"].as_str().unwrap();
    let plain = StatusList::decode(encoded, "revocation").unwrap();
    assert_eq!(plain.is_set(stated.index), Ok(true));
    // Restored, it has another place; the old one stays revoked.
    council.house().set_standing(&council.person, &education.did(), Standing::Good, None).await.unwrap();
    for _ in 0..2_400 {
        let now = weal_trust::credential::peek(&education.credential()).unwrap().status.unwrap();
        if now.index != stated.index {
            let url = format!("{}{NOBODY}", dsp(revenue));
            let reply = wire::get(&url, Some(&presenting(education, &revenue.did()))).await;
            reply.is_refused(404, "negotiation-unknown");
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no new credential came");
}
