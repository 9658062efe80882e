use weal_store::{Store, StoreError};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::merkle::{Coord, Frontier, Hash, verify_consistency, verify_inclusion};
use weal_trust::note::NoteError;
use weal_trust::tiles::Tile;

use crate::bed::{Bed, on_both};
use crate::samples::{ORIGIN, entry, key, nonces, sign};

on_both!(
    entries_are_kept_byte_for_byte,
    proofs_and_tiles_come_from_the_stored_nodes,
    concurrent_appends_have_consecutive_indices,
    an_append_stands_or_falls_with_its_transaction,
);

/// Reads the whole ledger as an auditor would, and compares the root with the signed one. Its size.
pub(crate) async fn audit(store: &Store) -> u64 {
    let mut tx = store.read("audit").await.unwrap();
    let stored = tx.latest_checkpoint().await.unwrap().unwrap();
    let signed = Checkpoint::open(&stored.signed, ORIGIN, &key().public()).unwrap();
    assert_eq!((signed.size, signed.root), (stored.size, stored.root));
    let mut tree = Frontier::new();
    while tree.size() < stored.size {
        for sealed in tx.entries(tree.size()..stored.size).await.unwrap() {
            assert_eq!(sealed.index, tree.size(), "a gap");
            assert!(sealed.commitment.opens(&sealed.nonce, sealed.body.as_bytes()));
            tree.append(sealed.commitment.leaf_hash(), |_| ()).unwrap();
        }
    }
    assert_eq!(tree.root(), stored.root, "the root");
    assert!(tx.entry(stored.size).await.unwrap().is_none(), "an entry beyond the checkpoint");
    stored.size
}

async fn append(store: &Store, numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let entries: Vec<_> = numbers.into_iter().map(entry).collect();
    let mut tx = store.write("test").await.unwrap();
    let from = tx.ledger_size().await.unwrap();
    let indices = tx.append(&entries, &mut nonces(from), &sign).await.unwrap();
    tx.commit().await.unwrap();
    indices
}

async fn entries_are_kept_byte_for_byte(bed: &Bed) {
    let store = bed.open().await;
    let mut tx = store.write("test").await.unwrap();
    assert_eq!(tx.latest_checkpoint().await.unwrap(), None);
    let empty = tx.sign_again(&sign).await.unwrap();
    assert_eq!((empty.size, empty.root), (0, weal_trust::merkle::empty_root()));
    assert!(tx.append(&[], &mut nonces(0), &sign).await.unwrap().is_empty());
    tx.commit().await.unwrap();

    assert_eq!(append(&store, [0, 1, 2]).await, [0, 1, 2]);
    assert_eq!(append(&store, [3]).await, [3]);
    assert_eq!(audit(&store).await, 4);

    let mut tx = store.write("test").await.unwrap();
    let sealed = tx.entry(2).await.unwrap().unwrap();
    assert_eq!(sealed.body, serde_json::to_string(&entry(2)).unwrap());
    let commitments = tx.commitments(1..3).await.unwrap();
    assert_eq!(commitments[1], sealed.commitment);
    assert_eq!(tx.entries(2..99).await.unwrap().len(), 2);
    #[expect(clippy::reversed_empty_ranges)]
    let backwards = tx.entries(3..1).await.unwrap();
    assert!(backwards.is_empty());
    let before = tx.latest_checkpoint().await.unwrap().unwrap();
    assert_eq!(tx.sign_again(&sign).await.unwrap(), before);
    tx.commit().await.unwrap();
}

async fn proofs_and_tiles_come_from_the_stored_nodes(bed: &Bed) {
    let store = bed.open().await;
    let mut heads: Vec<(u64, Hash)> = Vec::new();
    for upto in [1, 2, 7, 8, 300] {
        let from = heads.last().map_or(0, |head| head.0);
        append(&store, from..upto).await;
        let checkpoint = store.read("test").await.unwrap().latest_checkpoint().await.unwrap().unwrap();
        heads.push((checkpoint.size, checkpoint.root));
    }
    let mut tx = store.read("test").await.unwrap();
    let (size, root) = heads[heads.len() - 1];
    assert_eq!(size, 300);
    for index in [0, 1, 7, 255, 256, 299] {
        let leaf = tx.entry(index).await.unwrap().unwrap().commitment.leaf_hash();
        let proof = tx.inclusion_proof(index, size).await.unwrap();
        verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
    }
    for (old_size, old_root) in heads {
        let proof = tx.consistency_proof(old_size, size).await.unwrap();
        verify_consistency(old_size, &old_root, size, &root, &proof).unwrap();
    }
    let full = Tile::parse("tile/0/000").unwrap();
    let nodes = tx.nodes(full.coords()).await.unwrap();
    let hashes: Vec<_> = full.coords().map(|coord| nodes[&coord]).collect();
    assert_eq!(full.hash_bytes(&hashes).unwrap().len(), 256 * 32);
    assert!(tx.nodes([Coord { level: 0, index: 300 }]).await.unwrap().is_empty());
    assert!(matches!(tx.inclusion_proof(300, 300).await, Err(StoreError::Fault(_))));
}

async fn concurrent_appends_have_consecutive_indices(bed: &Bed) {
    let store = bed.open().await;
    let tasks: Vec<_> = (0..16_u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut indices = Vec::new();
                for turn in 0..4 {
                    let batch = append(&store, (0..=turn).map(|number| task * 100 + number)).await;
                    assert!(batch.windows(2).all(|pair| pair[0] + 1 == pair[1]));
                    indices.extend(batch);
                }
                indices
            })
        })
        .collect();
    let mut indices = Vec::new();
    for task in tasks {
        indices.extend(task.await.unwrap());
    }
    indices.sort_unstable();
    assert_eq!(indices, (0..160).collect::<Vec<u64>>());
    assert_eq!(audit(&store).await, 160);
}

async fn an_append_stands_or_falls_with_its_transaction(bed: &Bed) {
    let store = bed.open().await;
    append(&store, [0]).await;
    let mut tx = store.write("test").await.unwrap();
    tx.append(&[entry(1)], &mut nonces(1), &sign).await.unwrap();
    tx.put_setting("seen", "yes").await.unwrap();
    drop(tx);
    assert_eq!(audit(&store).await, 1);

    // A key that cannot sign leaves no entry behind, not even if the act goes on to commit.
    let mut tx = store.write("test").await.unwrap();
    let broken = |_, _| Err(NoteError::BadKeyName);
    let outcome = tx.append(&[entry(1)], &mut nonces(1), &broken).await;
    assert!(outcome.is_err());
    assert!(matches!(tx.commit().await, Err(StoreError::Void)));
    assert_eq!(audit(&store).await, 1);
    assert_eq!(append(&store, [1, 2]).await, [1, 2]);
    assert_eq!(audit(&store).await, 3);
    assert_eq!(store.read("test").await.unwrap().setting("seen").await.unwrap(), None);
}
