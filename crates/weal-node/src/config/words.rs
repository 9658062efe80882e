//! Lists of words: an array in `weal.toml`, text with commas in the environment.

use serde::{Deserialize, Deserializer, de};

/// Reads either form.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: de::DeserializeOwned,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    let words = match Either::deserialize(deserializer)? {
        Either::One(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Either::Many(words) => words,
    };
    let each = words.into_iter().filter(|word| !word.is_empty());
    each.map(|word| T::deserialize(de::value::StringDeserializer::<D::Error>::new(word))).collect()
}
