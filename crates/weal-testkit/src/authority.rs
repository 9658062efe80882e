//! An authority for certificates that nobody else believes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm,
};

/// Its own certificate and the key it signs with.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM text.
#[derive(Debug, Clone)]
pub struct Certified {
    pub certificate: String,
    pub key: String,
}

/// Years in which a certificate is valid, from the first day of one to the first day of the other.
#[derive(Debug, Clone, Copy)]
pub struct Years(pub i32, pub i32);

impl Years {
    pub const VALID: Self = Self(2020, 2090);
}

impl Authority {
    /// A new one, with a key of its own.
    #[must_use]
    pub fn of_test() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let own = params.self_signed(&key).expect("it signs itself");
        Self { pem: own.pem(), issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, for those who are to believe it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `host`.
    #[must_use]
    pub fn certifies(&self, host: &str, years: Years) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a host");
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs");
        Certified { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A certificate for `host` with the key of a request (RFC 2986, in DER, a key on P-256), valid between two
    /// moments in Unix seconds.
    #[must_use]
    pub fn certifies_request(&self, request: &[u8], host: &str, (from_s, until_s): (i64, i64)) -> String {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a host");
        let at = |second: i64| {
            let since = Duration::from_secs(u64::try_from(second).expect("a moment since 1970"));
            rcgen::date_time_ymd(1970, 1, 1) + since
        };
        (params.not_before, params.not_after) = (at(from_s), at(until_s));
        params.use_authority_key_identifier_extension = true;
        let key = Requested::of(request).expect("a request with a key on P-256");
        params.signed_by(&key, &self.issuer).expect("it signs").pem()
    }

    /// Writes its certificate into a folder.
    #[must_use]
    pub fn written_in(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        std::fs::write(&path, &self.pem).expect("written");
        path
    }
}

/// The public key of a request: the point itself.
struct Requested(Vec<u8>);

impl Requested {
    fn of(request: &[u8]) -> Option<Self> {
        // The curve's name (RFC 5480, section 2.1.1.1), then a bit string of 66 bytes that begins with no unused bits.
        const BEFORE: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00];
        const POINT_BYTES: usize = 65;
        let start = request.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
        Some(Self(request.get(start..start + POINT_BYTES)?.to_vec()))
    }
}

impl PublicKeyData for Requested {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Certified {
    /// Where [`Certified::write_in`] puts the certificate.
    #[must_use]
    pub fn certificate_in(folder: &Path) -> PathBuf {
        folder.join("server.crt")
    }

    /// Where [`Certified::write_in`] puts the key.
    #[must_use]
    pub fn key_in(folder: &Path) -> PathBuf {
        folder.join("server.key")
    }

    /// Writes both into a folder, the key for its owner alone. What was there is replaced, the key first.
    pub fn write_in(&self, folder: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let replace = |path: PathBuf, text: &str, mode: u32| {
            let part = path.with_extension("new");
            std::fs::write(&part, text).expect("written");
            std::fs::set_permissions(&part, std::fs::Permissions::from_mode(mode)).expect("its own");
            std::fs::rename(&part, &path).expect("in its place");
        };
        replace(Self::key_in(folder), &self.key, 0o600);
        replace(Self::certificate_in(folder), &self.certificate, 0o644);
    }
}
