//! Exported ledgers: a whole one verifies, and whatever is changed in it is found and named.

use std::io::{BufRead, Read};

use proptest::prelude::*;
use weal_trust::checkpoint::Checkpoint;
use weal_trust::did::DidDocument;
use weal_trust::export::{
    LINE_BYTES_MAX, Verified, did_json, entry_line, erased_line, verify_export, verify_export_with,
};
use weal_trust::findings::{FINDINGS_MAX, Finding, FindingKind, Severity};
use weal_trust::keys::NodeKey;
use weal_trust::merkle::Frontier;
use weal_trust::seal::{Commitment, Nonce};

const DID: &str = "did:web:127.0.0.1%3A7001";
const ORIGIN: &str = "127.0.0.1:7001/ledger";

/// An export, and the means to change it.
#[derive(Debug, Clone)]
struct Export {
    checkpoint: String,
    did_json: String,
    lines: Vec<String>,
}

fn nonce(index: u64) -> Nonce {
    Nonce::from_entropy([u8::try_from(index % 251).unwrap(); 32])
}

fn body(index: u64) -> String {
    format!("{{\"v\":1,\"note\":\"entry \\\"{index}\\\" of Łódź\"}}")
}

fn key() -> NodeKey {
    NodeKey::from_seed(&[1; 32])
}

fn export(size: u64) -> Export {
    let mut frontier = Frontier::new();
    for index in 0..size {
        let seal = Commitment::seal(&nonce(index), body(index).as_bytes());
        frontier.append(seal.leaf_hash(), |_| ()).unwrap();
    }
    let head = Checkpoint { origin: ORIGIN.into(), size, root: frontier.root() };
    Export {
        checkpoint: head.sign(&key()).unwrap().to_string(),
        did_json: did_json(&DidDocument::new(DID, &[("key-1", key().public())], Vec::new())),
        lines: (0..size).map(|index| entry_line(index, &nonce(index), &body(index))).collect(),
    }
}

impl Export {
    fn verify(&self) -> Result<Verified, Vec<Finding>> {
        let entries = self.lines.concat();
        verify_export(self.checkpoint.as_bytes(), self.did_json.as_bytes(), entries.as_bytes())
    }

    /// The kinds found, with the entries they name.
    fn found(&self) -> Vec<(FindingKind, Option<u64>)> {
        self.verify().unwrap_err().into_iter().map(|finding| (finding.kind, finding.entry)).collect()
    }
}

#[test]
fn a_whole_ledger_verifies() {
    for size in [0, 1, 2, 7, 300] {
        let verified = export(size).verify().unwrap();
        assert_eq!((verified.size, verified.erased), (size, 0));
        assert_eq!((verified.did.as_str(), verified.origin.as_str()), (DID, ORIGIN));
        assert_eq!((verified.key, verified.kid.as_str()), (key().public(), "did:web:127.0.0.1%3A7001#key-1"));
    }
}

#[test]
fn hands_out_every_entry_as_it_passes() {
    let export = export(5);
    let mut seen = Vec::new();
    let entries = export.lines.concat();
    verify_export_with(
        export.checkpoint.as_bytes(),
        export.did_json.as_bytes(),
        entries.as_bytes(),
        |index, body| {
            seen.push((index, body.to_owned()));
        },
    )
    .unwrap();
    assert_eq!(seen, (0..5).map(|index| (index, body(index))).collect::<Vec<_>>());
}

#[test]
fn lines_may_come_without_their_commitment() {
    let mut export = export(3);
    export.lines[1] = format!(
        "{{\"index\":1,\"nonce\":\"{}\",\"body\":{}}}\n",
        "01".repeat(32),
        serde_json::to_string(&body(1)).unwrap()
    );
    assert_eq!(export.verify().unwrap().size, 3);
    export.lines[1] = export.lines[1].replace("Łódź", "Lodz");
    assert_eq!(export.found(), [(FindingKind::WrongRoot, None)]);
}

#[test]
fn an_erased_entry_keeps_its_place() {
    let mut export = export(4);
    export.lines[2] = erased_line(2, &Commitment::seal(&nonce(2), body(2).as_bytes()));
    assert_eq!(export.verify().unwrap().erased, 1);
    export.lines[2] = erased_line(2, &Commitment::seal(&nonce(3), body(2).as_bytes()));
    assert_eq!(export.found(), [(FindingKind::WrongRoot, None)]);
}

