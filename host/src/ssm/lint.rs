//! The ways in which a document can be broken out of or bypassed.
//!
//! What a step does is read with patterns, not understood: a finding is a reason to look, and none is no proof. That no value is spliced into
//! a step is certain, for the agent's own search is a pattern.

use std::sync::LazyLock;

use regex::Regex;
use regex_syntax::hir::Look;
use serde::Serialize;
use serde_json::Value;

use super::document::{Document, DocumentError, MAX_CONTENT, POWERSHELL, Parameter, SHELL, Step, VARIABLE};
use super::parameters::{SPLICE, STORE, matches};
use super::script::{Data, Script};
use crate::audit::digest;
use crate::policy::Policy;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Error,
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its rule, in a word that does not change.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Where, as a JSON pointer into the document.
    pub place: String,
    /// The line of a step's text, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
}

/// A rule: its name, how much it matters, and what to do.
struct Rule(&'static str, Severity, &'static str);

use Severity::{Error, Warning};

const SCHEMA: Rule = Rule("schema", Error, "write the document in schema 2.2; nothing else of it was looked at");
const SIZE: Rule = Rule("size", Error, "shorten the document or lower maxChars: both share 64 KB");
const NAME: Rule = Rule("parameter-name", Error, "use letters and digits: the agent drops every other parameter");
const PATTERN: Rule =
    Rule("invalid-pattern", Error, "write it as the agent's engine (RE2) reads it: no look-around, no back-reference");
const ANCHOR: Rule =
    Rule("unanchored-pattern", Error, "write ^ before all of it and $ after it: the agent searches, and a part is enough");
const BRACES: Rule = Rule(
    "parameter-store",
    Error,
    "give an allowedPattern that refuses two braces in a row: the agent puts values of Parameter Store there, with the machine's rights",
);
const UNBOUNDED: Rule = Rule("unbounded-parameter", Warning, "give it maxChars or allowedValues");
const ACTION: Rule = Rule("unknown-action", Warning, "only aws:runShellScript and aws:runPowerShellScript are looked at");
const PRECONDITION: Rule =
    Rule("no-precondition", Error, "give it {\"StringEquals\": [\"platformType\", …]}: without one it runs on any platform");
const SPLICED: Rule = Rule(
    "spliced-parameter",
    Error,
    "declare the parameter with interpolationType ENV_VAR and read the variable: no quoting holds what is spliced",
);
const SPLICED_STORE: Rule =
    Rule("spliced-store", Error, "the agent writes a value of Parameter Store here, unquoted: read it in the step instead");
const UNDECLARED: Rule = Rule("no-env-var", Error, "declare it as a String with interpolationType ENV_VAR");
const UNCHECKED: Rule = Rule(
    "unchecked-variable",
    Error,
    "end the step where the variable is not set, as on agents before 3.3.2746.0 (test ${NAME+x}, or Test-Path Env:NAME)",
);
const UNQUOTED: Rule =
    Rule("unquoted-variable", Error, "write double quotes around it: the shell divides it and expands patterns in it");
const EVALUATED: Rule = Rule("evaluated-variable", Error, "never let a shell read a caller's text as a command");
const PREDICTABLE: Rule = Rule(
    "predictable-path",
    Error,
    "any user of the machine can be there first: use no file, or the directory that the agent makes for the step ($PSScriptRoot, dirname \"$0\")",
);
const LEFT: Rule =
    Rule("left-behind", Warning, "the agent kills with SIGKILL, and no trap runs: hand texts over by variable or descriptor");
const RESERVED: Rule =
    Rule("reserved-exit-code", Error, "end with another code: 168 hides a failure, 194 and 3010 restart the machine");
const UNMAPPED: Rule =
    Rule("unmapped-exit-code", Warning, "after the command, turn every code that is none of its own into one, and exit with it");
const STEP_TIMEOUT: Rule = Rule("step-timeout", Error, "give the step timeoutSeconds from 5 to 172800: else it has an hour");
const NO_DEADLINE: Rule =
    Rule("no-deadline", Error, "give rex-runner a --timeout below the step's: in Windows the agent does not kill it");
