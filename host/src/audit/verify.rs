//! Whether a record is as it was written.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::{Deserialize, Deserializer, Serialize};

use super::VERSION;
use super::chain::{Link, Sealed};

/// Bytes of a line. What is longer was not written by Rex.
const MAX_LINE: u64 = 64 << 20;
/// Findings that are kept, the first ones.
const MAX_FINDINGS: usize = 1000;
/// Bytes of a run's id. A longer one was not given by Rex.
const MAX_ID: usize = 64;
/// Runs that are followed at the same time.
const MAX_RUNS: usize = 1 << 16;
/// Lines that other runs may write between the moment at which a run looks at the end of the file and that of its first line.
const WINDOW: usize = 1 << 16;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A line is not as it was written.
    Altered,
    /// Lines of a run are missing, or lines before it.
    Missing,
    /// A line stands where it was not written, or twice.
    Misplaced,
    /// A line is none of a record.
    Foreign,
    /// A line was cut off.
    Torn,
    /// A run has no end. Its process was killed or goes on, or its last lines are missing.
    CutShort,
    /// No run ends with a hash that was expected.
    Unmet,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Finding {
    pub kind: Kind,
    /// Counts from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    pub message: String,
}

/// What a record was found to be.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Lines of the file.
    pub lines: u64,
    /// Runs that begin in it.
    pub runs: u64,
    /// What is wrong, the first thousand.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_left_out: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, kind: Kind, line: Option<u64>, run: Option<&str>, message: impl fmt::Display) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { kind, line, run: run.map(str::to_owned), message: message.to_string() });
        } else {
            self.findings_left_out += 1;
        }
    }
}

/// Reads a record to its end and checks the chain of every run in it. Runs with the expected last hashes must be there. The memory that it
/// takes is bounded, whatever the record's length.
///
/// # Errors
///
/// When it cannot be read.
pub fn verify(mut record: impl BufRead, expected: &[Link]) -> io::Result<Verified> {
    let mut verifier = Verifier {
        verified: Verified::default(),
        open: HashMap::new(),
        recent: Recent::default(),
        blank: None,
        expected: expected.iter().copied().collect(),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if record.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if !whole && u64::try_from(line.len()).is_ok_and(|length| length == MAX_LINE) {
            record.skip_until(b'\n')?;
        }
        verifier.line(&line, whole);
    }
    if let Some(blank) = verifier.blank {
        verifier.foreign(blank);
    }
    verifier.close();
    let Verifier { mut verified, expected, .. } = verifier;
    for link in expected {
        verified.find(Kind::Unmet, None, None, format_args!("no whole run in it ends with the hash {link}"));
    }
    Ok(verified)
}

struct Verifier {
    verified: Verified,
    /// Runs that have begun and not ended.
    open: HashMap<String, Run>,
    recent: Recent,
    /// The line before, where it is empty. A run begins with one when it found a line cut off that was only on its way just then.
    blank: Option<u64>,
    /// Those that were not met yet.
    expected: HashSet<Link>,
}

/// How far a run has come.
struct Run {
    /// The number of its next line.
    next: u64,
    last: Link,
    /// Where its last line stands.
    line: u64,
    /// Whether it is as it was written, so far.
    sound: bool,
}

/// The hashes of the lines before, as many as can matter.
#[derive(Default)]
struct Recent {
    order: VecDeque<Link>,
    all: HashSet<Link>,
}

impl Recent {
    fn push(&mut self, link: Link) {
        if self.order.len() == WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
        if self.all.insert(link) {
            self.order.push_back(link);
        }
    }

    /// Whether a run can begin with this line, here.
    fn begins(&self, link: Link, after: Option<Option<Link>>) -> Option<(Kind, String)> {
        if self.all.contains(&link) {
            return Some((Kind::Misplaced, "this line stands here a second time".to_owned()));
        }
        let (known, what) = match after? {
            Some(before) => (self.all.contains(&before), format!("the line with the hash {before}")),
            None => (self.order.len() < WINDOW, "no line".to_owned()),
        };
        (!known).then(|| {
            (Kind::Missing, format!("the file ended with {what} when this run began, and that is not what stands before"))
        })
    }
}

/// What of a line matters here.
#[derive(Deserialize)]
struct Line {
    v: u32,
    run: String,
    number: u64,
    event: Event,
    #[serde(default, deserialize_with = "present")]
    after: Option<Option<Link>>,
    #[serde(default)]
    torn: bool,
}

