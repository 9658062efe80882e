//! `weal verify` on exported folders: whole ledgers that agree, one altered, two that tell different.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use weal_cli::commands::verify_folders;
use weal_trust::checkpoint::Checkpoint;
use weal_trust::did::DidDocument;
use weal_trust::export::{CHECKPOINT_FILE, DID_FILE, ENTRIES_FILE, did_json, entry_line};
use weal_trust::findings::FindingKind;
use weal_trust::keys::NodeKey;
use weal_trust::merkle::Frontier;
use weal_trust::seal::{Commitment, Nonce};

use super::{err, out, run};

const OWNER: &str = "did:web:127.0.0.1%3A7001";
const ASKER: &str = "did:web:127.0.0.1%3A7002";

/// Writes an export of these facts and answers with its folder.
fn export(root: &TempDir, name: &str, did: &str, facts: &[serde_json::Value]) -> PathBuf {
    let key = NodeKey::from_seed(&[name.len() as u8; 32]);
    let mut frontier = Frontier::new();
    let mut lines = String::new();
    for (index, fact) in facts.iter().enumerate() {
        let at = format!("2026-05-01T12:00:{index:02}Z");
        let body = json!({"v": 1, "at": at, "by": {"member": did}, "fact": fact}).to_string();
        let nonce = Nonce::from_entropy([index as u8; 32]);
        frontier.append(Commitment::seal(&nonce, body.as_bytes()).leaf_hash(), |_| ()).expect("appended");
        lines.push_str(&entry_line(index as u64, &nonce, &body));
    }
    let origin = format!("{}/ledger", did.trim_start_matches("did:web:").replace("%3A", ":"));
    let head = Checkpoint { origin, size: facts.len() as u64, root: frontier.root() };
    let folder = root.path().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(CHECKPOINT_FILE), head.sign(&key).expect("signed").to_string())
        .expect("written");
    let document = DidDocument::new(did, &[("key-1", key.public())], Vec::new());
    std::fs::write(folder.join(DID_FILE), did_json(&document)).expect("written");
    std::fs::write(folder.join(ENTRIES_FILE), lines).expect("written");
    folder
}

fn receipt(use_id: &str, answer: &str) -> serde_json::Value {
    json!({"v": 1, "use_id": use_id, "agreement": "urn:a", "provider": OWNER, "consumer": ASKER,
        "product": "payroll", "mode": "statistics", "answer_sha256": answer})
}

fn granted(use_id: &str) -> [serde_json::Value; 2] {
    [
        json!({"kind": "budget_reserved", "use_id": use_id, "product": "payroll", "loss": {"rho_nano": 1}}),
        json!({"kind": "use_granted", "receipt": receipt(use_id, "aa")}),
    ]
}

fn received(use_id: &str, answer: &str, index: u64) -> serde_json::Value {
    json!({"kind": "use_received", "receipt": receipt(use_id, answer), "provider_index": index})
}

fn name(folder: &Path) -> &str {
    folder.to_str().expect("a name")
}

#[test]
fn two_ledgers_that_tell_the_same_are_sound() {
    let root = tempfile::tempdir().expect("a folder");
    let owner = export(&root, "owner", OWNER, &[granted("urn:u1"), granted("urn:u2")].concat());
    let asker = export(&root, "asker", ASKER, &[received("urn:u1", "aa", 1), received("urn:u2", "aa", 3)]);
    let verdict = verify_folders(&[owner.clone(), asker.clone()]).expect("read");
    assert!(verdict.sound, "{:?}", verdict.findings);
    assert_eq!(verdict.matched_uses, 2);

    let ended = run(&["verify", name(&owner), name(&asker)]);
    assert_eq!(ended.status.code(), Some(0), "{}", err(&ended));
    assert!(out(&ended).contains("All is as it was sealed."), "{}", out(&ended));
}

#[test]
fn ledgers_that_tell_different_are_found_out_by_both_together_only() {
    let root = tempfile::tempdir().expect("a folder");
    let owner = export(&root, "owner", OWNER, &granted("urn:u1"));
    let asker = export(&root, "asker", ASKER, &[received("urn:u1", "bb", 1), received("urn:u2", "aa", 0)]);
    assert!(verify_folders(std::slice::from_ref(&owner)).expect("read").sound);
    assert!(verify_folders(std::slice::from_ref(&asker)).expect("read").sound);
    let verdict = verify_folders(&[owner, asker]).expect("read");
    let kinds: Vec<FindingKind> = verdict.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::ReceiptDiffers, FindingKind::GrantMissing]);
    assert!(!verdict.sound);
}

#[test]
fn a_flipped_byte_is_1_and_named() {
    let root = tempfile::tempdir().expect("a folder");
    let owner = export(&root, "owner", OWNER, &[granted("urn:u1"), granted("urn:u2")].concat());
    let entries = std::fs::read_to_string(owner.join(ENTRIES_FILE)).expect("read");
    std::fs::write(owner.join(ENTRIES_FILE), entries.replacen("urn:u2", "urn:u3", 1)).expect("written");
    let ended = run(&["--json", "verify", name(&owner)]);
    assert_eq!(ended.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_str(&out(&ended)).expect("JSON");
    assert_eq!(said["sound"], false);
    assert_eq!(said["findings"][0]["kind"], "entry_altered");
    assert_eq!(said["findings"][0]["entry"], 2);
    assert_eq!(said["findings"][0]["ledger"], OWNER);
}

#[test]
fn an_answer_without_a_budget_reserved_before_is_wrong() {
    let root = tempfile::tempdir().expect("a folder");
    let owner = export(&root, "owner", OWNER, &granted("urn:u1")[1..]);
    let verdict = verify_folders(&[owner]).expect("read");
    assert_eq!(verdict.findings[0].kind, FindingKind::NoReservation);
    assert!(!verdict.sound);
}

#[test]
fn a_folder_that_is_no_export_says_how_to_make_one() {
    let root = tempfile::tempdir().expect("a folder");
    let ended = run(&["verify", name(root.path())]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(err(&ended).contains("weal ledger export"), "{}", err(&ended));
}
