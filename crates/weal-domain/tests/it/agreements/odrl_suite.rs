//! The public ODRL test suite (SolidLabResearch/ODRL-Test-Suite, 68 cases): each case's rule is active
//! exactly where our evaluation says that it holds. Parties and targets are rules of their own there and
//! constraints here. Left out are requests to sell, which is no use at all (our gate is asked about uses
//! only), and rules whose duty was violated before (our agreements end by revocation then).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weal_domain::agreements::policy::iri;
use weal_domain::agreements::{Constraint, Logic, Operator, Policy, RightOperand, Rule, World, evaluate};

const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
const REPORT: &str = "https://w3id.org/force/compliance-report#";
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const TARGET: &str = "urn:test:target";

/// Subject, predicate, object; a literal is its text.
#[derive(Debug, Default)]
struct Graph(Vec<[String; 3]>);

impl Graph {
    fn all<'a>(&'a self, subject: &'a str, predicate: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |t| t[0] == subject && t[1] == predicate).map(|t| t[2].as_str())
    }
    fn one(&self, subject: &str, predicate: &str) -> Option<&str> {
        self.0.iter().find(|t| t[0] == subject && t[1] == predicate).map(|t| t[2].as_str())
    }
    fn with<'a>(&'a self, predicate: &'a str) -> impl Iterator<Item = &'a [String; 3]> {
        self.0.iter().filter(move |t| t[1] == predicate)
    }

    /// Reads the plain Turtle of the suite: prefixes, IRIs, names, literals, `;` and `,`.
    fn read(path: &Path) -> Graph {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let mut tokens = tokens(&text).into_iter().peekable();
        let mut prefixes: BTreeMap<String, String> = BTreeMap::new();
        let mut graph = Graph::default();
        while let Some(token) = tokens.next() {
            if token.eq_ignore_ascii_case("@prefix") || token.eq_ignore_ascii_case("prefix") {
                let name = tokens.next().expect("a prefix");
                let iri = tokens.next().expect("its IRI");
                prefixes.insert(name, iri.trim_matches(['<', '>']).to_owned());
                tokens.next_if(|token| token == ".");
                continue;
            }
            let subject = node(&token, &prefixes);
            loop {
                let predicate = node(&tokens.next().expect("a predicate"), &prefixes);
                loop {
                    let object = node(&tokens.next().expect("an object"), &prefixes);
                    graph.0.push([subject.clone(), predicate.clone(), object]);
                    if tokens.next_if(|token| token == ",").is_none() {
                        break;
                    }
                }
                while tokens.next_if(|token| token == ";").is_some() {}
                if tokens.next_if(|token| token == ".").is_some() || tokens.peek().is_none() {
                    break;
                }
            }
        }
        graph
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
                continue;
            }
            '<' => rest.find('>').expect("an IRI ends") + 1,
            '"' => {
                let close = 1 + rest[1..].find('"').expect("a literal ends");
                let tail = &rest[close + 1..];
                let kind = tail.strip_prefix("^^").map_or(0, |name| 2 + name_length(name));
                close + 1 + kind
            }
            ';' | ',' | '.' => 1,
            _ => name_length(rest),
        };
        found.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    found
}

/// A name ends before white space, and before a point or comma that closes the statement.
fn name_length(text: &str) -> usize {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ';' | ',')).unwrap_or(text.len());
    text[..end].trim_end_matches('.').len()
}

fn node(token: &str, prefixes: &BTreeMap<String, String>) -> String {
    if let Some(iri) = token.strip_prefix('<') {
        return iri.trim_end_matches('>').to_owned();
    }
    if let Some(literal) = token.strip_prefix('"') {
        return literal.split('"').next().unwrap_or_default().to_owned();
    }
    if token == "a" {
        return TYPE.to_owned();
    }
    let (prefix, name) = token.split_once(':').unwrap_or_else(|| panic!("a name: {token}"));
    let base = prefixes.get(&format!("{prefix}:")).unwrap_or_else(|| panic!("a known prefix: {token}"));
    format!("{base}{name}")
}

fn odrl(name: &str) -> String {
    format!("{ODRL}{name}")
}

