//! Parameters: what the service checks, and how the agent puts their values into a document's text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::document::{Document, Parameter};

/// A parameter where its value is to be spliced in, and its name.
pub(super) static SPLICE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}").ok());
/// Where the agent puts a value of Parameter Store.
pub(super) static STORE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*ssm:[^}]*\}\}").ok());

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Text(String),
    List(Vec<String>),
}

/// Why the values are refused. Nothing runs.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    #[error("the document has no parameter {0}")]
    Unknown(String),
    #[error("the parameter {0} has no default and is not given")]
    Missing(String),
    #[error("the parameter {0} is not given as a list of texts, such as {{\"{0}\": [\"…\"]}}")]
    NoList(String),
    #[error("the parameter {0} is a String and takes a list of one text")]
    NotOne(String),
    #[error("the default of the parameter {0} does not have its type")]
    Default(String),
    #[error("the parameter {0} has the type {1:?}, and there are String and StringList")]
    Type(String, String),
    #[error("the value of {0} does not match its allowedPattern {1}")]
    Pattern(String, String),
    #[error("the allowedPattern of {0} is not valid: {1}")]
    InvalidPattern(String, String),
    #[error("the value of {0} is none of its allowedValues")]
    Values(String),
    #[error("the parameter {0} has {1} characters or items, which is less than its minimum or more than its maximum")]
    Length(String, usize),
    #[error(
        "the agent would replace {{{{ssm:…}}}} in {0} by a value of Parameter Store, with the rights of the machine; there is none here"
    )]
    Store(String),
}

/// Checks the values as the service does, and then as the agent does.
pub(super) fn settings(document: &Document, given: &Map<String, Value>) -> Result<BTreeMap<String, Setting>, ParameterError> {
    if let Some(unknown) = given.keys().find(|name| !document.parameters.contains_key(*name)) {
        return Err(ParameterError::Unknown(unknown.clone()));
    }
    let mut settings = BTreeMap::new();
    for (name, parameter) in &document.parameters {
        let setting = match given.get(name) {
            Some(value) => sent(name, parameter, value)?,
            None => default(name, parameter)?,
        };
        check(name, parameter, &setting)?;
        settings.insert(name.clone(), setting);
    }
    // The agent knows no other names; it drops those it does not know.
    settings.retain(|name, _| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    for (name, setting) in &settings {
        if setting.texts().iter().any(|text| matches(&STORE, text)) {
            return Err(ParameterError::Store(name.clone()));
        }
    }
    Ok(settings)
}

fn sent(name: &str, parameter: &Parameter, value: &Value) -> Result<Setting, ParameterError> {
    let list = texts(value).ok_or_else(|| ParameterError::NoList(name.to_owned()))?;
    match (parameter.kind.as_str(), list.as_slice()) {
        ("StringList", _) => Ok(Setting::List(list)),
        ("String", [one]) => Ok(Setting::Text(one.clone())),
        ("String", _) => Err(ParameterError::NotOne(name.to_owned())),
        (kind, _) => Err(ParameterError::Type(name.to_owned(), kind.to_owned())),
    }
}

fn default(name: &str, parameter: &Parameter) -> Result<Setting, ParameterError> {
    let value = parameter.default.as_ref().ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
    match (parameter.kind.as_str(), value) {
        ("String", Value::String(text)) => Ok(Setting::Text(text.clone())),
        ("StringList", value) => texts(value).map(Setting::List).ok_or_else(|| ParameterError::Default(name.to_owned())),
        ("String", _) => Err(ParameterError::Default(name.to_owned())),
        (kind, _) => Err(ParameterError::Type(name.to_owned(), kind.to_owned())),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
}

fn check(name: &str, parameter: &Parameter, setting: &Setting) -> Result<(), ParameterError> {
    let pattern = parameter.allowed_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let regex = pattern
        .map(Regex::new)
        .transpose()
        .map_err(|error| ParameterError::InvalidPattern(name.to_owned(), error.to_string()))?;
    for text in setting.texts() {
        // A search, as in the agent: what is not anchored matches a part.
        if regex.as_ref().is_some_and(|regex| !regex.is_match(text)) {
            return Err(ParameterError::Pattern(name.to_owned(), pattern.unwrap_or_default().to_owned()));
        }
        if parameter.allowed_values.as_ref().is_some_and(|allowed| !allowed.contains(text)) {
            return Err(ParameterError::Values(name.to_owned()));
        }
        // The service is written in Java, where a character is a unit of UTF-16.
        within(name, text.encode_utf16().count(), parameter.min_chars, parameter.max_chars)?;
    }
    match setting {
        Setting::Text(_) => Ok(()),
        Setting::List(list) => within(name, list.len(), parameter.min_items, parameter.max_items),
    }
}

fn within(name: &str, length: usize, min: Option<usize>, max: Option<usize>) -> Result<(), ParameterError> {
    if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
        return Err(ParameterError::Length(name.to_owned(), length));
    }
    Ok(())
}

pub(super) fn matches(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

impl Setting {
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(list) => list,
        }
    }
}

