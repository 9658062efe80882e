//! The tree: known roots, every proof of every small tree, and proofs that are not proofs.

use proptest::prelude::*;
use weal_trust::encoding::hex;
use weal_trust::merkle::{
    Coord, Frontier, FrontierError, Hash, LEAVES_MAX, PlanError, ProofError, consistency_plan, empty_root,
    inclusion_plan, leaf_hash, root_plan, verify_consistency, verify_inclusion,
};

use crate::tree::{Stored, consistency, leaves, path, root};

/// The leaves and roots that implementations of Certificate Transparency agree on.
const CT_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn ct_leaves() -> Vec<Hash> {
    CT_LEAVES.iter().map(|data| leaf_hash(&hex::decode(data).unwrap())).collect()
}

#[test]
fn grows_to_the_known_roots() {
    let mut frontier = Frontier::new();
    assert_eq!(hex(&frontier.root().0), CT_ROOTS[0]);
    for (leaf, known) in ct_leaves().into_iter().zip(&CT_ROOTS[1..]) {
        frontier.append(leaf, |_| ()).unwrap();
        assert_eq!(hex(&frontier.root().0), *known);
    }
}

#[test]
fn proves_as_certificate_transparency_does() {
    let stored = Stored::of(&ct_leaves());
    let hexes = |hashes: Vec<Hash>| hashes.iter().map(|hash| hex(&hash.0)).collect::<Vec<_>>();
    let inclusion = inclusion_plan(0, 8).unwrap().build(|at| stored.load(at)).unwrap();
    assert_eq!(
        hexes(inclusion),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    let consistency = consistency_plan(6, 8).unwrap().build(|at| stored.load(at)).unwrap();
    assert_eq!(
        hexes(consistency),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_leaf_of_every_tree_up_to_300_is_proven_and_nothing_else() {
    let all = leaves(300);
    let stored = Stored::of(&all);
    for size in 1..=300usize {
        let tree = &all[..size];
        let signed = root_plan(size as u64).unwrap().build(|at| stored.load(at)).unwrap()[0];
        assert_eq!(signed, root(tree));
        // Every index of small trees; of larger ones the edges and a sample.
        let sampled =
            |index: &usize| size <= 40 || *index < 2 || size - index <= 2 || index % 23 == size % 23;
        for index in (0..size).filter(sampled) {
            let proof =
                inclusion_plan(index as u64, size as u64).unwrap().build(|at| stored.load(at)).unwrap();
            assert_eq!(proof, path(index, tree), "leaf {index} of {size}");
            let check = |leaf: &Hash, index: u64, size: usize, proof: &[Hash], root: &Hash| {
                verify_inclusion(leaf, index, size as u64, proof, root)
            };
            assert_eq!(check(&all[index], index as u64, size, &proof, &signed), Ok(()));
            assert!(check(&all[(index + 1) % 300], index as u64, size, &proof, &signed).is_err());
            assert!(check(&all[index], index as u64 ^ 1, size, &proof, &signed).is_err() || size == 1);
            assert!(
                check(&all[index], index as u64, size, &[&proof[..], &[signed]].concat(), &signed).is_err()
            );
            for nth in 0..proof.len() {
                let mut changed = proof.clone();
                changed[nth].0[nth % 32] ^= 1;
                assert_eq!(
                    check(&all[index], index as u64, size, &changed, &signed),
                    Err(ProofError::WrongRoot)
                );
                changed.remove(nth);
                assert!(check(&all[index], index as u64, size, &changed, &signed).is_err());
            }
        }
    }
}

#[test]
fn every_tree_up_to_64_continues_every_smaller_one() {
    let all = leaves(64);
    let stored = Stored::of(&all);
    for new in 0..=64usize {
        let new_root = root(&all[..new]);
        for old in 0..=new {
            let old_root = root(&all[..old]);
            let plan = consistency_plan(old as u64, new as u64).unwrap();
            let proof = plan.build(|at| stored.load(at)).unwrap();
            if old > 0 {
                assert_eq!(proof, consistency(old, &all[..new]), "{old} to {new}");
            }
            let check = |proof: &[Hash], old_root: &Hash, new_root: &Hash| {
                verify_consistency(old as u64, old_root, new as u64, new_root, proof)
            };
            assert_eq!(check(&proof, &old_root, &new_root), Ok(()), "{old} to {new}");
            let other = leaf_hash(b"another tree");
            assert!(check(&proof, &other, &new_root).is_err());
            assert!(check(&proof, &old_root, &other).is_err() || old == 0);
            assert_eq!(
                check(&[&proof[..], &[other]].concat(), &old_root, &new_root),
                Err(ProofError::WrongLength)
            );
            for nth in 0..proof.len() {
                let mut changed = proof.clone();
                changed[nth].0[nth % 32] ^= 0x80;
                assert!(check(&changed, &old_root, &new_root).is_err(), "{old} to {new}");
                changed.remove(nth);
                assert!(check(&changed, &old_root, &new_root).is_err(), "{old} to {new}");
            }
        }
    }
}

#[test]
fn a_changed_history_cannot_be_continued() {
    let mut all = leaves(50);
    let old_root = root(&all[..20]);
    all[7] = leaf_hash(b"rewritten");
    let proof = consistency(20, &all);
    let outcome = verify_consistency(20, &old_root, 50, &root(&all), &proof);
    assert_eq!(outcome, Err(ProofError::WrongOldRoot));
}

#[test]
fn refuses_what_is_outside_the_tree() {
    assert_eq!(inclusion_plan(5, 5).unwrap_err(), PlanError::NoSuchLeaf { index: 5, size: 5 });
    assert_eq!(inclusion_plan(0, u64::MAX).unwrap_err(), PlanError::NoSuchLeaf { index: 0, size: u64::MAX });
    assert_eq!(consistency_plan(6, 5).unwrap_err(), PlanError::Shrinks { old: 6, new: 5 });
    let hash = empty_root();
    assert!(verify_inclusion(&hash, 0, 0, &[], &hash).is_err());
    assert!(verify_inclusion(&hash, 3, u64::MAX, &[hash; 64], &hash).is_err());
    assert!(verify_consistency(1, &hash, u64::MAX, &hash, &[hash; 64]).is_err());
    let plan = inclusion_plan(2, 5).unwrap();
    let missing = plan.coords().next().unwrap();
    assert_eq!(plan.build(|_| None), Err(PlanError::MissingNode(missing)));
}

#[test]
fn the_tallest_tree_has_plans_too() {
    let plan = inclusion_plan(LEAVES_MAX - 2, LEAVES_MAX - 1).unwrap();
    assert!(plan.coords().all(|Coord { level, index }| (index + 1) << level < LEAVES_MAX));
    assert!(consistency_plan(LEAVES_MAX - 1, LEAVES_MAX).unwrap().coords().count() < 70);
    assert_eq!(Frontier::load(LEAVES_MAX + 1, Vec::new()), Err(FrontierError::Full));
    let mut full = Frontier::load(LEAVES_MAX, vec![empty_root()]).unwrap();
    assert_eq!(full.append(empty_root(), |_| ()), Err(FrontierError::Full));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_frontier_can_be_taken_up_anywhere(size in 0usize..400, more in 0usize..40) {
        let all = leaves(size + more);
        let stored = Stored::of(&all[..size]);
        let hashes = Frontier::coords(size as u64).into_iter().map(|at| stored.load(at).unwrap()).collect();
        let mut taken_up = Frontier::load(size as u64, hashes).unwrap();
        prop_assert_eq!(&taken_up, &stored.frontier);
        for leaf in &all[size..] {
            taken_up.append(*leaf, |_| ()).unwrap();
        }
        prop_assert_eq!(taken_up.root(), root(&all));
        prop_assert_eq!(taken_up.size(), all.len() as u64);
        let wrong = Frontier::load(size as u64, vec![empty_root(); 65]);
        let is_wrong_count = matches!(wrong, Err(FrontierError::WrongCount { .. }));
        prop_assert!(is_wrong_count);
    }

    #[test]
    fn no_made_up_proof_is_accepted(
        index in 0u64..600, size in 1u64..600, proof in prop::collection::vec(any::<[u8; 32]>(), 0..12),
    ) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let tree = leaves(usize::try_from(size).unwrap());
        let forged = leaf_hash(b"never appended");
        prop_assert!(verify_inclusion(&forged, index, size, &proof, &root(&tree)).is_err());
    }
}
