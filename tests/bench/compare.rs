//! Runs Rex and AWS Rex side by side, in turns, and prints how their times compare. Nothing is judged: the numbers are.

mod files;

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

const USAGE: &str = "usage: compare --peer FILE [--ours FILE] [--pairs COUNT] [--only NAME]... [--files] [--json]

  --peer FILE    the binary of AWS Rex: `cargo install rex-runner --root DIR` makes DIR/bin/rex-runner
  --ours FILE    the binary of Rex; without it, the release build is made and used
  --pairs COUNT  how often each of the two runs each script, after one run that does not count [default: 11]
  --only NAME    this script, and no other but those that it is compared with; may be given again
  --files        the work on many and on large files too, beside the shell's tools; takes 3 GB of the temporary directory
  --json         print JSON";

/// Bytes of each file that is read.
const FILE_SIZE: usize = 15;

fn main() -> Result<()> {
    let options = Options::parse(env::args().skip(1))?;
    let ours = options.ours.clone().map_or_else(build, Ok)?;
    let dir = tempfile::tempdir()?;
    let workloads = Workload::all(&dir.path().canonicalize()?, options.files)?;

    let mut startups: HashMap<&str, Sample> = HashMap::new();
    let mut results = Vec::new();
    for workload in workloads.iter().filter(|workload| options.wants(workload)) {
        let (sample, beside) = workload.measure(&ours, &options.peer, options.pairs)?;
        let net = match workload.startup {
            Some(startup) => Some(sample.less(startups.get(startup).with_context(|| format!("{startup} was not measured"))?)),
            None => None,
        };
        if options.json {
            results.push(json!({
                "name": workload.name,
                "script": workload.about,
                "whole": sample.to_json(),
                "without_startup": net.as_ref().map(Sample::to_json),
                "beside_the_tool": beside.as_ref().map(Sample::to_json),
            }));
        } else {
            let net = net.map(|net| format!("{:<34}{net}\n", "  less start-up")).unwrap_or_default();
            let head = if startups.is_empty() { heading() } else { String::new() };
            let tool = workload.tool.first().map(String::as_str).unwrap_or_default();
            let beside = beside.map(|beside| format!("{:<34}{beside}\n", format!("  beside {tool}(1)"))).unwrap_or_default();
            print(&format!("{head}{:<34}{sample}\n{net}{beside}", workload.name))?;
        }
        startups.insert(workload.name, sample);
    }
    if options.json {
        print(&format!("{:#}\n", json!({ "pairs": options.pairs, "unit": "ms", "workloads": results })))?;
    }
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

fn heading() -> String {
    format!("{:<34}{:>11}{:>11}{:>8}  {}\n", "medians in ms", "ours", "peer", "ratio", "of pairs: median (min–max)")
}

struct Options {
    peer: PathBuf,
    ours: Option<PathBuf>,
    pairs: usize,
    only: Vec<String>,
    files: bool,
    json: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut peer, mut ours, mut pairs, mut only, mut files, mut json) = (None, None, 11, Vec::new(), false, false);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--peer" => peer = Some(PathBuf::from(value()?)),
                "--ours" => ours = Some(PathBuf::from(value()?)),
                "--pairs" => pairs = value()?.parse().context("--pairs")?,
                "--only" => only.push(value()?),
                "--files" => files = true,
                "--json" => json = true,
                _ => bail!("{argument} is unknown\n{USAGE}"),
            }
        }
        ensure!(pairs > 0, "--pairs has to be more than nothing");
        Ok(Self { peer: peer.with_context(|| format!("--peer is missing\n{USAGE}"))?, ours, pairs, only, files, json })
    }

    /// Start-up is always measured: the others are told with and without it.
    fn wants(&self, workload: &Workload) -> bool {
        self.only.is_empty() || workload.startup.is_none() || self.only.iter().any(|name| name == workload.name)
    }
}

/// Makes the release build and says where it is.
fn build() -> Result<PathBuf> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--package", "rex-runner", "--bin", "rex-runner", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run: name the binary with --ours")?;
    ensure!(output.status.success(), "rex-runner does not build");
    let messages = String::from_utf8(output.stdout)?;
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .context("cargo does not say where the binary is")
}

/// A script with its policy, and what both have to answer.
struct Workload {
    name: &'static str,
    about: String,
    script: PathBuf,
    policy: PathBuf,
    output: String,
    /// The workload whose time is taken off: nothing is done in it, under the same policy.
    startup: Option<&'static str>,
    /// A tool of the shell that does the same, with its arguments.
    tool: Vec<String>,
    /// What the work makes, and what must not be there before it.
    makes: Option<PathBuf>,
}

