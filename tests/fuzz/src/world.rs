//! A tree of files with marks in them, a policy about it, and the oracle that looks at a run from outside: at the tree before and after, at
//! the record, and at what the run told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};

use arbitrary::Arbitrary;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use rex_runner::audit::{self, Destination, Recording, verify};
use rex_runner::policy::{EntityType, Policy};
use serde_json::Value;
use tempfile::TempDir;

use crate::rules::{Rule, Rules};

/// Directories, below which rules permit and forbid.
const DIRS: &[&str] = &["", "a", "a/b", "c", "c/d", "e"];
/// Files with a mark each, and the names that hard links may take.
const FILES: &[&str] = &["a/f", "a/b/f", "c/f", "c/d/f", "e/f", "e/dict"];
/// Files without.
const PLAIN: &[&str] = &["a/t.tar", "e/z.gz"];
/// Nothing of these names is there at first.
const VACANT: &[&str] = &["a/n", "a/n/n", "c/n", "e/n", "e/l", "a/l", "c/d/n/n"];
/// Bytes that a file may grow to: far above what a call may take, see [`MOST`].
const LONGEST: u64 = 64 << 20;
/// Bytes that one call may move.
pub const CALL_BYTES: usize = 64 << 10;
/// Bytes of memory that a call, or a run without its guest, may take. Regular expressions are the most of it, with 4 MiB for each of
/// several forms.
pub const MOST: usize = 32 << 20;

/// Names of one object that are thought of. What is moved into itself would have names without end.
const NAMES: usize = 32;

/// What marks are made of: nothing that a fuzzer could have seen before.
static MARK: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// A link, before there is a tree.
#[derive(Debug, Clone, Arbitrary)]
pub struct Link {
    hard: bool,
    place: u8,
    target: u8,
    relative: bool,
}

/// What a world is made of.
#[derive(Debug, Clone, Arbitrary)]
pub struct Plan {
    rules: Vec<Rule>,
    links: Vec<Link>,
    /// Where the record breaks off, if it does.
    full: Option<u16>,
}

/// A tree, what the policy says of it, and the record.
#[derive(Debug)]
pub struct World {
    // Removed with all in it.
    _base: TempDir,
    _alone: MutexGuard<'static, ()>,
    /// The tree's canonical path.
    pub root: String,
    /// The policy, as text and parsed.
    policy: String,
    parsed: Arc<Policy>,
    rules: Rules,
    record: PathBuf,
    /// Bytes of the record that were looked at.
    seen: u64,
    full: Option<u16>,
    /// What stands for each mark in what is told, and which files hold it.
    marks: Vec<Mark>,
    /// Paths that a permitted move made one.
    moves: BTreeSet<(String, String)>,
    /// What is in the tree.
    now: BTreeMap<String, Object>,
    /// Allowed decisions so far: action and canonical path.
    allowed: BTreeSet<(String, String)>,
}

#[derive(Debug)]
struct Mark {
    text: String,
    digest: String,
    holders: BTreeSet<String>,
}

/// What is seen of an object from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    inode: u64,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    modified: (i64, i64),
    /// The beginning of a file, or a link's target.
    content: Vec<u8>,
}

