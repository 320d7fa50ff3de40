use wasmparser::{Parser, Validator, WasmFeatures};

use crate::engine::Tasks;

/// What the versions of WASI 0.3 begin with, after the name of an interface.
const RELEASE: &str = "@0.3.";

/// How many tasks a component may have: several where it uses anything async, or imports or exports
/// an interface of WASI 0.3. One for bytes that are no component.
///
/// The code of its functions is not read.
pub(crate) fn tasks(wasm: &[u8]) -> Tasks {
    let is_0_3 = |name: &&str| name.starts_with("wasi:") && name.contains(RELEASE);
    if keywell_candidates::names(wasm).iter().any(is_0_3) || is_async(wasm) {
        Tasks::Several
    } else {
        Tasks::One
    }
}

/// Whether it is invalid without the async part of the component model.
fn is_async(wasm: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all() - WasmFeatures::CM_ASYNC);
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else {
            return false;
        };
        if let Err(error) = validator.payload(&payload) {
            return feature(error.message()) == Some("async");
        }
    }
    false
}

/// What a component needs that the engine does not have, where that is why it was refused.
///
/// The engine has no type for this refusal; a test holds its words.
pub(crate) fn unready(reason: &str) -> Option<String> {
    let feature = feature(reason)?;
    Some(format!(
        "the feature {feature:?} of the component model ({})",
        reason.rsplit_once(": ").map_or(reason, |(_, cause)| cause)
    ))
}

/// The feature of the component model that a text says is required.
fn feature(text: &str) -> Option<&str> {
    // One thing requires it, several require it.
    let (_, behind) = text.split_once(" the component model ")?;
    let (feature, _) = behind.split_once(" feature")?;
    Some(feature)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Error, Options, Runtime};

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {text})")).unwrap()
    }

    #[test]
    fn what_is_async_or_of_wasi_0_3_has_several_tasks() {
        for text in [
            r#"(import "wasi:random/random@0.3.2" (instance))"#,
            r#"(import "acme:a/b" (instance (export "f" (func async))))"#,
            r#"(import "f" (func (param "x" (stream u8))))"#,
            "(core func (canon waitable-set.new))",
            "(component (core func (canon task.cancel)))",
        ] {
            assert_eq!(tasks(&component(text)), Tasks::Several, "{text}");
        }
        for text in [
            "",
            r#"(import "wasi:random/random@0.2.3" (instance))"#,
            r#"(import "acme:random/random@0.3.0" (instance))"#,
            r#"(import "f" (func (param "x" (list u8))))"#,
            "(core module (func))",
        ] {
            assert_eq!(tasks(&component(text)), Tasks::One, "{text}");
        }
        for wasm in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff"] {
            assert_eq!(tasks(wasm), Tasks::One);
        }
    }

    #[test]
    fn a_component_that_needs_what_the_engine_does_not_have_is_refused_with_its_name() {
        let options = Options {
            instances: 1,
            ..Options::default()
        };
        let runtime = Runtime::new(&options).unwrap();
        for (text, needs) in [
            (
                r#"(core module $m (func (export "f")))
                (core instance $i (instantiate $m))
                (func (export "f") async (canon lift (core func $i "f") async))"#,
                "async stackful",
            ),
            ("(core func (canon thread.index))", "threading"),
            ("(core func (canon error-context.drop))", "error-context"),
        ] {
            let loaded = runtime.compile(Path::new("it.wasm"), &component(text));
            let Err(error @ Error::Unready { .. }) = loaded.map(drop) else {
                panic!("{text} is not refused for what it needs");
            };
            let text = error.to_string();
            assert!(text.contains(&format!("{needs:?}")), "{text}");
        }
    }
}
