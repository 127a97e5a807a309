//! The text of a step, divided into what is executed and what is only data.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use regex::Regex;

static HERE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"<<-?\s*(["'\\]?)([A-Za-z0-9_.-]+)"#).ok());
static BASE64: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"FromBase64String\('([A-Za-z0-9+/=\s]*)'\)").ok());

/// A step's text.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// What is executed, with the number of each line, without comments.
    pub(super) code: Vec<(usize, String)>,
    pub(super) data: Vec<Data>,
}

/// A text within the step's that is not executed.
#[derive(Debug)]
pub(super) struct Data {
    /// Where it begins.
    pub(super) line: usize,
    /// Whether the shell leaves it as it is.
    pub(super) quoted: bool,
    /// Whether it stands in the text as it is, so that the agent's substitution finds what looks like a parameter.
    pub(super) readable: bool,
    pub(super) text: String,
}

impl Script {
    pub(super) fn parse(lines: &[String]) -> Self {
        let text = lines.join("\n");
        let mut script = Self::default();
        let mut rest = text.lines().zip(1..);
        while let Some((line, number)) = rest.next() {
            if line.trim_start().starts_with('#') {
                continue;
            }
            script.code.push((number, line.to_owned()));
            if let Some((end, quoted)) = opens(line) {
                let mut data = Data { line: number + 1, quoted, readable: true, text: String::new() };
                for (line, _) in rest.by_ref().take_while(|(line, _)| line.trim_start_matches('\t') != end) {
                    data.text.push_str(line);
                    data.text.push('\n');
                }
                script.data.push(data);
            }
            script.data.extend(encoded(line, number));
        }
        script
    }

    /// What is executed, as one text.
    pub(super) fn text(&self) -> String {
        self.code.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// The line that ends the text which begins after this one, and whether that is taken literally.
fn opens(line: &str) -> Option<(String, bool)> {
    let trimmed = line.trim_end();
    if trimmed.ends_with("@'") {
        return Some(("'@".to_owned(), true));
    }
    if trimmed.ends_with("@\"") {
        return Some(("\"@".to_owned(), false));
    }
    let captures = HERE.as_ref()?.captures(line)?;
    Some((captures.get(2)?.as_str().to_owned(), captures.get(1).is_some_and(|quote| !quote.is_empty())))
}

fn encoded(line: &str, number: usize) -> Option<Data> {
    let text = BASE64.as_ref()?.captures(line)?.get(1)?.as_str();
    let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
    Some(Data { line: number, quoted: true, readable: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_not_code() {
        let lines =
            ["# a comment", "cat <<'E' >x", "in /tmp", "E", "run <<F", "$x", "F", "b [Convert]::FromBase64String('aGk=')"];
        let script = Script::parse(&lines.map(str::to_owned));
        let numbers: Vec<_> = script.code.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 5, 8]);
        let data: Vec<_> = script.data.iter().map(|data| (data.line, data.quoted, data.text.as_str())).collect();
        assert_eq!(data, [(3, true, "in /tmp\n"), (6, false, "$x\n"), (8, true, "hi")]);
    }
}
