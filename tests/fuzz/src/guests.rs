//! Guests that no compiler has made: WebAssembly with the imports and exports of `wit/`, as a component, through the real canonical ABI.
//!
//! One kind is by wasm-smith, whose code is any that is valid, and calls what it calls with what it has. The other kind is written here, and
//! gets further: it knows the types of the functions, and gives them texts and handles more often than garbage.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use rex_runner::run::Runner;
use rex_runner::sandbox::{Sandbox, settings};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, MemArg, MemorySection, MemoryType, Module, StartSection, TypeSection,
    ValType,
};
use wasmtime::component::Component;
use wasmtime::{Engine, OptLevel};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{Handle, LiftLowerAbi, ManglingAndAbi, Resolve, Type, TypeDefKind, WorldId, WorldItem};

use crate::scripts;
use crate::world::{Plan, World};

/// Calls of one guest, each with an area for what it returns.
const CALLS: usize = 24;
/// Where the areas begin, and how many bytes each has.
const AREAS: i32 = 0x1000;
const AREA: i32 = 256;
/// Where the memory begins that is given out.
const HEAP: i32 = 0x8000;
/// Where a text stands that is JSON, and the areas of what the exports return.
const JSON: i32 = 0x800;
const RETURNED: i32 = 0x900;

/// A function that a guest imports.
#[derive(Debug)]
struct Import {
    module: String,
    name: String,
    /// Its core type.
    parameters: Vec<ValType>,
    results: Vec<ValType>,
    /// The types of `wit/`, of a function that stands there.
    types: Option<Vec<Type>>,
}

struct Contract {
    resolve: Resolve,
    world: WorldId,
    imports: Vec<Import>,
}

/// The world of `wit/`.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let shape = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let imports = imports(&resolve, world, &shape);
    Contract { resolve, world, imports }
});

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut settings = settings();
    // What is compiled runs once.
    settings.cranelift_opt_level(OptLevel::None);
    Engine::new(&settings).unwrap()
});

fn imports(resolve: &Resolve, world: WorldId, shape: &[u8]) -> Vec<Import> {
    let types_of = |module: &str, name: &str| {
        let mut interfaces = resolve.worlds[world].imports.iter().filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } if resolve.name_world_key(key) == module => Some(&resolve.interfaces[*id]),
            _ => None,
        });
        let function = interfaces.next()?.functions.get(name)?;
        Some(function.params.iter().map(|parameter| parameter.ty).collect())
    };
    let mut types = Vec::new();
    let mut imports = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(shape) {
        match payload.unwrap() {
            wasmparser::Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().map(std::result::Result::unwrap).collect();
            }
            wasmparser::Payload::ImportSection(section) => {
                for import in section.into_imports().map(std::result::Result::unwrap) {
                    let wasmparser::TypeRef::Func(index) = import.ty else { panic!("{import:?} is no function") };
                    let of = |types: &[wasmparser::ValType]| types.iter().map(|one| core_type(*one)).collect();
                    let function = &types[usize::try_from(index).unwrap()];
                    imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        parameters: of(function.params()),
                        results: of(function.results()),
                        types: types_of(import.module, import.name),
                    });
                }
            }
            _ => {}
        }
    }
    imports
}

fn core_type(of: wasmparser::ValType) -> ValType {
    match of {
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        _ => ValType::I32,
    }
}

/// Makes a guest, runs it in a world, and looks whether it did what it may.
pub fn check(input: &[u8]) {
    let mut data = Unstructured::new(input);
    let Ok(plan) = Plan::arbitrary(&mut data) else { return };
    let mut world = World::new(&plan);
    world.forget(input);
    let texts = texts(&world);
    let Ok(imports) = some_imports(&mut data) else { return };
    let by_smith = data.ratio(1, 4).unwrap_or(false);
    let module =
        if by_smith { smith(&imports, &mut data) } else { Author { data: &mut data, texts: &texts, imports: &imports }.module() };
    let Ok(module) = module else { return };
    let sandbox = sandbox(module);
    scripts::run(&Runner::with(sandbox).unwrap(), &mut world, texts.concat());
}

