//! What is no plain file: the magic links of /proc, devices, FIFOs, sockets.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rex_tests::{Case, PERMIT_ALL, command, finish};
use serde_json::json;

use crate::tools::{LOOKING, SECRET, attempt, fifo, permit_in, with_path};

/// They lead where the kernel says, whatever their text says, out of every directory and every namespace.
// Threat: T-PATH-4
#[test]
fn magic_links_are_not_followed_whatever_the_policy_permits() {
    let case = Case::new();
    let mine = std::process::id();
    let task = std::fs::read_dir("/proc/self/task").unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    for path in [
        "/proc/self/root/etc/hosts",
        "/proc/self/root",
        "/proc/self/root/",
        "/proc/self/cwd",
        "/proc/self/cwd/Cargo.toml",
        "/proc/self/exe",
        "/proc/self/fd/0",
        "/proc/self/fd/3",
        "/dev/fd/0",
        "/dev/stdin",
        "/proc/thread-self/root/etc/hosts",
        "/proc/thread-self/cwd",
        "/proc/1/root/etc/hosts",
        &format!("/proc/{mine}/root/etc/hosts"),
        &format!("/proc/{mine}/cwd/Cargo.toml"),
        &format!("/proc/{mine}/exe"),
        &format!("/proc/{mine}/task/{task}/root/etc/hosts"),
    ] {
        for (name, kind) in attempt(&case, LOOKING.iter().copied(), path, PERMIT_ALL) {
            // A link may be opened as the link that it is, which is no directory.
            assert_ne!(kind, "ok", "{name} on {path}");
        }
        for script in ["touch(p)", "write([write::replace], p, \"x\")", "mkdir([mkdir::parents], p + \"/rex-test-new\")"] {
            let ran = with_path(&case, script, path, PERMIT_ALL);
            assert_eq!(ran.code, 1, "{script} on {path}: {ran:?}");
        }
    }
}

// Threat: T-PATH-4
#[test]
fn a_link_to_a_magic_link_is_not_followed_either() {
    let case = Case::new();
    case.dir("in");
    for (index, target) in
        ["/proc/self/root/etc/hosts", "/proc/self/root", "/proc/self/exe", "/proc/self/fd/0", "/dev/stdin", "/proc/self/cwd/"]
            .into_iter()
            .enumerate()
    {
        let link = case.path(&format!("in/{index}"));
        symlink(target, &link).unwrap();
        for (name, kind) in attempt(&case, LOOKING.iter().copied(), &link, PERMIT_ALL) {
            assert_ne!(kind, "ok", "{name} on a link to {target}");
        }
    }
}

#[test]
fn a_file_that_the_process_was_given_is_not_reached_through_its_descriptor() {
    let case = Case::new();
    let (secret, policy) = (case.file("secret/f", SECRET), case.file("policy", PERMIT_ALL));
    for path in ["/proc/self/fd/0", "/dev/fd/0", "/dev/stdin", "/proc/thread-self/fd/0"] {
        for script in ["cat(p)", "write(p, \"x\")"] {
            let mut command = command(&["--script", script, "-p", &policy, "--arg", &format!("p={path}")]);
            let ran = finish(command.stdin(File::options().read(true).append(true).open(&secret).unwrap()).spawn().unwrap());
            assert!(ran.expect_code(1).report.to_string().find(SECRET).is_none(), "{script} on {path}");
        }
    }
    assert_eq!(case.content("secret/f").as_deref(), Some(SECRET));
}

#[test]
fn a_plain_file_of_proc_can_be_read_where_the_policy_says_so() {
    let case = Case::new();
    let policy = r#"permit(principal, action, resource in file_system::Dir::"/proc/sys/kernel");"#;
    let ran = with_path(&case, "cat(p).len() > 0", "/proc/sys/kernel/ostype", policy).expect_code(0);
    assert_eq!(ran.result(), true);
    with_path(&case, "cat(p)", "/proc/self/environ", policy).expect_code(3);
    with_path(&case, "cat(p)", "/proc/version", policy).expect_code(3);
}

