//! Other people's code reads what we write and writes what we read: Go's `sumdb/note` and `sumdb/tlog`,
//! copied at test time from the Go distribution on this machine, without any network.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::cosignature;
use weal_trust::encoding::{base64, from_base64};
use weal_trust::keys::NodeKey;
use weal_trust::merkle::{Hash, consistency_plan, inclusion_plan, verify_consistency, verify_inclusion};
use weal_trust::note::{Note, SignatureType, VerifierKey};
use weal_trust::tiles::{Content, TILE_WIDTH, Tile};

use crate::tree::{Stored, leaves};

const PROGRAM: &str = include_str!("go/main.go");
const ORIGIN: &str = "revenue.example:8443/ledger";
const WITNESS: &str = "education.example/witness";
const SIZES: [usize; 10] = [1, 2, 3, 7, 8, 64, 255, 256, 257, 700];

#[test]
fn go_reads_what_we_write_and_we_read_what_go_writes() {
    let Some(module) = go_module() else { return };
    let asked = question();
    let answer = run(module.path(), &asked);
    assert_eq!(answer["errors"], json!([]), "what Go did not accept");
    for (ours, theirs) in asked["trees"].as_array().unwrap().iter().zip(answer["trees"].as_array().unwrap()) {
        let size = ours["size"].as_u64().unwrap();
        assert_eq!(ours["root"], theirs["root"], "root of {size}");
        check_go_proofs(size, theirs);
    }
    check_go_note(&answer);
}

/// Proofs that Go made, through our verification.
fn check_go_proofs(size: u64, theirs: &Value) {
    let all = leaves(usize::try_from(size).unwrap());
    let root = hash(&theirs["root"]);
    for (at, proof) in theirs["inclusion"].as_array().unwrap().iter().enumerate() {
        let index = usize::try_from(proof["index"].as_u64().unwrap()).unwrap();
        let verified = verify_inclusion(&all[index], index as u64, size, &hashes(&proof["hashes"]), &root);
        assert_eq!(verified, Ok(()), "inclusion {at} of {size}");
    }
    for proof in theirs["consistency"].as_array().unwrap() {
        let old = proof["old"].as_u64().unwrap();
        let old_root = Stored::of(&all[..usize::try_from(old).unwrap()]).frontier.root();
        let verified = verify_consistency(old, &old_root, size, &root, &hashes(&proof["hashes"]));
        assert_eq!(verified, Ok(()), "{old} to {size}");
    }
}

/// A checkpoint that Go signed and Go's own witness cosigned.
fn check_go_note(answer: &Value) {
    let note = Note::parse(answer["note"].as_str().unwrap()).unwrap();
    let log = VerifierKey::from_vkey(answer["vkey"].as_str().unwrap()).unwrap();
    let head = Checkpoint::open_note(&note, log.name(), log.public()).unwrap();
    assert_eq!((head.origin.as_str(), head.size), ("go.example/ledger", 257));
    let witness = VerifierKey::from_vkey(answer["witness_vkey"].as_str().unwrap()).unwrap();
    assert_eq!(witness.kind(), SignatureType::CosignatureV1);
    assert_eq!(cosignature::verify(&note, witness.name(), witness.public()), Ok(1_700_000_000));
}

/// Everything we write, for Go to read.
fn question() -> Value {
    let (log, witness) = (NodeKey::from_seed(&[1; 32]), NodeKey::from_seed(&[2; 32]));
    let trees: Vec<Value> = SIZES.iter().map(|size| tree(*size)).collect();
    let head = Checkpoint { origin: ORIGIN.into(), size: 700, root: hash(&trees[SIZES.len() - 1]["root"]) };
    let mut note = head.sign(&log).unwrap();
    cosignature::cosign(&mut note, WITNESS, &witness, 1_700_000_060).unwrap();
    let vkey = |name, kind, key: &NodeKey| VerifierKey::new(name, kind, key.public()).unwrap().to_vkey();
    json!({
        "trees": trees,
        "note": note.to_string(),
        "vkey": vkey(ORIGIN, SignatureType::Ed25519, &log),
        "witness_vkey": vkey(WITNESS, SignatureType::CosignatureV1, &witness),
    })
}

