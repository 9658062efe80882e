//! Ed25519 keys (RFC 8032): a node signs with [`NodeKey`], the world checks with [`PublicKey`].
//! [`VerifyingKey`] is what a DID document may publish: that, or the P-256 key of a stranger.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey};
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
    #[error("the JSON Web Key is not of type EC with curve P-256")]
    NotAP256Jwk,
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
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPublicKey)?;
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

/// Bytes of a point of P-256 written out: `04`, x, y (SEC 1 section 2.3.3).
const P256_BYTES: usize = 65;

/// A key on the curve P-256, with which others sign ES256 (RFC 7518 section 3.4). No node of ours does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct P256Key([u8; P256_BYTES]);

impl P256Key {
    /// `point` is uncompressed.
    #[must_use]
    pub fn from_point(point: [u8; P256_BYTES]) -> Self {
        Self(point)
    }

    /// Whether the point lies on the curve is asked by every verification.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED;
        ring::signature::UnparsedPublicKey::new(algorithm, self.0.as_slice())
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }

    /// JSON Web Key (RFC 7518 section 6.2), public members only.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        let (x, y) = self.0[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
    }

    /// Reads the members `kty`, `crv`, `x` and `y`; refuses a key that carries its private half (`d`).
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        if (member("kty"), member("crv")) != (Some("EC"), Some("P-256")) || jwk.get("d").is_some() {
            return Err(KeyError::NotAP256Jwk);
        }
        let mut point = [4; P256_BYTES];
        for (name, place) in [("x", 1..33), ("y", 33..65)] {
            let bytes = from_base64url(member(name).unwrap_or_default()).unwrap_or_default();
            let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::NotAP256Jwk)?;
            point[place].copy_from_slice(&bytes);
        }
        Ok(Self(point))
    }
}

impl std::fmt::Debug for P256Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "P256Key({})", hex(&self.0))
    }
}

/// A key that a DID document publishes. The kind of the key fixes the algorithm: what a signature's header
/// says must agree with it and can never choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyingKey {
    Ed25519(PublicKey),
    P256(P256Key),
}

impl VerifyingKey {
    /// The only algorithm of JOSE that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::P256(key) => key.verify(message, signature),
        }
    }

    /// The key as ledgers know it; they are signed with Ed25519 and nothing else.
    #[must_use]
    pub fn ed25519(&self) -> Option<&PublicKey> {
        match self {
            Self::Ed25519(key) => Some(key),
            Self::P256(_) => None,
        }
    }

    #[must_use]
    pub fn to_jwk(&self) -> Value {
        match self {
            Self::Ed25519(key) => key.to_jwk(),
            Self::P256(key) => key.to_jwk(),
        }
    }

    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        match jwk.get("kty").and_then(Value::as_str) {
            Some("EC") => P256Key::from_jwk(jwk).map(Self::P256),
            _ => PublicKey::from_jwk(jwk).map(Self::Ed25519),
        }
    }
}

impl From<PublicKey> for VerifyingKey {
    fn from(key: PublicKey) -> Self {
        Self::Ed25519(key)
    }
}

impl PartialEq<PublicKey> for VerifyingKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.ed25519() == Some(other)
    }
}
