//! What a document of schema 2.2 says.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Bytes that a document and the values of its parameters may have together.
pub const MAX_CONTENT: usize = 64 << 10;
/// What runs the caller's text through a POSIX shell.
pub const SHELL: &str = "aws:runShellScript";
/// What runs the caller's text through PowerShell.
pub const POWERSHELL: &str = "aws:runPowerShellScript";
/// The interpolation that brings a value to a step as data.
pub const ENV_VAR: &str = "ENV_VAR";
/// The operand of a precondition that stands for the machine's platform.
pub const PLATFORM_TYPE: &str = "platformType";
/// The variable of a parameter is named so, and then as the parameter.
pub const VARIABLE: &str = "SSM_";

/// What a machine runs on, as preconditions speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
#[value(rename_all = "lower")]
pub enum Platform {
    Linux,
    MacOs,
    Windows,
}

impl Platform {
    /// Every platform.
    pub const ALL: &[Self] = &[Self::Linux, Self::MacOs, Self::Windows];

    /// This machine's.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::ALL.iter().copied().find(|platform| platform.name().eq_ignore_ascii_case(std::env::consts::OS))
    }

    /// As preconditions have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::MacOs => "MacOS",
            Self::Windows => "Windows",
        }
    }
}

/// A document. Fields that have no meaning here are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the format")]
pub struct Document {
    #[serde(deserialize_with = "text")]
    pub schema_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    pub main_steps: Vec<Step>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the format")]
pub struct Parameter {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpolation_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_items: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<usize>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Parameter {
    /// Whether its value comes as an environment variable.
    #[must_use]
    pub fn is_variable(&self) -> bool {
        self.interpolation_type.as_deref() == Some(ENV_VAR) && self.kind == "String"
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the format")]
pub struct Step {
    pub action: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub precondition: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub inputs: Inputs,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a step that runs commands is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the format")]
pub struct Inputs {
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "optional_text")]
    pub timeout_seconds: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    #[serde(default, deserialize_with = "lines")]
    pub run_command: Vec<String>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a text is no document.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DocumentError {
    #[error("it is neither JSON nor YAML of a document: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is no YAML of a document: {0}")]
    Yaml(String),
}

impl Document {
    /// Reads JSON if it begins with a brace, and YAML otherwise.
    ///
    /// # Errors
    ///
    /// When it is neither, or has a field of another type than the format gives it.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let value: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)?
        } else {
            serde_saphyr::from_str(text).map_err(|error| DocumentError::Yaml(error.to_string()))?
        };
        Ok(serde_json::from_value(value)?)
    }

    /// As it is committed and sent.
    ///
    /// # Errors
    ///
    /// Never: every part of it is JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scalar {
        Text(String),
        Number(serde_json::Number),
    }
    Scalar::deserialize(deserializer).map(|scalar| match scalar {
        Scalar::Text(text) => text,
        Scalar::Number(number) => number.to_string(),
    })
}

fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer).map(Some)
}

/// A list of lines, or the name of a parameter that is one.
fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lines {
        One(String),
        Many(Vec<String>),
    }
    Lines::deserialize(deserializer).map(|lines| match lines {
        Lines::One(line) => vec![line],
        Lines::Many(lines) => lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "schemaVersion: '2.2'
mainSteps:
  - action: aws:runShellScript
    name: s
    inputs:
      timeoutSeconds: 60
      runCommand: '{{ commands }}'
      onFailure: exit
";

    #[test]
    fn yaml_and_json_say_the_same() {
        let from_yaml = Document::parse(YAML).unwrap();
        let from_json = Document::parse(&from_yaml.to_json().unwrap()).unwrap();
        assert_eq!(from_yaml, from_json);
        let inputs = &from_json.main_steps[0].inputs;
        assert_eq!((inputs.timeout_seconds.as_deref(), inputs.run_command[0].as_str()), (Some("60"), "{{ commands }}"));
        assert_eq!(inputs.other["onFailure"], "exit");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "{", "[]", "a: [", "{\"schemaVersion\": \"2.2\", \"mainSteps\": \"garbage\"}", "a: 1\na: 2"] {
            assert!(Document::parse(text).is_err(), "{text:?}");
        }
    }
}
