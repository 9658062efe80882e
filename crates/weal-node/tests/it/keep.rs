//! Backup and restore, and the exported ledger.

use std::path::Path;

use weal_node::config::{Folder, Reach};
use weal_node::{InitOptions, KeepError};

async fn made(folder: &Path) {
    let options = InitOptions {
        folder: folder.to_owned(),
        name: "council".parse().expect("a name"),
        title: "Council".into(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        origin: "http://127.0.0.1:7999".into(),
        governs: true,
        governing_body: None,
        reach: Reach::Loopback,
        store_url: None,
        account: "ada".parse().expect("an account"),
        display_name: "Ada".into(),
        password: "correct horse battery".into(),
    };
    weal_node::init(options).await.expect("made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_backed_up_comes_back_and_its_ledger_verifies() {
    let parent = tempfile::tempdir().expect("a folder");
    let (node, copy) = (parent.path().join("node"), parent.path().join("copy"));
    made(&node).await;
    let file = parent.path().join("node.backup");
    weal_node::backup(node.clone(), &file).await.expect("backed up");
    let again = weal_node::backup(node.clone(), &file).await;
    assert!(matches!(again, Err(KeepError::Exists(_))), "an older backup is never overwritten");
    let restored = weal_node::restore(&file, copy.clone(), None).await.expect("restored");
    assert_eq!(restored.did.as_str(), "did:web:127.0.0.1%3A7999");
    let key = |folder: &Path| std::fs::read(Folder::new(folder).key()).expect("a key");
    assert_eq!(key(&node), key(&copy));
    let out = parent.path().join("export");
    let size = weal_node::export_ledger(copy, &out).await.expect("exported");
    assert!(size > 0);
    let read = |name: &str| std::fs::read(out.join(name)).expect("a file of the export");
    let verified = weal_trust::export::verify_export(
        &read("checkpoint"),
        &read("did.json"),
        read("entries.ndjson").as_slice(),
    );
    assert_eq!(verified.expect("it verifies").size, size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_holds_a_node_is_not_overwritten() {
    let parent = tempfile::tempdir().expect("a folder");
    let node = parent.path().join("node");
    made(&node).await;
    let file = parent.path().join("node.backup");
    weal_node::backup(node.clone(), &file).await.expect("backed up");
    assert!(matches!(weal_node::restore(&file, node, None).await, Err(KeepError::Exists(_))));
    let other = parent.path().join("notes.tar");
    std::fs::write(&other, b"not a backup").expect("written");
    let refused = weal_node::restore(&other, parent.path().join("new"), None).await;
    assert!(matches!(refused, Err(KeepError::NotABackup(_))), "{refused:?}");
    assert!(!parent.path().join("new").exists());
}
