use weal_domain::identity::Role;
use weal_store::{ApiToken, Session, SignInKey, SignInKind, StoreError};

use crate::bed::{Bed, on_both};
use crate::samples::{at, did, id, person};

on_both!(
    a_person_signs_in_in_several_ways,
    a_session_ends,
    api_tokens_carry_roles,
    a_peers_token_is_fresh_once,
    a_token_seen_by_one_process_is_known_to_the_next,
    failed_sign_ins_add_up,
    old_failures_are_forgotten,
);

async fn a_person_signs_in_in_several_ways(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_person(&person("ada")).await.unwrap();
    let mut key = SignInKey {
        account: id("ada"),
        kind: SignInKind::Password,
        id: "password".into(),
        secret: "$argon2id$one".into(),
        created_at: at(0),
    };
    tx.put_sign_in_key(&key).await.unwrap();
    key.secret = "$argon2id$two".into();
    tx.put_sign_in_key(&key).await.unwrap();
    let passkey = SignInKey { kind: SignInKind::Passkey, id: "cred-1".into(), ..key.clone() };
    tx.put_sign_in_key(&passkey).await.unwrap();
    assert_eq!(tx.sign_in_keys(&id("ada"), SignInKind::Password).await.unwrap(), [key.clone()]);
    assert_eq!(tx.sign_in_keys(&id("ada"), SignInKind::Passkey).await.unwrap(), [passkey]);
    assert!(!format!("{key:?}").contains("argon2"), "a secret in a log");
    assert_eq!(tx.persons().await.unwrap(), [person("ada")]);

    tx.remove_person(&id("ada")).await.unwrap();
    assert!(tx.sign_in_keys(&id("ada"), SignInKind::Password).await.unwrap().is_empty());
    assert_eq!(tx.person(&id("ada")).await.unwrap(), None);
    tx.commit().await.unwrap();

    let mut tx = store.write("test").await.unwrap();
    let outcome = tx.put_sign_in_key(&key).await;
    assert!(matches!(outcome, Err(StoreError::Missing { .. })), "{outcome:?}");
}

async fn a_session_ends(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_person(&person("ada")).await.unwrap();
    let session = Session {
        token_sha256: "d1".into(),
        account: id("ada"),
        csrf: "c1".into(),
        created_at: at(0),
        expires_at: at(100),
    };
    tx.put_session(&session).await.unwrap();
    tx.put_session(&Session { token_sha256: "d2".into(), expires_at: at(10), ..session.clone() })
        .await
        .unwrap();
    assert_eq!(tx.session("d1", at(99)).await.unwrap(), Some(session));
    assert_eq!(tx.session("d1", at(100)).await.unwrap(), None);
    assert_eq!(tx.purge_identity(at(50)).await.unwrap(), 1);
    tx.remove_session("d1").await.unwrap();
    assert_eq!(tx.session("d1", at(1)).await.unwrap(), None);
    assert_eq!(tx.remove_sessions_of(&id("ada")).await.unwrap(), 0);
    tx.commit().await.unwrap();
}

async fn api_tokens_carry_roles(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.put_person(&person("ada")).await.unwrap();
    let mut token = ApiToken {
        token_sha256: "d1".into(),
        account: id("ada"),
        label: "notebook".into(),
        roles: vec![Role::Analyst, Role::DataProtectionOfficer],
        created_at: at(0),
        last_used_at: None,
    };
    tx.put_api_token(&token).await.unwrap();
    assert_eq!(tx.api_token("d1").await.unwrap(), Some(token.clone()));
    tx.api_token_used("d1", at(5)).await.unwrap();
    token.last_used_at = Some(at(5));
    assert_eq!(tx.api_tokens_of(&id("ada")).await.unwrap(), [token]);
    tx.remove_api_token("d1").await.unwrap();
    assert_eq!(tx.api_token("d1").await.unwrap(), None);
    tx.commit().await.unwrap();
}

async fn a_peers_token_is_fresh_once(bed: &Bed) {
    let store = bed.open().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.write("test").await.unwrap();
                let fresh = tx.remember_jti(&did("peer"), "j1", at(300)).await.unwrap();
                tx.commit().await.unwrap();
                fresh
            })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += u32::from(task.await.unwrap());
    }
    assert_eq!(fresh, 1, "a replayed token");
    let mut tx = store.write("test").await.unwrap();
    assert!(tx.remember_jti(&did("other"), "j1", at(300)).await.unwrap(), "ids belong to their issuer");
    assert_eq!(tx.purge_identity(at(300)).await.unwrap(), 0);
    assert_eq!(tx.purge_identity(at(301)).await.unwrap(), 2);
    tx.commit().await.unwrap();
}

async fn a_token_seen_by_one_process_is_known_to_the_next(bed: &Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let mut tx = one.write("test").await.unwrap();
    assert!(tx.remember_jti(&did("peer"), "j1", at(300)).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = other.write("test").await.unwrap();
    assert!(!tx.remember_jti(&did("peer"), "j1", at(300)).await.unwrap(), "another process of the node");
    tx.commit().await.unwrap();
    one.close().await;
    other.close().await;
    let again = bed.open().await;
    let mut tx = again.write("test").await.unwrap();
    assert!(!tx.remember_jti(&did("peer"), "j1", at(300)).await.unwrap(), "after a restart");
    assert_eq!(tx.purge_identity(at(301)).await.unwrap(), 1);
    assert!(tx.remember_jti(&did("peer"), "j1", at(600)).await.unwrap(), "what has expired is not kept");
    tx.commit().await.unwrap();
}

async fn failed_sign_ins_add_up(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    tx.count_sign_in_failure("account:ada", at(1)).await.unwrap();
    let failures = tx.count_sign_in_failure("account:ada", at(2)).await.unwrap();
    assert_eq!((failures.failures, failures.first_at, failures.last_at), (2, at(1), at(2)));
    assert_eq!(tx.sign_in_failures("account:ada").await.unwrap(), Some(failures));
    tx.clear_sign_in_failures("account:ada").await.unwrap();
    assert_eq!(tx.sign_in_failures("account:ada").await.unwrap(), None);
    tx.commit().await.unwrap();
}

async fn old_failures_are_forgotten(bed: &Bed) {
    let store = bed.open().await;
    let day = i64::try_from(weal_store::SIGN_IN_FAILURES_KEPT.as_secs()).unwrap();
    let mut tx = store.write("test").await.unwrap();
    tx.count_sign_in_failure("account:ada", at(0)).await.unwrap();
    tx.count_sign_in_failure("account:ada", at(1)).await.unwrap();
    tx.forgive_sign_in("account:ada").await.unwrap();
    tx.forgive_sign_in("account:nobody").await.unwrap();
    assert_eq!(tx.sign_in_failures("account:ada").await.unwrap().unwrap().failures, 1);
    tx.forgive_sign_in("account:ada").await.unwrap();
    tx.forgive_sign_in("account:ada").await.unwrap();
    assert_eq!(tx.sign_in_failures("account:ada").await.unwrap().unwrap().failures, 0);
    assert_eq!(tx.purge_identity(at(1 + day)).await.unwrap(), 0);
    assert_eq!(tx.purge_identity(at(2 + day)).await.unwrap(), 1);
    tx.commit().await.unwrap();
}
