//! A document from a policy.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::document::{Document, ENV_VAR, Inputs, MAX_CONTENT, PLATFORM_TYPE, POWERSHELL, Parameter, Platform, SHELL, Step};
use crate::audit::digest;
use crate::policy::{Policy, PolicyError};

/// Seconds that a caller may give a script.
const MAX_TIMEOUT: u32 = 3600;
/// The same as a pattern: what the service compares are texts.
const TIMEOUT_PATTERN: &str = "^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)$";
/// Seconds after which the agent kills the step. By then the runner has long ended itself, with a report.
const STEP_TIMEOUT: u32 = MAX_TIMEOUT + 60;
/// Any text without NUL and without two braces in a row, which the agent would look up in Parameter Store. It is written so that no engine
/// has to step back, or to recurse for each character as Java's does for a choice.
const TEXT_PATTERN: &str = r"^[^{\x00]*(\{[^{\x00]+)*\{?$";
/// The same that begins with a brace.
const OBJECT_PATTERN: &str = r"^\s*\{[^{\x00]+(\{[^{\x00]+)*$";
const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
/// Where an installed script lies. Only root may write there.
const STORED_ON_UNIX: &str = "/etc/opt/rex/scripts";
/// The same in Windows, where only administrators may write.
const STORED_ON_WINDOWS: &str = r"Rex\scripts";
/// Characters of the arguments.
const MAX_ARGUMENTS: usize = 4000;
/// Characters of an installed script's name.
const MAX_NAME: usize = 64;
/// Bytes that a character may take, where the service counts an UTF-16 unit as one.
const BYTES_PER_CHARACTER: usize = 3;
/// Digits of the policy's digest in the name of a document.
const DIGITS_IN_NAME: usize = 12;

/// What a document is made of.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// What its name begins with.
    pub name: &'a str,
    /// The policy's text.
    pub policy: &'a str,
    /// The platforms that it has a step for.
    pub platforms: &'a [Platform],
    /// Which scripts it runs.
    pub scripts: Scripts,
}

/// Which scripts a document runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// The caller's, which have at most so many characters.
    Sent(usize),
    /// Those that the machine's owner installed, by name.
    Stored,
}

/// A document, and the name that it is to be created under.
#[derive(Debug)]
#[expect(missing_docs, reason = "the type's documentation says it")]
pub struct Rendered {
    pub name: String,
    pub content: String,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RenderError {
    #[error("the name is made of 3 to 100 letters, digits, `.`, `_` and `-`, and does not begin with aws or amazon")]
    Name,
    #[error("a document needs at least one platform")]
    NoPlatform,
    #[error("the policy is not valid: {0}")]
    Policy(#[from] PolicyError),
    #[error(
        "line {0} of the policy has two braces in a row, which the SSM agent would take for a parameter: put a space between them"
    )]
    Braces(usize),
    #[error("the policy has a NUL character or a carriage return, which not every way to the machine keeps")]
    Character,
    #[error("the policy has a line that would end it: {0}")]
    Delimiter(String),
    #[error(
        "the document has {content} bytes, and the largest values of its parameters {values}: together more than {MAX_CONTENT}. Allow \
         shorter scripts (--max-script), name fewer platforms, or shorten the policy"
    )]
    TooLarge { content: usize, values: usize },
    #[error("the document cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Makes a document. The policy in it ends with a line end even if `policy` does not, and its digest is the digest of that.
///
/// # Errors
///
/// See [`RenderError`].
pub fn render(recipe: &Recipe<'_>) -> Result<Rendered, RenderError> {
    check_name(recipe.name)?;
    if recipe.platforms.is_empty() {
        return Err(RenderError::NoPlatform);
    }
    let mut policy = recipe.policy.to_owned();
    if !policy.ends_with('\n') {
        policy.push('\n');
    }
    Policy::parse(&policy)?;
    let digest = digest(policy.as_bytes());
    let delimiter = format!("END_OF_POLICY_{}", digest.get(..DIGITS_IN_NAME).unwrap_or(&digest));
    check_policy(&policy, &delimiter)?;
    let name = format!("{}-{}", recipe.name, digest.get(..DIGITS_IN_NAME).unwrap_or(&digest));
    let text = Text { title: format!("{name}: policy sha256:{digest}"), policy, digest, delimiter, scripts: recipe.scripts };
    let what = match recipe.scripts {
        Scripts::Sent(_) => "runs the caller's Rhai script",
        Scripts::Stored => "runs an installed Rhai script by name",
    };
    let document = Document {
        schema_version: "2.2".to_owned(),
        description: Some(format!(
            "{name}: {what} under a Cedar policy that the caller cannot change, with rex-runner. Policy sha256:{}. Create it under the name \
             {name}, so that IAM can tell it from a document with another policy.",
            text.digest
        )),
        parameters: recipe.scripts.parameters().into_iter().map(|(name, parameter)| (name.to_owned(), parameter)).collect(),
        main_steps: recipe.platforms.iter().map(|platform| text.step(*platform)).collect(),
        other: serde_json::Map::new(),
    };
    let content = document.to_json()?;
    let characters: usize = document.parameters.values().filter_map(|parameter| parameter.max_chars).sum();
    let values = characters.saturating_mul(BYTES_PER_CHARACTER);
    if content.len().saturating_add(values) > MAX_CONTENT {
        return Err(RenderError::TooLarge { content: content.len(), values });
    }
    Ok(Rendered { name, content })
}

