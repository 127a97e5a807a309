//! The guest as machine code, embedded in this program by the build script.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::component::Component;
use wasmtime::{Config, CustomCodeMemory, Engine, Result};

use crate::platform;

/// The largest page of the processors that this runs on, in bytes.
const PAGE: usize = 64 << 10;

/// Begins on a page, so that the code in it can be made executable where it is.
#[repr(C, align(65536))]
struct Paged<B: ?Sized>(B);

static GUEST: &Paged<[u8]> = &Paged(*include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm")));

/// SHA-256 of the component that the machine code was made from, in hexadecimal.
pub(super) const DIGEST: &str = env!("REX_GUEST_SHA256");

/// Set when the embedded code is in use where it is. Wasmtime panics where two engines use the same code at the same addresses.
static IN_PLACE: AtomicBool = AtomicBool::new(false);

/// Makes the embedded code callable: where it is, mapped with the program and read from disk page by page as it is used, or, where that is
/// impossible and for every sandbox of a process but the first, as a copy.
pub(super) fn load(mut settings: Config) -> Result<(Engine, Component)> {
    let in_place = platform::EXECUTES_IN_PLACE && !IN_PLACE.swap(true, Ordering::SeqCst);
    if in_place {
        settings.with_custom_code_memory(Some(Arc::new(Image)));
    }
    let engine = Engine::new(&settings)?;
    #[expect(unsafe_code, reason = "this is one of the named modules: wasmtime cannot know that the bytes are its own")]
    // SAFETY: the bytes are what `Engine::precompile_component` gave to the build script of this very program. They are a constant: they
    // live as long as the program and nothing writes to them.
    let component = unsafe {
        if in_place {
            Component::deserialize_raw(&engine, NonNull::from(&GUEST.0))
        } else {
            Component::deserialize(&engine, &GUEST.0)
        }
    }?;
    Ok((engine, component))
}

/// This program's own pages.
struct Image;

impl CustomCodeMemory for Image {
    fn required_alignment(&self) -> usize {
        PAGE.min(4096)
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> Result<()> {
        platform::publish_executable(start, length).map_err(Into::into)
    }

    /// The code stays executable for other sandboxes of this process. It is read-only all the same.
    fn unpublish_executable(&self, _: *const u8, _: usize) -> Result<()> {
        Ok(())
    }
}
