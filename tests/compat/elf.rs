//! `elf_info`.

use rex_tests::{Case, rex_runner};
use serde_json::json;

use crate::{run, value};

const OPEN: &str = "let f = DirConfig().path(p).build().open(OpenDirOptions().build())
    .open_file(\"f\", OpenFileOptions().read(true).build());";

#[test]
fn a_program_tells_its_interpreter() {
    let case = Case::new();
    case.file("in/f", std::fs::read(rex_runner()).unwrap());
    let info = value(&case, &format!("{OPEN} f.elf_info()"));
    assert_eq!((&info["is_64bit"], &info["execfn"], &info["platform"]), (&json!(true), &json!(null), &json!(null)));
    assert!(info["interpreter"].as_str().unwrap().contains("ld"), "{info}");
}

/// A file as the kernel writes it when a process dies: a header, a segment with a note, and a segment of memory.
fn core_dump(little: bool, is_64: bool) -> Vec<u8> {
    let number = |value: u64, width: usize| {
        let bytes = value.to_le_bytes()[..width].to_vec();
        if little { bytes } else { bytes.into_iter().rev().collect::<Vec<_>>() }
    };
    let word = if is_64 { 8 } else { 4 };
    let (header, segment) = if is_64 { (64, 56) } else { (52, 32) };
    let text = b"/bin/sleep\0x86_64\0";
    let (notes, memory, address) = (header + 2 * segment, 0x400_u64, 0x7000_u64);
    let vector: Vec<u8> = [31, address, 15, address + 11, 0, 0].iter().flat_map(|value| number(*value, word)).collect();
    let mut note = [number(5, 4), number(vector.len() as u64, 4), number(6, 4)].concat();
    note.extend(b"CORE\0\0\0\0");
    note.extend(&vector);

    let mut file = b"\x7fELF".to_vec();
    file.extend([if is_64 { 2 } else { 1 }, if little { 1 } else { 2 }, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([number(4, 2), number(62, 2), number(1, 4), number(0, word), number(header, word), number(0, word)].concat());
    file.extend(
        [number(0, 4), number(header, 2), number(segment, 2), number(2, 2), number(0, 2), number(0, 2), number(0, 2)].concat(),
    );
    for (kind, offset, address, size) in [(4, notes, 0, note.len() as u64), (1, memory, address, text.len() as u64)] {
        let (kind, flags) = (number(kind, 4), number(4, 4));
        let place =
            [number(offset, word), number(address, word), number(0, word), number(size, word), number(size, word)].concat();
        let align = number(4, word);
        file.extend(if is_64 { [kind, flags, place, align].concat() } else { [kind, place, flags, align].concat() });
    }
    assert_eq!(file.len() as u64, notes);
    file.extend(note);
    file.resize(memory as usize, 0);
    file.extend(text);
    file
}

#[test]
fn a_core_dump_tells_of_its_process() {
    for (little, is_64) in [(true, true), (true, false), (false, true), (false, false)] {
        let case = Case::new();
        case.file("in/f", core_dump(little, is_64));
        let expected = json!({ "execfn": "/bin/sleep", "platform": "x86_64", "interpreter": null, "is_64bit": is_64 });
        assert_eq!(value(&case, &format!("{OPEN} f.elf_info()")), expected, "{little} {is_64}");
    }
}

#[test]
fn what_is_no_elf_file_is_an_error() {
    let dump = core_dump(true, true);
    let mut endless = dump.clone();
    // The size of the notes.
    endless[64 + 32..64 + 40].fill(0xff);
    for content in [&b""[..], b"text", b"\x7fELF", &dump[..100], &endless] {
        let case = Case::new();
        case.file("in/f", content);
        let ran = run(&case, &format!("{OPEN} f.elf_info()")).expect_code(1);
        assert!(ran.error().contains("ValidationError"), "{ran:?}");
    }
}
