//! `keywell invoke`: any exported function, from the command line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::process::{Output, Stdio};

use support::{guest, keywell};

/// Calls a function of the guest, with a store in memory.
fn invoke(arguments: &[&str]) -> Output {
    let mut command = keywell();
    command.arg("invoke").arg(guest("invokable"));
    command.args(["--store", "memory:"]).args(arguments);
    command.output().unwrap()
}

/// Calls, a line each.
fn lines(arguments: &[&str], lines: &str) -> Output {
    let mut command = keywell();
    command.arg("invoke").arg(guest("invokable"));
    command.args(["--store", "memory:", "-"]).args(arguments);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    output
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The error of a call that ends with a code and prints nothing else.
fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = stderr(output);
    assert_eq!(text.matches("keywell: ").count(), 1, "{text}");
    text
}

#[test]
fn every_type_goes_in_and_comes_out_as_wave() {
    for (call, result) in [
        ("echo-bool(true)", "true"),
        ("echo-s8(-128)", "-128"),
        ("echo-u64(18446744073709551615)", "18446744073709551615"),
        ("echo-f32(nan)", "nan"),
        ("echo-f64(-inf)", "-inf"),
        ("echo-char('é')", "'é'"),
        ("echo-string(\"a\\n\\u{202e}\")", "\"a\\n\\u{202e}\""),
        ("echo-bytes([0, 255])", "[0, 255]"),
        ("echo-list([\"a\", \"\"])", "[\"a\", \"\"]"),
        ("echo-tuple((1, \"a\", true))", "(1, \"a\", true)"),
        ("echo-record({y: 2, x: 1})", "{x: 1, y: 2, label: none}"),
        ("echo-variant(%some(1))", "%some(1)"),
        ("echo-enum(dark-green)", "dark-green"),
        ("echo-flags({new, bold})", "{bold, new}"),
        ("echo-option(some(none))", "some(none)"),
        ("echo-result(err(7))", "err(7)"),
        ("echo-empty(ok)", "ok"),
        ("optional(1)", "\"1 None\""),
        ("add(1, 2)", "3"),
        ("example:invokable/shapes@1.0.0-rc.1.{name}()", "\"shapes\""),
        ("example:invokable/doings.{name}@1.0.0-rc.1()", "\"doings\""),
        ("example:invokable/doings.name()", "\"doings\""),
        ("shapes.name()", "\"shapes\""),
        ("things.[static]thing.total()", "7"),
    ] {
        assert_eq!(stdout(&invoke(&[call])), format!("{result}\n"), "{call}");
    }
    assert_eq!(stdout(&invoke(&["nothing()"])), "");
}

#[test]
fn json_goes_both_ways() {
    for (call, result) in [
        ("echo-bytes(\"AQID\")", "\"AQID\""),
        ("echo-bytes([1, 2, 3])", "\"AQID\""),
        ("echo-u64(\"9007199254740993\")", "\"9007199254740993\""),
        ("echo-option({\"some\": null})", "{\"some\":null}"),
        ("echo-variant({\"circle\": 1.5})", "{\"circle\":1.5}"),
        ("echo-result({\"err\": 7})", "{\"err\":7}"),
        ("echo-f64(\"nan\")", "\"nan\""),
        ("echo-string(\"\\u202e\")", "\"\\u202e\""),
        ("optional(1)", "\"1 None\""),
    ] {
        assert_eq!(
            stdout(&invoke(&["--json", call])),
            format!("{result}\n"),
            "{call}"
        );
    }
    let error = refused(&invoke(&["--json", "add(1, true)"]), 2);
    assert!(
        error.contains("argument 2 of add, b: expected u32, not true"),
        "{error}"
    );
}

#[test]
fn a_value_that_is_set_is_there_for_the_next_call_in_the_usual_store() {
    let folder = tempfile::tempdir().unwrap();
    let call = |call: &str| {
        let mut command = keywell();
        command.current_dir(folder.path()).arg("invoke");
        command.arg(guest("invokable")).arg(call).output().unwrap()
    };
    assert_eq!(stdout(&call("set(\"b\", \"k\", [1, 2, 3])")), "ok\n");
    assert_eq!(stdout(&call("get(\"b\", \"k\")")), "ok(some([1, 2, 3]))\n");
    assert_eq!(stdout(&call("get(\"b\", \"missing\")")), "ok(none)\n");
    // Nothing is opened for a call that cannot be made.
    std::fs::remove_dir_all(folder.path().join(".keywell")).unwrap();
    let error = refused(&call("gett(\"b\", \"k\")"), 2);
    assert!(
        error.contains("exports no function gett; it exports:"),
        "{error}"
    );
    assert!(
        error
            .contains("get: func(bucket: string, key: string) -> result<option<list<u8>>, string>"),
        "{error}"
    );
    assert!(!folder.path().join(".keywell").exists());
}

#[test]
fn the_component_of_the_guide_runs_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // Each call is a process of its own.
    let call = |arguments: &[&str]| {
        let mut command = keywell();
        command.current_dir(folder.path()).arg("invoke");
        let output = command.arg(guest("guide")).args(arguments).output();
        stdout(&output.unwrap())
    };
    assert_eq!(call(&["get(\"b\", \"k\")"]), "none\n");
    assert_eq!(call(&["set(\"b\", \"k\", [1, 2, 3])"]), "");
    for name in [
        "get",
        "golem:examples/api.{get}",
        "golem:examples/api.get",
        "api.get",
    ] {
        let got = call(&[&format!("{name}(\"b\", \"k\")")]);
        assert_eq!(got, "some([1, 2, 3])\n", "{name}");
    }
    assert_eq!(call(&["get(\"other\", \"k\")"]), "none\n");
    assert_eq!(call(&["--json", "get(\"b\", \"k\")"]), "\"AQID\"\n");
}

