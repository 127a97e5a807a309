//! Scripts in the guest that is shipped: by the language's grammar and the list of the guest's functions, or only by its words.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use rex_runner::limits::Limits;
use rex_runner::run::{Control, Job, Runner};
use serde_json::{Value, json};

use crate::memory;
use crate::words;
use crate::world::{CALL_BYTES, MOST, Plan, World};

#[expect(dead_code, reason = "of the checklist this needs the signatures and the names")]
#[path = "../../../guest/checklist/rows.rs"]
mod rows;

/// Statements of a script, in all its blocks.
const STATEMENTS: usize = 24;
/// Expressions in each other.
const DEPTH: usize = 3;
/// Bytes of the guest's memory.
const MEMORY: usize = 32 << 20;

/// The words of scripts.
pub const RHAI: &[&str] = &[
    "let ",
    "const ",
    "fn ",
    "if ",
    " else ",
    "while ",
    "loop ",
    "for ",
    " in ",
    "break;",
    "continue;",
    "return ",
    "throw ",
    "try {",
    "} catch (e) {",
    "switch ",
    " => ",
    "|x| ",
    "#{",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ";\n",
    ", ",
    ": ",
    ".",
    "::",
    " = ",
    " == ",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " ** ",
    " << ",
    "..",
    "..=",
    " && ",
    " || ",
    "!",
    "?.",
    "?[",
    " ?? ",
    "`",
    "${",
    "\"",
    "'",
    "x",
    "y",
    "this",
    "e.message",
    "root",
    "\"/a/f\"",
    "cat(",
    "ls(",
    "grep(",
    "write(",
    "cp(",
    "mv(",
    "rm(",
    "ln(",
    "find_files(",
    "seq(",
    "parse_json(",
    "to_json(",
    "DirConfig()",
    ".path(",
    ".build()",
    ".open(",
    "OpenDirOptions()",
    "OpenFileOptions()",
    ".open_file(",
    ".read()",
    ".push(",
    ".len()",
    ".map(",
    ".filter(",
    ".reduce(",
    ".to_string()",
    ".split(",
    ".pad(",
    "range(",
    "print(",
    "info(",
    "type_of(",
    "call(",
    "curry(",
    "Fn(",
    "is_def_var(",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "1e308",
    "0x7f",
    "true",
    "()",
    "eval(",
    "import ",
    "\\u{202e}",
    "\0",
    "// ",
    "/* ",
    " */",
];

/// A function of the guest: its name and the types of its parameters.
#[derive(Debug)]
struct Function {
    name: &'static str,
    parameters: Vec<&'static str>,
}

#[derive(Debug)]
struct Library {
    functions: Vec<Function>,
    /// Flags and constants by module: their name, and how many numbers they take.
    modules: Vec<(&'static str, Vec<(&'static str, usize)>)>,
}

/// All that the guest has, as its own tests have checked it.
static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let rows = || rows::SECTIONS.iter().flat_map(|section| section.rows).filter(|row| !matches!(row.state, rows::State::NotYet));
    let signatures = rows().flat_map(|row| row.forms.iter().map(|(_, signature)| *signature)).chain(rows::OTHERS.iter().copied());
    let functions = signatures.filter_map(|signature| {
        let (name, parameters) = signature.split_once('(')?;
        let parameters = parameters.strip_suffix(')')?.split(", ").filter(|parameter| !parameter.is_empty()).collect();
        // `head::n(_)` is a flag.
        (!name.contains("::")).then_some(Function { name, parameters })
    });
    let modules = rows().filter(|row| !row.names.is_empty()).map(|row| {
        let names = row.names.iter().map(|name| match name.split_once('(') {
            Some((name, parameters)) => (name, parameters.split(", ").count()),
            None => (*name, 0),
        });
        (row.module, names.collect())
    });
    Library { functions: functions.collect(), modules: modules.collect() }
});

static RUNNER: LazyLock<Runner> = LazyLock::new(|| Runner::new().unwrap());

/// Runs a script in a world, and looks whether it did what it may.
pub fn check(input: &[u8]) {
    let mut data = Unstructured::new(input);
    let Ok(plan) = Plan::arbitrary(&mut data) else { return };
    let mut world = World::new(&plan);
    world.forget(input);
    let by_words = data.ratio(1, 8).unwrap_or(false);
    let script = if by_words { words::text(data.take_rest(), RHAI) } else { Author::new(data).script() };
    let report = run(&RUNNER, &mut world, script);
    // The guest explains everything that is wrong with a script; it breaks down over none.
    assert_ne!(report["outcome"], "guest_failed", "{report}");
}

