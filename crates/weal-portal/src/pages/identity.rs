//! Signing in; credentials that this node holds and has issued.

use maud::{Markup, html};
use weal_domain::Timestamp;
use weal_domain::identity::Did;

use super::governance::member_tabs;
use crate::messages::{Messages, fill, messages, plain, with_code};
use crate::parts::form::{Field, csrf, error_of, error_summary, hidden, titled};
use crate::parts::layout::{document, head};
use crate::parts::state::tag;
use crate::parts::table::Table;
use crate::parts::{clip, empty};
use crate::paths;
use crate::view::{
    CameBy, Chrome, CredentialState, CredentialsView, HeldLine, IssuedLine, OfferedLine, RequestState,
    RequestedLine, SignInView, Tone,
};

/// Lines of each table of credentials.
const LINES_SHOWN_MAX: usize = 30;
/// Of a kind, and of an identifier: others write them.
const TEXT_CHARS_MAX: usize = 120;
const REASON_CHARS_MAX: usize = 200;
const KINDS_SHOWN_MAX: usize = 4;
/// The longest credential that a form sends.
const CREDENTIAL_CHARS_MAX: usize = 64 * 1024;

/// `GET /sign-in`, and `POST /sign-in` that did not succeed.
#[must_use]
pub fn sign_in(chrome: &Chrome, view: &SignInView) -> String {
    let m = messages(chrome.language);
    let words = &m.sign_in;
    let account = Field {
        id: "account",
        label: words.account,
        hint: Some(words.account_hint),
        error: error_of(&view.errors, "account"),
    };
    let password = Field {
        id: "password",
        label: words.password,
        hint: None,
        error: error_of(&view.errors, "password"),
    };
    let main = html! {
        (error_summary(m, &view.errors, str::to_owned))
        (head(None, words.title, Some(&fill(words.lead, &[("node", &chrome.node_title)]))))
        form.panel method="post" action=(paths::SIGN_IN) {
            (csrf(chrome))
            (hidden("next", &view.next))
            (account.render(|ties| html! {
                input #account type="text" name="account" value=(view.account) required
                    autocomplete="username webauthn" autocapitalize="none" spellcheck="false"
                    aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid];
            }))
            (password.render(|ties| html! {
                input #password type="password" name="password" required autocomplete="current-password"
                    aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid];
            }))
            button type="submit" { (words.submit) }
        }
        p.hint { (crate::messages::with_code(words.no_account)) }
    };
    document(chrome, &titled(m, words.title, &view.errors), &main)
}

/// `GET /credentials`, and an import that was not accepted.
#[must_use]
pub fn credentials(chrome: &Chrome, view: &CredentialsView) -> String {
    let m = messages(chrome.language);
    let words = &m.credentials;
    let main = html! {
        (error_summary(m, &view.errors, str::to_owned))
        (member_tabs(m, paths::CREDENTIALS))
        (head(None, words.title, Some(words.lead)))
        section aria-labelledby="held" {
            h2 #held { (words.held) }
            @if view.held.is_empty() {
                (empty(words.none_held, plain(words.none_held_next)))
            } @else {
                p.measure { (words.held_lead) }
                (held(m, view))
            }
        }
        @if view.may_import { (import(chrome, m, view)) }
        section aria-labelledby="requests" {
            h2 #requests { (words.requests) }
            @if view.requests.is_empty() {
                (empty(words.none_requests, with_code(words.none_requests_next)))
            } @else { (requests(m, view)) }
        }
        @if !view.offers.is_empty() {
            section aria-labelledby="offers" { h2 #offers { (words.offers) } (offers(m, view)) }
        }
        @if view.issues {
            section aria-labelledby="issued" {
                h2 #issued { (words.issued) }
                @if view.issued.is_empty() {
                    (empty(words.none_issued, plain(words.none_issued_next)))
                } @else {
                    p.measure { (words.issued_lead) }
                    (issued(m, view))
                }
            }
        }
    };
    document(chrome, &titled(m, words.title, &view.errors), &main)
}

fn held(m: &Messages, view: &CredentialsView) -> Markup {
    let words = &m.credentials;
    let mut table = Table::new(words.held)
        .caption_hidden()
        .text(words.kind)
        .text(words.issuer)
        .text(words.subject)
        .text(words.valid_until)
        .text(words.state)
        .text(words.came);
    for line in view.held.iter().take(LINES_SHOWN_MAX) {
        table.row(held_cells(m, view, line));
    }
    let is_unknown = view.held.iter().any(|line| line.state == CredentialState::Unknown);
    html! {
        (table.render())
        (hidden_lines(m, view.held.len()))
        @if is_unknown { p.hint { (words.unknown) ": " (words.unknown_hint) } }
    }
}

fn held_cells(m: &Messages, view: &CredentialsView, line: &HeldLine) -> Vec<Markup> {
    let words = &m.credentials;
    let came = match line.came {
        CameBy::Membership => words.by_membership,
        CameBy::Issuer => words.by_issuer,
        CameBy::Import => words.by_import,
    };
    let number = fill(words.number, &[("number", &clip(&line.number, TEXT_CHARS_MAX))]);
    vec![
        kinds(m, view, &line.kinds),
        named(view, &line.issuer),
        named(view, &line.subject),
        until(m, line.valid_until),
        state(m, line.state),
        html! { (came) ", " (m.day(line.received_at)) " " span.sub { (number) } },
    ]
}

fn import(chrome: &Chrome, m: &Messages, view: &CredentialsView) -> Markup {
    let words = &m.credentials;
    let field = Field {
        id: "credential",
        label: words.import_label,
        hint: Some(words.import_hint),
        error: error_of(&view.errors, "credential"),
    };
    html! {
        section aria-labelledby="import" {
            h2 #import { (words.import) }
            p.measure { (words.import_lead) }
            form.panel method="post" action=(paths::CREDENTIALS) {
                (csrf(chrome))
                (field.render(|ties| html! {
                    textarea #credential name="credential" rows="6" required maxlength=(CREDENTIAL_CHARS_MAX)
                        autocomplete="off" autocapitalize="none" spellcheck="false"
                        aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid] { (view.typed) }
                }))
                button type="submit" { (words.import_go) }
            }
        }
    }
}

