//! ODRL evaluation: is this use permitted in this world, and which constraint says no?
//!
//! Three answers are possible for a constraint: it holds, it does not, or this node cannot tell (an
//! operand that it does not know or cannot read). What cannot be told never helps: a permission needs
//! every constraint to hold, and a prohibition is in effect unless one of its constraints fails.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Constraint, Logic, Operator, Policy, RightOperand, Rule, iri};
use crate::Timestamp;

/// How deep logical constraints may be nested; deeper ones are not evaluated, so they do not hold.
const NESTING_DEPTH_MAX: usize = 16;

/// What is the case when a use is asked for: the value or values of each left operand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    /// Actions that the use exercises besides `use` itself; a prohibition of any of them stops it.
    actions: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
}

impl World {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The use is also this action.
    #[must_use]
    pub fn exercising(mut self, action: impl Into<String>) -> Self {
        self.actions.push(action.into());
        self
    }

    #[must_use]
    pub fn with(self, left: &str, value: impl Into<String>) -> Self {
        self.with_all(left, [value.into()])
    }

    /// A left operand with several values, or known to have none.
    #[must_use]
    pub fn with_all(mut self, left: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.values.insert(left.to_owned(), values.into_iter().collect());
        self
    }
}

/// A rule that stands against the use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violated {
    /// The left operand, where a single constraint is to blame.
    pub left: Option<String>,
    pub prohibited: bool,
    /// A sentence for a person.
    pub reason: String,
}

/// Whether `policy` allows the use. With several permissions one that holds is enough; the reasons
/// returned are those of the permission that came closest. Obligations are promises about later and
/// are no condition here.
pub fn evaluate(policy: &Policy, world: &World) -> Result<(), Vec<Violated>> {
    let mut against: Vec<Violated> =
        policy.prohibitions.iter().filter_map(|rule| prohibited(rule, world)).collect();
    let about_use = |rule: &&Rule| rule.action == iri::USE || world.actions.contains(&rule.action);
    let closest =
        policy.permissions.iter().filter(about_use).map(|rule| missing(rule, world)).min_by_key(Vec::len);
    match closest {
        Some(reasons) => against.extend(reasons),
        None => against.push(Violated {
            left: None,
            prohibited: false,
            reason: "The policy does not permit this use at all.".to_owned(),
        }),
    }
    if against.is_empty() { Ok(()) } else { Err(against) }
}

/// The constraints of a permission that do not hold.
fn missing(rule: &Rule, world: &World) -> Vec<Violated> {
    let judged = rule.constraints.iter().map(|constraint| (constraint, judge(constraint, world, 0)));
    judged
        .filter(|(_, verdict)| !matches!(verdict, Verdict::Holds))
        .map(|(constraint, verdict)| Violated {
            left: left_of(constraint),
            prohibited: false,
            reason: match verdict {
                Verdict::Unclear(why) => why,
                _ => in_words(constraint, world),
            },
        })
        .collect()
}

/// A prohibition is in effect unless it is about something else or one of its constraints fails.
fn prohibited(rule: &Rule, world: &World) -> Option<Violated> {
    if rule.action != iri::USE && !world.actions.contains(&rule.action) {
        return None;
    }
    let verdicts: Vec<Verdict> = rule.constraints.iter().map(|part| judge(part, world, 0)).collect();
    if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Fails)) {
        return None;
    }
    let unclear = verdicts.into_iter().find_map(|verdict| match verdict {
        Verdict::Unclear(why) => Some(why),
        _ => None,
    });
    let left = match rule.constraints.as_slice() {
        [only] => left_of(only),
        _ => None,
    };
    let reason = match unclear {
        Some(why) => {
            format!("The policy prohibits this use under a condition that cannot be ruled out: {why}")
        }
        None => "The policy prohibits this use.".to_owned(),
    };
    Some(Violated { left, prohibited: true, reason })
}

#[derive(Debug)]
enum Verdict {
    Holds,
    Fails,
    Unclear(String),
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

fn judge(constraint: &Constraint, world: &World, depth: usize) -> Verdict {
    match constraint {
        Constraint::Atomic { left, operator, right } => judge_atomic(left, *operator, right, world),
        Constraint::Logical { .. } if depth >= NESTING_DEPTH_MAX => {
            Verdict::Unclear(format!("The policy nests conditions more than {NESTING_DEPTH_MAX} deep."))
        }
        Constraint::Logical { logic, parts } => {
            combine(*logic, parts.iter().map(|part| judge(part, world, depth + 1)).collect())
        }
    }
}

/// Kleene's three-valued logic. The order that `andSequence` asks for is not observable here: all
/// its parts are facts about one moment.
fn combine(logic: Logic, verdicts: Vec<Verdict>) -> Verdict {
    let holding = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Holds)).count();
    let failing = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Fails)).count();
    let total = verdicts.len();
    let unclear = verdicts.into_iter().find(|verdict| matches!(verdict, Verdict::Unclear(_)));
    if total == 0 {
        return Verdict::Unclear("The policy has a logical condition without parts.".to_owned());
    }
    match logic {
        Logic::And | Logic::AndSequence if failing > 0 => Verdict::Fails,
        Logic::Or if holding > 0 => Verdict::Holds,
        // Two that hold are too many whatever the unclear ones are.
        Logic::Xone if holding > 1 => Verdict::Fails,
        _ if unclear.is_some() => unclear.unwrap_or(Verdict::Fails),
        Logic::And | Logic::AndSequence => Verdict::Holds,
        Logic::Or => Verdict::Fails,
        Logic::Xone => Verdict::of(holding == 1),
    }
}

