//! Backup and restore, and the exported ledger.

use std::path::Path;

use weal_node::config::Folder;
use weal_node::{InitOptions, KeepError};

async fn made(folder: &Path) {
    let options = InitOptions {
        title: "Council".into(),
        origin: "http://127.0.0.1:7999".into(),
        ..weal_testkit::governing(&Folder::new(folder), "council", "127.0.0.1:0".parse().expect("an address"))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_at_the_same_time_leave_each_others_parts_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let node = parent.path().join("node");
    made(&node).await;
    // What other backups and restores are writing right now, under any name these could think of.
    let others = ["night.part", "night.db-part", "copy.part"].map(|name| parent.path().join(name));
    for other in &others {
        std::fs::write(other, b"half of another").expect("written");
    }
    let (one, two) = (parent.path().join("night.tar"), parent.path().join("night.zip"));
    let (first, second) =
        tokio::join!(weal_node::backup(node.clone(), &one), weal_node::backup(node.clone(), &two));
    assert!(first.expect("backed up") > 0 && second.expect("backed up") > 0);
    let same = parent.path().join("same.backup");
    let (first, second) =
        tokio::join!(weal_node::backup(node.clone(), &same), weal_node::backup(node.clone(), &same));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1, "one of two has the name");
    weal_node::restore(&same, parent.path().join("copy"), None).await.expect("and it is whole");
    let not_one = weal_node::restore(&others[0], parent.path().join("night"), None).await;
    assert!(matches!(not_one, Err(KeepError::NotABackup(_))), "{not_one:?}");
    for other in &others {
        assert_eq!(std::fs::read(other).expect("still there"), b"half of another");
    }
    let names = std::fs::read_dir(parent.path()).expect("a folder");
    let parts = names.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(parts.count(), 2, "none of these is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_their_user_looks_into_a_nodes_folders_and_backups() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let parent = tempfile::tempdir().expect("a folder");
    let (node, copy) = (parent.path().join("node"), parent.path().join("copy"));
    made(&node).await;
    let file = parent.path().join("node.backup");
    weal_node::backup(node.clone(), &file).await.expect("backed up");
    weal_node::restore(&file, copy.clone(), None).await.expect("restored");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    // A folder that somebody opened up is shut again at the next start.
    let received = Folder::new(&copy).received();
    std::fs::set_permissions(&received, std::fs::Permissions::from_mode(0o755)).expect("opened");
    let folder = Folder::new(&copy);
    let config = weal_node::config::Config::read(&folder, []).expect("a configuration");
    let house = weal_node::House::open(config, folder).await.expect("it opens");
    for of in [&node, &copy] {
        let of = Folder::new(of);
        for folder in [of.path().to_owned(), of.received(), of.scratch(), of.products()] {
            assert_eq!(mode(&folder), 0o700, "{folder:?}");
        }
    }
    house.store.close().await;
}