/// Splices values into lines as the agent does: in one pass, without any quoting.
pub(super) fn substitute_lines(lines: &[String], settings: &BTreeMap<String, Setting>) -> Vec<String> {
    lines.iter().flat_map(|line| alone(line, settings).unwrap_or_else(|| vec![substitute(line, settings)])).collect()
}

/// A line that is nothing but a parameter is replaced as it is, and becomes several if that is a list.
fn alone(line: &str, settings: &BTreeMap<String, Setting>) -> Option<Vec<String>> {
    let name = line.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    settings.get(name).map(|setting| setting.texts().to_vec())
}

/// Splices values into a text. Within a text, `$$` in a value becomes `$`, and a list becomes JSON.
pub(super) fn substitute(text: &str, settings: &BTreeMap<String, Setting>) -> String {
    let Some(splice) = SPLICE.as_ref() else { return text.to_owned() };
    let value = |captures: &Captures<'_>| {
        let whole = captures.get(0).map_or("", |whole| whole.as_str());
        let setting = captures.get(1).and_then(|name| settings.get(name.as_str()));
        let value = match setting {
            None => return whole.to_owned(),
            Some(Setting::Text(text)) => text.clone(),
            Some(Setting::List(list)) => Value::from(list.clone()).to_string(),
        };
        value.replace("$$", "$")
    };
    splice.replace_all(text, value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(parameters: &str) -> Document {
        Document::parse(&format!(r#"{{"schemaVersion": "2.2", "parameters": {parameters}, "mainSteps": []}}"#)).unwrap()
    }

    fn refusal(parameters: &str, given: Value) -> String {
        settings(&document(parameters), given.as_object().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn values_are_spliced_as_the_agent_does() {
        let given = serde_json::json!({ "a": ["x'$$y {{ b }}"], "b": ["1", "2'"] });
        let document = document(r#"{"a": {"type": "String"}, "b": {"type": "StringList"}}"#);
        let settings = settings(&document, given.as_object().unwrap()).unwrap();
        let lines = ["echo '{{a}}' {{ b }} {{c}}", "{{ a }}", "{{b}}"].map(str::to_owned);
        assert_eq!(substitute_lines(&lines, &settings), ["echo 'x'$y {{ b }}' [\"1\",\"2'\"] {{c}}", "x'$$y {{ b }}", "1", "2'"]);
    }

    #[test]
    fn what_the_service_refuses() {
        for (parameters, given, words) in [
            ("{}", r#"{"x": ["1"]}"#, "no parameter x"),
            (r#"{"x": {"type": "String"}}"#, "{}", "no default"),
            (r#"{"x": {"type": "String"}}"#, r#"{"x": "1"}"#, "list of texts"),
            (r#"{"x": {"type": "String"}}"#, r#"{"x": [1]}"#, "list of texts"),
            (r#"{"x": {"type": "String"}}"#, r#"{"x": ["1", "2"]}"#, "one text"),
            (r#"{"x": {"type": "Map"}}"#, r#"{"x": ["1"]}"#, "Map"),
            (r#"{"x": {"type": "String", "allowedPattern": "^a$"}}"#, r#"{"x": ["a\n"]}"#, "allowedPattern"),
            (r#"{"x": {"type": "String", "allowedPattern": "("}}"#, r#"{"x": ["a"]}"#, "not valid"),
            (r#"{"x": {"type": "String", "allowedValues": ["a"]}}"#, r#"{"x": ["b"]}"#, "allowedValues"),
            (r#"{"x": {"type": "String", "maxChars": 1}}"#, r#"{"x": ["😀"]}"#, "2 characters"),
            (r#"{"x": {"type": "String", "minChars": 1}}"#, r#"{"x": [""]}"#, "0 characters"),
            (r#"{"x": {"type": "StringList", "maxItems": 1}}"#, r#"{"x": ["1", "2"]}"#, "2 characters or items"),
            (r#"{"x": {"type": "String"}}"#, r#"{"x": ["{{ ssm:/prod/secret }}"]}"#, "Parameter Store"),
        ] {
            let message = refusal(parameters, serde_json::from_str(given).unwrap());
            assert!(message.contains(words), "{message}");
        }
    }

    /// A pattern without anchors lets through what only contains something good.
    #[test]
    fn patterns_search() {
        let document = document(r#"{"x": {"type": "String", "allowedPattern": "[a-z]+"}}"#);
        assert!(settings(&document, serde_json::json!({"x": ["'; a"]}).as_object().unwrap()).is_ok());
    }
}
