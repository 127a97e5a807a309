//! The checklist of docs/compatibility.md: what of the native peer's functions is registered here.
//!
//! A row that claims more or less than the engine has fails the test, and so does a function that no row is about.

// Outside of `src`: the words of the page are no part of the guest, and changing them does not make it stale.
#[path = "../checklist/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rhai::Scope;

use crate::engine::Language;
use rows::{OTHERS, Row, SECTIONS, State};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
const BEGIN: &str = "<!-- checklist: written by `REX_UPDATE=1 cargo test -p rex-guest checklist` -->\n";
const END: &str = "<!-- end of the checklist -->\n";

/// `open_file(_: &mut DirHandle, _: &str, …) -> …` as `open_file(DirHandle, string, …)`.
fn plain(signature: &str) -> String {
    let signature = signature.split_once(") -> ").map_or_else(|| signature.to_owned(), |(call, _)| call.to_owned() + ")");
    signature.replace("_: ", "").replace("&mut ", "").replace("types::dynamic::Dynamic", "any")
}

fn registered() -> BTreeSet<String> {
    Language::new().signatures().iter().map(|signature| plain(signature)).collect()
}

/// Name, receiver and number of parameters: what a function that is still to come is known by, whatever types it will take.
fn outline(signature: &str) -> (&str, &str, usize) {
    let (name, parameters) = signature.trim_end_matches(')').split_once('(').unwrap();
    let count = if parameters.is_empty() { 0 } else { parameters.split(", ").count() };
    (name, parameters.split(", ").next().unwrap(), count)
}

impl Row {
    /// The functions of its module as the engine lists them: `tail::n(_)`.
    fn module_functions(&self) -> impl Iterator<Item = String> {
        self.names.iter().filter_map(|name| {
            let (name, parameters) = name.split_once('(')?;
            Some(format!("{}::{name}({})", self.module, vec!["_"; parameters.split(", ").count()].join(", ")))
        })
    }

    /// The values of its module, which the engine does not list, as scripts write them: `tail::n`.
    fn module_values(&self) -> impl Iterator<Item = String> {
        self.names.iter().filter(|name| !name.contains('(')).map(|name| format!("{}::{name}", self.module))
    }
}

#[test]
fn rows_say_what_is_registered() {
    let registered = registered();
    let outlines: BTreeSet<_> = registered.iter().map(|signature| outline(signature)).collect();
    let language = Language::new();
    for row in SECTIONS.iter().flat_map(|section| section.rows) {
        let exists = !matches!(row.state, State::NotYet);
        for (form, signature) in row.forms {
            let found = if exists { registered.contains(*signature) } else { outlines.contains(&outline(signature)) };
            assert_eq!(found, exists, "`{form}` is said to be {}; its signature is {signature}", row.state.word());
        }
        for function in row.module_functions() {
            assert_eq!(registered.contains(&function), exists, "`{function}` is said to be {}", row.state.word());
        }
        for name in row.module_values() {
            let found = language.run(&format!("{name}; true"), &mut Scope::new()).is_ok();
            assert_eq!(found, exists, "`{name}` is said to be {}", row.state.word());
        }
    }
}

#[test]
fn every_registered_function_is_on_the_page() {
    let rows = || SECTIONS.iter().flat_map(|section| section.rows);
    let mut expected: BTreeSet<String> = rows()
        .filter(|row| !matches!(row.state, State::NotYet))
        .flat_map(|row| row.forms.iter().map(|(_, signature)| (*signature).to_owned()).chain(row.module_functions()))
        .collect();
    expected.extend(OTHERS.iter().map(|signature| (*signature).to_owned()));
    let registered = registered();
    let missing: Vec<_> = registered.difference(&expected).collect();
    assert!(missing.is_empty(), "say in guest/checklist/rows.rs what these are: {missing:#?}");
    let gone: Vec<_> = expected.difference(&registered).collect();
    assert!(gone.is_empty(), "not registered any more: {gone:#?}");
    let page = std::fs::read_to_string(PAGE).unwrap();
    for name in OTHERS.iter().map(|signature| outline(signature).0).filter(|name| name.chars().all(|c| c.is_ascii_lowercase())) {
        assert!(page.contains(&format!("`{name}(")) || page.contains(&format!(".{name}(")), "`{name}` is not on the page");
    }
}

fn table() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let total = section.rows.len();
        let there = section.rows.iter().filter(|row| !matches!(row.state, State::NotYet)).count();
        write!(text, "### {}\n\n{there} of {total} rows are here.\n\n", section.title).unwrap();
        match section.names {
            "" => text.push_str("| function | state |\n|---|---|\n"),
            names => write!(text, "| function | {names} | state |\n|---|---|---|\n").unwrap(),
        }
        for row in section.rows {
            let code = |item: &str| format!("`{}`", item.replace('|', "\\|"));
            let mut forms: Vec<_> = row.forms.iter().map(|(form, _)| code(form)).collect();
            if forms.is_empty() {
                forms.push(code(&format!("{}::…", row.module)));
            }
            let names: Vec<_> = row.names.iter().map(|name| code(name)).collect();
            let names = if names.is_empty() { "–".to_owned() } else { names.join(", ") };
            let names = if section.names.is_empty() { String::new() } else { format!(" {names} |") };
            let state = match row.state {
                State::Differs(reason) => format!("differs: {reason}"),
                state => state.word().to_owned(),
            };
            writeln!(text, "| {} |{names} {state} |", forms.join(", ")).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Run with `REX_UPDATE=1` to write the tables anew after a change of the rows.
#[test]
fn the_page_has_the_checklist() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the first mark");
    let (_, after) = rest.split_once(END).expect("the page has the second mark");
    let fresh = format!("{before}{BEGIN}\n{}{END}{after}", table());
    if std::env::var_os("REX_UPDATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    } else {
        assert!(page == fresh, "run this test with REX_UPDATE=1");
    }
}
