//! What an ELF file tells about itself. Only the parts that are asked for are read, so that a core dump may be large.

use std::io;

use object::elf::{FileHeader32, FileHeader64, NT_AUXV};
use object::read::elf::{FileHeader, ProgramHeader as _};
use object::read::{ReadCache, ReadCacheOps, ReadRef as _};
use object::{Endian as _, Endianness, FileKind};
use rhai::{Dynamic, Map};

use super::answer;
use super::handle::FileHandle;
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, of_kind};

/// The program's path, and the machine's name, in the auxiliary vector (`getauxval(3)`).
const AT_EXECFN: u64 = 31;
const AT_PLATFORM: u64 = 15;
/// Bytes that one part of the file may have. Segments with notes and names are far smaller.
const MAX_PART: u64 = 16 << 20;
/// Bytes of a text that a core dump holds, such as a path.
const MAX_TEXT: u64 = 4096;

pub(super) fn register(registrar: &mut Registrar) {
    registrar.function("elf_info", |file: &mut FileHandle| elf_info(file));
}

/// Reads a file's parts through the host. Keeps the host's error, of which the parser tells nothing.
struct Parts<'f> {
    file: &'f FileHandle,
    position: u64,
    failure: Option<Box<rhai::EvalAltResult>>,
}

impl ReadCacheOps for Parts<'_> {
    /// Not known, and not needed: a part beyond the end cannot be read.
    fn len(&mut self) -> Result<u64, ()> {
        Ok(u64::MAX)
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.position = position;
        Ok(position)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        let wanted = u64::try_from(buffer.len()).map_err(|_| ())?;
        if wanted > MAX_PART {
            return Err(());
        }
        let part = answer(self.file.host().read_bytes(self.position, wanted)).map_err(|error| self.failure = Some(error))?;
        self.position += u64::try_from(part.len()).map_err(|_| ())?;
        io::Read::read(&mut part.as_slice(), buffer).map_err(|_| ())
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ()> {
        let read = self.read(buffer)?;
        if read == buffer.len() { Ok(()) } else { Err(()) }
    }
}

#[derive(Debug, Default)]
struct Info {
    program: Option<String>,
    platform: Option<String>,
    interpreter: Option<String>,
}

fn elf_info(file: &FileHandle) -> ApiResult<Map> {
    let cache = ReadCache::new(Parts { file, position: 0, failure: None });
    let parsed = match FileKind::parse(&cache) {
        Ok(FileKind::Elf64) => parse::<FileHeader64<Endianness>>(&cache).map(|info| (info, true)),
        Ok(FileKind::Elf32) => parse::<FileHeader32<Endianness>>(&cache).map(|info| (info, false)),
        Ok(_) => Err("it is not an ELF file".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    if let Some(failure) = cache.into_inner().failure {
        return Err(failure);
    }
    let invalid =
        |reason| of_kind(FILE_SYSTEM_KINDS, "ValidationError", format!("{:?} cannot be read as ELF: {reason}", file.path()));
    let (info, is_64bit) = parsed.map_err(invalid)?;
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Into::into);
    Ok(Map::from([
        ("execfn".into(), text(info.program)),
        ("platform".into(), text(info.platform)),
        ("interpreter".into(), text(info.interpreter)),
        ("is_64bit".into(), is_64bit.into()),
    ]))
}

fn parse<H: FileHeader<Endian = Endianness>>(data: &ReadCache<Parts<'_>>) -> Result<Info, String> {
    let failed = |error: object::read::Error| error.to_string();
    let header = H::parse(data).map_err(failed)?;
    let endian = header.endian().map_err(failed)?;
    let segments = header.program_headers(endian, data).map_err(failed)?;
    let mut info = Info::default();
    for segment in segments {
        if let Some(interpreter) = segment.interpreter(endian, data).map_err(failed)? {
            info.interpreter = Some(String::from_utf8_lossy(interpreter).into_owned());
        }
        let Some(mut notes) = segment.notes(endian, data).map_err(failed)? else { continue };
        while let Some(note) = notes.next().map_err(failed)? {
            if note.n_type(endian) == NT_AUXV {
                for (kind, address) in pairs(note.desc(), endian, header.is_type_64()) {
                    let text = || text_at::<H>(data, segments, endian, address);
                    match kind {
                        AT_EXECFN => info.program = text(),
                        AT_PLATFORM => info.platform = text(),
                        _ => {}
                    }
                }
            }
        }
    }
    Ok(info)
}

/// The auxiliary vector: numbers in pairs, of which the first says what the second is.
fn pairs(vector: &[u8], endian: Endianness, is_64: bool) -> impl Iterator<Item = (u64, u64)> {
    let width = if is_64 { 8 } else { 4 };
    let number = move |bytes: &[u8]| {
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if endian.is_little_endian() { bytes.iter().rev().fold(0, append) } else { bytes.iter().fold(0, append) }
    };
    vector.chunks_exact(2 * width).filter_map(move |pair| {
        let (kind, value) = pair.split_at_checked(width)?;
        Some((number(kind), number(value)))
    })
}

/// The text at an address of the process that the dump is of.
fn text_at<H: FileHeader<Endian = Endianness>>(
    data: &ReadCache<Parts<'_>>,
    segments: &[H::ProgramHeader],
    endian: Endianness,
    address: u64,
) -> Option<String> {
    let (offset, length) = segments.iter().find_map(|segment| {
        let within = address.checked_sub(segment.p_vaddr(endian).into())?;
        let (offset, size) = segment.file_range(endian);
        let rest = size.checked_sub(within).filter(|rest| *rest > 0)?;
        (segment.p_type(endian) == object::elf::PT_LOAD).then_some((offset.checked_add(within)?, rest.min(MAX_TEXT)))
    })?;
    let bytes = data.read_bytes_at(offset, length).ok()?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    bytes.get(..end).map(|text| String::from_utf8_lossy(text).into_owned())
}
