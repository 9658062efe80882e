//! Signed notes, checkpoints, cosignatures and proofs, against the examples of their specifications.

use proptest::prelude::*;
use weal_trust::checkpoint::{Checkpoint, CheckpointError, origin_of};
use weal_trust::cosignature;
use weal_trust::encoding::{base64, from_base64};
use weal_trust::keys::NodeKey;
use weal_trust::merkle::{Hash, ProofError, inclusion_plan};
use weal_trust::note::{Note, NoteError, SignatureType, VerifierKey};
use weal_trust::proof::{TlogProof, TlogProofError};

use crate::tree::{Stored, leaf, leaves};

const ORIGIN: &str = "revenue.example/ledger";

fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed(&[seed; 32])
}

/// c2sp.org/signed-note, section "Verifier keys", and the documentation of Go's `note` package.
const PUBLISHED: [(&str, &str); 2] = [
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n\n\
         — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    ),
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n\n\
         — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n\
         — EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n",
    ),
];

/// c2sp.org/tlog-cosignature. The keys are not published, the form is.
const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn opens_the_published_notes() {
    for (vkey, text) in PUBLISHED {
        let verifier = VerifierKey::from_vkey(vkey).unwrap();
        assert_eq!(verifier.to_vkey(), vkey);
        let note = Note::parse(text).unwrap();
        assert_eq!(note.to_string(), text);
        assert_eq!(note.open(&verifier), Ok(note.text()));
        let altered = Note::parse(&text.replacen("is", "was", 1)).unwrap();
        assert_eq!(altered.open(&verifier), Err(NoteError::BadSignature));
    }
}

#[test]
fn reads_the_published_checkpoint() {
    let note = Note::parse(COSIGNED).unwrap();
    assert_eq!(note.to_string(), COSIGNED);
    let checkpoint = Checkpoint::parse_text(note.text()).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_text(), note.text());
    let time = note.signatures()[1].bytes.first_chunk().unwrap();
    assert_eq!(u64::from_be_bytes(*time), 1_679_315_147);
}

#[test]
fn refuses_malformed_notes() {
    let good = PUBLISHED[0].1;
    let line = good.split_once("\n\n").unwrap().1;
    for wrong in [
        String::new(),
        "text\n".into(),
        "text\n\n".into(),
        "text\n\nno signature\n".into(),
        good.trim_end().into(),
        good.replace("— ", "- "),
        good.replace("— example", "—  example"),
        good.replace("/foo ", "+foo "),
        good.replace("/foo ", "/foo\u{2003}x "),
        good.replace("message", "mess\tage"),
        good.replace("message", "mess\0age"),
        good.replace("aQM=", "aQN="),
        good.replace("aQM=", "aQM"),
        "text\n\n— a AAAAAA==\n".into(),
        format!("text\n\n{}", line.repeat(33)),
        format!("{}\n\n{line}", "x".repeat(140_000)),
    ] {
        assert!(Note::parse(&wrong).is_err(), "{}", &wrong[..wrong.len().min(200)]);
    }
    assert!(Note::parse(&format!("text\n\n{}", line.repeat(32))).is_ok());
    assert!(Note::new("no newline").is_err());
}