/// Some of the imports, which are what takes time to compile, and those with which every interface is there.
fn some_imports(data: &mut Unstructured<'_>) -> Result<Vec<&'static Import>> {
    let mut chosen = BTreeSet::new();
    for _ in 0..data.int_in_range(0..=12)? {
        chosen.insert(data.choose_index(CONTRACT.imports.len())?);
    }
    let needed = |import: &Import| ["elapsed", "write", "touch"].contains(&import.name.as_str());
    let all = CONTRACT.imports.iter().enumerate();
    Ok(all.filter(|(index, import)| needed(import) || chosen.contains(index)).map(|(_, import)| import).collect())
}

/// The module as a component, loaded.
fn sandbox(mut module: Vec<u8>) -> Sandbox {
    let Contract { resolve, world, .. } = &*CONTRACT;
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8, false).unwrap();
    let component = ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
    let component = Component::new(&ENGINE, &component).unwrap();
    Sandbox::new(&ENGINE, &component, "0".repeat(64)).unwrap()
}

/// A module of wasm-smith's, with what the sandbox knows of WebAssembly.
fn smith(imports: &[&Import], data: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = wasm_smith::Config {
        module_shape: Some(assembled(imports, vec![Instruction::Unreachable], &Memory::Traps, false, false, 4)),
        compact_imports_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        max_memory32_bytes: 16 << 20,
        max_instructions: 400,
        ..wasm_smith::Config::default()
    };
    Ok(wasm_smith::Module::new(config, data)?.to_bytes())
}

/// What a guest of ours has to say: it gets it as its script.
fn texts(world: &World) -> Vec<String> {
    let paths = (0..22).map(|place| world.path(place, 15, ""));
    let names = ["f", "n", "l", "..", "a", "mark", ".", "(", "root", "0", "", "x\0y"].map(str::to_owned);
    paths.chain(names).collect()
}

/// Writes modules.
struct Author<'a, 'd> {
    data: &'a mut Unstructured<'d>,
    texts: &'a [String],
    imports: &'a [&'static Import],
}

/// What the memory that a guest gives out is like.
#[derive(Debug, Arbitrary)]
enum Memory {
    Good,
    /// Always this place.
    Fixed(i32),
    /// Never as it is asked to be aligned.
    Crooked,
    Traps,
    /// Calls the host for it.
    Calls,
    Endless,
}

impl Author<'_, '_> {
    fn module(mut self) -> Result<Vec<u8>> {
        let memory = if self.data.ratio(3, 4)? { Memory::Good } else { self.data.arbitrary()? };
        let mut body = self.calls()?;
        let answer = self.answer()?;
        let starts = self.data.ratio(1, 32)?;
        let cleans_up = self.data.ratio(1, 8)?;
        let pages = if self.data.ratio(1, 16)? { u64::from(self.data.int_in_range(1..=2048_u32)?) } else { 4 };
        body.extend(answer);
        Ok(assembled(self.imports, body, &memory, starts, cleans_up, pages))
    }

