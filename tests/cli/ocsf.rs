//! The record as events of the Open Cybersecurity Schema Framework, against an extract of its published schema.

use rex_tests::{Case, run};
use serde_json::{Map, Value, json};

/// `ocsf.json` names its source.
fn schema() -> Value {
    serde_json::from_str(include_str!("ocsf.json")).unwrap()
}

/// What is wrong with a value that should be of this class or object.
fn faults(schema: &Value, shape: &Value, value: &Value, at: &str) -> Vec<String> {
    let empty = Map::new();
    let Some(members) = value.as_object() else { return vec![format!("{at} is no object")] };
    let attributes = shape["attributes"].as_object().unwrap_or(&empty);
    let mut faults = Vec::new();
    for (name, attribute) in attributes {
        if attribute["required"] == true && !members.contains_key(name) {
            faults.push(format!("{at}.{name} is missing"));
        }
    }
    if let Some(names) = shape["at_least_one"].as_array()
        && !names.iter().any(|name| members.contains_key(name.as_str().unwrap()))
    {
        faults.push(format!("{at} has none of {names:?}"));
    }
    for (name, value) in members {
        let at = format!("{at}.{name}");
        let Some(attribute) = attributes.get(name) else {
            faults.push(format!("{at} is not known"));
            continue;
        };
        let single = std::slice::from_ref(value);
        let values = if attribute["array"] == true { value.as_array().map_or(&[][..], Vec::as_slice) } else { single };
        if values.is_empty() {
            faults.push(format!("{at} is no array, or has no elements"));
        }
        for value in values {
            let kind = attribute["type"].as_str().unwrap();
            let fits = match kind {
                "string_t" => value.is_string(),
                "integer_t" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "long_t" => value.is_i64(),
                "boolean_t" => value.is_boolean(),
                // Anything.
                "object" => value.is_object(),
                object => {
                    faults.extend(self::faults(schema, &schema["objects"][object], value, &at));
                    true
                }
            };
            if !fits {
                faults.push(format!("{at} is no {kind}: {value}"));
            }
            if attribute["enum"].is_object() && attribute["enum"][value.to_string()].is_null() {
                faults.push(format!("{at} cannot be {value}"));
            }
        }
    }
    faults
}

/// What is wrong with an event.
fn event_faults(event: &Value) -> Vec<String> {
    let schema = schema();
    let mut faults = faults(&schema, &schema["class"], event, "event");
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        faults.push("event.type_uid is that of another class or activity".to_owned());
    }
    let caption = &schema["class"]["attributes"]["activity_id"]["enum"][number("activity_id").to_string()];
    if *caption != event["activity_name"] && *caption != "Other" {
        faults.push("event.activity_name is that of another activity".to_owned());
    }
    faults
}

/// The events of a run with permits, denials and a statement that cannot be evaluated.
fn events(case: &Case) -> (String, Vec<Value>) {
    let (file, other, log) = (case.file("in/f", "x"), case.file("out/g", "x"), case.path("log"));
    let script = format!(
        "cat(\"{file}\"); touch(\"{file}2\"); chmod(0o600, \"{file}2\"); try {{ rm(\"{file}2\") }} catch {{}} rm(\"{file}\"); cat(\"{other}\")"
    );
    let broken = format!(
        "@id(\"broken\") forbid(principal, action == file_system::Action::\"delete\", resource == file_system::File::\"{file}2\")
         when {{ 9223372036854775807 + 1 == 0 }};"
    );
    let policy = case.permit(&["open", "read", "write", "create", "delete", "stat", "chmod"], &["in"]) + &broken;
    case.run_with(&script, &policy, &["--audit-log", &log, "--audit-format", "ocsf"]).expect_code(3);
    let events = case.content("log").unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (log, events)
}

#[test]
fn every_line_is_an_event_of_the_published_class() {
    let case = Case::new();
    let (log, events) = events(&case);
    for event in &events {
        assert_eq!(event_faults(event), [""; 0], "{event:#}");
    }
    let of = |name: &str| events.iter().filter_map(|event| event[name].as_u64()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!((of("action_id"), of("disposition_id")), ([1, 2].into(), [1, 2, 27].into()), "{events:#?}");
    assert_eq!(of("activity_id"), [1, 2, 3, 4, 99].into());
    assert_eq!(run(&["audit", "verify", &log], "").code, 0);
    // Rex's own line is whole inside.
    let own = &events[1]["unmapped"];
    assert_eq!((&own["event"], &own["number"], own["hash"].as_str().unwrap().len()), (&json!("decision"), &json!(1), 64));
    assert_eq!(events[1]["resources"][0]["name"], own["resource"]["id"]);
}

#[test]
fn the_check_finds_what_is_no_event() {
    let (_, events) = events(&Case::new());
    let with = |pointer: &str, value: Value| {
        let mut event = events[1].clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value;
        event_faults(&event)
    };
    assert_eq!(with("/actor", json!({})).len(), 1);
    assert_eq!(with("/api/operation", json!(1)).len(), 1);
    assert_eq!(with("/api/request", json!({})), ["event.api.request.uid is missing"]);
    assert_eq!(with("/severity_id", json!(7)), ["event.severity_id cannot be 7"]);
    assert_eq!(with("/hash", json!("x")), ["event.hash is not known"]);
    assert_eq!(with("/resources", json!([])).len(), 1);
    assert_eq!(with("/type_uid", json!(600_399)).len(), usize::from(events[1]["activity_id"] != 99));
}
