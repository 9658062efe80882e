//! What people read of a question: its expressions and kinds of values, without a name that only the engine knows.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Ident, VisitMut, VisitorMut};
use datafusion::sql::unparser::expr_to_sql;

/// What values of a type are called.
pub(crate) fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "true or false",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(..) => "timestamp",
        DataType::Time32(_) | DataType::Time64(_) => "time of day",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Decimal32(..) | DataType::Decimal64(..) => "decimal number",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "decimal number",
        other if other.is_integer() => "whole number",
        other if other.is_numeric() => "number",
        _ => "value of another kind",
    }
}

/// An expression as SQL, with its columns by their names alone. What the analyst wrote is closer to them; this is for
/// what has no text of its own.
pub(crate) fn in_sql(expr: &Expr) -> String {
    match expr {
        Expr::Alias(alias) => in_sql(&alias.expr),
        Expr::Column(column) => column.name.clone(),
        other => {
            let Ok(mut sql) = expr_to_sql(other) else { return "this expression".to_owned() };
            let _ = VisitMut::visit(&mut sql, &mut Short);
            sql.to_string()
        }
    }
}

/// Without the tables before columns, and without quotes that nobody wrote.
struct Short;

impl VisitorMut for Short {
    type Break = ();
    fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<()> {
        match expr {
            SqlExpr::CompoundIdentifier(parts) => {
                if let Some(column) = parts.pop() {
                    *expr = SqlExpr::Identifier(Ident::new(column.value));
                }
            }
            SqlExpr::Identifier(column) => column.quote_style = None,
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// How planning writes constants: the name of a type, and the value in parentheses.
const TYPES: [(&str, DataType); 14] = [
    ("Int8", DataType::Int8),
    ("Int16", DataType::Int16),
    ("Int32", DataType::Int32),
    ("Int64", DataType::Int64),
    ("UInt8", DataType::UInt8),
    ("UInt16", DataType::UInt16),
    ("UInt32", DataType::UInt32),
    ("UInt64", DataType::UInt64),
    ("Float32", DataType::Float32),
    ("Float64", DataType::Float64),
    ("Utf8View", DataType::Utf8View),
    ("LargeUtf8", DataType::LargeUtf8),
    ("Utf8", DataType::Utf8),
    ("Date32", DataType::Date32),
];

/// A text of the planner's for people: constants as SQL has them (`Int64(5)` is 5, `Utf8("a")` is 'a') and types in
/// words.
pub(crate) fn plainly(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside_word = false;
    while let Some(letter) = rest.chars().next() {
        let found = TYPES.iter().find(|(name, _)| !inside_word && begins_with_word(rest, name));
        if let Some((name, data_type)) = found {
            let after = &rest[name.len()..];
            match constant(after) {
                Some((value, after)) => {
                    told.push_str(&value);
                    rest = after;
                }
                None => {
                    told.push_str(kind(data_type));
                    rest = after;
                }
            }
            inside_word = false;
            continue;
        }
        told.push(letter);
        inside_word = letter.is_alphanumeric() || letter == '_';
        rest = &rest[letter.len_utf8()..];
    }
    told
}

fn begins_with_word(text: &str, word: &str) -> bool {
    let next = text.strip_prefix(word).map(|rest| rest.chars().next());
    next.is_some_and(|next| next.is_none_or(|next| !next.is_alphanumeric() && next != '_'))
}

/// The value in the parentheses that `text` begins with, and what follows them.
fn constant(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('(')?;
    if let Some(quoted) = inner.strip_prefix('"') {
        let end = quoted.find("\")")?;
        return Some((format!("'{}'", &quoted[..end]), &quoted[end + 2..]));
    }
    let end = inner.find(')')?;
    Some((inner[..end].to_owned(), &inner[end + 1..]))
}
