//! Newline-delimited JSON: one flat object per line. A name missing from a line is a null.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use weal_domain::Refusal;

use super::files::{Guard, Input, TextFile, changed, name, read_error, row_too_long};
use super::survey::{Survey, check_names, check_rows};
use super::values::Guess;
use super::write::Sink;
use crate::{EngineError, EngineLimits};

/// What JSON calls a value. A column keeps to one of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Boolean,
    Number,
    Text,
}

#[derive(Debug)]
enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Nested,
}

impl Scalar<'_> {
    fn sort(&self) -> Option<Sort> {
        match self {
            Scalar::Null | Scalar::Nested => None,
            Scalar::Boolean(_) => Some(Sort::Boolean),
            Scalar::Integer(_) | Scalar::Float(_) => Some(Sort::Number),
            Scalar::Text(_) => Some(Sort::Text),
        }
    }
}

/// First pass: the union of all names, and the kind of every column over all rows.
pub(crate) fn survey(input: &Input, limits: &EngineLimits) -> Result<Survey, EngineError> {
    let mut survey = Survey { names: Vec::new(), guesses: Vec::new(), rows: 0 };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut sorts: Vec<Option<Sort>> = Vec::new();
    // The last row in which a column was met, to find doubles.
    let mut met: Vec<u64> = Vec::new();
    each_line(input, limits, |file, line, members| {
        survey.rows += 1;
        check_rows(survey.rows, limits)?;
        for (key, value) in members {
            let column = match places.get(key.as_ref()) {
                Some(&column) => column,
                None => {
                    let column = survey.names.len();
                    places.insert(key.clone().into_owned(), column);
                    survey.names.push(key.clone().into_owned());
                    check_names(&name(file), &survey.names[column..], limits)?;
                    survey.guesses.push(Guess::default());
                    sorts.push(None);
                    met.push(0);
                    too_many(file, survey.names.len(), limits)?;
                    column
                }
            };
            let at = |text: String| place(file, line, key, text);
            if met[column] == survey.rows {
                let refusal = Refusal::invalid("duplicate-column", at("it stands twice in this line".into()));
                return Err(refusal.remedy("Keep one of the two.").into());
            }
            met[column] = survey.rows;
            let sort = value.sort();
            if let (Some(before), Some(now)) = (sorts[column], sort)
                && before != now
            {
                let text = format!("{} where earlier lines have {}", in_words(now), in_words(before));
                return Err(Refusal::invalid("wrong-type", at(text))
                    .remedy("Write all values of a column as the same JSON type.")
                    .remedy("Keep one of the two.")
                    .into());
            }
            sorts[column] = sorts[column].or(sort);
            see(&mut survey.guesses[column], value, &at)?;
        }
        Ok(())
    })?;
    Ok(survey)
}

fn see(guess: &mut Guess, value: &Scalar<'_>, at: &dyn Fn(String) -> String) -> Result<(), EngineError> {
    match value {
        Scalar::Null => {}
        Scalar::Text(text) if text.is_empty() => {}
        Scalar::Boolean(_) => guess.see_boolean(),
        Scalar::Integer(_) => guess.see_integer(),
        Scalar::Float(_) => guess.see_float(),
        // A number in quotes is a text: its owner said so.
        Scalar::Text(text)
            if super::values::float(text).is_some() || super::values::boolean(text).is_some() =>
        {
            guess.see_text();
        }
        Scalar::Text(text) => guess.see(text),
        Scalar::Nested => {
            let refusal = Refusal::invalid("nested-value", at("an object or a list stands here".into()));
            return Err(refusal.remedy("Flatten it into columns of their own.").into());
        }
    }
    Ok(())
}

/// Second pass: every row into the sink.
pub(crate) fn load(
    input: &Input,
    survey: &Survey,
    limits: &EngineLimits,
    sink: &mut Sink,
) -> Result<(), EngineError> {
    let places: HashMap<&str, usize> =
        survey.names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let mut order: Vec<Option<usize>> = vec![None; survey.names.len()];
    each_line(input, limits, |file, _, members| {
        order.fill(None);
        for (i, (key, _)) in members.iter().enumerate() {
            let column = places.get(key.as_ref()).ok_or_else(|| changed(file))?;
            order[*column] = Some(i);
        }
        for (column, member) in order.iter().enumerate() {
            let fits = match member.map(|i| &members[i].1) {
                None | Some(Scalar::Null | Scalar::Nested) => sink.push_text(column, ""),
                Some(Scalar::Boolean(value)) => sink.push_boolean(column, *value),
                Some(Scalar::Integer(value)) => sink.push_integer(column, *value),
                Some(Scalar::Float(value)) => sink.push_float(column, *value),
                Some(Scalar::Text(text)) => sink.push_text(column, text),
            };
            if !fits {
                return Err(changed(file).into());
            }
        }
        sink.end_row()
    })
}

type Members<'a> = Vec<(Cow<'a, str>, Scalar<'a>)>;

fn each_line(
    input: &Input,
    limits: &EngineLimits,
    mut row: impl FnMut(&Path, u64, &Members<'_>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let guard = Guard::new(limits);
    for file in &input.files {
        guard.row_ended();
        let mut lines = BufReader::with_capacity(128 << 10, TextFile::open(file, &guard)?);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = (&mut lines).take(limits.row_bytes_max + 1).read_until(b'\n', &mut bytes);
            if read.map_err(|error| read_error(file, &error, limits))? == 0 {
                break;
            }
            guard.row_ended();
            if bytes.len() as u64 > limits.row_bytes_max {
                return Err(row_too_long(&name(file), Some(line), limits).into());
            }
            let text = if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            row(file, line, &members(file, line, text)?)?;
        }
    }
    Ok(())
}

fn members<'a>(file: &Path, line: u64, text: &'a [u8]) -> Result<Members<'a>, EngineError> {
    let place = |column: usize| match column {
        0 => format!("`{}`, line {line}", name(file)),
        column => format!("`{}`, line {line}, character {column}", name(file)),
    };
    if let Err(error) = std::str::from_utf8(text) {
        let reason = format!("{}: the text is not UTF-8.", place(error.valid_up_to() + 1));
        return Err(Refusal::invalid("not-utf8", reason)
            .remedy("Convert it first, for example with `iconv`.")
            .into());
    }
    serde_json::from_slice::<Row<'_>>(text).map(|row| row.0).map_err(|error| {
        let reason = format!("{}: this is not one flat JSON object.", place(error.column()));
        Refusal::invalid("not-ndjson", reason)
            .remedy("Write one object per line, without commas between lines.")
            .into()
    })
}

fn place(file: &Path, line: u64, key: &str, text: String) -> String {
    let key: String = key.chars().take(80).collect();
    format!("`{}`, line {line}, `{key}`: {text}.", name(file))
}

fn too_many(file: &Path, columns: usize, limits: &EngineLimits) -> Result<(), EngineError> {
    if columns <= limits.columns_max {
        return Ok(());
    }
    let reason = format!("`{}` has more than {} columns.", name(file), limits.columns_max);
    Err(super::files::too_large("too-many-columns", reason)
        .remedy("Publish fewer columns, or several products.")
        .into())
}

fn in_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Boolean => "true or false",
        Sort::Number => "a number",
        Sort::Text => "a text",
    }
}

/// One object, its members in order, doubles included.
struct Row<'a>(Members<'a>);

impl<'de> Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Row<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Row(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Key(text)),
            _ => Err(serde::de::Error::custom("a name is a text")),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Boolean(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Integer(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Integer))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Float(value))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested)
            }
        }
        deserializer.deserialize_any(Any)
    }
}