#[test]
fn an_altered_entry_is_named() {
    let mut altered = export(9);
    altered.lines[5] = altered.lines[5].replace("Łódź", "Lodz");
    assert_eq!(altered.found(), [(FindingKind::EntryAltered, Some(5))]);
    let said = altered.verify().unwrap_err()[0].to_string();
    assert_eq!(said, "entry 5: its text or nonce is not what was sealed");
    // Sealed anew, the entry fits its commitment; the signed root still gives it away.
    altered.lines[5] = entry_line(5, &nonce(5), "{\"v\":1,\"note\":\"another story\"}");
    assert_eq!(altered.found(), [(FindingKind::WrongRoot, None)]);
}

#[test]
fn removed_swapped_and_repeated_lines_are_named() {
    let mut removed = export(9);
    removed.lines.remove(4);
    assert_eq!(removed.found(), [(FindingKind::OutOfOrder, Some(5)), (FindingKind::WrongSize, None)]);
    let mut last = export(9);
    last.lines.pop();
    assert_eq!(last.found(), [(FindingKind::WrongSize, None)]);
    let mut swapped = export(9);
    swapped.lines.swap(3, 4);
    let at = |found: &[(FindingKind, Option<u64>)], n: usize| found[n];
    assert_eq!(at(&swapped.found(), 0), (FindingKind::OutOfOrder, Some(4)));
    assert!(swapped.found().contains(&(FindingKind::WrongRoot, None)));
    let mut repeated = export(9);
    repeated.lines.insert(4, repeated.lines[3].clone());
    assert_eq!(repeated.found()[0], (FindingKind::OutOfOrder, Some(3)));
    // Renumbered so that no gap shows: the size is signed.
    let mut renumbered = export(9);
    renumbered.lines = (0..8).map(|n| entry_line(n, &nonce(n + 1), &body(n + 1))).collect();
    assert_eq!(renumbered.found(), [(FindingKind::WrongSize, None)]);
}

#[test]
fn only_the_published_key_counts() {
    let mut other_key = export(3);
    let evil = NodeKey::from_seed(&[66; 32]);
    other_key.did_json = did_json(&DidDocument::new(DID, &[("key-1", evil.public())], Vec::new()));
    assert_eq!(other_key.found(), [(FindingKind::CheckpointInvalid, None)]);
    let mut other_member = export(3);
    let document = DidDocument::new("did:web:other.example", &[("key-1", key().public())], Vec::new());
    other_member.did_json = did_json(&document);
    assert_eq!(other_member.found(), [(FindingKind::WrongOrigin, None)]);
    // Rotated: the checkpoint is of the second of two keys.
    let mut rotated = export(3);
    let keys = [("key-0", evil.public()), ("key-1", key().public())];
    rotated.did_json = did_json(&DidDocument::new(DID, &keys, Vec::new()));
    assert_eq!(rotated.verify().unwrap().kid, "did:web:127.0.0.1%3A7001#key-1");
    let mut spaced = export(3);
    spaced.did_json = spaced.did_json.replace(':', ": ");
    assert_eq!(spaced.found()[0].0, FindingKind::DidInvalid);
}

#[test]
fn unreadable_exports_are_findings_too() {
    let whole = export(3);
    let verify = |checkpoint: &[u8], did: &[u8], entries: &[u8]| {
        let findings = verify_export(checkpoint, did, entries).unwrap_err();
        findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    let (checkpoint, did) = (whole.checkpoint.as_bytes(), whole.did_json.as_bytes());
    let entries = whole.lines.concat();
    assert_eq!(verify(b"", did, entries.as_bytes()), [FindingKind::WrongOrigin]);
    assert_eq!(verify(b"\xff", did, entries.as_bytes()), [FindingKind::CheckpointInvalid]);
    assert_eq!(verify(checkpoint, b"{}", entries.as_bytes()), [FindingKind::DidInvalid]);
    let cut = &entries.as_bytes()[..entries.len() - 1];
    assert_eq!(verify(checkpoint, did, cut), [FindingKind::LineInvalid]);
    assert_eq!(verify(checkpoint, did, b"\n\n\n"), [FindingKind::LineInvalid; 3]);
    let windows = entries.replace('\n', "\r\n");
    assert_eq!(verify(checkpoint, did, windows.as_bytes()), [FindingKind::LineInvalid; 3]);
}

/// Ten gigabytes of one letter, without a newline, then nothing.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        into.fill(b'a');
        self.0 += into.len() as u64;
        assert!(self.0 < 2 * LINE_BYTES_MAX as u64, "reads on after the line is too long");
        Ok(into.len())
    }
}