impl Workload {
    /// Writes all scripts, policies and files. A workload comes after its start-up.
    fn all(root: &Path, with_files: bool) -> Result<Vec<Self>> {
        const DISTINCT: usize = 10_000;
        const POLICIES: usize = 2_000;
        let at = root.display();
        // The directory that the last statement of every policy is about.
        let last = root.join(format!("d{POLICIES}"));
        fs::create_dir(&last)?;
        for number in 0..DISTINCT {
            fs::write(last.join(number.to_string()), format!("number {number:>7}\n"))?;
        }
        let file_actions =
            |names: &[&str]| names.iter().map(|name| format!("file_system::Action::\"{name}\"")).collect::<Vec<_>>().join(", ");
        let (all, other) = (file_actions(&["open", "read", "stat"]), file_actions(&["open", "stat"]));
        let in_directory =
            |number| format!("permit(principal, action in [{all}], resource in file_system::Dir::\"{at}/d{number}\");\n");
        let by_condition = |number| {
            let read = file_actions(&["read"]);
            format!("permit(principal, action == {read}, resource) when {{ resource.path like \"{at}/d{number}/*\" }};\n")
        };
        let rest = format!("permit(principal, action in [{other}], resource);\n");
        let policies: [(&str, String); 3] = [
            ("start-up", in_directory(POLICIES)),
            ("start-up, 2,000 policies", (1..=POLICIES).map(in_directory).collect()),
            ("start-up, 2,000 conditions", (1..=POLICIES).map(by_condition).chain([rest]).collect()),
        ];
        let cats = |count: usize, path: &str| {
            let script = format!("let n = 0; for i in 0..{count} {{ n += cat(\"{}/{path}).len(); }} n", last.display());
            (script, (count * FILE_SIZE).to_string())
        };
        let plain = |script: &str, output: &str| (script.to_owned(), output.to_owned());
        let [one, many, conditions] = policies.each_ref().map(|(name, _)| *name);
        let (one_file, file_each) = ("0\"", "\" + i");
        let list = [
            (one, one, plain("1", "1")),
            (many, many, plain("1", "1")),
            (conditions, conditions, plain("1", "1")),
            ("loop (while)", one, plain("let i = 0; while i < 1000000 { i += 1 } i", "1000000")),
            ("loop (for)", one, plain("let s = 0; for i in 0..1000000 { s += i; } s", "499999500000")),
            ("fib(24)", one, plain("fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(24)", "46368")),
            ("2,000 cat", one, cats(2_000, one_file)),
            ("2,000 cat, 2,000 policies", many, cats(2_000, one_file)),
            ("200 cat, files, 2,000 conditions", conditions, cats(200, file_each)),
            ("10,000 cat, files", one, cats(DISTINCT, file_each)),
        ];

        let mut written = HashMap::new();
        for (number, (name, text)) in policies.iter().enumerate() {
            let path = root.join(format!("policy{number}.cedar"));
            fs::write(&path, text)?;
            written.insert(*name, path);
        }
        let write = list.into_iter().enumerate().map(|(number, (name, startup, (text, output)))| {
            let script = root.join(format!("script{number}.rhai"));
            fs::write(&script, &text)?;
            Ok(Self {
                name,
                about: text.replace(&last.display().to_string(), "…"),
                script,
                policy: written.get(startup).cloned().context("every start-up has a policy")?,
                output,
                startup: (name != startup).then_some(startup),
                tool: Vec::new(),
                makes: None,
            })
        });
        let mut all = write.collect::<Result<Vec<_>>>()?;
        if with_files {
            let policy = root.join("files.cedar");
            let actions = file_actions(&["open", "read", "stat", "write", "create"]);
            fs::write(&policy, format!("permit(principal, action in [{actions}], resource in file_system::Dir::\"{at}\");\n"))?;
            for (number, work) in files::prepare(root)?.into_iter().enumerate() {
                let script = root.join(format!("files{number}.rhai"));
                fs::write(&script, &work.script)?;
                all.push(Self {
                    name: work.name,
                    about: work.script.replace(&at.to_string(), "…"),
                    script,
                    policy: policy.clone(),
                    output: work.output,
                    startup: Some(one),
                    tool: work.tool,
                    makes: work.makes,
                });
            }
        }
        Ok(all)
    }