const DEADLINE: Rule = Rule("late-deadline", Error, "keep the largest --timeout below the step's timeoutSeconds");
const NO_POLICY: Rule =
    Rule("policy-elsewhere", Warning, "put the policy into the document: a file of the machine can be another one");
const POLICY: Rule = Rule("invalid-policy", Error, "correct the policy: rex-runner refuses it, and nothing runs");
const POLICY_BRACES: Rule =
    Rule("policy-braces", Error, "put a space between the braces: the agent takes them for a parameter and rewrites the policy");
const POLICY_EXPANDED: Rule =
    Rule("expanded-policy", Error, "quote the delimiter: the shell expands $ and backquotes in the policy");
const UNPINNED: Rule =
    Rule("unpinned-policy", Warning, "give rex-runner the policy's --policy-digest, so that nothing changes it on its way");
const UNNAMED: Rule = Rule("unnamed-policy", Warning, "write the policy's SHA-256 into the description, to tell versions apart");

macro_rules! patterns {
    ($($name:ident = $pattern:literal;)*) => {
        $(static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());)*
        #[cfg(test)]
        fn patterns() -> Vec<&'static LazyLock<Option<Regex>>> { vec![$(&$name),*] }
    };
}

patterns! {
    USE = r"SSM_([A-Za-z0-9]+)";
    EVALUATES = r#"(?i)(^|[\s;&|(])(eval|source|\.|iex|Invoke-Expression|xargs|(sh|bash|powershell|pwsh)(\.exe)?\s+-c\w*)\s.*SSM_[A-Za-z0-9]"#;
    UNIX_PLACE = r#"/(tmp|var/tmp|dev/shm)/[^\s"';|&)]+"#;
    WINDOWS_PLACE = r#"(?i)(C:\\(Windows\\)?Te?mp|\$env:TE?MP|%TE?MP%)\\[^\s"']+"#;
    TEMPORARY = r"\bmktemp\b|\bNew-TemporaryFile\b|GetTempFileName";
    RESERVED_EXIT = r#"\bexit\s+["'(]*(137|168|169|194|3010|-1)\b"#;
    RUNS = r#"\s(-p|--policy-file)[\s=]"#;
    TIMEOUT = r#"--timeout[\s=]+["']?([^\s"']+)"#;
    MAPPED = r"(?s)\b(case|if)\b.*\bexit\b|\bexit\b.*\b(case|if)\b";
    CEDAR = r"\b(permit|forbid)\s*\(";
    DIGEST = r"--policy-digest[\s=]+sha256:([0-9a-f]+)";
}

/// Reads a document and says what is wrong with it.
///
/// # Errors
///
/// When it is no document.
pub fn lint(text: &str) -> Result<Vec<Finding>, DocumentError> {
    let document = Document::parse(text)?;
    let mut findings = Findings(Vec::new());
    if document.schema_version != "2.2" {
        findings.add(&SCHEMA, "/schemaVersion", None, format!("the schema is {}", document.schema_version));
        return Ok(findings.0);
    }
    let values = document.parameters.values().filter_map(largest).fold(0, usize::saturating_add);
    if text.len().saturating_add(values) > MAX_CONTENT {
        let message = format!("the document has {} bytes, and the largest values have {values}", text.len());
        findings.add(&SIZE, "", None, message);
    }
    for (name, parameter) in &document.parameters {
        findings.parameter(name, parameter);
    }
    for (index, step) in document.main_steps.iter().enumerate() {
        findings.step(&document, &format!("/mainSteps/{index}"), step);
    }
    Ok(findings.0)
}

