//! Why an authority gave no certificate, and with that, when it is worth asking again.

use crate::fault::Fault;

#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// Nothing was refused, nothing counts against us: the authority is away or broken.
    #[error("the authority cannot be reached or does not answer as it should: {0}")]
    Unreached(String),
    /// The authority refused, and counts how often it has to.
    #[error("the authority refused: {0}")]
    Refused(String),
    /// It refused for now, and counts that too. What was ordered stands.
    #[error("the authority refused for now: {0}")]
    RefusedForNow(String),
    /// The order goes on; only our patience has ended.
    #[error("the authority has not decided yet")]
    Undecided,
    #[error("the authority offers no {0} for this host; choose another [tls] acme_challenge")]
    NoSuchChallenge(&'static str),
    #[error("the certificate that the authority gave cannot be used: {0}")]
    Unusable(#[from] crate::tls::CertificateError),
    #[error("the folder `tls` of this node: {0}")]
    Folder(#[from] std::io::Error),
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
    #[error("{0}")]
    Fault(#[from] Fault),
    #[error("making a key or a request: {0}")]
    Making(#[from] rcgen::Error),
}

/// RFC 8555, section 6.7.
const PROBLEM: &str = "urn:ietf:params:acme:error:";

impl AcmeError {
    /// Whether the authority has judged us: it allows few failures an hour.
    pub(super) fn counts(&self) -> bool {
        !matches!(self, Self::Unreached(_) | Self::Undecided | Self::Folder(_))
    }

    /// Whether nothing more comes of what was ordered.
    pub(super) fn ends_order(&self) -> bool {
        self.counts() && !matches!(self, Self::RefusedForNow(_))
    }
}

/// Whether this is the problem of that name.
pub(super) fn is_problem(error: &instant_acme::Error, name: &str) -> bool {
    let instant_acme::Error::Api(problem) = error else { return false };
    problem.r#type.as_deref().and_then(|kind| kind.strip_prefix(PROBLEM)) == Some(name)
}

/// Whether the authority says that it knows nothing of what it was asked for. RFC 8555 has no word of its own for
/// that: it is `malformed` to the authorities there are, or not found.
pub(super) fn is_forgotten(error: &instant_acme::Error) -> bool {
    let instant_acme::Error::Api(problem) = error else { return false };
    is_problem(error, "malformed") || matches!(problem.status, Some(404 | 410))
}

impl From<instant_acme::Error> for AcmeError {
    fn from(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => {
                let own = problem.r#type.as_deref().and_then(|kind| kind.strip_prefix(PROBLEM));
                match own {
                    Some("serverInternal" | "badNonce" | "accountDoesNotExist") | None => {
                        Self::Unreached(problem.to_string())
                    }
                    Some("rateLimited") => Self::RefusedForNow(problem.to_string()),
                    Some(_) => Self::Refused(problem.to_string()),
                }
            }
            instant_acme::Error::Timeout(_) => Self::Undecided,
            // The innermost cause says what a person can act on.
            other => Self::Unreached(innermost(&other)),
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