fn check_name(name: &str) -> Result<(), RenderError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws") || lower.starts_with("amazon");
    if plain && !reserved && (3..=100).contains(&name.len()) { Ok(()) } else { Err(RenderError::Name) }
}

fn check_policy(policy: &str, delimiter: &str) -> Result<(), RenderError> {
    if let Some(index) = policy.lines().position(|line| line.contains("{{")) {
        return Err(RenderError::Braces(index + 1));
    }
    if policy.contains(['\0', '\r']) {
        return Err(RenderError::Character);
    }
    if policy.lines().any(|line| line == delimiter) {
        return Err(RenderError::Delimiter(delimiter.to_owned()));
    }
    Ok(())
}

impl Scripts {
    fn parameters(self) -> Vec<(&'static str, Parameter)> {
        let parameter = |description: &str, pattern: &str, max_chars, default: Option<&str>| Parameter {
            kind: "String".to_owned(),
            description: Some(description.to_owned()),
            default: default.map(Into::into),
            interpolation_type: Some(ENV_VAR.to_owned()),
            allowed_pattern: Some(pattern.to_owned()),
            min_chars: Some(1),
            max_chars: Some(max_chars),
            ..Parameter::default()
        };
        let source = match self {
            Self::Sent(max) => {
                ("script", parameter("The Rhai script. It cannot have two opening braces in a row.", TEXT_PATTERN, max, None))
            }
            Self::Stored => ("name", parameter("The name of an installed script, without .rhai.", NAME_PATTERN, MAX_NAME, None)),
        };
        let arguments = "Variables of the script, as a JSON object. It cannot have two opening braces in a row.";
        let timeout = format!("Seconds that the script may take, 1 to {MAX_TIMEOUT}.");
        vec![
            source,
            ("arguments", parameter(arguments, OBJECT_PATTERN, MAX_ARGUMENTS, Some("{}"))),
            ("timeoutSeconds", parameter(&timeout, TIMEOUT_PATTERN, 4, Some("60"))),
        ]
    }
}

/// What the texts of the steps are made of.
struct Text {
    title: String,
    policy: String,
    digest: String,
    delimiter: String,
    scripts: Scripts,
}

impl Text {
    fn step(&self, platform: Platform) -> Step {
        let (action, command) = match platform {
            Platform::Linux | Platform::MacOs => (SHELL, self.shell()),
            Platform::Windows => (POWERSHELL, self.power_shell()),
        };
        Step {
            action: action.to_owned(),
            name: format!("RunOn{}", platform.name()),
            precondition: [("StringEquals".to_owned(), vec![PLATFORM_TYPE.to_owned(), platform.name().to_owned()])].into(),
            inputs: Inputs {
                timeout_seconds: Some(STEP_TIMEOUT.to_string()),
                run_command: command.lines().map(str::to_owned).collect(),
                ..Inputs::default()
            },
            other: serde_json::Map::new(),
        }
    }

    fn variables(&self) -> Vec<String> {
        self.scripts.parameters().iter().map(|(name, _)| format!("SSM_{name}")).collect()
    }

