//! Ed25519 keys (RFC 8032): a node signs with [`NodeKey`], the world checks with [`PublicKey`].

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::encoding::{base64url, from_base64url, hex};

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// The longest private key file that is read, in bytes. A real one has 119.
pub const PEM_BYTES_MAX: usize = 4096;

/// Why a key was not accepted. None of these repeats key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the private key file is not a PKCS#8 PEM of an Ed25519 key")]
    NotPkcs8Pem,
    #[error("the public key inside the private key file belongs to another key")]
    PairMismatch,
    #[error("not an Ed25519 public key")]
    NotAPublicKey,
    #[error("the public key is of small order: it would accept signatures that nobody made")]
    WeakKey,
    #[error("the JSON Web Key is not of type OKP with curve Ed25519")]
    NotAnEd25519Jwk,
}

/// The signature does not belong to this message and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A node's signing key. Its memory is wiped on drop, `Debug` shows only the public half, and it is
/// deliberately not `Clone`: share it behind an `Arc`.
pub struct NodeKey(SigningKey);

impl NodeKey {
    /// `seed` is the RFC 8032 private key: 32 bytes of the caller's entropy.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads PKCS#8 PEM (RFC 8410), with or without the public key inside.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(KeyError::NotPkcs8Pem);
        }
        let pair = KeypairBytes::from_pkcs8_pem(pem.trim()).map_err(|_| KeyError::NotPkcs8Pem)?;
        let key = Self::from_seed(&pair.secret_key);
        match pair.public_key {
            Some(public) if public.to_bytes() != key.public().bytes() => Err(KeyError::PairMismatch),
            _ => Ok(key),
        }
    }

    /// PKCS#8 version 1 PEM: the form that OpenSSL reads too. The text is wiped on drop.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).expect("48 bytes of DER always fit into PEM")
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// The public half, never of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPublicKey)?;
        if key.is_weak() { Err(KeyError::WeakKey) } else { Ok(Self(key)) }
    }

    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Strict verification: no malleable signatures, no small-order points ("Taming the many EdDSAs",
    /// Chalkias et al. 2020).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
        self.0.verify_strict(message, &signature).map_err(|_| BadSignature)
    }

    /// JSON Web Key (RFC 8037 section 2), public members only.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&self.bytes()) })
    }

    /// Reads the members `kty`, `crv` and `x`; refuses a key that carries its private half (`d`).
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let kind = (member("kty"), member("crv"));
        if kind != (Some("OKP"), Some("Ed25519")) || jwk.get("d").is_some() {
            return Err(KeyError::NotAnEd25519Jwk);
        }
        let x = member("x").ok_or(KeyError::NotAnEd25519Jwk)?;
        let bytes = from_base64url(x).map_err(|_| KeyError::NotAnEd25519Jwk)?;
        let bytes = bytes.try_into().map_err(|_| KeyError::NotAnEd25519Jwk)?;
        Self::from_bytes(&bytes)
    }

    /// JWK thumbprint (RFC 7638, RFC 8037 appendix A.3), base64url of SHA-256.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let x = base64url(&self.bytes());
        base64url(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", hex(&self.bytes()))
    }
}