/// Bytes of a parameter's largest value, if every character takes one.
fn largest(parameter: &Parameter) -> Option<usize> {
    let of_values = parameter.allowed_values.iter().flatten().map(String::len).max();
    of_values.or(parameter.max_chars)
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, Rule(id, severity, remedy): &Rule, place: &str, line: Option<usize>, message: String) {
        self.0.push(Finding { id, severity: *severity, place: place.to_owned(), line, message, remedy });
    }

    fn parameter(&mut self, name: &str, parameter: &Parameter) {
        let place = format!("/parameters/{}", name.replace('~', "~0").replace('/', "~1"));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.add(&NAME, &place, None, format!("{name:?} is no name that the agent takes"));
        }
        if parameter.allowed_values.is_some() {
            return;
        }
        if parameter.max_chars.is_none() {
            self.add(&UNBOUNDED, &place, None, "the value may have any length".to_owned());
        }
        let pattern = parameter.allowed_pattern.as_deref().unwrap_or_default();
        let (Ok(regex), Ok(hir)) = (Regex::new(pattern), regex_syntax::parse(pattern)) else {
            self.add(&PATTERN, &format!("{place}/allowedPattern"), None, format!("{pattern} is no pattern"));
            return;
        };
        let properties = hir.properties();
        let anchored = properties.look_set_prefix().contains(Look::Start) && properties.look_set_suffix().contains(Look::End);
        if !pattern.is_empty() && !anchored {
            self.add(&ANCHOR, &format!("{place}/allowedPattern"), None, format!("{pattern} matches a part of a value"));
        }
        let samples = ["{{ssm:a}}", "{{ ssm:/a/b }}", "x\n{{ssm:a}}\ny", "'{{ssm:a}}';", "{\"a\":\"{{ssm:a}}\"}", "a{{ssm:a}}"];
        if let Some(sample) = samples.iter().find(|sample| regex.is_match(sample)) {
            self.add(&BRACES, &place, None, format!("a caller can send {sample:?}"));
        }
    }

    fn step(&mut self, document: &Document, place: &str, step: &Step) {
        self.splices(document, place, &serde_json::to_value(step).unwrap_or_default());
        if !matches!(step.action.as_str(), SHELL | POWERSHELL) {
            return self.add(&ACTION, &format!("{place}/action"), None, format!("{} is not known", step.action));
        }
        if step.precondition.is_empty() {
            self.add(&PRECONDITION, place, None, format!("{} has no precondition", step.name));
        }
        let seconds = step.inputs.timeout_seconds.as_deref().and_then(|text| text.parse::<u32>().ok());
        let seconds = seconds.filter(|seconds| (5..=172_800).contains(seconds));
        if seconds.is_none() {
            self.add(&STEP_TIMEOUT, &format!("{place}/inputs"), None, format!("{} has no timeoutSeconds of its own", step.name));
        }
        let place = format!("{place}/inputs/runCommand");
        let script = Script::parse(&step.inputs.run_command);
        let shell = step.action == SHELL;
        self.variables(document, &place, &script, shell);
        self.files(&place, &script);
        self.codes(&place, &script);
        if let Some((line, _)) = script.code.iter().find(|(_, line)| matches(&RUNS, line)) {
            self.deadline(document, &place, *line, &script, seconds);
        }
        self.policies(document, &place, &script);
    }

    /// Every text of the step, wherever it stands.
    fn splices(&mut self, document: &Document, place: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.splices(document, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), member);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.splices(document, &format!("{place}/{index}"), element);
                }
            }
            Value::String(text) => {
                for captures in SPLICE.as_ref().into_iter().flat_map(|splice| splice.captures_iter(text)) {
                    let name = captures.get(1).map_or("", |name| name.as_str());
                    if document.parameters.contains_key(name) {
                        self.add(&SPLICED, place, None, format!("the value of {name} becomes part of the text"));
                    }
                }
                if matches(&STORE, text) {
                    self.add(&SPLICED_STORE, place, None, "a value of Parameter Store becomes part of the text".to_owned());
                }
            }
            _ => {}
        }
    }

    fn variables(&mut self, document: &Document, place: &str, script: &Script, shell: bool) {
        let text = script.text();
        let mut seen = Vec::new();
        for (number, line) in &script.code {
            let names = USE.as_ref().into_iter().flat_map(|regex| regex.captures_iter(line));
            for name in names.filter_map(|captures| captures.get(1)).map(|name| name.as_str()) {
                if name == "COMMAND" || seen.iter().any(|other| other == name) {
                    continue;
                }
                seen.push(name.to_owned());
                if !document.parameters.get(name).is_some_and(Parameter::is_variable) {
                    self.add(&UNDECLARED, place, Some(*number), format!("no parameter sets {VARIABLE}{name}"));
                } else if !checks(&text, name, shell) {
                    self.add(&UNCHECKED, place, Some(*number), format!("{VARIABLE}{name} is used and may not be set"));
                }
            }
            if matches(&EVALUATES, line) {
                self.add(&EVALUATED, place, Some(*number), "a caller's text is executed".to_owned());
            }
            if shell && let Some(name) = unquoted(line) {
                self.add(&UNQUOTED, place, Some(*number), format!("{name} stands without quotes"));
            }
        }
    }

    fn files(&mut self, place: &str, script: &Script) {
        for (number, line) in &script.code {
            let temporary = matches(&TEMPORARY, line);
            let found = [&UNIX_PLACE, &WINDOWS_PLACE].into_iter().filter_map(|regex| regex.as_ref()?.find(line)).next();
            match found.filter(|path| !temporary && !path.as_str().contains("XXXXXX")) {
                Some(path) => {
                    self.add(&PREDICTABLE, place, Some(*number), format!("{} is a path that others know", path.as_str()))
                }
                None if temporary => {
                    self.add(&LEFT, place, Some(*number), "the file stays where the step is killed".to_owned());
                }
                None => {}
            }
        }
    }

    fn codes(&mut self, place: &str, script: &Script) {
        for (number, line) in &script.code {
            if let Some(code) = RESERVED_EXIT.as_ref().and_then(|regex| regex.captures(line)?.get(1)) {
                let message = format!("the agent gives the exit code {} another meaning", code.as_str());
                self.add(&RESERVED, place, Some(*number), message);
            }
        }
        let runs = script.code.iter().position(|(_, line)| matches(&RUNS, line));
        let Some((number, _)) = runs.and_then(|index| script.code.get(index)) else { return };
        let after: String = script.code.iter().skip(runs.unwrap_or_default() + 1).map(|(_, line)| format!("{line}\n")).collect();
        if !matches(&MAPPED, &after) {
            self.add(&UNMAPPED, place, Some(*number), "the exit code reaches the agent as it is".to_owned());
        }
    }

    fn deadline(&mut self, document: &Document, place: &str, line: usize, script: &Script, seconds: Option<u32>) {
        let text = script.text();
        let Some(given) = TIMEOUT.as_ref().and_then(|regex| regex.captures(&text)?.get(1)) else {
            return self.add(&NO_DEADLINE, place, Some(line), "rex-runner has no deadline of its own".to_owned());
        };
        // What is spliced or computed is judged elsewhere, or not at all.
        let Some(limit) = seconds else { return };
        let name = USE.as_ref().and_then(|regex| regex.captures(given.as_str())?.get(1));
        let admitted = match name.and_then(|name| document.parameters.get(name.as_str())) {
            Some(parameter) => admitted_from(parameter, limit),
            None => given.as_str().trim_end_matches('s').parse().ok().filter(|seconds| *seconds >= limit),
        };
        if let Some(admitted) = admitted {
            let message = format!("rex-runner may get {admitted} s, and the step has {limit} s");
            self.add(&DEADLINE, place, Some(line), message);
        }
    }

    fn policies(&mut self, document: &Document, place: &str, script: &Script) {
        let text = script.text();
        let demanded = DIGEST.as_ref().and_then(|regex| Some(regex.captures(&text)?.get(1)?.as_str().to_owned()));
        let mut policies = script.data.iter().filter(|data| matches(&CEDAR, &data.text)).peekable();
        if policies.peek().is_none()
            && let Some((line, _)) = script.code.iter().find(|(_, line)| matches(&RUNS, line))
        {
            self.add(&NO_POLICY, place, Some(*line), "the step names a policy that the document does not have".to_owned());
        }
        for policy in policies {
            self.policy(document, place, policy, demanded.as_deref());
        }
    }

    fn policy(&mut self, document: &Document, place: &str, policy: &Data, demanded: Option<&str>) {
        let line = Some(policy.line);
        if !policy.quoted {
            self.add(&POLICY_EXPANDED, place, line, "the shell reads the policy before rex-runner does".to_owned());
        }
        if policy.readable && policy.text.contains("{{") {
            self.add(&POLICY_BRACES, place, line, "the policy has two braces in a row".to_owned());
        }
        if let Err(error) = Policy::parse(&policy.text) {
            self.add(&POLICY, place, line, error.to_string());
        }
        let digest = digest(policy.text.as_bytes());
        match demanded {
            None => self.add(&UNPINNED, place, line, "nothing says which policy it has to be".to_owned()),
            Some(demanded) if demanded != digest => {
                self.add(&POLICY, place, line, format!("the policy has the digest sha256:{digest}, and another is demanded"));
            }
            Some(_) => {}
        }
        if !document.description.as_ref().is_some_and(|text| text.contains(&digest)) {
            self.add(&UNNAMED, place, line, format!("the description does not have sha256:{digest}"));
        }
    }
}

