//! State, said by a word, a shape and a colour; and the node's mark.

use maud::{Markup, html};

use crate::view::Tone;

pub(crate) fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Allowed => "allowed",
        Tone::Waiting => "waiting",
        Tone::Refused => "refused",
        Tone::Attention => "attention",
        Tone::Plain => "plain",
    }
}

/// A word with its shape: "In force", "Waiting", "Refused".
pub(crate) fn tag(tone: Tone, text: &str) -> Markup {
    html! { span.tag .(tone_class(tone)) { (tone_icon(tone)) span { (text) } } }
}

/// Something that may be had for the asking: no state yet, and so none of the state's colours.
pub(crate) fn open_tag(text: &str) -> Markup {
    html! {
        span.tag.open {
            svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
                circle.line fill="none" stroke="currentColor" cx="8" cy="8" r="7" {}
                path.line fill="none" stroke="currentColor" d="M8 5v6M5 8h6" {}
            }
            span { (text) }
        }
    }
}

/// The shape of a tone: tick, clock, barred octagon, triangle, dash. Always beside a word, so hidden
/// from screen readers.
pub(crate) fn tone_icon(tone: Tone) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            @match tone {
                Tone::Allowed => {
                    circle.fill fill="currentColor" cx="8" cy="8" r="8" {}
                    path.cut fill="none" stroke="white" d="M4 8.4 7 11.2 12 5.4" {}
                }
                Tone::Waiting => {
                    circle.line fill="none" stroke="currentColor" cx="8" cy="8" r="7" {}
                    path.line fill="none" stroke="currentColor" d="M8 4v4.3l3 1.9" {}
                }
                Tone::Refused => {
                    path.fill fill="currentColor" d="M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7z" {}
                    path.cut fill="none" stroke="white" d="M4.5 8h7" {}
                }
                Tone::Attention => {
                    path.fill fill="currentColor" d="M8 .6 16 15H0z" {}
                    path.cut fill="none" stroke="white" d="M8 6v4M8 12.2v.6" {}
                }
                Tone::Plain => { path.line fill="none" stroke="currentColor" d="M4 8h8" {} }
            }
        }
    }
}

/// A point in time, on a timeline.
pub(crate) fn dot() -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            circle.fill fill="currentColor" cx="8" cy="8" r="5" {}
        }
    }
}

/// Two bodies, apart, and between them the one thing they share.
pub(crate) fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="40" height="40" aria-hidden="true" focusable="false" {
            path d="M12.5 2.4a14 14 0 0 0 0 27.2v-5.3a9 9 0 0 1 0-16.6z" {}
            path d="M19.5 2.4a14 14 0 0 1 0 27.2v-5.3a9 9 0 0 0 0-16.6z" {}
            circle.mark-dot cx="16" cy="16" r="3.5" {}
        }
    }
}
