//! What people write and Rex reads: policies, variables, documents of Systems Manager, paths.

use rex_runner::cli::input;
use rex_runner::limits::MAX_POLICY_BYTES;
use rex_runner::platform::{AbsolutePath, Name, is_in, parent};
use rex_runner::policy::{Action, Decider, EntityType, Facts, Policy, Request};
use rex_runner::ssm::document::MAX_CONTENT;
use rex_runner::ssm::render::{Recipe, Scripts, render};
use rex_runner::ssm::{Document, Platform, lint};
use serde_json::Value;

use crate::words;

/// The words of policies.
pub const CEDAR: &[&str] = &[
    "permit(",
    "forbid(",
    "principal",
    "action",
    "resource",
    ");\n",
    ", ",
    " == ",
    " in ",
    " is ",
    " when { ",
    " unless { ",
    " };\n",
    "file_system::Action::\"",
    "file_system::Dir::\"/",
    "file_system::File::\"/",
    "User::\"root\"",
    "\"",
    "open",
    "read",
    "write",
    "create",
    "delete",
    "stat",
    "move",
    "chmod",
    "chown",
    "set_x_attr",
    "redacted_read",
    "execute",
    "SafeIO",
    "[",
    "]",
    "resource.path",
    " like ",
    "*",
    "context.destination.path",
    "context.destination",
    "context.xattr.name",
    "context",
    " has ",
    ".contains(",
    " && ",
    " || ",
    "!",
    "true",
    "false",
    "if ",
    " then ",
    " else ",
    "@id(\"",
    "@unguard(\"",
    "\")",
    "accounts",
    "ssh",
    "rex",
    "/etc",
    "/proc",
    "/x",
    "..",
    "?principal",
    "process_system::Action::\"kill",
    "systemd::Service::\"",
    "network::Action::\"GET\"",
    "decimal(\"",
    "ip(\"",
    "9223372036854775807",
    " + ",
    "-",
    " * ",
    " < ",
    "(",
    ")",
    "{",
    "}",
    "{{",
    "//",
    "\n",
    "\\u{0}",
    "principal, action, resource",
];

/// Reads the rest of the data as what its first byte says.
pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind {
        b'p' => policy(&text),
        b'P' => policy(&words::text(rest, CEDAR)),
        b't' => tagged(&text),
        b'v' => plain(&text),
        b'd' => document(&text),
        b'r' => rendered(&text),
        b'R' => rendered(&words::text(rest, CEDAR)),
        _ => path(&text),
    }
}

/// A policy is refused, or gives an answer to every question, and the same one again.
fn policy(text: &str) {
    let Ok(policy) = Policy::parse(text) else { return };
    assert!(text.len() <= MAX_POLICY_BYTES);
    let _ = policy.reach();
    let policy = std::sync::Arc::new(policy);
    let facts = [Facts::None, Facts::Destination("/x/y".to_owned()), Facts::Attribute("security.selinux")];
    let questions = |decider: &mut Decider| {
        let mut answers = Vec::new();
        for (action, facts) in [(Action::Read, &facts[0]), (Action::Move, &facts[1]), (Action::SetXAttr, &facts[2])] {
            for id in ["/", "/x", "/x/y", "/etc/passwd", "/proc/1/mem"] {
                let kind = EntityType::File;
                let decision = decider.decide(Request { action, kind, id, facts });
                assert!(!decision.reason.to_string().is_empty());
                answers.push((decision.allowed, decision.reason.clone()));
            }
        }
        answers
    };
    let mut decider = Decider::new(std::sync::Arc::clone(&policy), "root");
    let first = questions(&mut decider);
    assert_eq!(first, questions(&mut decider), "what is remembered is another answer");
    assert_eq!(first, questions(&mut Decider::new(policy, "root")), "another run gets another answer");
}

/// Variables of an argument file are the members of one JSON object, in its order.
fn tagged(text: &str) {
    if let Ok(members) = input::tagged(text) {
        same_names(text, &members);
        for (name, value) in &members {
            // Written as a plain object they are the same again.
            let object = Value::Object([(name.clone(), value.clone())].into_iter().collect()).to_string();
            assert_eq!(input::plain(&object).unwrap(), [(name.clone(), value.clone())]);
        }
    }
}

fn plain(text: &str) {
    let read = input::plain(text);
    let value = serde_json::from_str::<Value>(text);
    assert_eq!(read.is_ok(), value.is_ok_and(|value| value.is_object()), "{text}");
    if let Ok(members) = read {
        same_names(text, &members);
    }
}

fn same_names(text: &str, members: &[(String, Value)]) {
    let Value::Object(object) = serde_json::from_str(text).unwrap() else { panic!("what is no object was read as one: {text}") };
    assert!(members.iter().all(|(name, _)| object.contains_key(name)));
    assert!(object.keys().all(|name| members.iter().any(|(other, _)| other == name)));
}

