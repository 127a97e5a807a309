//! Scripts, data and patterns that grow.

use rex_tests::{Case, PERMIT_ALL};

use crate::tools::{permit_in, with_path};

// Threat: T-RES-5
#[test]
fn deep_recursion_is_a_script_error_with_a_position() {
    for script in [
        "\nfn f(n) { f(n + 1) }\nf(0)",
        "\nfn a(n) { b(n) } fn b(n) { a(n) }\na(0)",
        "\nfn f(n) { 1 + f(n + 1) }\nf(0)",
        "\nfn f(n) { [f(n + 1)] }\nf(0)",
        "\nlet f = |g, n| g.call(g, n + 1);\nf.call(f, 0)",
    ] {
        let ran = Case::new().run(script, PERMIT_ALL).expect_code(1);
        assert!(ran.error().contains("Stack overflow") && ran.report["error"]["line"].is_u64(), "{script}: {ran:?}");
    }
}

/// The depth that scripts of the peer can count on.
#[test]
fn sixty_calls_deep_is_no_recursion_yet() {
    let ran = Case::new().run("fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(60)", PERMIT_ALL).expect_code(0);
    assert_eq!(ran.result(), 60);
}

#[test]
fn texts_arrays_and_maps_that_grow_are_a_limit() {
    for script in [
        "let x = \"x\"; loop { x += x; }",
        "let x = [0]; loop { x += x; }",
        "let x = [0]; loop { x.push(x); }",
        "let m = #{}; let n = 0; loop { m[`${n}`] = n; n += 1; }",
        "let m = #{a: 1}; loop { m = #{a: m, b: m}; }",
        "let x = blob(1000000000, 1);",
        "let x = blob(1000000, 1); loop { x += x; }",
        "let x = []; x.pad(1000000000, 0);",
        "let x = \"\"; x.pad(1000000000, 'x');",
        "seq(1, 700000000)",
        "seq(-9223372036854775807, 9223372036854775807)",
        "let x = \"x\"; for n in 0..20 { x += x; } x.split(\"\").map(|c| x)",
        "let x = \"x\"; for n in 0..20 { x += x; } x.replace(\"x\", x)",
        "let x = []; loop { x.push(|n| n); }",
    ] {
        let ran = Case::new().run_with(script, PERMIT_ALL, &["--max-memory", "16MiB"]).expect_code(4);
        let message = ran.error();
        assert!(
            ["--max-memory", "stack", "--fuel", "--timeout"].iter().any(|limit| message.contains(limit)),
            "{script}: {message}"
        );
    }
}

// Threat: T-RES-5
#[test]
fn data_that_is_nested_without_end_is_an_error_or_a_limit() {
    for script in [
        "let a = []; loop { a = [a]; }",
        "let a = #{}; loop { a = #{a: a}; }",
        "let a = []; for n in 0..2000 { a = [a]; } a",
        "let a = []; for n in 0..2000 { a = [a]; } `${a}`",
        "let a = []; for n in 0..2000 { a = [a]; } info(a)",
        "let a = []; for n in 0..2000 { a = [a]; } a == a",
        "let a = []; for n in 0..2000 { a = [a]; } throw a",
        "let f = |x| x; loop { f = f.curry(f); }",
    ] {
        let ran = Case::new().run_with(script, PERMIT_ALL, &["--timeout", "3s"]);
        assert!(matches!(ran.code, 0 | 1 | 4) && ran.report["exit_code"] == ran.code, "{script}: {ran:?}");
        assert!(!ran.error().contains("gave up"), "{script}: {ran:?}");
    }
}

// Threat: T-RES-11
#[test]
fn a_result_that_is_nested_too_deeply_is_an_error() {
    let ran = Case::new().run("let a = 1; for n in 0..100 { a = [a]; } a", PERMIT_ALL).expect_code(1);
    assert!(ran.error().contains("nested"), "{ran:?}");
}

