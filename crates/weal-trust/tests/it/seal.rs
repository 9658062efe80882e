//! The seal, against values computed with Python's `hmac` and `hashlib`.

use weal_trust::encoding::hex;
use weal_trust::seal::{Commitment, Nonce};

#[test]
fn seals_as_the_contract_says() {
    let nonce = Nonce::from_entropy(std::array::from_fn(|n| u8::try_from(n).unwrap()));
    let seal = Commitment::seal(&nonce, br#"{"v":1}"#);
    assert_eq!(hex(seal.bytes()), "7b3b7657c88bf64bced86bb1c906dc49ddfd89761ca84e8b97264fd2fa5dabc9");
    assert_eq!(hex(&seal.leaf_hash().0), "3b76a2841a097bbc40fca313b980f372d812811cae6a0f051ab96b383001190a");
    assert!(seal.opens(&nonce, br#"{"v":1}"#));
    assert!(!seal.opens(&nonce, br#"{"v":2}"#));
    assert!(!seal.opens(&Nonce::from_entropy([0; 32]), br#"{"v":1}"#));
}

#[test]
fn a_nonce_is_never_shown() {
    assert_eq!(format!("{:?}", Nonce::from_entropy([7; 32])), "Nonce(..)");
}
