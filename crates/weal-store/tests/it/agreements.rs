use weal_domain::agreements::{AgreementStatus, NegotiationState, Side};
use weal_store::StoreError;

use crate::bed::{Bed, on_both};
use crate::samples::{agreement, at, did, id, negotiation};

on_both!(
    a_negotiation_is_saved_by_one_writer_only,
    negotiations_are_found_by_either_pid,
    negotiations_are_found_by_agreement_and_counted_while_open,
    an_agreement_changes_its_status_and_nothing_else,
);

async fn a_negotiation_is_saved_by_one_writer_only(bed: &Bed) {
    let store = bed.open().await;
    let mut began = negotiation("urn:uuid:n1", "education");
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.put_negotiation(&began, 0).await.unwrap(), 1);
    began.state = NegotiationState::Agreed;
    assert_eq!(tx.put_negotiation(&began, 1).await.unwrap(), 2);
    tx.commit().await.unwrap();

    for stale in [0, 1, 3] {
        let mut tx = store.write("test").await.unwrap();
        let outcome = tx.put_negotiation(&negotiation("urn:uuid:n1", "education"), stale).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
        assert!(matches!(tx.commit().await, Err(StoreError::Void)));
    }
    // The pid of somebody else's negotiation does not open it.
    let mut tx = store.write("test").await.unwrap();
    let outcome = tx.put_negotiation(&negotiation("urn:uuid:n1", "intruder"), 2).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { .. })));

    let mut tx = store.read("test").await.unwrap();
    assert_eq!(tx.negotiation("urn:uuid:n1").await.unwrap(), Some((began, 2)));
}

async fn negotiations_are_found_by_either_pid(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    for number in 1..=3 {
        let began = negotiation(&format!("urn:uuid:n{number}"), "education");
        tx.put_negotiation(&began, 0).await.unwrap();
    }
    let found =
        tx.negotiation_of_peer(Side::Provider, &did("education"), "urn:uuid:n2-theirs").await.unwrap();
    assert_eq!(found.unwrap().0.own_pid, "urn:uuid:n2");
    let other = tx.negotiation_of_peer(Side::Provider, &did("revenue"), "urn:uuid:n2-theirs").await.unwrap();
    assert_eq!(other, None);
    let side = tx.negotiation_of_peer(Side::Consumer, &did("education"), "urn:uuid:n2-theirs").await.unwrap();
    assert_eq!(side, None);

    let newest: Vec<_> = tx.negotiations(2).await.unwrap().into_iter().map(|(n, _)| n.own_pid).collect();
    assert_eq!(newest, ["urn:uuid:n3", "urn:uuid:n2"]);
    tx.commit().await.unwrap();
}

async fn negotiations_are_found_by_agreement_and_counted_while_open(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let mut made = negotiation("urn:uuid:n1", "education");
    tx.put_negotiation(&made, 0).await.unwrap();
    tx.put_negotiation(&negotiation("urn:uuid:n2", "education"), 0).await.unwrap();
    tx.put_negotiation(&negotiation("urn:uuid:n3", "welfare"), 0).await.unwrap();
    assert_eq!(tx.negotiation_of(&id("urn:uuid:a1")).await.unwrap(), None);
    assert_eq!(tx.negotiations_open(&did("education")).await.unwrap(), 2);
    made.agreement = Some(id("urn:uuid:a1"));
    made.state = NegotiationState::Finalized;
    tx.put_negotiation(&made, 1).await.unwrap();
    assert_eq!(tx.negotiation_of(&id("urn:uuid:a1")).await.unwrap(), Some((made.clone(), 2)));
    assert_eq!(tx.negotiations_open(&did("education")).await.unwrap(), 1);
    assert_eq!(tx.negotiations_open(&did("nobody")).await.unwrap(), 0);
    tx.commit().await.unwrap();
    store.close().await;

    // What was kept under the first schema is found as well.
    bed.as_before_the_catalogue().await;
    for statement in [
        "DROP INDEX negotiation_agreement",
        "DROP INDEX negotiation_open",
        "ALTER TABLE negotiation DROP COLUMN agreement",
        "CREATE TABLE negotiation_event (x BIGINT)",
        "CREATE TABLE application (x BIGINT)",
        "CREATE TABLE answer (x BIGINT)",
        "CREATE TABLE budget_event (x BIGINT)",
        "DROP TABLE foreign_piece",
        "DROP TABLE foreign_source",
        "DROP TABLE held_credential",
        "DROP TABLE credential_request",
        "DROP TABLE credential_offer",
        "DROP TABLE issuance",
        "DROP TABLE status_place",
        "UPDATE schema_version SET version = 1",
    ] {
        bed.meddle(statement).await;
    }
    let store = bed.open().await;
    let mut tx = store.read("test").await.unwrap();
    assert_eq!(tx.negotiation_of(&id("urn:uuid:a1")).await.unwrap(), Some((made, 2)));
}

async fn an_agreement_changes_its_status_and_nothing_else(bed: &Bed) {
    let store = bed.open().await;
    let mut kept = agreement("urn:uuid:a1", Side::Provider, "education");
    let mut tx = store.write("test").await.unwrap();
    tx.put_agreement(&kept, "d1").await.unwrap();
    tx.put_agreement(&agreement("urn:uuid:a2", Side::Consumer, "education"), "d2").await.unwrap();
    tx.put_agreement(&agreement("urn:uuid:a3", Side::Provider, "welfare"), "d3").await.unwrap();
    kept.status = AgreementStatus::Revoked {
        at: at(50),
        by: did("us"),
        role: "steward".into(),
        reason: "it was used for something else".into(),
    };
    tx.put_agreement(&kept, "d1").await.unwrap();
    tx.commit().await.unwrap();

    // A peer that names an agreement of somebody else, the other side of it, or another policy.
    for (usurper, digest) in [
        (agreement("urn:uuid:a1", Side::Provider, "welfare"), "d1"),
        (agreement("urn:uuid:a1", Side::Consumer, "education"), "d1"),
        (agreement("urn:uuid:a1", Side::Provider, "education"), "d9"),
    ] {
        let mut tx = store.write("test").await.unwrap();
        let outcome = tx.put_agreement(&usurper, digest).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    }

    let mut tx = store.read("test").await.unwrap();
    assert_eq!(tx.agreement(&id("urn:uuid:a1")).await.unwrap(), Some(kept));
    let with: Vec<_> = tx.agreements_with(&did("education"), &id("payroll")).await.unwrap();
    assert_eq!(with.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["urn:uuid:a2", "urn:uuid:a1"]);
    assert_eq!(tx.agreements().await.unwrap()[0].id.as_str(), "urn:uuid:a3");
    assert!(tx.agreements_with(&did("education"), &id("claims")).await.unwrap().is_empty());
}