#[test]
fn scripts_that_are_nested_without_end_are_errors_or_limits() {
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("#{a:", "1", "}"),
        ("{", "1", "}"),
        ("if true {", "1", "}"),
        ("-", "1", ""),
        ("!", "true", ""),
        ("", "1", "+1"),
        ("1+", "1", ""),
        ("x=", "1", ""),
        ("a.", "a", ""),
        ("a[", "0", "]"),
        ("`${", "1", "}`"),
        ("|x|", "1", ""),
        ("switch 1 { 1 =>", "1", "}"),
        ("try {", "1", "} catch {}"),
        ("f(", "1", ")"),
        ("while true {", "break;", "}"),
        ("/*", "", "*/"),
        ("", "1", ";1"),
        ("let x=1;", "x", ""),
        ("\"\\x41\"+", "1", ""),
        ("1..", "1", ""),
        ("a?.", "b", ""),
        ("true && ", "true", ""),
        ("1 ?? ", "1", ""),
        ("fn f(){", "1", "}"),
        ("do {", "1", "} while false"),
        ("a::", "b", ""),
    ] {
        for times in [100, 5_000, 60_000] {
            let script = format!("{}{middle}{}", open.repeat(times), close.repeat(times));
            let ran = Case::new().run_with(&script, PERMIT_ALL, &["--timeout", "20s", "--fuel", "20G"]);
            assert!(
                matches!(ran.code, 0 | 1 | 4) && ran.report["exit_code"] == ran.code,
                "{times} times {open}…{close}: {ran:?}"
            );
            assert!(!ran.error().contains("gave up"), "{times} times {open}…{close}: {ran:?}");
        }
    }
}

#[test]
fn a_script_of_ten_megabytes_is_a_limit() {
    for script in ["1;".repeat(5 << 20), " ".repeat(10 << 20), format!("\"{}\"", "x".repeat(10 << 20))] {
        let ran = Case::new().run(&script, PERMIT_ALL).expect_code(4);
        assert!(ran.error().contains("script") && ran.report["usage"]["calls"] == 0, "{ran:?}");
    }
}

/// As long as it may be, and as hard to compile.
#[test]
fn a_script_of_a_megabyte_is_an_error_or_runs() {
    for part in ["1;", "let a=1;", "fn f(){}", "\"\\n\";", "x", "/", "[", "`${1}`;", "'", "0x1;", "\u{1F600}"] {
        let script = part.repeat((1 << 20) / part.len());
        let ran = Case::new().run_with(&script, PERMIT_ALL, &["--timeout", "40s"]);
        assert!(matches!(ran.code, 0 | 1 | 4) && ran.report["exit_code"] == ran.code, "{part:?}: {ran:?}");
        assert!(!ran.error().contains("gave up"), "{part:?}: {ran:?}");
    }
}

#[test]
fn arguments_that_are_nested_without_end_are_refused() {
    for json in [
        format!("{{\"x\": {}1{}}}", "[".repeat(40_000), "]".repeat(40_000)),
        format!("{{\"x\": {}1{}}}", "{\"a\":".repeat(1000), "}".repeat(1000)),
    ] {
        let case = Case::new();
        let policy = case.file("policy", PERMIT_ALL);
        // Longer than a command line may be.
        let plain = case.file("plain", json.replace("[", "{\"listValue\": [").replace("]", "]}"));
        let ran = rex_tests::run(&["--script", "1", "-p", &policy, "-a", &plain], "");
        assert_eq!(ran.code, 5, "{ran:?}");
        if json.len() < 20_000 {
            case.run_with("1", PERMIT_ALL, &["--args-json", &json]).expect_code(5);
        }
    }
}

/// Patterns of a few characters that become programs of gigabytes.
// Threat: T-RES-7
#[test]
fn patterns_that_explode_are_errors() {
    let case = Case::new();
    let file = case.file("in/f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    for pattern in [
        "(a{1000}){1000}",
        "((a{100}){100}){100}",
        "(\\\\w{1000}){1000}",
        "\\\\pL{100000}",
        "((((((((((a{10}){10}){10}){10}){10}){10}){10}){10}){10}){10})",
        "(",
        "[",
        "a{2,1}",
        "(?P<n",
        "\\\\",
        "(?z)",
    ] {
        let ran = with_path(&case, &format!("grep(\"{pattern}\", p)"), &file, &permit_in(&case, "in")).expect_code(1);
        assert!(ran.error().contains("ValidationError") && ran.error().contains("regular expression"), "{pattern}: {ran:?}");
    }
    for script in [
        "let x = \"(\"; for n in 0..16 { x += x; } grep(x, p)",
        "let x = \"(\"; for n in 0..10 { x += x; } let y = \")\"; for n in 0..10 { y += y; } grep(x + y, p)",
    ] {
        with_path(&case, script, &file, &permit_in(&case, "in")).expect_code(1);
    }
}

/// Those on which other engines look back for ever.
// Threat: T-RES-7
#[test]
fn patterns_that_look_back_take_no_longer() {
    let case = Case::new();
    let file = case.file("in/f", format!("{}b\n", "a".repeat(100_000)));
    for pattern in ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(a*)*c", "^(a?){50}a{50}$"] {
        let ran = case.run_with(
            &format!("grep(\"{pattern}\", p).len()"),
            &permit_in(&case, "in"),
            &["--timeout", "50s", "--arg", &format!("p={file}")],
        );
        ran.expect_code(0);
    }
}
