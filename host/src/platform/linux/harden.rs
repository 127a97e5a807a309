//! The wall behind the gate: the kernel refuses what the policy can never permit, should anybody come to rule this process.
//!
//! All of it concerns the calling thread and the threads that it starts from then on.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{self as sys, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::platform::{Hardening, parent};
use crate::policy::{Action, CHANGING, Places, Reach};

/// The newest of the kernel's interfaces that is known here. An older kernel enforces what it knows of it.
const LANDLOCK: ABI = ABI::V6;
/// What the names of users and groups are looked up in.
const NAMES: &[&str] = &["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// Gives up what this policy cannot need. What the kernel does not offer is left out, and the answer says what was done.
pub fn harden(reach: &Reach) -> Hardening {
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    Hardening {
        core_dumps_off: setrlimit(Resource::Core, no_core).is_ok(),
        no_new_privileges: set_no_new_privs(true).is_ok(),
        // A program behind Landlock may not look into those in front of it, as what is in /proc of them needs.
        landlock: if reach.special { "off: the policy names a special file system" } else { restrict_files(reach) },
        capabilities: drop_capabilities(reach)
            .ok()
            .map(|kept| kept.iter_names().map(|(name, _)| format!("CAP_{name}")).collect()),
        // The last: it forbids the calls that the others need.
        system_calls: restrict_calls(reach).is_ok(),
    }
}

/// Files can be read and changed only where the policy can permit that, and no server can be reached.
fn restrict_files(reach: &Reach) -> &'static str {
    rules_for_files(reach).and_then(RulesetCreated::restrict_self).map_or("unavailable", |status| match status.ruleset {
        RulesetStatus::FullyEnforced => "enforced",
        RulesetStatus::PartiallyEnforced => "partly enforced",
        RulesetStatus::NotEnforced => "unavailable",
    })
}

fn rules_for_files(reach: &Reach) -> Result<RulesetCreated, RulesetError> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let changing = AccessFs::from_all(LANDLOCK)
        & !(reading | AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::MakeFifo);
    let mut rules: BTreeMap<&str, BitFlags<AccessFs>> = NAMES.iter().map(|path| (*path, reading)).collect();
    for (places, access) in [(&reach.reading, reading), (&reach.changing, changing)] {
        match places {
            Places::Everywhere => *rules.entry("/").or_default() |= access,
            Places::Below(paths) => paths.iter().for_each(|path| *rules.entry(path).or_default() |= access),
        }
    }
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for (path, access) in rules {
        if let Some(place) = existing(path) {
            let is_dir = sys::fstat(&place).is_ok_and(|status| sys::FileType::from_raw_mode(status.st_mode).is_dir());
            let access = if is_dir { access } else { access & AccessFs::from_file(LANDLOCK) };
            ruleset = ruleset.add_rule(PathBeneath::new(place.as_fd(), access))?;
        }
    }
    Ok(ruleset)
}

/// The object at a path, or where there is none the deepest directory above it. A link is none: policies name what links lead to.
fn existing(path: &str) -> Option<OwnedFd> {
    let mut path = path;
    loop {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match sys::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Ok(place) => return Some(place),
            Err(Errno::NOENT) if path != "/" => path = parent(path),
            Err(_) => return None,
        }
    }
}

