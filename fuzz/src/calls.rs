use std::path::Path;
use std::sync::LazyLock;

use keywell_runtime::invoke::{Function, Functions, Val, Written, json, wave};
use keywell_runtime::{Options, Runtime};
use keywell_store::terminal::is_safe;

/// Has a function `f`, whose parameter has an optional field of every kind of type. It is never
/// called.
const COMPONENT: &str = r#"(component
    (type $point' (record (field "x" f64) (field "label" (option string))))
    (export $point "point" (type $point'))
    (type $shape' (variant (case "nothing") (case "circle" f32) (case "path" (list $point))
        (case "some" u8)))
    (export $shape "shape" (type $shape'))
    (type $colour' (enum "red" "dark-green" "none"))
    (export $colour "colour" (type $colour'))
    (type $marks' (flags "bold" "quoted"))
    (export $marks "marks" (type $marks'))
    (type $all' (record
        (field "a" (option bool))
        (field "b" (option s8))
        (field "c" (option u64))
        (field "d" (option s64))
        (field "e" (option f32))
        (field "f" (option f64))
        (field "g" (option char))
        (field "h" (option string))
        (field "i" (option (list u8)))
        (field "j" (option (list (list string))))
        (field "k" (option (tuple u8 string)))
        (field "l" (option $point))
        (field "m" (option $shape))
        (field "n" (option $colour))
        (field "o" (option $marks))
        (field "p" (option (option (option u8))))
        (field "q" (option (result string (error u32))))
        (field "r" (option (result)))))
    (export $all "all" (type $all'))
    (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "f") (param i32)))
    (core instance $i (instantiate $m))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))
    (func $f (param "value" $all)
        (canon lift (core func $i "f") (memory $memory) (realloc $realloc)))
    (export "f" (func $f)))"#;

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let options = Options {
        memory: 1 << 20,
        instances: 1,
        ..Options::default()
    };
    let runtime = Runtime::new(&options).expect("there is room for one instance");
    let wasm = wat::parse_str(COMPONENT).expect("the component is valid");
    let component = runtime.compile(Path::new("component"), &wasm);
    Functions::of(component.expect("the component compiles").component())
});

/// Reads a call with arguments in WAVE and in JSON: nothing panics, errors are bounded, and what was
/// read is the same once it is written and read again.
pub fn calls(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(written) = Written::parse(text) else {
        return;
    };
    let function = match FUNCTIONS.find(written.name) {
        Ok(function) => function,
        Err(error) => {
            assert!(error.to_string().len() < 4096 + text.len());
            return;
        }
    };
    let read = [
        wave::arguments(&written, function),
        json::parse(&written, function),
    ];
    for read in read {
        match read {
            Ok(values) => again(function, &values),
            Err(error) => assert!(error.to_string().len() < 4096, "it is long: {error}"),
        }
    }
}

/// Writes values and reads them again.
fn again(function: &Function, values: &[Val]) {
    let texts = values.iter().map(wave::to_text);
    let texts: Option<Vec<String>> = texts.collect();
    let texts = texts.expect("every type of the function has a form in WAVE");
    let call = format!("f({})", texts.join(", "));
    assert!(call.chars().all(is_safe), "{call:?} acts");
    let call = Written::parse(&call).expect("it is a call");
    let read = wave::arguments(&call, function).expect("it was written so");
    assert_eq!(read, values);
    let kinds = function
        .parameters()
        .iter()
        .map(|parameter| &parameter.kind);
    for (value, kind) in values.iter().zip(kinds) {
        let json = json::to_json(value, kind).expect("every type has a form in JSON");
        let read = json::from_json(&json, kind).expect("it was written so");
        assert_eq!(&read, value);
    }
}