impl Object {
    fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

impl World {
    /// Makes it. Nothing in it leads to anything outside but to one file with a mark.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let alone = crate::alone();
        // The same for every world: a policy that was parsed once is of use again.
        let name = format!("rex-fuzz-{}", std::process::id());
        let base = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap();
        // Links can lead up some steps and are still in it.
        let root = base.path().canonicalize().unwrap().join("1/2/3/t");
        fs::create_dir_all(&root).unwrap();
        let at = |name: &str| if name.is_empty() { root.clone() } else { root.join(name) };
        for dir in &DIRS[1..] {
            fs::create_dir(at(dir)).unwrap();
        }
        let mut marks = Vec::new();
        let mut mark = |path: &Path, named: bool| {
            let text = format!("mark{}x{:016x}", marks.len(), *MARK);
            let path = if named { path.join(&text) } else { path.to_owned() };
            let content = if named { String::new() } else { format!("first line\n{text}\tof {}\nlast\n", marks.len()) };
            fs::write(&path, &content).unwrap();
            let digest = rex_runner::audit::digest(content.as_bytes());
            let digest = if named { text.clone() } else { digest };
            marks.push(Mark { text, digest, holders: [path.to_str().unwrap().to_owned()].into() });
        };
        for file in FILES {
            mark(&at(file), false);
        }
        mark(&root.with_file_name("outside"), false);
        // And one that is the name of a file.
        mark(&at("c/d"), true);
        fs::write(at("a/t.tar"), &*TAR).unwrap();
        fs::write(at("e/z.gz"), &*GZIP).unwrap();
        for link in plan.links.iter().take(6) {
            let place = at(pick(&[VACANT, FILES], link.place));
            let target = pick(&[DIRS, FILES, VACANT, &["../outside"]], link.target);
            let _ = match (link.hard, link.relative) {
                (true, _) => fs::hard_link(at(target), place),
                (false, true) => symlink(format!("../{target}"), place),
                (false, false) => symlink(at(target), place),
            };
        }
        let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
        let places: Vec<_> = DIRS.iter().chain(FILES).chain(VACANT).map(|name| text(at(name))).collect();
        let rules = Rules::new(&plan.rules, &places);
        let record = base.path().join("record");
        let policy = rules.policy();
        let mut world = Self {
            parsed: parsed(&policy),
            policy,
            rules,
            root: text(root),
            record,
            seen: 0,
            full: plan.full,
            marks,
            moves: BTreeSet::new(),
            now: BTreeMap::new(),
            allowed: BTreeSet::new(),
            _base: base,
            _alone: alone,
        };
        world.now = world.look();
        // Names of one file are as good as each other.
        let names: Vec<_> = world.now.iter().map(|(path, object)| (object.inode, path.clone())).collect();
        for (inode, path) in &names {
            let others = names.iter().filter(|(other, name)| other == inode && name != path);
            world.moves.extend(others.map(|(_, other)| (path.clone(), other.clone())));
        }
        world
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.parsed)
    }

    /// A path in it, spelled in one of many ways.
    #[must_use]
    pub fn path(&self, place: u8, spelling: u8, rest: &str) -> String {
        let name = pick(&[DIRS, FILES, PLAIN, VACANT], place);
        let root = &self.root;
        match spelling % 16 {
            0 => format!("{root}/{name}/"),
            1 => format!("{root}//{name}/."),
            2 => format!("{root}/a/../{name}"),
            3 => format!("{root}/{name}/{rest}"),
            4 => format!("{root}/{name}\0"),
            5 => name.to_owned(),
            6 => format!("{root}/{name}~"),
            7 => format!("{root}/{rest}"),
            8 => format!("{root}/{}/{name}", "x/".repeat(2000)),
            _ => format!("{root}/{name}"),
        }
    }

    /// The path of the lines that may be shown.
    #[must_use]
    pub fn dictionary(&self) -> String {
        format!("{}/e/dict", self.root)
    }

    /// How a run is to be recorded.
    #[must_use]
    pub fn recording(&self) -> Recording {
        Recording { destination: Destination::File(self.record.clone()), ..Recording::default() }
    }

    /// Does something while no file can grow beyond a bound, and the record possibly not even to its end.
    pub fn bounded<T>(&self, work: impl FnOnce() -> T) -> T {
        let most = self.full.map_or(LONGEST, |bytes| 700 + u64::from(bytes) % 8192);
        let bound = FileSizes::bound(most);
        let result = work();
        drop(bound);
        result
    }

    /// Looks whether what happened since the last time was right: whether every decision is the rules', everything that changed was
    /// permitted and recorded, and everything that was told as well.
    ///
    /// # Panics
    ///
    /// Where it was not.
    pub fn judge(&mut self, told: &str) {
        let allowed = self.new_decisions();
        let was = std::mem::take(&mut self.now);
        self.now = self.look();
        self.told(told, &allowed);
        let permitted = |actions: &[&str], paths: &BTreeSet<String>| {
            paths.iter().any(|path| actions.iter().any(|action| allowed.contains(&(action_text(action), path.clone()))))
        };
        let mut touched = Vec::new();
        for (path, old) in &was {
            let names = self.names(path);
            let Some(new) = self.now.get(path) else {
                assert!(permitted(&["delete", "move"], &names), "{path} is gone\n{allowed:#?}\n{}", self.policy);
                continue;
            };
            if old.is_directory() != new.is_directory() || old.inode != new.inode {
                let may = permitted(&["write", "delete", "move"], &names);
                assert!(may, "{path} is another\n{allowed:#?}\n{}", self.policy);
                touched.push(path.clone());
            } else if !old.is_directory() && (old.content != new.content || old.size != new.size) {
                let may = permitted(&["write"], &names);
                assert!(may, "the content of {path} is another\n{allowed:#?}\n{}", self.policy);
                touched.push(path.clone());
            } else if !old.is_directory() && old.modified != new.modified {
                let may = permitted(&["write", "create"], &names);
                assert!(may, "the time of {path} is another\n{allowed:#?}\n{}", self.policy);
            }
            if old.inode == new.inode && (old.mode, old.owner) != (new.mode, new.owner) {
                let may = permitted(&["chmod", "chown", "write", "create"], &names);
                assert!(may, "the rights of {path} are others\n{allowed:#?}\n{}", self.policy);
            }
        }
        for path in self.now.keys().filter(|path| !was.contains_key(*path)) {
            assert!(permitted(&["create"], &self.names(path)), "{path} is new\n{allowed:#?}\n{}", self.policy);
            touched.push(path.clone());
        }
        // Whatever was read may be in whatever was written.
        for index in 0..self.marks.len() {
            if self.read(&self.marks[index].holders, &allowed) {
                self.marks[index].holders.extend(touched.iter().cloned());
            }
        }
    }

    /// Takes the marks that an input has for no secrets. A fuzzer that looks at every comparison finds them out, and may be told what it said
    /// itself.
    pub fn forget(&mut self, input: &[u8]) {
        let has = |text: &str| input.windows(text.len()).any(|part| part == text.as_bytes());
        self.marks.retain(|mark| !has(&mark.text) && !has(&mark.digest));
    }

    /// Marks are told only if a file that holds them was read, and names if a directory was.
    fn told(&self, told: &str, allowed: &BTreeSet<(String, String)>) {
        for (index, mark) in self.marks.iter().enumerate() {
            if !told.contains(&mark.text) && !told.contains(&mark.digest) {
                continue;
            }
            let named = mark.text == mark.digest;
            let may = if named {
                self.allowed.iter().any(|(_, path)| {
                    path.contains(&mark.text)
                        || mark.holders.iter().any(|holder| Path::new(holder).parent() == Some(Path::new(path)))
                        || self.names(path).iter().any(|name| name.ends_with("/c/d"))
                })
            } else {
                self.read(&mark.holders, allowed)
            };
            assert!(may, "mark {index} was told: {told}\nheld by {:?}\n{allowed:#?}\n{}", mark.holders, self.policy);
        }
    }

    /// Looks whether the record is whole. One that broke off has no end, and then the run ended for that.
    ///
    /// # Panics
    ///
    /// Where it is not.
    pub fn verify(&self, code: u8, last: &Value, report: &str) {
        // Nothing began for a script that is empty, or a record that could not.
        let Ok(record) = fs::read(&self.record) else { return assert!([5, 7].contains(&code), "{report}") };
        let expected = last.as_str().and_then(|digits| audit::Link::parse(digits.as_bytes()));
        let verified = verify(&*record, expected.as_slice()).unwrap();
        assert_eq!(verified.is_sound(), code != 7, "{verified:?} {report}");
        assert!(self.full.is_some() || code != 7, "{report}");
    }

    fn read(&self, holders: &BTreeSet<String>, allowed: &BTreeSet<(String, String)>) -> bool {
        let readers = [action_text("read"), action_text("redacted_read")];
        let read: BTreeSet<_> = allowed.iter().filter(|(action, _)| readers.contains(action)).map(|(_, path)| path).collect();
        !read.is_empty() && holders.iter().any(|holder| self.names(holder).iter().any(|name| read.contains(name)))
    }

    /// All paths that lead to the same object, had every permitted move been made.
    fn names(&self, path: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::from([path.to_owned()]);
        let mut fresh = vec![path.to_owned()];
        while let Some(name) = fresh.pop() {
            let both = self.moves.iter().flat_map(|(one, other)| [(one, other), (other, one)]);
            for (from, to) in both {
                let below = name.strip_prefix(from.as_str()).filter(|below| below.is_empty() || below.starts_with('/'));
                if let Some(below) = below
                    && names.len() < NAMES
                    && names.insert(format!("{to}{below}"))
                {
                    fresh.push(format!("{to}{below}"));
                }
            }
        }
        names
    }

    /// Reads on in the record, and compares every decision with what the rules say. A last line that was cut off is none.
    fn new_decisions(&mut self) -> BTreeSet<(String, String)> {
        let mut text = Vec::new();
        if let Ok(mut file) = fs::File::open(&self.record) {
            file.seek(SeekFrom::Start(self.seen)).unwrap();
            file.read_to_end(&mut text).unwrap();
        }
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.seen += whole as u64;
        let mut allowed = BTreeSet::new();
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap();
            if line["event"] != "decision" {
                continue;
            }
            let field = |value: &Value| value.as_str().unwrap().to_owned();
            let (action, id) = (field(&line["action"]), field(&line["resource"]["id"]));
            let kind = if line["resource"]["type"] == "file_system::Dir" { EntityType::Dir } else { EntityType::File };
            let permitted = self.rules.permit(&action, kind, &id);
            let guarded = line["reason"].as_str().is_some_and(|reason| reason.contains("guard"));
            assert_eq!(line["decision"] == "allow", permitted && !guarded, "{line}\n{}", self.policy);
            if permitted && !guarded {
                if let Some(destination) = line["destination"].as_str() {
                    self.moves.insert((id.clone(), destination.to_owned()));
                }
                allowed.insert((action, id));
            }
        }
        self.allowed.extend(allowed.iter().cloned());
        allowed
    }

    /// What is there, the tree's own place and what is outside of it included.
    fn look(&self) -> BTreeMap<String, Object> {
        let mut found = BTreeMap::new();
        let top = Path::new(&self.root).ancestors().nth(3).unwrap();
        look_into(top, &mut found);
        found
    }
}

