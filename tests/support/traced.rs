//! Runs the command under a tracer, and compares what it did to files with what its record says.
//!
//! The tracer sees system calls and nothing of Rex's own code: an effect that goes round the gate is seen as any other.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{Case, Ran, rex_runner};

/// A run, and what was seen of it.
#[derive(Debug)]
pub struct Traced {
    pub ran: Ran,
    events: Vec<Event>,
}

#[derive(Debug)]
enum Event {
    /// A line of the record was written.
    Line(Value),
    Call(Call),
}

/// A system call that opens or changes a file.
#[derive(Debug)]
struct Call {
    name: &'static str,
    path: String,
    /// The new path, of a call that has two.
    to: String,
    flags: u64,
    /// What goes with the path when it is renamed.
    below: Vec<String>,
    /// Whether something was at the new path.
    replaces: bool,
    done: bool,
}

/// Where a call has its paths: numbers of arguments.
#[derive(Clone, Copy)]
enum Paths {
    /// A descriptor.
    Descriptor(usize),
    /// A directory's descriptor, and a path from there behind it.
    At(usize),
    /// Two such pairs, one behind the other.
    TwoAt(usize),
    /// A path alone.
    Plain(usize),
}

#[cfg(target_arch = "x86_64")]
const RENAMEAT: i64 = libc::SYS_renameat;
/// The crate `libc` does not name it.
#[cfg(target_arch = "aarch64")]
const RENAMEAT: i64 = 38;

const BY_PATH: &str = "a call by path alone";

