//! The published JSON Schemas, where the shared folder is beside the repository.

use std::path::PathBuf;
use std::sync::LazyLock;

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use crate::kinds::KINDS;

const BASE: &str = "https://w3id.org/dspace/2025/1/";

/// A folder or file of the shared specifications, or a line that says that the test is skipped.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs").join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: ../shared/specs/{path} is not here");
    None
}

pub fn json_files(folder: &std::path::Path) -> Vec<(PathBuf, Value)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is readable")
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("the file is readable");
        let value = serde_json::from_str(&text).expect("the file is JSON");
        (path, value)
    };
    files.into_iter().map(read).collect()
}

static REGISTRY: LazyLock<Option<Registry<'static>>> = LazyLock::new(|| {
    let root = shared("dsp-2025-1")?;
    let mut schemas = Vec::new();
    for room in ["common", "catalog", "negotiation", "transfer"] {
        for (path, mut schema) in json_files(&root.join(room)) {
            repair(&mut schema);
            let id = schema["$id"].as_str().unwrap_or_else(|| panic!("{} has an $id", path.display()));
            schemas.push((id.to_owned(), schema));
        }
    }
    assert_eq!(schemas.len(), 26);
    let registry = Registry::new().extend(schemas).expect("every $id is an IRI");
    Some(registry.prepare().expect("every reference is resolved without a network"))
});

/// Three published schemas lack the slash after `#` in a reference, and the pattern of DID services
/// contradicts the specification's own example.
fn repair(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = reference.replace("#definitions/", "#/definitions/");
            }
            if let Some(endpoint) = members.get_mut("serviceEndpoint").and_then(Value::as_object_mut) {
                endpoint.remove("pattern");
            }
            members.values_mut().for_each(repair);
        }
        Value::Array(items) => items.iter_mut().for_each(repair),
        _ => {}
    }
}

static VALIDATORS: LazyLock<Option<Vec<(&'static str, Validator)>>> = LazyLock::new(|| {
    let registry = REGISTRY.as_ref()?;
    let build = |&(kind, schema): &(&'static str, &str)| {
        let reference = json!({ "$ref": format!("{BASE}{schema}") });
        let validator = jsonschema::options().with_registry(registry).build(&reference);
        (kind, validator.expect("the schema compiles"))
    };
    Some(KINDS.iter().map(build).collect())
});

/// What the schema of the type finds wrong; nothing where the schemas are not here.
pub fn complaints(kind: &str, document: &Value) -> Vec<String> {
    let Some(validators) = VALIDATORS.as_ref() else { return Vec::new() };
    let (_, validator) = validators.iter().find(|(known, _)| *known == kind).expect("a known type");
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[track_caller]
pub fn assert_valid(kind: &str, document: &Value) {
    let complaints = complaints(kind, document);
    assert!(complaints.is_empty(), "{kind} is not valid: {complaints:#?}\n{document:#}");
}

/// The schemas that `schema` refers to, by the last part of their names.
fn referred(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let file = reference.split('#').next().and_then(|path| path.rsplit('/').next());
                into.extend(file.filter(|file| !file.is_empty()).map(str::to_owned));
            }
            members.values().for_each(|member| referred(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| referred(item, into)),
        _ => {}
    }
}

/// Every published schema is one that a type of ours is held against, or part of one.
#[test]
fn all_26_schemas_are_exercised() {
    let Some(root) = shared("dsp-2025-1") else { return };
    let mut schemas = std::collections::BTreeMap::new();
    for room in ["common", "catalog", "negotiation", "transfer"] {
        for (path, schema) in json_files(&root.join(room)) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            schemas.insert(name, schema);
        }
    }
    assert_eq!(schemas.len(), 26);
    let of_types = KINDS.iter().filter_map(|(_, schema)| schema.rsplit('/').next()).map(str::to_owned);
    let mut waiting: Vec<String> = of_types.collect();
    let mut used = std::collections::BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if used.insert(name.clone()) {
            referred(schemas.get(&name).unwrap_or_else(|| panic!("no schema {name}")), &mut waiting);
        }
    }
    let idle: Vec<&String> = schemas.keys().filter(|name| !used.contains(*name)).collect();
    assert!(idle.is_empty(), "no type is held against {idle:?}");
}