fn requests(m: &Messages, view: &CredentialsView) -> Markup {
    let words = &m.credentials;
    let mut table =
        Table::new(words.requests).caption_hidden().text(words.issuer).text(words.asked).text(words.request);
    for RequestedLine { issuer, asked_at, state, reason } in view.requests.iter().take(LINES_SHOWN_MAX) {
        let stands = match (state, reason) {
            (RequestState::Waiting, _) => tag(Tone::Waiting, words.waiting),
            (RequestState::Arrived, _) => tag(Tone::Allowed, words.arrived),
            (RequestState::Refused, None) => tag(Tone::Refused, words.refused),
            (RequestState::Refused, Some(reason)) => {
                let reason = clip(reason, REASON_CHARS_MAX);
                tag(Tone::Refused, &fill(words.refused_for, &[("reason", &reason)]))
            }
        };
        table.row(vec![named(view, issuer), m.time(*asked_at), stands]);
    }
    html! { (table.render()) (hidden_lines(m, view.requests.len())) }
}

fn offers(m: &Messages, view: &CredentialsView) -> Markup {
    let words = &m.credentials;
    let mut table = Table::new(words.offers)
        .caption_hidden()
        .text(words.issuer)
        .text(words.kind)
        .text(words.because)
        .text(words.offered);
    for OfferedLine { issuer, kind, reason, received_at } in view.offers.iter().take(LINES_SHOWN_MAX) {
        let kind: Vec<String> = kind.iter().cloned().collect();
        let because = reason.as_ref().map(|reason| clip(reason, REASON_CHARS_MAX));
        table.row(vec![
            named(view, issuer),
            kinds(m, view, &kind),
            html! { @match because { Some(because) => (because), None => (m.common.dash) } },
            m.day(*received_at),
        ]);
    }
    html! { (table.render()) (hidden_lines(m, view.offers.len())) }
}

fn issued(m: &Messages, view: &CredentialsView) -> Markup {
    let words = &m.credentials;
    let mut table = Table::new(words.issued)
        .caption_hidden()
        .text(words.receiver)
        .text(words.kind)
        .text(words.valid_until)
        .text(words.state)
        .number(words.place);
    for line in view.issued.iter().take(LINES_SHOWN_MAX) {
        let IssuedLine { subject, kinds: of, valid_until, state: stands, place } = line;
        table.row(vec![
            named(view, subject),
            kinds(m, view, of),
            valid_until.map_or_else(|| plain(m.common.not_known), |at| m.day(at)),
            state(m, *stands),
            plain(&m.number(u64::from(*place))),
        ]);
    }
    html! { (table.render()) (hidden_lines(m, view.issued.len())) }
}

/// A kind's plain name, where it has one, and the name by which programs ask for it.
fn kinds(m: &Messages, view: &CredentialsView, kinds: &[String]) -> Markup {
    html! {
        @for (at, kind) in kinds.iter().take(KINDS_SHOWN_MAX).enumerate() {
            @if at > 0 { br; }
            @if *kind == view.membership_kind { (m.credentials.membership) " " }
            span.sub { code { (clip(kind, TEXT_CHARS_MAX)) } }
        }
        @if kinds.is_empty() { (m.common.not_known) }
    }
}

/// An organisation by its full name, where that is known, and by its DID.
fn named(view: &CredentialsView, did: &Did) -> Markup {
    let title = view.names.title(did);
    html! {
        div.address {
            @if title != did.as_str() { (clip(title, TEXT_CHARS_MAX)) " " }
            span.sub { code { (clip(did.as_str(), TEXT_CHARS_MAX)) } }
        }
    }
}

fn until(m: &Messages, valid_until: Option<Timestamp>) -> Markup {
    valid_until.map_or_else(|| plain(m.credentials.no_end), |at| m.day(at))
}

fn state(m: &Messages, state: CredentialState) -> Markup {
    let words = &m.credentials;
    match state {
        CredentialState::Good => tag(Tone::Allowed, words.good),
        CredentialState::Revoked => tag(Tone::Refused, words.revoked),
        CredentialState::Expired => tag(Tone::Refused, words.expired),
        CredentialState::Unknown => tag(Tone::Attention, words.unknown),
    }
}

fn hidden_lines(m: &Messages, count: usize) -> Markup {
    let hidden = count.saturating_sub(LINES_SHOWN_MAX);
    html! { @if hidden > 0 { p.hint { (m.count(&m.common.more, hidden as u64)) } } }
}
