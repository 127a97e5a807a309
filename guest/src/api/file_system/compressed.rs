//! Archives, and files that are compressed with gzip.

use rhai::{Array, Map, Position};

use super::handle::{DirHandle, FileHandle, ReadLinesOptions, match_map};
use super::{answer, array, integer};
use crate::api::log;
use crate::api::options::options;
use crate::bindings::rex::host::file_system::{ExtractFlags, GzipSearchOptions, MatchLine};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

/// As `gzip` has it.
const LEVEL: i64 = 6;

options! {
    CompressGzipOptions { level: i64 }
}

options! {
    ExtractArchiveOptions { preserve_permissions: bool, preserve_ownership: bool, preserve_timestamps: bool }
}

options! {
    SearchGzipOptions { exclude_pattern: String, case_insensitive: bool, max_results: i64 }
}

pub(super) fn register(registrar: &mut Registrar) {
    CompressGzipOptions::register(registrar);
    SearchGzipOptions::register(registrar);
    ExtractArchiveOptions::register(registrar);
    registrar.function(
        "extract_archive",
        |file: &mut FileHandle, into: DirHandle, options: ExtractArchiveOptions| -> ApiResult<()> {
            let kept = [
                (options.preserve_permissions != Some(false), ExtractFlags::PERMISSIONS),
                (options.preserve_ownership == Some(true), ExtractFlags::OWNERSHIP),
                (options.preserve_timestamps != Some(false), ExtractFlags::TIMESTAMPS),
            ];
            let flags = kept.into_iter().filter(|(kept, _)| *kept).fold(ExtractFlags::empty(), |all, (_, flag)| all | flag);
            for name in answer(file.host().extract(into.host(), flags))? {
                log::warn(Position::NONE, &format!("skipped: {name} is neither a file nor a directory"));
            }
            Ok(())
        },
    );
    registrar.function("compress_gzip", |file: &mut FileHandle, target: FileHandle, options: CompressGzipOptions| {
        let level = options.level.unwrap_or(LEVEL);
        let level = u32::try_from(level)
            .map_err(|_| invalid_arguments(FILE_SYSTEM_KINDS, format!("the level of compression is 1 to 9, not {level}")))?;
        answer(file.host().compress_gzip(target.host(), level))
    });
    registrar.function("read_gzip_lines", |file: &mut FileHandle, options: ReadLinesOptions| {
        answer(file.host().read_gzip_lines(options.selection()?)).map(array)
    });
    registrar.function("gzip_info", |file: &mut FileHandle| -> ApiResult<Map> {
        let info = answer(file.host().gzip_info())?;
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more digits")]
        let ratio = if info.compressed == 0 { 0.0 } else { info.uncompressed as f64 / info.compressed as f64 };
        Ok(Map::from([
            ("compressed_size_bytes".into(), integer(info.compressed).into()),
            ("uncompressed_size_bytes".into(), integer(info.uncompressed).into()),
            ("compression_ratio".into(), ratio.into()),
        ]))
    });
    registrar.function("search_gzip", |file: &mut FileHandle, pattern: &str, options: SearchGzipOptions| -> ApiResult<Array> {
        let max_results = options.max_results.unwrap_or(0);
        Ok(search(file, pattern, options, max_results)?.into_iter().map(|found| match_map(found).into()).collect())
    });
    registrar.function(
        "search_gzip_exists",
        |file: &mut FileHandle, pattern: &str, options: SearchGzipOptions| -> ApiResult<bool> {
            Ok(!search(file, pattern, options, 1)?.is_empty())
        },
    );
}

fn search(file: &FileHandle, pattern: &str, options: SearchGzipOptions, max_results: i64) -> ApiResult<Vec<MatchLine>> {
    let options = GzipSearchOptions {
        pattern: pattern.to_owned(),
        exclude: options.exclude_pattern,
        ignore_case: options.case_insensitive == Some(true),
        max_results,
    };
    answer(file.host().search_gzip(&options))
}
