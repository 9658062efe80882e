//! What a browser does, and no more: it follows no redirect by itself, so that tests see each one.

use std::cell::RefCell;
use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use weal_portal::paths::segment;
use weal_testkit::MemberNode;

/// Everybody's password in these tests.
pub(super) const PASSWORD: &str = "correct horse battery";

#[derive(Debug)]
pub(super) struct Browser {
    origin: String,
    client: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
}

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Shown {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a plain header"))
    }

    /// Where a redirect leads.
    pub(super) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "no redirect: {}", self.text);
        self.header(LOCATION.as_str())
    }

    /// The secret of the first form.
    pub(super) fn csrf(&self) -> String {
        self.hidden("csrf")
    }

    /// A hidden field of the first form that has it.
    pub(super) fn hidden(&self, name: &str) -> String {
        let (_, after) =
            self.text.split_once(&format!("name=\"{name}\" value=\"")).expect("a form on the page");
        after.split('"').next().expect("its end").to_owned()
    }
}

impl Browser {
    pub(super) fn at(node: &MemberNode) -> Self {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).no_proxy().build().expect("a client");
        Self { origin: node.origin(), client, cookies: RefCell::default() }
    }

    pub(super) fn cookie(&self, name: &str) -> String {
        self.cookies.borrow().get(name).cloned().unwrap_or_default()
    }

    pub(super) fn keeps(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// A browser in which this account has signed in.
    pub(super) async fn of(node: &MemberNode, account: &str) -> Self {
        let browser = Self::at(node);
        let answer = browser.sign_in(account, PASSWORD, "").await;
        assert_eq!(answer.leads_to(), "/");
        browser
    }

    pub(super) async fn sign_in(&self, account: &str, password: &str, next: &str) -> Shown {
        let csrf = self.get("/sign-in").await.csrf();
        let fields = [("csrf", csrf.as_str()), ("account", account), ("password", password), ("next", next)];
        self.send("/sign-in", &fields).await
    }

    pub(super) async fn get(&self, path: &str) -> Shown {
        self.exchange(self.client.get(format!("{}{path}", self.origin))).await
    }

    /// Posts exactly these fields.
    pub(super) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
        let request = self.client.post(format!("{}{path}", self.origin)).body(pairs.join("&"));
        self.exchange(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    /// Posts the form of a page, with the secret that stands on it, and its number where it has one.
    pub(super) async fn fill_in(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Shown {
        let shown = self.get(page).await;
        let (csrf, mut all) = (shown.csrf(), fields.to_vec());
        let is_numbered = shown.text.contains("name=\"once\"");
        let once = if is_numbered { shown.hidden("once") } else { "1".to_owned() };
        if !fields.iter().any(|(name, _)| *name == "once") {
            all.push(("once", &once));
        }
        all.push(("csrf", &csrf));
        self.send(path, &all).await
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Shown {
        let held: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, held.join("; ")).send().await.expect("the node answers");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().expect("plain").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a name and a value");
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        Shown {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.expect("text"),
        }
    }
}