/// The calls that are looked at, and the argument with their flags.
fn known(number: i64) -> Option<(&'static str, Paths, Option<usize>)> {
    use Paths::{At, Descriptor, Plain, TwoAt};
    Some(match number {
        libc::SYS_openat => ("open", At(0), Some(2)),
        libc::SYS_openat2 => ("openat2", At(0), Some(2)),
        libc::SYS_getdents64 => ("getdents", Descriptor(0), None),
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 => {
            ("write", Descriptor(0), None)
        }
        libc::SYS_ftruncate | libc::SYS_fallocate | libc::SYS_sendfile => ("write", Descriptor(0), None),
        libc::SYS_copy_file_range | libc::SYS_splice => ("write", Descriptor(2), None),
        libc::SYS_fchmod | libc::SYS_fchown | libc::SYS_fsetxattr | libc::SYS_fremovexattr => ("keep", Descriptor(0), None),
        libc::SYS_fchmodat | libc::SYS_fchmodat2 => ("chmod", At(0), None),
        libc::SYS_fchownat => ("chown", At(0), None),
        libc::SYS_utimensat => ("utimens", At(0), None),
        libc::SYS_unlinkat => ("unlink", At(0), None),
        libc::SYS_mkdirat => ("mkdir", At(0), None),
        libc::SYS_symlinkat => ("symlink", At(1), None),
        libc::SYS_linkat => ("link", TwoAt(0), None),
        libc::SYS_renameat2 => ("rename", TwoAt(0), Some(4)),
        RENAMEAT => ("rename", TwoAt(0), None),
        // Rex has no use for the others, so that each of them is a failure.
        libc::SYS_mknodat => ("mknod", At(0), None),
        libc::SYS_truncate | libc::SYS_setxattr | libc::SYS_lsetxattr | libc::SYS_removexattr | libc::SYS_lremovexattr => {
            (BY_PATH, Plain(0), None)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open | libc::SYS_creat | libc::SYS_unlink | libc::SYS_rmdir | libc::SYS_mkdir | libc::SYS_rename => {
            (BY_PATH, Plain(0), None)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link | libc::SYS_symlink | libc::SYS_chmod | libc::SYS_chown | libc::SYS_lchown | libc::SYS_utimes => {
            (BY_PATH, Plain(0), None)
        }
        _ => return None,
    })
}

/// The number, the arguments and, at its end, the result of a system call.
fn registers(thread: Pid) -> nix::Result<(i64, [u64; 6], i64)> {
    let all = ptrace::getregs(thread)?;
    #[cfg(target_arch = "x86_64")]
    return Ok((all.orig_rax.cast_signed(), [all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9], all.rax.cast_signed()));
    #[cfg(target_arch = "aarch64")]
    return Ok((all.regs[8].cast_signed(), std::array::from_fn(|index| all.regs[index]), all.regs[0].cast_signed()));
}

/// What a system call that has begun will be, once it is over.
enum Pending {
    Line(Vec<u8>),
    /// The number of its event: it stands where the call began.
    Call(usize),
}

struct Tracer {
    process: Pid,
    record: String,
    pending: HashMap<Pid, Pending>,
    events: Vec<Event>,
}

/// Runs a script's text under a policy's text with arguments. Nothing where this process may not trace, such as in some containers.
pub fn run(case: &Case, script: &str, policy: &str, arguments: &Value) -> Option<Traced> {
    let process = start(case, script, policy, arguments)?;
    let mut tracer = Tracer { process, record: case.path(RECORD), pending: HashMap::new(), events: Vec::new() };
    let ran = follow(case, process, |thread, entry| tracer.look(thread, entry));
    Some(Traced { ran, events: tracer.events })
}

/// Where the run that is traced has its record, in the case.
pub const RECORD: &str = ".traced/record";
const STDOUT: &str = ".traced/stdout";
const STDERR: &str = ".traced/stderr";

/// Starts the command, so that it stands before its first instruction.
#[expect(clippy::zombie_processes, reason = "the tracer waits for it, as for each of its threads")]
pub(crate) fn start(case: &Case, script: &str, policy: &str, arguments: &Value) -> Option<Pid> {
    let (script, policy) = (case.file(".traced/script", script), case.file(".traced/policy", policy));
    let stopped = Command::new("sh")
        .args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""])
        .arg(rex_runner())
        .args(["-s", &script, "-p", &policy, "--args-json", &arguments.to_string(), "--audit-log", &case.path(RECORD)])
        .args(["--timeout", "50s"])
        .stdin(Stdio::null())
        .stdout(File::create(case.path(STDOUT)).expect("a file"))
        .stderr(File::create(case.path(STDERR)).expect("a file"))
        .spawn()
        .expect("sh starts");
    let process = Pid::from_raw(stopped.id().try_into().expect("a number"));
    assert!(matches!(waitpid(process, Some(WaitPidFlag::WUNTRACED)), Ok(WaitStatus::Stopped(..))), "it stops itself");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    match ptrace::seize(process, options) {
        Err(Errno::EPERM | Errno::ENOSYS) => {
            eprintln!("not tried: this system forbids to trace a process");
            let _ = kill(process, Signal::SIGKILL);
            let _ = waitpid(process, None);
            return None;
        }
        seized => seized.expect("it can be traced"),
    }
    kill(process, Signal::SIGCONT).expect("it goes on");
    Some(process)
}

/// Shows each thread at the beginning (`true`) and at the end of each system call, until the process has ended.
pub(crate) fn follow(case: &Case, process: Pid, mut look: impl FnMut(Pid, bool)) -> Ran {
    let code = loop {
        // Other threads run other tests, and wait for their own processes.
        let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)).expect("it is there");
        let (thread, signal) = match status {
            WaitStatus::Exited(ended, code) if ended == process => break code,
            WaitStatus::Signaled(ended, signal, _) if ended == process => panic!("it was killed by {signal}"),
            WaitStatus::PtraceSyscall(thread) => {
                if let Ok(information) = ptrace::syscall_info(thread) {
                    look(thread, information.op == libc::PTRACE_SYSCALL_INFO_ENTRY);
                }
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => continue,
        };
        // One that is gone by now needs nothing.
        let _ = ptrace::syscall(thread, signal);
    };
    let text = |name| std::fs::read_to_string(case.path(name)).expect("UTF-8");
    let stdout = text(STDOUT);
    let report = serde_json::from_str(&stdout).unwrap_or(Value::Null);
    Ran { code, stdout, stderr: text(STDERR), report }
}

