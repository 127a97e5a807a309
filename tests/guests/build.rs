//! Makes components of the guests that attack the host, and machine code of them, as the host's own build script does with its guest.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow, ensure};
use wasmtime::Engine;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{
    Function, FunctionKind, ManglingAndAbi, Resolve, ResourceIntrinsic, TypeDefKind, WasmImport, WorldId, WorldItem, WorldKey,
};

#[path = "../../host/src/sandbox/config.rs"]
mod config;

const WIT: &str = "../../wit";

fn main() -> Result<()> {
    for path in [WIT, "wat", "components", "foreign", "../../host/src/sandbox/config.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(WIT)?;
    let world = resolve.select_world(&[package], Some("guest"))?;
    let imports = imports(&resolve, world);

    let mut guests = BTreeMap::new();
    for (name, text) in files("wat")? {
        let encoding = match name.split_once('-') {
            Some(("utf16", _)) => StringEncoding::UTF16,
            Some(("latin1", _)) => StringEncoding::CompactUTF16,
            _ => StringEncoding::UTF8,
        };
        let guest = module(&imports, &text).and_then(|module| component(&resolve, world, module, encoding));
        guests.insert(name.clone(), guest.with_context(|| name)?);
    }
    for (name, text) in files("components")? {
        let text = format!("{}\n{text}\n{}", include_str!("shell/imports.wat"), include_str!("shell/exports.wat"));
        guests.insert(name.clone(), wat::parse_str(&text).with_context(|| name)?);
    }
    for (name, text) in files("foreign")? {
        guests.insert(name.clone(), wat::parse_str(&text).with_context(|| name)?);
    }

    let mut config = config::config();
    let target = env::var("TARGET")?;
    config.target(&target).map_err(|error| anyhow!("no code can be made for {target}: {error}"))?;
    config.cranelift_opt_level(wasmtime::OptLevel::None);
    let engine = Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (mut loaded, mut refused) = (String::new(), String::new());
    for (name, bytes) in &guests {
        match engine.precompile_component(bytes) {
            Ok(code) => {
                let path = out.join(name).with_extension("cwasm");
                fs::write(&path, code)?;
                writeln!(loaded, "    ({name:?}, include_bytes!({path:?})),")?;
            }
            Err(error) => writeln!(refused, "    ({name:?}, {:?}),", format!("{error:#}"))?,
        }
    }
    // As it would be without the settings that bound a guest.
    config.consume_fuel(false);
    let unbounded = Engine::new(&config).and_then(|engine| engine.precompile_component(&guests["endless-loop"]));
    fs::write(out.join("unbounded.cwasm"), unbounded.map_err(|error| anyhow!("{error:#}"))?)?;

    let names: Vec<_> = imports.iter().map(|import| import.id.trim_start_matches('$')).collect();
    let text = format!(
        "/// Machine code of each guest.\npub(crate) const CODE: &[(&str, &[u8])] = &[\n{loaded}];\n\
         /// Those that cannot be compiled, and why.\npub const REFUSED: &[(&str, &str)] = &[\n{refused}];\n\
         /// The functions of the world, as `puppet` counts them.\npub const FUNCTIONS: &[&str] = &{names:?};\n"
    );
    fs::write(out.join("guests.rs"), text)?;
    Ok(())
}

/// The files of a folder, by their names without the extension.
fn files(folder: &str) -> Result<Vec<(String, String)>> {
    let entries = fs::read_dir(folder).with_context(|| folder.to_owned())?;
    entries
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).context("a file's name")?;
            Ok((name.to_owned(), fs::read_to_string(&path)?))
        })
        .collect()
}

/// A function that a guest may import.
struct Import {
    /// By which a guest's text calls it: `$log.write`, `$file.open`, `$file.drop`.
    id: String,
    module: String,
    name: String,
    signature: WasmSignature,
}

