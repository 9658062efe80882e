//! A node turns its key, and nobody notices: not its peers, not its auditors, not after a crash.

use std::sync::Arc;
use std::time::Duration;

use weal_domain::ledger::Fact;
use weal_node::acts::identity::{ISSUED_FOR, KNOWN_AFTER, SIGNED_FOR};
use weal_node::seams::Seams;
use weal_testkit::{Federation, MemberNode, TurnedClock, claims, sign, wire};
use weal_trust::credential::Membership;
use weal_trust::export::{CHECKPOINT_FILE, DID_FILE, ENTRIES_FILE, Verified, verify_export};
use weal_trust::token::Claims;

use crate::asking::dsp;

const NOBODY: &str = "/negotiations/urn%3Auuid%3Anobody";

/// Every node starts again with one clock that the test turns.
async fn on_one_clock(federation: &mut Federation, names: &[&str]) -> Arc<TurnedClock> {
    let clock = Arc::new(TurnedClock::default());
    for name in names {
        let node = federation.member_mut(name);
        node.stops().await;
        node.starts_with(Seams { clock: clock.clone(), ..Seams::default() }).await;
    }
    clock
}

fn kid(signed: &str) -> String {
    let header = weal_trust::encoding::from_base64url(signed.split('.').next().unwrap_or_default());
    let header: serde_json::Value = serde_json::from_slice(&header.expect("a header")).expect("a header");
    let kid = header["kid"].as_str().expect("a key id");
    kid.split_once('#').expect("an absolute id").1.to_owned()
}

fn published(node: &MemberNode) -> Vec<String> {
    let document = node.house().did_document();
    document.keys.iter().map(|key| key.id.split_once('#').expect("an id").1.to_owned()).collect()
}

async fn verified(node: &MemberNode) -> (tempfile::TempDir, Verified) {
    let out = tempfile::tempdir().expect("a folder");
    node.house().export_ledger(out.path()).await.expect("it is exported");
    let verified = verify(out.path());
    (out, verified)
}

fn verify(folder: &std::path::Path) -> Verified {
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    verify_export(&read(CHECKPOINT_FILE), &read(DID_FILE), &read(ENTRIES_FILE)[..]).expect("it verifies")
}