    fn calls(&mut self) -> Result<Vec<Instruction<'static>>> {
        let mut body = Vec::new();
        for area in 0..CALLS {
            if self.data.is_empty() {
                break;
            }
            let index = self.data.choose_index(self.imports.len())?;
            let import = self.imports[index];
            let mut given = Vec::new();
            for kind in import.types.iter().flatten() {
                self.argument(kind, area, &import.parameters, &mut given)?;
            }
            // What the types do not tell: where the result goes, or the handle that is dropped.
            while let Some(kind) = import.parameters.get(given.len()) {
                given.push(match import.types {
                    Some(_) if given.len() + 1 == import.parameters.len() => vec![Instruction::I32Const(at(area))],
                    None => self.handle(area)?,
                    _ => self.garbage(*kind)?,
                });
            }
            for (value, kind) in given.into_iter().take(import.parameters.len()).zip(&import.parameters) {
                body.extend(if self.data.ratio(1, 48)? { self.garbage(*kind)? } else { value });
            }
            body.push(Instruction::Call(number(index)));
            // What comes back directly is kept as what comes back in memory is.
            for kind in import.results.iter().rev() {
                if *kind == ValType::I32 {
                    body.push(Instruction::LocalSet(4));
                    body.extend([Instruction::I32Const(at(area)), Instruction::LocalGet(4), Instruction::I32Store(memory_at(8))]);
                } else {
                    body.push(Instruction::Drop);
                }
            }
        }
        Ok(body)
    }

    /// A value of a type of `wit/`, as one or more core values.
    fn argument(&mut self, kind: &Type, area: usize, core: &[ValType], given: &mut Vec<Vec<Instruction<'static>>>) -> Result<()> {
        let resolve = &CONTRACT.resolve;
        match kind {
            Type::String => {
                let (place, length) = self.text(area)?;
                given.push(place);
                given.push(length);
            }
            Type::Id(id) => match &resolve.types[*id].kind {
                TypeDefKind::Type(kind) => self.argument(kind, area, core, given)?,
                TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) => given.push(self.handle(area)?),
                TypeDefKind::Record(record) => {
                    for field in &record.fields {
                        self.argument(&field.ty, area, core, given)?;
                    }
                }
                TypeDefKind::Flags(_) => given.push(vec![Instruction::I32Const(self.data.int_in_range(0..=15)?)]),
                TypeDefKind::Option(kind) => {
                    given.push(vec![Instruction::I32Const(self.data.int_in_range(0..=1)?)]);
                    self.argument(kind, area, core, given)?;
                }
                TypeDefKind::Enum(_) => given.push(vec![Instruction::I32Const(self.data.int_in_range(0..=3)?)]),
                // The only variant that goes to the host is which lines to take: a case, and three numbers at most.
                TypeDefKind::Variant(_) => {
                    given.push(vec![Instruction::I32Const(self.data.int_in_range(0..=3)?)]);
                    for kind in core.iter().skip(given.len()).take(3).copied().collect::<Vec<_>>() {
                        given.push(self.small(kind)?);
                    }
                }
                other => panic!("an argument that this has never heard of: {}", other.as_str()),
            },
            _ => {
                if let Some(kind) = core.get(given.len()) {
                    given.push(self.small(*kind)?);
                }
            }
        }
        Ok(())
    }

    /// One of the texts, or one that an earlier call returned.
    fn text(&mut self, area: usize) -> Result<(Vec<Instruction<'static>>, Vec<Instruction<'static>>)> {
        if area > 0 && self.data.ratio(1, 4)? {
            let before = at(self.data.choose_index(area)?);
            return Ok((load(before, 8), load(before, 12)));
        }
        let index = self.data.choose_index(self.texts.len())?;
        let before: usize = self.texts[..index].iter().map(String::len).sum();
        let (place, length) = (HEAP + i32::try_from(before).unwrap(), i32::try_from(self.texts[index].len()).unwrap());
        Ok((vec![Instruction::I32Const(place)], vec![Instruction::I32Const(length)]))
    }

    /// What an earlier call returned where a handle would be, or a small number, as handles are.
    fn handle(&mut self, area: usize) -> Result<Vec<Instruction<'static>>> {
        if area > 0 && self.data.ratio(7, 8)? {
            return Ok(load(at(self.data.choose_index(area)?), 8));
        }
        Ok(vec![Instruction::I32Const(self.data.int_in_range(0..=4)?)])
    }

    fn small(&mut self, kind: ValType) -> Result<Vec<Instruction<'static>>> {
        if self.data.ratio(1, 8)? {
            return self.garbage(kind);
        }
        let number = self.data.int_in_range(0..=9_i32)?;
        Ok(vec![if kind == ValType::I64 { Instruction::I64Const(number.into()) } else { Instruction::I32Const(number) }])
    }

    fn garbage(&mut self, kind: ValType) -> Result<Vec<Instruction<'static>>> {
        const NUMBERS: &[i32] =
            &[0, 1, -1, i32::MAX, i32::MIN, AREAS, HEAP, HEAP + 1, 0xffff, 0x1_0000, 0x4_0000, 0x3_ffff, 0o644, 200];
        let number = *self.data.choose(NUMBERS)?;
        Ok(vec![match kind {
            ValType::I64 if self.data.arbitrary()? => Instruction::I64Const(self.data.arbitrary()?),
            ValType::I64 => Instruction::I64Const(number.into()),
            ValType::F32 => Instruction::F32Const(0.5.into()),
            ValType::F64 => Instruction::F64Const(0.5.into()),
            _ => Instruction::I32Const(number),
        }])
    }

    /// What `run` returns: whatever a call gave as the script's value, an error that claims things, or garbage.
    fn answer(&mut self) -> Result<Vec<Instruction<'static>>> {
        let mut body = Vec::new();
        let mut store = |offset: u64, value: Vec<Instruction<'static>>| {
            body.push(Instruction::I32Const(RETURNED));
            body.extend(value);
            body.push(Instruction::I32Store(memory_at(offset)));
        };
        let (text, length) = self.text(CALLS)?;
        match self.data.int_in_range(0..=7)? {
            0 => store(0, vec![Instruction::I32Const(self.data.arbitrary()?)]),
            1 => return Ok(vec![Instruction::I32Const(self.data.arbitrary()?)]),
            2 => {
                return Ok(vec![
                    Instruction::Loop(BlockType::Empty),
                    Instruction::Br(0),
                    Instruction::End,
                    Instruction::Unreachable,
                ]);
            }
            3 => {
                // fault, message, no position, and a decision or excess as the cause
                store(0, vec![Instruction::I32Const(1)]);
                store(8, vec![Instruction::I32Const(self.data.int_in_range(0..=3)?)]);
                store(12, text);
                store(16, length);
                store(32, vec![Instruction::I32Const(1)]);
                store(40, vec![Instruction::I32Const(self.data.int_in_range(0..=9)?)]);
            }
            4 => {
                // A text that says that it is JSON.
                store(8, vec![Instruction::I32Const(JSON)]);
                store(12, vec![Instruction::I32Const(8)]);
                store(16, text);
                store(20, length);
            }
            _ => {
                store(8, text);
                store(12, length);
                store(16, vec![Instruction::I32Const(JSON)]);
                store(20, vec![Instruction::I32Const(8)]);
            }
        }
        body.push(Instruction::I32Const(RETURNED));
        Ok(body)
    }
}

