//! How members of a message become fields, declared once per message.
//!
//! `String` is a required member, `Option<_>` one that may be absent, `Vec<_>` an array that is left
//! out when it is empty, because the schemas of the Dataspace Protocol forbid empty arrays.

use serde_json::{Map, Value};

use super::Node;
use crate::WireError;

/// The members that name a negotiation or a transfer on one side.
const PIDS: [&str; 2] = ["providerPid", "consumerPid"];
/// The longest identifier of a process, in bytes.
pub(crate) const PID_BYTES_MAX: usize = 512;

/// An identifier of nothing, or one that breaks a line of a log, names no process.
pub(crate) fn check_pid(node: &Node<'_>, name: &'static str, pid: &str) -> Result<(), WireError> {
    if !pid.is_empty() && pid.len() <= PID_BYTES_MAX && !pid.contains(char::is_control) {
        return Ok(());
    }
    Err(node.wrong(name, format!("an identifier of 1 to {PID_BYTES_MAX} bytes without control characters")))
}

/// Something that is read from and written to one member of an object (or a few together).
pub(crate) trait Field: Sized {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError>;
    fn write(&self, name: &'static str, out: &mut Map<String, Value>);
}

/// A typed node inside a message.
pub(crate) trait Object: Sized {
    fn read_node(node: &Node<'_>) -> Result<Self, WireError>;
    fn to_node(&self) -> Map<String, Value>;
}

/// A closed list of words.
pub(crate) trait Words: Copy + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
    fn of(given: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.word() == given)
    }
    /// `one of A, B, C`
    fn listed() -> String {
        let words: Vec<_> = Self::ALL.iter().map(|it| it.word()).collect();
        format!("one of {}", words.join(", "))
    }
}

impl Field for String {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        let text = node.text(name)?;
        if PIDS.contains(&name) {
            check_pid(node, name, text)?
        }
        Ok(text.to_owned())
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        out.insert(name.into(), self.clone().into());
    }
}

impl Field for Option<String> {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        node.text_if(name).map(|text| text.map(str::to_owned))
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        if let Some(text) = self {
            out.insert(name.into(), text.clone().into());
        }
    }
}

/// Values of any kind, kept as they came; an empty array is allowed and kept.
impl Field for Option<Vec<Value>> {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        node.array_if(name, 0).map(|items| items.map(<[Value]>::to_vec))
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        if let Some(items) = self {
            out.insert(name.into(), items.clone().into());
        }
    }
}

impl<T: Object> Field for Vec<T> {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        let items = node.array_if(name, 1)?.unwrap_or_default();
        let read = |(index, item)| T::read_node(&Node::of(item, format!("{}[{index}]", node.path(name)))?);
        items.iter().enumerate().map(read).collect()
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        if !self.is_empty() {
            let items: Vec<Value> = self.iter().map(|item| item.to_node().into()).collect();
            out.insert(name.into(), items.into());
        }
    }
}

/// Declares an object by its members. `@type` is written always and checked where it is given;
/// `typed required` makes it required, as the schemas of some nodes do.
macro_rules! node_fields {
    (@check required $node:ident $type:literal) => { $node.check_type($type)? };
    (@check optional $node:ident $type:literal) => { $node.check_type_if($type)? };
    ($(#[$doc:meta])* $name:ident typed $required:tt as $type:literal $(forbids $forbidden:literal)? {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty = $member:literal),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl $crate::json::Object for $name {
            fn read_node(node: &$crate::Node<'_>) -> Result<Self, $crate::WireError> {
                $crate::json::node_fields!(@check $required node $type);
                $(if node.has($forbidden) {
                    return Err(node.wrong($forbidden, "absent here"));
                })?
                Ok(Self { $($field: <$kind as $crate::json::Field>::read(node, $member)?),* })
            }
            fn to_node(&self) -> serde_json::Map<String, serde_json::Value> {
                let mut out = serde_json::Map::new();
                out.insert("@type".into(), $type.into());
                $($crate::json::Field::write(&self.$field, $member, &mut out);)*
                out
            }
        }
    };
}
pub(crate) use node_fields;

/// Declares messages of the Dataspace Protocol by their members; the Rust name is the `@type`.
macro_rules! message_fields {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty = $member:literal),* $(,)?
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl $crate::Message for $name {
            fn read(node: &$crate::Node<'_>) -> Result<Self, $crate::WireError> {
                $crate::dsp::check_context(node)?;
                node.check_type(stringify!($name))?;
                Ok(Self { $($field: <$kind as $crate::json::Field>::read(node, $member)?),* })
            }
            fn to_value(&self) -> serde_json::Value {
                #[allow(unused_mut)]
                let mut out = $crate::dsp::envelope(stringify!($name));
                $($crate::json::Field::write(&self.$field, $member, &mut out);)*
                out.into()
            }
        }
    )*};
}
pub(crate) use message_fields;

/// Declares a closed list of words as an enum.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$item_doc])* $item),* }

        impl $name {
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$item),*];
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word),* }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        $crate::json::standard_words!($name);
    };
}
pub(crate) use words;

/// Lets an enum with `ALL` and `as_str` stand in a member of a message.
macro_rules! standard_words {
    ($name:ident) => {
        impl $crate::json::Words for $name {
            const ALL: &'static [Self] = &$name::ALL;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
        impl $crate::json::Field for $name {
            fn read(node: &$crate::Node<'_>, name: &'static str) -> Result<Self, $crate::WireError> {
                let given = node.text(name)?;
                <Self as $crate::json::Words>::of(given)
                    .ok_or_else(|| node.wrong(name, <Self as $crate::json::Words>::listed()))
            }
            fn write(&self, name: &'static str, out: &mut serde_json::Map<String, serde_json::Value>) {
                out.insert(name.into(), self.as_str().into());
            }
        }
    };
}
pub(crate) use standard_words;
