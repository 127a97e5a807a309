//! What is shown of a file that may be read redacted only: the lines that a dictionary knows, and of the others that they are there.

use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::Arc;

use regex::{RegexSet, RegexSetBuilder};
use wasmtime::component::Resource;

use super::text::{self, BUFFER};
use super::{Answer, FileHandle, ReadPermit};
use crate::capability::{Failure, State};
use crate::gate::{Asked, Either, Read as ReadAct, RedactedRead};
use crate::journal::Level;
use crate::platform::{AbsolutePath, Links};
use crate::policy::EntityType::File;
use crate::sandbox::bindings::rex::host::types::{Error, ErrorKind};

/// What stands for a line that is not shown.
const REDACTED: &[u8] = b"[REDACTED]";
/// Bytes of a line that may be shown. A longer one is not looked at.
const MAX_LINE: usize = 64 << 10;
/// Bytes that a dictionary may have.
const MAX_DICTIONARY: usize = 1 << 20;
/// Bytes that its expressions may take.
const MAX_COMPILED: usize = 64 << 20;

/// What of a file the policy lets the script see.
pub(super) struct Shown {
    pub(super) asked: AbsolutePath,
    pub(super) reader: Box<dyn Read>,
    /// Bytes that there will be, where that is known.
    pub(super) size: Option<u64>,
}

impl State {
    /// Opens a file for what the policy lets the script see of it.
    pub(super) fn shown(&mut self, handle: &Resource<FileHandle>) -> Answer<Shown> {
        let (asked, object) = self.open_to_read(handle)?;
        let permit = self.gate.permit_or::<ReadAct, RedactedRead, _>(Asked { kind: File, path: asked.as_str() }, &object)?;
        match permit {
            Either::First(permit) => {
                let permit = ReadPermit { permit, asked, page: 0 };
                let reader = text::open(self, &permit)?;
                Ok(Shown { size: reader.size(), reader: Box::new(reader), asked: permit.asked })
            }
            Either::Second(permit, denial) => {
                let dictionary = match self.dictionary() {
                    Err(Failure::Guest(error)) => {
                        let reason = match error {
                            Error::Denied(denial) => format!("{} {}: {}", denial.action, denial.resource, denial.reason),
                            Error::Failed(failure) => failure.message,
                            Error::Exceeded(excess) => excess.message,
                        };
                        let message = format!("{:?} cannot be read redacted without a dictionary: {reason}", asked.as_str());
                        self.journal.lock().log(Level::Warn, 0, message);
                        return Err(self.gate.deny(denial).into());
                    }
                    dictionary => dictionary?,
                };
                let permit = ReadPermit { permit, asked, page: 0 };
                let reader = Redacting::new(text::open(self, &permit)?, dictionary);
                Ok(Shown { size: None, reader: Box::new(reader), asked: permit.asked })
            }
        }
    }

    /// The dictionary, which is read once in a run.
    fn dictionary(&mut self) -> Answer<Arc<Dictionary>> {
        if let Some(known) = &self.redaction.dictionary {
            return Ok(Arc::clone(known));
        }
        let path = self.redaction.path.clone();
        let (kind, object) = self.open_object(&path, Links::Follow)?;
        let permit = self.gate.permit(Asked { kind, path: path.as_str() }, object)?;
        let permit = ReadPermit { permit, asked: path.clone(), page: 0 };
        let text = text::whole(self, &permit)?;
        let invalid =
            |message| Failure::of(ErrorKind::ValidationError, format!("the redaction dictionary {:?}: {message}", path.as_str()));
        let (dictionary, left_out) = Dictionary::parse(&text).map_err(invalid)?;
        for (line, cause) in left_out {
            let message = format!("the redaction dictionary {:?}, line {line} is left out: {cause}", path.as_str());
            self.journal.lock().log(Level::Warn, 0, message);
        }
        let dictionary = Arc::new(dictionary);
        self.redaction.dictionary = Some(Arc::clone(&dictionary));
        Ok(dictionary)
    }
}

/// Where the dictionary is, and the dictionary once it was needed.
#[derive(Debug)]
pub(in crate::capability) struct Redaction {
    path: AbsolutePath,
    dictionary: Option<Arc<Dictionary>>,
}

impl Redaction {
    pub(in crate::capability) const fn new(path: AbsolutePath) -> Self {
        Self { path, dictionary: None }
    }
}

/// Which lines may be shown: those that are, from their first character to their last, what a `printf` of a known text gives.
#[derive(Debug)]
struct Dictionary(RegexSet);

impl Dictionary {
    /// One text for each line, as a program has it in its source; `#` begins a comment. Gives the numbers of the lines that cannot be
    /// used as well, and why.
    fn parse(text: &str) -> Result<(Self, Vec<(usize, String)>), String> {
        if text.len() > MAX_DICTIONARY {
            return Err(format!("it has {} bytes, and may have {MAX_DICTIONARY}", text.len()));
        }
        let mut expressions = Vec::new();
        let mut left_out = Vec::new();
        let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        for (line, number) in lines {
            match expression(line) {
                Ok(expression) => expressions.push(expression),
                Err(cause) => left_out.push((number, cause)),
            }
        }
        let set = RegexSetBuilder::new(expressions).size_limit(MAX_COMPILED).build();
        Ok((Self(set.map_err(|error| error.to_string())?), left_out))
    }