/// A module whose `run` has this body.
fn assembled(
    imports: &[&Import],
    run: Vec<Instruction<'static>>,
    memory: &Memory,
    starts: bool,
    cleans_up: bool,
    pages: u64,
) -> Vec<u8> {
    let (mut types, mut imported, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    for (index, import) in imports.iter().enumerate() {
        types.ty().function(import.parameters.clone(), import.results.clone());
        imported.import(&import.module, &import.name, EntityType::Function(number(index)));
    }
    let mut kind = number(imports.len());
    let mut function = number(imports.len());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let mut add = |name: &str, parameters: usize, result: bool, body: Vec<Instruction<'static>>| {
        types.ty().function(vec![ValType::I32; parameters], result.then_some(ValType::I32));
        functions.function(kind);
        // One local more than there are parameters, for whatever comes.
        let mut made = Function::new([(2, ValType::I32)]);
        for instruction in &body {
            made.instruction(instruction);
        }
        made.instruction(&Instruction::End);
        code.function(&made);
        if !name.is_empty() {
            exports.export(name, ExportKind::Func, function);
        }
        (kind, function) = (kind + 1, function + 1);
    };
    let call = first_plain_call(imports);
    let cleaning = if cleans_up { vec![Instruction::Call(call), Instruction::Drop] } else { Vec::new() };
    add("rex:host/script@0.1.0#run", 4, true, run);
    add("rex:host/script@0.1.0#check", 4, true, vec![Instruction::I32Const(RETURNED)]);
    add("cabi_post_rex:host/script@0.1.0#run", 1, false, cleaning);
    add("cabi_post_rex:host/script@0.1.0#check", 1, false, Vec::new());
    add("init", 0, false, Vec::new());
    add("cabi_realloc", 4, true, allocation(memory, call));
    add("", 0, false, vec![Instruction::Call(call), Instruction::Drop]);
    let last = function - 1;

    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("memory", ExportKind::Memory, 0);
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(HEAP));
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(JSON), *b"{\"a\":\n1}");
    let mut module = Module::new();
    module.section(&types).section(&imported).section(&functions).section(&memories).section(&globals).section(&exports);
    if starts {
        module.section(&StartSection { function_index: last });
    }
    module.section(&code).section(&data);
    module.finish()
}

