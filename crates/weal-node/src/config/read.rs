//! From text to [`Config`], with errors that name the key, the file and the nearest right word.

use std::path::PathBuf;

use serde::de::Error as _;
use toml::{Table, Value};

use super::{Config, Folder, IdentityConfig};

/// What is wrong with the configuration and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "there is no node here: {0} does not exist; name the folder of one with `--node DIR` or WEAL_NODE, or make one with `weal init DIR`"
    )]
    Missing(PathBuf),
    #[error("cannot read {path}: {cause}")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{path} is not TOML: {cause}")]
    NotToml { path: PathBuf, cause: toml::de::Error },
    #[error("{place}: unknown key `{key}`{suggestion}")]
    UnknownKey { place: String, key: String, suggestion: String },
    #[error("{place}: {cause}")]
    Wrong { place: String, cause: String },
}

/// Every section and its keys; a test holds this against the types.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("node", &["name", "title", "listen", "origin"]),
    ("ecosystem", &["governs", "governing_body"]),
    ("store", &["url"]),
    ("network", &["reach", "peer_timeout_s", "crawl_interval_s", "trusted_proxies", "additional_ca_file"]),
    (
        "tls",
        &[
            "certificate_file",
            "key_file",
            "acme_directory",
            "acme_contact",
            "acme_terms_agreed",
            "acme_challenge",
            "acme_eab_key_id",
            "acme_eab_key_file",
            "redirect_listen",
        ],
    ),
    (
        "limits",
        &[
            "body_bytes_max",
            "publish_bytes_max",
            "requests_per_minute_max",
            "streams_max",
            "stall_s_max",
            "negotiations_per_peer_max",
            "catalogue_entries_max",
            "answer_step_ms",
        ],
    ),
    (
        "identity",
        &[
            "membership_kind",
            "trusted_issuers",
            "issued_kinds",
            "presented_kinds",
            "presented_profile",
            "format_names",
            "presentation_fresh_s",
            "status_grace_s",
        ],
    ),
    ("catalogue", &["public_up_to"]),
    ("engine", &["memory_bytes_max", "spill_bytes_max"]),
    ("log", &["format", "level"]),
    ("telemetry", &["otlp_traces_url"]),
];

/// Variables of ours that are not configuration keys.
const OTHER_VARIABLES: &[&str] = &["WEAL_NODE", "WEAL_PASSWORD", "WEAL_PASSWORD_CURRENT"];
const PREFIX: &str = "WEAL_";
/// Variables that tests of this project use.
const TEST_PREFIX: &str = "WEAL_TEST_";

pub(super) fn read(
    folder: &Folder,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let path = folder.config();
    let text = std::fs::read_to_string(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => ConfigError::Missing(path.clone()),
        _ => ConfigError::Unreadable { path: path.clone(), cause },
    })?;
    let mut table: Table =
        toml::from_str(&text).map_err(|cause| ConfigError::NotToml { path: path.clone(), cause })?;
    let place = path.display().to_string();
    check_keys(&table, &place)?;
    overlay(&mut table, environment)?;
    let mut config: Config = Value::Table(table).try_into().map_err(|cause: toml::de::Error| {
        ConfigError::Wrong { place: place.clone(), cause: cause.message().into() }
    })?;
    check_values(&config).map_err(|cause| ConfigError::Wrong { place, cause })?;
    for file in config.tls.files().into_iter().chain(&mut config.network.additional_ca_file) {
        // One that is absolute stays as it is.
        *file = folder.path().join(&*file);
    }
    Ok(config)
}

fn check_keys(table: &Table, place: &str) -> Result<(), ConfigError> {
    let sections: Vec<&str> = KEYS.iter().map(|(section, _)| *section).collect();
    for (section, value) in table {
        let Some((_, keys)) = KEYS.iter().find(|(known, _)| known == section) else {
            return Err(unknown(place, section, &sections));
        };
        let Some(inner) = value.as_table() else {
            let cause = format!("`{section}` is a section: write [{section}]");
            return Err(ConfigError::Wrong { place: place.into(), cause });
        };
        for key in inner.keys() {
            if !keys.contains(&key.as_str()) {
                return Err(unknown(&format!("{place}, [{section}]"), key, keys));
            }
        }
    }
    Ok(())
}

