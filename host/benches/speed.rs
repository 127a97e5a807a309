//! How fast Rex is. `docs/benchmarks.md` tells how to read this, and `tests/bench` compares it with AWS Rex.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Result, ensure};
use criterion::{BenchmarkId, Criterion, Throughput};
use rex_runner::audit::Recording;
use rex_runner::limits::Limits;
use rex_runner::policy::Policy;
use rex_runner::run::{Control, Job, Runner};

/// Permits nothing that is asked for here.
const ANY_POLICY: &str = r#"permit(principal, action == file_system::Action::"read", resource in file_system::Dir::"/srv");"#;
/// The calls of one run, so that its own cost hardly counts.
const CATS: u64 = 200;

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    process(&mut criterion)?;
    scripts(&mut criterion)?;
    cats(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// From the start of the process to its end.
fn process(criterion: &mut Criterion) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let policy = dir.path().join("policy.cedar");
    fs::write(&policy, ANY_POLICY)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rex-runner"));
    command.args(["--script", "1", "-p"]).arg(&policy).stdout(Stdio::null());
    ensure!(command.status()?.success(), "the script does not run");
    criterion.bench_function("process/1", |bencher| bencher.iter(|| command.status()));
    Ok(())
}

/// In a process that has run scripts before.
fn scripts(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("warm");
    for (name, script, result) in [
        ("1", "1", "1"),
        ("loop of 1,000,000", "let i = 0; while i < 1000000 { i += 1 } i", "1000000"),
        ("fib(24)", "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(24)", "46368"),
    ] {
        let run = prepare(script, ANY_POLICY, result)?;
        group.sample_size(if script == result { 100 } else { 10 }).bench_function(name, |bencher| bencher.iter(&run));
    }
    group.finish();
    Ok(())
}

/// One call that the policy permits, under policies of several lengths. The same file again and again is answered from memory;
/// with a file for each call the policy is asked every time.
fn cats(criterion: &mut Criterion) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().canonicalize()?;
    let mut group = criterion.benchmark_group("cat");
    group.throughput(Throughput::Elements(CATS)).sample_size(10);
    for statements in [1, 100, 2000] {
        // The files lie where the last statement permits it.
        let files = root.join(format!("d{statements}"));
        fs::create_dir(&files)?;
        for number in 0..CATS {
            fs::write(files.join(number.to_string()), "fifteen bytes.\n")?;
        }
        for (files_name, path) in
            [("one file", format!(r#""{}/0""#, files.display())), ("a file each", format!(r#""{}/" + i"#, files.display()))]
        {
            for (kind, policy) in [("directories", directories(&root, statements)), ("conditions", conditions(&root, statements))]
            {
                let script = format!("let n = 0; for i in 0..{CATS} {{ n += cat({path}).len(); }} n");
                let run = prepare(&script, &policy, &(CATS * 15).to_string())?;
                let id = BenchmarkId::new(format!("{files_name}, {kind}"), statements);
                group.bench_function(id, |bencher| bencher.iter(&run));
            }
        }
    }
    group.finish();
    Ok(())
}

/// Each statement names a directory in its scope, where the host finds it without asking Cedar.
fn directories(root: &Path, statements: usize) -> String {
    let statement = |number| {
        format!(
            "permit(principal, action in [file_system::Action::\"open\", file_system::Action::\"read\", file_system::Action::\"stat\"], \
             resource in file_system::Dir::\"{}/d{number}\");\n",
            root.display()
        )
    };
    (1..=statements).map(statement).collect()
}

/// Each statement has to be evaluated by Cedar for every file that is read.
fn conditions(root: &Path, statements: usize) -> String {
    let statement = |number| {
        format!(
            "permit(principal, action == file_system::Action::\"read\", resource) when {{ resource.path like \"{}/d{number}/*\" }};\n",
            root.display()
        )
    };
    let others = "permit(principal, action in [file_system::Action::\"open\", file_system::Action::\"stat\"], resource);\n";
    (1..=statements).map(statement).chain([others.to_owned()]).collect()
}

/// What runs a script once more. The first run, here, shows that it gives what it should.
fn prepare(script: &str, policy: &str, result: &str) -> Result<impl Fn() -> u8 + use<>> {
    let runner = Runner::new()?;
    let job = Job {
        harden: false,
        origin: "here".to_owned(),
        redaction_dictionary: rex_runner::run::REDACTION_DICTIONARY.to_owned(),
        script: script.to_owned(),
        arguments: "{}".to_owned(),
        policy: Arc::new(Policy::parse(policy)?),
        limits: Limits::default(),
        audit: Recording::default(),
    };
    let report = runner.run(job.clone(), Control::new());
    ensure!(report.output() == result, "{script} gives {:?} instead of {result}: {:?}", report.output(), report.error());
    Ok(move || runner.run(job.clone(), Control::new()).exit_code())
}
