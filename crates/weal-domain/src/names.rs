//! Names and identifiers as types, so that no two of them can be confused.

use serde::{Deserialize, Serialize};

/// A name that does not have the form its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a valid {what}: {rule}")]
pub struct InvalidName {
    pub what: &'static str,
    pub given: String,
    pub rule: &'static str,
}

/// The longest short name (member, product), in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 40;
/// The longest identifier (IRI, DID), in bytes.
pub(crate) const ID_BYTES_MAX: usize = 512;

pub(crate) fn check_short(what: &'static str, given: &str) -> Result<(), InvalidName> {
    let rule = "use 1 to 40 lower-case letters, digits and underscores, beginning with a letter";
    let letters = given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let first = given.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if letters && first && given.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(InvalidName { what, given: given.chars().take(80).collect(), rule })
    }
}

pub(crate) fn check_id(what: &'static str, given: &str) -> Result<(), InvalidName> {
    let rule = "use 1 to 512 printable ASCII characters without spaces";
    let printable = given.bytes().all(|b| b.is_ascii_graphic());
    if printable && !given.is_empty() && given.len() <= ID_BYTES_MAX {
        Ok(())
    } else {
        Err(InvalidName { what, given: given.chars().take(80).collect(), rule })
    }
}

/// Declares a string newtype whose only door is a checked constructor.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn new(given: impl Into<String>) -> Result<Self, $crate::InvalidName> {
                let given = given.into();
                $check($what, &given)?;
                Ok(Self(given))
            }
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::InvalidName;
            fn try_from(given: String) -> Result<Self, Self::Error> {
                Self::new(given)
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::InvalidName;
            fn from_str(given: &str) -> Result<Self, Self::Err> {
                Self::new(given)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use text_type;

/// `member.product`, as it stands in SQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProductRef {
    pub member: crate::identity::MemberName,
    pub product: crate::catalogue::ProductName,
}

impl std::fmt::Display for ProductRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.member, self.product)
    }
}

impl std::str::FromStr for ProductRef {
    type Err = InvalidName;
    fn from_str(given: &str) -> Result<Self, InvalidName> {
        let (member, product) = given.split_once('.').ok_or_else(|| InvalidName {
            what: "product reference",
            given: given.chars().take(80).collect(),
            rule: "write it as member.product, for example revenue.payroll",
        })?;
        Ok(Self { member: member.parse()?, product: product.parse()? })
    }
}
