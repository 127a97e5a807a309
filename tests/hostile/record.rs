//! The record against what a tracer sees: no effect without its own decision before it, and no leave to change something without the change.
//!
//! `contract::matrix` does the same for each function of the contract, and `hidden` for trees at random.

use std::os::unix::fs::MetadataExt as _;

use rex_tests::{Case, traced};
use serde_json::json;

use crate::tools::permit_in;

/// The forms that the matrix does not have, and one after the other: each has leave of its own, also on the same file.
#[test]
fn what_follows_something_else_has_its_own_decision_too() {
    let case = Case::new();
    case.dir("in");
    let script = r#"
        let all = OpenFileOptions().read(true).write(true).create(true).permissions(0o640).build();
        let at = DirConfig().path(p).build().open(OpenDirOptions().build());
        let f = at.open_file("f", all);
        for text in ["one\n", "two\n"] { f.write(text); f.write_in_place(text); write([write::append], p + "/f", text); }
        f.truncate(TruncateOptions().size(3).build());
        f.fallocate(FallocateOptions().length(5000).format(SizeUnit::BYTES).build());
        f.chmod(0o600); f.chmod(0o644);
        f.set_ownership(SetOwnershipOptions().user(me).build());
        for n in 0..3 { cat(p + "/f"); f.read(); sha256(p + "/f"); ls(p); grep("o", p + "/f"); }
        touch(p + "/empty"); touch(p + "/empty");
        cp(p + "/f", p + "/empty");
        cp([cp::preserve], p + "/f", p + "/g");
        cp([cp::preserve, cp::force], p + "/f", p + "/g");
        mkdir([mkdir::parents], p + "/a/b/c");
        mv(p + "/g", p + "/a/b/g");
        mv(p + "/a", p + "/z");
        mv([mv::backup], p + "/empty", p + "/f");
        mv(p + "/f~", p + "/z/b/g");
        ln(p + "/f", p + "/z/hard");
        ln([ln::symbolic], "f", p + "/link");
        ln([ln::symbolic, ln::force], "z", p + "/link");
        readlink(p + "/link");
        sed([sed::in_place], "o", "0", p + "/link/b/g");
        let packed = at.open_file("f.gz", all);
        let open = at.open_file("f", all);
        for n in 0..2 { open.compress_gzip(packed, CompressGzipOptions().build()); packed.gzip_info(); }
        chmod([chmod::recursive], 0o700, p + "/z");
        chown([chown::recursive], me, p + "/z");
        du([du::all_files], p); tree(p); find_files([glob::recursive], "*", p);
        rm(p + "/link");
        open.delete(DeleteFileOptions().build());
        rm([rm::recursive], p + "/z")"#;
    let me = std::fs::metadata(case.path("in")).unwrap().uid().to_string();
    let arguments = json!({ "p": case.path("in"), "me": me });
    if let Some(traced) = traced::run(&case, script, &permit_in(&case, "in"), &arguments) {
        assert_eq!(traced.ran.code, 0, "{:?}", traced.ran);
        traced.compare(&case.path(""), true);
    }
}