fn constraint(policy: &Graph, id: &str) -> Constraint {
    for (name, logic) in [("and", Logic::And), ("or", Logic::Or), ("xone", Logic::Xone)] {
        let parts: Vec<Constraint> =
            policy.all(id, &odrl(name)).map(|part| constraint(policy, part)).collect();
        if !parts.is_empty() {
            return Constraint::Logical { logic, parts };
        }
    }
    let operator = match policy.one(id, &odrl("operator")).and_then(|iri| iri.strip_prefix(ODRL)) {
        Some("gt") => Operator::Gt,
        Some("gteq") => Operator::Gteq,
        Some("lt") => Operator::Lt,
        Some("lteq") => Operator::Lteq,
        Some("eq") => Operator::Eq,
        Some("neq") => Operator::Neq,
        other => panic!("an operator of the suite: {other:?} of {id}"),
    };
    let left = policy.one(id, &odrl("leftOperand")).expect("a left operand").to_owned();
    let right = policy.one(id, &odrl("rightOperand")).expect("a right operand").to_owned();
    Constraint::Atomic { left, operator, right: RightOperand::One(right) }
}

fn rule(policy: &Graph, id: &str) -> Rule {
    let mut constraints: Vec<Constraint> =
        policy.all(id, &odrl("constraint")).map(|part| constraint(policy, part)).collect();
    for (predicate, left) in [("assignee", iri::RECIPIENT), ("target", TARGET)] {
        let named: Vec<String> = policy.all(id, &odrl(predicate)).map(str::to_owned).collect();
        if !named.is_empty() {
            let right = RightOperand::Many(named);
            constraints.push(Constraint::Atomic {
                left: left.to_owned(),
                operator: Operator::IsAnyOf,
                right,
            });
        }
    }
    Rule { action: policy.one(id, &odrl("action")).unwrap_or(iri::USE).to_owned(), constraints }
}

fn world(request: &Graph, state: &Graph) -> World {
    let moment = state.one("http://example.com/request/currentTime", "http://purl.org/dc/terms/issued");
    let mut world = World::new().with(iri::DATE_TIME, moment.expect("the current time"));
    for (predicate, left) in [("assignee", iri::RECIPIENT), ("target", TARGET)] {
        let mut values: Vec<String> = request.with(&odrl(predicate)).map(|t| t[2].clone()).collect();
        let collections: Vec<String> = values
            .iter()
            .flat_map(|value| state.all(value, "http://www.w3.org/ns/odrl/2/partOf"))
            .map(str::to_owned)
            .collect();
        values.extend(collections);
        world = world.with_all(left, values);
    }
    for action in request.with(&odrl("action")) {
        world = world.exercising(action[2].clone());
    }
    world
}

#[test]
fn our_evaluation_agrees_with_the_public_test_suite() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/odrl-test-suite/data");
    if !data.exists() {
        eprintln!("skipped: ../shared/specs/odrl-test-suite is not here");
        return;
    }
    let index = Graph::read(&data.join("index.ttl"));
    let file = |case: &str, what: &str, folder: &str| -> PathBuf {
        let url = index.one(case, &format!("http://example.org/{what}")).expect("the case names its files");
        data.join(folder).join(url.rsplit('/').next().expect("a file name"))
    };
    let mut cases: Vec<&str> = index.with("http://example.org/policySource").map(|t| t[0].as_str()).collect();
    cases.dedup();
    let (mut tried, mut left_out, mut against) = (0, 0, Vec::new());
    for case in cases {
        let policy = Graph::read(&file(case, "policySource", "policies"));
        let request = Graph::read(&file(case, "requestSource", "requests"));
        let state = Graph::read(&file(case, "sotwSource", "sotw"));
        let report = Graph::read(&file(case, "expectedReportSource", "test_cases"));
        let sells = request.with(&odrl("action")).any(|action| action[2] == odrl("sell"));
        if sells || state.with(&format!("{REPORT}deonticState")).any(|duty| duty[2].ends_with("#Violated")) {
            left_out += 1;
            continue;
        }
        let world = world(&request, &state);
        for found in report.with(&format!("{REPORT}activationState")) {
            let id = report.one(&found[0], &format!("{REPORT}rule")).expect("the report names its rule");
            let only = Policy { permissions: vec![rule(&policy, id)], ..Policy::default() };
            let ours = evaluate(&only, &world);
            if ours.is_ok() != found[2].ends_with("#Active") {
                let title = index.one(case, "http://purl.org/dc/terms/title").unwrap_or(case);
                against.push(format!("{title}: the suite says {}, we say {ours:?}", found[2]));
            }
            tried += 1;
        }
    }
    assert!(against.is_empty(), "{against:#?}");
    assert_eq!((tried + left_out, tried > 50), (68, true), "{tried} rules tried, {left_out} left out");
}
