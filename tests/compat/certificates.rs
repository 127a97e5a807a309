//! `verify_cert` and `verify_cert_chain`, on certificates that `certificates/make.sh` made.

use rex_tests::Case;
use serde_json::json;

use crate::{run, value};

macro_rules! certificates {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("certificates/", $name, ".pem")))),*]
    };
}

fn case() -> Case {
    let case = Case::new();
    for (name, pem) in certificates!(
        "root",
        "middle",
        "pss",
        "p256",
        "ed25519",
        "server",
        "server_of_middle",
        "server_of_pss",
        "server_of_p256",
        "server_of_ed25519",
        "client",
        "expired"
    ) {
        case.file(&format!("in/{name}"), pem);
    }
    let bundle = [include_str!("certificates/server_of_middle.pem"), include_str!("certificates/middle.pem")].concat();
    case.file("in/bundle", bundle);
    let by_no_authority = [include_str!("certificates/by_a_server.pem"), include_str!("certificates/server.pem")].concat();
    case.file("in/by_no_authority", by_no_authority);
    let broken = include_str!("certificates/server.pem");
    let body = broken.lines().nth(5).unwrap();
    case.file("in/changed", broken.replace(body, &body.chars().rev().collect::<String>()));
    case.file("in/text", "no certificate");
    case
}

/// Opens files by their name.
const OPEN: &str = "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
    let open = |name| d.open_file(name, OpenFileOptions().read(true).build());";

#[test]
fn a_certificate_of_a_root_is_verified() {
    let case = case();
    for (certificate, root) in [
        ("server", "root"),
        ("server_of_pss", "pss"),
        ("server_of_p256", "p256"),
        ("server_of_ed25519", "ed25519"),
        ("server_of_middle", "middle"),
        ("bundle", "root"),
    ] {
        let script = format!("{OPEN} open.call(\"{certificate}\").verify_cert(open.call(\"{root}\")); true");
        assert_eq!(value(&case, &script), json!(true), "{certificate} of {root}");
    }
    let script =
        format!("{OPEN} open.call(\"server_of_middle\").verify_cert_chain(open.call(\"root\"), [open.call(\"middle\")]); true");
    assert_eq!(value(&case, &script), json!(true));
}

#[test]
fn what_no_root_vouches_for_is_not_verified() {
    let case = case();
    for (certificate, root, reason) in [
        ("server", "p256", "UnknownIssuer"),
        ("server", "pss", "UnknownIssuer"),
        ("server_of_middle", "root", "UnknownIssuer"),
        ("client", "root", "RequiredEkuNotFound"),
        ("by_no_authority", "root", "EndEntityUsedAsCa"),
        ("expired", "root", "xpired"),
        ("changed", "root", ""),
        ("text", "root", "no certificate"),
        ("server", "text", "no certificate"),
    ] {
        let script = format!("{OPEN} open.call(\"{certificate}\").verify_cert(open.call(\"{root}\"))");
        let ran = run(&case, &script).expect_code(1);
        let error = ran.error();
        println!("{certificate} of {root}: {error}");
        assert!(error.contains("ValidationError") && error.contains(reason), "{certificate} of {root}: {error}");
    }
}

/// The native peer asks for nothing but `open`.
#[test]
fn verifying_needs_leave_to_read() {
    let case = case();
    let policy = case.permit(&["open"], &["in"]);
    let script = format!("{OPEN} open.call(\"server\").verify_cert(open.call(\"root\"))");
    let arguments = json!({ "p": case.path("in") }).to_string();
    let ran = case.run_with(&script, &policy, &["--args-json", &arguments]).expect_code(3);
    assert_eq!(ran.denials()[0]["action"], "file_system::Action::\"read\"", "{ran:?}");
}