#[derive(Deserialize)]
struct Nested {
    unmapped: Line,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Event {
    RunStarted,
    Decision,
    RunEnded,
}

/// Tells null from nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Link>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Verifier {
    fn line(&mut self, text: &[u8], whole: bool) {
        self.verified.lines += 1;
        let at = self.verified.lines;
        let blank = self.blank.take();
        let sealed = Sealed::open(text);
        let parsed = match &sealed {
            Some(Sealed { nested: true, .. }) => serde_json::from_slice(text).map(|Nested { unmapped }| unmapped),
            _ => serde_json::from_slice::<Line>(text),
        };
        let expects_blank = parsed.as_ref().is_ok_and(|line| line.torn);
        if let Some(blank) = blank.filter(|_| !expects_blank) {
            self.foreign(blank);
        }
        match (sealed, parsed) {
            _ if whole && text.is_empty() => self.blank = Some(at),
            _ if !whole => self.verified.find(Kind::Torn, Some(at), None, "the file ends in the middle of this line"),
            (Some(sealed), Ok(line)) if line.v == VERSION && line.run.len() <= MAX_ID => self.record(at, &sealed, line),
            (_, Err(error)) if error.is_eof() => {
                self.verified.find(Kind::Torn, Some(at), None, "this line was cut off");
            }
            _ => self.foreign(at),
        }
    }

    fn foreign(&mut self, at: u64) {
        self.verified.find(Kind::Foreign, Some(at), None, "this is no line of a record");
    }

    fn record(&mut self, at: u64, sealed: &Sealed<'_>, line: Line) {
        let Line { run, number, event, after, .. } = line;
        let mut findings = Vec::new();
        let open = self.open.remove(&run);
        let sound = open.as_ref().is_none_or(|open| open.sound);
        let next = open.as_ref().map_or(0, |open| open.next);
        if number == next {
            if !sealed.follows(open.as_ref().map(|open| &open.last)) {
                findings
                    .push((Kind::Altered, "this line, or the hash of the one before it, is not as it was written".to_owned()));
            }
            if (event == Event::RunStarted) != (number == 0) {
                findings.push((Kind::Altered, "a run begins with its line 0, and only there".to_owned()));
            }
        } else if number > next {
            findings.push((Kind::Missing, format!("before this line, the run's lines {next} to {} are missing", number - 1)));
        } else {
            findings.push((
                Kind::Misplaced,
                format!("this is the run's line {number}, and its line {} was the one before", next - 1),
            ));
        }
        if event == Event::RunStarted {
            self.verified.runs += 1;
            findings.extend(self.recent.begins(sealed.link, after));
        }
        self.recent.push(sealed.link);
        let sound = sound && findings.is_empty();
        for (kind, message) in findings {
            self.verified.find(kind, Some(at), Some(&run), message);
        }
        // A line of before changes nothing.
        let (next, last) = match open {
            Some(open) if number < open.next => (open.next, open.last),
            _ => (number.saturating_add(1), sealed.link),
        };
        if event == Event::RunEnded && number.saturating_add(1) == next {
            self.met(last, sound);
            return;
        }
        if self.open.len() == MAX_RUNS {
            self.close();
        }
        self.open.insert(run, Run { next, last, line: at, sound });
    }

    fn met(&mut self, last: Link, sound: bool) {
        if sound {
            self.expected.remove(&last);
        }
    }

