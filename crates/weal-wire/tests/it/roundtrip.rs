//! What is printed is read back as the same message, and is valid under its schema.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use weal_domain::Mark;
use weal_domain::agreements::NegotiationState;
use weal_domain::exchange::TransferState;
use weal_wire::dsp::catalogue::*;
use weal_wire::dsp::negotiation::*;
use weal_wire::dsp::transfer::*;
use weal_wire::dsp::versions::*;
use weal_wire::dsp::{Reasons, Turned};
use weal_wire::odrl::{Agreement, DateTime, MessageOffer, Offer};
use weal_wire::{Message, parse, print};

use crate::any::{iri, policy, product_and_offers, terms, text, timestamp};
use crate::kinds::reread;
use crate::schemas::assert_valid;

fn check<M: Message + PartialEq + std::fmt::Debug>(kind: &str, message: &M) {
    assert_valid(kind, &reread(message));
}

fn offer() -> impl Strategy<Value = Offer> {
    (iri(), vec(iri(), 0..3), policy(), option::of(terms())).prop_map(|(id, profiles, policy, terms)| Offer {
        id,
        profiles,
        policy,
        terms,
    })
}

fn message_offer() -> impl Strategy<Value = MessageOffer> {
    (offer(), iri()).prop_map(|(offer, dataset)| MessageOffer::of(offer, dataset))
}

fn agreement() -> impl Strategy<Value = Agreement> {
    (message_offer(), iri(), iri(), option::of(timestamp())).prop_map(|(offer, assigner, assignee, at)| {
        Agreement {
            id: offer.id,
            target: offer.target,
            assigner,
            assignee,
            timestamp: at.map(DateTime::from),
            profiles: offer.profiles,
            policy: offer.policy,
            terms: offer.terms,
        }
    })
}

fn thread() -> impl Strategy<Value = Thread> {
    prop_oneof![
        iri().prop_map(|callback_address| Thread::Opens { callback_address }),
        iri().prop_map(|receiver_pid| Thread::Continues { receiver_pid }),
    ]
}

fn mark() -> impl Strategy<Value = Mark> {
    prop_oneof![Just(Mark::Bare), any::<u32>().prop_map(Mark::Turn), iri().prop_map(Mark::Id)]
}

fn reasons() -> impl Strategy<Value = Reasons> {
    vec(text(), 0..3).prop_map(Reasons)
}

fn address() -> impl Strategy<Value = Option<DataAddress>> {
    let property = (text(), text()).prop_map(|(name, value)| EndpointProperty { name, value });
    let address =
        (iri(), option::of(iri()), vec(property, 0..3)).prop_map(|(endpoint_type, endpoint, properties)| {
            DataAddress { endpoint_type, endpoint, properties }
        });
    option::of(address)
}

fn service() -> impl Strategy<Value = DataService> {
    (iri(), iri()).prop_map(|(id, endpoint_url)| DataService { id, endpoint_url, serves: Vec::new() })
}

fn distribution() -> impl Strategy<Value = Distribution> {
    let access = prop_oneof![
        iri().prop_map(AccessService::Reference),
        service().prop_map(|service| AccessService::Service(Box::new(service))),
    ];
    (text(), access, vec(offer(), 0..2)).prop_map(|(format, access, offers)| Distribution {
        format,
        access,
        offers,
    })
}

fn dataset() -> impl Strategy<Value = Dataset> {
    let about = (option::of(text()), option::of(text()), vec(text(), 0..3));
    let product = option::of(product_and_offers().prop_map(|(product, _)| PublishedProduct {
        title: product.title,
        description: product.description,
        keywords: product.keywords,
        classification: product.classification,
        columns: product.columns,
        version: product.version,
        updated_at: product.updated_at,
    }));
    (iri(), about, product, vec(offer(), 1..3), vec(distribution(), 1..3)).prop_map(
        |(id, about, product, offers, distributions)| Dataset {
            id,
            title: about.0,
            description: about.1,
            keywords: about.2,
            product,
            offers,
            terms: Default::default(),
            distributions,
        },
    )
}