fn judge_atomic(left: &str, operator: Operator, right: &RightOperand, world: &World) -> Verdict {
    let Some(actual) = world.values.get(left) else {
        return Verdict::Unclear(format!("This node does not know the operand `{left}` of the policy."));
    };
    let Some(wanted) = right_values(right) else {
        return Verdict::Unclear(format!("The value that the policy gives for `{left}` cannot be read."));
    };
    match operator {
        Operator::Gt | Operator::Gteq | Operator::Lt | Operator::Lteq => {
            let ([actual], [wanted]) = (actual.as_slice(), wanted.as_slice()) else {
                return Verdict::Unclear(format!("The policy compares `{left}` with more than one value."));
            };
            match compare(left, actual, wanted) {
                Some(order) => Verdict::of(match operator {
                    Operator::Gt => order.is_gt(),
                    Operator::Gteq => order.is_ge(),
                    Operator::Lt => order.is_lt(),
                    _ => order.is_le(),
                }),
                None => {
                    Verdict::Unclear(format!("The policy compares `{left}` with a value that has no order."))
                }
            }
        }
        Operator::Eq | Operator::IsA => Verdict::of(same_set(left, actual, &wanted)),
        // Of nothing it cannot be said that it differs.
        Operator::Neq => Verdict::of(!actual.is_empty() && !same_set(left, actual, &wanted)),
        Operator::IsAnyOf => Verdict::of(actual.iter().any(|value| among(left, value, &wanted))),
        Operator::IsNoneOf => {
            Verdict::of(!actual.is_empty() && !actual.iter().any(|value| among(left, value, &wanted)))
        }
        Operator::IsAllOf | Operator::HasPart => {
            Verdict::of(!wanted.is_empty() && wanted.iter().all(|value| among(left, value, actual)))
        }
        // A use that touches no column (a plain count) stays within any list of columns; of other
        // operands an unknown value must not count as being inside.
        Operator::IsPartOf => Verdict::of(
            (left == iri::COLUMNS || !actual.is_empty())
                && actual.iter().all(|value| among(left, value, &wanted)),
        ),
    }
}

fn among(left: &str, value: &str, many: &[String]) -> bool {
    many.iter().any(|other| equal(left, value, other))
}

fn same_set(left: &str, one: &[String], other: &[String]) -> bool {
    !one.is_empty()
        && one.iter().all(|value| among(left, value, other))
        && other.iter().all(|value| among(left, value, one))
}

fn equal(left: &str, one: &str, other: &str) -> bool {
    one == other || compare(left, one, other) == Some(Ordering::Equal)
}

/// Order exists between moments and between whole numbers, each where the left operand is one.
fn compare(left: &str, one: &str, other: &str) -> Option<Ordering> {
    match left {
        iri::DATE_TIME => {
            let moment = |text: &str| text.parse::<Timestamp>().ok();
            Some(moment(one)?.cmp(&moment(other)?))
        }
        iri::COUNT | iri::USES_PER_DAY | iri::BUDGET_RHO_NANO => {
            let number = |text: &str| text.parse::<i128>().ok();
            Some(number(one)?.cmp(&number(other)?))
        }
        _ => None,
    }
}

/// The right operand as plain values: strings, and the two JSON-LD forms `{"@value"}` and `{"@id"}`.
fn right_values(right: &RightOperand) -> Option<Vec<String>> {
    match right {
        RightOperand::One(value) => Some(vec![value.clone()]),
        RightOperand::Many(values) => Some(values.clone()),
        RightOperand::Other(serde_json::Value::Array(items)) => items.iter().map(json_value).collect(),
        RightOperand::Other(value) => Some(vec![json_value(value)?]),
    }
}

fn json_value(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Object(members) => {
            let inner = members.get("@value").or_else(|| members.get("@id"))?;
            inner.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

fn left_of(constraint: &Constraint) -> Option<String> {
    match constraint {
        Constraint::Atomic { left, .. } => Some(left.clone()),
        Constraint::Logical { .. } => None,
    }
}

/// What the constraint asks and what is the case, as a sentence.
fn in_words(constraint: &Constraint, world: &World) -> String {
    let Constraint::Atomic { left, operator, right } = constraint else {
        return "A combined condition of the policy does not hold.".to_owned();
    };
    let name = left_in_words(left);
    let wanted = right_values(right).unwrap_or_default().join(", ");
    let actual = world.values.get(left).map(|values| values.join(", ")).unwrap_or_default();
    let actual = if actual.is_empty() { "nothing".to_owned() } else { actual };
    format!("The policy asks that {name} {} {wanted}; it is {actual}.", operator_in_words(*operator))
}

fn left_in_words(left: &str) -> &str {
    match left {
        iri::PURPOSE => "the purpose",
        iri::RECIPIENT => "the recipient",
        iri::DATE_TIME => "the time",
        iri::SPATIAL => "the place",
        iri::COUNT => "the number of uses",
        iri::MODE => "the access mode",
        iri::LEGAL_BASIS => "the legal basis",
        iri::ROLE => "the person's role",
        iri::USES_PER_DAY => "the number of uses today",
        iri::COLUMNS => "the set of columns",
        iri::ROW_FILTER => "the row filter",
        iri::BUDGET_RHO_NANO => "the privacy loss in 10⁻⁹ rho",
        other => other,
    }
}

fn operator_in_words(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "be",
        Operator::Neq => "not be",
        Operator::Gt => "be after or above",
        Operator::Gteq => "be at least",
        Operator::Lt => "be before or below",
        Operator::Lteq => "be at most",
        Operator::IsAnyOf => "be one of",
        Operator::IsNoneOf => "be none of",
        Operator::IsAllOf | Operator::HasPart => "include all of",
        Operator::IsPartOf => "be within",
        Operator::IsA => "be a",
    }
}
