//! The key of a node under this kit. A node signs with Ed25519; the kit reads signatures of P-256 and no others.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use weal_trust::jws::JwsSigner;
use weal_trust::keys::{P256Key, VerifyingKey};

#[derive(Debug)]
pub(super) struct Es256(EcdsaKeyPair);

impl Es256 {
    pub(super) fn new() -> Self {
        let chance = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &chance).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &chance).expect("its own form"))
    }
}

impl JwsSigner for Es256 {
    fn verifying(&self) -> VerifyingKey {
        let point = self.0.public_key().as_ref().try_into().expect("a point of P-256");
        VerifyingKey::P256(P256Key::from_point(point))
    }

    fn jws_signature(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
    }
}
