//! Reading files as text: all of it, some lines, what matches.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, Sink, SinkMatch};
use sha2::{Digest as _, Sha256};

use super::{Answer, ReadPermit};
use crate::audit::hexadecimal;
use crate::capability::{Failure, PART_OVERHEAD, State, about};
use crate::gate::Reads;
use crate::platform::{AbsolutePath, Error, Kind, Object, Reader};
use crate::sandbox::bindings::rex::host::file_system::{LineSelection, MatchLine, SearchOptions, TextCounts};
use crate::sandbox::bindings::rex::host::types::ErrorKind;

/// Bytes that are read at a time.
pub(super) const BUFFER: usize = 128 << 10;
/// Bytes of a regular expression. Before it is compiled it takes thousands of times as many.
const MAX_PATTERN: usize = 4096;
/// Bytes that a compiled regular expression may take.
const MAX_REGEX: usize = 4 << 20;
/// Nested groups in a regular expression.
const MAX_REGEX_NESTING: u32 = 100;

pub(super) fn open<A: Reads>(state: &State, permit: &ReadPermit<A>) -> Answer<Reader> {
    Object::reader(&permit.permit, &state.clock).map_err(|error| about(permit.asked.as_str(), error))
}

pub(super) fn failed(asked: &AbsolutePath, error: io::Error) -> Failure {
    about(asked.as_str(), Error::Io(error))
}

fn not_utf8(asked: &AbsolutePath) -> Failure {
    Failure::of(ErrorKind::Utf8Error, format!("{:?}: stream did not contain valid UTF-8", asked.as_str()))
}

/// The whole content.
pub(super) fn whole(state: &State, permit: &ReadPermit) -> Answer<String> {
    let reader = open(state, permit)?;
    let size = reader.size();
    whole_of(state, &permit.asked, reader, size)
}

/// All that a reader gives, of which the size may be known.
pub(super) fn whole_of(state: &State, asked: &AbsolutePath, reader: impl io::Read, size: Option<u64>) -> Answer<String> {
    let limit = state.limits.call_bytes;
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    if size > limit {
        return Err(state.too_large("the file"));
    }
    // One byte more than there should be: the read that finds the end then needs no larger buffer.
    let mut content = Vec::with_capacity(size + 1);
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(bound).read_to_end(&mut content).map_err(|error| failed(asked, error))?;
    if content.len() > limit {
        return Err(state.too_large("the file"));
    }
    String::from_utf8(content).map_err(|_| not_utf8(asked))
}

/// Some of the bytes; fewer where the file ends before.
pub(super) fn bytes(state: &State, permit: &ReadPermit, offset: u64, length: u64) -> Answer<Vec<u8>> {
    if usize::try_from(length).map_or(true, |length| length > state.limits.call_bytes) {
        return Err(state.too_large("the part of the file"));
    }
    let mut reader = open(state, permit)?;
    let mut content = Vec::new();
    let read = reader.seek(SeekFrom::Start(offset)).and_then(|_| reader.take(length).read_to_end(&mut content));
    read.map_err(|error| failed(&permit.asked, error))?;
    Ok(content)
}

/// The lines of a reader, one after the other, each no longer than one call may move.
pub(super) struct Lines<'s, R> {
    reader: BufReader<R>,
    state: &'s State,
    asked: &'s AbsolutePath,
    /// Bytes read.
    position: u64,
    line: Vec<u8>,
}

impl<'s, R: io::Read> Lines<'s, R> {
    pub(super) fn new(reader: R, state: &'s State, asked: &'s AbsolutePath, position: u64) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, reader), state, asked, position, line: Vec::new() }
    }

    /// The next line, without its end.
    pub(super) fn next(&mut self) -> Answer<Option<&[u8]>> {
        let limit = u64::try_from(self.state.limits.call_bytes).unwrap_or(u64::MAX);
        self.line.clear();
        let read = self
            .reader
            .by_ref()
            .take(limit.saturating_add(1))
            .read_until(b'\n', &mut self.line)
            .map_err(|error| failed(self.asked, error))?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > limit {
            return Err(self.state.too_large("a line"));
        }
        self.position = self.position.saturating_add(read);
        Ok((read > 0).then(|| without_end(&self.line)))
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Lines that become the result of one call.
pub(super) struct Collected<'s> {
    state: &'s State,
    asked: &'s AbsolutePath,
    pub(super) lines: VecDeque<String>,
    bytes: usize,
}

