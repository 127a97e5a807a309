//! docs/policy-guide.md: its tables come from the schema and from the tests of the contract, its policies from files that are asked here.
//!
//! After a change of any of them: `REX_UPDATE=1 cargo test -p rex-runner --lib guide`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::{Action, Decider, EntityType, Facts, Policy, Request};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One question, as a row of the guide: what is done, with a directory if the path ends in `/`, and for a move to where.
type Question = (Action, &'static str, &'static str);

/// A policy of the guide.
struct Example {
    /// In `policies/examples`, without its extension.
    name: &'static str,
    allowed: &'static [Question],
    denied: &'static [Question],
}

use Action::{Chmod, Create, Delete, Move, Open, Read, Stat, Write};

const EXAMPLES: &[Example] = &[
    Example {
        name: "read-logs",
        allowed: &[(Open, "/var/log/", ""), (Read, "/var/log/syslog", ""), (Read, "/var/log/nginx/", "")],
        denied: &[
            (Write, "/var/log/syslog", ""),
            (Delete, "/var/log/syslog", ""),
            (Read, "/etc/hostname", ""),
            (Open, "/var/", ""),
        ],
    },
    Example {
        name: "read-logs-but-no-keys",
        allowed: &[(Open, "/var/log/", ""), (Read, "/var/log/syslog", ""), (Read, "/var/log/key.log", "")],
        denied: &[
            (Read, "/var/log/app/server.key", ""),
            (Open, "/var/log/app/ca.pem", ""),
            (Stat, "/var/log/app/ca.pem", ""),
            (Read, "/etc/hostname", ""),
        ],
    },
    Example {
        name: "one-tree-read-write",
        allowed: &[
            (Write, "/srv/app/data/f", ""),
            (Create, "/srv/app/data/", ""),
            (Move, "/srv/app/a", "/srv/app/b"),
            (Delete, "/srv/app/data/f", ""),
        ],
        denied: &[(Write, "/srv/application/f", ""), (Create, "/etc/f", ""), (Chmod, "/srv/app/data/f", ""), (Read, "/srv/", "")],
    },
    Example {
        name: "append-only",
        allowed: &[
            (Open, "/var/log/app/", ""),
            (Open, "/var/log/app/today.log", ""),
            (Write, "/var/log/app/today.log", ""),
            (Create, "/var/log/app/new.log", ""),
        ],
        denied: &[
            (Read, "/var/log/app/today.log", ""),
            (Delete, "/var/log/app/today.log", ""),
            (Move, "/var/log/app/today.log", "/var/log/app/x.log"),
            (Write, "/var/log/app/config", ""),
            (Read, "/var/log/app/", ""),
        ],
    },
    Example {
        name: "collect-diagnostics",
        allowed: &[(Open, "/proc/", ""), (Open, "/proc/meminfo", ""), (Read, "/proc/meminfo", ""), (Read, "/proc/loadavg", "")],
        denied: &[(Read, "/proc/", ""), (Read, "/proc/1/environ", ""), (Read, "/proc/kcore", ""), (Write, "/proc/meminfo", "")],
    },
    Example {
        name: "deploy",
        allowed: &[
            (Write, "/srv/app/staging/site.conf", ""),
            (Move, "/srv/app/staging/site.conf", "/srv/app/live/site.conf"),
            (Create, "/srv/app/live/site.conf", ""),
            (Delete, "/srv/app/live/site.conf", ""),
        ],
        denied: &[
            (Move, "/srv/app/staging/site.conf", "/srv/app/live/sub/site.conf"),
            (Move, "/srv/app/staging/site.conf", "/etc/site.conf"),
            (Move, "/srv/app/live/site.conf", "/srv/app/staging/site.conf"),
            (Read, "/srv/app/live/site.conf", ""),
            (Delete, "/srv/app/live/", ""),
        ],
    },
    Example {
        name: "rotate-logs",
        allowed: &[
            (Open, "/var/log/app/today.log", ""),
            (Move, "/var/log/app/today.log", "/var/log/app/today.log.old"),
            (Create, "/var/log/app/today.log.old", ""),
            (Delete, "/var/log/app/today.log.old", ""),
        ],
        denied: &[
            (Move, "/var/log/app/today.log", "/var/log/app/today.log.1"),
            (Move, "/var/log/app/today.log", "/tmp/today.log.old"),
            (Delete, "/var/log/app/today.log", ""),
            (Read, "/var/log/app/today.log", ""),
        ],
    },
    Example {
        name: "housekeeping",
        allowed: &[(Read, "/srv/cache/", ""), (Stat, "/srv/cache/a.tmp", ""), (Delete, "/srv/cache/deep/a.tmp", "")],
        denied: &[
            (Delete, "/srv/cache/a.db", ""),
            (Delete, "/srv/cache/dir.tmp/", ""),
            (Read, "/srv/cache/a.tmp", ""),
            (Delete, "/srv/other/a.tmp", ""),
        ],
    },
    Example {
        name: "inventory",
        allowed: &[(Open, "/", ""), (Read, "/etc/", ""), (Stat, "/etc/shadow", ""), (Open, "/etc/shadow", "")],
        denied: &[(Read, "/etc/hostname", ""), (Write, "/srv/f", ""), (Stat, "/proc/1/environ", "")],
    },
    Example {
        name: "read-all-but-secrets",
        allowed: &[(Read, "/etc/hostname", ""), (Read, "/srv/app/config.toml", ""), (Stat, "/var/log/", "")],
        denied: &[
            (Read, "/etc/shadow", ""),
            (Open, "/root/", ""),
            (Read, "/home/u/.ssh/id_ed25519", ""),
            (Read, "/srv/app/.env", ""),
            (Write, "/srv/app/config.toml", ""),
            (Read, "/proc/1/environ", ""),
        ],
    },
];