fn look_into(directory: &Path, found: &mut BTreeMap<String, Object>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mut metadata = fs::symlink_metadata(&path).unwrap();
        // Only root can look into everything.
        let needed = if metadata.is_dir() { 0o700 } else { 0o400 };
        if !metadata.is_symlink() && metadata.mode() & needed != needed {
            fs::set_permissions(&path, Permissions::from_mode(metadata.mode() | needed)).unwrap();
            metadata = fs::symlink_metadata(&path).unwrap();
        }
        let mut content = Vec::new();
        if metadata.is_file() {
            fs::File::open(&path).unwrap().take(4096).read_to_end(&mut content).unwrap();
        } else if metadata.is_symlink() {
            content = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
        } else if metadata.is_dir() {
            look_into(&path, found);
        }
        let object = Object {
            inode: metadata.ino(),
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            content,
        };
        found.insert(path.to_string_lossy().into_owned(), object);
    }
}

/// Parses a policy, or finds it among the last ones.
fn parsed(text: &str) -> Arc<Policy> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Policy>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() > 200 {
        known.clear();
    }
    Arc::clone(known.entry(text.to_owned()).or_insert_with(|| Arc::new(Policy::parse(text).unwrap())))
}

fn action_text(name: &str) -> String {
    format!("file_system::Action::\"{name}\"")
}