    /// Says of the runs that are open that they have no end.
    fn close(&mut self) {
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_by_key(|(_, run)| run.line);
        for (name, run) in open {
            self.met(run.last, run.sound);
            let message = "the run ends here without an end: it was killed or goes on, or its last lines are missing";
            self.verified.find(Kind::CutShort, Some(run.line), Some(&name), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::audit::{Audit, DecisionRecord, Destination, Digests, Format, Head, Recording};
    use crate::policy::{Action, Decision, EntityType, Facts, Reason};

    /// Runs that record at the same time: of each number the first line begins that run, the last ends it, and those between are decisions.
    fn record(order: &[usize], format: Format) -> (Vec<Vec<u8>>, Vec<Head>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let recording = Recording { destination: Destination::File(path.clone()), format, ..Recording::default() };
        let mut runs: HashMap<usize, Audit> = HashMap::new();
        let mut heads = Vec::new();
        for (at, run) in order.iter().enumerate() {
            let Some(audit) = runs.get(run) else {
                let audit = Audit::start(&recording, usize::MAX, format!("run {run}"), "root", &Digests::default()).unwrap();
                runs.insert(*run, audit);
                continue;
            };
            if order[at + 1..].contains(run) {
                let decision = Decision { allowed: true, reason: Reason::Permitted(vec!["a".to_owned()]) };
                audit
                    .decision(&DecisionRecord {
                        action: Action::Read,
                        kind: EntityType::File,
                        id: "/f",
                        facts: &Facts::None,
                        asked: "/\"}}\n",
                        decision: &decision,
                    })
                    .unwrap();
            } else {
                audit.ended("finished", 0).unwrap();
                heads.push(audit.head().unwrap());
            }
        }
        let text = std::fs::read(&path).unwrap();
        (text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(), heads)
    }

    fn check(lines: &[Vec<u8>]) -> Verified {
        verify(&*lines.concat(), &[]).unwrap()
    }

    fn kinds(lines: &[Vec<u8>]) -> Vec<(Kind, Option<u64>)> {
        check(lines).findings.iter().map(|finding| (finding.kind, finding.line)).collect()
    }

    /// Two runs at the same time, and one after them.
    const ORDER: &[usize] = &[0, 1, 0, 1, 0, 0, 1, 2, 2, 2];

    #[test]
    fn a_record_is_as_it_was_written() {
        for format in [Format::Rex, Format::Ocsf] {
            let (lines, heads) = record(ORDER, format);
            let verified = check(&lines);
            assert_eq!((verified.lines, verified.runs, &*verified.findings), (10, 3, &[][..]));
            assert_eq!(heads.iter().map(|head| head.lines).collect::<Vec<_>>(), [4, 3, 3]);
            let expected: Vec<_> = heads.iter().map(|head| head.sha256).collect();
            assert!(verify(&*lines.concat(), &expected).unwrap().is_sound());
        }
        assert!(check(&[]).is_sound());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let (lines, _) = record(ORDER, Format::Rex);
        let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            kinds(&lines)
        };
        use Kind::{Altered, CutShort, Foreign, Misplaced, Missing, Torn};
        assert_eq!(with(&|lines| drop(lines.remove(2))), [(Missing, Some(4))]);
        assert_eq!(with(&|lines| drop(lines.remove(0))), [(Missing, Some(1)), (Missing, Some(2))]);
        assert_eq!(with(&|lines| lines[2][30] ^= 1), [(Altered, Some(3))]);
        assert_eq!(with(&|lines| lines.swap(2, 4)), [(Missing, Some(3)), (Misplaced, Some(5))]);
        assert_eq!(with(&|lines| lines.insert(4, lines[3].clone())), [(Misplaced, Some(5))]);
        assert_eq!(with(&|lines| lines.insert(4, b"\n".to_vec())), [(Foreign, Some(5))]);
        assert_eq!(with(&|lines| lines.insert(7, b"\n".to_vec())), [(Foreign, Some(8))]);
        assert_eq!(with(&|lines| lines.push(b"\n".to_vec())), [(Foreign, Some(11))]);
        assert_eq!(with(&|lines| lines.truncate(9)), [(CutShort, Some(9))]);
        assert_eq!(with(&|lines| lines[9].truncate(60)), [(Torn, Some(10)), (CutShort, Some(9))]);
        // A whole run, and what a later one saw of it.
        assert_eq!(with(&|lines| drop(lines.drain(..7))), [(Missing, Some(1))]);
        // The same whole run twice.
        let again = lines[7..].to_vec();
        assert_eq!(with(&|lines| lines.extend(again.clone())), [(Misplaced, Some(11))]);
    }

    /// A run begins with an empty line where it finds a line cut off; the rest of that line may have been on its way.
    #[test]
    fn an_empty_line_stands_where_a_run_says_that_it_wrote_one() {
        for format in [Format::Rex, Format::Ocsf] {
            let (before, _) = record(&[0, 0], format);
            let half = [&before[0], &before[1][..40]].concat();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("record");
            std::fs::write(&path, &half).unwrap();
            let recording = Recording { destination: Destination::File(path.clone()), format, ..Recording::default() };
            let audit = Audit::start(&recording, usize::MAX, "run".to_owned(), "root", &Digests::default()).unwrap();
            audit.ended("finished", 0).unwrap();
            let behind = std::fs::read(&path).unwrap().split_off(half.len());
            assert_eq!(kinds(&[before.concat(), behind.clone()]), []);
            assert_eq!(kinds(&[before.concat(), b"\n".to_vec(), behind.clone()]), [(Kind::Foreign, Some(3))]);
            assert_eq!(kinds(&[half, behind]), [(Kind::Torn, Some(2)), (Kind::CutShort, Some(1))]);
        }
    }

    /// What the chain of a run cannot tell, its last hash can: the end of the file, and a record that was made anew.
    // Threat: T-AUDIT-6
    #[test]
    fn a_hash_that_is_kept_elsewhere_tells_more() {
        let (mut lines, heads) = record(ORDER, Format::Rex);
        let last = heads[2].sha256;
        lines.truncate(7);
        assert_eq!(kinds(&lines), []);
        let verified = verify(&*lines.concat(), &[last]).unwrap();
        assert_eq!(verified.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::Unmet]);
        let (anew, _) = record(ORDER, Format::Rex);
        assert!(check(&anew).is_sound() && !verify(&*anew.concat(), &[last]).unwrap().is_sound());
    }

    /// A run that is altered before its end is not the one that was expected.
    #[test]
    fn the_last_line_alone_is_not_what_was_expected() {
        let (mut lines, heads) = record(ORDER, Format::Rex);
        lines.remove(8);
        let verified = verify(&*lines.concat(), &[heads[2].sha256]).unwrap();
        assert_eq!(verified.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::Missing, Kind::Unmet]);
    }

