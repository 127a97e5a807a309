//! The language around the functions.

use rex_tests::{Case, PERMIT_ALL};
use serde_json::{Value, json};

#[track_caller]
fn value(script: &str) -> Value {
    Case::new().run(script, PERMIT_ALL).expect_code(0).result().clone()
}

#[track_caller]
fn error(script: &str) -> String {
    Case::new().run(script, PERMIT_ALL).expect_code(1).error().to_owned()
}

#[test]
fn what_scripts_of_the_peer_use() {
    for (script, result) in [
        ("let x = 40; x += 2; x", json!(42)),
        ("fn double(x) { x * 2 } double(21)", json!(42)),
        ("let f = |x| x * 2; f.call(21)", json!(42)),
        ("let n = 2; let f = |x| x * n; f.call(21)", json!(42)),
        ("let f = Fn(\"double\"); fn double(x) { x * 2 } f.call(21)", json!(42)),
        ("let add = |a, b| a + b; add.curry(40).call(2)", json!(42)),
        ("switch 2 { 1 => \"one\", 2 => \"two\", _ => \"many\" }", json!("two")),
        ("let s = 0; for n in 1..=10 { if n % 2 == 0 { continue; } s += n; } s", json!(25)),
        ("let s = 0; for (n, i) in [5, 6] { s += n * i; } s", json!(6)),
        ("let n = 0; while n < 5 { n += 1; } do { n += 1; } until n > 9; n", json!(10)),
        ("let x = if true { 1 } else { 2 }; x", json!(1)),
        ("let x = loop { break 7; }; x", json!(7)),
        ("try { throw \"x\" } catch (e) { return e; }", json!("x")),
        ("[3, 1, 2].filter(|x| x > 1).map(|x| x * 10)", json!([30, 20])),
        ("let a = [3, 1, 2]; a.sort(); a", json!([1, 2, 3])),
        ("[1, 2, 3].reduce(|s, x| s + x, 0)", json!(6)),
        ("let m = #{a: 1}; m.b = 2; m[\"c\"] = 3; m", json!({"a": 1, "b": 2, "c": 3})),
        ("#{b: 1, a: 2}.keys()", json!(["a", "b"])),
        ("\"a\" in #{a: 1}", json!(true)),
        ("#{a: 1}.missing", json!(null)),
        ("`${1 + 1} and ${\"x\"}`", json!("2 and x")),
        ("\"Hello\".to_upper() + \"x\".len()", json!("HELLO1")),
        ("\"a,b\".split(\",\")", json!(["a", "b"])),
        ("\" x \".trim()", Value::Null),
        ("\"42\".parse_int() + 1", json!(43)),
        ("\"abc\".sub_string(1, 1)", json!("b")),
        ("let s = \"abc\"; s.replace(\"b\", \"x\"); s", json!("axc")),
        ("\"x\".contains(\"x\")", json!(true)),
        ("#{a: [1, ()]}.to_json()", json!("{\"a\":[1,null]}")),
        ("parse_json(\"{\\\"a\\\": 1}\").a", json!(1)),
        ("7 / 2", json!(3)),
        ("7.0 / 2.0", json!(3.5)),
        ("2 ** 10", json!(1024)),
        ("0xff + 0o17 + 0b11", json!(273)),
        ("type_of(1)", json!("i64")),
        ("type_of(1.0)", json!("f64")),
        ("type_of([])", json!("array")),
        ("type_of(#{})", json!("map")),
        ("1 ?? 2", json!(1)),
        ("let x = (); x ?? 2", json!(2)),
        ("let x = (); x?.y", json!(null)),
        ("const X = 1; X", json!(1)),
        ("let x = 1; let x = 2; x", json!(2)),
        ("exit(5); 6", json!(5)),
        ("#{a: 1}.to_map()", json!({"a": 1})),
    ] {
        assert_eq!(value(script), result, "{script}");
    }
}