fn source(example: &Example) -> String {
    text(&format!("policies/examples/{}.cedar", example.name))
}

fn decide(decider: &mut Decider, (action, path, destination): Question) -> bool {
    let kind = if path.ends_with('/') { EntityType::Dir } else { EntityType::File };
    let id = if path == "/" { path } else { path.trim_end_matches('/') };
    let facts = if destination.is_empty() { Facts::None } else { Facts::Destination(destination.to_owned()) };
    decider.decide(Request { action, kind, id, facts: &facts }).allowed
}

#[test]
fn every_example_answers_as_the_guide_says() {
    for example in EXAMPLES {
        assert!(example.allowed.len() >= 3 && example.denied.len() >= 3, "{}", example.name);
        let policy = Policy::parse(&source(example)).unwrap_or_else(|error| panic!("{}: {error}", example.name));
        let mut decider = Decider::new(Arc::new(policy), "root");
        for (questions, expected) in [(example.allowed, true), (example.denied, false)] {
            for question in questions {
                assert_eq!(decide(&mut decider, *question), expected, "{}: {question:?}", example.name);
            }
        }
    }
}

#[test]
fn every_file_is_in_the_guide() {
    let files: BTreeSet<_> = std::fs::read_dir(root().join("policies/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let examples: BTreeSet<_> = EXAMPLES.iter().map(|example| format!("{}.cedar", example.name)).collect();
    assert_eq!(files, examples);
}

/// The policy, and what it answers.
fn quoted(example: &Example) -> String {
    let show = |questions: &[Question]| {
        let one = |(action, path, destination): &Question| match *destination {
            "" => format!("{} `{path}`", action.name()),
            destination => format!("{} `{path}` to `{destination}`", action.name()),
        };
        questions.iter().map(one).collect::<Vec<_>>().join("<br>")
    };
    format!(
        "[{0}.cedar](../policies/examples/{0}.cedar)\n\n```cedar\n{1}```\n\n| allowed | denied |\n|---|---|\n| {2} | {3} |\n",
        example.name,
        source(example),
        show(example.allowed),
        show(example.denied)
    )
}

/// A use of a script's function, and the actions that it is asked about.
struct Use {
    script: String,
    actions: Vec<String>,
}

/// The text literals of Rust's source, in order, with what is in front of each: enough to read a table of them.
fn literals(source: &str) -> Vec<(String, String)> {
    let (mut found, mut before) = (Vec::new(), String::new());
    let mut rest = source.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '"' {
            before.push(character);
            continue;
        }
        let mut literal = String::new();
        while let Some(character) = rest.next() {
            match character {
                '"' => break,
                '\\' => match rest.next() {
                    Some('n') => literal.push_str("\\n"),
                    Some('\n') => while rest.next_if(|character| character.is_whitespace()).is_some() {},
                    Some(other) => literal.push(other),
                    None => break,
                },
                other => literal.push(other),
            }
        }
        found.push((std::mem::take(&mut before), literal));
    }
    found
}

/// The rows of the contract's tests. They are run against the host, and asked for each of their actions: they cannot be wrong for long.
fn uses() -> Vec<Use> {
    let mut all = Vec::new();
    for (path, begin) in [
        ("tests/contract/matrix.rs", "const MATRIX: &[Row] = &["),
        ("tests/contract/matrix/composed.rs", "COMPOSED: &[Row] = &["),
    ] {
        let source = text(path);
        let (_, rows) = source.split_once(begin).unwrap();
        let (rows, _) = rows.split_once("\n];").unwrap();
        let mut literals = literals(rows).into_iter().peekable();
        let count = rows.matches("looks(").count() + rows.matches("changes(").count();
        let mut read = 0;
        while let Some((before, _)) = literals.next() {
            assert!(before.contains("looks(") || before.contains("changes("), "{before}");
            let (_, script) = literals.next().unwrap();
            let mut actions = Vec::new();
            while let Some((_, action)) =
                literals.next_if(|(before, _)| !before.contains("looks(") && !before.contains("changes("))
            {
                actions.push(action);
            }
            all.push(Use { script, actions });
            read += 1;
        }
        assert!(read == count && count > 20, "{path}: {read} of {count}");
    }
    all
}

/// The call, without what a test compares its result with, or expects of a machine that cannot do it.
fn call(script: &str) -> String {
    let (script, _) = script.split_once(" } catch").unwrap_or((script, ""));
    let script = script.replace("try { ", "");
    let script = script.strip_suffix("; true").unwrap_or(&script);
    let compared = [" == ", " >= ", " > "].iter().filter_map(|end| script.rsplit_once(end)).map(|(call, _)| call).next();
    compared.unwrap_or(script).to_owned()
}

fn functions() -> String {
    let mut table = String::from("| script | asks for |\n|---|---|\n");
    for one in uses() {
        let actions = one.actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
        let script = match one.script.as_str() {
            "true" => "`d`, the directory `p`, opened",
            script => &format!("`{}`", call(script).replace('|', "\\|")),
        };
        writeln!(table, "| {script} | {} |", if actions.is_empty() { "nothing" } else { &actions }).unwrap();
    }
    table
}

/// A type of the schema's JSON in a few words.
fn type_name(value: &Value) -> String {
    match value["type"].as_str().unwrap() {
        "Record" => format!("{{ {} }}", members(value)),
        "Set" => format!("Set<{}>", type_name(&value["element"])),
        _ => value["name"].as_str().unwrap().to_owned(),
    }
}

fn members(record: &Value) -> String {
    let member = |(name, value): (&String, &Value)| {
        format!("{name}{}: {}", if value["required"] == false { "?" } else { "" }, type_name(value))
    };
    let attributes = record["attributes"].as_object();
    attributes.map(|attributes| attributes.iter().map(member).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

fn code(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { format!("`{text}`") }
}

fn schema() -> serde_json::Map<String, Value> {
    serde_json::from_str(&text("policies/rex.cedarschema.json")).unwrap()
}

fn actions() -> String {
    let mut asked: BTreeSet<_> = uses().into_iter().flat_map(|one| one.actions).collect();
    // By `cat` and its like where `read` is denied: tests/compat/redaction.rs has it.
    asked.insert("redacted_read".to_owned());
    let mut table = String::from("| action | group | resource | context | asked for today |\n|---|---|---|---|---|\n");
    for (namespace, content) in schema() {
        // By name, whatever the order of the JSON.
        let actions: BTreeMap<_, _> = content["actions"].as_object().into_iter().flatten().collect();
        for (name, action) in actions {
            let Some(group) = action["memberOf"][0]["id"].as_str() else { continue };
            let resources: Vec<_> =
                action["appliesTo"]["resourceTypes"].as_array().unwrap().iter().map(|one| code(one.as_str().unwrap())).collect();
            let today = if namespace == "file_system" && asked.contains(name) { "yes" } else { "no" };
            let context = members(&action["appliesTo"]["context"]);
            writeln!(
                table,
                "| `{namespace}::Action::\"{name}\"` | `{group}` | {} | {} | {today} |",
                resources.join(", "),
                code(&context)
            )
            .unwrap();
        }
    }
    table
}

fn entities() -> String {
    let mut table = String::from("| type | in | attributes | tags |\n|---|---|---|---|\n");
    for (namespace, content) in schema() {
        for (name, entity) in content["entityTypes"].as_object().into_iter().flatten() {
            let name = if namespace.is_empty() { name.clone() } else { format!("{namespace}::{name}") };
            let parents: Vec<_> =
                entity["memberOfTypes"].as_array().into_iter().flatten().map(|parent| code(parent.as_str().unwrap())).collect();
            let parents = if parents.is_empty() { "–".to_owned() } else { parents.join(", ") };
            let tags = entity.get("tags").map(type_name).unwrap_or_default();
            writeln!(table, "| `{name}` | {parents} | {} | {} |", code(&members(&entity["shape"])), code(&tags)).unwrap();
        }
    }
    table
}

fn guards() -> String {
    let mut table = String::from("| guard | what stands behind it |\n|---|---|\n");
    for (name, paths) in super::guard::GUARDS {
        let mut paths: Vec<_> = paths.iter().map(|path| code(path)).collect();
        match *name {
            "ssh" => paths.push("every directory `.ssh`".to_owned()),
            "rex" => paths.push(
                "the file of `rex-runner` itself, the decision record, and the dictionary of `--redaction-dictionary`".to_owned(),
            ),
            _ => {}
        }
        writeln!(table, "| `{name}` | {} |", paths.join(", ")).unwrap();
    }
    table
}

#[test]
fn the_guide_has_what_its_sources_say() {
    const PAGE: &str = "docs/policy-guide.md";
    let old = text(PAGE);
    let mut page = old.clone();
    let mut parts = vec![("actions", actions()), ("entities", entities()), ("functions", functions()), ("guards", guards())];
    parts.extend(EXAMPLES.iter().map(|example| (example.name, quoted(example))));
    for (name, part) in parts {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{PAGE} has no {end}"));
        page = format!("{before}{begin}\n{part}\n{end}{after}");
    }
    if std::env::var_os("REX_UPDATE").is_some() {
        std::fs::write(root().join(PAGE), &page).unwrap();
    } else {
        assert!(page == old, "run this test with REX_UPDATE=1");
    }
}
