//! Ordinary scripts of many kinds, each with the outcome that it must have.

use std::time::Duration;

use rex_runner::audit::Destination;
use rex_runner::limits::Limits;
use rex_runner::run::Job;

use crate::{Came, Ground};

/// A script and how it ends.
#[derive(Debug)]
pub struct Script {
    text: String,
    arguments: &'static str,
    limits: Limits,
    outcome: &'static str,
    /// What the script gives, or a part of the error's message.
    says: String,
    /// Whether there is a record that can be written.
    recordable: bool,
}

fn script(text: impl Into<String>, outcome: &'static str, says: impl Into<String>) -> Script {
    let (text, says) = (text.into(), says.into());
    // Time enough for any machine.
    let limits = Limits { timeout: Duration::from_secs(600), ..Limits::default() };
    Script { text, arguments: "{}", limits, outcome, says, recordable: true }
}

/// One of each kind. They use files of this number, and may run beside others that have another.
pub fn kinds(ground: &Ground, number: usize) -> Vec<Script> {
    let own = ground.path(&format!("in/own{number}"));
    let (file, secret) = (ground.file(), ground.path("out/secret"));
    let limited = |limits: Limits, script: Script| Script { limits, ..script };
    let usual = || script("", "", "").limits;
    vec![
        script("40 + 2", "finished", "42"),
        script("let s = \"\"; for i in 0..100 { s += i; } s.len()", "finished", "190"),
        script("fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(12)", "finished", "144"),
        script("let m = #{}; for i in 0..200 { m[`k${i}`] = [i, i * 2]; } m.len()", "finished", "200"),
        script("a + b[1]", "finished", "5").with_arguments(r#"{"a": 2, "b": [1, 3]}"#),
        script(format!("cat({file:?})"), "finished", "one\ntwo\nthree\n"),
        script(format!("wc({file:?}).lines"), "finished", "3"),
        script(format!("grep(\"t\", {file:?}).len()"), "finished", "2"),
        script(
            format!("touch({own:?}); write({own:?}, \"mine {number}\"); let s = cat({own:?}); rm({own:?}); s"),
            "finished",
            format!("mine {number}"),
        ),
        script(format!("let n = 0; for i in 0..20 {{ n += cat({file:?}).len(); }} n"), "finished", "280"),
        script("for i in 0..50 { info(`line ${i}`); } \"logged\"", "finished", "logged"),
        script(format!("let r = \"\"; try {{ cat({secret:?}) }} catch {{ r = \"caught\" }} r"), "finished", "caught"),
        script(format!("let r = \"\"; try {{ cat({own:?} + \"x\") }} catch (e) {{ r = e.kind }} r"), "finished", "NotFound"),
        script("throw \"enough\"", "script_error", "enough"),
        script("let x = 0; 1 / x", "script_error", "ivi"),
        script("fn f(n) { f(n + 1) } f(0)", "script_error", ""),
        script("let a = [1]; a[5]", "script_error", "ndex"),
        script("let = 3", "syntax_error", ""),
        script(format!("cat({secret:?})"), "denied", "/out"),
        script(format!("write({secret:?}, \"mine\")"), "denied", "/out"),
        script("ls(\"/etc\")", "denied", "/etc"),
        limited(Limits { fuel: 1_000_000, ..usual() }, script("loop {}", "limit", "--fuel")),
        limited(
            Limits { memory: 16 << 20, ..usual() },
            script("let x = \"xxxxxxxx\"; loop { x += x; }", "limit", "--max-memory"),
        ),
        limited(Limits { timeout: Duration::from_millis(50), ..usual() }, script("sleep(3600)", "limit", "--timeout")),
        limited(Limits { call_bytes: 10, ..usual() }, script(format!("cat({file:?})"), "limit", "--max-call-bytes")),
        limited(Limits { output: 4096, ..usual() }, script("let x = \"x\"; x.pad(100000, \"y\"); x", "finished", "xyyyyyy")),
        script("x", "invalid", "").with_arguments(r#"{"x y": "#),
        script(" \n", "invalid", "empty").without_record(),
    ]
}

impl Script {
    fn with_arguments(self, arguments: &'static str) -> Self {
        Self { arguments, ..self }
    }

    fn without_record(self) -> Self {
        Self { recordable: false, ..self }
    }

    /// The outcome that it must have.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// Whether a run of it stands in the record.
    pub fn is_recorded(&self) -> bool {
        self.recordable
    }

    /// A run of it.
    pub fn job(&self, ground: &Ground) -> Job {
        Job { arguments: self.arguments.to_owned(), limits: self.limits.clone(), ..ground.job(&self.text) }
    }

    /// The same for the command, which gets the script on its standard input.
    pub fn options(&self, ground: &Ground) -> Vec<String> {
        let Limits { timeout, fuel, memory, call_bytes, handles, output, record } = &self.limits;
        let job = ground.job("");
        let mut options = vec!["-s".to_owned(), "-".to_owned(), "-p".to_owned(), ground.policy_file()];
        let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
        option("args-json", self.arguments.to_owned());
        option("timeout", format!("{}ms", timeout.as_millis()));
        option("fuel", fuel.to_string());
        option("max-memory", memory.to_string());
        option("max-call-bytes", call_bytes.to_string());
        option("max-handles", handles.to_string());
        option("max-output", output.to_string());
        option("max-record", record.to_string());
        if let Destination::File(path) = job.audit.destination {
            option("audit-log", path.display().to_string());
        }
        options
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fails unless it came to what it must.
    #[track_caller]
    pub fn check(&self, came: &Came) {
        let said = came.report["output"].as_str().unwrap_or_default();
        let says = match self.outcome {
            "finished" if self.says.len() < 7 => said == self.says,
            "finished" => said.starts_with(&self.says),
            _ => came.message.contains(&self.says),
        };
        assert!(came.outcome == self.outcome && says, "{self:#?} came to {came:#?}");
    }
}
