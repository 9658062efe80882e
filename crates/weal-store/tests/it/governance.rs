use weal_domain::governance::{Charter, Standing};
use weal_store::{Membership, SignedRegister, StoreError};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, member};

on_both!(charters_members_and_settings, what_was_signed_is_kept_as_it_was);

async fn charters_members_and_settings(bed: &Bed) {
    let store = bed.open().await;
    let charter = |version| Charter {
        version,
        name: "Examplia".into(),
        governing_body: did("council"),
        purposes: Vec::new(),
        text: "Share with care.".into(),
        adopted_at: at(0),
    };
    let mut tx = store.write("test").await.unwrap();
    tx.put_charter(&charter(1), "signed one").await.unwrap();
    tx.put_charter(&charter(2), "signed two").await.unwrap();
    assert_eq!(tx.charter().await.unwrap(), Some((charter(2), "signed two".into())));

    tx.put_member(&member("revenue", Standing::Good)).await.unwrap();
    tx.put_member(&member("education", Standing::Applied)).await.unwrap();
    tx.put_member(&member("revenue", Standing::Suspended)).await.unwrap();
    let found = tx.member(&did("revenue")).await.unwrap().unwrap();
    assert_eq!(found.standing, Standing::Suspended);
    assert_eq!(tx.member_by_name(&id("education")).await.unwrap().unwrap().did, did("education"));
    assert_eq!(tx.members().await.unwrap().len(), 2);
    tx.replace_members(&[member("welfare", Standing::Good)]).await.unwrap();
    assert_eq!(tx.member(&did("revenue")).await.unwrap(), None);

    tx.put_setting("pseudonym_key", "one").await.unwrap();
    tx.put_setting("pseudonym_key", "two").await.unwrap();
    assert_eq!(tx.setting("pseudonym_key").await.unwrap().as_deref(), Some("two"));
    tx.remove_setting("pseudonym_key").await.unwrap();
    assert_eq!(tx.setting("pseudonym_key").await.unwrap(), None);
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    let mut usurper = member("education", Standing::Good);
    usurper.name = id("welfare");
    let outcome = tx.put_member(&usurper).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    assert!(matches!(tx.commit().await, Err(StoreError::Void)));
}

async fn what_was_signed_is_kept_as_it_was(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    let mut membership = Membership {
        governing_body: did("council"),
        credential: "eyJ.a.b".into(),
        received_at: at(0),
        expires_at: at(100),
    };
    tx.put_membership(&membership).await.unwrap();
    membership.credential = "eyJ.c.d".into();
    tx.put_membership(&membership).await.unwrap();
    assert_eq!(tx.memberships().await.unwrap(), [membership]);

    let register = SignedRegister {
        governing_body: did("council"),
        signed: "a\nb\n\u{2014} x".into(),
        fetched_at: at(7),
    };
    tx.put_register(&register).await.unwrap();
    assert_eq!(tx.register(&did("council")).await.unwrap(), Some(register));
    assert_eq!(tx.register(&did("nobody")).await.unwrap(), None);
    tx.commit().await.unwrap();
}