    fn shell(&self) -> String {
        let (source, check) = match self.scripts {
            Scripts::Sent(_) => ("--script-env SSM_script".to_owned(), String::new()),
            Scripts::Stored => (
                format!(r#"-s "{STORED_ON_UNIX}/$SSM_name.rhai""#),
                "case $SSM_name in\n'' | [!A-Za-z0-9]* | *[!A-Za-z0-9_-]*) refuse 5 invalid VALIDATION_EXCEPTION \
                 'name is not made of letters, digits, _ and -' ;;\nesac\n"
                    .to_owned(),
            ),
        };
        let variables = self.variables();
        let unset: String = variables.iter().map(|name| format!("${{{name}+x}}")).collect();
        let template = include_str!("step.sh").replace("__NAME_CHECK__\n", &check);
        let template = template.replace("__CHECK__", &unset).replace("__CHECKED__", &"x".repeat(variables.len()));
        self.fill(&template.replace("__SOURCE__", &source), &self.policy)
    }

    fn power_shell(&self) -> String {
        let (source, check) = match self.scripts {
            Scripts::Sent(_) => ("--script-env SSM_script", String::new()),
            Scripts::Stored => (
                "-s $script",
                "if ($env:SSM_name -cnotmatch '\\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\\z') {\n    Write-Verdict 5 'invalid' \
                 'VALIDATION_EXCEPTION' 'name is not made of letters, digits, _ and -'\n    exit 5\n}\n"
                    .to_owned()
                    + &format!("$script = Join-Path $env:ProgramFiles ('{STORED_ON_WINDOWS}\\' + $env:SSM_name + '.rhai')\n"),
            ),
        };
        let variables = self.variables();
        let set: Vec<_> = variables.iter().map(|name| format!("(Test-Path Env:{name})")).collect();
        let template = include_str!("step.ps1").replace("__NAME_CHECK__\n", &check).replace("__CHECK__", &set.join(" -and "));
        self.fill(&template.replace("__SOURCE__", source), &BASE64_STANDARD.encode(&self.policy))
    }

    /// The policy comes last: it may say what it likes.
    fn fill(&self, template: &str, policy: &str) -> String {
        template
            .replace("__TITLE__", &self.title)
            .replace("__MAX_TIMEOUT__", &MAX_TIMEOUT.to_string())
            .replace("__DIGEST__", &self.digest)
            .replace("__DELIMITER__", &self.delimiter)
            .replace("__POLICY__", policy)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::ssm::lint::lint;

    const POLICY: &str = "permit(principal, action, resource);\n";

    fn recipe(policy: &str) -> Recipe<'_> {
        Recipe { name: "Test", policy, platforms: Platform::ALL, scripts: Scripts::Sent(8000) }
    }

    fn refusal(recipe: &Recipe<'_>) -> String {
        render(recipe).unwrap_err().to_string()
    }

    /// Run with `REX_UPDATE=1` to write the documents anew.
    #[test]
    fn the_committed_documents_are_rendered_and_clean() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ssm-documents");
        for (name, scripts) in [("Rex-RO", Scripts::Sent(8000)), ("Rex-RW", Scripts::Sent(8000)), ("Rex-Stored", Scripts::Stored)]
        {
            let policy = std::fs::read_to_string(root.join(format!("{name}.cedar"))).unwrap();
            let rendered = render(&Recipe { name, policy: &policy, platforms: Platform::ALL, scripts }).unwrap();
            let path = root.join(format!("{name}.json"));
            if std::env::var_os("REX_UPDATE").is_some() {
                std::fs::write(&path, &rendered.content).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == rendered.content, "{name}: run this test with REX_UPDATE=1");
            assert_eq!(lint(&committed).unwrap(), [], "{name}");
            assert!(committed.contains(&format!("policy sha256:{}", digest(policy.as_bytes()))));
            assert!(!committed.contains("{{"), "{name}");
        }
    }

    #[test]
    fn what_would_not_survive_the_way_is_refused() {
        for (policy, words) in [
            ("permit(principal, action, resource)", "not valid"),
            ("permit(principal, action, resource); // {{ssm:x}}", "line 1"),
            ("// {{ script }}\npermit(principal, action, resource);", "two braces"),
            ("permit(principal, action, resource);\r\n", "carriage return"),
        ] {
            assert!(refusal(&recipe(policy)).contains(words), "{policy}");
        }
        for name in ["ab", "a b", "aws-x", "Amazon.x", "x'y", &"x".repeat(101)] {
            assert!(refusal(&Recipe { name, ..recipe(POLICY) }).contains("name"), "{name}");
        }
        assert!(refusal(&Recipe { platforms: &[], ..recipe(POLICY) }).contains("platform"));
    }

    #[test]
    fn the_line_that_ends_the_policy_is_not_in_it() {
        assert!(check_policy("a\nEND\n", "END").is_err());
        assert!(check_policy("a\nEND2\n END\n", "END").is_ok());
    }

    #[test]
    fn a_document_leaves_room_for_the_largest_script() {
        let long = format!("{POLICY}//{}\n", "x".repeat(20_000));
        assert!(refusal(&recipe(&long)).contains("--max-script"));
        let fits = Recipe { platforms: &[Platform::Linux], scripts: Scripts::Sent(4000), ..recipe(&long) };
        assert!(render(&fits).unwrap().content.len() + 3 * (4000 + MAX_ARGUMENTS) <= MAX_CONTENT);
    }

    #[test]
    fn the_largest_time_is_below_the_steps() {
        let pattern = Regex::new(TIMEOUT_PATTERN).unwrap();
        let admitted: Vec<_> = (0..20_000).filter(|seconds| pattern.is_match(&seconds.to_string())).collect();
        assert_eq!(admitted, (1..=3600).collect::<Vec<_>>());
        for text in ["", "01", "1s", " 1", "1\n", "-1", "1e3", "٣"] {
            assert!(!pattern.is_match(text), "{text:?}");
        }
    }

    proptest! {
        /// The agent looks for two braces and nothing else.
        #[test]
        fn patterns_refuse_two_braces_and_nothing_else(text in "[{}a \n\\PC]{0,40}") {
            let matches = |pattern: &str, text: &str| Regex::new(pattern).unwrap().is_match(text);
            prop_assert_eq!(matches(TEXT_PATTERN, &text), !text.contains("{{"));
            let object = format!("{{{text}");
            prop_assert_eq!(matches(OBJECT_PATTERN, &object), !object.contains("{{") && !text.is_empty() && !object.ends_with("{"));
        }
    }
}