/// The import that takes nothing and returns a number.
fn first_plain_call(imports: &[&Import]) -> u32 {
    number(imports.iter().position(|import| import.parameters.is_empty() && import.results.len() == 1).unwrap())
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

fn at(area: usize) -> i32 {
    AREAS + AREA * i32::try_from(area).unwrap()
}

fn memory_at(offset: u64) -> MemArg {
    MemArg { offset, align: 2, memory_index: 0 }
}

fn load(place: i32, offset: u64) -> Vec<Instruction<'static>> {
    vec![Instruction::I32Const(place), Instruction::I32Load(memory_at(offset))]
}

/// The body of `cabi_realloc(old, old_size, align, size)`.
fn allocation(memory: &Memory, call: u32) -> Vec<Instruction<'static>> {
    use Instruction::{
        Br, Call, Drop, End, GlobalGet, GlobalSet, I32Add, I32And, I32Const, I32GtU, I32Shl, I32ShrU, I32Sub, If, LocalGet,
        LocalSet, LocalTee, Loop, MemoryGrow, MemorySize,
    };
    let mut body = match memory {
        Memory::Fixed(place) => return vec![I32Const(*place)],
        Memory::Traps => return vec![Instruction::Unreachable],
        Memory::Endless => return vec![Loop(BlockType::Empty), Br(0), End, Instruction::Unreachable],
        Memory::Calls => vec![Call(call), Drop],
        Memory::Good | Memory::Crooked => Vec::new(),
    };
    // The next multiple of the alignment, and memory to its end.
    body.extend([GlobalGet(0), LocalGet(2), I32Add, I32Const(1), I32Sub, I32Const(0), LocalGet(2), I32Sub, I32And, LocalTee(4)]);
    body.extend([LocalGet(3), I32Add, GlobalSet(0)]);
    body.extend([GlobalGet(0), MemorySize(0), I32Const(16), I32Shl, I32GtU, If(BlockType::Empty)]);
    body.extend([LocalGet(3), I32Const(16), I32ShrU, I32Const(1), I32Add, MemoryGrow(0), LocalSet(5), End, LocalGet(4)]);
    if matches!(memory, Memory::Crooked) {
        body.extend([I32Const(1), I32Add]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(seed: u32, count: u32) -> Vec<u8> {
        let byte = |index: u32| (index.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 15) as u8;
        (0..count).map(byte).collect()
    }

    fn all() -> Vec<&'static Import> {
        CONTRACT.imports.iter().collect()
    }

    #[test]
    fn every_import_is_known_by_its_types() {
        for import in CONTRACT.imports.iter().filter(|import| !import.name.starts_with("[resource-drop]")) {
            assert!(import.types.is_some(), "{import:?}");
        }
        assert!(CONTRACT.imports.len() > 40);
    }

    #[test]
    fn any_bytes_are_a_guest() {
        for seed in 0..10 {
            check(&bytes(seed, 500));
            sandbox(smith(&all(), &mut Unstructured::new(&bytes(seed, 2000))).unwrap());
        }
    }

    /// A guest reads a file and returns it: the pieces fit together.
    #[test]
    fn a_guest_gets_what_is_permitted() {
        use Instruction::{Call, I32Const, I32Store};
        let plan = Plan::arbitrary(&mut Unstructured::new(&[])).unwrap();
        let mut world = World::new(&plan);
        let texts = texts(&world);
        let import = |name: &str| number(CONTRACT.imports.iter().position(|import| import.name == name).unwrap());
        let before: usize = texts[..6].iter().map(String::len).sum();
        let (path, length) = (HEAP + i32::try_from(before).unwrap(), i32::try_from(texts[6].len()).unwrap());
        let mut body = vec![I32Const(path), I32Const(length), I32Const(1), I32Const(at(0)), Call(import("[static]file.open"))];
        body.extend(load(at(0), 8));
        body.extend([I32Const(0), I32Const(at(1)), Call(import("[method]file.read"))]);
        for (offset, value) in [(8, load(at(1), 8)), (12, load(at(1), 12)), (16, vec![I32Const(JSON)]), (20, vec![I32Const(8)])] {
            body.push(I32Const(RETURNED));
            body.extend(value);
            body.push(I32Store(memory_at(offset)));
        }
        body.push(I32Const(RETURNED));
        let module = assembled(&all(), body, &Memory::Good, false, false, 4);
        let report = scripts::run(&Runner::with(sandbox(module)).unwrap(), &mut world, texts.concat());
        assert!(report["output"].as_str().unwrap().contains("mark0x"), "{report}");
    }
}
