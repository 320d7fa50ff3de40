use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::{Type, Val};

use super::{ArgumentRoom, arguments, from_json, parse, to_json};
use crate::invoke::call::Written;
use crate::invoke::exports::Functions;
use crate::invoke::{fixture, wave};

fn only_parameter(functions: &Functions, name: &str) -> Type {
    functions.find(name).unwrap().parameters()[0].kind.clone()
}

#[test]
fn the_mapping_is_the_same_both_ways() {
    let functions = fixture::functions();
    for (name, value) in [
        ("bool", json!(true)),
        ("s8", json!(-128)),
        ("u64", json!(9_007_199_254_740_992_u64)),
        ("u64", json!("9007199254740993")),
        ("u64", json!("18446744073709551615")),
        ("s64", json!(-9_007_199_254_740_992_i64)),
        ("s64", json!("-9223372036854775808")),
        ("f32", json!(0.1)),
        ("f64", json!(1.5)),
        ("f64", json!("nan")),
        ("f32", json!("-inf")),
        ("char", json!("é")),
        ("string", json!("a\u{0}")),
        ("bytes", json!("")),
        ("bytes", json!("AQID/w==")),
        ("lists", json!([["a"], []])),
        ("tuple", json!([1, "a", true])),
        ("record", json!({"x": 1.0, "y": 2.0, "label": null})),
        ("variant", json!({"nothing": null})),
        (
            "variant",
            json!({"path": [{"x": 1.0, "y": 2.0, "label": "a"}]}),
        ),
        ("enum", json!("dark-green")),
        ("flags", json!(["bold", "new"])),
        ("option", json!(null)),
        ("option", json!({"some": null})),
        ("option", json!({"some": {"some": null}})),
        ("option", json!({"some": {"some": 1}})),
        ("result", json!({"ok": "a"})),
        ("result", json!({"err": 1})),
        ("empty", json!({"err": null})),
        ("one-way", json!({"ok": null})),
    ] {
        let kind = only_parameter(&functions, name);
        let read = from_json(&value, &kind).unwrap();
        assert_eq!(to_json(&read, &kind), Some(value), "{name}");
    }
}

#[test]
fn other_forms_are_taken_too() {
    let functions = fixture::functions();
    for (name, value, same) in [
        ("bytes", json!([1, 2, 3, 255]), json!("AQID/w==")),
        ("bytes", json!("AQID/w"), json!("AQID/w==")),
        (
            "u64",
            json!(18_446_744_073_709_551_615_u64),
            json!("18446744073709551615"),
        ),
        ("u64", json!("7"), json!(7)),
        ("f64", json!("1.5"), json!(1.5)),
        ("f64", json!(1), json!(1.0)),
        (
            "flags",
            json!(["new", "bold", "bold"]),
            json!(["bold", "new"]),
        ),
        (
            "record",
            json!({"y": 2, "x": 1}),
            json!({"x": 1.0, "y": 2.0, "label": null}),
        ),
    ] {
        let kind = only_parameter(&functions, name);
        let read = from_json(&value, &kind).unwrap();
        assert_eq!(to_json(&read, &kind), Some(same), "{name}");
    }
}