    /// Runs both in turns, and the tool if there is one.
    fn measure(&self, ours: &Path, peer: &Path, pairs: usize) -> Result<(Sample, Option<Sample>)> {
        let (mut sample, mut beside) = (Sample::default(), Sample::default());
        for pair in 0..=pairs {
            let tool = if self.tool.is_empty() { None } else { Some(self.run_tool()?) };
            let (ours, peer) = (self.run(ours)?, self.run(peer)?);
            // The first is for warming up.
            if pair > 0 {
                sample.ours.push(ours);
                sample.peer.push(peer);
                beside.ours.push(ours);
                beside.peer.extend(tool);
            }
        }
        Ok((sample, (!self.tool.is_empty()).then_some(beside)))
    }

    /// Runs the tool. Returns how long it took, in milliseconds.
    fn run_tool(&self) -> Result<f64> {
        self.clear()?;
        let (program, arguments) = self.tool.split_first().context("there is a tool")?;
        let start = Instant::now();
        let ran = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{program} cannot be run"))?;
        let time = start.elapsed();
        ensure!(ran.status.success(), "{program} failed: {}", String::from_utf8_lossy(&ran.stderr));
        Ok(time.as_secs_f64() * 1e3)
    }

    fn clear(&self) -> Result<()> {
        match &self.makes {
            Some(path) if path.exists() => fs::remove_file(path).map_err(Into::into),
            _ => Ok(()),
        }
    }

    /// Runs one of them. Returns how long it took, in milliseconds.
    fn run(&self, binary: &Path) -> Result<f64> {
        self.clear()?;
        let mut command = Command::new(binary);
        command.arg("-s").arg(&self.script).arg("-p").arg(&self.policy).args(["-o", "json"]);
        let start = Instant::now();
        let ran = command.stdin(Stdio::null()).output().with_context(|| format!("{} cannot be run", binary.display()))?;
        let time = start.elapsed();
        let report: Value = serde_json::from_slice(&ran.stdout)
            .with_context(|| format!("{}: {}: {}", self.name, binary.display(), String::from_utf8_lossy(&ran.stderr)))?;
        let field = |name| report.get(name).and_then(Value::as_str).unwrap_or_default();
        ensure!(
            ran.status.success() && field("status") == "SUCCESS" && field("output") == self.output,
            "{}: {} should have given {:?}, and gave {report}",
            self.name,
            binary.display(),
            self.output
        );
        Ok(time.as_secs_f64() * 1e3)
    }
}

/// Times in milliseconds, in the order in which they were measured: those of one index are a pair. Where a tool was measured, it stands
/// in the peer's place.
#[derive(Default)]
struct Sample {
    ours: Vec<f64>,
    peer: Vec<f64>,
}

impl Sample {
    /// Takes the median of each binary's start-up off its times.
    fn less(&self, startup: &Self) -> Self {
        let less = |times: &[f64], startup: &[f64]| times.iter().map(|time| time - median(startup)).collect();
        Self { ours: less(&self.ours, &startup.ours), peer: less(&self.peer, &startup.peer) }
    }

    /// Of each pair, lowest first.
    fn ratios(&self) -> Vec<f64> {
        sorted(self.ours.iter().zip(&self.peer).map(|(ours, peer)| ours / peer))
    }

    fn summary(&self) -> [f64; 6] {
        let (ours, peer, ratios) = (median(&self.ours), median(&self.peer), self.ratios());
        let end = |ratio: Option<&f64>| ratio.copied().unwrap_or(f64::NAN);
        [ours, peer, ours / peer, median(&ratios), end(ratios.first()), end(ratios.last())]
    }

    fn to_json(&self) -> Value {
        let [ours, peer, ratio, pairwise, min, max] = self.summary();
        json!({
            "ours": { "median": ours, "times": self.ours },
            "peer": { "median": peer, "times": self.peer },
            "ratio_of_medians": ratio,
            "ratio_of_pairs": { "median": pairwise, "min": min, "max": max },
        })
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [ours, peer, ratio, pairwise, min, max] = self.summary();
        write!(formatter, "{ours:>11.2}{peer:>11.2}{ratio:>8.3}  {pairwise:.3} ({min:.3}–{max:.3})")
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    let values = sorted(values.iter().copied());
    let middle = values.get(values.len().saturating_sub(1) / 2..=values.len() / 2).unwrap_or_default();
    middle.iter().sum::<f64>() / if middle.len() == 1 { 1.0 } else { 2.0 }
}
