//! Who gets in, and what a form must prove.

use std::sync::Arc;

use weal_domain::Timestamp;
use weal_node::seams::{Clock, Seams, SystemClock};
use weal_testkit::{Federation, GOVERNING, Port};

use super::browser::{Browser, PASSWORD};

/// A clock that stands: a wait of two seconds is not over while a busy machine looks at a password.
#[derive(Debug, Clone)]
struct Still(Timestamp);

impl Still {
    fn since_now() -> Self {
        Self(SystemClock.now())
    }

    async fn starts(&self, federation: &mut Federation) {
        let node = federation.member_mut(GOVERNING);
        node.stops().await;
        node.starts_with(Seams { clock: Arc::new(self.clone()), ..Seams::default() }).await;
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_and_out() {
    let federation = Federation::of(&[]).await;
    let browser = Browser::at(federation.member(GOVERNING));
    let form = browser.get("/sign-in").await;
    assert_eq!(form.status, 200);
    assert!(!form.text.contains("Sign out"), "{}", form.text);

    let signed = browser.sign_in("ada", PASSWORD, "/ledger?page=2").await;
    assert_eq!(signed.leads_to(), "/ledger?page=2");
    let cookies: Vec<&str> =
        signed.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("plain")).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("weal_session_")).expect("a session");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains("Secure"), "this origin is plain http: {session}");

    let home = browser.get("/").await;
    assert_eq!(home.status, 200);
    assert_eq!(home.header("cache-control"), "private, no-store");
    assert!(home.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"));
    assert!(home.text.contains("Sign out") && home.text.contains("Ada"));
    assert_eq!(browser.get("/sign-in").await.leads_to(), "/", "who is in needs no form");

    assert_eq!(browser.fill_in("/", "/sign-out", &[]).await.leads_to(), "/sign-in");
    assert_eq!(browser.get("/").await.leads_to(), "/sign-in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_signed_in_is_led_to_the_form_and_back() {
    let federation = Federation::of(&[]).await;
    let browser = Browser::at(federation.member(GOVERNING));
    assert_eq!(browser.get("/").await.leads_to(), "/sign-in");
    let asked = browser.get("/catalogue?q=pay%20roll").await;
    assert_eq!(asked.leads_to(), "/sign-in?next=%2Fcatalogue%3Fq%3Dpay%2520roll");
    let form = browser.get(asked.leads_to()).await;
    assert!(form.text.contains("name=\"next\" value=\"/catalogue?q=pay%20roll\""), "{}", form.text);
    for path in [
        "/products",
        "/agreements",
        "/negotiations",
        "/ask",
        "/ledger",
        "/ledger/0",
        "/members",
        "/credentials",
    ] {
        assert!(browser.get(path).await.leads_to().starts_with("/sign-in"), "{path}");
    }
    let posted = browser.send("/agreements/urn%3Auuid%3Ax/revoke", &[("csrf", "x"), ("reason", "r")]).await;
    assert_eq!(posted.leads_to(), "/sign-in", "a form is not sent again after signing in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_led_away_from_this_node() {
    let federation = Federation::of(&[]).await;
    let node = federation.member(GOVERNING);
    for away in ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil"] {
        assert_eq!(Browser::at(node).sign_in("ada", PASSWORD, away).await.leads_to(), "/", "{away}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_says_nothing_about_the_account_and_soon_waits() {
    let mut federation = Federation::of(&[]).await;
    Still::since_now().starts(&mut federation).await;
    let browser = Browser::at(federation.member(GOVERNING));
    let unknown = browser.sign_in("nobody", "not the password", "/ask").await;
    let wrong = browser.sign_in("ada", "not the password", "/ask").await;
    assert_eq!((unknown.status, wrong.status), (401, 401));
    let said = "The account and password do not go together.";
    assert!(unknown.text.contains(said) && wrong.text.contains(said));
    assert!(
        wrong.text.contains("value=\"ada\"") && wrong.text.contains("value=\"/ask\""),
        "it keeps what was typed"
    );
    assert!(!wrong.text.contains("not the password"), "but never the password");
    for _ in 2..5 {
        assert_eq!(browser.sign_in("ada", "not the password", "").await.status, 401);
    }
    let waits = browser.sign_in("ada", PASSWORD, "").await;
    assert_eq!(waits.status, 429, "{}", waits.text);
    assert!(waits.text.contains("Wait ") && waits.text.contains("seconds"), "{}", waits.text);
    let waits_too = browser.sign_in("nobody", PASSWORD, "").await;
    assert_eq!(waits_too.status, 429, "there or not, an account waits alike");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guesses_at_once_are_no_more_than_a_few() {
    let mut federation = Federation::of(&[]).await;
    Still::since_now().starts(&mut federation).await;
    let browsers: Vec<Browser> = (0..16).map(|_| Browser::at(federation.member(GOVERNING))).collect();
    let guesses = browsers.iter().map(|browser| browser.sign_in("ada", "not the password", ""));
    let answers = futures::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(looked_at <= 5, "{looked_at} passwords were looked at");
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_shuts_nobody_out_of_a_browser_that_was_let_in_before() {
    let mut federation = Federation::of(&[]).await;
    let still = Still::since_now();
    still.starts(&mut federation).await;
    let node = federation.member(GOVERNING);
    let own = Browser::of(node, "ada").await;
    let stranger = Browser::at(node);
    for _ in 0..6 {
        stranger.sign_in("ada", "not the password", "").await;
    }
    assert_eq!(Browser::at(node).sign_in("ada", PASSWORD, "").await.status, 429, "a new browser waits");
    own.fill_in("/", "/sign-out", &[]).await;
    let again = own.sign_in("ada", PASSWORD, "").await;
    assert_eq!(again.leads_to(), "/", "{}", again.text);
    let mark = again.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("plain"));
    let mark = mark.into_iter().find(|cookie| cookie.starts_with("weal_browser_council=")).expect("a mark");
    assert!(mark.contains("HttpOnly") && mark.contains("SameSite=Lax"), "{mark}");

    // The mark opens nothing, is nobody else's, and is not made up.
    own.fill_in("/", "/sign-out", &[]).await;
    assert_eq!(own.get("/").await.leads_to(), "/sign-in");
    let mark = own.cookie("weal_browser_council");
    let made_up = mark.replace(mark.split('.').nth(1).expect("an end"), "9999999999");
    for other in [made_up.as_str(), "", "..", "a.9999999999.b", "a.b.c"] {
        let browser = Browser::at(node);
        browser.keeps("weal_browser_council", other);
        assert_eq!(browser.sign_in("ada", PASSWORD, "").await.status, 429, "{other}");
    }
    // A mark that was stolen gives as few guesses as anything else, and shuts out nobody else.
    for _ in 0..5 {
        assert_eq!(own.sign_in("ada", "not the password", "").await.status, 401);
    }
    assert_eq!(own.sign_in("ada", "not the password", "").await.status, 429);

    // What was counted is counted after a restart.
    still.starts(&mut federation).await;
    let node = federation.member(GOVERNING);
    for _ in 0..3 {
        Browser::at(node).sign_in("ada", "not the password", "").await;
    }
    assert_eq!(Browser::at(node).sign_in("ada", PASSWORD, "").await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_not_ours_changes_nothing() {
    let federation = Federation::of(&[]).await;
    let node = federation.member(GOVERNING);
    let stranger = Browser::at(node);
    let fields = [("csrf", "guessed"), ("account", "ada"), ("password", PASSWORD)];
    assert_eq!(stranger.send("/sign-in", &fields).await.status, 403, "no page of ours was seen");

    let browser = Browser::of(node, "ada").await;
    for path in
        ["/sign-out", "/ask", "/agreements/request", "/agreements/x/revoke", "/negotiations/x/approve"]
    {
        let fields = [("offer", "o"), ("member", "m"), ("product", "p"), ("reason", "r")];
        let missing = browser.send(path, &fields).await;
        assert_eq!(missing.status, 400, "{path}: {}", missing.text);
        let guessed = browser.send(path, &[&[("csrf", "guessed")], &fields[..]].concat()).await;
        assert_eq!(guessed.status, 403, "{path}: {}", guessed.text);
        assert!(guessed.text.contains("form-not-ours") && guessed.text.contains("<html"), "{}", guessed.text);
    }
    assert_eq!(browser.get("/").await.status, 200, "still signed in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_cookies_are_this_hosts_alone_and_plain_http_is_never_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = Port::free();
    let listen = port.address;
    let node = weal_node::config::Folder::new(folder.path().join("revenue"));
    let options = weal_node::InitOptions {
        folder: node.path().to_owned(),
        name: "revenue".parse().expect("a name"),
        title: "Revenue Agency".into(),
        listen,
        origin: "https://revenue.example".into(),
        governs: true,
        governing_body: None,
        reach: weal_node::config::Reach::Public,
        store_url: None,
        account: "ada".parse().expect("a name"),
        display_name: "Ada".into(),
        password: PASSWORD.into(),
    };
    weal_node::init(options).await.expect("made");
    let config = weal_node::config::Config::read(&node, []).expect("read");
    let running = weal_node::start(config, node).await.expect("started");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let form = client.get(format!("http://{listen}/sign-in")).send().await.expect("an answer");
    let header = |name: &str| form.headers().get(name).map_or("", |value| value.to_str().expect("plain"));
    assert!(header("strict-transport-security").starts_with("max-age="));
    let cookie = header("set-cookie");
    assert!(cookie.starts_with("__Host-weal_sign_in_revenue="), "{cookie}");
    for part in ["Secure", "Path=/", "HttpOnly"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_one_host_keep_their_sessions_apart() {
    let federation = Federation::of(&["revenue"]).await;
    let (council, revenue) = (federation.member(GOVERNING), federation.member("revenue"));
    let names = async |node: &weal_testkit::MemberNode| {
        let signed = Browser::at(node).sign_in("ada", PASSWORD, "").await;
        let all = signed.headers.get_all("set-cookie").iter();
        let texts = all.map(|value| value.to_str().expect("plain").split('=').next().unwrap_or_default());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let (ours, theirs) = (names(council).await, names(revenue).await);
    assert!(!ours.is_empty() && ours.iter().all(|name| !theirs.contains(name)), "{ours:?} {theirs:?}");
}