/// A disk that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("broken"))
    }
}

#[test]
fn hostile_readers_end() {
    let whole = export(3);
    let verify = |entries: &mut dyn BufRead| {
        verify_export(whole.checkpoint.as_bytes(), whole.did_json.as_bytes(), entries).unwrap_err()
    };
    let long = verify(&mut std::io::BufReader::new(Endless(0)));
    assert_eq!((long[0].kind, long[0].entry), (FindingKind::LineInvalid, Some(0)));
    let broken = verify(&mut std::io::BufReader::new(whole.lines[0].as_bytes().chain(Broken)));
    assert_eq!((broken[0].kind, broken[0].entry), (FindingKind::Unreadable, Some(1)));
    let noise = "x\n".repeat(100_000);
    let found = verify(&mut noise.as_bytes());
    assert_eq!(found.len(), FINDINGS_MAX);
    assert!(found.iter().all(|finding| finding.severity == Severity::Wrong));
}

#[test]
fn a_line_may_be_as_long_as_the_limit() {
    let mut frontier = Frontier::new();
    let overhead = entry_line(0, &nonce(0), "").len();
    for (text_bytes, good) in [(LINE_BYTES_MAX - overhead, true), (LINE_BYTES_MAX - overhead + 1, false)] {
        let text = "x".repeat(text_bytes);
        frontier = Frontier::default();
        frontier.append(Commitment::seal(&nonce(0), text.as_bytes()).leaf_hash(), |_| ()).unwrap();
        let head = Checkpoint { origin: ORIGIN.into(), size: 1, root: frontier.root() };
        let long = Export {
            checkpoint: head.sign(&key()).unwrap().to_string(),
            lines: vec![entry_line(0, &nonce(0), &text)],
            ..export(0)
        };
        assert_eq!(long.verify().is_ok(), good, "{text_bytes}");
    }
    assert_eq!(frontier.size(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// The promise: flip any bits of any byte of any of the three files, and it is found.
    #[test]
    fn any_changed_byte_is_found(file in 0usize..3, at: usize, flip in 1u8..=255) {
        let whole = export(6);
        let mut files = [whole.checkpoint.into_bytes(), whole.did_json.into_bytes(), whole.lines.concat().into_bytes()];
        let length = files[file].len();
        files[file][at % length] ^= flip;
        let [checkpoint, did, entries] = files;
        prop_assert!(verify_export(&checkpoint, &did, &entries[..]).is_err());
    }

    #[test]
    fn any_removed_inserted_or_cut_byte_is_found(file in 0usize..3, at: usize, how in 0u8..3, by: u8) {
        let whole = export(6);
        let mut files = [whole.checkpoint.into_bytes(), whole.did_json.into_bytes(), whole.lines.concat().into_bytes()];
        let length = files[file].len();
        match how {
            0 => drop(files[file].remove(at % length)),
            1 => files[file].insert(at % (length + 1), by),
            _ => files[file].truncate(at % length),
        }
        // The one change without meaning: the last newline of did.json is there or not.
        prop_assume!(!(file == 1 && files[1].trim_ascii_end().len() + 1 == length && !files[1].ends_with(b" ")
            && files[1].len() == length - 1));
        let [checkpoint, did, entries] = files;
        prop_assert!(verify_export(&checkpoint, &did, &entries[..]).is_err());
    }

    #[test]
    fn any_removed_or_swapped_line_is_found(size in 2u64..40, one: usize, other: usize, remove: bool) {
        let mut export = export(size);
        let (one, other) = (one % export.lines.len(), other % export.lines.len());
        if remove {
            export.lines.remove(one);
        } else {
            prop_assume!(one != other);
            export.lines.swap(one, other);
        }
        prop_assert!(export.verify().is_err());
    }
}