/// Its policy is asked for the process's own number, so that `/proc/self` in a policy permits nothing by accident.
#[test]
fn proc_self_is_authorised_under_the_number_of_the_process() {
    let policy = r#"permit(principal, action, resource in file_system::Dir::"/proc/self");"#;
    with_path(&Case::new(), "cat(p)", "/proc/self/environ", policy).expect_code(3);
}

/// Whoever may write there changes the host itself. It must at least survive the attempt to read or write at the beginning.
#[test]
fn the_memory_of_the_process_gives_nothing() {
    let case = Case::new();
    for script in ["cat(p)", "tail(p)", "wc(p)", "grep(\".\", p)", "write(p, \"x\")", "write([write::replace], p, \"x\")"] {
        let ran = with_path(&case, script, "/proc/self/mem", PERMIT_ALL);
        assert_eq!(ran.expect_code(1).report["outcome"], "script_error", "{script}");
    }
}

/// Opening one would wait for ever, and reading waits until the time is up.
// Threat: T-RES-2
#[test]
fn a_fifo_that_nobody_writes_ends_with_the_time_limit() {
    let case = Case::new();
    case.dir("in");
    let path = case.path("in/fifo");
    fifo(&path);
    for script in ["cat(p)", "grep(\"x\", p)", "tail(p)", "tail([tail::n(1)], p)", "wc(p)"] {
        let ran =
            case.run_with(script, &permit_in(&case, "in"), &["--timeout", "1s", "--arg", &format!("p={path}")]).expect_code(4);
        assert!(ran.error().contains("--timeout") && ran.report["outcome"] == "limit", "{script}: {ran:?}");
    }
}

#[test]
fn a_fifo_that_is_written_to_slowly_can_be_read() {
    let case = Case::new();
    case.dir("in");
    let path = case.path("in/fifo");
    fifo(&path);
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut file = File::options().write(true).open(path).unwrap();
            for part in ["one\n", "two\n"] {
                std::thread::sleep(std::time::Duration::from_millis(50));
                file.write_all(part.as_bytes()).unwrap();
            }
        }
    });
    let ran = with_path(&case, "cat(p)", &path, &permit_in(&case, "in")).expect_code(0);
    writer.join().unwrap();
    assert_eq!(ran.result(), "one\ntwo\n");
}