/// Whether a step looks at a variable before it trusts it.
fn checks(text: &str, name: &str, shell: bool) -> bool {
    let variable = format!("{VARIABLE}{name}");
    if shell {
        ["+", ":+", "?", ":?"].iter().any(|operator| text.contains(&format!("${{{variable}{operator}")))
            || [format!("-z \"${variable}\""), format!("-z \"${{{variable}-}}\"")].iter().any(|test| text.contains(test))
    } else {
        [format!("Test-Path Env:{variable}"), format!("IsNullOrEmpty($env:{variable})")].iter().any(|test| text.contains(test))
    }
}

/// The first use of a variable outside of double quotes, where a shell divides words.
fn unquoted(line: &str) -> Option<&str> {
    let (mut double, mut single) = (false, false);
    for (index, character) in line.char_indices() {
        match character {
            '"' if !single => double = !double,
            '\'' if !double => single = !single,
            '$' if !double && !single => {
                let (before, rest) = line.split_at_checked(index)?;
                let name = rest.trim_start_matches(['$', '{']);
                // In these two places a shell divides nothing.
                let whole = before.ends_with('=') || before.trim_start() == "case ";
                if name.starts_with(VARIABLE) && !name.starts_with("SSM_COMMAND_ID") && !whole {
                    return name.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').next();
                }
            }
            _ => {}
        }
    }
    None
}

