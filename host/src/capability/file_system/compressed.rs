//! Files that are compressed with gzip. What they hold is read as a stream and never kept whole.

use std::io;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder};
use grep_matcher::Matcher as _;

use super::text::{self, BUFFER, Collected, Lines};
use super::{Answer, ReadPermit};
use crate::capability::{Failure, State, about};
use crate::gate::{Permit, Write};
use crate::platform::{Object, Reader};
use crate::sandbox::bindings::rex::host::file_system::{GzipInfo, GzipSearchOptions, LineSelection, MatchLine};
use crate::sandbox::bindings::rex::host::types::ErrorKind;

fn open(state: &State, permit: &ReadPermit) -> Answer<MultiGzDecoder<Reader>> {
    text::open(state, permit).map(MultiGzDecoder::new)
}

/// Some of the lines.
pub(super) fn lines(state: &State, permit: &ReadPermit, selection: LineSelection) -> Answer<Vec<String>> {
    text::lines_of(state, permit, open(state, permit)?, &selection)
}

/// The lines that match.
pub(super) fn search(state: &State, permit: &ReadPermit, options: &GzipSearchOptions) -> Answer<Vec<MatchLine>> {
    let pattern = |pattern: &str| text::matcher(&if options.ignore_case { format!("(?i){pattern}") } else { pattern.to_owned() });
    let wanted = pattern(&options.pattern)?;
    let unwanted = options.exclude.as_deref().map(pattern).transpose()?;
    let (first, last) = (options.max_results.max(0).unsigned_abs(), options.max_results.min(0).unsigned_abs());
    let mut lines = Lines::new(open(state, permit)?, state, &permit.asked, 0);
    let mut collected = Collected::new(state, &permit.asked);
    let mut numbers = std::collections::VecDeque::new();
    let mut number = 0;
    while first == 0 || (numbers.len() as u64) < first {
        let Some(line) = lines.next()? else { break };
        number += 1;
        let excluded = unwanted.as_ref().is_some_and(|unwanted| unwanted.is_match(line).unwrap_or(false));
        if excluded || !wanted.is_match(line).unwrap_or(false) {
            continue;
        }
        collected.push(line)?;
        numbers.push_back(number);
        if last > 0 && numbers.len() as u64 > last {
            collected.drop_first();
            numbers.pop_front();
        }
    }
    Ok(numbers.into_iter().zip(collected.lines).map(|(number, content)| MatchLine { number, content }).collect())
}

/// Both sizes. The one that a gzip file tells of itself counts no further than 4 GiB, and anybody can write it, so the content is read.
pub(super) fn info(state: &State, permit: &ReadPermit) -> Answer<GzipInfo> {
    let reader = text::open(state, permit)?;
    let compressed = reader.size().unwrap_or(0);
    let uncompressed =
        io::copy(&mut MultiGzDecoder::new(reader), &mut io::sink()).map_err(|error| text::failed(&permit.asked, error))?;
    Ok(GzipInfo { compressed, uncompressed })
}

/// Compresses one file into another, instead of what is there, all or nothing.
pub(super) fn compress(
    state: &State,
    source: &ReadPermit,
    target: &Permit<Write, Arc<Object>>,
    level: u32,
) -> Answer<Arc<Object>> {
    if !(1..=9).contains(&level) {
        return Err(Failure::of(ErrorKind::InvalidArguments, format!("the level of compression is 1 to 9, not {level}")));
    }
    let mut encoder = GzEncoder::new(io::BufReader::with_capacity(BUFFER, text::open(state, source)?), Compression::new(level));
    Object::replace_with(target, &mut encoder, &state.clock).map_err(|error| about(source.asked.as_str(), error))
}
