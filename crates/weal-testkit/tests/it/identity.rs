//! Who is at the door: every way not to be who one says, and a clear answer to each.

use weal_domain::Refusal;
use weal_domain::governance::Standing;
use weal_testkit::{Federation, Stranger, claims, document, now_s, sign, wire};
use weal_trust::credential;

use crate::asking::dsp;

const NOBODY: &str = "/negotiations/urn%3Auuid%3Anobody";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_only_for_whom_it_was_made_and_only_once() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    let stranger = Stranger::start(7).await;
    let url = format!("{}{NOBODY}", dsp(revenue));
    let (us, them) = (revenue.did(), education.did());
    let credential = Some(education.credential());
    let key = &education.house().key();
    let honest = || claims(&them, &us, credential.clone());

    let once = sign(&honest(), key);
    wire::get(&url, Some(&once)).await.is_refused(404, "negotiation-unknown");
    wire::get(&url, Some(&once)).await.is_refused(401, "token-replayed");

    wire::get(&url, None).await.is_refused(401, "token-missing");
    let ago = now_s() - 1_000;
    let outdated = weal_trust::token::Claims { iat: ago, exp: ago + 60, ..honest() };
    let early = weal_trust::token::Claims { iat: now_s() + 600, exp: now_s() + 660, ..honest() };
    let eternal = weal_trust::token::Claims { exp: now_s() + 86_400, ..honest() };
    let elsewhere = claims(&them, &welfare.did(), credential.clone());
    let two_faced = weal_trust::token::Claims { sub: welfare.did().to_string(), ..honest() };
    let to_itself = sign(&claims(&us, &us, Some(revenue.credential())), &revenue.house().key());
    let unsigned = sign(&honest(), key);
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoieCJ9.e30.".to_owned();
    for (why, token) in [
        ("expired", sign(&outdated, key)),
        ("not yet valid", sign(&early, key)),
        ("lives too long", sign(&eternal, key)),
        ("for another", sign(&elsewhere, key)),
        ("two subjects", sign(&two_faced, key)),
        ("our own", to_itself),
        ("no signature", unsigned),
        ("algorithm none", none),
        ("signed by another", sign(&honest(), &stranger.key)),
        ("signed by another member", sign(&honest(), &welfare.house().key())),
        ("an operator's", revenue.operator_token()),
        ("garbage", "a.b.c".into()),
        ("long", "x".repeat(17 * 1024)),
    ] {
        let reply = wire::get(&url, Some(&token)).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "token-invalid"), "{why}: {reply:?}");
    }
    // The token of a peer is worth nothing at the doors for local programs, and the other way round.
    let local = format!("{}/api/v1/node", revenue.origin());
    assert_eq!(wire::get(&local, Some(&sign(&honest(), key))).await.status, 401);
    assert_eq!(wire::get(&local, Some(&education.operator_token())).await.status, 401);
}

