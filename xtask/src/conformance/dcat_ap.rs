//! `cargo xtask conformance dcat-ap`: what harvesters make of a real node's catalogue. The node is `weal serve`
//! with products of every kind; pyshacl holds both forms of its catalogue against the official shapes, rdflib
//! compares them, and CKAN's own parser reads them. It ends well only if every check that is written down here was
//! made and passed, and each file of shapes has found what was broken for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::bench::{Node, run};

const FOLDER: &str = "tests/conformance/dcat-ap";
const SHAPES: &str = "../shared/specs/dcat-ap-3.0.1";
const USAGE: &str = "usage: cargo xtask conformance dcat-ap [--weal FILE] [--without-shapes]";
const SHAPES_FILES: [&str; 6] = [
    "dcat-ap-SHACL.ttl",
    "ranges.ttl",
    "shapes.ttl",
    "range.ttl",
    "mdr-vocabularies.shape.ttl",
    "deprecateduris.ttl",
];
const PERSONS: usize = 40;

/// A product as `weal publish` gets it, and what CKAN should read of it.
struct Given {
    title: &'static str,
    rows: fn() -> String,
    options: &'static [&'static str],
    /// `None` where harvesters may not know of it.
    read: Option<Read>,
}

struct Read {
    resources: usize,
    tags: &'static [&'static str],
    rights: &'static str,
}

const GIVEN: [Given; 5] = [
    Given {
        title: "Public holidays",
        rows: || "day,name\n2026-01-01,New Year\n2026-12-25,Christmas\n".into(),
        options: &[
            "--class=open",
            "--description=Every day on which offices are closed.",
            "--keyword=calendar",
            "--keyword=public \"holidays\"",
            "--theme=GOVE",
            "--theme=SOCI",
            "--contact=Calendar desk <calendar@revenue.example>",
            "--licence=https://creativecommons.org/licenses/by/4.0/",
            "--place=EST",
            "--place=https://sws.geonames.org/453733/",
            "--first-day=2026-01-01",
            "--last-day=2026-12-31",
            "--law=http://data.europa.eu/eli/reg_impl/2023/138/oj",
            "--identifier=https://data.example/holidays",
        ],
        read: Some(Read { resources: 2, tags: &["calendar", "public \"holidays\""], rights: "PUBLIC" }),
    },
    Given {
        title: "Plain regions",
        rows: || "region,inhabitants\nnorth,12\nsouth,34\n".into(),
        options: &["--class=open"],
        read: Some(Read { resources: 2, tags: &[], rights: "PUBLIC" }),
    },
    Given {
        title: "Duty rosters",
        rows: || "office,desks\nnorth,12\nsouth,34\n".into(),
        options: &[
            "--class=internal",
            "--subject=none",
            "--offer=extract",
            "--last-day=2026-12-31",
            "--until=2099-01-01T00:00:00Z",
        ],
        read: Some(Read { resources: 1, tags: &[], rights: "RESTRICTED" }),
    },
    Given {
        title: "Wages",
        rows: wages,
        options: &[
            "--class=personal",
            "--subject=person_id",
            "--theme=ECON",
            "--columns=region,wage",
            "--row-filter=wage > 0",
        ],
        read: Some(Read { resources: 2, tags: &[], rights: "NON_PUBLIC" }),
    },
    Given {
        title: "Not for everyone",
        rows: || "region,inhabitants\nnorth,12\n".into(),
        options: &["--class=open", "--to=did:web:somebody.example"],
        read: None,
    },
];

/// Catalogues elsewhere that the node takes in: their file here, the form, and what CKAN should read of each.
const FOREIGN: [(&str, &str, &[ReadElsewhere]); 2] = [
    (
        "foreign.ttl",
        "turtle",
        &[
            ReadElsewhere { title: "City trees", tags: &["park", "tree"], publisher: "The City" },
            ReadElsewhere { title: "City budget", tags: &[], publisher: "The City" },
        ],
    ),
    (
        "foreign.jsonld",
        "json-ld",
        &[ReadElsewhere { title: "County roads", tags: &[], publisher: "The County" }],
    ),
];

struct ReadElsewhere {
    title: &'static str,
    tags: &'static [&'static str],
    publisher: &'static str,
}

fn wages() -> String {
    let line =
        |number: usize| format!("person_{number},{},{}\n", ["north", "south"][number % 2], 1_000 + number);
    (0..PERSONS).fold("person_id,region,wage\n".to_owned(), |text, number| text + &line(number))
}

