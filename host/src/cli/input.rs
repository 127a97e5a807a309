//! Scripts, policies and arguments, from where the command line says they are.

use std::env::VarError;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::arguments::InputArguments;
use crate::audit::digest;
use crate::limits::{MAX_ARGUMENT_BYTES, MAX_POLICY_BYTES, MAX_SCRIPT_BYTES};

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("the {what} {path} cannot be read: {cause}")]
    Unreadable { what: &'static str, path: PathBuf, cause: io::Error },
    #[error("the {what} {path} is not UTF-8, from byte {position} on")]
    NotUtf8 { what: &'static str, path: PathBuf, position: usize },
    #[error("the {what} {path} has more than {limit} bytes")]
    TooLarge { what: &'static str, path: PathBuf, limit: usize },
    #[error(
        "the arguments in {path} are not valid: {cause}; an argument file has the form {{\"name\": {{\"stringValue\": \"x\"}}}}, and plain JSON \
         is for --args-json"
    )]
    ArgumentFile { path: PathBuf, cause: serde_json::Error },
    #[error("the arguments {origin} are not valid: {cause}")]
    Arguments { origin: String, cause: serde_json::Error },
    #[error("the argument `{0}` is given twice")]
    Twice(String),
    #[error("the environment variable {0} is not set; the SSM agent sets it from version 3.3.2746.0 on, and an older one never")]
    Unset(String),
    #[error("the environment variable {0} is not UTF-8")]
    EnvironmentNotUtf8(String),
    #[error("the policy {path} has the digest sha256:{found}, and not the one that --policy-digest demands")]
    PolicyDigest { path: PathBuf, found: String },
    #[error("a policy file has to be given with -p")]
    NoPolicy,
    #[error("a script has to be given with -s or --script")]
    NoScript,
}

impl InputError {
    /// Whether a limit was reached, as opposed to something being wrong.
    pub(super) const fn is_excess(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

impl InputArguments {
    pub(super) fn script(&self) -> Result<String, InputError> {
        match (&self.script, &self.script_env, &self.script_file) {
            (Some(text), ..) => Ok(text.clone()),
            (None, Some(name), _) => environment(name),
            (None, None, Some(path)) => read("script", path, MAX_SCRIPT_BYTES),
            (None, None, None) => Err(InputError::NoScript),
        }
    }

    /// Where the script is from.
    pub(super) fn origin(&self) -> String {
        match (&self.script_env, &self.script_file) {
            (Some(name), _) => format!("in the environment variable {name}"),
            (None, Some(path)) if path.as_os_str() == "-" => "on standard input".to_owned(),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => "of --script".to_owned(),
        }
    }

    pub(super) fn policy(&self) -> Result<String, InputError> {
        let path = self.policy_file.as_deref().ok_or(InputError::NoPolicy)?;
        let text = read("policy", path, MAX_POLICY_BYTES)?;
        if let Some(demanded) = &self.policy_digest {
            let found = digest(text.as_bytes());
            if *demanded != found {
                return Err(InputError::PolicyDigest { path: path.to_owned(), found });
            }
        }
        Ok(text)
    }

    /// All arguments as one JSON object.
    pub(super) fn arguments(&self) -> Result<String, InputError> {
        let mut all = Map::new();
        let mut add = |name: String, value: Value| match all.contains_key(&name) {
            true => Err(InputError::Twice(name)),
            false => {
                all.insert(name, value);
                Ok(())
            }
        };
        if let Some(path) = &self.script_arguments_file {
            let text = read("argument file", path, MAX_ARGUMENT_BYTES)?;
            for (name, value) in tagged(&text).map_err(|cause| InputError::ArgumentFile { path: path.clone(), cause })? {
                add(name, value)?;
            }
        }
        let plain = self.args_json.as_ref().map(|text| ("of --args-json".to_owned(), Ok(text.clone())));
        let from_environment = self.args_env.as_ref().map(|name| (format!("in {name}"), environment(name)));
        for (origin, text) in plain.into_iter().chain(from_environment) {
            for (name, value) in self::plain(&text?).map_err(|cause| InputError::Arguments { origin, cause })? {
                add(name, value)?;
            }
        }
        for (name, value) in &self.named {
            add(name.clone(), Value::String(value.clone()))?;
        }
        Ok(Value::Object(all).to_string())
    }
}

/// Variables as AWS Rex writes them in its argument files: `{"name": {"stringValue": "x"}, …}`. One that stands there twice is here twice.
///
/// # Errors
///
/// When the text is no such file.
pub fn tagged(text: &str) -> serde_json::Result<Vec<(String, Value)>> {
    let Members(members) = serde_json::from_str::<Members<Tagged>>(text)?;
    Ok(members.into_iter().map(|(name, value)| (name, value.into())).collect())
}

/// Variables as a plain JSON object. One that stands there twice is here twice.
///
/// # Errors
///
/// When the text is no JSON object.
pub fn plain(text: &str) -> serde_json::Result<Vec<(String, Value)>> {
    serde_json::from_str(text).map(|Members(members)| members)
}

/// The members of an object as they stand there, so that one that stands twice is seen.
struct Members<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Members<T>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("an object whose members are the variables")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

/// A value as AWS Rex writes it in its argument files.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "the names are those of the format")]
enum Tagged {
    StringValue(String),
    IntegerValue(i32),
    LongValue(i64),
    DoubleValue(f64),
    BooleanValue(bool),
    ListValue(Vec<Tagged>),
    MapValue(Members<Tagged>),
}

impl From<Tagged> for Value {
    fn from(tagged: Tagged) -> Self {
        match tagged {
            Tagged::StringValue(text) => text.into(),
            Tagged::IntegerValue(number) => number.into(),
            Tagged::LongValue(number) => number.into(),
            Tagged::DoubleValue(number) => number.into(),
            Tagged::BooleanValue(boolean) => boolean.into(),
            Tagged::ListValue(elements) => elements.into_iter().map(Self::from).collect(),
            Tagged::MapValue(Members(members)) => members.into_iter().map(|(name, value)| (name, Self::from(value))).collect(),
        }
    }
}

fn environment(name: &str) -> Result<String, InputError> {
    std::env::var(name).map_err(|error| match error {
        VarError::NotPresent => InputError::Unset(name.to_owned()),
        VarError::NotUnicode(_) => InputError::EnvironmentNotUtf8(name.to_owned()),
    })
}

pub(super) fn read(what: &'static str, path: &Path, limit: usize) -> Result<String, InputError> {
    let unreadable = |cause| InputError::Unreadable { what, path: path.to_owned(), cause };
    let source: Box<dyn io::Read> =
        if path.as_os_str() == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(unreadable)?) };
    let mut content = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(bound).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > limit {
        return Err(InputError::TooLarge { what, path: path.to_owned(), limit });
    }
    String::from_utf8(content).map_err(|error| InputError::NotUtf8 {
        what,
        path: path.to_owned(),
        position: error.utf8_error().valid_up_to(),
    })
}