fn catalog() -> impl Strategy<Value = NestedCatalog> {
    let flat = (iri(), vec(dataset(), 0..2), vec(service(), 0..2), vec(distribution(), 0..2)).prop_map(
        |(id, datasets, services, distributions)| NestedCatalog {
            id,
            datasets,
            catalogs: Vec::new(),
            services,
            distributions,
        },
    );
    flat.prop_recursive(2, 4, 2, |inner| {
        (iri(), vec(inner, 0..2)).prop_map(|(id, catalogs)| NestedCatalog {
            id,
            datasets: Vec::new(),
            catalogs,
            services: Vec::new(),
            distributions: Vec::new(),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn negotiation_messages(
        pids in (iri(), iri()), thread in thread(), offer in message_offer(), agreement in agreement(),
        code in option::of(text()), reason in reasons(),
        state in prop::sample::select(&NegotiationState::ALL[..]),
        event in prop::sample::select(&NegotiationEvent::ALL[..]),
    ) {
        let (provider_pid, consumer_pid) = pids;
        check("ContractRequestMessage", &ContractRequestMessage {
            consumer_pid: consumer_pid.clone(), thread: thread.clone(), offer: offer.clone(),
        });
        check("ContractOfferMessage", &ContractOfferMessage { provider_pid: provider_pid.clone(), thread, offer });
        check("ContractAgreementMessage", &ContractAgreementMessage {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(), agreement,
        });
        check("ContractNegotiationEventMessage", &ContractNegotiationEventMessage {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(), event,
        });
        check("ContractNegotiation", &ContractNegotiation {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(), state,
        });
        check("ContractNegotiationTerminationMessage", &ContractNegotiationTerminationMessage {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(),
            code: code.clone(), reason: reason.clone(),
        });
        check("ContractNegotiationError", &ContractNegotiationError {
            provider_pid, consumer_pid, code, reason,
        });
    }

    #[test]
    fn transfer_messages(
        pids in (iri(), iri()), address in address(), words in (iri(), text(), iri()),
        code in option::of(text()), reason in reasons(),
        state in prop::sample::select(&TransferState::ALL[..]),
    ) {
        let (provider_pid, consumer_pid) = pids;
        check("TransferRequestMessage", &TransferRequestMessage {
            consumer_pid: consumer_pid.clone(), agreement_id: words.0, format: words.1,
            callback_address: words.2, data_address: address.clone(),
        });
        check("TransferStartMessage", &TransferStartMessage {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(), data_address: address,
        });
        check("TransferProcess", &TransferProcess {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(), state,
        });
        check("TransferSuspensionMessage", &TransferSuspensionMessage {
            provider_pid: provider_pid.clone(), consumer_pid: consumer_pid.clone(),
            code: code.clone(), reason: reason.clone(),
        });
        check("TransferError", &TransferError { provider_pid, consumer_pid, code, reason });
    }

    #[test]
    fn catalogues(participant_id in iri(), content in catalog(), dataset in dataset()) {
        check("Catalog", &Catalog { participant_id, content });
        check("Dataset", &dataset);
    }

    #[test]
    fn version_documents(words in vec((text(), text(), option::of(text()), vec(text(), 0..2)), 1..4)) {
        let versions = words.into_iter().map(|(version, path, service_id, profiles)| ProtocolVersion {
            auth: service_id.clone().map(|protocol| Auth { protocol, version: version.clone(), profiles }),
            version, path, service_id, identifier_type: None,
        });
        check("VersionDocument", &VersionDocument { versions: versions.collect() });
    }

    #[test]
    fn marked_messages(mark in mark(), pids in (iri(), iri())) {
        let message = ContractAgreementVerificationMessage { provider_pid: pids.0, consumer_pid: pids.1 };
        let counted = Turned { message, mark };
        check("ContractAgreementVerificationMessage", &counted);
        let plain: ContractAgreementVerificationMessage = parse(print(&counted).as_bytes()).unwrap();
        prop_assert_eq!(plain, counted.message);
    }
}

#[test]
fn reasons_of_any_form_become_sentences() {
    let mut document = crate::vectors::vector("transfer_error");
    let tagged = serde_json::json!({ "@value": "Tagged.", "@language": "en" });
    document["reason"] = serde_json::json!(["Plain.", tagged, {}, { "code": 7 }, 8]);
    let error: TransferError = parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(error.reason.0, ["Plain.", "Tagged.", "{\"code\":7}", "8"]);
}
