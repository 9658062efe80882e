//! Forms: every control has a label, every mistake is said twice, above the form and at the field.

use maud::{Markup, html};

use super::state::tone_icon;
use crate::messages::{Messages, with_code};
use crate::view::{Chrome, FieldError, Tone};

/// The hidden field that proves a form came from our own page.
pub(crate) fn csrf(chrome: &Chrome) -> Markup {
    html! { input type="hidden" name="csrf" value=(chrome.csrf); }
}

pub(crate) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// What is wrong, with a link to each field. Nothing where nothing is wrong.
pub(crate) fn error_summary(m: &Messages, errors: &[FieldError], id_of: impl Fn(&str) -> String) -> Markup {
    html! {
        @if !errors.is_empty() {
            div.errors role="alert" aria-labelledby="errors-title" {
                h2 #errors-title { (tone_icon(Tone::Refused)) (m.form.errors_title) }
                ul {
                    @for error in errors { li { a href={ "#" (id_of(error.field)) } { (with_code(&error.text)) } } }
                }
            }
        }
    }
}

/// A page title that says so when the form on it has errors.
pub(crate) fn titled(m: &Messages, title: &str, errors: &[FieldError]) -> String {
    if errors.is_empty() {
        title.to_owned()
    } else {
        crate::messages::fill(m.form.error_title, &[("title", title)])
    }
}

/// One labelled control. `control` is called with the attributes that tie it to its hint and error.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) id: &'a str,
    pub(crate) label: &'a str,
    pub(crate) hint: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

/// What a control must carry to belong to its [`Field`].
#[derive(Debug)]
pub(crate) struct Ties {
    pub(crate) described_by: Option<String>,
    pub(crate) invalid: Option<&'static str>,
}

impl Field<'_> {
    pub(crate) fn render(&self, control: impl FnOnce(&Ties) -> Markup) -> Markup {
        let parts = [
            self.hint.map(|_| format!("{}-hint", self.id)),
            self.error.map(|_| format!("{}-error", self.id)),
        ];
        let described: Vec<String> = parts.into_iter().flatten().collect();
        let ties = Ties {
            described_by: (!described.is_empty()).then(|| described.join(" ")),
            invalid: self.error.map(|_| "true"),
        };
        html! {
            div.field.wrong[self.error.is_some()] {
                label for=(self.id) { (self.label) }
                @if let Some(hint) = self.hint { p.hint id={ (self.id) "-hint" } { (hint) } }
                @if let Some(error) = self.error {
                    p.error id={ (self.id) "-error" } { (tone_icon(Tone::Refused)) span { (with_code(error)) } }
                }
                (control(&ties))
            }
        }
    }
}

pub(crate) fn error_of<'a>(errors: &'a [FieldError], field: &str) -> Option<&'a str> {
    errors.iter().find(|error| error.field == field).map(|error| error.text.as_str())
}

/// A choice of one. With a single option it is chosen; with several, nothing is until the reader does.
pub(crate) fn select(
    field: &Field<'_>,
    name: &str,
    choose: &str,
    options: &[(String, String)],
    chosen: Option<&str>,
) -> Markup {
    let only = options.len() == 1;
    field.render(|ties| {
        html! {
            select id=(field.id) name=(name) required
                aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid] {
                @if !only { option value="" selected[chosen.is_none()] { (choose) } }
                @for (value, words) in options {
                    option value=(value) selected[only || chosen == Some(value.as_str())] { (words) }
                }
            }
        }
    })
}

/// A sentence that must be given; one line, because that is what is kept.
pub(crate) fn reason(field: &Field<'_>, value: &str) -> Markup {
    const REASON_CHARS_MAX: usize = 500;
    field.render(|ties| {
        html! {
            input id=(field.id) type="text" name="reason" value=(value) required maxlength=(REASON_CHARS_MAX)
                autocomplete="off" aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid];
        }
    })
}
