//! The guests as machine code.

use std::sync::OnceLock;

use rex_runner::sandbox::settings;
use wasmtime::Engine;
use wasmtime::component::Component;

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Those that there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    CODE.iter().map(|(name, _)| *name)
}

/// Loads a guest into the engine that all share.
pub fn load(name: &str) -> (&'static Engine, Component) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(&settings()).expect("an engine"));
    let (_, code) = CODE.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no guest of the name {name}"));
    (engine, deserialize(engine, code).expect("the host takes what was compiled under its own settings"))
}

/// Tries to load a guest that was compiled without fuel.
pub fn unbounded() -> wasmtime::Result<Component> {
    deserialize(load("endless-loop").0, include_bytes!(concat!(env!("OUT_DIR"), "/unbounded.cwasm")))
}

fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(unsafe_code, reason = "wasmtime cannot know that the bytes are its own")]
    // SAFETY: the bytes are what `Engine::precompile_component` gave to the build script of this crate.
    unsafe {
        Component::deserialize(engine, code)
    }
}
