//! What a script catches, and what is told of what it did not catch.

use rex_tests::Case;
use serde_json::json;

use crate::{run, value};

/// The peer's names, and those that are new here.
const KINDS: &[&str] = &[
    "InvalidPath",
    "InvalidArguments",
    "InvalidFileMode",
    "ValidationError",
    "DirectoryOpenError",
    "DirectoryError",
    "FileError",
    "DestinationFileNotEmptyError",
    "NotFound",
    "DirectoryNotEmpty",
    "PermissionDenied",
    "AuthorizationError",
    "IdentityResolutionError",
    "UnsupportedOperationError",
    "FileContentTooLargeError",
    "FileCopyError",
    "FileReadError",
    "EntryTypeMismatchError",
    "IoError",
    "TryFromIntError",
    "RustixError",
    "Utf8Error",
    "Other",
    "AlreadyExists",
    "Conflict",
];

#[test]
fn every_kind_has_its_constant() {
    let constants = KINDS.iter().map(|kind| format!("IoErrorKind::{kind}")).collect::<Vec<_>>().join(", ");
    assert_eq!(value(&Case::new(), &format!("[{constants}]")), json!(KINDS));
    assert_eq!(value(&Case::new(), &format!("[{constants}].map(|kind| kind.to_string())")), json!(KINDS));
}

#[test]
fn a_caught_error_has_kind_message_and_source() {
    let case = Case::new();
    case.dir("in");
    let script = "let seen = (); try { cat(p + \"/missing\") } catch (e) { seen = [e.kind == IoErrorKind::NotFound, e.kind != IoErrorKind::Other, e.kind.to_string(), e.source, e.message, type_of(e)]; } seen";
    let message = format!("{}: No such file or directory (os error 2)", case.path("in/missing"));
    assert_eq!(value(&case, script), json!([true, true, "NotFound", "IoErrorKind", message, "map"]));
}

#[test]
fn a_caught_denial_tells_what_was_denied_and_why() {
    let case = Case::new();
    let file = case.file("out", "");
    let script = format!(
        "let seen = (); try {{ cat(\"{file}\") }} catch (e) {{ seen = [e.kind == IoErrorKind::PermissionDenied, e.action, e.resource, e.reason, e.message]; }} seen"
    );
    let seen = value(&case, &script);
    let resource = format!("file_system::Dir::{:?}", case.path(""));
    assert_eq!(
        (&seen[0], &seen[1], &seen[2], &seen[3]),
        (&true.into(), &r#"file_system::Action::"open""#.into(), &resource.clone().into(), &"no policy permits it".into())
    );
    let message = seen[4].as_str().unwrap();
    assert!(
        message.starts_with("Permission denied: ")
            && message.contains(&format!(r#" unauthorized to perform file_system::Action::"open" for {resource}"#)),
        "{message}"
    );
}

#[test]
fn an_uncaught_error_reads_as_in_the_peer() {
    let case = Case::new();
    case.dir("in");
    let ran = run(&case, "let x = 1;\n  cat(p + \"/missing\")").expect_code(1);
    assert_eq!(
        ran.error(),
        format!(
            "IoErrorKind: NotFound: {}: No such file or directory (os error 2) (line 2, position 3)",
            case.path("in/missing")
        )
    );
    assert_eq!((&ran.report["error"]["line"], &ran.report["error"]["column"]), (&2.into(), &3.into()));
}

#[test]
fn an_error_in_a_function_has_a_position() {
    let case = Case::new();
    case.dir("in");
    let ran = run(&case, "fn f(p) {\n  cat(p + \"/missing\")\n}\nf(p)").expect_code(1);
    assert!(ran.error().contains("NotFound") && ran.report["error"]["line"] == 2, "{ran:?}");
}

#[test]
fn an_error_that_is_thrown_on_stays_what_it_was() {
    let case = Case::new();
    case.dir("in");
    let ran = run(&case, "try { cat(p + \"/missing\") } catch (e) { throw e }").expect_code(1);
    assert!(ran.error().starts_with("IoErrorKind: NotFound: "), "{ran:?}");
}

#[test]
fn each_mistake_has_its_kind() {
    let case = Case::new();
    case.file("in/f", "x");
    case.file("in/bytes", b"\xff");
    case.file("in/full/f", "");
    for (script, kind) in [
        ("cat(\"relative\")", "InvalidPath"),
        ("cat(p + \"/../x\")", "InvalidPath"),
        ("cat(p + \"/missing\")", "NotFound"),
        ("cat(p + \"/full\")", "EntryTypeMismatchError"),
        ("ls(p + \"/f\")", "EntryTypeMismatchError"),
        ("cat(p + \"/f/x\")", "EntryTypeMismatchError"),
        ("cat(p + \"/bytes\")", "Utf8Error"),
        ("tail(p + \"/bytes\")", "Utf8Error"),
        ("rm(p + \"/full\")", "DirectoryNotEmpty"),
        ("mkdir(p + \"/f\")", "AlreadyExists"),
        ("touch(p + \"/no/f\")", "NotFound"),
        ("grep(\"(\", p + \"/f\")", "ValidationError"),
        ("sed([sed::regex], \"(\", \"\", p + \"/f\")", "ValidationError"),
        ("replace_text(\"\", \"(\", \"\", ReplacementOptions().is_regex(true).build())", "ValidationError"),
        ("find_files(\"[\", p)", "ValidationError"),
        ("tail([tail::from(-1)], p + \"/f\")", "InvalidArguments"),
        ("tail([tail::from(0)], p + \"/f\")", "InvalidArguments"),
        ("tail([tail::range(0, 2)], p + \"/f\")", "InvalidArguments"),
        ("tail([tail::range(4, 2)], p + \"/f\")", "InvalidArguments"),
        ("cat([rm::force], p + \"/f\")", "InvalidArguments"),
        (
            "DirConfig().path(p).build().open(OpenDirOptions().build()).open_file(\"n\", OpenFileOptions().create(true).permissions(0o7777).build())",
            "InvalidFileMode",
        ),
    ] {
        let seen = value(&case, &format!("let kind = (); try {{ {script}; }} catch (e) {{ kind = e.kind; }} kind"));
        assert_eq!(seen, kind, "{script}");
    }
}