impl Tracer {
    /// Looks at a thread that stands at the beginning or the end of a system call.
    fn look(&mut self, thread: Pid, entry: bool) {
        let Ok((number, arguments, result)) = registers(thread) else { return };
        if entry {
            if let Some(pending) = self.begins(number, arguments) {
                self.pending.insert(thread, pending);
            }
            return;
        }
        let done = !(-4095..0).contains(&result);
        match self.pending.remove(&thread) {
            Some(Pending::Line(text)) => {
                assert_eq!(usize::try_from(result), Ok(text.len()), "a line is written in one call");
                self.events.push(Event::Line(serde_json::from_slice(&text).expect("a line of the record is JSON")));
            }
            Some(Pending::Call(index)) => {
                if let Event::Call(call) = &mut self.events[index] {
                    call.done = done;
                }
            }
            None => {}
        }
    }

    fn begins(&mut self, number: i64, arguments: [u64; 6]) -> Option<Pending> {
        let (name, paths, flags) = known(number)?;
        let (path, to) = match paths {
            Paths::Descriptor(index) => (self.descriptor(arguments[index])?, None),
            Paths::At(index) => (self.at(arguments[index], arguments[index + 1])?, None),
            Paths::TwoAt(index) => {
                let from = self.at(arguments[index], arguments[index + 1])?;
                (from, Some(self.at(arguments[index + 2], arguments[index + 3])?))
            }
            Paths::Plain(index) => (self.text(arguments[index]), None),
        };
        if path == self.record && number == libc::SYS_write {
            return Some(Pending::Line(self.memory(arguments[1], arguments[2].try_into().expect("a length"))));
        }
        let flags = match flags {
            // The first member of a struct.
            Some(index) if name == "openat2" => {
                u64::from_ne_bytes(self.memory(arguments[index], 8).try_into().expect("eight bytes"))
            }
            Some(index) => arguments[index],
            None => 0,
        };
        let mut below = Vec::new();
        if name == "rename" {
            entries_below(Path::new(&path), "", &mut below);
        }
        let replaces = to.as_ref().is_some_and(|to| Path::new(to).symlink_metadata().is_ok());
        let name = if name == "openat2" { "open" } else { name };
        let call = Call { name, path, to: to.unwrap_or_default(), flags, below, replaces, done: false };
        self.events.push(Event::Call(call));
        Some(Pending::Call(self.events.len() - 1))
    }

    /// The path of an open descriptor; nothing of what has no path.
    fn descriptor(&self, number: u64) -> Option<String> {
        // The upper half of the register counts for nothing.
        let path = std::fs::read_link(format!("/proc/{}/fd/{}", self.process, number as u32)).ok()?;
        path.to_str().filter(|path| path.starts_with('/')).map(ToOwned::to_owned)
    }

    /// The path that a directory and a path from there mean. A descriptor that is named in /proc means what it stands for.
    fn at(&self, directory: u64, path: u64) -> Option<String> {
        let path = self.text(path);
        if path.starts_with('/') {
            return Some(path);
        }
        let directory = if directory as i32 == libc::AT_FDCWD {
            std::fs::read_link(format!("/proc/{}/cwd", self.process)).ok()?.to_str()?.to_owned()
        } else {
            self.descriptor(directory)?
        };
        match path.parse() {
            Ok(number) if directory == format!("/proc/{}/fd", self.process) => self.descriptor(number),
            _ if path.is_empty() => Some(directory),
            _ => Some(format!("{}/{path}", directory.trim_end_matches('/'))),
        }
    }

