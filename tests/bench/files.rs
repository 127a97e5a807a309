//! Work on many files and on large ones, which the shell's own tools do too.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Entries of the large directory.
const ENTRIES: usize = 20_000;
/// Files of the tree, in directories of so many.
const FILES: (usize, usize) = (100_000, 1_000);
/// Bytes of the large file.
const LARGE: usize = 1_000_000_000;
const LINE: &str = "2026-11-22T00:00:00Z INFO a line of a log that looks like the others, of the usual length\n";
const NEEDLE: &str = "the line that is looked for";

/// One piece of work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) script: String,
    pub(crate) output: String,
    /// The same for the shell.
    pub(crate) tool: Vec<String>,
    /// What the work makes, and what must not be there before it.
    pub(crate) makes: Option<PathBuf>,
}

/// Makes the files: a gigabyte of them.
pub(crate) fn prepare(root: &Path) -> Result<Vec<Work>> {
    let (many, tree, large, copy) = (root.join("many"), root.join("tree"), root.join("large"), root.join("copy"));
    fs::create_dir(&many)?;
    for number in 0..ENTRIES {
        File::create(many.join(format!("entry-{number}")))?;
    }
    for directory in 0..FILES.0 / FILES.1 {
        let directory = tree.join(directory.to_string());
        fs::create_dir_all(&directory)?;
        for number in 0..FILES.1 {
            File::create(directory.join(format!("{number}.log")))?;
        }
    }
    let mut file = BufWriter::new(File::create(&large)?);
    for _ in 0..LARGE / LINE.len() {
        file.write_all(LINE.as_bytes())?;
    }
    writeln!(file, "{NEEDLE}")?;
    file.into_inner()?.sync_all()?;

    let tool = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let text = |path: &Path| path.display().to_string();
    let (many, tree, large, copied) = (text(&many), text(&tree), text(&large), text(&copy));
    Ok(vec![
        Work {
            name: "ls, 20,000 entries",
            script: format!("ls(\"{many}\").len()"),
            output: ENTRIES.to_string(),
            tool: tool(&["ls", &many]),
            makes: None,
        },
        Work {
            name: "find_files, 100,000 files",
            script: format!("find_files([glob::recursive], \"*.log\", \"{tree}\").len()"),
            output: FILES.0.to_string(),
            tool: tool(&["find", &tree, "-name", "*.log"]),
            makes: None,
        },
        Work {
            name: "grep, 1 GB",
            script: format!("grep(\"{NEEDLE}\", \"{large}\").len()"),
            output: "1".to_owned(),
            tool: tool(&["grep", NEEDLE, &large]),
            makes: None,
        },
        Work {
            name: "cp, 1 GB",
            script: format!("cp(\"{large}\", \"{copied}\")"),
            output: String::new(),
            tool: tool(&["cp", &large, &copied]),
            makes: Some(copy),
        },
    ])
}
