//! Archives come from anywhere, and may name anything.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};

use rex_tests::{Case, Ran, traced};
use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::tools::{SECRET, permit_in};

/// Unpacks `a` in the directory `p` into `out` there.
pub const EXTRACT: &str = "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
    d.open_file(\"a\", OpenFileOptions().read(true).build())
        .extract_archive(DirConfig().path(p + \"/out\").build().open(OpenDirOptions().build()), ExtractArchiveOptions().build())";

fn case(archive: Vec<u8>) -> (Case, String) {
    let case = Case::new();
    case.file("in/a", archive);
    case.dir("in/out");
    case.file("secret/f", SECRET);
    let policy = permit_in(&case, "in");
    (case, policy)
}

fn extract(case: &Case, policy: &str) -> Ran {
    let ran = case.run_with(EXTRACT, policy, &["--arg", &format!("p={}", case.path("in"))]);
    assert_eq!(case.content("secret/f").as_deref(), Some(SECRET));
    assert_eq!(std::fs::read_dir(case.path("secret")).unwrap().count(), 1);
    ran
}

/// An entry of a tar archive whose name nobody checks.
fn add(archive: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, content: &[u8], link: Option<&str>, mode: u32) {
    let mut header = Header::new_gnu();
    let field = &mut header.as_old_mut().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_mtime(1_000_000_000);
    if let Some(link) = link {
        header.set_link_name_literal(link).unwrap();
    }
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, content) in entries {
        add(&mut archive, name, EntryType::Regular, content.as_bytes(), None, 0o644);
    }
    archive.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn every_kind_of_archive_is_unpacked() {
    let entries = [("f", "one"), ("d/e/g", "two"), ("./h", "")];
    for archive in [tar(&entries), gzip(&tar(&entries)), zip(&entries)] {
        let (case, policy) = case(archive);
        extract(&case, &policy).expect_code(0);
        for (name, content) in [("f", "one"), ("d/e/g", "two"), ("h", "")] {
            assert_eq!(case.content(&format!("in/out/{name}")).as_deref(), Some(content), "{name}");
        }
    }
}

#[test]
fn every_entry_has_its_own_decision_before_it() {
    let entries = [("f", "one"), ("d/e/g", "two"), ("d/e/g", "again"), ("h", "")];
    for archive in [tar(&entries), gzip(&tar(&entries)), zip(&[("f", "one"), ("d/e/g", "two")])] {
        let (case, policy) = case(archive);
        for new in [true, false] {
            let Some(traced) = traced::run(&case, EXTRACT, &policy, &json!({ "p": case.path("in") })) else { return };
            assert_eq!(traced.ran.code, 0, "{:?}", traced.ran);
            // Leave to create is taken for what is replaced too.
            traced.compare(&case.path(""), new);
        }
    }
}

#[test]
fn modes_and_times_are_kept_and_powers_are_not() {
    let mut archive = Builder::new(Vec::new());
    add(&mut archive, "f", EntryType::Regular, b"x", None, 0o6700);
    let (case, policy) = case(archive.into_inner().unwrap());
    extract(&case, &policy).expect_code(0);
    let metadata = std::fs::metadata(case.path("in/out/f")).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o700, 1_000_000_000));
}

// Threat: T-PATH-13
#[test]
fn names_that_lead_out_unpack_nothing() {
    for name in ["../escaped", "/tmp/rex-escaped", "a/../../escaped", "..", "a\\..\\escaped"] {
        for archive in [tar(&[("first", "x"), (name, "x")]), zip(&[("first", "x"), (name, "x")])] {
            let (case, policy) = case(archive);
            let ran = extract(&case, &policy).expect_code(1);
            assert!(ran.error().contains("leads out"), "{name}: {ran:?}");
            assert_eq!(std::fs::read_dir(case.path("in/out")).unwrap().count(), 0, "{name}");
            assert!(!case.exists("in/escaped") && !case.exists("escaped"));
        }
    }
}

/// A link first, and then a file through it.
// Threat: T-PATH-13
#[test]
fn links_and_devices_in_an_archive_are_left_out_and_said() {
    let mut archive = Builder::new(Vec::new());
    add(&mut archive, "link", EntryType::Symlink, b"", Some("../../secret"), 0o777);
    add(&mut archive, "hard", EntryType::Link, b"", Some("../../secret/f"), 0o777);
    add(&mut archive, "fifo", EntryType::Fifo, b"", None, 0o777);
    add(&mut archive, "device", EntryType::Char, b"", None, 0o777);
    add(&mut archive, "link/planted", EntryType::Regular, b"x", None, 0o644);
    let (case, policy) = case(archive.into_inner().unwrap());
    let ran = extract(&case, &policy).expect_code(0);
    for name in ["link", "hard", "fifo", "device"] {
        assert!(ran.logs().iter().any(|line| line.contains(&format!("skipped: {name} "))), "{name}: {ran:?}");
    }
    assert_eq!(case.content("in/out/link/planted").as_deref(), Some("x"));
    assert!(!case.exists("in/out/hard") && !case.exists("in/out/fifo") && !case.exists("in/out/device"));
}

// Threat: T-PATH-13
#[test]
fn a_link_that_is_there_is_not_unpacked_through() {
    for (target, permitted) in [("../../secret", "in"), ("../elsewhere", "in")] {
        let (case, policy) = case(tar(&[("link/planted", "x")]));
        case.dir("in/elsewhere");
        symlink(target, case.path("in/out/link")).unwrap();
        let ran = extract(&case, &policy);
        assert_eq!(ran.code, 1, "{permitted}: {ran:?}");
        assert!(!case.exists("in/elsewhere/planted"));
    }
}

/// The peer leaves out what is denied, and says that all went well.
#[test]
fn one_denied_entry_unpacks_nothing() {
    let (case, policy) = case(tar(&[("first", "x"), ("d/denied", "x")]));
    for action in ["create", "write", "open"] {
        let forbid = format!(
            "forbid(principal, action == file_system::Action::\"{action}\", resource == file_system::File::\"{}\");",
            case.path("in/out/d/denied")
        );
        extract(&case, &format!("{policy}\n{forbid}")).expect_code(3);
        assert_eq!(std::fs::read_dir(case.path("in/out")).unwrap().count(), 0, "{action}");
    }
}

// Threat: T-PATH-13
#[test]
fn an_archive_of_too_much_is_a_limit() {
    let names: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let mut claims = Header::new_gnu();
    claims.set_path("huge").unwrap();
    claims.set_size(5 << 30);
    claims.set_cksum();
    for archive in [tar(&many), claims.as_bytes().to_vec()] {
        let (case, policy) = case(archive);
        extract(&case, &policy).expect_code(4);
        assert_eq!(std::fs::read_dir(case.path("in/out")).unwrap().count(), 0);
    }
}

/// An archive's own words are held in memory, unlike the contents.
// Threat: T-PATH-13
#[test]
fn an_archive_that_tells_too_much_is_refused() {
    let told = |kind, bytes: usize| {
        let mut archive = Builder::new(Vec::new());
        add(&mut archive, "told", kind, &b"a/".repeat(bytes / 2), None, 0o644);
        add(&mut archive, "f", EntryType::Regular, b"x", None, 0o644);
        archive.into_inner().unwrap()
    };
    let entry = [&b"PK\x01\x02"[..], &[0; 24], &50_u16.to_le_bytes(), &[0; 16], &[b'n'; 50]].concat();
    let entries = 65_534_u16;
    let directory = entry.repeat(entries.into());
    let length = u32::try_from(directory.len()).unwrap();
    let end =
        [&b"PK\x05\x06\0\0\0\0"[..], &entries.to_le_bytes(), &entries.to_le_bytes(), &length.to_le_bytes(), &[4, 0, 0, 0, 0, 0]];
    for (archive, complaint) in [
        (told(EntryType::GNULongName, 2 << 20), "takes more room than it may"),
        (told(EntryType::GNULongLink, 2 << 20), "takes more room than it may"),
        (told(EntryType::XHeader, 2 << 20), "takes more room than it may"),
        (told(EntryType::GNULongName, 8192), "longer than 4096 bytes"),
        (gzip(&told(EntryType::GNULongName, 2 << 20)), "takes more room than it may"),
        ([&b"PK\x03\x04"[..], &directory, &end.concat()].concat(), "takes more room than it may"),
    ] {
        let (case, policy) = case(archive);
        let ran = extract(&case, &policy).expect_code(1);
        assert!(ran.error().contains(complaint), "{ran:?}");
        assert_eq!(std::fs::read_dir(case.path("in/out")).unwrap().count(), 0);
    }
}

#[test]
fn an_entry_that_holds_more_than_it_says_is_not_cut_off_in_silence() {
    let mut archive = zip(&[("f", &"x".repeat(6000))]);
    let entry = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    archive[entry + 24..entry + 28].copy_from_slice(&12_u32.to_le_bytes());
    let (case, policy) = case(archive);
    extract(&case, &policy).expect_code(1);
    assert!(!case.exists("in/out/f"));
}

#[test]
fn what_is_no_archive_is_an_error() {
    let whole = tar(&[("f", "content that is cut off")]);
    for archive in
        [b"no archive at all".to_vec(), vec![b'x'; 2000], whole[..520].to_vec(), gzip(b"no archive"), b"PK\x03\x04".to_vec()]
    {
        let (case, policy) = case(archive);
        extract(&case, &policy).expect_code(1);
        assert!(std::fs::read_dir(case.path("in/out")).unwrap().all(|entry| entry.unwrap().file_name() != "f"));
    }
}

#[test]
fn what_is_there_is_replaced_whole() {
    let (case, policy) = case(tar(&[("f", "new")]));
    case.file("in/out/f", "old content");
    extract(&case, &policy).expect_code(0);
    assert_eq!(case.content("in/out/f").as_deref(), Some("new"));
}