/// Keeps what the superuser's reach into files needs, where the policy permits that at all.
fn drop_capabilities(reach: &Reach) -> Result<CapabilitySet, Errno> {
    let has = capabilities(None)?;
    let mut needed = CapabilitySet::DAC_READ_SEARCH;
    if reach.any(CHANGING) {
        // Who replaces a file keeps its owner and its permissions.
        needed |= CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER | CapabilitySet::CHOWN;
    }
    for (action, capability) in [
        (Action::Chmod, CapabilitySet::FOWNER),
        (Action::Chown, CapabilitySet::CHOWN),
        (Action::SetXAttr, CapabilitySet::SYS_ADMIN | CapabilitySet::MAC_ADMIN),
    ] {
        if reach.any(&[action]) {
            needed |= capability;
        }
    }
    // Each file of a special file system can ask for a capability of its own: for reading, those over processes and the kernel's log.
    let kept = match reach.special {
        true if reach.any(CHANGING) => has.permitted,
        true => has.permitted & (needed | CapabilitySet::SYS_PTRACE | CapabilitySet::SYSLOG),
        false => has.permitted & needed,
    };
    set_capabilities(
        None,
        CapabilitySets { effective: has.effective & kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )?;
    Ok(kept)
}

/// System calls that every run makes.
const ALWAYS: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fgetxattr,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_futex,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_openat2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_tgkill,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// System calls that change files or directories, or keep the rights of what is replaced.
const CHANGES: &[libc::c_long] = &[
    libc::SYS_copy_file_range,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_ftruncate,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];

/// Only the system calls that a run under this policy can make; no other program is started, no code is made, no socket is opened.
fn restrict_calls(reach: &Reach) -> Result<(), Box<dyn std::error::Error>> {
    let mut rules: BTreeMap<libc::c_long, Vec<SeccompRule>> = ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    let mut allow = |calls: &[libc::c_long]| calls.iter().for_each(|call| drop(rules.insert(*call, Vec::new())));
    if reach.any(CHANGING) {
        allow(CHANGES);
        allow(&[libc::SYS_openat]);
    }
    if reach.any(&[Action::Chmod]) {
        allow(&[libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchmodat2]);
    }
    if reach.any(&[Action::Chown]) {
        allow(&[libc::SYS_fchown, libc::SYS_fchownat]);
    }
    if reach.any(&[Action::SetXAttr]) {
        allow(&[libc::SYS_fsetxattr]);
    }
    let only = |argument, mask: libc::c_int, value: libc::c_int| -> Result<SeccompRule, seccompiler::BackendError> {
        let (mask, value) = (u64::from(mask.cast_unsigned()), u64::from(value.cast_unsigned()));
        SeccompRule::new(vec![SeccompCondition::new(argument, Width::Dword, Compare::MaskedEq(mask), value)?])
    };
    if !reach.any(CHANGING) {
        let writes = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
        rules.insert(libc::SYS_openat, vec![only(2, writes, 0)?]);
    }
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![only(2, libc::PROT_EXEC, 0)?]);
    }
    rules.insert(libc::SYS_clone, vec![only(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?]);
    rules.insert(libc::SYS_prctl, vec![only(0, -1, libc::PR_SET_NAME)?, only(0, -1, libc::PR_SET_VMA)?]);
    // What is missing is told as missing, so that libraries fall back on what there is, as from `clone3` to `clone`.
    let missing = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let filter = SeccompFilter::new(rules, missing, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::process::Command;
    use std::{fs, thread};

    use rustix::fs::AtFlags;

    use super::*;
    use crate::policy::Policy;

    /// What a host that somebody has taken over can still do: the same as any program's, on a thread that has been hardened.
    fn taken_over<T: Send + 'static>(policy: &str, attempt: impl FnOnce(&Hardening) -> T + Send + 'static) -> T {
        let reach = Policy::parse(policy).unwrap().reach();
        thread::spawn(move || attempt(&harden(&reach))).join().unwrap()
    }

    fn permit(actions: &str, dir: &str) -> String {
        format!("permit(principal, action in [{actions}], resource in file_system::Dir::\"{dir}\");")
    }

    const READ: &str = r#"file_system::Action::"open", file_system::Action::"read""#;
    const ALL: &str = r#"file_system::Action::"SafeIO""#;

    struct Places {
        inside: String,
        outside: String,
        _dir: tempfile::TempDir,
    }

    fn places() -> Places {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["in/d", "out"] {
            fs::create_dir_all(root.join(name)).unwrap();
            fs::write(root.join(name).join("f"), "text").unwrap();
        }
        let path = |name| root.join(name).to_str().unwrap().to_owned();
        Places { inside: path("in/d"), outside: path("out"), _dir: dir }
    }

    // Threat: T-GUEST-10
    #[test]
    fn no_program_can_be_started_and_no_server_reached() {
        let places = places();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        taken_over(&permit(ALL, &places.inside), move |hardening| {
            assert!(hardening.system_calls && hardening.no_new_privileges && hardening.core_dumps_off, "{hardening:?}");
            assert!(Command::new("/bin/true").status().is_err());
            assert!(std::net::TcpStream::connect(address).is_err());
            assert!(std::os::unix::net::UnixStream::pair().is_err());
        });
    }

    // Threat: T-GUEST-10
    #[test]
    fn no_code_can_be_made() {
        taken_over(&permit(ALL, "/srv"), |_| {
            use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
            let map = |rights| {
                #[expect(unsafe_code, reason = "a mapping of its own, that nothing refers to")]
                // SAFETY: a new private mapping at an address of the kernel's choice touches no memory of this program.
                unsafe {
                    mmap_anonymous(std::ptr::null_mut(), 4096, rights, MapFlags::PRIVATE)
                }
            };
            assert!(map(ProtFlags::READ | ProtFlags::WRITE).is_ok());
            assert_eq!(map(ProtFlags::READ | ProtFlags::EXEC).unwrap_err(), Errno::NOSYS);
        });
    }

    // Threat: T-GUEST-10
    #[test]
    fn what_a_policy_for_reading_permits_cannot_be_changed() {
        let places = places();
        taken_over(&permit(READ, &places.inside), move |_| {
            let file = format!("{}/f", places.inside);
            assert_eq!(fs::read_to_string(&file).unwrap(), "text");
            assert_eq!(fs::read_dir(&places.inside).unwrap().count(), 1);
            assert!(fs::write(&file, "x").is_err());
            assert!(sys::unlinkat(CWD, &file, AtFlags::empty()).is_err());
            assert!(sys::mkdirat(CWD, format!("{}/new", places.inside), Mode::RWXU).is_err());
            assert!(sys::renameat(CWD, &file, CWD, format!("{}/g", places.inside)).is_err());
        });
    }

    // Threat: T-GUEST-10
    #[test]
    fn elsewhere_nothing_can_be_read_or_changed() {
        let places = places();
        taken_over(&permit(ALL, &places.inside), move |hardening| {
            if hardening.landlock == "unavailable" {
                // Nothing here could keep files out of reach.
                return;
            }
            let (inside, outside) = (format!("{}/f", places.inside), format!("{}/f", places.outside));
            fs::write(&inside, "new").unwrap();
            sys::renameat(CWD, &inside, CWD, format!("{}/g", places.inside)).unwrap();
            for denied in [fs::read(&outside).map(drop), fs::write(&outside, "x")] {
                assert_eq!(denied.unwrap_err().kind(), ErrorKind::PermissionDenied);
            }
            assert_eq!(sys::unlinkat(CWD, &outside, AtFlags::empty()), Err(Errno::ACCESS));
            assert!(fs::read_dir(&places.outside).is_err());
        });
    }

    /// The superuser's powers over processes, devices, the network and the kernel go.
    // Threat: T-GUEST-10
    #[test]
    fn capabilities_that_files_do_not_need_go() {
        let reach = Policy::parse(&permit(READ, "/srv")).unwrap().reach();
        let (kept, left) = thread::spawn(move || (drop_capabilities(&reach), capabilities(None))).join().unwrap();
        let left = left.unwrap();
        assert!((left.effective | left.permitted | left.inheritable) & !CapabilitySet::DAC_READ_SEARCH == CapabilitySet::empty());
        assert_eq!(kept.unwrap(), left.permitted);
    }

    /// A place that is made later is below one that is there now.
    #[test]
    fn what_the_policy_permits_to_be_made_can_be_made() {
        let places = places();
        let new = format!("{}/a/b", places.inside);
        taken_over(&permit(ALL, &new), move |_| {
            for directory in [parent(&new), &new] {
                sys::mkdirat(CWD, directory, Mode::RWXU).unwrap();
            }
            fs::write(format!("{new}/f"), "x").unwrap();
            sys::unlinkat(CWD, format!("{new}/f"), AtFlags::empty()).unwrap();
            sys::unlinkat(CWD, &new, AtFlags::REMOVEDIR).unwrap();
        });
    }
}