    /// A text of the process, which ends with a zero; an empty one where there is no address.
    fn text(&self, address: u64) -> String {
        let bytes = if address == 0 { Vec::new() } else { self.memory(address, libc::PATH_MAX as usize) };
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// Some of the memory of the process, up to where it ends.
    fn memory(&self, address: u64, length: usize) -> Vec<u8> {
        let memory = File::open(format!("/proc/{}/mem", self.process)).expect("a process that is traced can be read");
        let mut bytes = vec![0; length];
        let mut read = 0;
        while let Ok(count @ 1..) = memory.read_at(&mut bytes[read..], address + read as u64) {
            read += count;
        }
        bytes.truncate(read);
        bytes
    }
}

fn entries_below(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    if !directory.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    for entry in std::fs::read_dir(directory).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let name = format!("{prefix}/{}", entry.file_name().to_str().expect("UTF-8"));
        entries_below(&entry.path(), &name, found);
        found.push(name);
    }
}

/// What a line of the record says of one action and one path.
#[derive(Debug)]
struct Decided {
    /// The number of its event.
    at: usize,
    allowed: bool,
    destination: Option<String>,
    /// What was done with this leave.
    used: HashSet<&'static str>,
}

/// The decisions so far, and what was done.
#[derive(Default)]
struct Comparison {
    /// The last one for each action and path.
    decided: HashMap<(String, String), Decided>,
    /// The last one of all.
    last: (String, String),
    /// The action and the path that a temporary file is made for.
    temporary: HashMap<String, (String, String)>,
    /// Temporary files that have the rights of what they replace: others may read them.
    shown: HashSet<String>,
    /// The number of the event of each effect.
    done: HashMap<(String, String), usize>,
}

/// Actions that change something.
const EFFECTFUL: &[&str] = &["create", "delete", "move", "chmod", "chown", "write"];

impl Traced {
    /// Fails unless each effect on a file has leave of its own, which stands in the record before it: of its action, for its canonical
    /// path, and the last that was decided about them. Reading counts within `tree`, changing everywhere.
    ///
    /// To look at an object by a handle that can do nothing (O_PATH) is no effect.
    ///
    /// With `complete`, fails too unless each leave to change something was followed by that change.
    pub fn compare(&self, tree: &str, complete: bool) {
        let mut comparison = Comparison::default();
        let (mut numbers, mut running) = (0, false);
        let mut given = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            match event {
                Event::Line(line) if line["event"] == "decision" => {
                    numbers += 1;
                    assert_eq!(line["number"], numbers, "{line}");
                    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
                    let action = line["action"].as_str().and_then(|action| action.split('"').nth(1)).expect("an action");
                    let key = (action.to_owned(), text(&line["resource"]["id"]).expect("a path"));
                    let allowed = line["decision"] == "allow";
                    if allowed && EFFECTFUL.contains(&action) {
                        given.push((at, key.clone()));
                    }
                    comparison.last = key.clone();
                    let decided = Decided { at, allowed, destination: text(&line["destination"]), used: HashSet::new() };
                    comparison.decided.insert(key, decided);
                }
                Event::Line(line) => running = line["event"] == "run_started",
                Event::Call(call) if running => comparison.effect(at, call, tree),
                Event::Call(_) => {}
            }
        }
        assert!(!running && numbers > 0, "the whole run was seen");
        for (at, key) in given.iter().filter(|_| complete) {
            assert!(
                comparison.done.get(key).is_some_and(|done| done > at),
                "leave for {key:?} and nothing done: {:#?}",
                self.events
            );
        }
    }
}

