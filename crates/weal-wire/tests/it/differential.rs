//! Our reader and the published schemas must agree about every document that is one change away from
//! a good one. Where they differ on purpose, the difference is listed with its reason.

use serde_json::{Value, json};

use crate::kinds::{kind_of, reprinted};
use crate::schemas::{complaints, shared};
use crate::vectors::own_vectors;

/// All places in a document.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let here = format!("{at}/{}", escape(name));
                out.push(here.clone());
                pointers(member, &here, out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let here = format!("{at}/{index}");
                out.push(here.clone());
                pointers(item, &here, out);
            }
        }
        _ => {}
    }
}

pub fn all_pointers(document: &Value) -> Vec<String> {
    let mut places = Vec::new();
    pointers(document, "", &mut places);
    places
}

pub fn without(document: &Value, pointer: &str) -> Value {
    let mut changed = document.clone();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer below the root");
    match changed.pointer_mut(parent).expect("the parent is there") {
        Value::Object(members) => {
            members.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Value::Array(items) => {
            items.remove(last.parse().expect("an index"));
        }
        _ => unreachable!("only containers have places"),
    }
    changed
}

pub fn with(document: &Value, pointer: &str, value: &Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(pointer).expect("the place is there") = value.clone();
    changed
}

#[derive(Debug, PartialEq)]
enum Differs {
    /// JSON-LD may write an array of one as the one; we read it, the schema does not.
    MoreLenient,
    /// We require what the prose requires, or what our own extension promises.
    Stricter,
}

/// The differences we mean.
fn difference_meant(pointer: &str, change: &Value) -> Option<Differs> {
    let ends = |name: &str| pointer.ends_with(name);
    let single_rule = ["/permission", "/prohibition", "/obligation", "/constraint", "/or"];
    if single_rule.iter().any(|name| ends(name)) && change.is_object() {
        return Some(Differs::MoreLenient);
    }
    // An unknown @type of a node whose schema does not look at it.
    let untyped = pointer.ends_with("/@type");
    // The prose: an offer in a message MUST have a target.
    let target = ends("/offer/target");
    let ours = pointer.contains("urn:weal:");
    // What names a process must be a name.
    let pid = (ends("/providerPid") || ends("/consumerPid")) && change == "";
    // The schema's pattern accepts a dateTime anywhere in the text, ours only alone.
    (untyped || target || ours || pid || ends("/timestamp")).then_some(Differs::Stricter)
}

#[test]
fn one_change_away_from_a_vector_we_and_the_schemas_agree() {
    if shared("dsp-2025-1").is_none() {
        return;
    }
    let changes =
        [json!(null), json!(true), json!(7), json!("x"), json!(""), json!([]), json!({}), json!(["x"])];
    let (mut accepted, mut refused) = (0, 0);
    for (path, document) in own_vectors() {
        let kind = kind_of(&document).to_owned();
        for place in &all_pointers(&document) {
            let removed = std::iter::once((json!("removed"), without(&document, place)));
            let changed = changes.iter().map(|change| (change.clone(), with(&document, place, change)));
            for (change, candidate) in removed.chain(changed) {
                let ours = reprinted(&kind, candidate.to_string().as_bytes());
                let theirs = complaints(&kind, &candidate);
                let differs = match (&ours, theirs.is_empty()) {
                    (Ok(_), false) => Some(Differs::MoreLenient),
                    (Err(_), true) => Some(Differs::Stricter),
                    _ => None,
                };
                if let Some(differs) = differs {
                    assert_eq!(
                        difference_meant(place, &change),
                        Some(differs),
                        "{} at {place} := {change}\nours: {ours:?}\nschema: {theirs:?}",
                        path.display()
                    );
                }
                if let Ok(printed) = ours {
                    let complaints = complaints(&kind, &printed);
                    assert!(complaints.is_empty(), "{place} := {change}: {complaints:?}\n{printed:#}");
                    accepted += 1;
                } else {
                    refused += 1;
                }
            }
        }
    }
    assert!(accepted > 500 && refused > 2000, "{accepted} accepted, {refused} refused");
}
