use super::{MAX_BYTES, arguments, to_text};
use crate::invoke::call::Written;
use crate::invoke::error::CallError;
use crate::invoke::exports::Functions;
use crate::invoke::fixture;

fn read(functions: &Functions, call: &str) -> Result<String, String> {
    let call = Written::parse(call).unwrap();
    let function = functions.find(call.name).unwrap();
    let values = arguments(&call, function).map_err(|error| error.to_string())?;
    let texts: Vec<String> = values.iter().map(|value| to_text(value).unwrap()).collect();
    Ok(texts.join(", "))
}

#[test]
fn values_of_every_type_are_read_and_written() {
    let functions = fixture::functions();
    for (call, expected) in [
        ("bool(true)", "true"),
        ("s8(-128)", "-128"),
        ("u64(18446744073709551615)", "18446744073709551615"),
        ("f32(nan)", "nan"),
        ("f64(-inf)", "-inf"),
        ("f64(1e3)", "1000"),
        ("f32(0.1)", "0.1"),
        ("char('é')", "'é'"),
        (r"char('\'')", r"'\''"),
        (r#"string("a\n\"\u{202e}'")"#, r#""a\n\"\u{202e}'""#),
        ("string(\"\"\"\n  a\n  \"\"\")", "\"a\""),
        ("bytes([])", "[]"),
        ("bytes([0, 255,])", "[0, 255]"),
        ("tuple((1, \"a\", true))", "(1, \"a\", true)"),
        ("record({y: 2, x: 1})", "{x: 1, y: 2, label: none}"),
        (
            "record({x: 1, y: 2, label: \"a\"})",
            "{x: 1, y: 2, label: some(\"a\")}",
        ),
        ("variant(nothing)", "nothing"),
        ("variant(%some(1))", "%some(1)"),
        (
            "variant(path([{x: 1, y: 2}]))",
            "path([{x: 1, y: 2, label: none}])",
        ),
        ("enum(%none)", "%none"),
        ("enum(dark-green)", "dark-green"),
        ("flags({new, bold})", "{bold, new}"),
        ("flags({})", "{}"),
        ("option(none)", "none"),
        ("option(some(none))", "some(none)"),
        ("option(some(some(some(1))))", "some(some(some(1)))"),
        ("option(some(some(1)))", "some(some(some(1)))"),
        ("result(ok(\"a\"))", "ok(\"a\")"),
        ("result(\"a\")", "ok(\"a\")"),
        ("result(err(1))", "err(1)"),
        ("empty(err)", "err"),
        ("several(1)", "1, none, none"),
        ("several(1, \"a\", some(2))", "1, some(\"a\"), some(2)"),
        ("things.name()", ""),
        ("things.name(  )", ""),
        ("add(1, // one\n 2)", "1, 2"),
    ] {
        assert_eq!(read(&functions, call).as_deref(), Ok(expected), "{call}");
    }
}

#[test]
fn what_is_wrong_says_which_argument_what_was_expected_and_what_came() {
    let functions = fixture::functions();
    for (call, expected) in [
        (
            "add(1, \"a\")",
            "argument 2 of add, b: expected u32, not \"a\"",
        ),
        ("add(1, -1)", "argument 2 of add, b: expected u32, not -1"),
        (
            "add(1)",
            "add takes 2 arguments (a: u32, b: u32), but got 1",
        ),
        (
            "add(1, 2, 3)",
            "add takes 2 arguments (a: u32, b: u32), but got 3",
        ),
        ("things.name(1)", "name takes no arguments, but got 1"),
        ("s8(128)", "expected s8, not 128"),
        ("s8(1.0)", "expected s8, not 1.0"),
        ("u16(0x1)", "are not WAVE: "),
        ("char(\"a\")", "expected char, not \"a\""),
        (
            "bytes([1, 256])",
            "argument 1 of bytes, value[1]: expected u8, not 256",
        ),
        ("bytes(\"AQID\")", "expected list<u8>, not \"AQID\""),
        (
            "lists([[\"a\"], [1]])",
            "value[1][0]: expected string, not 1",
        ),
        (
            "tuple((1, \"a\"))",
            "expected tuple<u8, string, bool>, not (1, \"a\")",
        ),
        ("record({x: 1})", "value.y: expected f32, not nothing"),
        (
            "record({x: 1, y: 2, z: 3})",
            "value.z: expected no such field, not z",
        ),
        ("record({x: 1, x: 2, y: 2})", "duplicate field"),
        ("variant(square)", "not square"),
        ("variant(circle)", "value.circle: expected f64, not nothing"),
        ("variant(nothing(1))", "expected nothing, not nothing(1)"),
        (
            "variant(path([{x: 1, y: a}]))",
            "value.path[0].y: expected f32, not a",
        ),
        (
            "enum(blue)",
            "expected enum { red, dark-green, none }, not blue",
        ),
        (
            "flags({blue})",
            "expected flags { bold, quoted, new }, not blue",
        ),
        ("option(1)", "expected option<option<option<u8>>>, not 1"),
        ("result(err(\"a\"))", "value.err: expected u32, not \"a\""),
        ("empty(ok(1))", "expected ok, not ok(1)"),
        ("bytes(())", "empty tuple"),
        ("bytes([1", "unexpected end"),
        ("bytes([1]) 2", "trailing characters"),
        ("bytes([1", "are not WAVE: "),
        ("bytes", "is no call"),
    ] {
        let error = match Written::parse(call) {
            Ok(_) => read(&functions, call).unwrap_err(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{call}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn what_is_long_or_deep_is_read_or_refused_and_overflows_no_stack() {
    let functions = fixture::functions();
    let long = MAX_BYTES - 20;
    let read = |call: String| {
        let call = Written::parse(&call).unwrap();
        let function = functions.find(call.name).unwrap();
        arguments(&call, function)
    };
    for call in [
        format!("string(\"{}\")", "a".repeat(long)),
        format!("string(\"{}\")", "\\n".repeat(long / 2)),
        format!("string(\"{}\")", "é".repeat(long / 2)),
        format!("string(\"\"\"\n{}\n\"\"\")", "a".repeat(long)),
        format!("string({}\"\")", " ".repeat(long)),
        format!("string(\"\" //{}\n)", "a".repeat(long)),
        format!("bytes([{}])", "1,".repeat(long / 2)),
        format!("u64({}1)", "\n".repeat(long)),
    ] {
        assert!(read(call).is_ok());
    }
    for call in [
        format!("u64({})", "1".repeat(long)),
        format!("f64(1.{}x)", "1".repeat(long)),
        format!("enum({})", "a".repeat(long)),
        format!("enum({}a)", "a-".repeat(long / 2)),
        format!("string(\"{}", "a".repeat(long)),
        format!("char('{}')", "a".repeat(long)),
        format!("lists({})", "[".repeat(long)),
        format!("option({}", "some(".repeat(long / 5)),
        format!("record({}", "{x:".repeat(long / 3)),
    ] {
        let error = read(call).unwrap_err().to_string();
        assert!(error.len() < 500, "{}", error.len());
    }
    let error = read(format!("bytes([{}])", "1,".repeat(MAX_BYTES))).unwrap_err();
    assert!(matches!(error, CallError::TooLong { .. }), "{error}");
}
