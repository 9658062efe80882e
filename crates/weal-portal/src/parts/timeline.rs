//! What happened, step by step: when, who, what, and the message exactly as sent.

use maud::{Markup, html};

use super::clip;
use super::state::{dot, tone_icon};
use crate::messages::{Messages, fill};
use crate::view::{Happening, Step, Tone};

/// Older steps than the latest so many are counted, not shown.
const STEPS_SHOWN_MAX: usize = 20;
/// All messages of one timeline together; longer ones are cut, the stored ones are whole.
const MESSAGES_CHARS_MAX: usize = 24_000;
const MESSAGE_CHARS_MAX: usize = 4_000;

pub(crate) fn timeline(m: &Messages, steps: &[Step]) -> Markup {
    let hidden = steps.len().saturating_sub(STEPS_SHOWN_MAX);
    let shown = &steps[hidden..];
    let messages = shown.iter().filter(|step| step.message.is_some()).count();
    let message_chars_max = (MESSAGES_CHARS_MAX / messages.max(1)).min(MESSAGE_CHARS_MAX);
    html! {
        @if hidden > 0 { p.hint { (m.count(&m.timeline.earlier, hidden as u64)) } }
        ol.timeline {
            @for step in shown {
                @let (tone, words) = happening(m, &step.what);
                li .(super::state::tone_class(tone)) {
                    @if tone == Tone::Plain { (dot()) } @else { (tone_icon(tone)) }
                    p.when { (m.time(step.at)) }
                    p { strong { (words) } }
                    p.actor { (step.actor) }
                    @if let Some(reason) = reason(&step.what) {
                        p { (fill(m.timeline.reason, &[("reason", reason)])) }
                    }
                    @if let Some(message) = &step.message {
                        details {
                            summary { (m.timeline.message) }
                            pre.code { code { (clip(message, message_chars_max)) } }
                        }
                    }
                }
            }
        }
    }
}

fn happening(m: &Messages, what: &Happening) -> (Tone, String) {
    match what {
        Happening::Negotiation { state, .. } => (step_tone(state), negotiation_state(m, state)),
        Happening::Transfer { state } => (Tone::Plain, transfer_state(m, state)),
        Happening::AgreementMade => (Tone::Allowed, m.timeline.agreed.to_owned()),
        Happening::AgreementRevoked { .. } => (Tone::Refused, m.timeline.revoked.to_owned()),
        Happening::FirstUse => (Tone::Plain, m.timeline.first_use.to_owned()),
    }
}

fn reason(what: &Happening) -> Option<&str> {
    match what {
        Happening::AgreementRevoked { reason } | Happening::Negotiation { reason: Some(reason), .. } => {
            Some(reason)
        }
        _ => None,
    }
}

/// A step that is past waits for nobody.
fn step_tone(state: &str) -> Tone {
    match negotiation_tone(state) {
        Tone::Waiting => Tone::Plain,
        ended => ended,
    }
}

pub(crate) fn negotiation_tone(state: &str) -> Tone {
    match state {
        "FINALIZED" => Tone::Allowed,
        "TERMINATED" => Tone::Refused,
        _ => Tone::Waiting,
    }
}

/// A negotiation's state in words; the protocol's own word where it is none of its states.
pub(crate) fn negotiation_state(m: &Messages, state: &str) -> String {
    let words = &m.timeline;
    match state {
        "REQUESTED" => words.requested,
        "OFFERED" => words.offered,
        "ACCEPTED" => words.accepted,
        "AGREED" => words.agreed_state,
        "VERIFIED" => words.verified,
        "FINALIZED" => words.finalized,
        "TERMINATED" => words.terminated,
        other => return fill(words.other_state, &[("state", other)]),
    }
    .to_owned()
}

fn transfer_state(m: &Messages, state: &str) -> String {
    let words = &m.timeline;
    match state {
        "REQUESTED" => words.transfer_requested,
        "STARTED" => words.transfer_started,
        "SUSPENDED" => words.transfer_suspended,
        "COMPLETED" => words.transfer_completed,
        "TERMINATED" => words.transfer_terminated,
        other => return fill(words.transfer_other, &[("state", other)]),
    }
    .to_owned()
}
