//! Kernels and containers that do not offer what Rex needs: it refuses to begin.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::thread;

use nix::libc::{ENOSYS, EPERM, SYS_openat2};
use rex_tests::{Case, PERMIT_ALL, command, finish, rex_runner};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde_json::Value;

/// What a script would leave behind.
fn trying(case: &Case) -> (String, String) {
    case.dir("in");
    (case.file("script", format!("write(\"{}\", \"x\")", case.path("in/new"))), case.file("policy", PERMIT_ALL))
}

/// Older kernels than 5.6 do not know it, and filters of containers that are older than it refuse it.
#[test]
fn without_openat2_nothing_begins() {
    // A filter is for a thread and all that comes of it.
    rex_runner();
    for errno in [ENOSYS, EPERM] {
        let case = Case::new();
        let (script, policy) = trying(&case);
        let ran = thread::spawn(move || {
            let filter = SeccompFilter::new(
                BTreeMap::from([(SYS_openat2, Vec::new())]),
                SeccompAction::Allow,
                SeccompAction::Errno(errno.unsigned_abs()),
                std::env::consts::ARCH.try_into().unwrap(),
            );
            apply_filter(&BpfProgram::try_from(filter.unwrap()).unwrap()).unwrap();
            finish(command(&["-s", &script, "-p", &policy]).spawn().unwrap())
        });
        let ran = ran.join().unwrap().expect_code(6);
        assert!(ran.error().contains("openat2"), "{ran:?}");
        assert_eq!((ran.result(), &ran.report["decisions"]["allowed"]), (&Value::Null, &0.into()), "{ran:?}");
        assert!(!case.exists("in/new"));
    }
}

/// The path of an opened file comes from there.
#[test]
fn without_proc_nothing_begins() {
    let case = Case::new();
    let (script, policy) = trying(&case);
    case.dir("false/self/fd");
    for proc in [case.dir("empty"), case.path("false")] {
        let child = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                "mount --bind \"$0\" /proc || exit 99; exec \"$@\"",
                &proc,
            ])
            .arg(rex_runner())
            .args(["-s", &script, "-p", &policy])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(child) = child else {
            eprintln!("not tried: there is no unshare(1)");
            return;
        };
        let ran = finish(child);
        if ran.report.is_null() && matches!(ran.code, 1 | 99) {
            eprintln!("not tried: this system has no place without /proc: {}", ran.stderr);
            return;
        }
        let ran = ran.expect_code(6);
        assert!(ran.error().contains("/proc"), "{ran:?}");
        assert!(!case.exists("in/new"));
    }
}