impl<'s> Collected<'s> {
    pub(super) fn new(state: &'s State, asked: &'s AbsolutePath) -> Self {
        Self { state, asked, lines: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, line: &[u8]) -> Answer<()> {
        let line = std::str::from_utf8(line).map_err(|_| not_utf8(self.asked))?;
        self.bytes += line.len() + PART_OVERHEAD;
        if self.bytes > self.state.limits.call_bytes {
            return Err(self.state.too_large("what the lines hold together"));
        }
        self.lines.push_back(line.to_owned());
        Ok(())
    }

    pub(super) fn drop_first(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.bytes -= line.len() + PART_OVERHEAD;
        }
    }
}

/// Some of the lines.
pub(super) fn lines(state: &State, permit: &ReadPermit, selection: LineSelection) -> Answer<Vec<String>> {
    let mut reader = open(state, permit)?;
    let (skip, count, last) = bounds(&selection);
    if last && let Some(size) = reader.size() {
        let start = start_of_last(&mut reader, size, count).map_err(|error| failed(&permit.asked, error))?;
        reader.seek(SeekFrom::Start(start)).map_err(|error| failed(&permit.asked, error))?;
    }
    select(reader, state, &permit.asked, skip, count, last)
}

/// Some of the lines of a stream.
pub(super) fn lines_of(
    state: &State,
    permit: &ReadPermit,
    reader: impl io::Read,
    selection: &LineSelection,
) -> Answer<Vec<String>> {
    let (skip, count, last) = bounds(selection);
    select(reader, state, &permit.asked, skip, count, last)
}

/// How many lines to leave out, how many to take, and whether those are the last ones.
fn bounds(selection: &LineSelection) -> (u64, u64, bool) {
    match selection {
        LineSelection::First(count) => (0, *count, false),
        LineSelection::Range(range) => (range.start.saturating_sub(1), range.count.unwrap_or(u64::MAX), false),
        LineSelection::Last(count) => (0, *count, true),
    }
}

fn select(reader: impl io::Read, state: &State, asked: &AbsolutePath, skip: u64, count: u64, last: bool) -> Answer<Vec<String>> {
    let mut lines = Lines::new(reader, state, asked, 0);
    let mut collected = Collected::new(state, asked);
    let mut number = 0;
    while count > 0 && (last || number - skip.min(number) < count) {
        let Some(line) = lines.next()? else { break };
        number += 1;
        if number <= skip {
            continue;
        }
        collected.push(line)?;
        if last && u64::try_from(collected.lines.len()).unwrap_or(u64::MAX) > count {
            collected.drop_first();
        }
    }
    Ok(collected.lines.into())
}

/// Where the last `count` lines of a file begin, found from its end.
fn start_of_last(reader: &mut Reader, size: u64, count: u64) -> io::Result<u64> {
    let mut block = vec![0; BUFFER];
    let mut end = size;
    let mut ends_seen = 0;
    while end > 0 {
        let length = end.min(BUFFER as u64);
        let start = end - length;
        reader.seek(SeekFrom::Start(start))?;
        let Some(part) = usize::try_from(length).ok().and_then(|length| block.get_mut(..length)) else { break };
        reader.read_exact(part)?;
        for (index, byte) in part.iter().enumerate().rev() {
            let position = start + index as u64;
            // The end of the very last line opens no further one.
            if *byte == b'\n' && position + 1 != size {
                ends_seen += 1;
                if ends_seen == count {
                    return Ok(position + 1);
                }
            }
        }
        end = start;
    }
    Ok(0)
}

/// The next lines from a position on, and the position after them.
pub(super) fn page(state: &State, permit: &ReadPermit, count: u64) -> Answer<(Vec<String>, u64)> {
    if permit.permit.resource().kind() != Kind::File {
        let message = format!("{:?}: only a regular file can be read page by page", permit.asked.as_str());
        return Err(Failure::of(ErrorKind::UnsupportedOperationError, message));
    }
    let mut reader = open(state, permit)?;
    reader.seek(SeekFrom::Start(permit.page)).map_err(|error| failed(&permit.asked, error))?;
    let mut lines = Lines::new(reader, state, &permit.asked, permit.page);
    let mut collected = Collected::new(state, &permit.asked);
    for _ in 0..count {
        match lines.next()? {
            Some(line) => collected.push(line)?,
            None => break,
        }
    }
    Ok((collected.lines.into(), lines.position))
}