/// The least number of seconds, from a limit on, that a caller may send.
fn admitted_from(parameter: &Parameter, limit: u32) -> Option<u32> {
    let pattern = Regex::new(parameter.allowed_pattern.as_deref().unwrap_or_default()).ok()?;
    let admits = |value: &str| {
        parameter.allowed_values.as_ref().is_none_or(|values| values.iter().any(|allowed| allowed == value))
            && parameter.max_chars.is_none_or(|max| value.len() <= max)
            && pattern.is_match(value)
    };
    (limit..=172_800).find(|seconds| admits(&seconds.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!(patterns().into_iter().chain([&SPLICE, &STORE]).all(|pattern| pattern.is_some()));
    }

    #[test]
    fn sizes_beyond_all_are_too_large() {
        let parameter = format!(r#"{{"type": "String", "maxChars": {}, "allowedPattern": "^$"}}"#, usize::MAX);
        for parameters in [format!(r#"{{"a": {parameter}}}"#), format!(r#"{{"a": {parameter}, "b": {parameter}}}"#)] {
            let text = format!(r#"{{"schemaVersion": "2.2", "parameters": {parameters}, "mainSteps": []}}"#);
            assert!(lint(&text).unwrap().iter().any(|finding| finding.id == SIZE.0), "{text}");
        }
    }

    #[test]
    fn where_a_shell_divides_words() {
        for line in ["run $SSM_x", "run \"a\" ${SSM_x}", "x='$' $SSM_x"] {
            assert_eq!(unquoted(line), Some("SSM_x"), "{line}");
        }
        for line in ["run \"$SSM_x\"", "case $SSM_x in", "x=$SSM_x", "run '$SSM_x'", "echo $SSM_COMMAND_ID $HOME"] {
            assert_eq!(unquoted(line), None, "{line}");
        }
    }
}
