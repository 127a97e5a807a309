//! Many scripts at the same time, in one process and in many.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use rex_guests::scripts::kinds;
use rex_guests::{Came, Ground, process, run};
use rex_runner::limits::Limits;
use rex_runner::run::Runner;
use rex_runner::sandbox::Sandbox;

const PLACES: u32 = 64;

fn pooled(places: u32) -> Runner {
    Runner::with(Sandbox::pooled(places).unwrap()).unwrap()
}

/// So many threads, which all begin with `first` and go on only when all of them have.
fn together<T: Send>(threads: u32, first: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads as usize);
    thread::scope(|scope| {
        let start = |number| {
            let (barrier, first) = (&barrier, &first);
            scope.spawn(move || {
                barrier.wait();
                first(number)
            })
        };
        let threads: Vec<_> = (0..threads as usize).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The code of the first is used where it is in the program, that of the others has to be a copy.
#[test]
fn sandboxes_stand_beside_each_other() {
    let runners = [Runner::new().unwrap(), Runner::new().unwrap(), pooled(2), pooled(2)];
    let ground = Ground::new();
    for runner in &runners {
        assert_eq!(run(runner, ground.job("40 + 2")).report["output"], "42");
    }
    ground.is_unharmed(4);
}

// Threat: T-RES-13
#[test]
fn sixty_four_at_a_time_each_come_to_what_they_must() {
    let (runner, ground) = (pooled(PLACES), Ground::new());
    let recorded: u64 = together(PLACES, |thread| {
        let kinds = kinds(&ground, thread);
        // Each begins with another kind, so that all are beside each other.
        let some = (0..kinds.len() / 2).map(|number| &kinds[(thread + number) % kinds.len()]);
        some.map(|script| {
            script.check(&run(&runner, script.job(&ground)));
            u64::from(script.is_recorded())
        })
        .sum::<u64>()
    })
    .into_iter()
    .sum();
    ground.is_quiet();
    assert_eq!(ground.files(), ["file"]);
    ground.is_unharmed(recorded);
    ground.ordinary_scripts_run();
}

/// They wait for each other, so that all hold a place at the same time.
// Threat: T-RES-13
#[test]
fn whoever_finds_every_place_taken_is_told_so_at_once() {
    const PLACES: u32 = 4;
    let (runner, ground) = (pooled(PLACES), Ground::new());
    let go = ground.path("in/go");
    let script = format!(
        "touch({:?} + n); loop {{ try {{ cat({go:?}); break }} catch {{ sleep(0.01) }} }} \"went\"",
        ground.path("in/at")
    );
    let refused = |came: &Came| came.outcome == "limit" && came.code == 4 && came.message.contains("at the same time");
    let ended = together(PLACES + 1, |thread| {
        if thread < PLACES as usize {
            let mut job = ground.job(&script);
            job.arguments = format!("{{\"n\": {thread}}}");
            return run(&runner, job);
        }
        rex_tests::eventually("all places are taken", || ground.files().len() == PLACES as usize + 1);
        let came = run(&runner, ground.job("1"));
        // Another sandbox has places of its own.
        ground.ordinary_scripts_run();
        std::fs::write(&go, "").unwrap();
        came
    });
    assert!(refused(&ended[PLACES as usize]), "{ended:#?}");
    assert!(ended[..PLACES as usize].iter().all(|came| came.report["output"] == "went"), "{ended:#?}");
    // The places are free again.
    for _ in 0..2 * PLACES {
        assert_eq!(run(&runner, ground.job("40 + 2")).report["output"], "42");
    }
    ground.is_unharmed(u64::from(PLACES + 1 + 2 * PLACES));
}

/// A place holds as much as a guest can address, so that it is the run's own limit that counts.
#[test]
fn the_memory_of_a_place_is_the_runs_own_limit() {
    let (runner, ground) = (pooled(2), Ground::new());
    let grow = "let x = blob(1000000, 1); let all = []; loop { all.push(x + blob()); }";
    for memory in [32 << 20, 300 << 20] {
        let mut job = ground.job(grow);
        job.limits = Limits { memory, ..Limits::default() };
        let came = run(&runner, job);
        assert!(came.outcome == "limit" && came.message.contains("--max-memory"), "{came:#?}");
        let peak = came.report["usage"]["peak_memory"].as_u64().unwrap();
        assert!((memory as u64 / 2..=memory as u64).contains(&peak), "{peak} of {memory}");
    }
    // And what one left there is not for the next to see or to pay for.
    assert_eq!(run(&runner, ground.job("40 + 2")).report["output"], "42");
    ground.is_unharmed(3);
}

// Threat: T-RES-13
#[test]
fn processes_come_to_what_they_must() {
    processes(60);
}

#[test]
#[ignore = "takes minutes"]
fn five_thousand_processes_come_to_what_they_must() {
    processes(5_000);
}

fn processes(count: usize) {
    let ground = Ground::new();
    let (start, next) = (Instant::now(), AtomicUsize::new(0));
    let before = process::memory();
    let done = together(4, |worker| {
        let kinds = kinds(&ground, worker);
        let (mut outcomes, mut recorded) = (BTreeMap::new(), 0);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return (outcomes, recorded);
            }
            let script = &kinds[number % kinds.len()];
            script.check(&process_of(script, &ground));
            *outcomes.entry(script.outcome()).or_insert(0) += 1;
            recorded += u64::from(script.is_recorded() && script.outcome() != "invalid");
        }
    });
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in done.iter().flat_map(|(outcomes, _)| outcomes) {
        *outcomes.entry(name).or_insert(0) += count;
    }
    println!("{count} processes in {:?}: {outcomes:?}; memory of this one {before}, {}", start.elapsed(), process::memory());
    assert_eq!(ground.files(), ["file"], "no temporary file is left");
    ground.is_unharmed(done.iter().map(|(_, recorded)| recorded).sum());
    ground.ordinary_scripts_run();
}

fn process_of(script: &rex_guests::scripts::Script, ground: &Ground) -> Came {
    let options = script.options(ground);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let ran = rex_tests::run(&options, script.text());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(ran.report["exit_code"], ran.code, "{ran:#?}");
    Came {
        outcome: text(&ran.report["outcome"]),
        code: u8::try_from(ran.code).unwrap(),
        message: text(&ran.report["error"]["message"]),
        report: ran.report,
    }
}