/// The lines that match of what a reader gives.
pub(super) fn search(
    state: &State,
    asked: &AbsolutePath,
    reader: impl io::Read,
    options: &SearchOptions,
) -> Answer<Vec<MatchLine>> {
    let matcher = matcher(&options.pattern)?;
    let mut searcher = SearcherBuilder::new()
        .line_terminator(LineTerminator::crlf())
        .invert_match(options.invert)
        .line_number(true)
        .binary_detection(BinaryDetection::none())
        .bom_sniffing(false)
        .memory_map(MmapChoice::never())
        .heap_limit(Some(state.limits.call_bytes))
        .build();
    let mut found = Found { collected: Collected::new(state, asked), numbers: Vec::new(), max: options.max_count, failure: None };
    let searched = searcher.search_reader(matcher, reader, &mut found);
    if let Some(failure) = found.failure {
        return Err(failure);
    }
    searched.map_err(|error| match error.kind() {
        // A line of this length would have to be held whole.
        io::ErrorKind::Other if error.to_string().contains("allocation limit") => state.too_large("a line"),
        _ => failed(asked, error),
    })?;
    Ok(found.numbers.into_iter().zip(found.collected.lines).map(|(number, content)| MatchLine { number, content }).collect())
}

/// A pattern, ready to be searched for.
pub(super) fn matcher(pattern: &str) -> Answer<RegexMatcher> {
    if pattern.len() > MAX_PATTERN {
        let message = format!("the pattern has {} bytes, and may have {MAX_PATTERN}", pattern.len());
        return Err(Failure::of(ErrorKind::ValidationError, message));
    }
    RegexMatcherBuilder::new()
        // `^` and `$` are those of each line, of which a buffer has many.
        .multi_line(true)
        .crlf(true)
        .size_limit(MAX_REGEX)
        .dfa_size_limit(MAX_REGEX)
        .nest_limit(MAX_REGEX_NESTING)
        .build(pattern)
        .map_err(|error| Failure::of(ErrorKind::ValidationError, format!("the pattern is no regular expression: {error}")))
}

struct Found<'s> {
    collected: Collected<'s>,
    numbers: Vec<u64>,
    /// 0 is no bound.
    max: u64,
    failure: Option<Failure>,
}

impl Sink for Found<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if let Err(failure) = self.collected.push(without_end(found.bytes())) {
            self.failure = Some(failure);
            return Ok(false);
        }
        self.numbers.push(found.line_number().unwrap_or(0));
        Ok(u64::try_from(self.numbers.len()).unwrap_or(u64::MAX) != self.max)
    }
}

/// Line ends, words and bytes, as `wc` counts them.
pub(super) fn counts(state: &State, permit: &ReadPermit) -> Answer<TextCounts> {
    let mut reader = open(state, permit)?;
    let mut counts = TextCounts { lines: 0, words: 0, bytes: 0 };
    let mut buffer = vec![0; BUFFER];
    let mut in_word = false;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| failed(&permit.asked, error))?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        counts.bytes += part.len() as u64;
        for byte in part {
            counts.lines += u64::from(*byte == b'\n');
            let space = byte.is_ascii_whitespace() || *byte == b'\x0b';
            counts.words += u64::from(in_word && space);
            in_word = !space;
        }
    }
    counts.words += u64::from(in_word);
    Ok(counts)
}

/// SHA-256 of the content.
pub(super) fn sha256(state: &State, permit: &ReadPermit) -> Answer<String> {
    let mut reader = open(state, permit)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = reader.read(&mut buffer).map_err(|error| failed(&permit.asked, error))?;
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(part) => digest.update(part),
        }
    }
    Ok(hexadecimal(&digest.finalize()))
}

/// The runs of printable ASCII characters, as `strings` finds them.
pub(super) fn printable(state: &State, permit: &ReadPermit, minimum: u32) -> Answer<Vec<String>> {
    let minimum = usize::try_from(minimum.max(1)).unwrap_or(usize::MAX);
    let reader = BufReader::with_capacity(BUFFER, open(state, permit)?);
    let mut collected = Collected::new(state, &permit.asked);
    let mut run = Vec::new();
    for byte in reader.bytes() {
        let byte = byte.map_err(|error| failed(&permit.asked, error))?;
        if byte == b'\t' || (b' '..=b'~').contains(&byte) {
            run.push(byte);
            if run.len() > state.limits.call_bytes {
                return Err(state.too_large("a run of printable characters"));
            }
        } else {
            if run.len() >= minimum {
                collected.push(&run)?;
            }
            run.clear();
        }
    }
    if run.len() >= minimum {
        collected.push(&run)?;
    }
    Ok(collected.lines.into())
}