fn tree(size: usize) -> Value {
    let stored = Stored::of(&leaves(size));
    let size = size as u64;
    let text = |hashes: &[Hash]| hashes.iter().map(|hash| base64(&hash.0)).collect::<Vec<_>>();
    let some = |n: &u64| *n < 3 || size - n < 3 || n.is_multiple_of(97);
    let inclusion = (0..size).filter(some).map(|index| {
        let proof = inclusion_plan(index, size).unwrap().build(|at| stored.load(at)).unwrap();
        json!({ "index": index, "hashes": text(&proof) })
    });
    let consistency = (1..=size).filter(some).map(|old| {
        let proof = consistency_plan(old, size).unwrap().build(|at| stored.load(at)).unwrap();
        json!({ "old": old, "hashes": text(&proof) })
    });
    json!({
        "size": size,
        "root": base64(&stored.frontier.root().0),
        "inclusion": inclusion.collect::<Vec<_>>(),
        "consistency": consistency.collect::<Vec<_>>(),
        "tiles": tiles(size, &stored),
    })
}

/// All tiles of a tree, by path.
fn tiles(size: u64, stored: &Stored) -> Value {
    let mut tiles = serde_json::Map::new();
    for level in 0..3 {
        let (full, partial) = Tile::count_at(level, size);
        let widths = (0..full).map(|_| TILE_WIDTH).chain((partial > 0).then_some(partial));
        for (index, width) in (0..).zip(widths) {
            let tile = Tile { content: Content::Hashes { level }, index, width };
            assert!(tile.exists_in(size));
            let hashes: Vec<_> = tile.coords().map(|at| stored.load(at).unwrap()).collect();
            tiles.insert(tile.to_string(), json!(base64(&tile.hash_bytes(&hashes).unwrap())));
        }
    }
    Value::Object(tiles)
}

fn hash(text: &Value) -> Hash {
    let bytes = from_base64(text.as_str().unwrap()).unwrap();
    Hash::try_from(bytes.as_slice()).unwrap()
}

fn hashes(list: &Value) -> Vec<Hash> {
    list.as_array().unwrap().iter().map(hash).collect()
}

/// A module with Go's packages inside; `None`, with a word on it, where there is no Go.
fn go_module() -> Option<tempfile::TempDir> {
    let env = Command::new("go").args(["env", "GOROOT", "GOVERSION"]).output().ok();
    let env = env.filter(|out| out.status.success()).and_then(|out| String::from_utf8(out.stdout).ok());
    let (root, version) = env.as_deref().and_then(|env| env.trim().split_once('\n')).unwrap_or_default();
    // `go1.26.8`, possibly with words behind it; the language version is its first two numbers.
    let language: Vec<_> = version.trim_start_matches("go").splitn(3, ['.', ' ']).take(2).collect();
    let packages = (!root.is_empty()).then(|| Path::new(root).join("src/cmd/vendor/golang.org/x/mod/sumdb"));
    let Some(packages) = packages.filter(|packages| packages.is_dir()) else {
        eprintln!("skipped: there is no Go distribution here to check the ledger's formats against");
        return None;
    };
    let module = tempfile::tempdir().unwrap();
    for package in ["note", "tlog"] {
        let into = module.path().join("x/sumdb").join(package);
        std::fs::create_dir_all(&into).unwrap();
        for file in std::fs::read_dir(packages.join(package)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), into.join(file.file_name())).unwrap();
        }
    }
    let write = |name: &str, text: &str| std::fs::write(module.path().join(name), text).unwrap();
    let language = language.join(".");
    write("x/go.mod", &format!("module golang.org/x/mod\n\ngo {language}\n"));
    let require = "require golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./x\n";
    write("go.mod", &format!("module peer\n\ngo {language}\n\n{require}"));
    write("main.go", PROGRAM);
    Some(module)
}

fn run(module: &Path, asked: &Value) -> Value {
    std::fs::write(module.join("asked.json"), asked.to_string()).unwrap();
    let child = Command::new("go")
        .args(["run", ".", "asked.json"])
        .current_dir(module)
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    serde_json::from_slice(&child.stdout).unwrap()
}