/// A document is refused, or found fault with, or not; and written and read again it is the same.
fn document(text: &str) {
    let findings = lint::lint(text);
    let document = Document::parse(text);
    assert_eq!(findings.is_ok(), document.is_ok());
    let Ok(document) = document else { return };
    let json = document.to_json().unwrap();
    assert_eq!(Document::parse(&json).unwrap(), document);
    lint::lint(&json).unwrap();
}

/// Whatever the policy, what is rendered has no fault and fits. The first characters choose the rest.
fn rendered(text: &str) {
    let (choice, policy) = text.split_at(text.char_indices().nth(2).map_or(text.len(), |(index, _)| index));
    let choice = choice.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let platforms: Vec<_> =
        Platform::ALL.iter().enumerate().filter(|(index, _)| choice >> index & 1 == 1).map(|(_, platform)| *platform).collect();
    let scripts = if choice & 8 == 0 { Scripts::Sent((choice >> 4) * 64 + 1) } else { Scripts::Stored };
    let name = ["Rex-Read", "aws-x", "x", "Rex_1.2"][choice >> 4 & 3];
    let Ok(rendered) = render(&Recipe { name, policy, platforms: &platforms, scripts }) else { return };
    assert!(rendered.content.len() <= MAX_CONTENT);
    assert!(rendered.name.starts_with(name));
    let document = Document::parse(&rendered.content).unwrap();
    assert_eq!(document.to_json().unwrap(), rendered.content);
    assert_eq!(document.main_steps.len(), platforms.len());
    let findings = lint::lint(&rendered.content).unwrap();
    assert!(findings.is_empty(), "{findings:#?}\n{}", rendered.content);
}

/// A path is what a naive reading of it says.
fn path(text: &str) {
    let (first, second) = text.split_once('\n').unwrap_or((text, "/a"));
    let components = || first.split('/').filter(|component| !matches!(*component, "" | "."));
    let sound = first.starts_with('/')
        && first.len() <= 4095
        && !first.contains('\0')
        && components().all(|component| component != ".." && component.len() <= 255);
    let parsed = AbsolutePath::parse(first);
    assert_eq!(parsed.is_ok(), sound, "{first:?}");
    let plain = !first.is_empty() && first.len() <= 255 && components().eq([first]) && first != ".." && !first.contains('\0');
    let name = Name::parse(first);
    assert_eq!(name.is_ok(), plain, "{first:?}");
    let other = AbsolutePath::parse(second);
    if let (Ok(name), Ok(other)) = (&name, &other)
        && let Ok(joined) = other.join(name)
    {
        assert_eq!(AbsolutePath::parse(joined.as_str()).unwrap().as_str(), joined.as_str());
        assert_eq!(parent(joined.as_str()), other.as_str());
        assert!(is_in(joined.as_str(), other.as_str()) && !is_in(other.as_str(), joined.as_str()));
    }
    let Ok(path) = parsed else { return };
    assert_eq!(path.as_str(), format!("/{}", components().collect::<Vec<_>>().join("/")));
    assert_eq!(path.demands_directory(), first.ends_with('/') || first.ends_with("/."), "{first:?}");
    assert!(is_in(path.as_str(), parent(path.as_str())) && is_in(path.as_str(), "/"));
    if let Ok(other) = other {
        let below = |path: &str, directory: &str| std::path::Path::new(path).starts_with(directory);
        assert_eq!(is_in(path.as_str(), other.as_str()), below(path.as_str(), other.as_str()), "{text:?}");
        assert_eq!(is_in(other.as_str(), path.as_str()), below(other.as_str(), path.as_str()), "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_passes() {
        let policy = "permit(principal, action == file_system::Action::\"read\", resource in file_system::Dir::\"/x\");";
        for input in [
            format!("p{policy}"),
            format!("r!?{policy}"),
            "t{\"a\": {\"listValue\": [{\"longValue\": 1}]}}".to_owned(),
            "v{\"a\": 1, \"a\": 2}".to_owned(),
            "d{\"schemaVersion\": 2.2, \"mainSteps\": []}".to_owned(),
            "/a//b/.\n/a".to_owned(),
            "b\n/a".to_owned(),
            String::new(),
        ] {
            check(input.as_bytes());
        }
        let mut words = vec![b'P'];
        words.extend(words::bytes(policy, CEDAR));
        assert!(words.len() < policy.len() / 2);
        check(&words);
    }

    /// The oracle sees what it is there for.
    #[test]
    #[should_panic(expected = "assertion failed")]
    fn a_variable_from_nowhere_is_seen() {
        same_names(r#"{"a": 1}"#, &[("a".to_owned(), 1.into()), ("b".to_owned(), 1.into())]);
    }
}
