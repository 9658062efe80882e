//! A consumer's messages by hand, for tests that bend them.

use weal_domain::agreements::{narrow, policy_of_terms};
use weal_testkit::{FRAUD, MemberNode, PUBLIC_TASK};
use weal_wire::dsp::Turned;
use weal_wire::dsp::negotiation::{ContractRequestMessage, Thread};
use weal_wire::odrl::MessageOffer;

/// Where a node's protocol begins, and where it is answered.
pub(crate) fn dsp(node: &MemberNode) -> String {
    format!("{}/dsp/2025-1", node.origin())
}

pub(crate) fn callback(node: &MemberNode) -> String {
    format!("{}/dsp/2025-1/callback", node.origin())
}

pub(crate) fn local(node: &MemberNode, path: &str) -> String {
    format!("{}/api/v1{path}", node.origin())
}

/// The first message of a negotiation about the first offer of `product` that `consumer` knows of.
pub(crate) async fn contract_request(
    consumer: &MemberNode,
    product: &str,
    pid: &str,
    callback: &str,
) -> String {
    let entry =
        consumer.house().entry_of(&product.parse().expect("member.product")).await.expect("a known product");
    let offer = entry.offers.first().expect("an offer");
    let purpose = FRAUD.parse().expect("a purpose");
    let legal_basis = PUBLIC_TASK.parse().expect("a legal basis");
    let terms = narrow(offer, &purpose, &legal_basis).expect("a narrowing");
    let message = ContractRequestMessage {
        consumer_pid: pid.to_owned(),
        thread: Thread::Opens { callback_address: callback.to_owned() },
        offer: MessageOffer {
            id: offer.id.to_string(),
            target: entry.dataset,
            profiles: Vec::new(),
            policy: policy_of_terms(offer.mode, &terms),
            terms: Some(terms),
        },
    };
    weal_wire::print(&Turned { message, mark: weal_domain::Mark::Turn(1024) })
}

/// A path segment with its colons and slashes written out.
pub(crate) fn segment(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