fn pick<'n>(lists: &[&[&'n str]], number: u8) -> &'n str {
    let all: Vec<_> = lists.iter().flat_map(|list| list.iter()).collect();
    all[usize::from(number) % all.len()]
}

/// An archive with good entries and bad ones.
static TAR: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, content) in [
        ("n", tar::EntryType::Regular, "from the archive"),
        ("n2/n3", tar::EntryType::Regular, "from the archive, below"),
        ("f", tar::EntryType::Regular, "instead of what is there"),
        ("b/", tar::EntryType::Directory, ""),
        ("../c/f", tar::EntryType::Regular, "above"),
        ("/etc/rex-fuzz", tar::EntryType::Regular, "elsewhere"),
        ("l", tar::EntryType::Symlink, ""),
        ("h", tar::EntryType::Link, ""),
        ("l/f", tar::EntryType::Regular, "through a link"),
        ("dev", tar::EntryType::Char, ""),
    ] {
        let mut header = tar::Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o6755);
        header.set_mtime(1);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_link_name("../c/d").unwrap();
        }
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
});

/// Much in little: 64 MiB of lines.
static GZIP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let some = "0123456789abcde\n".repeat(4096);
    for _ in 0..1024 {
        encoder.write_all(some.as_bytes()).unwrap();
    }
    encoder.finish().unwrap()
});