#[test]
fn results_are_json() {
    for (script, result) in [
        ("()", json!(null)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775807 - 1", json!(i64::MIN)),
        ("0.5", json!(0.5)),
        ("\"\\\"\\\\\\n\\t\\x00\\u2603\"", json!("\"\\\n\t\0\u{2603}")),
        ("'c'", json!("c")),
        ("[1, [2, #{a: ()}], true]", json!([1, [2, {"a": null}], true])),
        ("#{\"key with spaces\": 1, \"\": 2}", json!({"": 2, "key with spaces": 1})),
    ] {
        assert_eq!(value(script), result, "{script}");
    }
}

#[test]
fn integers_have_64_bits() {
    assert_eq!(value("2147483647 + 1"), json!(2_147_483_648_i64));
    assert_eq!(value("4294967296 * 1024"), json!(4_398_046_511_104_i64));
    assert!(error("9223372036854775807 + 1").contains("overflow"));
    assert!(error("1 / 0").contains("zero"));
    assert!(error("1 << 64; 1 / 0").contains("zero") || error("1 << 64").contains("overflow"));
}

#[test]
fn variables_are_strict() {
    assert!(error("x + 1").contains('x'));
    assert!(error("if false { nothing }").contains("nothing"));
    assert!(error("fn f() { outside } let outside = 1; f()").contains("outside"));
}

#[test]
fn eval_import_and_export_are_gone() {
    for script in ["eval(\"1 + 1\")", "import \"x\" as y;", "export let x = 1;", "let eval = 1;"] {
        let message = error(script);
        assert!(message.starts_with("Syntax error"), "{script}: {message}");
    }
}

// Threat: T-GUEST-7
#[test]
fn functions_of_the_host_cannot_be_redefined() {
    let message = error("fn cat(path) { \"forged\" }\ncat(\"/x\")");
    assert!(message.contains("cat") && message.contains("redefine"), "{message}");
    // With another number of parameters it is another function.
    assert_eq!(value("fn cat(a, b, c, d, e) { 1 } cat(1, 2, 3, 4, 5)"), 1);
}

#[test]
fn deep_recursion_is_an_error_with_a_position() {
    let ran = Case::new().run("fn f(n) {\n  f(n + 1)\n}\nf(0)", PERMIT_ALL).expect_code(1);
    assert!(ran.error().starts_with("Stack overflow (line ") && ran.report["error"]["line"].is_u64(), "{ran:?}");
}

#[test]
fn what_can_be_logged() {
    let values = "\"text\", 1, 1.5, true, 'c', (), [1, \"x\"], #{a: 1}, IoErrorKind::NotFound";
    let script = format!("for v in [{values}] {{ trace(v); debug(v); info(v); warn(v); error(v); print(v); }}");
    let ran = Case::new().run(&script, PERMIT_ALL).expect_code(0);
    let entries: Vec<_> = ran.report["logs"].as_array().unwrap().iter().map(|entry| &entry["attributes"]).collect();
    let levels: Vec<_> = entries.iter().take(6).map(|entry| entry["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "INFO"]);
    assert_eq!(entries.len(), 54);
    let infos: Vec<_> = entries.iter().skip(2).step_by(6).map(|entry| entry["message"].as_str().unwrap()).collect();
    assert_eq!(infos, ["text", "1", "1.5", "true", "c", "", "[1, \"x\"]", "#{\"a\": 1}", "NotFound"]);
    let printed: Vec<_> = entries.iter().skip(5).step_by(6).map(|entry| entry["message"].as_str().unwrap()).collect();
    assert_eq!(printed, infos);
    assert!(entries.iter().all(|entry| entry["line_number"].is_string() && entry["timestamp"].is_string()));
}

#[test]
fn waiting_and_measuring() {
    let ran = Case::new().run("let t = timestamp(); sleep(0.2); sleep(0); sleep(-1); sleep(-1.5); let u = timestamp(); [t.elapsed >= 0.2, u - t >= 0.2, type_of(t.elapsed)]", PERMIT_ALL).expect_code(0);
    assert_eq!(ran.result(), &json!([true, true, "f64"]));
}
