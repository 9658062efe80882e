use weal_store::{CredentialOffer, CredentialRequest, HeldCredential, Issuance, IssuedPlace};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did};

on_both!(
    credentials_are_held_and_replaced,
    requests_and_offers_are_kept,
    places_are_given_once_and_revoked_for_good
);

fn held(number: &str, profile: &str, source: &str) -> HeldCredential {
    HeldCredential {
        number: number.into(),
        issuer: did("council"),
        kinds: vec!["MembershipCredential".into(), "Other".into()],
        profile: profile.into(),
        signed: format!("a.{number}.c"),
        source: source.into(),
        received_at: at(1),
        expires_at: Some(at(100)),
    }
}

async fn credentials_are_held_and_replaced(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let all = [held("1", "vc11", "issued"), held("2", "vc20", "issued"), held("3", "vc11", "imported")];
    for one in &all {
        tx.put_held_credential(one).await.unwrap();
        tx.put_held_credential(one).await.unwrap();
    }
    assert_eq!(tx.held_credentials().await.unwrap(), all);
    // A newer one of the same kind, form and source takes the place of the older and of nothing else.
    let newer = HeldCredential { received_at: at(2), expires_at: None, ..held("4", "vc11", "issued") };
    tx.remove_held_before(&newer).await.unwrap();
    tx.put_held_credential(&newer).await.unwrap();
    let numbers: Vec<String> =
        tx.held_credentials().await.unwrap().into_iter().map(|one| one.number).collect();
    assert_eq!(numbers, ["4", "2", "3"]);
    assert_eq!(tx.held_credential("4").await.unwrap(), Some(newer));
    assert!(tx.remove_held_credential("4").await.unwrap());
    assert!(!tx.remove_held_credential("4").await.unwrap());
    tx.commit().await.unwrap();
}

async fn requests_and_offers_are_kept(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let mut request = CredentialRequest {
        holder_pid: "h".into(),
        issuer: did("council"),
        address: String::new(),
        status: "RECEIVED".into(),
        reason: None,
        asked_at: at(1),
    };
    tx.put_credential_request(&request).await.unwrap();
    (request.status, request.reason) = ("REJECTED".into(), Some("no member".into()));
    tx.put_credential_request(&request).await.unwrap();
    assert_eq!(tx.credential_request("h").await.unwrap(), Some(request.clone()));
    assert_eq!(tx.credential_requests().await.unwrap(), [request]);
    let offer = CredentialOffer {
        issuer: did("council"),
        object: "one".into(),
        kind: None,
        reason: Some("reissue".into()),
        received_at: at(1),
    };
    tx.put_credential_offer(&offer).await.unwrap();
    tx.put_credential_offer(&offer).await.unwrap();
    assert_eq!(tx.credential_offers().await.unwrap(), [offer]);
    tx.purge_credential_offers(at(2)).await.unwrap();
    assert_eq!(tx.credential_offers().await.unwrap(), []);
    let mut issuance = Issuance {
        issuer_pid: "i".into(),
        holder: did("revenue"),
        holder_pid: "h".into(),
        objects: vec!["one".into(), "two".into()],
        access: Some("opaque".into()),
        status: "RECEIVED".into(),
        asked_at: at(1),
    };
    tx.put_issuance(&issuance, at(1)).await.unwrap();
    assert_eq!(tx.open_issuances(&did("revenue")).await.unwrap(), [issuance.clone()]);
    assert_eq!(tx.open_issuances(&did("welfare")).await.unwrap(), []);
    (issuance.status, issuance.access) = ("ISSUED".into(), None);
    tx.put_issuance(&issuance, at(1)).await.unwrap();
    assert_eq!(tx.issuance("i").await.unwrap(), Some(issuance));
    assert_eq!(tx.open_issuances(&did("revenue")).await.unwrap(), []);
    tx.commit().await.unwrap();
}

async fn places_are_given_once_and_revoked_for_good(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.status_place(&did("revenue")).await.unwrap(), 0);
    assert_eq!(tx.status_place(&did("welfare")).await.unwrap(), 1);
    assert_eq!(tx.status_place(&did("revenue")).await.unwrap(), 0);
    tx.put_issued(&did("nobody"), "MembershipCredential", at(90)).await.unwrap();
    for (kind, until) in [("MembershipCredential", 90), ("Other", 80), ("MembershipCredential", 85)] {
        tx.put_issued(&did("revenue"), kind, at(until)).await.unwrap();
    }
    let (revenue, welfare) = (
        IssuedPlace {
            place: 0,
            subject: did("revenue"),
            kinds: vec!["MembershipCredential".into(), "Other".into()],
            valid_until: Some(at(90)),
            revoked_at: None,
        },
        IssuedPlace { place: 1, subject: did("welfare"), kinds: vec![], valid_until: None, revoked_at: None },
    );
    assert_eq!(tx.issued_places().await.unwrap(), [welfare.clone(), revenue.clone()]);
    tx.revoke_status(&did("revenue"), at(5)).await.unwrap();
    assert_eq!(tx.revoked_places().await.unwrap(), [0]);
    let revoked = IssuedPlace { revoked_at: Some(at(5)), ..revenue };
    assert_eq!(tx.issued_places().await.unwrap(), [welfare, revoked]);
    // What comes after it is another place's.
    tx.put_issued(&did("revenue"), "Late", at(99)).await.unwrap();
    assert_eq!(tx.issued_places().await.unwrap()[1].kinds.len(), 2);
    assert_eq!(tx.status_place(&did("revenue")).await.unwrap(), 2);
    tx.revoke_status(&did("revenue"), at(6)).await.unwrap();
    assert_eq!(tx.revoked_places().await.unwrap(), [0, 2]);
    tx.commit().await.unwrap();
}
