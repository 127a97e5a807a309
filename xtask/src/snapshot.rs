//! A module as it is after one of its functions has run: with the memory and the globals that the function left.

use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow};
use wasmi::{Caller, Engine, Error, Extern, ExternType, Func, Instance, Linker, Module, Store, Val};
use wasmparser::ValType;
use wasmtime_wizer::{InstanceState, SnapshotVal, Wizer};

/// The module that programs for wasm32-wasip1 import.
pub const WASI: &str = "wasi_snapshot_preview1";

/// Runs `function`, which may call the adapter and nothing else, and gives the module that begins where it ended.
pub fn after(function: &str, module: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.init_func(function).keep_init_func(true);
    let (context, instrumented) = wizer.instrument(module).map_err(|error| anyhow!("{error:#}"))?;
    let mut state = run(function, &instrumented, adapter).with_context(|| format!("{function} cannot be run"))?;
    pollster::block_on(wizer.snapshot(&context, &mut state)).map_err(|error| anyhow!("{error:#}"))
}

/// The adapter, which needs the memory of the module that needs it.
type Adapter = Option<Instance>;

fn run(function: &str, module: &[u8], adapter: &[u8]) -> Result<State> {
    let engine = Engine::default();
    let module = Module::new(&engine, module)?;
    let mut store = Store::new(&engine, None);
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        let ExternType::Func(of) = import.ty() else { continue };
        let (from, name) = (import.module().to_owned(), import.name().to_owned());
        let forward =
            Func::new(&mut store, of.clone(), move |mut caller: Caller<'_, Adapter>, given: &[Val], back: &mut [Val]| {
                let adapter = caller.data().filter(|_| from == WASI);
                let function = adapter.and_then(|adapter| adapter.get_func(&caller, &name));
                function.ok_or_else(|| Error::new(format!("{name} of {from} was called")))?.call(&mut caller, given, back)
            });
        linker.define(import.module(), import.name(), forward)?;
    }
    let instance = linker.instantiate_and_start(&mut store, &module)?;

    let mut linker = Linker::new(&engine);
    linker.define("env", "memory", instance.get_memory(&store, "memory").context("it has no memory")?)?;
    *store.data_mut() = Some(linker.instantiate_and_start(&mut store, &Module::new(&engine, adapter)?)?);
    // What is to run before everything else, where there is such. A module that was snapshot has it no more.
    if let Ok(constructors) = instance.get_typed_func::<(), ()>(&store, "_initialize") {
        constructors.call(&mut store, ())?;
    }
    instance.get_typed_func::<(), ()>(&store, function)?.call(&mut store, ())?;
    State::of(&instance, &store)
}

/// All that a snapshot keeps.
struct State {
    globals: HashMap<String, SnapshotVal>,
    memories: HashMap<String, Vec<u8>>,
}

impl State {
    fn of(instance: &Instance, store: &Store<Adapter>) -> Result<Self> {
        let mut state = Self { globals: HashMap::new(), memories: HashMap::new() };
        for export in instance.exports(store) {
            let name = export.name().to_owned();
            match export.into_extern() {
                Extern::Global(global) => {
                    let value = match global.get(store) {
                        Val::I32(value) => SnapshotVal::I32(value),
                        Val::I64(value) => SnapshotVal::I64(value),
                        Val::F32(value) => SnapshotVal::F32(value.to_bits()),
                        Val::F64(value) => SnapshotVal::F64(value.to_bits()),
                        other => return Err(anyhow!("{name} is {other:?}, which a snapshot cannot keep")),
                    };
                    state.globals.insert(name, value);
                }
                Extern::Memory(memory) => {
                    state.memories.insert(name, memory.data(store).to_vec());
                }
                Extern::Func(_) | Extern::Table(_) => {}
            }
        }
        Ok(state)
    }
}

#[expect(clippy::expect_used, reason = "Wizer asks for what it exported itself, and wants a panic where that is missing")]
impl InstanceState for State {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        self.globals.remove(name).expect(name)
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        contents(self.memories.get(name).expect(name));
    }
}
