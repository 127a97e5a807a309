//! The chain: each line ends with a hash of itself and of the line before it in its run.
//!
//! `hash` is the last member of a line. It is the SHA-256 of the hash before, as it stands there, and of the line up to `,"hash"`; before the
//! first line of a run there is nothing.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What stands between a line's content and its hash.
const MARK: &[u8] = br#","hash":""#;

/// A line's hash, as it stands in it: small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Link([u8; 64]);

impl Link {
    /// Reads the digits of a hash.
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 64] = digits.try_into().ok()?;
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    fn of(before: Option<&Self>, content: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(before.map_or(&[][..], |Self(digits)| digits)).chain_update(content).finalize();
        let mut digits = [0; 64];
        for (two, digit) in digits.iter_mut().zip(super::digits(&hash)) {
            *two = digit;
        }
        Self(digits)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(formatter, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<Link> for String {
    fn from(Link(digits): Link) -> Self {
        digits.iter().copied().map(char::from).collect()
    }
}

impl TryFrom<String> for Link {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("this is no hash")
    }
}

/// Puts the hash into a line that ends with this many braces, and ends the line.
pub(super) fn seal(line: &mut Vec<u8>, braces: usize, before: Option<&Link>) -> Link {
    let closing = line.split_off(line.len().saturating_sub(braces));
    let link = Link::of(before, line);
    line.extend_from_slice(MARK);
    line.extend_from_slice(&link.0);
    line.push(b'"');
    line.extend_from_slice(&closing);
    line.push(b'\n');
    link
}

/// A line without its end, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'l> {
    content: &'l [u8],
    pub(super) link: Link,
    /// Whether the members of the record are those of a member, as in OCSF.
    pub(super) nested: bool,
}

impl<'l> Sealed<'l> {
    pub(super) fn open(line: &'l [u8]) -> Option<Self> {
        let nested = line.ends_with(b"}}");
        let line = line.strip_suffix(if nested { &b"\"}}"[..] } else { b"\"}" })?;
        let (content, digits) = line.split_last_chunk::<64>()?;
        Some(Self { content: content.strip_suffix(MARK)?, link: Link::parse(digits)?, nested })
    }

    /// Whether this line comes after that one, and both are as they were written.
    pub(super) fn follows(&self, before: Option<&Link>) -> bool {
        Link::of(before, self.content) == self.link
    }
}

/// What a file ends with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The hash of its last whole line.
    pub(super) link: Option<Link>,
    /// Whether a line was cut off behind it.
    pub(super) torn: bool,
}

impl Tail {
    /// Looks at the last bytes of a file, however long it is.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut file = crate::platform::private(fs::OpenOptions::new().read(true)).open(path)?;
        // Few lines are longer than the first; what was cut off can be as long as a line.
        let few = Self::within(&mut file, 4 << 10)?;
        if few.link.is_some() { Ok(few) } else { Self::within(&mut file, 1 << 20) }
    }

    fn within(file: &mut File, bytes: u64) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.take(bytes).read_to_end(&mut end)?;
        let link = end.rsplit(|byte| *byte == b'\n').skip(1).find_map(Sealed::open).map(|sealed| sealed.link);
        Ok(Self { link, torn: end.last().is_some_and(|byte| *byte != b'\n') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_anybody_can_compute() {
        let mut first = br#"{"a":1}"#.to_vec();
        let link = seal(&mut first, 1, None);
        // printf '{"a":1' | sha256sum
        let expected = "8b0f0d75aabe01bbfba9341752c2cf7626f154e676aa791427b31aebfabc2592";
        assert_eq!(first, format!("{{\"a\":1,\"hash\":\"{link}\"}}\n").into_bytes());
        assert_eq!(link.to_string(), expected);
        let mut second = br#"{"b":{"c":2}}"#.to_vec();
        seal(&mut second, 2, Some(&link));
        let sealed = Sealed::open(second.strip_suffix(b"\n").unwrap()).unwrap();
        assert!(sealed.nested && sealed.follows(Some(&link)) && !sealed.follows(None));
    }

    #[test]
    fn the_end_of_a_file_is_found_behind_what_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut line = br#"{"a":1}"#.to_vec();
        let link = seal(&mut line, 1, None);
        for (content, expected) in [
            (vec![], Tail { link: None, torn: false }),
            (b"something else\n".to_vec(), Tail { link: None, torn: false }),
            (line.clone(), Tail { link: Some(link), torn: false }),
            ([&line, &line[..40]].concat(), Tail { link: Some(link), torn: true }),
            ([&b"x".repeat(10_000), &line, &b"y".repeat(10_000)[..]].concat(), Tail { link: Some(link), torn: true }),
            (line[..line.len() - 1].to_vec(), Tail { link: None, torn: true }),
        ] {
            fs::write(&path, &content).unwrap();
            assert_eq!(Tail::read(&path).unwrap(), expected, "{:?}", String::from_utf8_lossy(&content));
        }
    }
}