/// While it lives, files of this process cannot grow beyond a bound: the write fails.
#[derive(Debug)]
struct FileSizes(u64, u64);

impl FileSizes {
    fn bound(bytes: u64) -> Self {
        static UNBOUND_IN_PANIC: Once = Once::new();
        let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        UNBOUND_IN_PANIC.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                // What is found has to be written.
                let _ = setrlimit(Resource::RLIMIT_FSIZE, soft, hard);
                hook(panic);
            }));
        });
        // Whose default is to end the process. Threads that are started from here on inherit it.
        SigSet::from(Signal::SIGXFSZ).thread_block().unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, bytes, hard).unwrap();
        Self(soft, hard)
    }
}

impl Drop for FileSizes {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::RLIMIT_FSIZE, self.0, self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        World::new(&Plan { rules: Vec::new(), links: Vec::new(), full: None })
    }

    #[test]
    fn nothing_happened_and_nothing_is_wrong() {
        world().judge("nothing");
    }

    #[test]
    #[should_panic(expected = "was told")]
    fn a_mark_is_seen() {
        let mut world = world();
        let mark = world.marks[0].text.clone();
        world.judge(&mark);
    }

    #[test]
    #[should_panic(expected = "was told")]
    fn a_name_is_seen() {
        let mut world = world();
        let mark = world.marks.last().unwrap().text.clone();
        world.judge(&mark);
    }

    #[test]
    fn who_says_a_mark_may_be_told_it() {
        let mut world = world();
        let (mark, count) = (world.marks[0].text.clone(), world.marks.len());
        world.forget(b"mark0");
        world.forget(b"");
        assert_eq!(world.marks.len(), count);
        world.forget(format!("a{mark}b").as_bytes());
        assert_eq!(world.marks.len(), count - 1);
        world.judge(&mark);
    }

    #[test]
    #[should_panic(expected = "is new")]
    fn a_file_that_nobody_permitted_is_seen() {
        let mut world = world();
        fs::write(format!("{}/a/n", world.root), "").unwrap();
        world.judge("");
    }

    #[test]
    #[should_panic(expected = "the content of")]
    fn a_change_that_nobody_permitted_is_seen() {
        let mut world = world();
        let outside = Path::new(&world.root).with_file_name("outside");
        fs::write(outside, "").unwrap();
        world.judge("");
    }

    #[test]
    #[should_panic(expected = "is gone")]
    fn a_removal_that_nobody_permitted_is_seen() {
        let mut world = world();
        fs::remove_file(format!("{}/a/f", world.root)).unwrap();
        world.judge("");
    }

    #[test]
    #[should_panic(expected = "is another")]
    fn a_replacement_that_nobody_permitted_is_seen() {
        let mut world = world();
        fs::rename(format!("{}/a/f", world.root), format!("{}/c/f", world.root)).unwrap();
        world.now.remove(&format!("{}/a/f", world.root));
        world.judge("");
    }

    #[test]
    fn a_record_breaks_off_where_it_is_to() {
        let world = World::new(&Plan { rules: Vec::new(), links: Vec::new(), full: Some(0) });
        let path = Path::new(&world.root).join("long");
        let error = world.bounded(|| fs::File::create(&path).unwrap().write_all(&[0; 2000])).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
        assert_eq!(fs::metadata(&path).unwrap().len(), 700);
        fs::write(&path, [0; 2000]).unwrap();
    }
}
