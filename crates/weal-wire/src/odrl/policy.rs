//! The rules inside a policy, and the terms they are written in.

use serde_json::{Map, Value};
use weal_domain::agreements::{Constraint, Logic, Operator, Policy, RightOperand, Rule};

use super::ODRL;
use crate::json::Words;
use crate::{Node, WireError};

/// The prefixes that the protocol's context defines.
const PREFIXES: [(&str, &str); 5] = [
    ("odrl", ODRL),
    ("dspace", "https://w3id.org/dspace/2025/1/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// The terms of `context/odrl.jsonld`; each stands for the ODRL namespace followed by itself.
const TERMS: &str = "Action Agreement Assertion Asset Constraint Duty LeftOperand Offer Operator Permission Policy \
    Prohibition RightOperand Rule Set action and andSequence assignee assigner constraint duty eq gt \
    gteq hasPart hasPolicy isA isAllOf isAnyOf isNoneOf isPartOf leftOperand lt lteq neq obligation \
    operator or permission profile prohibit prohibition rightOperand target use xone";

fn is_term(word: &str) -> bool {
    TERMS.split(' ').any(|term| term == word)
}

/// The absolute IRI of a term; what the context does not define stays as it is.
fn expanded(term: &str) -> String {
    if is_term(term) {
        return format!("{ODRL}{term}");
    }
    let prefixed = term.split_once(':').filter(|(_, rest)| !rest.starts_with("//"));
    let known = prefixed.and_then(|(prefix, rest)| {
        PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, iri)| format!("{iri}{rest}"))
    });
    known.unwrap_or_else(|| term.to_owned())
}

/// The context's short term where there is one, else the IRI itself.
fn compacted(iri: &str) -> &str {
    iri.strip_prefix(ODRL).filter(|short| is_term(short)).unwrap_or(iri)
}

/// The IRI under which a duty inside a permission is kept: a condition that nobody here evaluates,
/// so that a permission under a duty never looks like a permission without.
fn duty_iri() -> String {
    format!("{ODRL}duty")
}

pub(super) fn read(node: &Node<'_>) -> Result<Policy, WireError> {
    if !node.has("permission") && !node.has("prohibition") {
        let at = format!("{}` or `{}", node.path("permission"), node.path("prohibition"));
        return Err(WireError::Missing { at });
    }
    Ok(Policy {
        permissions: read_rules(node, "permission")?,
        prohibitions: read_rules(node, "prohibition")?,
        obligations: read_rules(node, "obligation")?,
    })
}

pub(super) fn write(policy: &Policy, out: &mut Map<String, Value>) {
    let lists = [
        ("permission", &policy.permissions),
        ("prohibition", &policy.prohibitions),
        ("obligation", &policy.obligations),
    ];
    for (name, rules) in lists {
        if !rules.is_empty() {
            out.insert(name.into(), rules.iter().map(write_rule).collect());
        }
    }
}

/// One rule alone is taken for an array of it, as JSON-LD writes it.
fn read_rules(node: &Node<'_>, name: &'static str) -> Result<Vec<Rule>, WireError> {
    if let Some(single @ Value::Object(_)) = node.value_if(name) {
        return Ok(vec![read_rule(&Node::of(single, node.path(name))?)?]);
    }
    let items = node.array_if(name, 1)?.unwrap_or_default();
    let read = |(index, item)| read_rule(&Node::of(item, format!("{}[{index}]", node.path(name)))?);
    items.iter().enumerate().map(read).collect()
}

fn read_rule(node: &Node<'_>) -> Result<Rule, WireError> {
    let mut constraints = match node.value_if("constraint") {
        None => Vec::new(),
        Some(value) => read_constraints(value, &node.path("constraint"))?,
    };
    if let Some(duty) = node.value_if("duty") {
        let right = match duty {
            Value::Object(_) | Value::Array(_) => RightOperand::Other(duty.clone()),
            _ => return Err(node.wrong("duty", "an object or an array of objects")),
        };
        constraints.push(Constraint::Atomic { left: duty_iri(), operator: Operator::Eq, right });
    }
    Ok(Rule { action: expanded(node.text("action")?), constraints })
}

