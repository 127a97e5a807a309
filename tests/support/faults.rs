//! Runs the command and makes one of its system calls fail, as a broken disk or a kernel without memory would.
//!
//! It is done from outside, by a tracer: the program is the one that is shipped, and no call of it can be forgotten.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;
use serde_json::Value;

use crate::traced::{follow, start};
use crate::{Case, Ran};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not made, and gives this error.
    Fails(Errno),
    /// It reads or writes one byte, where it wanted more.
    Short,
}

/// A run with a fault in it.
#[derive(Debug)]
pub struct Faulty {
    pub ran: Ran,
    /// The numbers of the calls, in order. Those that a fault could hit: of the script's thread, and none about its own memory and its threads, for which
    /// Rust's library has no answer but to end the process.
    pub calls: Vec<i64>,
}

/// Calls with a buffer whose length is the third argument.
const SIZED: &[i64] = &[libc::SYS_read, libc::SYS_write, libc::SYS_pread64, libc::SYS_pwrite64];

fn spared(number: i64) -> bool {
    matches!(
        number,
        libc::SYS_brk
            | libc::SYS_mmap
            | libc::SYS_munmap
            | libc::SYS_mremap
            | libc::SYS_madvise
            | libc::SYS_mprotect
            | libc::SYS_futex
            | libc::SYS_rt_sigprocmask
            | libc::SYS_rt_sigaction
            | libc::SYS_rt_sigreturn
            | libc::SYS_sigaltstack
            | libc::SYS_set_robust_list
            | libc::SYS_rseq
            | libc::SYS_prctl
            | libc::SYS_sched_getaffinity
            | libc::SYS_sched_yield
            | libc::SYS_gettid
            | libc::SYS_exit
            | libc::SYS_exit_group
    )
}

/// Runs a script's text with a fault at the call of this number, counted from 0. Nothing where this process may not trace.
pub fn run(case: &Case, script: &str, policy: &str, arguments: &Value, fault: Option<(usize, Fault)>) -> Option<Faulty> {
    let process = start(case, script, policy, arguments)?;
    let mut calls = Vec::new();
    let mut script = None;
    let mut result = None;
    let ran = follow(case, process, |thread, entry| {
        if script.is_none() && entry && is_script(process, thread) {
            script = Some(thread);
        }
        let Ok(mut registers) = ptrace::getregs(thread) else { return };
        if script != Some(thread) {
            return;
        }
        if !entry {
            if let Some(errno) = result.take() {
                registers.rax = (-i64::from(errno as i32)).cast_unsigned();
                ptrace::setregs(thread, registers).expect("a register can be set");
            }
            return;
        }
        let number = registers.orig_rax.cast_signed();
        if spared(number) {
            return;
        }
        if let Some((at, fault)) = fault
            && at == calls.len()
        {
            match fault {
                Fault::Fails(errno) => {
                    // No call has this number.
                    registers.orig_rax = u64::MAX;
                    result = Some(errno);
                }
                Fault::Short if SIZED.contains(&number) => registers.rdx = registers.rdx.min(1),
                Fault::Short => {}
            }
            ptrace::setregs(thread, registers).expect("a register can be set");
        }
        calls.push(number);
    });
    Some(Faulty { ran, calls })
}

/// Whether it is the thread that the script runs on.
fn is_script(process: Pid, thread: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/task/{thread}/comm")).is_ok_and(|name| name.trim_end() == "script")
}