    // Threat: T-AUDIT-5
    #[test]
    fn nothing_follows_the_end_of_a_run() {
        let (lines, _) = record(&[0, 0], Format::Rex);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let recording = Recording { destination: Destination::File(path.clone()), ..Recording::default() };
        let audit = Audit::start(&recording, usize::MAX, "run".to_owned(), "root", &Digests::default()).unwrap();
        audit.ended("limit", 4).unwrap();
        audit.clone().ended("limit", 4).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap().split(|byte| *byte == b'\n').count(), lines.len() + 1);
    }

    // Threat: T-AUDIT-8
    #[test]
    fn memory_is_bounded() {
        let (lines, _) = record(&[0, 0], Format::Rex);
        let mut many = lines.concat();
        many.extend(b"x\n".repeat(MAX_FINDINGS + 5));
        let verified = verify(&*many, &[]).unwrap();
        assert_eq!((verified.findings.len(), verified.findings_left_out), (MAX_FINDINGS, 5));
        let name = "x".repeat(MAX_ID + 1);
        let mut line = format!(r#"{{"v":1,"run":"{name}","number":18446744073709551615,"event":"decision"}}"#).into_bytes();
        super::super::chain::seal(&mut line, 1, None);
        assert_eq!(kinds(std::slice::from_ref(&line)), [(Kind::Foreign, Some(1))]);
        let short = String::from_utf8(line).unwrap().replace(&name, "x").into_bytes();
        assert_eq!(kinds(&[short]), [(Kind::Missing, Some(1)), (Kind::CutShort, Some(1))]);
        // A line that is too long counts as one.
        let long = io::Cursor::new(lines.concat()).chain(io::repeat(b'x').take(MAX_LINE * 2)).chain(&b"\nx\n"[..]);
        let verified = verify(io::BufReader::new(long), &[]).unwrap();
        assert_eq!((verified.lines, verified.findings.len()), (4, 2));
    }

    #[derive(Debug, Clone)]
    enum Change {
        Remove(Index),
        Alter(Index, u8),
        Swap(Index, Index),
        Duplicate(Index, Index),
        Insert(Index, Vec<u8>),
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<Index>().prop_map(Change::Remove),
            (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Change::Alter(at, bits)),
            any::<(Index, Index)>().prop_map(|(a, b)| Change::Swap(a, b)),
            any::<(Index, Index)>().prop_map(|(from, to)| Change::Duplicate(from, to)),
            any::<(Index, Vec<u8>)>().prop_map(|(at, line)| Change::Insert(at, line)),
        ]
    }

    /// Each run in a record by its own, line by line.
    fn runs(lines: &[Vec<u8>]) -> HashMap<String, Vec<&[u8]>> {
        let mut runs: HashMap<_, Vec<_>> = HashMap::new();
        for line in lines {
            let json: serde_json::Value = serde_json::from_slice(line).unwrap();
            let run = json["run"].as_str().or_else(|| json["unmapped"]["run"].as_str()).unwrap();
            runs.entry(run.to_owned()).or_default().push(&**line);
        }
        runs
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        // Threat: T-AUDIT-6
        #[test]
        fn any_single_change_is_found(
            order in prop::collection::vec(0..3_usize, 0..12).prop_map(|mut order| { order.extend([0, 1, 2, 2, 1, 0]); order }),
            ocsf: bool,
            change in any_change(),
        ) {
            let (before, _) = record(&order, if ocsf { Format::Ocsf } else { Format::Rex });
            prop_assert!(check(&before).is_sound(), "{:?}", check(&before));
            let mut lines = before.clone();
            match &change {
                Change::Remove(at) => drop(lines.remove(at.index(lines.len()))),
                Change::Alter(at, bits) => {
                    let mut text = lines.concat();
                    let at = at.index(text.len());
                    text[at] ^= bits;
                    lines = vec![text];
                }
                Change::Swap(a, b) => {
                    let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                    lines.swap(a, b);
                    // Which of two runs at the same time was first is in no chain.
                    prop_assume!(runs(&lines) != runs(&before));
                }
                Change::Duplicate(from, to) => {
                    let line = lines[from.index(lines.len())].clone();
                    lines.insert(to.index(lines.len() + 1), line);
                }
                Change::Insert(at, line) => {
                    let at = at.index(lines.len() + 1);
                    lines.insert(at, [line, &b"\n"[..]].concat());
                }
            }
            prop_assert!(!check(&lines).is_sound(), "{:?} is not found", change);
        }
    }
}