fn write_rule(rule: &Rule) -> Value {
    let mut out = Map::new();
    out.insert("action".into(), compacted(&rule.action).into());
    let mut constraints = Vec::new();
    for constraint in &rule.constraints {
        match constraint {
            Constraint::Atomic { left, operator: Operator::Eq, right: RightOperand::Other(duty) }
                if *left == duty_iri() && !out.contains_key("duty") =>
            {
                out.insert("duty".into(), duty.clone());
            }
            other => constraints.push(write_constraint(other)),
        }
    }
    if !constraints.is_empty() {
        out.insert("constraint".into(), constraints.into());
    }
    out.into()
}

fn read_constraints(value: &Value, at: &str) -> Result<Vec<Constraint>, WireError> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single @ Value::Object(_) => std::slice::from_ref(single),
        _ => return Err(WireError::wrong(at, "an array of constraints")),
    };
    let read = |(index, item)| read_constraint(&Node::of(item, format!("{at}[{index}]"))?);
    items.iter().enumerate().map(read).collect()
}

/// Atomic or logical, never both; the recursion ends where the document does, at `DEPTH_MAX`.
fn read_constraint(node: &Node<'_>) -> Result<Constraint, WireError> {
    let logics: Vec<_> = Logic::ALL.iter().filter(|logic| node.has(logic.word())).collect();
    let atomic = ["leftOperand", "operator", "rightOperand"].iter().all(|name| node.has(name));
    match (logics.as_slice(), atomic) {
        ([], _) => read_atomic(node),
        ([logic], false) => {
            let name = logic.word();
            Ok(Constraint::Logical {
                logic: **logic,
                parts: read_constraints(node.value(name)?, &node.path(name))?,
            })
        }
        _ => Err(node.wrong(logics[0].word(), "the only condition of its constraint")),
    }
}

fn read_atomic(node: &Node<'_>) -> Result<Constraint, WireError> {
    let given = node.text("operator")?;
    let operator = match compacted(&expanded(given)) {
        "term-lteq" => Some(Operator::Lteq),
        short => Operator::of(short),
    };
    let right = match node.value("rightOperand")? {
        Value::String(one) => RightOperand::One(one.clone()),
        Value::Array(items) => match items.iter().map(|item| item.as_str().map(str::to_owned)).collect() {
            Some(many) => RightOperand::Many(many),
            None => RightOperand::Other(items.clone().into()),
        },
        other @ Value::Object(_) => RightOperand::Other(other.clone()),
        Value::Number(number) => {
            return Err(node.wrong("rightOperand", format!("a string; write `\"{number}\"`")));
        }
        Value::Bool(_) | Value::Null => {
            return Err(node.wrong("rightOperand", "a string, an object or an array"));
        }
    };
    Ok(Constraint::Atomic {
        left: expanded(node.text("leftOperand")?),
        operator: operator.ok_or_else(|| node.wrong("operator", Operator::listed()))?,
        right,
    })
}

fn write_constraint(constraint: &Constraint) -> Value {
    let mut out = Map::new();
    match constraint {
        Constraint::Atomic { left, operator, right } => {
            out.insert("leftOperand".into(), compacted(left).into());
            out.insert("operator".into(), operator.word().into());
            let right = match right {
                RightOperand::One(text) => text.clone().into(),
                RightOperand::Many(texts) => texts.clone().into(),
                RightOperand::Other(value) => value.clone(),
            };
            out.insert("rightOperand".into(), right);
        }
        Constraint::Logical { logic, parts } => {
            out.insert(logic.word().into(), parts.iter().map(write_constraint).collect());
        }
    }
    out.into()
}

impl Words for Operator {
    const ALL: &'static [Self] = &[
        Self::Eq,
        Self::Gt,
        Self::Gteq,
        Self::HasPart,
        Self::IsA,
        Self::IsAllOf,
        Self::IsAnyOf,
        Self::IsNoneOf,
        Self::IsPartOf,
        Self::Lt,
        Self::Lteq,
        Self::Neq,
    ];
    fn word(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Gt => "gt",
            Self::Gteq => "gteq",
            Self::HasPart => "hasPart",
            Self::IsA => "isA",
            Self::IsAllOf => "isAllOf",
            Self::IsAnyOf => "isAnyOf",
            Self::IsNoneOf => "isNoneOf",
            Self::IsPartOf => "isPartOf",
            Self::Lt => "lt",
            Self::Lteq => "lteq",
            Self::Neq => "neq",
        }
    }
}

impl Words for Logic {
    const ALL: &'static [Self] = &[Self::And, Self::AndSequence, Self::Or, Self::Xone];
    fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::AndSequence => "andSequence",
            Self::Or => "or",
            Self::Xone => "xone",
        }
    }
}
