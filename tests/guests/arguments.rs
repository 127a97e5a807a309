//! Every argument of every function that a guest can call, with every value that somebody may have forgotten. The cases are made from
//! `wit/`, so that a function that is added there is attacked as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rex_guests::{FUNCTIONS, Ground, run, runner};
use rex_runner::limits::Limits;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind, WorldItem};

/// Where the guest puts what its script says; see `wat/puppet.wat`.
const BASE: u64 = 0x8_0000;
/// Bytes of the guest's memory.
const MEMORY: u64 = 32 << 16;
/// Where results go, far from everything.
const RESULT: u64 = 0x4000;
/// The calls that come first, of which each gives a handle: a directory, and a file.
const DIRECTORY: u64 = 1;
const FILE: u64 = 2;

/// What a part of an argument is, once it is numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// The address of a text, with its length as the next part.
    Text,
    Length,
    /// The address of a list, with its length as the next part.
    List,
    /// Which of so many cases.
    Case(u64),
    /// A handle of a type, as it was given before.
    Handle(u64),
    Character,
    /// Where the result goes, on an address that is a multiple of this.
    Result,
    /// Anything that fits.
    Number,
}

/// One number of a call.
#[derive(Debug, Clone)]
struct Slot {
    part: Part,
    wide: bool,
    /// The slots before it that choose the case in which it counts, and what they have to be for that.
    needs: Vec<(usize, u64)>,
}

/// How a call may end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    /// The arguments are none of the function's: it is never called.
    Refused,
    /// With whatever the function says to it.
    Somehow,
}

struct Attack {
    function: usize,
    what: String,
    arguments: Vec<u64>,
    data: Vec<u8>,
    ends: Ends,
}

// Threat: T-GUEST-11
#[test]
fn every_argument_of_every_function() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut attacks = Vec::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { panic!("a function outside of all interfaces") };
        let interface = &resolve.interfaces[*id];
        for function in interface.functions.values() {
            attacks.extend(attacks_on(&resolve, interface.name.as_deref().unwrap(), function));
        }
    }
    for (number, name) in FUNCTIONS.iter().enumerate().filter(|(_, name)| name.ends_with(".drop")) {
        let own = if *name == "dir.drop" { DIRECTORY } else { FILE };
        let slot = Slot { part: Part::Handle(own), wide: false, needs: vec![] };
        attacks.extend(variations(&slot, 0).into_iter().map(|(what, value, ends)| Attack {
            function: number,
            what,
            arguments: vec![value],
            data: vec![],
            ends,
        }));
    }
    let attacked: BTreeMap<_, _> = attacks.iter().map(|attack| (attack.function, ())).collect();
    assert_eq!(attacked.len(), FUNCTIONS.len(), "every function is attacked");
    println!("{} calls of {} functions", attacks.len(), FUNCTIONS.len());

    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| perform_all(&attacks, &next));
        }
    });
}

/// Takes one attack after the other, each on fresh ground.
fn perform_all(attacks: &[Attack], next: &AtomicUsize) {
    let runner = runner("puppet");
    let ground = Ground::new();
    let mut runs = 0;
    while let Some(attack) = attacks.get(next.fetch_add(1, Ordering::Relaxed)) {
        std::fs::remove_dir_all(ground.path("in")).unwrap();
        std::fs::create_dir(ground.path("in")).unwrap();
        std::fs::write(ground.file(), "one\ntwo\nthree\n").unwrap();
        let mut job = ground.job(attack.script(&ground));
        // What is called may wait without end, what is refused may not depend on how much else the machine does.
        let timeout = Duration::from_secs(if attack.ends == Ends::Refused { 60 } else { 1 });
        job.limits = Limits { timeout, ..rex_guests::limits() };
        let came = run(&runner, job);
        let name = FUNCTIONS[attack.function];
        let allowed: &[&str] = match attack.ends {
            Ends::Refused => &["guest_failed"],
            Ends::Somehow => &["finished", "limit"],
        };
        assert!(allowed.contains(&came.outcome.as_str()), "{name} with {}: {:?} {came:#?}", attack.what, attack.arguments);
        // What is refused is refused before it comes to a capability. That there is no room for a result is only seen when there is one.
        let calls = came.report["usage"]["calls"].as_u64().unwrap();
        match attack.ends {
            Ends::Refused if attack.what != "Result" => assert_eq!(calls, 2, "{name} with {}: {came:#?}", attack.what),
            Ends::Somehow if came.outcome == "finished" && !name.ends_with(".drop") => {
                assert!(calls > 2, "{name} with {}: {came:#?}", attack.what)
            }
            _ => {}
        }
        runs += 1;
    }
    ground.is_quiet();
    ground.is_unharmed(runs);
    ground.ordinary_scripts_run();
}