#[test]
fn refuses_malformed_verifier_keys() {
    let good = PUBLISHED[0].0;
    for wrong in [
        "",
        "name",
        "name+00000000",
        &good.replace("530d", "530e"),
        &good.replace("530d903a", "530D903A"),
        &good.replace("+A", "+B"),
        &good.replace("example", "exa mple"),
        &good[..good.len() - 4],
        &good[1..],
    ] {
        assert!(VerifierKey::from_vkey(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_checkpoint_opens_for_its_ledger_and_key_only() {
    let head = Checkpoint { origin: ORIGIN.into(), size: 3, root: leaf(0) };
    let note = head.sign(&key(1)).unwrap().to_string();
    assert_eq!(Checkpoint::open(&note, ORIGIN, &key(1).public()), Ok(head.clone()));
    let not_signed = Err(CheckpointError::Note(NoteError::NotSigned));
    assert_eq!(Checkpoint::open(&note, ORIGIN, &key(2).public()), not_signed);
    assert_eq!(Checkpoint::open(&note, "other.example/ledger", &key(1).public()), not_signed);
    // A key that signs for one ledger under the name of another.
    let mut lent = Note::new(head.to_text()).unwrap();
    lent.sign("other.example/ledger", &key(1)).unwrap();
    let opened = Checkpoint::open(&lent.to_string(), "other.example/ledger", &key(1).public());
    assert_eq!(opened, Err(CheckpointError::WrongOrigin));
}

#[test]
fn refuses_malformed_checkpoints() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for wrong in [
        format!("o\n1\n{root}"),
        format!("o\n01\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("\n1\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n1\n{}\n", &root[4..]),
        format!("o\n1\n{root}\n\nextension\n"),
        "o\n1\n".into(),
    ] {
        assert!(Checkpoint::parse_text(&wrong).is_err(), "{wrong:?}");
    }
    assert!(Checkpoint::parse_text(&format!("o\n0\n{root}\nextension\n")).is_ok());
}

#[test]
fn names_a_ledger_after_its_did() {
    for (did, origin) in [
        ("did:web:revenue.example", Some("revenue.example/ledger")),
        ("did:web:127.0.0.1%3A7001", Some("127.0.0.1:7001/ledger")),
        ("did:web:a.example%3A8443:x:y", Some("a.example:8443/x/y/ledger")),
        ("did:web:", None),
        ("did:key:z6Mk", None),
    ] {
        assert_eq!(origin_of(did).as_deref(), origin);
    }
}

#[test]
fn a_witness_adds_its_word() {
    let head = Checkpoint { origin: ORIGIN.into(), size: 3, root: leaf(0) };
    let mut note = head.sign(&key(1)).unwrap();
    let witness = "education.example/witness";
    assert_eq!(cosignature::verify(&note, witness, &key(2).public()), Err(NoteError::NotSigned));
    cosignature::cosign(&mut note, witness, &key(2), 1_700_000_000).unwrap();
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(cosignature::verify(&read, witness, &key(2).public()), Ok(1_700_000_000));
    assert_eq!(cosignature::verify(&read, witness, &key(3).public()), Err(NoteError::NotSigned));
    assert_eq!(Checkpoint::open_note(&read, ORIGIN, &key(1).public()), Ok(head));
    // A later word replaces the earlier one.
    cosignature::cosign(&mut note, witness, &key(2), 1_700_000_060).unwrap();
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(cosignature::verify(&note, witness, &key(2).public()), Ok(1_700_000_060));
    // The time is part of what is signed.
    let text = note.to_string();
    let (before, signature) = text.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = from_base64(signature).unwrap();
    bytes[4 + 7] ^= 1;
    let later = Note::parse(&format!("{before} {}\n", base64(&bytes))).unwrap();
    let outcome = cosignature::verify(&later, witness, &key(2).public());
    assert_eq!(outcome, Err(NoteError::BadSignature));
    assert!(cosignature::cosign(&mut note, witness, &key(2), u64::MAX).is_err());
    let mut no_checkpoint = Note::new("hello\n").unwrap();
    assert!(cosignature::cosign(&mut no_checkpoint, witness, &key(2), 0).is_err());
}

#[test]
fn a_cosignature_is_not_a_log_signature() {
    let head = Checkpoint { origin: ORIGIN.into(), size: 3, root: leaf(0) };
    let mut note = Note::new(head.to_text()).unwrap();
    cosignature::cosign(&mut note, ORIGIN, &key(1), 5).unwrap();
    let opened = Checkpoint::open_note(&note, ORIGIN, &key(1).public());
    assert_eq!(opened, Err(CheckpointError::Note(NoteError::NotSigned)));
    let witness = VerifierKey::new(ORIGIN, SignatureType::CosignatureV1, key(1).public()).unwrap();
    assert_eq!(note.open(&witness), Err(NoteError::BadVerifierKey));
    assert_eq!(VerifierKey::from_vkey(&witness.to_vkey()), Ok(witness));
}

fn proof_of(index: u64, size: usize, extra: Option<Vec<u8>>) -> TlogProof {
    let stored = Stored::of(&leaves(size));
    let head = Checkpoint { origin: ORIGIN.into(), size: size as u64, root: stored.frontier.root() };
    let hashes = inclusion_plan(index, size as u64).unwrap().build(|at| stored.load(at)).unwrap();
    TlogProof { extra, index, hashes, checkpoint: head.sign(&key(1)).unwrap() }
}

#[test]
fn a_proof_travels_as_text() {
    for (index, size, extra) in [(0, 1, None), (4, 7, Some(b"why".to_vec())), (99, 100, Some(Vec::new()))] {
        let proof = proof_of(index, size, extra);
        let read = TlogProof::parse(&proof.to_string()).unwrap();
        assert_eq!(read, proof);
        let mine = leaf(usize::try_from(index).unwrap());
        let head = read.verify(&mine, ORIGIN, &key(1).public()).unwrap();
        assert_eq!(head.size, size as u64);
        let other = read.verify(&leaf(1000), ORIGIN, &key(1).public());
        assert_eq!(other, Err(TlogProofError::Inclusion(ProofError::WrongRoot)));
        assert!(read.verify(&mine, ORIGIN, &key(2).public()).is_err());
        assert!(read.verify(&mine, "other.example/ledger", &key(1).public()).is_err());
    }
}

#[test]
fn refuses_malformed_proofs() {
    let good = proof_of(4, 7, Some(b"why".to_vec())).to_string();
    let hash = good.lines().nth(3).unwrap();
    for wrong in [
        String::new(),
        good.replace("@v1", "@v2"),
        good.replace("index 4", "index 04"),
        good.replace("index 4", "index -4"),
        good.replace("index 4\n", ""),
        good.replace("extra ", "extra  "),
        good.replace("extra d2h5", "extra d2h"),
        good.replace(hash, &hash[4..]),
        good.replace(hash, &[hash; 70].join("\n")),
        good.replace("extra d2h5", &format!("extra {}", "AAAA".repeat(2000))),
        good.replace("\n\n", "\n"),
        good.split_once("\n\n").unwrap().0.into(),
        good.repeat(1000),
    ] {
        assert!(TlogProof::parse(&wrong).is_err(), "{}", &wrong[..wrong.len().min(300)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever single character of a proof is changed: it no longer reads, or no longer verifies, or only
    /// the unauthenticated extra data changed.
    #[test]
    fn no_character_of_a_proof_can_be_changed(at in 0usize..10_000, by in 0x20u8..0x7f) {
        let proof = proof_of(4, 7, Some(b"why".to_vec()));
        let mut text = proof.to_string().into_bytes();
        let at = at % text.len();
        prop_assume!(text[at] != by);
        text[at] = by;
        let read = String::from_utf8(text).ok().and_then(|text| TlogProof::parse(&text).ok());
        if let Some(read) = read {
            let verified = read.verify(&leaf(4), ORIGIN, &key(1).public());
            prop_assert!(verified.is_err() || read.extra != proof.extra);
        }
    }

    #[test]
    fn no_text_is_a_crash(text in "\\PC{0,60}(\n\n?)?(— [a-z]{0,3} [A-Za-z0-9+/=]{0,12}\n?)?") {
        let _ = TlogProof::parse(&format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{text}"));
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(&note.to_string(), &text);
        }
        let _ = VerifierKey::from_vkey(&text);
        let _ = Checkpoint::parse_text(&text);
    }

    #[test]
    fn checkpoints_come_back(size: u64, root: [u8; 32], origin in "[a-z0-9.:/-]{1,40}") {
        let head = Checkpoint { origin: origin.clone(), size, root: Hash(root) };
        let note = head.sign(&key(9)).unwrap().to_string();
        prop_assert_eq!(Checkpoint::open(&note, &origin, &key(9).public()), Ok(head));
    }
}
