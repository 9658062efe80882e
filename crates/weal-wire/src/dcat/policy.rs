//! An offer's policy in ODRL. Its parts have identifiers made of the offer's, so that no blank node is needed.

use weal_domain::agreements::{Constraint, Logic, Policy, RightOperand, Rule, policy::iri};

use super::graph::{Graph, Resource};
use crate::json::Words as _;
use crate::odrl::ODRL;

pub(super) fn add(graph: &mut Graph, id: &str, target: &str, assigner: &str, policy: &Policy) {
    let mut offer = Resource::new(id, "odrl:Policy")
        .term("a", "odrl:Offer")
        .link("odrl:target", target)
        .link("odrl:assigner", assigner);
    for (predicate, class, rules) in [
        ("odrl:permission", "odrl:Permission", &policy.permissions),
        ("odrl:prohibition", "odrl:Prohibition", &policy.prohibitions),
        ("odrl:obligation", "odrl:Duty", &policy.obligations),
    ] {
        for (number, rule) in rules.iter().enumerate() {
            let rule_id = format!("{id}#{}-{}", &predicate["odrl:".len()..], number + 1);
            offer = offer.link(predicate, &rule_id);
            let rule = self::rule(graph, &rule_id, class, rule);
            graph.add(rule);
        }
    }
    graph.add(offer);
}

fn rule(graph: &mut Graph, id: &str, class: &'static str, rule: &Rule) -> Resource {
    let mut out = Resource::new(id, class).link("odrl:action", &rule.action);
    for (number, part) in rule.constraints.iter().enumerate() {
        let part_id = format!("{id}-{}", number + 1);
        out = out.link("odrl:constraint", &part_id);
        constraint(graph, &part_id, part);
    }
    out
}

/// Adds a constraint and those inside it; the door has bounded how deep they go.
fn constraint(graph: &mut Graph, id: &str, given: &Constraint) {
    match given {
        Constraint::Atomic { left, operator, right } => {
            let mut out = Resource::new(id, "odrl:Constraint")
                .link("odrl:leftOperand", left)
                .link("odrl:operator", &format!("{ODRL}{}", operator.word()));
            match right {
                RightOperand::One(one) => out = operand(out, left, one),
                RightOperand::Many(many) => {
                    for one in many {
                        out = operand(out, left, one);
                    }
                }
                RightOperand::Other(value) => out = out.text("odrl:rightOperand", &value.to_string()),
            }
            graph.add(out);
        }
        Constraint::Logical { logic, parts } => {
            let predicate = match logic {
                Logic::And => "odrl:and",
                Logic::AndSequence => "odrl:andSequence",
                Logic::Or => "odrl:or",
                Logic::Xone => "odrl:xone",
            };
            let mut out = Resource::new(id, "odrl:LogicalConstraint");
            for (number, part) in parts.iter().enumerate() {
                let part_id = format!("{id}-{}", number + 1);
                out = out.link(predicate, &part_id);
                constraint(graph, &part_id, part);
            }
            graph.add(out);
        }
    }
}

/// A right operand as what it is: the name of something, a moment, or words.
fn operand(out: Resource, left: &str, right: &str) -> Resource {
    const PREDICATE: &str = "odrl:rightOperand";
    let names = [iri::PURPOSE, iri::LEGAL_BASIS, iri::RECIPIENT, iri::SPATIAL].contains(&left);
    if names && right.contains(':') {
        return out.link(PREDICATE, right);
    }
    match right.parse::<weal_domain::Timestamp>() {
        Ok(moment) if left == iri::DATE_TIME => out.typed(PREDICATE, moment.to_string(), "xsd:dateTime"),
        _ => out.text(PREDICATE, right),
    }
}