/// Runs what a guest makes of a script, and returns the report. Whatever the guest, the report is one, the record is whole, and the oracle
/// of the world has nothing to say.
pub fn run(runner: &Runner, world: &mut World, script: String) -> Value {
    let limits = Limits {
        timeout: Duration::from_secs(2),
        fuel: 40_000_000,
        memory: MEMORY,
        call_bytes: CALL_BYTES,
        handles: 8,
        output: 1 << 20,
        ..Limits::default()
    };
    let job = Job {
        script,
        arguments: json!({ "root": world.root }).to_string(),
        policy: world.policy(),
        limits,
        audit: world.recording(),
        origin: "here".to_owned(),
        redaction_dictionary: world.dictionary(),
        harden: false,
    };
    let (report, bytes) = world.bounded(|| memory::taken(|| runner.run(job, Control::new())));
    // What the guest gives as its result is in the host's memory too, some times over.
    assert!(bytes <= MOST + 4 * MEMORY, "the run took {bytes} bytes");
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.len() <= 1 << 20 && !text.contains('\n'));
    world.judge(&text);
    let json: Value = serde_json::from_str(&text).unwrap();
    let code = report.exit_code();
    assert!([0, 1, 3, 4, 5, 6, 7].contains(&code), "{text}");
    assert_ne!(json["outcome"], "host_failed", "{text}");
    assert_eq!(json["exit_code"], code);
    assert!(code != 0 || json["error"].is_null());
    // The host waits for its last line for a moment only, which on a busy machine can be over too soon.
    let too_late = json["error"]["message"].as_str().is_some_and(|message| message.contains("nobody takes what is written"));
    if !too_late {
        world.verify(code, &json["record"]["sha256"], &text);
    }
    json
}

/// Writes scripts. Where the data ends, it takes the first of all choices.
struct Author<'d> {
    data: Unstructured<'d>,
    script: String,
    statements: usize,
    variables: Vec<(String, &'static str)>,
}

impl<'d> Author<'d> {
    fn new(data: Unstructured<'d>) -> Self {
        Self { data, script: "let told = [];\n".to_owned(), statements: 0, variables: Vec::new() }
    }

    fn script(mut self) -> String {
        while self.statements < STATEMENTS && !self.data.is_empty() && self.statement(0).is_ok() {}
        self.script + "told"
    }

    fn statement(&mut self, depth: usize) -> Result<()> {
        self.statements += 1;
        let number = self.statements;
        match self.data.int_in_range(0..=11)? {
            0..=5 => {
                let call = self.call(0)?;
                self.script += &format!("try {{ told.push(to_debug({call})); }} catch (e) {{ told.push(e.message); }}\n");
            }
            6 | 7 => {
                let kind = *self.data.choose(&[
                    "FileHandle",
                    "DirHandle",
                    "SymlinkHandle",
                    "Metadata",
                    "DirEntry",
                    "DateTime",
                    "array",
                ])?;
                let value = self.value(kind, 0)?;
                self.script +=
                    &format!("let v{number} = ();\ntry {{ v{number} = {value}; }} catch (e) {{ told.push(e.message); }}\n");
                self.variables.push((format!("v{number}"), kind));
            }
            8 if depth < 2 => {
                let value = self.value("array", 1)?;
                self.script += &format!("for x{number} in {value} {{\n");
                self.block(depth)?;
            }
            9 if depth < 2 => {
                let condition = self.value("bool", 1)?;
                self.script += &format!("if {condition} {{\n");
                self.block(depth)?;
            }
            10 if depth == 0 => {
                self.script += &format!("fn f{number}(told, root) {{\n");
                let variables = std::mem::take(&mut self.variables);
                self.block(1)?;
                self.variables = variables;
                self.script += &format!("try {{ f{number}(told, root); }} catch (e) {{ told.push(`${{e}}`); }}\n");
            }
            _ => {
                let call = self.call(0)?;
                self.script += &format!("{call};\n");
            }
        }
        Ok(())
    }

    fn block(&mut self, depth: usize) -> Result<()> {
        let known = self.variables.len();
        let result = (0..self.data.int_in_range(1..=3)?).try_for_each(|_| self.statement(depth + 1));
        self.variables.truncate(known);
        self.script += "}\n";
        result
    }

    /// A call of some function.
    fn call(&mut self, depth: usize) -> Result<String> {
        let function = self.data.choose(&LIBRARY.functions)?;
        self.call_of(function, depth)
    }