impl Attack {
    /// In the form that the puppet reads.
    fn script(&self, ground: &Ground) -> String {
        let number = |name: &str| FUNCTIONS.iter().position(|known| *known == name).unwrap() as u64;
        let (directory, file) = (ground.path("in"), ground.file());
        // After the count and three calls of a function and sixteen arguments.
        let texts = BASE + 8 + 3 * 17 * 8;
        let (directory_length, file_length) = (directory.len() as u64, file.len() as u64);
        let opened = [
            (number("dir.open"), vec![texts, directory_length, 0, RESULT]),
            (number("file.open"), vec![texts + directory_length, file_length, 3, RESULT]),
            (self.function as u64, self.arguments.clone()),
        ];
        let mut words = vec![opened.len() as u64];
        for (function, mut arguments) in opened {
            arguments.resize(16, 0);
            words.push(function);
            words.extend(arguments);
        }
        let mut image: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        image.extend(directory.as_bytes());
        image.extend(file.as_bytes());
        assert!(BASE + image.len() as u64 <= DATA, "the temporary directory has too long a path");
        image.resize(usize::try_from(DATA - BASE).unwrap(), 0);
        image.extend(&self.data);
        image.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Where an attack's own data goes.
const DATA: u64 = BASE + 0x400;
/// What texts are where nothing else is attacked. Long enough for lists of anything, too.
const TEXT: &[u8] = b"/nowhere/at/all.......................................................";

/// The call as it should be, and with each of its numbers replaced by each value that somebody may have forgotten.
fn attacks_on(resolve: &Resolve, interface: &str, function: &Function) -> Vec<Attack> {
    let id = match function.kind {
        FunctionKind::Freestanding => format!("{interface}.{}", function.name),
        _ => function.name.split_once(']').unwrap().1.to_owned(),
    };
    let number = FUNCTIONS.iter().position(|known| *known == id).unwrap_or_else(|| panic!("{id} is unknown"));
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
    let mut slots = Vec::new();
    if signature.indirect_params {
        slots.push(Slot { part: Part::List, wide: false, needs: vec![] });
    } else {
        for parameter in &function.params {
            flatten(resolve, &parameter.ty, &[], &mut slots);
        }
    }
    if signature.retptr {
        slots.push(Slot { part: Part::Result, wide: false, needs: vec![] });
    }
    for (slot, wasm) in slots.iter_mut().zip(&signature.params) {
        slot.wide = matches!(wasm, WasmType::I64 | WasmType::PointerOrI64);
    }
    assert_eq!(slots.len(), signature.params.len(), "{id}");
    let usual: Vec<u64> = slots.iter().map(|slot| slot.usual()).collect();
    let attack = |what: &str, arguments: Vec<u64>, data: &[u8], ends| Attack {
        function: number,
        what: what.to_owned(),
        arguments,
        data: data.to_owned(),
        ends,
    };

    let mut attacks = vec![attack("nothing special", usual.clone(), TEXT, Ends::Somehow)];
    for (index, slot) in slots.iter().enumerate() {
        let mut usual = usual.clone();
        for (before, value) in &slot.needs {
            usual[*before] = *value;
        }
        let length = usual.get(index + 1).copied().unwrap_or_default();
        for (what, value, ends) in variations(slot, length) {
            let mut arguments = usual.clone();
            arguments[index] = value;
            attacks.push(attack(&what, arguments, TEXT, ends));
        }
        if slot.part == Part::Text {
            for (bytes, ends) in texts() {
                let mut arguments = usual.clone();
                arguments[index + 1] = bytes.len() as u64;
                attacks.push(attack("another text", arguments, &bytes, ends));
            }
        }
        if slot.part == Part::List {
            for byte in [0xff, 0x80, 0x41, 0x01] {
                attacks.push(attack("garbage behind it", usual.clone(), &[byte; 4096], Ends::Somehow));
            }
        }
    }
    attacks
}

impl Slot {
    fn usual(&self) -> u64 {
        match self.part {
            Part::Text | Part::List => DATA,
            Part::Length => 8,
            Part::Handle(own) => own,
            Part::Result => RESULT,
            Part::Case(_) | Part::Character | Part::Number => 0,
        }
    }
}

/// The numbers that become of a value of a type.
fn flatten(resolve: &Resolve, ty: &Type, needs: &[(usize, u64)], slots: &mut Vec<Slot>) {
    let mut push = |part| slots.push(Slot { part, wide: false, needs: needs.to_vec() });
    let id = match ty {
        Type::String => {
            push(Part::Text);
            return push(Part::Length);
        }
        Type::Char => return push(Part::Character),
        Type::Id(id) => *id,
        _ => return push(Part::Number),
    };
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) => flatten(resolve, ty, needs, slots),
        TypeDefKind::Record(record) => record.fields.iter().for_each(|field| flatten(resolve, &field.ty, needs, slots)),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().for_each(|ty| flatten(resolve, ty, needs, slots)),
        TypeDefKind::Enum(cases) => push(Part::Case(cases.cases.len() as u64)),
        TypeDefKind::Flags(flags) => (0..flags.repr().count()).for_each(|_| push(Part::Number)),
        TypeDefKind::List(_) => {
            push(Part::List);
            push(Part::Length);
        }
        TypeDefKind::Option(ty) => cases(resolve, &[None, Some(*ty)], needs, slots),
        TypeDefKind::Result(result) => cases(resolve, &[result.ok, result.err], needs, slots),
        TypeDefKind::Variant(variant) => {
            let payloads: Vec<_> = variant.cases.iter().map(|case| case.ty).collect();
            cases(resolve, &payloads, needs, slots);
        }
        TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
            let directory = resolve.types[*resource].name.as_deref() == Some("dir");
            push(Part::Handle(if directory { DIRECTORY } else { FILE }));
        }
        other => panic!("a type of a kind that this test does not know, which has to learn it: {other:?}"),
    }
}