pub(crate) fn dcat_ap(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let wish = Wish::read(arguments)?;
    let shapes = shapes(root, wish.without_shapes)?;
    let weal = match wish.weal {
        Some(file) => root.join(file),
        None => crate::build_weal(root)?,
    };
    let place = crate::target(root).join("conformance/dcat-ap");
    std::fs::create_dir_all(&place).map_err(|cause| format!("{}: {cause}", place.display()))?;
    let python = crate::python::environment(&root.join(FOLDER).join("requirements.txt"), &place)?;
    let mut asked = documents(&weal.display().to_string(), root, &place)?;
    asked["shapes"] = json!(shapes);
    asked["expected"] = expected();
    let file = place.join("asked.json");
    write(&file, &asked.to_string())?;
    let checked = Command::new(python).arg(root.join(FOLDER).join("check.py")).arg(&file).output();
    let checked = checked.map_err(|cause| format!("python: {cause}"))?;
    let (said, complained) =
        (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    print!("{said}");
    judge(&said, shapes.is_some()).map_err(|why| {
        write(&place.join("check.err"), &complained).err().unwrap_or_default()
            + &format!("{why}\nWhat Python complained of is in {}/check.err", place.display())
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    weal: Option<PathBuf>,
    without_shapes: bool,
}

impl Wish {
    fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut wish = Self::default();
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--weal" => wish.weal = Some(rest.next().ok_or(USAGE)?.into()),
                "--without-shapes" => wish.without_shapes = true,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(wish)
    }
}

/// Where the official shapes are; `None` where somebody has said that it is to be done without them.
fn shapes(root: &Path, without: bool) -> Result<Option<PathBuf>, String> {
    let folder = root.join(SHAPES);
    if without {
        println!("skipped: nothing is held against the official shapes (--without-shapes)");
        return Ok(None);
    }
    if !folder.is_dir() {
        return Err(format!("{SHAPES} is not here; --without-shapes makes the other checks only"));
    }
    Ok(Some(folder))
}

/// What the node served, before and after it took catalogues in; for check.py.
fn documents(weal: &str, root: &Path, place: &Path) -> Result<Value, String> {
    let nodes = place.join("nodes");
    let _ = std::fs::remove_dir_all(&nodes);
    std::fs::create_dir_all(&nodes).map_err(|cause| format!("{}: {cause}", nodes.display()))?;
    let mut node = Node::make(weal, &nodes, "revenue", &["--governs", "--title=Revenue \"agency\""])?;
    let config = node.folder.join("weal.toml");
    let shown = crate::read(&config)?.replace(r#"public_up_to = "open""#, r#"public_up_to = "personal""#);
    write(&config, &shown)?;
    node.start()?;
    let folder = node.folder.display().to_string();
    for (number, given) in GIVEN.iter().enumerate() {
        let file = nodes.join(format!("product_{number}.csv"));
        write(&file, &(given.rows)())?;
        let (file, title) = (file.display().to_string(), format!("--title={}", given.title));
        let mut arguments = vec!["publish", &file, "--yes", "--node", &folder, &title];
        arguments.extend(given.options);
        run(weal, &arguments)?;
    }
    let fetched = |form: &str, name: &str| -> Result<PathBuf, String> {
        let answer = crate::http::Connection::to(&node.address).get(&format!("/catalogue.{form}"), &[])?;
        if !answer.is_success() {
            return Err(format!("/catalogue.{form} was answered with {}", answer.status));
        }
        let file = place.join(name);
        write(&file, &answer.text())?;
        Ok(file)
    };
    let before = fetched("ttl", "before.ttl")?;
    let mut foreign = Vec::new();
    for (file, form, _) in FOREIGN {
        let given = root.join(FOLDER).join(file).display().to_string();
        run(weal, &["catalogue", "import", &given, "--node", &folder])?;
        let export = place.join(format!("{file}.nt"));
        write(&export, &run(weal, &["catalogue", "export", file, "--node", &folder])?)?;
        foreign.push(json!({ "file": given, "form": form, "export": export }));
    }
    Ok(json!({
        "before": before, "foreign": foreign,
        "turtle": fetched("ttl", "catalogue.ttl")?, "json_ld": fetched("jsonld", "catalogue.jsonld")?,
    }))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|cause| format!("{}: {cause}", path.display()))
}

/// What CKAN should read, by title.
fn expected() -> Value {
    let read = GIVEN.iter().filter_map(|given| {
        let read = given.read.as_ref()?;
        let wanted =
            json!({ "resources": read.resources, "tags": read.tags, "rights": read.rights, "publisher": "Revenue \"agency\"" });
        Some((given.title.to_owned(), wanted))
    });
    let elsewhere = FOREIGN.iter().flat_map(|(_, _, read)| *read).map(|read| {
        let wanted = json!({ "resources": 1, "rights": "", "tags": read.tags, "publisher": read.publisher });
        (read.title.to_owned(), wanted)
    });
    Value::Object(read.chain(elsewhere).collect())
}

/// The checks that there must be.
fn names(with_shapes: bool) -> Vec<String> {
    let always = [
        "both forms are one graph",
        "broken: a graph with less",
        "elsewhere turtle: exported whole",
        "elsewhere json-ld: exported whole",
        "elsewhere: printed whole beside our own",
        "broken: a triple that was lost",
    ];
    let mut names: Vec<String> = always.map(str::to_owned).into();
    for about in ["shapes", "broken"].iter().filter(|_| with_shapes) {
        names.extend(SHAPES_FILES.iter().map(|file| format!("{about}: {file}")));
    }
    for form in ["turtle", "json-ld"] {
        let titles = GIVEN.iter().filter(|given| given.read.is_some()).map(|given| given.title);
        let elsewhere = FOREIGN.iter().flat_map(|(_, _, read)| *read).map(|read| read.title);
        names.extend(
            titles.chain(elsewhere).chain(["nothing else"]).map(|title| format!("ckan {form}: {title}")),
        );
    }
    names
}

fn judge(said: &str, with_shapes: bool) -> Result<String, String> {
    let mut outcomes: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for line in said.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        match parts.as_slice() {
            ["passed", name] => _ = outcomes.insert(name, None),
            ["FAILED", name, why] => _ = outcomes.insert(name, Some(why)),
            _ => {}
        }
    }
    let names = names(with_shapes);
    let mut wrong: Vec<String> = Vec::new();
    for name in &names {
        match outcomes.get(name.as_str()) {
            Some(None) => {}
            Some(Some(why)) => wrong.push(format!("{name} failed: {why}")),
            None => wrong.push(format!("{name} was not checked")),
        }
    }
    let unknown = outcomes.keys().filter(|name| !names.iter().any(|known| known == *name));
    wrong.extend(unknown.map(|name| format!("{name} is not one of ours")));
    if wrong.is_empty() {
        let without = if with_shapes { "" } else { "; none of them against the official shapes" };
        return Ok(format!("{} checks of the catalogue in DCAT-AP passed{without}", names.len()));
    }
    Err(wrong.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_shapes_it_fails_unless_somebody_said_so() {
        let nowhere = Path::new("/nowhere");
        assert!(shapes(nowhere, false).is_err_and(|why| why.contains("--without-shapes")));
        assert_eq!(shapes(nowhere, true), Ok(None));
        let wish = Wish::read(&["--without-shapes", "--weal", "a"]).expect("a wish");
        assert_eq!(wish, Wish { weal: Some("a".into()), without_shapes: true });
        assert!(Wish::read(&["--weal"]).is_err() && Wish::read(&["--shapes"]).is_err());
    }

    #[test]
    fn every_check_must_have_been_made_and_passed() {
        let all = |shapes| names(shapes).iter().map(|name| format!("passed\t{name}\n")).collect::<String>();
        assert!(judge(&all(true), true).is_ok());
        assert!(
            judge(&all(false), false).is_ok_and(|said| said.contains("none of them against the official"))
        );
        assert!(judge(&all(true), true).is_ok_and(|said| !said.contains("none of them")));
        assert!(judge(&all(false), true).is_err_and(|why| why.contains("shapes: range.ttl was not checked")));
        assert!(judge(&all(true), false).is_err_and(|why| why.contains("is not one of ours")));
        let failed =
            all(true).replace("passed\tshapes: range.ttl", "FAILED\tshapes: range.ttl\t2 violations");
        assert!(
            judge(&failed, true).is_err_and(|why| why.contains("shapes: range.ttl failed: 2 violations"))
        );
        assert!(judge("", true).is_err());
    }
}
