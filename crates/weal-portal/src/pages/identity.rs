//! Signing in.

use maud::html;

use crate::messages::{fill, messages};
use crate::parts::form::{Field, csrf, error_of, error_summary, hidden, titled};
use crate::parts::layout::{document, head};
use crate::paths;
use crate::view::{Chrome, SignInView};

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