    fn call_of(&mut self, function: &Function, depth: usize) -> Result<String> {
        let mut arguments = Vec::new();
        for (index, parameter) in function.parameters.iter().enumerate() {
            arguments.push(match (*parameter, index) {
                ("array", 0) => self.flags(function.name)?,
                // The last text is a path more often than not.
                ("string", _) if index + 1 == function.parameters.len() || self.data.ratio(1, 3)? => self.path()?,
                (kind, _) => self.value(kind, depth + 1)?,
            });
        }
        let name = function.name;
        Ok(match (name.strip_prefix("get$"), arguments.as_slice()) {
            (Some(property), [object]) => format!("{object}.{property}"),
            (_, [one, other]) if !name.starts_with(char::is_alphabetic) => format!("({one} {name} {other})"),
            (_, [object, rest @ ..]) if function.parameters[0].starts_with(char::is_uppercase) => {
                format!("{object}.{name}({})", rest.join(", "))
            }
            _ => format!("{name}({})", arguments.join(", ")),
        })
    }

    /// Flags of the function, or whatever else there is.
    fn flags(&mut self, function: &str) -> Result<String> {
        let module = LIBRARY.modules.iter().find(|(name, _)| *name == function);
        let Some((module, names)) = module.filter(|_| !self.data.ratio(1, 8).unwrap_or(true)) else {
            return self.value("array", 1);
        };
        let mut flags = Vec::new();
        for _ in 0..self.data.int_in_range(0..=3)? {
            let (name, numbers) = *self.data.choose(names)?;
            let numbers = (0..numbers).map(|_| self.value("i64", 1)).collect::<Result<Vec<_>>>()?;
            let numbers = if numbers.is_empty() { String::new() } else { format!("({})", numbers.join(", ")) };
            flags.push(format!("{module}::{name}{numbers}"));
        }
        Ok(format!("[{}]", flags.join(", ")))
    }

    fn path(&mut self) -> Result<String> {
        const PATHS: &[&str] = &[
            "a/f",
            "a/b/f",
            "c/f",
            "c/d/f",
            "e/f",
            "e/dict",
            "a/t.tar",
            "e/z.gz",
            "",
            "a",
            "a/b",
            "c",
            "c/d",
            "e",
            "a/n",
            "a/n/n",
            "c/n",
            "e/n",
            "e/l",
            "a/l",
            "c/d/n/n",
            "a/../c/f",
            "a//f/",
            "../outside",
            "e/*",
            "x\\u0000y",
        ];
        let path = *self.data.choose(PATHS)?;
        Ok(if self.data.ratio(1, 10)? { format!("\"{path}\"") } else { format!("root + \"/{path}\"") })
    }

    /// An expression of this type, more or less.
    fn value(&mut self, kind: &str, depth: usize) -> Result<String> {
        if depth > DEPTH {
            return Ok("()".to_owned());
        }
        let known: Vec<_> = self.variables.iter().filter(|(_, other)| *other == kind).map(|(name, _)| name.clone()).collect();
        if !known.is_empty() && self.data.ratio(3, 4)? {
            return Ok(self.data.choose(&known)?.clone());
        }
        Ok(match kind {
            "string" => match self.data.int_in_range(0..=3)? {
                0 => self.path()?,
                1 => format!(
                    "{:?}",
                    self.data.choose(&["mark", "f", "n", "d", "l", "first", "*", ".", "", "root", "0", "t.tar", "%Y-%m-%d"])?
                ),
                2 => self
                    .data
                    .choose(&["`a\nb`", "\"{\\\"a\\\": [1]}\"", "\"a: b\"", "\"a=1\"", "\"x,y\\n1,2\"", "\"\\u{1f600}\""])?
                    .to_string(),
                _ => format!("{:?}.pad(5000, \"x\")", self.data.choose(&["[", "(", "a", "{\"a\":"])?),
            },
            "i64" | "f64" | "_" => (*self.data.choose(&[
                "0",
                "1",
                "2",
                "-1",
                "10",
                "0o644",
                "0o7777",
                "65536",
                "100000000",
                "9223372036854775807",
                "-9223372036854775808",
                "0.5",
                "1e300",
            ])?)
            .to_owned(),
            "bool" => (*self.data.choose(&["true", "false", "told.len() > 3"])?).to_owned(),
            "char" => "'x'".to_owned(),
            "array" => {
                let values =
                    (0..self.data.int_in_range(0..=3)?).map(|_| self.value("any", depth + 1)).collect::<Result<Vec<_>>>()?;
                format!("[{}]", values.join(", "))
            }
            "map" => format!("#{{ a: {}, \"b c\": {} }}", self.value("any", depth + 1)?, self.value("any", depth + 1)?),
            "any" => {
                let kind = *self.data.choose(&["string", "i64", "bool", "array", "map", "char", "Constant", "DateTime"])?;
                self.value(kind, depth + 1)?
            }
            "Fn" => format!("|x| {}", self.value("bool", depth + 1)?),
            "Constant" => {
                let (module, names) = self.data.choose(&LIBRARY.modules)?;
                format!("{module}::{}", self.data.choose(names)?.0)
            }
            "DirHandle" => {
                let (path, options) = (self.path()?, self.value("OpenDirOptions", depth + 1)?);
                format!("DirConfig().path({path}).build().open({options})")
            }
            "FileHandle" => {
                let (dir, options) = (self.value("DirHandle", depth + 1)?, self.value("OpenFileOptions", depth + 1)?);
                format!(
                    "{dir}.open_file(\"{}\", {options})",
                    self.data.choose(&["f", "n", "t.tar", "z.gz", "l", "dict", "..", "b/f"])?
                )
            }
            "SymlinkHandle" => format!("{}.open_symlink(\"l\")", self.value("DirHandle", depth + 1)?),
            "Metadata" => format!("{}.metadata()", self.value("FileHandle", depth + 1)?),
            "DirEntry" => format!("{}.list_entries()[\"f\"]", self.value("DirHandle", depth + 1)?),
            "DateTime" => {
                (*self.data.choose(&["now()", "from_epoch_seconds(0)", "from_epoch_seconds(9223372036854775807)"])?).to_owned()
            }
            "Timestamp" => "timestamp()".to_owned(),
            options => self.built(options, depth)?,
        })
    }