// Threat: T-PATH-6
#[test]
fn a_fifo_that_nobody_reads_is_an_error() {
    let case = Case::new();
    case.dir("in");
    let path = case.path("in/fifo");
    fifo(&path);
    for script in ["write(p, \"x\")", "write([write::replace], p, \"x\")"] {
        case.run_with(script, &permit_in(&case, "in"), &["--timeout", "20s", "--arg", &format!("p={path}")]).expect_code(1);
    }
    // A reader that takes nothing away.
    let reader = rustix::fs::open(
        &path,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let script = "let big = \"x\"; for n in 0..21 { big += big; } write(p, big)";
    case.run_with(script, &permit_in(&case, "in"), &["--timeout", "1s", "--arg", &format!("p={path}")]).expect_code(4);
    drop(reader);
}

#[test]
fn a_socket_is_no_file() {
    let case = Case::new();
    case.dir("in");
    let path = case.path("in/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let opening = LOOKING.iter().copied().filter(|(name, _)| *name != "stat");
    for (name, kind) in attempt(&case, opening.chain([("write", "write(p, \"x\")")]), &path, &permit_in(&case, "in")) {
        assert_eq!(kind, "EntryTypeMismatchError", "{name}");
    }
}

#[test]
fn devices_without_an_end_end_by_a_limit() {
    let case = Case::new();
    for (path, script) in [
        ("/dev/zero", "cat(p)"),
        ("/dev/zero", "cat([cat::number], p)"),
        ("/dev/zero", "tail(p)"),
        ("/dev/zero", "tail([tail::n(1)], p)"),
        ("/dev/zero", "grep(\"x\", p)"),
        ("/dev/zero", "wc(p)"),
        ("/dev/urandom", "cat(p)"),
        ("/dev/urandom", "wc(p)"),
        ("/dev/urandom", "grep(\"this is not in it, for it is far too long\", p)"),
    ] {
        let ran =
            case.run_with(script, PERMIT_ALL, &["--timeout", "3s", "--max-call-bytes", "4MiB", "--arg", &format!("p={path}")]);
        assert!(ran.report["outcome"] == "limit" && ran.error().contains("--"), "{script} on {path}: {ran:?}");
        ran.expect_code(4);
    }
}

/// With the limits as they are when nobody changes them.
#[test]
fn dev_zero_ends_by_the_usual_limits() {
    with_path(&Case::new(), "cat(p)", "/dev/zero", PERMIT_ALL).expect_code(4);
}

// Threat: T-PATH-6
#[test]
fn other_devices_do_no_harm() {
    let case = Case::new();
    assert_eq!(with_path(&case, "cat(p)", "/dev/null", PERMIT_ALL).expect_code(0).result(), "");
    with_path(&case, "write(p, \"x\")", "/dev/null", PERMIT_ALL).expect_code(0);
    with_path(&case, "write([write::replace], p, \"x\")", "/dev/null", PERMIT_ALL).expect_code(0);
    let ran = with_path(&case, "write(p, \"x\")", "/dev/full", PERMIT_ALL).expect_code(1);
    assert!(ran.error().contains("IoError"), "{ran:?}");
    // There may be a terminal or none; it must not become ours.
    let ran = case.run_with("cat(p)", PERMIT_ALL, &["--timeout", "1s", "--arg", "p=/dev/tty"]);
    assert!(matches!(ran.code, 1 | 4), "{ran:?}");
}

// Threat: T-RES-6
#[test]
fn a_file_of_a_tebibyte_is_a_limit() {
    let case = Case::new();
    let path = case.file("in/sparse", "");
    File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    for script in ["cat(p)", "wc(p)", "tail(p)", "tail([tail::from(1)], p)", "grep(\"x\", p)"] {
        let ran = case.run_with(script, &permit_in(&case, "in"), &["--timeout", "2s", "--arg", &format!("p={path}")]);
        assert_eq!(ran.expect_code(4).report["outcome"], "limit", "{script}");
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_ends() {
    let case = Case::new();
    let path = case.file("in/f", "x");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().append(true).open(&path).unwrap();
            // Not without end: the disk is everybody's.
            for _ in 0..4000 {
                file.write_all(&[b'x'; 16 << 10]).unwrap();
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for script in ["cat(p)", "wc(p)", "tail(p)", "grep(\"y\", p)"] {
            let ran = case.run_with(
                script,
                &permit_in(&case, "in"),
                &["--timeout", "20s", "--max-call-bytes", "1MiB", "--arg", &format!("p={path}")],
            );
            assert!(matches!(ran.code, 0 | 4) && ran.report["exit_code"] == ran.code, "{script}: {ran:?}");
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_listing_tells_what_each_entry_is() {
    let case = Case::new();
    case.file("in/file", "");
    case.dir("in/dir");
    fifo(&case.path("in/fifo"));
    symlink("nowhere", case.path("in/link")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(case.path("in/socket")).unwrap();
    let script = "let all = #{}; for entry in ls(p).values() { all[entry.name] = entry.type().to_string(); } all";
    let ran = with_path(&case, script, &case.path("in"), &permit_in(&case, "in")).expect_code(0);
    assert_eq!(ran.result(), &json!({"dir": "Dir", "fifo": "Fifo", "file": "File", "link": "Symlink", "socket": "Socket"}));
    let ran = with_path(&case, "ls(p)[\"null\"].type() == EntryType::CHAR_DEVICE", "/dev", PERMIT_ALL).expect_code(0);
    assert_eq!(ran.result(), true);
}