#[test]
fn what_is_wrong_with_a_call_is_one_error_and_ends_with_2() {
    for (call, expected) in [
        ("nothing", "\"nothing\" is no call; write NAME(ARGUMENTS)"),
        ("name()", "several functions name; name the interface, too:"),
        (
            "add(1)",
            "add takes 2 arguments (a: u32, b: u32), but got 1",
        ),
        (
            "add(1, \"a\")",
            "argument 2 of add, b: expected u32, not \"a\"",
        ),
        ("echo-bytes([1, 256])", "value[1]: expected u8, not 256"),
        (
            "echo-bytes([1",
            "the arguments are not WAVE: unexpected end of input",
        ),
        (
            "make()",
            "takes or returns a resource, which stays with its instance",
        ),
        (
            "things.[constructor]thing(\"a\")",
            "takes or returns a resource",
        ),
        (
            "things.[method]thing.name(1)",
            "takes or returns a resource",
        ),
    ] {
        let error = refused(&invoke(&[call]), 2);
        assert!(error.contains(expected), "{call}: {error}");
    }
    for (call, expected) in [
        (
            format!("echo-bytes([{}])", "1,".repeat(5 << 20)),
            "one in WAVE may have 4194304; --json",
        ),
        (
            format!("echo-list({})", "[".repeat(100_000)),
            "value nesting too deep",
        ),
        ("f".repeat(30 << 20), "the line is longer than"),
    ] {
        let error = refused(&lines(&[], &format!("{call}\n")), 2);
        assert!(error.contains(expected), "{error}");
    }
    let deep = format!("echo-list({})", "[".repeat(100_000));
    let error = refused(&lines(&["--json"], &format!("{deep}\n")), 2);
    assert!(error.contains("recursion limit exceeded"), "{error}");
}

#[test]
fn a_trap_a_timeout_and_a_store_that_does_not_open_end_with_1() {
    let error = invoke(&["fail(\"on purpose\")"]);
    assert_eq!(error.status.code(), Some(1), "{error:?}");
    let text = stderr(&error);
    assert!(text.contains("{fail} failed: wasm trap"), "{text}");
    assert!(text.contains("on purpose"), "what it wrote is lost: {text}");
    let error = refused(&invoke(&["--timeout", "200ms", "compute()"]), 1);
    assert!(
        error.contains("{compute} took longer than 200ms; raise --timeout"),
        "{error}"
    );
    let error = refused(&invoke(&["--memory", "4MiB", "fill(4000000)"]), 1);
    assert!(error.contains("{fill} failed: "), "{error}");
    let error = refused(&invoke(&["--memory", "8MiB", "fill(1000000)"]), 1);
    let expected = "more memory than the host may hold for it; raise --memory";
    assert!(error.contains(expected), "{error}");
    let mut command = keywell();
    let command = command.arg("invoke").arg(guest("invokable"));
    let error = command
        .args(["--store", "disk:/dev/null/x", "add(1, 2)"])
        .output();
    refused(&error.unwrap(), 1);
}

#[test]
fn values_have_three_times_the_memory_of_the_component() {
    let memory = ["--memory", "8MiB"];
    // 40 bytes each: 16 MB go, and 40 MB do not.
    let filled = stdout(&invoke(&["--memory", "8MiB", "--json", "fill(400000)"]));
    assert_eq!(filled.len(), 400_000_usize.div_ceil(3) * 4 + "\"\"\n".len());
    let echo = |length| format!("echo-bytes([{}])\n", "1,".repeat(length));
    let echoed = stdout(&lines(&memory, &echo(200_000)));
    assert_eq!(echoed.matches('1').count(), 200_000);
    let error = refused(&lines(&memory, &echo(1_000_000)), 2);
    let expected = "{echo-bytes} take more memory than the host may hold for them; raise --memory";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_the_component_prints_is_no_result() {
    let output = invoke(&["print(\"hello\")"]);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("hello"), "{output:?}");
}

#[test]
fn lines_are_calls_of_one_instance_and_a_trap_begins_a_fresh_one() {
    let calls = "count()\n\n  count()  \nadd(1, \"a\")\nfail(\"on purpose\")\ncount()\ncount()";
    let output = lines(&[], calls);
    assert_eq!(output.stdout, b"1\n2\n1\n2\n", "{output:?}");
    // That of the first that is wrong.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stderr(&output);
    assert!(
        text.contains("keywell: line 4: argument 2 of add, b:"),
        "{text}"
    );
    assert!(
        text.contains("keywell: line 5: example:invokable/doings@1.0.0-rc.1.{fail} failed:"),
        "{text}"
    );
    let output = lines(
        &["--json"],
        "set(\"b\", \"k\", \"AQID\")\nget(\"b\", \"k\")\n",
    );
    assert_eq!(stdout(&output), "{\"ok\":null}\n{\"ok\":\"AQID\"}\n");
    assert_eq!(stdout(&lines(&[], "")), "");
}

#[test]
fn commands_and_handlers_of_requests_are_functions_too() {
    let call = |component: &str, call: &str| {
        let mut command = keywell();
        command.arg("invoke").arg(guest(component));
        command.args(["--store", "memory:", call]).output().unwrap()
    };
    let error = refused(&call("counter", "handle()"), 2);
    assert!(error.contains("wasi:http/incoming-handler@0.2."), "{error}");
    assert!(
        error.contains("{handle} cannot be called from outside"),
        "{error}"
    );
    let error = refused(&call("settings", "x()"), 2);
    assert!(error.contains("run: func() -> result\n"), "{error}");
    assert_eq!(stdout(&call("settings", "run()")), "ok\n");
}