    /// An object with a builder, some of its parts set.
    fn built(&mut self, kind: &str, depth: usize) -> Result<String> {
        let parts: Vec<_> = LIBRARY
            .functions
            .iter()
            .filter(|function| {
                function.parameters.first() == Some(&kind) && function.parameters.len() == 2 && function.name != "open"
            })
            .collect();
        let mut text = format!("{kind}()");
        if !parts.is_empty() {
            for _ in 0..self.data.int_in_range(0..=3)? {
                let part = self.data.choose(&parts)?;
                text += &format!(".{}({})", part.name, self.value(part.parameters[1], depth + 1)?);
            }
        }
        Ok(text + ".build()")
    }
}

/// Every function's name, for the tests and for seeds.
#[must_use]
pub fn names() -> BTreeSet<&'static str> {
    LIBRARY.functions.iter().map(|function| function.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(seed: u32, count: u32) -> Vec<u8> {
        let byte = |index: u32| (index.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 15) as u8;
        (0..count).map(byte).collect()
    }

    #[test]
    fn the_library_is_the_guests() {
        assert!(names().is_superset(&["cat", "open_file", "DirConfig", "parse_json", "get$path"].into()));
        assert!(LIBRARY.modules.iter().any(|(module, names)| *module == "tail" && names.contains(&("n", 1))));
    }

    /// Most of what is written can be compiled, or the fuzzer would only try the compiler.
    #[test]
    fn scripts_are_scripts() {
        let scripts = || (0..100).map(|seed| Author::new(Unstructured::new(&bytes(seed, 600))).script());
        let policy = std::sync::Arc::new(rex_runner::policy::Policy::parse("permit(principal, action, resource);").unwrap());
        let compiles = |script: String| {
            let job = Job {
                script,
                arguments: "{\"root\": \"/\"}".to_owned(),
                policy: std::sync::Arc::clone(&policy),
                limits: Limits::default(),
                audit: rex_runner::audit::Recording::default(),
                origin: "here".to_owned(),
                redaction_dictionary: "/x".to_owned(),
                harden: false,
            };
            RUNNER.check(job, Control::new()).exit_code() == 0
        };
        let good = scripts().filter(|script| compiles(script.clone())).count();
        assert!(good >= 80, "{good} of 100; the first: {}", scripts().next().unwrap());
    }

    #[test]
    fn any_bytes_are_a_script() {
        for seed in 0..20 {
            check(&bytes(seed, 400));
        }
    }

    #[test]
    fn what_is_permitted_happens() {
        let plan = Plan::arbitrary(&mut Unstructured::new(&[])).unwrap();
        let mut world = World::new(&plan);
        let report = run(&RUNNER, &mut world, "let text = cat(root + `/a/f`); rm([rm::recursive], root + `/a`); text".to_owned());
        assert!(report["result"].as_str().unwrap().contains("mark0x"), "{report}");
    }
}
