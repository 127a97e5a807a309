//! Many scripts of all kinds in one process: each comes to what it must, and nothing is left of them. The tests of this file measure the
//! process that they run in, and so come one after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rex_guests::scripts::kinds;
use rex_guests::{Ground, process, run};
use rex_runner::run::Runner;
use rex_runner::sandbox::Sandbox;

/// The process is one test's at a time.
static PROCESS: Mutex<()> = Mutex::new(());
/// Scripts at a time.
const WORKERS: usize = 4;
/// Growth that is none, in bytes: what the allocator keeps for its threads.
const NOISE: u64 = 16 << 20;

// Threat: T-RES-13
#[test]
fn scripts_leave_nothing_behind() {
    soak(ordinary, 1_000);
}

// Threat: T-RES-13
#[test]
fn scripts_in_a_pool_leave_nothing_behind() {
    soak(pooled, 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_scripts_leave_nothing_behind() {
    soak(ordinary, 100_000);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_scripts_in_a_pool_leave_nothing_behind() {
    soak(pooled, 100_000);
}

fn ordinary() -> Runner {
    Runner::new().unwrap()
}

fn pooled() -> Runner {
    Runner::with(Sandbox::pooled(8).unwrap()).unwrap()
}

fn soak(runner: fn() -> Runner, count: usize) {
    let _process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let runner = runner();
    let ground = Ground::new();
    let threads = process::threads();
    // The thread that wrote the last line of a record ends a little later than its run.
    let held = || {
        rex_tests::eventually("the threads end", || process::threads() <= threads);
        (process::descriptors(), process::memory())
    };
    let mut recorded = work(&runner, &ground, count / 10).1;
    let (descriptors, memory) = held();
    let start = Instant::now();
    let (outcomes, more) = work(&runner, &ground, count);
    recorded += more;
    let after = held();
    println!("{count} scripts in {:?}: {outcomes:?}", start.elapsed());
    println!("descriptors {descriptors} and {}, bytes of memory {memory} and {}", after.0, after.1);
    assert_eq!(after.0, descriptors, "descriptors");
    assert!(after.1 < memory + NOISE, "{memory} bytes of memory before, {} after", after.1);
    assert_eq!(ground.files(), ["file"], "no temporary file is left");
    ground.is_unharmed(recorded);
}

/// Runs so many scripts, of each kind as many, and fails unless each comes to what it must. Returns how many came to what, and how many
/// of them stand in the record.
fn work(runner: &Runner, ground: &Ground, count: usize) -> (BTreeMap<&'static str, u64>, u64) {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((BTreeMap::new(), 0));
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (next, done) = (&next, &done);
            scope.spawn(move || {
                let kinds = kinds(ground, worker);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let script = &kinds[number % kinds.len()];
                    script.check(&run(runner, script.job(ground)));
                    let mut done = done.lock().unwrap();
                    *done.0.entry(script.outcome()).or_insert(0) += 1;
                    done.1 += u64::from(script.is_recorded());
                }
            });
        }
    });
    done.into_inner().unwrap()
}