    fn knows(&self, line: &[u8]) -> bool {
        std::str::from_utf8(line).is_ok_and(|line| self.0.is_match(line.trim()))
    }
}

/// A text as `printf` takes it, as a regular expression for what it gives.
fn expression(text: &str) -> Result<String, String> {
    let mut parts = text.split('%');
    let mut expression = format!("^{}", regex::escape(parts.next().unwrap_or_default()));
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // `%%` is the sign itself; what follows it is no specifier.
            let Some(rest) = parts.next() else { return Err("a `%` stands at its end".to_owned()) };
            expression.push('%');
            expression.push_str(&regex::escape(rest));
            continue;
        }
        let bare = part.trim_start_matches(|character: char| character.is_ascii_digit() || "#-+ .*".contains(character));
        let bare = bare.trim_start_matches(['h', 'l', 'j', 'z', 't', 'q']);
        let mut characters = bare.chars();
        expression.push_str(match characters.next() {
            Some('s') => r"\S+",
            Some('d' | 'i') => r"-?\d+",
            Some('u') => r"\d+",
            Some('m') => ".*",
            other => return Err(format!("%{} is not known: use %s, %d, %i, %u, %m or %%", other.unwrap_or(' '))),
        });
        expression.push_str(&regex::escape(characters.as_str()));
    }
    expression.push('$');
    Ok(expression)
}

/// A reader that shows only the lines that a dictionary knows.
struct Redacting<R> {
    reader: BufReader<R>,
    dictionary: Arc<Dictionary>,
    line: Vec<u8>,
    /// Bytes of the line that were given away.
    given: usize,
}

impl<R: Read> Redacting<R> {
    fn new(reader: R, dictionary: Arc<Dictionary>) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, reader), dictionary, line: Vec::new(), given: 0 }
    }

    /// Reads the next line, and replaces it if it is not known.
    fn next_line(&mut self) -> io::Result<()> {
        self.given = 0;
        self.line.clear();
        let mut whole = self.read_part()?;
        let known = whole && {
            let end = self.line.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            self.dictionary.knows(self.line.get(..self.line.len() - end).unwrap_or_default())
        };
        if known || self.line.is_empty() {
            return Ok(());
        }
        while !whole {
            self.line.clear();
            whole = self.read_part()?;
        }
        let ended = self.line.ends_with(b"\n");
        self.line.clear();
        self.line.extend_from_slice(REDACTED);
        if ended {
            self.line.push(b'\n');
        }
        Ok(())
    }

    /// Reads up to the end of the line, if that is near. Tells whether it is.
    fn read_part(&mut self) -> io::Result<bool> {
        let bound = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line)?;
        Ok(read < MAX_LINE || self.line.ends_with(b"\n"))
    }
}

impl<R: Read> Read for Redacting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() {
            self.next_line()?;
        }
        let mut rest = self.line.get(self.given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(dictionary: &str, text: impl AsRef<[u8]>) -> String {
        let dictionary = Arc::new(Dictionary::parse(dictionary).unwrap().0);
        let mut shown = String::new();
        Redacting::new(text.as_ref(), dictionary).read_to_string(&mut shown).unwrap();
        shown
    }

    #[test]
    fn only_lines_that_are_known_as_a_whole_are_shown() {
        let dictionary = "# comment\n\nuser %s logged in\n  took %5.2d ms (%%%zu)\nerror: %m";
        for (line, shown) in [
            ("user ann logged in", true),
            ("\tuser ann logged in ", true),
            ("took -3 ms (%99)", true),
            ("error: No such file", true),
            ("password=x user ann logged in", false),
            ("user ann logged in password=x", false),
            ("user ann lee logged in", false),
            ("took 3 ms [%99]", false),
            ("# comment", false),
        ] {
            assert_eq!(redacted(dictionary, line), if shown { line } else { "[REDACTED]" }, "{line}");
        }
    }

    #[test]
    fn lines_keep_their_number_and_their_ends() {
        assert_eq!(redacted("a", "a\nb\n\na\r\nb"), "a\n[REDACTED]\n[REDACTED]\na\r\n[REDACTED]");
        assert_eq!(redacted("a", ""), "");
        assert_eq!(redacted("a", b"\xff\na\n"), "[REDACTED]\na\n");
    }

    #[test]
    fn a_long_line_is_redacted_without_being_held() {
        for length in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE] {
            let text = format!("{}\na\n", "x".repeat(length));
            assert_eq!(redacted("a", text), "[REDACTED]\na\n", "{length}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_used_shows_nothing() {
        let (dictionary, left_out) = Dictionary::parse("a %f\nb %\nc %s").unwrap();
        assert!(!dictionary.knows(b"a 1.0") && !dictionary.knows(b"b ") && dictionary.knows(b"c d"));
        assert_eq!(left_out.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        /// What stands in a dictionary without a specifier knows itself and nothing else.
        #[test]
        fn literal_text_is_no_pattern(text in "[^%\\s#][^%\\n\\r]{0,20}[^%\\s]", line in "[a-c.*+()\\[\\]{}|^$\\\\]{0,8}") {
            let dictionary = Dictionary::parse(&text).unwrap().0;
            prop_assert!(dictionary.knows(text.as_bytes()));
            prop_assert_eq!(dictionary.knows(line.as_bytes()), line.trim() == text.trim());
        }
    }
}