/// The numbers of one case lie where those of the others lie. What counts is the longest.
fn cases(resolve: &Resolve, payloads: &[Option<Type>], needs: &[(usize, u64)], slots: &mut Vec<Slot>) {
    let start = slots.len();
    slots.push(Slot { part: Part::Case(payloads.len() as u64), wide: false, needs: needs.to_vec() });
    let mut longest = Vec::new();
    for (case, payload) in payloads.iter().enumerate() {
        let needs: Vec<_> = needs.iter().copied().chain([(start, case as u64)]).collect();
        // Behind the slots before, so that the numbers of slots are right.
        let mut all = slots.clone();
        if let Some(ty) = payload {
            flatten(resolve, ty, &needs, &mut all);
        }
        if all.len() > slots.len() + longest.len() {
            longest = all.split_off(slots.len());
        }
    }
    slots.extend(longest);
}

/// What a number is replaced by, what that is called, and how it has to end. A text or a list has so many bytes or elements.
fn variations(slot: &Slot, length: u64) -> Vec<(String, u64, Ends)> {
    let narrow = [
        0,
        1,
        2,
        3,
        7,
        8,
        9,
        0xff,
        0x100,
        0x7fff,
        0xffff,
        0x1_0001,
        MEMORY - 1,
        MEMORY,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fffe,
        0xffff_ffff,
    ];
    let wide = [0, 1, 2, 9, 0xff, i64::MAX as u64, i64::MIN as u64, i64::MIN as u64 + 1, u64::MAX - 1, u64::MAX];
    let mut values = if slot.wide { wide.to_vec() } else { narrow.to_vec() };
    if let Part::Case(count) = slot.part {
        values.extend([count - 1, count, count + 1]);
    }
    if slot.part == Part::Character {
        values.extend([0xd800, 0xdfff, 0xfffe, 0x10_ffff, 0x11_0000]);
    }
    let ends = |value: u64| match slot.part {
        Part::Text | Part::List if value + length > MEMORY => Ends::Refused,
        Part::Length if DATA + value > MEMORY => Ends::Refused,
        Part::Case(count) if value >= count => Ends::Refused,
        Part::Handle(own) if value != own => Ends::Refused,
        Part::Character if (0xd800..0xe000).contains(&value) || value > 0x10_ffff => Ends::Refused,
        // Four is the least that any result of a function is a multiple of, and none fits there.
        Part::Result if !value.is_multiple_of(4) || value >= MEMORY => Ends::Refused,
        _ => Ends::Somehow,
    };
    let what = format!("{:?}", slot.part);
    let forgotten = |value: &u64| !(slot.part == Part::Result && value.is_multiple_of(4) && !value.is_multiple_of(8));
    values.into_iter().filter(forgotten).map(|value| (what.clone(), value, ends(value))).collect()
}

/// Texts that are none, and texts that nobody would write.
fn texts() -> Vec<(Vec<u8>, Ends)> {
    let broken: &[&[u8]] = &[
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"/a\xf5\x80\x80\x80",
        b"\xf0\x9f\x98",
        b"\x80",
        b"/tmp/\xfe\xff",
    ];
    let strange = [
        "",
        "\0",
        "/\0",
        "/",
        "//",
        "/..",
        "/a/../b",
        ".",
        "..",
        "~",
        "*",
        "\u{feff}",
        "\u{202e}/",
        "\u{ffff}",
        "\n",
        "${HOME}",
        "-1",
        "%s%n",
        "(((",
        "[",
        "\\",
    ];
    let long = [vec![b'/'; 5000], vec![b'a'; 5000], "/a".repeat(3000).into_bytes(), vec![b'('; 5000]];
    broken
        .iter()
        .map(|bytes| (bytes.to_vec(), Ends::Refused))
        .chain(strange.iter().map(|text| (text.as_bytes().to_vec(), Ends::Somehow)))
        .chain(long.into_iter().map(|bytes| (bytes, Ends::Somehow)))
        .collect()
}
