//! What attacks leave behind in the process that they were made on. There is one test here, since others would count with it.

use std::time::Duration;
use std::{fs, mem};

use rex_guests::{Ground, names, process, run, sandbox};
use rex_runner::audit::Recording;
use rex_runner::run::Runner;

/// Host memory that a run may take besides the guest's own, in bytes: what its largest calls move, some times over.
const ALLOWANCE: u64 = 512 << 20;

// Threat: T-GUEST-12
#[test]
fn attacks_leave_nothing_behind() {
    let ground = Ground::new();
    let threads = process::threads();
    let held = || {
        rex_tests::eventually("the threads end", || process::threads() <= threads);
        (process::descriptors(), process::memory())
    };
    let round = || {
        attack_with_all(&ground);
        ground.ordinary_scripts_run();
        held()
    };
    let (descriptors, mut memory) = round();
    // What an allocator keeps for the next time grows for some rounds; what leaks grows in every one.
    let settled = (0..6).any(|_| {
        let (descriptors_now, memory_now) = round();
        assert_eq!(descriptors_now, descriptors);
        let growth = memory_now.saturating_sub(mem::replace(&mut memory, memory_now));
        growth < 2 << 20
    });
    assert!(settled, "memory grows each time, to {memory} bytes, in {} guests", names().count());
    // The guests' memory is up to 256 MiB.
    let peak = process::peak_memory();
    assert!(peak < memory + (256 << 20) + ALLOWANCE, "{peak} bytes at the worst, {memory} in between");
}

fn attack_with_all(ground: &Ground) {
    for name in names() {
        // What loads is run: others are seen to elsewhere.
        let Ok(sandbox) = sandbox(name) else { continue };
        let runner = Runner::with(sandbox).unwrap();
        fs::write(ground.file(), "one\ntwo\nthree\n").unwrap();
        // The puppet would take no path.
        let mut job = ground.job(if name == "puppet" { "0000000000000000".to_owned() } else { ground.file() });
        job.audit = Recording::default();
        job.limits.timeout = Duration::from_millis(150);
        if name == "hoarded-logs" {
            job.limits.timeout = Duration::from_secs(2);
        }
        let came = run(&runner, job);
        assert_ne!(came.outcome, "host_failed", "{name}: {came:#?}");
        ground.is_quiet();
    }
}