#[test]
fn what_is_wrong_says_where_what_was_expected_and_what_came() {
    let functions = fixture::functions();
    for (call, expected) in [
        (
            "add(1, true)",
            "argument 2 of add, b: expected u32, not true",
        ),
        ("add(1, 2.0)", "expected u32, not 2.0"),
        (
            "add(1)",
            "add takes 2 arguments (a: u32, b: u32), but got 1",
        ),
        ("u64(18446744073709551616)", "expected u64"),
        ("u64(\"x\")", "expected u64, not \"x\""),
        ("char(\"ab\")", "expected char, not \"ab\""),
        (
            "bytes(\"A\")",
            "expected list<u8>, which is base64 or an array, not \"A\"",
        ),
        ("bytes([1, 256])", "value[1]: expected u8, not 256"),
        ("tuple([1])", "expected tuple<u8, string, bool>, not [1]"),
        ("record({\"x\": 1})", "value.y: expected f32, not nothing"),
        (
            "record({\"x\": 1, \"y\": 1, \"z\": 1})",
            "value.z: expected no such field, not 1",
        ),
        ("variant(\"nothing\")", "not \"nothing\""),
        (
            "variant({\"nothing\": 1})",
            "value.nothing: expected null, not 1",
        ),
        (
            "variant({\"circle\": 1, \"nothing\": null})",
            "expected variant",
        ),
        ("variant({\"square\": 1})", "expected variant"),
        (
            "enum(\"blue\")",
            "expected enum { red, dark-green, none }, not \"blue\"",
        ),
        ("flags([\"blue\"])", "not \"blue\""),
        ("option(1)", "expected null or {\"some\": …}, not 1"),
        (
            "option({\"some\": 1})",
            "expected null or {\"some\": …}, not 1",
        ),
        ("result(\"a\")", "expected result<string, u32>, not \"a\""),
        ("add(1, 2", "does not end with )"),
        ("add(1, ])", "are not JSON: "),
        ("add(1] , [2)", "are not JSON: "),
    ] {
        let call = Written::parse(call).unwrap();
        let function = functions.find(call.name).unwrap();
        let error = parse(&call, function).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let deep = format!("lists({})", "[".repeat(100_000));
    let call = Written::parse(&deep).unwrap();
    assert!(parse(&call, functions.find("lists").unwrap()).is_err());
}

#[test]
fn what_is_read_is_charged_and_ends_where_the_room_does() {
    let functions = fixture::functions();
    let (value, name) = (size_of::<Val>(), size_of::<String>());
    for (function, json, taken) in [
        ("u64", json!(1), value),
        ("string", json!("abc"), value + 3),
        ("bytes", json!("AQID"), 4 * value),
        ("bytes", json!([1, 2, 3]), 4 * value),
        ("lists", json!([["a"], []]), 4 * value + 1),
        ("tuple", json!([1, "a", true]), 4 * value + 1),
        ("record", json!({"x": 1, "y": 1}), 4 * value + 3 * name + 7),
        ("variant", json!({"circle": 1}), 2 * value + 6),
        ("enum", json!("none"), value + 4),
        ("flags", json!(["new", "bold"]), value + 2 * name + 7),
        ("option", json!({"some": null}), 2 * value),
        ("result", json!({"ok": "a"}), 2 * value + 1),
    ] {
        let found = functions.find(function).unwrap();
        let mut room = ArgumentRoom::new(taken);
        arguments(std::slice::from_ref(&json), found, &mut room).unwrap();
        assert_eq!((room.taken(), room.is_exceeded()), (taken, false), "{json}");
        let mut short = ArgumentRoom::new(taken - 1);
        let error = arguments(&[json], found, &mut short).unwrap_err();
        let expected = format!(
            "arguments of at most {} bytes in memory, not more",
            taken - 1
        );
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(short.is_exceeded());
    }
    let wrong = functions.find("u64").unwrap();
    let mut room = ArgumentRoom::new(1 << 20);
    assert!(arguments(&[json!(true)], wrong, &mut room).is_err());
    assert!(!room.is_exceeded(), "it is wrong, and not too large");
}

/// Any value of a type.
fn of(kind: &Type) -> BoxedStrategy<Val> {
    let boxed = |kind: Option<Type>| match kind {
        Some(kind) => of(&kind).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    };
    match kind {
        Type::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Type::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Type::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Type::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        // A NaN is not always the same one.
        Type::Float32 => proptest::num::f32::ANY
            .prop_map(|value| Val::Float32(if value.is_nan() { f32::NAN } else { value }))
            .boxed(),
        Type::Float64 => proptest::num::f64::ANY
            .prop_map(|value| Val::Float64(if value.is_nan() { f64::NAN } else { value }))
            .boxed(),
        Type::Char => any::<char>().prop_map(Val::Char).boxed(),
        Type::String => any::<String>().prop_map(Val::String).boxed(),
        Type::List(list) => proptest::collection::vec(of(&list.ty()), 0..5)
            .prop_map(Val::List)
            .boxed(),
        Type::Tuple(tuple) => {
            let values: Vec<_> = tuple.types().map(|kind| of(&kind)).collect();
            values.prop_map(Val::Tuple).boxed()
        }
        Type::Record(record) => {
            let fields = record.fields().map(|field| {
                let name = field.name.to_owned();
                of(&field.ty).prop_map(move |value| (name.clone(), value))
            });
            fields.collect::<Vec<_>>().prop_map(Val::Record).boxed()
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| {
                let name = case.name.to_owned();
                boxed(case.ty).prop_map(move |value| Val::Variant(name.clone(), value))
            });
            proptest::strategy::Union::new(cases).boxed()
        }
        Type::Enum(names) => {
            let names: Vec<String> = names.names().map(str::to_owned).collect();
            proptest::sample::select(names).prop_map(Val::Enum).boxed()
        }
        Type::Flags(names) => {
            let names: Vec<String> = names.names().map(str::to_owned).collect();
            let count = names.len();
            proptest::sample::subsequence(names, 0..=count)
                .prop_map(Val::Flags)
                .boxed()
        }
        Type::Option(option) => proptest::option::of(of(&option.ty()))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Type::Result(result) => prop_oneof![
            boxed(result.ok()).prop_map(|value| Val::Result(Ok(value))),
            boxed(result.err()).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
        other => unreachable!("no function of the fixture takes {other:?}"),
    }
}

#[test]
fn any_value_of_any_type_comes_back_from_json_and_from_wave() {
    let functions = fixture::functions();
    for function in functions.iter().filter(|one| one.check().is_ok()) {
        let kinds: Vec<Type> = function
            .parameters()
            .iter()
            .map(|one| one.kind.clone())
            .collect();
        let values: Vec<_> = kinds.iter().map(of).collect();
        proptest!(ProptestConfig { cases: 64, ..ProptestConfig::default() }, |(values in values)| {
            let json = values.iter().zip(&kinds).map(|(value, kind)| to_json(value, kind).unwrap());
            let json: Vec<Value> = json.collect();
            let text = Value::from(json.clone()).to_string();
            let parsed: Vec<Value> = serde_json::from_str(&text).unwrap();
            for ((value, kind), json) in values.iter().zip(&kinds).zip(&parsed) {
                prop_assert_eq!(&from_json(json, kind).unwrap(), value);
            }
            let inner = &text[1..text.len() - 1];
            let call = format!("{}({inner})", function.full_name());
            let call = Written::parse(&call).unwrap();
            prop_assert_eq!(&parse(&call, function).unwrap(), &values);

            let texts: Vec<String> = values.iter().map(|one| wave::to_text(one).unwrap()).collect();
            let call = format!("{}({})", function.full_name(), texts.join(", "));
            let call = Written::parse(&call).unwrap();
            prop_assert_eq!(&wave::arguments(&call, function).unwrap(), &values);
        });
    }
}