/// It may present something that is believed here, and has nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_bodys_member_is_nobody() {
    let (federation, other) = (Federation::of(&["revenue"]).await, Federation::of(&["elsewhere"]).await);
    let (revenue, elsewhere) = (federation.member("revenue"), other.member("elsewhere"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    let token = elsewhere.token_for(&revenue.did());
    wire::get(&url, Some(&token)).await.is_refused(401, "presentation-invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_is_believed_only_from_our_governing_body_and_for_its_bearer() {
    let mut federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    let stranger = Stranger::start(8).await;
    let url = format!("{}{NOBODY}", dsp(revenue));
    let council = federation.member("council").did();
    let speaks =
        |membership| sign(&claims(&education.did(), &revenue.did(), membership), &education.house().key());
    let forged = |key: &weal_trust::keys::NodeKey, kid: &str, until_s: i64| {
        let membership = credential::Membership {
            id: "urn:uuid:forged".into(),
            issuer: kid.split('#').next().unwrap_or_default().into(),
            subject: stranger.did.to_string(),
            member_name: "stranger".into(),
            ecosystem: council.to_string(),
            valid_from_s: now_s() - 86_400,
            valid_until_s: until_s,
            status_id: None,
            status: None,
            kind: None,
        };
        Some(credential::issue(&membership, kid, key).expect("it is well-formed"))
    };
    wire::get(&url, Some(&speaks(None))).await.is_refused(401, "membership-missing");
    let soon = now_s() + 86_400;
    let council_key = &federation.member("council").house().key();
    for (why, token) in [
        ("another's", speaks(Some(welfare.credential()))),
        ("garbage", speaks(Some("a.b.c".into()))),
        (
            "self-signed",
            stranger.token(&revenue.did(), forged(&stranger.key, &format!("{}#key-1", stranger.did), soon)),
        ),
        (
            "self-signed in the body's name",
            stranger.token(&revenue.did(), forged(&stranger.key, &format!("{council}#key-1"), soon)),
        ),
        (
            "expired",
            stranger.token(&revenue.did(), forged(council_key, &format!("{council}#key-1"), now_s() - 3_600)),
        ),
    ] {
        let reply = wire::get(&url, Some(&token)).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "membership-invalid"), "{why}: {reply:?}");
    }
    // A suspended member is shut out at once, by name and with who can change it, although its credential
    // has not expired; and it still is after a restart.
    let body = federation.member("council");
    let suspended = education.did();
    body.house()
        .set_standing(&body.person, &suspended, Standing::Suspended, Some("Audit.".into()))
        .await
        .expect("suspended");
    let mut last = wire::get(&url, Some(&speaks(Some(education.credential())))).await;
    for _ in 0..2_400 {
        if last.status == 403 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        last = wire::get(&url, Some(&speaks(Some(education.credential())))).await;
    }
    last.is_refused(403, "member-suspended");
    assert!(last.text.contains("the governing body"), "{last:?}");
    federation.member_mut("council").stops().await;
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").starts().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let token = education.token_for(&revenue.did());
    wire::get(&url, Some(&token)).await.is_refused(403, "member-suspended");
}

/// An honest application of a stranger.
fn application(of: &Stranger) -> String {
    serde_json::json!({"did": of.did, "name": "mallory", "title": "Mallory", "origin": of.origin, "charter_version": 1}).to_string()
}

