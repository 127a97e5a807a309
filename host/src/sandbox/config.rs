// How WebAssembly is compiled and run. The build script includes this file to compile the guest, the runtime to load it: a component
// compiled under other settings is refused at load.

/// Fuel bounds what runs, and gives the host a look at the clock now and then; every proposal that the guest does not use is off.
pub(crate) fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .consume_fuel(true)
        // The image of a copy-on-write memory is a sealed memfd, and a kernel that is moving its pages at the moment refuses the seal.
        .memory_init_cow(false)
        .wasm_component_model(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_threads(false)
        .wasm_shared_everything_threads(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_extended_const(false)
        .wasm_function_references(false)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_stack_switching(false);
    config
}
