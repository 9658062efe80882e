//! That whoever changes access still stands as they say: tokens, passwords and roles as they are at the moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use weal_domain::identity::{AccountName, Act, Person, Role, one_may};
use weal_node::House;
use weal_node::acts::identity::{Came, Knock};
use weal_node::api::MakeToken;
use weal_node::config::{Config, Folder};
use weal_node::fault::{Error, Fault};
use weal_node::http::ClientAddress;
use weal_node::seams::{Entropy, Seams, SystemEntropy};
use weal_testkit::{Federation, wire};

const PASSWORD: &str = "correct horse battery";
const OTHER_PASSWORD: &str = "slow green river stone";

async fn adds(house: &House, by: &Person, account: &str, roles: &[Role]) -> Person {
    let account: AccountName = account.parse().expect("a name");
    let person = Person { display_name: account.to_string(), account, roles: roles.to_vec() };
    house.add_person(by, person, PASSWORD).await.expect("added")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: &str) {
    match outcome {
        Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{refusal:?}"),
        other => panic!("not refused as {code}: {other:?}"),
    }
}

fn knock(password: &str) -> Knock<'_> {
    let from = ClientAddress::of("192.0.2.7".parse().expect("an address"));
    Knock { account: "ada", password, from, browser: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_narrow_token_takes_nothing_over_and_leaves_nothing_behind() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let token = async |role| {
        let make = MakeToken { label: "program".into(), roles: vec![role] };
        house.make_token(Came::SignedIn(&revenue.person), make).await.expect("a token")
    };
    let say = async |token: &str, method: Method, path: &str, body: serde_json::Value| {
        let url = format!("{}/api/v1{path}", revenue.origin());
        wire::send(method, &url, Some(token), &[], body.to_string()).await
    };
    let (narrow, other) = (token(Role::Operator).await, token(Role::Operator).await);
    let (password, other_token) = ("/persons/ada/password", format!("/tokens/{}", other.shown.id));
    let with_current = json!({"password": OTHER_PASSWORD, "current": PASSWORD});
    for (method, path, body) in [
        (Method::PUT, password, json!({"password": OTHER_PASSWORD})),
        (Method::PUT, password, with_current.clone()),
        (Method::DELETE, "/persons/ada/sessions", json!({})),
        (Method::POST, "/tokens", json!({"label": "sibling", "roles": ["operator"]})),
        (Method::DELETE, &other_token, json!({})),
    ] {
        say(&narrow.token, method, path, body).await.is_refused(403, "token-narrow");
    }
    house.sign_in(knock(PASSWORD)).await.expect("the password is as it was");

    // A role that gives roles is not yet every role of its person: the password would open all of them.
    let giving = token(Role::ChiefDataOfficer).await.token;
    for body in
        [json!({"password": OTHER_PASSWORD}), json!({"password": OTHER_PASSWORD, "current": "made up here"})]
    {
        say(&giving, Method::PUT, password, body).await.is_refused(403, "password-current");
    }
    assert_eq!(say(&giving, Method::PUT, password, with_current).await.status, 204);
    let own = revenue.operator_token();
    assert_eq!(say(&own, Method::PUT, password, json!({"password": PASSWORD})).await.status, 204);
    house.sign_in(knock(PASSWORD)).await.expect("the node's own token may do it all");
    assert_eq!(say(&giving, Method::DELETE, &other_token, json!({})).await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_their_own_password_knows_it() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let ben = adds(house, &revenue.person, "ben", &[Role::Analyst]).await;
    let change =
        async |current| house.set_password(Came::SignedIn(&ben), &ben.account, OTHER_PASSWORD, current).await;
    refused(change(None).await, "password-current");
    refused(change(Some(OTHER_PASSWORD)).await, "password-current");
    change(Some(PASSWORD)).await.expect("changed");
    for _ in 0..4 {
        refused(change(Some(PASSWORD)).await, "password-current");
    }
    let mut waits = false;
    for _ in 0..4 {
        waits |= matches!(change(Some(PASSWORD)).await, Err(Error::Refused(refusal)) if refusal.code == "sign-in-wait");
    }
    assert!(waits, "guessing is as slow here as at the door");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lost_a_role_meanwhile_does_nothing_in_it() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let (house, ada) = (revenue.house(), &revenue.person);
    // As a request that was let in a moment before still holds them.
    let ben = adds(house, ada, "ben", &[Role::Owner]).await;
    house.set_roles(ada, &ben.account, vec![Role::Analyst]).await.expect("taken away");
    refused(house.remove_person(&ben, &ada.account).await, "role-missing");
    refused(house.set_roles(&ben, &ada.account, vec![Role::Analyst]).await, "role-missing");
    refused(house.set_roles(&ben, &ben.account, vec![Role::Owner]).await, "role-missing");
    let set = house.set_password(Came::SignedIn(&ben), &ada.account, OTHER_PASSWORD, None).await;
    refused(set, "role-missing");
    let eve = Person { account: "eve".parse().expect("a name"), ..ben.clone() };
    refused(house.add_person(&ben, eve, PASSWORD).await, "role-missing");
    let make = MakeToken { label: "x".into(), roles: vec![Role::Owner] };
    refused(house.make_token(Came::SignedIn(&ben), make).await.map(drop), "role-missing");
    house.remove_person(ada, &ben.account).await.expect("removed");
    refused(house.remove_person(&ben, &ada.account).await, "role-missing");
    let persons = house.persons().await.expect("persons");
    assert!(persons.iter().any(|person| one_may(&person.roles, Act::GiveRoles)));
}

/// Chance that, once armed, says when it is asked and waits to be let on.
#[derive(Debug)]
struct Gate {
    armed: AtomicBool,
    asked: Mutex<Sender<()>>,
    on: Mutex<Receiver<()>>,
}

impl Entropy for Gate {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.asked.lock().expect("whole").send(()).expect("the test listens");
            let on = self.on.lock().expect("whole").recv_timeout(Duration::from_secs(60));
            on.expect("let on in time");
        }
        SystemEntropy.fill(bytes)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_old_password_opens_nothing_once_it_is_changed_however_long_it_waited() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = Folder::new(parent.path().join("node"));
    let options = weal_node::InitOptions {
        title: "Council".into(),
        origin: "http://127.0.0.1:7999".into(),
        password: PASSWORD.into(),
        ..weal_testkit::governing(&folder, "council", "127.0.0.1:0".parse().expect("an address"))
    };
    weal_node::init(options).await.expect("made");
    let config = Config::read(&folder, []).expect("its configuration");
    let ((asked, is_asked), (let_on, on)) = (channel(), channel());
    let gate = Arc::new(Gate { armed: AtomicBool::new(false), asked: Mutex::new(asked), on: Mutex::new(on) });
    let seams = Seams { entropy: gate.clone(), ..Seams::default() };
    let house = Arc::new(House::open_with(config, folder, seams).await.expect("open"));
    let ada = house.persons().await.expect("persons").pop().expect("Ada");

    gate.armed.store(true, Ordering::SeqCst);
    let entering = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.sign_in(knock(PASSWORD)).await }
    });
    // The password was found right, and the session is about to be made.
    let reached = tokio::task::spawn_blocking(move || is_asked.recv_timeout(Duration::from_secs(60)));
    reached.await.expect("waited").expect("reached");
    house.set_password(Came::ByToken(&ada), &ada.account, OTHER_PASSWORD, None).await.expect("changed");
    let_on.send(()).expect("it waits");
    refused(entering.await.expect("ended"), "sign-in-wrong");
    house.sign_in(knock(OTHER_PASSWORD)).await.expect("the new one opens");
}