/// From another process of the same node, or from this one after a restart, a token is as used as here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_used_is_used_everywhere_and_for_good() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    // A clock that is ahead as far as may be: at the restart the token seems to come from later.
    let ahead = weal_trust::token::Claims {
        iat: now_s() + 25,
        exp: now_s() + 85,
        ..claims(&education.did(), &revenue.did(), Some(education.credential()))
    };
    let token = sign(&ahead, &education.house().key());
    wire::get(&url, Some(&token)).await.is_refused(404, "negotiation-unknown");

    let replica = weal_node::House::open_beside(revenue.house().config.clone(), revenue.folder.clone());
    let replica = replica.await.expect("another process");
    replica.reload_ecosystem().await.expect("it knows the ecosystem");
    match replica.authenticate_member(&token).await {
        Err(weal_node::fault::Error::Refused(refusal)) => assert_eq!(refusal.code, "token-replayed"),
        other => panic!("{other:?}"),
    }
    let fresh = education.token_for(&revenue.did());
    replica.authenticate_member(&fresh).await.expect("a fresh one opens");
    wire::get(&url, Some(&fresh)).await.is_refused(401, "token-replayed");
    replica.store.close().await;

    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").starts().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    wire::get(&url, Some(&token)).await.is_refused(401, "token-replayed");
    // What was made before the restart and not used yet is as good as before.
    let early = weal_trust::token::Claims {
        iat: now_s() - 5,
        ..claims(&education.did(), &revenue.did(), Some(education.credential()))
    };
    wire::get(&url, Some(&sign(&early, &education.house().key())))
        .await
        .is_refused(404, "negotiation-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_token_shown_many_times_at_once_one_is_let_in() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    let same = education.token_for(&revenue.did());
    let replies = futures::future::join_all((0..20).map(|_| wire::get(&url, Some(&same)))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 404).count(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| reply.code() == "token-replayed").count(), 19);
    let own: Vec<String> = (0..60).map(|_| education.token_for(&revenue.did())).collect();
    let replies = futures::future::join_all(own.iter().map(|token| wire::get(&url, Some(token)))).await;
    assert!(replies.iter().all(|reply| reply.status == 404), "{replies:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_counted_as_itself_by_what_it_signed() {
    let mut federation = Federation::of(&["revenue", "education", "welfare"]).await;
    federation.member_mut("revenue").stops().await;
    let config = federation.member_mut("revenue").config_mut();
    config.limits.requests_per_minute_max = 30;
    config.network.trusted_proxies = vec!["127.0.0.1".parse().expect("a prefix")];
    federation.member_mut("revenue").starts().await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    let url = format!("{}{NOBODY}", dsp(revenue));
    let from = async |address: &str, token: &str| {
        wire::send(reqwest::Method::GET, &url, Some(token), &[("x-forwarded-for", address)], "").await
    };
    // One peer from ever other addresses, over at most two minutes.
    let mut refused = None;
    for number in 0..70 {
        let reply = from(&format!("192.0.2.{number}"), &education.token_for(&revenue.did())).await;
        if reply.status != 404 {
            refused = Some(reply);
            break;
        }
    }
    refused.expect("a limit for the peer").is_refused(429, "too-many-requests");
    // Another's garbage in its name does not count against anybody but its sender.
    let garbage = sign(
        &claims(&welfare.did(), &revenue.did(), Some(welfare.credential())),
        &weal_trust::keys::NodeKey::from_seed(&[9; 32]),
    );
    for number in 0..40 {
        from(&format!("198.51.100.{number}"), &garbage).await.is_refused(401, "token-invalid");
    }
    let welcome = from("203.0.113.1", &welfare.token_for(&revenue.did())).await;
    welcome.is_refused(404, "negotiation-unknown");
    // One network of IPv6 is one sender, behind the proxy.
    let mut last = 0;
    for number in 1..=70 {
        last = from(&format!("2001:db8::{number:x}"), "x").await.status;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
}

/// Names that no node has: addresses inside a network, paths, other methods.
const NOBODYS_NAMES: [&str; 6] = [
    "did:web:169.254.169.254",
    "did:web:10.0.0.1%3A80",
    "did:web:127.0.0.1%3A1:path",
    "did:web:metadata%2Fx",
    "did:key:z6Mk",
    "did:web:user%40127.0.0.1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_lies_about_who_it_is_gets_nowhere() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let liar = Stranger::start(9).await;
    let url = format!("{}{NOBODY}", dsp(revenue));
    let token = || liar.token(&revenue.did(), Some(education.credential()));

    // With a credential that is another's it is not even looked up, at whichever member's door.
    for door in
        [url.clone(), format!("{}/transfers/x", dsp(revenue)), format!("{}/data/x/rows", revenue.origin())]
    {
        wire::get(&door, Some(&token())).await.is_refused(401, "membership-invalid");
    }
    let admission = serde_json::json!({"standing": "applied"}).to_string();
    for (door, body) in
        [("applications", application(&liar)), ("admission", admission), ("register", "x".into())]
    {
        let door = format!("{}/governance/{door}", revenue.origin());
        let reply = wire::post(&door, Some(&token()), body).await;
        assert_eq!(reply.status, 403, "{door}: {reply:?}");
    }
    assert_eq!(liar.connections(), 0, "nobody was sent anywhere by who proved nothing");

    // The governing body looks up whoever applies. Its origin shows another's document, or another's name
    // with its own key, or no document at all.
    let council = federation.member("council");
    let apply = format!("{}/governance/applications", council.origin());
    for (number, shown) in (10..).zip([
        education.house().did_document().to_json().to_string(),
        document(&education.did(), &liar.key),
        "{}".to_owned(),
        "[".repeat(100_000),
        "x".repeat(4 * 1024 * 1024),
    ]) {
        let liar = Stranger::start(number).await;
        liar.answers(shown);
        for _ in 0..3 {
            let reply = wire::post(&apply, Some(&liar.token(&council.did(), None)), application(&liar)).await;
            // One answer, whatever was found there: nobody learns by us what answers where.
            reply.is_refused(401, "token-invalid");
        }
        assert_eq!(liar.connections(), 1, "what failed a moment ago is not tried again");
    }
    // In education's name with the liar's key: the real document decides.
    let posing = sign(&claims(&education.did(), &revenue.did(), Some(education.credential())), &liar.key);
    wire::get(&url, Some(&posing)).await.is_refused(401, "token-invalid");
    // A name that points inside a network, or is none: nobody is asked.
    for did in NOBODYS_NAMES {
        let mut wrong = claims(&liar.did, &revenue.did(), None);
        did.clone_into(&mut wrong.iss);
        did.clone_into(&mut wrong.sub);
        let began = std::time::Instant::now();
        let reply = wire::get(&url, Some(&sign(&wrong, &liar.key))).await;
        assert!((400..600).contains(&reply.status) && reply.status != 500, "{did}: {reply:?}");
        assert!(!reply.code().is_empty(), "{did}: {reply:?}");
        // Who does not answer a connection is waited for for 10 s.
        assert!(began.elapsed() < std::time::Duration::from_secs(9), "{did}: nobody should be waited for");
    }
    // It may apply only for itself.
    let in_anothers_name = serde_json::json!({
        "did": education.did(), "name": "mallory", "title": "Mallory", "origin": liar.origin,
        "charter_version": 1
    });
    let reply =
        wire::post(&apply, Some(&liar.token(&council.did(), None)), in_anothers_name.to_string()).await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    let names: Vec<String> =
        council.house().members().await.unwrap().into_iter().map(|member| member.name.to_string()).collect();
    assert!(!names.contains(&"mallory".to_owned()), "{names:?}");
    let outcome = education.house().join(&education.person, &liar.did).await;
    let refusal: Option<Refusal> = match outcome {
        Err(weal_node::fault::Error::Refused(refusal)) => Some(refusal),
        _ => None,
    };
    assert_eq!(refusal.expect("a refusal").code, "ecosystem-other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_runs_the_machine_gives_no_roles_and_nobody_gives_them_to_themselves() {
    use weal_domain::identity::{Person, Role};
    let federation = Federation::of(&[]).await;
    let node = federation.member("council");
    let person = |account: &str, role| Person {
        account: account.parse().expect("an account"),
        display_name: account.to_owned(),
        roles: vec![role],
    };
    let gives = async |by: &Person, to: Person| match node
        .house()
        .add_person(by, to, "correct horse battery")
        .await
    {
        Ok(_) => "given".to_owned(),
        Err(weal_node::fault::Error::Refused(refusal)) => refusal.code,
        Err(fault) => panic!("{fault}"),
    };
    let (opal, mara) = (person("opal", Role::Operator), person("mara", Role::ChiefDataOfficer));
    assert_eq!(gives(&node.person, opal.clone()).await, "given");
    assert_eq!(gives(&node.person, mara.clone()).await, "given");
    assert_eq!(gives(&opal, person("second", Role::Owner)).await, "role-missing");
    assert_eq!(gives(&opal, person("second", Role::Analyst)).await, "role-missing");
    assert_eq!(gives(&mara, person("mara", Role::Owner)).await, "roles-own");
    assert_eq!(gives(&mara, person("second", Role::Analyst)).await, "given");
}
