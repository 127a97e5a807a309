//! How the tests run Rex: as the command that a user gets.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod faults;
#[cfg(target_os = "linux")]
pub mod traced;

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The command, built with the features that it is shipped with. A workspace build may have switched on more.
pub fn rex_runner() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--locked", "--package", "rex-runner", "--bin", "rex-runner"])
            .args(["--message-format", "json"])
            .args(if cfg!(debug_assertions) { &[][..] } else { &["--release"][..] })
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "rex-runner does not build");
        String::from_utf8(output.stdout)
            .expect("cargo speaks UTF-8")
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the executable")
    })
}

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the project's root")
}

/// A policy under which everything is permitted that has no statement and no guard against it.
pub const PERMIT_ALL: &str = "permit(principal, action, resource);
permit(principal, action, resource in file_system::Dir::\"/proc\");
permit(principal, action, resource in file_system::Dir::\"/sys\");
permit(principal, action, resource in file_system::Dir::\"/dev\");";

/// A directory of a test's own, and runs of Rex in it.
pub struct Case {
    dir: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The report; null where there is none.
    pub report: Value,
}

impl Case {
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        Self { dir: TempDir::with_prefix("rex-test-").expect("a temporary directory") }
    }

    /// The canonical path of a file in the directory.
    pub fn path(&self, name: &str) -> String {
        let root = self.dir.path().canonicalize().expect("the directory is there");
        root.join(name).to_str().expect("it is UTF-8").trim_end_matches('/').to_owned()
    }

    /// Writes a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(Path::new(&path).parent().expect("it stands in the directory")).expect("directories");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// A policy that permits the file actions in these directories of this case.
    pub fn permit(&self, actions: &[&str], directories: &[&str]) -> String {
        let actions: Vec<_> = actions.iter().map(|action| format!(r#"file_system::Action::"{action}""#)).collect();
        let statement = |name: &&str| {
            format!(
                r#"permit(principal, action in [{}], resource in file_system::Dir::"{}");"#,
                actions.join(", "),
                self.path(name)
            )
        };
        directories.iter().map(statement).collect::<Vec<_>>().join("\n")
    }

    /// Makes a directory, and those above it.
    pub fn dir(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// What a file holds; nothing where there is none.
    pub fn content(&self, name: &str) -> Option<String> {
        std::fs::read(self.path(name)).ok().map(|bytes| String::from_utf8(bytes).expect("it is UTF-8"))
    }

    /// Whether there is something of this name, be it a link that leads nowhere.
    pub fn exists(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// Runs a script's text under a policy's text with further options.
    pub fn run_with(&self, script: &str, policy: &str, options: &[&str]) -> Ran {
        let policy = self.file(".policy/policy.cedar", policy);
        let mut arguments = vec!["-s", "-", "-p", &policy];
        arguments.extend(options);
        run(&arguments, script)
    }

    /// Runs a script's text under a policy's text.
    pub fn run(&self, script: &str, policy: &str) -> Ran {
        self.run_with(script, policy, &[])
    }
}

/// No run of a test takes longer on any machine; what does will never end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command with what it gets on standard input.
pub fn run(arguments: &[&str], input: &str) -> Ran {
    let mut child = command(arguments).spawn().expect("rex-runner starts");
    // A command that does not read its input closes it.
    let _ = child.stdin.take().expect("it has an input").write_all(input.as_bytes());
    finish(child)
}

/// Waits for the end of a run. Kills one that does not end, and fails.
#[track_caller]
pub fn finish(mut child: Child) -> Ran {
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = wait(&mut child, PATIENCE).expect("the run ends");
    let text = |reader: thread::JoinHandle<Vec<u8>>| reader.join().expect("its output can be read");
    Output { status, stdout: text(stdout), stderr: text(stderr) }.into()
}

/// Waits for the end of a process, and kills one that does not end in time.
pub fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Waits until something holds, such as that a file is there. Fails when it never does.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: it never came to that");
        thread::sleep(Duration::from_millis(2));
    }
}

fn drain(source: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut content = Vec::new();
        if let Some(mut source) = source {
            let _ = source.read_to_end(&mut content);
        }
        content
    })
}

/// The command, not started yet.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(rex_runner());
    command.args(arguments);
    watched(command)
}

/// The command, not started yet, in the place of a shell that has done something before, such as set a limit.
pub fn command_after(setup: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")]).arg(rex_runner()).args(arguments);
    watched(command)
}

fn watched(mut command: Command) -> Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("LOG_LEVEL");
    command
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).expect("standard output is UTF-8");
        Self {
            code: output.status.code().unwrap_or(-1),
            report: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl Ran {
    /// Messages of the log.
    pub fn logs(&self) -> Vec<&str> {
        let entries = self.report["logs"].as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(|entry| entry["attributes"]["message"].as_str()).collect()
    }

    /// What was denied, each with its action, its resource and its reason.
    pub fn denials(&self) -> &[Value] {
        self.report["decisions"]["denials"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The script's value.
    pub fn result(&self) -> &Value {
        &self.report["result"]
    }

    /// The error's message.
    pub fn error(&self) -> &str {
        self.report["error"]["message"].as_str().unwrap_or_default()
    }

    /// Fails unless the run ended with this code and a whole report that says the same.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert_eq!(self.report["exit_code"], code, "{self:#?}");
        self
    }
}