fn unknown(place: &str, key: &str, known: &[&str]) -> ConfigError {
    let nearest = known.iter().min_by_key(|word| strsim::damerau_levenshtein(word, key));
    let suggestion = match nearest {
        Some(word) if strsim::damerau_levenshtein(word, key) <= 3 => format!("; did you mean `{word}`?"),
        _ => format!("; the keys are {}", known.join(", ")),
    };
    ConfigError::UnknownKey { place: place.into(), key: key.into(), suggestion }
}

/// `WEAL_NODE_LISTEN` overrides `listen` in `[node]`.
fn overlay(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let known: Vec<(String, &str, &str)> = KEYS
        .iter()
        .flat_map(|(section, keys)| {
            keys.iter().map(move |key| (format!("{PREFIX}{section}_{key}").to_uppercase(), *section, *key))
        })
        .collect();
    for (name, text) in environment {
        if !name.starts_with(PREFIX)
            || name.starts_with(TEST_PREFIX)
            || OTHER_VARIABLES.contains(&name.as_str())
        {
            continue;
        }
        let Some((_, section, key)) = known.iter().find(|(variable, _, _)| *variable == name) else {
            let names: Vec<&str> = known.iter().map(|(variable, _, _)| variable.as_str()).collect();
            return Err(unknown("the environment", &name, &names));
        };
        let inner = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(inner) = inner.as_table_mut() {
            inner.insert((*key).to_owned(), value_of(&text));
        }
    }
    Ok(())
}

/// A variable's text as the TOML value it looks like.
fn value_of(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::Integer(number);
    }
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => Value::String(text.to_owned()),
    }
}

/// The longest that a presentation may be believed: a revocation is felt within a minute.
const PRESENTATION_FRESH_S_MAX: u64 = 60;
/// Who asks has to wait so long for the least answer.
const ANSWER_STEP_MS_MAX: u64 = 10_000;

/// They stand in every token that this node sends.
const PRESENTED_KINDS_MAX: usize = 8;

fn check_identity(identity: &IdentityConfig) -> Result<(), String> {
    let plain = |kind: &String| {
        !kind.is_empty() && kind.len() <= 200 && !kind.contains(|c: char| c.is_whitespace() || c == '#')
    };
    let mut kinds = identity.issued_kinds.iter().chain(&identity.presented_kinds);
    if identity.presented_kinds.len() > PRESENTED_KINDS_MAX {
        return Err(format!("[identity] presented_kinds: at most {PRESENTED_KINDS_MAX}"));
    }
    if !plain(&identity.membership_kind) || !kinds.all(plain) {
        return Err("[identity]: a kind of credential is one word, for example MembershipCredential".into());
    }
    if weal_trust::vc::Profile::of(&identity.presented_profile).is_none() {
        return Err("[identity] presented_profile: vc11-sl2021/jwt or vc20-bssl/jwt".into());
    }
    if identity.presentation_fresh_s > PRESENTATION_FRESH_S_MAX {
        return Err(format!("[identity] presentation_fresh_s: at most {PRESENTATION_FRESH_S_MAX}"));
    }
    Ok(())
}

fn check_values(config: &Config) -> Result<(), String> {
    check_identity(&config.identity)?;
    let origin = url::Url::parse(&config.node.origin).map_err(|_| {
        "[node] origin: write scheme, host and port, for example https://revenue.example".to_owned()
    })?;
    let plain = origin.path() == "/" && origin.query().is_none() && origin.username().is_empty();
    if !plain || config.node.origin.ends_with('/') || origin.host_str().is_none() {
        return Err("[node] origin: only scheme, host and port, without a slash at the end".into());
    }
    let loopback = config.network.reach == super::Reach::Loopback;
    match origin.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => {
            return Err(
                "[node] origin: must be https (plain http only with [network] reach = \"loopback\")".into()
            );
        }
    }
    config.tls.check(origin.scheme() == "https")?;
    if config.limits.stall_s_max == 0 {
        return Err("[limits] stall_s_max: at least 1, or nobody could be answered".into());
    }
    if config.limits.answer_step_ms > ANSWER_STEP_MS_MAX {
        return Err(format!("[limits] answer_step_ms: at most {ANSWER_STEP_MS_MAX}"));
    }
    if config.ecosystem.governs && config.ecosystem.governing_body.is_some() {
        return Err("[ecosystem] a governing body governs itself: remove governing_body or governs".into());
    }
    Ok(())
}

impl ConfigError {
    /// For callers that build configuration in code.
    pub fn wrong(place: &str, cause: impl std::fmt::Display) -> Self {
        Self::Wrong { place: place.into(), cause: toml::de::Error::custom(cause).message().to_owned() }
    }
}
