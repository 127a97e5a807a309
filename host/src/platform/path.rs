//! Paths and names as a script may give them.

use std::fmt;

/// Longer paths are refused, in bytes. It is Linux's PATH_MAX without its NUL.
const MAX_PATH: usize = 4095;
/// Longer names are refused, in bytes. It is Linux's NAME_MAX.
const MAX_NAME: usize = 255;

/// An absolute path without `.`, `..`, empty components and NUL. It says what was asked for, and nothing about what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsolutePath {
    /// INVARIANT: begins with `/` and has no trailing one, except `/` itself.
    text: String,
    directory: bool,
}

/// One component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// INVARIANT: not empty, not `.` or `..`, without `/` and NUL.
    text: String,
}

/// Why a text is no usable path or name. The text itself is not repeated: the caller has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidPath {
    #[error("the path is empty")]
    Empty,
    #[error("the path is not absolute: it has to begin with `/`")]
    Relative,
    #[error("the path has `..` in it: give the directory itself")]
    Parent,
    #[error("the path has a NUL character in it")]
    Nul,
    #[error("the path is longer than {MAX_PATH} bytes, or a name in it longer than {MAX_NAME}")]
    TooLong,
    #[error("the name is not a plain one: no `/`, not `.` or `..`")]
    NotPlain,
}

impl AbsolutePath {
    /// Checks and normalises. A trailing `/` or `/.` demands a directory.
    ///
    /// # Errors
    ///
    /// For a path that is relative, too long, or has `..` or NUL in it.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if text.is_empty() {
            return Err(InvalidPath::Empty);
        }
        let Some(below) = text.strip_prefix('/') else {
            return Err(InvalidPath::Relative);
        };
        if text.contains('\0') {
            return Err(InvalidPath::Nul);
        }
        if text.len() > MAX_PATH {
            return Err(InvalidPath::TooLong);
        }
        let mut normal = String::with_capacity(text.len());
        for component in below.split('/') {
            match component {
                "" | "." => {}
                ".." => return Err(InvalidPath::Parent),
                name if name.len() > MAX_NAME => return Err(InvalidPath::TooLong),
                name => {
                    normal.push('/');
                    normal.push_str(name);
                }
            }
        }
        if normal.is_empty() {
            normal.push('/');
        }
        let directory = normal == "/" || text.ends_with('/') || text.ends_with("/.");
        Ok(Self { text: normal, directory })
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether only a directory will do.
    #[must_use]
    pub fn demands_directory(&self) -> bool {
        self.directory
    }

    /// The path of an entry of this directory.
    ///
    /// # Errors
    ///
    /// When it becomes too long.
    pub fn join(&self, name: &Name) -> Result<Self, InvalidPath> {
        let text = join(&self.text, &name.text);
        if text.len() > MAX_PATH { Err(InvalidPath::TooLong) } else { Ok(Self { text, directory: false }) }
    }
}

impl Name {
    /// Checks.
    ///
    /// # Errors
    ///
    /// For anything but one plain component.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        match text {
            "" => Err(InvalidPath::Empty),
            "." | ".." => Err(InvalidPath::NotPlain),
            _ if text.contains('\0') => Err(InvalidPath::Nul),
            _ if text.contains('/') => Err(InvalidPath::NotPlain),
            _ if text.len() > MAX_NAME => Err(InvalidPath::TooLong),
            _ => Ok(Self { text: text.to_owned() }),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The path of an entry, where both are normal.
pub(super) fn join(directory: &str, name: &str) -> String {
    match directory {
        "/" => format!("/{name}"),
        _ => format!("{directory}/{name}"),
    }
}

/// Whether a canonical path is a directory's own, or below it.
#[must_use]
pub fn is_in(path: &str, directory: &str) -> bool {
    let below = path.strip_prefix(directory.trim_end_matches('/'));
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// The directory of a normal path; `/` for itself.
#[must_use]
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((directory, _)) => directory,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Threat: T-PATH-1
    #[test]
    fn spellings_of_one_path_are_one() {
        for text in ["/a/b", "//a//b", "/./a/./b", "/a/b"] {
            assert_eq!(AbsolutePath::parse(text).unwrap().as_str(), "/a/b");
        }
        for text in ["/", "//", "/.", "/./"] {
            let root = AbsolutePath::parse(text).unwrap();
            assert_eq!((root.as_str(), root.demands_directory()), ("/", true), "{text}");
        }
        for text in ["/a/", "/a//", "/a/."] {
            assert!(AbsolutePath::parse(text).unwrap().demands_directory(), "{text}");
        }
        assert!(!AbsolutePath::parse("/a/.b").unwrap().demands_directory());
    }

    // Threat: T-PATH-1
    #[test]
    fn what_is_no_path_is_refused() {
        for (text, error) in [
            ("", InvalidPath::Empty),
            ("a/b", InvalidPath::Relative),
            ("~/a", InvalidPath::Relative),
            ("file:///etc/passwd", InvalidPath::Relative),
            ("/..", InvalidPath::Parent),
            ("/a/../b", InvalidPath::Parent),
            ("/a/..", InvalidPath::Parent),
            ("/a\0/b", InvalidPath::Nul),
        ] {
            assert_eq!(AbsolutePath::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(AbsolutePath::parse(&"/a".repeat(3000)), Err(InvalidPath::TooLong));
        assert_eq!(AbsolutePath::parse(&format!("/{}", "a".repeat(256))), Err(InvalidPath::TooLong));
    }

    /// Texts that other systems give a meaning to are plain names here.
    // Threat: T-PATH-1
    #[test]
    fn encodings_stay_literal() {
        for name in ["%2e%2e%2f", "..%2f", "\u{ff0e}\u{ff0e}", "...", "$HOME", "*", "a\u{202e}b", "\\..\\", " ", "a\nb"] {
            assert_eq!(AbsolutePath::parse(&format!("/x/{name}")).unwrap().as_str(), format!("/x/{name}"));
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_name_is_one_component() {
        for text in ["", ".", "..", "a/b", "/", "a\0"] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_path_is_normal_and_stays_so(text in "[/.a\0é-]{0,40}") {
            if let Ok(path) = AbsolutePath::parse(&text) {
                let normal = path.as_str();
                prop_assert!(normal.starts_with('/'));
                prop_assert!(normal == "/" || normal.split('/').skip(1).all(|name| !matches!(name, "" | "." | "..")));
                let again = AbsolutePath::parse(normal).unwrap();
                prop_assert_eq!(again.as_str(), normal);
                prop_assert!(normal.starts_with(parent(normal)));
            }
        }
    }
}