async fn is_believed(speaker: &MemberNode, listener: &MemberNode) {
    let url = format!("{}{NOBODY}", dsp(listener));
    let token = speaker.token_for(&listener.did());
    wire::get(&url, Some(&token)).await.is_refused(404, "negotiation-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_turns_its_key_and_is_believed_throughout() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let clock = on_one_clock(&mut federation, &["council", "revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    is_believed(education, revenue).await;
    let (before, first) = verified(education).await;
    let person = education.house().pseudonym(&education.person);

    let shown = education.house().turn_key(&education.person, false).await.expect("it turns");
    let states: Vec<&str> = shown.keys.iter().map(|key| key.state.as_str()).collect();
    assert_eq!(states, ["signs", "published"]);
    assert_eq!(published(education), ["key-1", "key-2"]);
    assert_eq!(kid(&education.token_for(&revenue.did())), "key-1");
    is_believed(education, revenue).await;
    assert!(education.house().turn_key(&education.person, false).await.is_err(), "one turn at a time");

    clock.turn(KNOWN_AFTER + Duration::from_secs(1));
    education.house().follow_keys().await.expect("it follows");
    assert_eq!(kid(&education.token_for(&revenue.did())), "key-2");
    is_believed(education, revenue).await;
    let (_, second) = verified(education).await;
    assert_ne!(second.key, first.key);
    assert_eq!(second.kid, format!("{}#key-2", education.did()));
    verify(before.path());
    assert_eq!(education.house().pseudonym(&education.person), person, "persons stay who they are");
    let size = second.size;
    education.house().follow_keys().await.expect("it follows once");
    assert_eq!(verified(education).await.1.size, size);
    let (entries, _) = education.house().entries_newest(None, 2).await.expect("entries");
    assert!(matches!(&entries[0].1.fact, Fact::KeySigns { key } if key == "key-2"));
    assert!(matches!(&entries[1].1.fact, Fact::KeyPublished { key, .. } if key == "key-2"));

    clock.turn(SIGNED_FOR);
    assert_eq!(published(education), ["key-2"]);
    is_believed(education, revenue).await;
    verify(before.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_governing_body_turns_its_key_and_members_learn_it() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let clock = on_one_clock(&mut federation, &["council", "revenue", "education"]).await;
    let (council, revenue, education) =
        (federation.member("council"), federation.member("revenue"), federation.member("education"));
    council.house().turn_key(&council.person, false).await.expect("it turns");
    clock.turn(KNOWN_AFTER + Duration::from_secs(1));
    council.house().follow_keys().await.expect("it follows");
    let (charter, register) = council.house().signed_papers().await.expect("papers");
    assert_eq!((kid(&charter), kid(&register)), ("key-2".to_owned(), "key-2".to_owned()));
    // What the old key signed is still good, and what the new one signs is believed by who never saw it.
    assert_eq!(kid(&education.credential()), "key-1");
    is_believed(education, revenue).await;
    education.house().join(&education.person, &council.did()).await.expect("a new credential");
    assert_eq!(kid(&education.credential()), "key-2");
    is_believed(education, revenue).await;
    revenue.house().refresh_register().await.expect("the papers are believed");
    // When the old key has gone, what a thief signs with it is worth nothing, and nobody has to join again for that.
    let forged = |council: &MemberNode| {
        let now_s = council.house().clock.now().as_second();
        let membership = Membership {
            id: "urn:uuid:forged".into(),
            issuer: council.did().to_string(),
            subject: education.did().to_string(),
            member_name: "education".into(),
            ecosystem: council.did().to_string(),
            valid_from_s: now_s - 60,
            valid_until_s: now_s + 86_400,
            status_id: None,
            status: None,
            kind: None,
        };
        let key = &council.house().keys.all()[0].key;
        weal_trust::credential::issue(&membership, &format!("{}#key-1", council.did()), &**key)
            .expect("signed")
    };
    let shows = async |credential: String| {
        let now_s = council.house().clock.now().as_second();
        let own = claims(&education.did(), &revenue.did(), Some(credential));
        let own = Claims { iat: now_s, exp: now_s + 60, ..own };
        let url = format!("{}{NOBODY}", dsp(revenue));
        wire::get(&url, Some(&sign(&own, &education.house().key()))).await
    };
    shows(forged(council)).await.is_refused(404, "negotiation-unknown");
    clock.turn(ISSUED_FOR);
    revenue.house().refresh_register().await.expect("the papers are believed");
    shows(forged(council)).await.is_refused(401, "membership-invalid");
    assert_eq!(published(council), ["key-2"]);
    for member in [revenue, education] {
        member.house().join(&member.person, &council.did()).await.expect("a new credential");
        member.house().refresh_register().await.expect("the papers are believed");
    }
    is_believed(education, revenue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_in_the_bodys_place_is_not_believed() {
    let mut federation = Federation::of(&["revenue"]).await;
    let clock = on_one_clock(&mut federation, &["council", "revenue"]).await;
    let held = federation.member("revenue").house().ecosystem().keys.clone();
    // Somebody has taken the governing body's web server, or its operator the wrong backup: a key that nobody knows.
    let council = federation.member_mut("council");
    council.stops().await;
    let other = weal_trust::keys::NodeKey::from_seed(&[99; 32]);
    std::fs::write(council.folder.key(), other.to_pem().as_bytes()).expect("it is written");
    council.starts_with(Seams { clock: clock.clone(), ..Seams::default() }).await;
    clock.turn(Duration::from_secs(400));
    let (council, revenue) = (federation.member("council"), federation.member("revenue"));
    assert_eq!(council.house().did_document().keys[0].key, other.public());
    for _ in 0..2 {
        // The papers are still those that the old key signed.
        let _ = revenue.house().refresh_register().await;
        assert_eq!(revenue.house().ecosystem().keys, held);
        clock.turn(Duration::from_secs(400));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_key_goes_when_the_next_one_signs() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let clock = on_one_clock(&mut federation, &["council", "revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    // A turn was under way already: the theft is known a moment later.
    education.house().turn_key(&education.person, false).await.expect("it turns");
    let shown = education.house().turn_key(&education.person, true).await.expect("the old one goes sooner");
    assert_eq!(shown.keys[0].retires_at, Some(shown.keys[1].signs_from));
    is_believed(education, revenue).await;
    clock.turn(KNOWN_AFTER + Duration::from_secs(1));
    assert_eq!(published(education), ["key-2"]);
    is_believed(education, revenue).await;
    let stolen = &education.house().keys.all()[0].key;
    let now_s = education.house().clock.now().as_second();
    let own = claims(&education.did(), &revenue.did(), Some(education.credential()));
    let own = Claims { iat: now_s, exp: now_s + 60, ..own };
    let url = format!("{}{NOBODY}", dsp(revenue));
    wire::get(&url, Some(&sign(&own, stolen))).await.is_refused(401, "token-invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_point_leaves_a_node_that_works() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let clock = on_one_clock(&mut federation, &["council", "revenue", "education"]).await;
    let seams = || Seams { clock: clock.clone(), ..Seams::default() };
    // A key that was written and never recorded: nothing names it, and the next turn takes it up.
    let education = federation.member_mut("education");
    let left = weal_trust::keys::NodeKey::from_seed(&[77; 32]);
    std::fs::write(education.folder.key_of("key-2"), left.to_pem().as_bytes()).expect("it is written");
    education.stops().await;
    education.starts_with(seams()).await;
    assert_eq!(published(education), ["key-1"]);
    education.house().turn_key(&education.person, false).await.expect("it turns");
    // Stopped before the new key signs, started when it does: what follows is done before anybody is answered.
    education.stops().await;
    education.starts_with(seams()).await;
    assert_eq!(published(education), ["key-1", "key-2"]);
    assert_eq!(education.house().keys.all()[1].key.public(), left.public());
    education.stops().await;
    clock.turn(KNOWN_AFTER + Duration::from_secs(1));
    education.starts_with(seams()).await;
    let (_, now) = verified(education).await;
    assert_eq!(now.key, left.public());
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    is_believed(education, revenue).await;
}