impl Comparison {
    fn effect(&mut self, at: usize, call: &Call, tree: &str) {
        let flag = |flag: i32| call.flags & u64::from(flag.unsigned_abs()) != 0;
        let path = call.path.as_str();
        match call.name {
            "open" if flag(libc::O_PATH) => {}
            "open" if flag(libc::O_CREAT) && is_temporary(path) => {
                let (action, target) = self.last.clone();
                assert_eq!(above(&target), above(path), "a temporary file stands beside what it is for: {call:?}");
                self.temporary.insert(path.to_owned(), self.last.clone());
                self.once(at, "temporary", &action, &target, call);
            }
            "open" if flag(libc::O_CREAT) => self.once(at, "open", "create", path, call),
            "open" if flag(libc::O_WRONLY) || flag(libc::O_RDWR) => self.once(at, "open", "write", path, call),
            "open" | "getdents" if !path.starts_with(tree) => {}
            "open" => {
                let leave = |action: &&str| {
                    self.decided.get(&((*action).to_owned(), path.to_owned())).is_some_and(|decided| decided.allowed)
                };
                let action = ["read", "redacted_read", "set_x_attr"].into_iter().find(leave).unwrap_or("read");
                self.once(at, "open", action, path, call);
            }
            "getdents" => drop(self.leave("read", path, call)),
            "write" | "keep" | "utimens" if self.temporary.contains_key(path) => {
                if call.name == "keep" {
                    self.shown.insert(path.to_owned());
                }
                assert!(call.name != "write" || !self.shown.contains(path), "it is not whole yet, and has its rights: {call:?}");
                let (action, target) = self.temporary[path].clone();
                self.leave(&action, &target, call);
            }
            "write" => {
                self.leave("write", path, call);
                self.happened(at, "write", path, call);
            }
            "utimens" => self.once(at, "utimens", "create", path, call),
            "chmod" | "chown" => self.once(at, call.name, call.name, path, call),
            "unlink" if self.temporary.contains_key(path) => {}
            "unlink" => self.once(at, "unlink", "delete", path, call),
            "mkdir" => self.once(at, "mkdir", "create", path, call),
            "symlink" if is_temporary(path) => {
                assert_eq!(above(&self.last.1), above(path), "{call:?}");
                self.temporary.insert(path.to_owned(), self.last.clone());
                let (action, target) = self.last.clone();
                self.once(at, "temporary", &action, &target, call);
            }
            "symlink" => self.once(at, "symlink", "create", path, call),
            "rename" if self.temporary.contains_key(path) => {
                let (action, target) = self.temporary[path].clone();
                assert_eq!(target, call.to, "a temporary file comes to be where leave was given");
                self.once(at, "publish", &action, &target, call);
                self.happened(at, "write", &target, call);
                // A link takes both to be put in the place of another.
                if !call.replaces || action == "delete" {
                    self.happened(at, "create", &target, call);
                }
            }
            "rename" | "link" => self.moves(at, call),
            _ => panic!("nothing is known of this call: {call:?}"),
        }
    }

    fn moves(&mut self, at: usize, call: &Call) {
        for below in call.below.iter().map(String::as_str).chain([""]) {
            let (from, to) = (format!("{}{below}", call.path), format!("{}{below}", call.to));
            self.once(at, call.name, "create", &to, call);
            self.once(at, call.name, "move", &from, call);
            let key = ("move".to_owned(), from);
            assert_eq!(self.decided[&key].destination.as_ref(), Some(&to), "{call:?}");
        }
        if call.name == "rename" && call.replaces && call.flags & u64::from(libc::RENAME_NOREPLACE) == 0 {
            self.once(at, "replaced", "delete", &call.to, call);
            if call.below.is_empty() {
                self.happened(at, "write", &call.to, call);
            }
        }
    }

    /// The leave for an action on a path.
    #[track_caller]
    fn leave(&mut self, action: &str, path: &str, call: &Call) -> &mut Decided {
        let decided = self.decided.get_mut(&(action.to_owned(), path.to_owned()));
        let decided = decided.unwrap_or_else(|| panic!("{action} {path:?} was never decided: {call:?}"));
        assert!(decided.allowed, "{action} {path:?} was denied: {call:?}");
        decided
    }

    /// Uses the leave for an effect that it is good for only once.
    #[track_caller]
    fn once(&mut self, at: usize, effect: &'static str, action: &str, path: &str, call: &Call) {
        let decided = self.leave(action, path, call);
        assert!(
            decided.used.insert(effect),
            "{action} {path:?} was decided once, as event {}, and done twice: {call:?}",
            decided.at
        );
        self.happened(at, action, path, call);
    }

    fn happened(&mut self, at: usize, action: &str, path: &str, call: &Call) {
        if call.done {
            self.done.insert((action.to_owned(), path.to_owned()), at);
        }
    }
}

fn is_temporary(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(".rex-"))
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}
