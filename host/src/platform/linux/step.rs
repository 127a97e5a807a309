//! A shell's script in a process group of its own, as the SSM agent runs it.

use std::fs::{OpenOptions, Permissions, create_dir};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::limits::RunClock;
use crate::platform::{Error, Finished, ShellScript};

/// How long a stream that somebody outside the group keeps open is waited for, once the group is dead.
const GRACE: Duration = Duration::from_secs(1);
/// How often the step is looked at.
const NAP: Duration = Duration::from_millis(2);
/// Where the agent's own service looks for commands.
const COMMANDS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a script with `sh -c`, from a file that only its owner reads, in a new directory that only its owner enters. Kills its process group
/// when the clock says so, and otherwise waits until nobody holds its output any more. Keeps `limit` bytes of each stream. Nothing of the
/// script stays behind.
///
/// # Errors
///
/// When the script cannot be started.
pub fn run_shell_script(script: &ShellScript<'_>, limit: usize, clock: &RunClock) -> Result<Finished, Error> {
    let directory = tempfile::Builder::new().prefix("rex-step-").permissions(Permissions::from_mode(0o700)).tempdir()?;
    let path =
        directory.path().to_str().filter(|path| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)));
    // The agent gives the path to the shell as a command, which would divide another one.
    let path =
        path.ok_or(Error::Unsupported("the directory for temporary files has a name that a shell does not take as it is"))?;
    let (commands, file) = (format!("{path}/bin"), format!("{path}/_script.sh"));
    create_dir(&commands)?;
    symlink(script.program, Path::new(&commands).join("rex-runner"))?;
    OpenOptions::new().write(true).create_new(true).mode(0o700).open(&file)?.write_all(script.text.as_bytes())?;
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(&file)
        .env_clear()
        .env("PATH", format!("{commands}:{COMMANDS}"))
        .envs(script.environment.iter().cloned());
    command.current_dir(script.directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    watch(command.spawn()?, limit, clock)
}

fn watch(mut child: Child, limit: usize, clock: &RunClock) -> Result<Finished, Error> {
    let (stdout, stderr) = (Stream::read(child.stdout.take(), limit), Stream::read(child.stderr.take(), limit));
    let group = Pid::from_child(&child);
    let mut stopped = None;
    // INVARIANT: the child is not waited for before its group is done with, or the group's number could be another's by then.
    while !(has_ended(group)? && stdout.is_done() && stderr.is_done()) {
        if let Err(reason) = clock.check() {
            stopped = Some(reason);
            let _ = kill_process_group(group, Signal::KILL);
            break;
        }
        thread::sleep(NAP);
    }
    let status = child.wait()?;
    let killed = Instant::now();
    while stopped.is_some() && !(stdout.is_done() && stderr.is_done()) && killed.elapsed() < GRACE {
        thread::sleep(NAP);
    }
    Ok(Finished { code: status.code(), stopped, stdout: stdout.kept(), stderr: stderr.kept() })
}

fn has_ended(child: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(child), options)?.is_some())
}

/// What comes out of a pipe, of which the beginning is kept.
struct Stream {
    content: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(source: Option<impl Read + Send + 'static>, limit: usize) -> Self {
        let content = Arc::new(Mutex::new(Vec::new()));
        let reader = source.map(|mut source| {
            let content = Arc::clone(&content);
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = source.read(&mut buffer) {
                    let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = limit.saturating_sub(content.len()).min(count);
                    content.extend(buffer.iter().take(room));
                }
            })
        });
        Self { content, reader }
    }

    fn is_done(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn kept(&self) -> Vec<u8> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