/// All functions of the world, those that drop resources included.
fn imports(resolve: &Resolve, world: WorldId) -> Vec<Import> {
    let mut found = Vec::new();
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        let short = interface.name.as_deref().unwrap_or_default();
        for function in interface.functions.values() {
            let import = WasmImport::Func { interface: Some(key), func: function };
            found.push(import_of(
                resolve,
                import,
                id_of(short, function),
                resolve.wasm_signature(AbiVariant::GuestImport, function),
            ));
        }
        for (name, id) in &interface.types {
            if matches!(resolve.types[*id].kind, TypeDefKind::Resource) {
                let import = drop_of(key, *id);
                let signature =
                    WasmSignature { params: vec![WasmType::I32], results: vec![], indirect_params: false, retptr: false };
                found.push(import_of(resolve, import, format!("${name}.drop"), signature));
            }
        }
    }
    found
}

fn drop_of(key: &WorldKey, resource: wit_parser::TypeId) -> WasmImport<'_> {
    WasmImport::ResourceIntrinsic { interface: Some(key), resource, intrinsic: ResourceIntrinsic::ImportedDrop }
}

fn import_of(resolve: &Resolve, import: WasmImport<'_>, id: String, signature: WasmSignature) -> Import {
    let (module, name) = resolve.wasm_import_name(ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync), import);
    Import { id, module, name, signature }
}

fn id_of(interface: &str, function: &Function) -> String {
    match function.kind {
        FunctionKind::Freestanding => format!("${interface}.{}", function.name),
        // Such as `[method]file.read`.
        _ => format!("${}", function.name.split_once(']').map_or(function.name.as_str(), |(_, name)| name)),
    }
}

/// What a guest has that does not bring its own: the name that it would define, and the definition.
const PRELUDE: &[(&str, &str)] = &[
    ("$memory", include_str!("prelude/memory.wat")),
    ("$realloc", include_str!("prelude/realloc.wat")),
    ("$run", include_str!("prelude/run.wat")),
    ("$attack", include_str!("prelude/attack.wat")),
    ("$open", include_str!("prelude/open.wat")),
    ("$after", include_str!("prelude/after.wat")),
];

/// A core module of a guest's own text and of all that it leaves out.
fn module(imports: &[Import], text: &str) -> Result<Vec<u8>> {
    let mut module = "(module\n".to_owned();
    for Import { id, module: from, name, signature } in imports {
        writeln!(module, "(import {from:?} {name:?} (func {id}{}))", types(signature))?;
    }
    module.push_str(text);
    for (name, definition) in PRELUDE {
        if !text.contains(&format!("(func {name} ")) && !text.contains(&format!("(memory {name} ")) {
            module.push_str(definition);
        }
    }
    module.push_str(include_str!("prelude/exports.wat"));
    if text.contains("$dispatch") {
        module.push_str(&dispatch(imports));
    }
    module.push(')');
    wat::parse_str(&module).map_err(Into::into)
}

fn name_of(wasm: &WasmType) -> &'static str {
    match wasm {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

fn types(signature: &WasmSignature) -> String {
    let list = |keyword, types: &[WasmType]| format!(" ({keyword} {})", types.iter().map(name_of).collect::<Vec<_>>().join(" "));
    format!("{}{}", list("param", &signature.params), list("result", &signature.results))
}

/// Calls the function of a number with arguments that lie in memory, eight bytes each. What it returns is nobody's business.
fn dispatch(imports: &[Import]) -> String {
    let mut text = "(func $dispatch (param $function i32) (param $arguments i32)\n".to_owned();
    for (number, Import { id, signature, .. }) in imports.iter().enumerate() {
        let arguments: String = (signature.params.iter().enumerate())
            .map(|(index, wasm)| format!(" ({}.load offset={} (local.get $arguments))", name_of(wasm), index * 8))
            .collect();
        let drops = " drop".repeat(signature.results.len());
        let _ = writeln!(text, "(if (i32.eq (local.get $function) (i32.const {number})) (then (call {id}{arguments}){drops}))");
    }
    text + ")\n"
}

fn component(resolve: &Resolve, world: WorldId, mut module: Vec<u8>, encoding: StringEncoding) -> Result<Vec<u8>> {
    ensure!(Path::new(WIT).is_dir());
    embed_component_metadata(&mut module, resolve, world, encoding)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}
