//! How a good document is made a strange one.

use serde_json::{Map, Value, json};

/// What a document is made of, and so how it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Members and values as well as bytes.
    Json,
    /// Lines as well as bytes.
    Text,
}

/// Seeded choices (SplitMix64, Steele et al. 2014).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The same for the same seed, target and round.
    pub(crate) fn of(seed: u64, target: &str, round: u64) -> Self {
        let name = target.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(name ^ seed.rotate_left(32) ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..count`; 0 where there is nothing to choose from.
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % (count.max(1) as u64)).unwrap_or(0)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let which = self.below(of.len());
        &of[which]
    }
}

pub(crate) fn mutated(chance: &mut Chance, kind: Kind, corpus: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
    let good = chance.one(corpus).clone();
    let structured = kind == Kind::Json && chance.below(4) > 0;
    let mut bytes = match serde_json::from_slice::<Value>(&good) {
        Ok(mut value) if structured => {
            for _ in 0..=chance.below(3) {
                let other: &Vec<u8> = chance.one(corpus);
                let other = serde_json::from_slice(other).unwrap_or(Value::Null);
                change_value(chance, &mut value, &other);
            }
            value.to_string().into_bytes()
        }
        _ => good,
    };
    if !structured || chance.below(8) == 0 {
        for _ in 0..=chance.below(4) {
            let other = chance.one(corpus);
            if kind == Kind::Text && chance.below(2) == 0 {
                change_lines(chance, &mut bytes);
            } else {
                change_bytes(chance, &mut bytes, other);
            }
        }
    }
    bytes.truncate(bytes_max);
    bytes
}

/// What has broken readers before.
const TOKENS: [&[u8]; 28] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\ud83c\\udf3b",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"1E-400",
    b"18446744073709551616",
    b"0x1",
    b"NaN",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x00",
    b"\r\n",
    b"\n\n",
    b"&a *a",
    b"\"@type\":",
    b"\"@context\":",
    b"../%2e%2e/",
];

/// What nests when it is repeated.
const OPENINGS: [&[u8]; 5] = [b"[", b"{\"a\":", b"- ", b"(", b" "];

fn change_bytes(chance: &mut Chance, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = chance.below(bytes.len() + 1);
    let end = (at + chance.below(24)).min(bytes.len());
    match chance.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 if at < bytes.len() => bytes[at] = u8::try_from(chance.below(256)).unwrap_or(0),
        2 => _ = bytes.drain(at..end),
        3 => {
            let piece = bytes[at..end].to_vec();
            let times = 1 + chance.below(40);
            bytes.splice(at..at, piece.repeat(times));
        }
        4 => bytes.truncate(at),
        5 => {
            let from = chance.below(other.len() + 1);
            let to = (from + chance.below(200)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        6 => {
            let open = *chance.one(&OPENINGS);
            let times = 1 + chance.below(200);
            bytes.splice(at..at, open.repeat(times));
        }
        _ => _ = bytes.splice(at..at, (*chance.one(&TOKENS)).iter().copied()),
    }
}

fn change_lines(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let (one, other) = (chance.below(lines.len()), chance.below(lines.len()));
    match chance.below(6) {
        0 => _ = lines.remove(one),
        1 => lines.swap(one, other),
        2 => {
            let times = 1 + chance.below(60);
            let line = lines[one].clone();
            lines.splice(one..one, std::iter::repeat_n(line, times));
        }
        3 => lines[one] = lines[other].clone(),
        4 => lines[one] = format!("{}{}", lines[one], odd_text(chance)),
        _ => lines.insert(one, String::new()),
    }
    *bytes = lines.join("\n").into_bytes();
}

fn odd_text(chance: &mut Chance) -> String {
    let long = 1 + chance.below(5_000);
    match chance.below(12) {
        0 => String::new(),
        1 => "x".repeat(long),
        2 => "\u{202e}\u{0}\u{7f}\u{feff}".to_owned(),
        3 => "🌻é\u{301}".repeat(1 + long / 100),
        4 => "2026-13-45T99:99:99Z".to_owned(),
        5 => "-9999-01-01T00:00:00.000000000001+14:00".to_owned(),
        6 => "did:web:127.0.0.1%3A1:..:%2F".to_owned(),
        7 => "urn:uuid:00000000-0000-4000-8000-000000000000".to_owned(),
        8 => "https://user:pass@[::1]:99999/%zz?q#f".to_owned(),
        9 => "9".repeat(400),
        10 => "odrl:use".to_owned(),
        _ => "line\nline\r\ttab \"quoted\" \\ </script>".to_owned(),
    }
}

fn odd_value(chance: &mut Chance) -> Value {
    match chance.below(14) {
        0 => Value::Null,
        1 => json!(chance.below(2) == 0),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(1.5e300),
        7 => json!([]),
        8 => json!({}),
        9 => json!([[[[[[]]]]], {"@id": "x"}]),
        10 => json!({ "@value": odd_text(chance), "@language": "en" }),
        11 => nested(chance.below(90)),
        _ => Value::String(odd_text(chance)),
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        Value::Null,
        |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "and": inner }) },
    )
}

/// Every place in a value, as JSON pointers; the whole is the empty one.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, item) in members {
                places(item, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        _ => {}
    }
}

fn somewhere(chance: &mut Chance, value: &Value) -> String {
    let mut all = Vec::new();
    places(value, "", &mut all);
    chance.one(&all).clone()
}

fn change_value(chance: &mut Chance, value: &mut Value, other: &Value) {
    let (place, from) = (somewhere(chance, value), somewhere(chance, other));
    let foreign = other.pointer(&from).cloned().unwrap_or(Value::Null);
    let Some(target) = value.pointer_mut(&place) else { return };
    match chance.below(8) {
        0 => *target = odd_value(chance),
        1 => *target = foreign,
        2 => *target = json!([target.take()]),
        3 => *target = json!({ "@id": target.take() }),
        4 => *target = json!({ "@value": target.take() }),
        5 => match target {
            Value::Array(items) if items.len() == 1 => *target = items.remove(0),
            _ => *target = odd_value(chance),
        },
        _ => match target {
            Value::Object(members) => change_members(chance, members, foreign),
            Value::Array(items) => change_items(chance, items, foreign),
            Value::String(text) => change_text(chance, text),
            _ => *target = odd_value(chance),
        },
    }
}

/// Odd text at the end, in the middle or instead; letters of several bytes above all.
fn change_text(chance: &mut Chance, text: &mut String) {
    let odd = if chance.below(3) == 0 { "é🌻".repeat(1 + chance.below(40)) } else { odd_text(chance) };
    match chance.below(4) {
        0 => *text = odd,
        1 => {
            let mut at = chance.below(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &odd);
        }
        _ => text.push_str(&odd),
    }
}

fn change_members(chance: &mut Chance, members: &mut Map<String, Value>, foreign: Value) {
    let names: Vec<String> = members.keys().cloned().collect();
    if names.is_empty() {
        members.insert(odd_text(chance), foreign);
        return;
    }
    let name = chance.one(&names).clone();
    match chance.below(5) {
        0 => _ = members.remove(&name),
        1 => {
            let value = members.remove(&name).unwrap_or(Value::Null);
            let prefix = *chance.one(&["dspace:", "odrl:", "dcat:", "@", "urn:weal:", ""]);
            members.insert(format!("{prefix}{name}"), value);
        }
        2 => {
            let value = members.get(chance.one(&names)).cloned().unwrap_or(Value::Null);
            members.insert(name, value);
        }
        3 => _ = members.insert(name, foreign),
        _ => {
            for nth in 0..chance.below(300) {
                members.insert(format!("{name}{nth}"), foreign.clone());
            }
        }
    }
}

fn change_items(chance: &mut Chance, items: &mut Vec<Value>, foreign: Value) {
    let at = chance.below(items.len());
    match chance.below(4) {
        0 if !items.is_empty() => _ = items.remove(at),
        1 if !items.is_empty() => {
            let item = items[at].clone();
            let times = 1 + chance.below(100);
            items.extend(std::iter::repeat_n(item, times));
        }
        2 => items.insert(at, foreign),
        _ => items.reverse(),
    }
}
