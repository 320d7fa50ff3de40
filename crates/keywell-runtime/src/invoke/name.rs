//! The names that a function can be called by.

use super::function::Function;

/// Whether this is one of a function's names.
pub(super) fn is_called(function: &Function, name: &str) -> bool {
    let own = function.name();
    if name == own {
        return true;
    }
    let Some(interface) = function.interface() else {
        return false;
    };
    let (path, version) = match interface.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (interface, None),
    };
    let short = path.rsplit_once('/').map_or(path, |(_, short)| short);
    [path, short].iter().any(|path| {
        let Some(rest) = name.strip_prefix(path) else {
            return false;
        };
        match rest.split_once('.') {
            // `.{f}`, `.f` and `.f@v`.
            Some(("", rest)) => {
                unbraced(rest) == own
                    || version.is_some_and(|version| {
                        let at = rest.strip_suffix(version);
                        at.and_then(|rest| rest.strip_suffix('@')).map(unbraced) == Some(own)
                    })
            }
            // `@v.{f}`: there are full stops in the version, too.
            Some(_) => version.is_some_and(|version| {
                let rest = rest.strip_prefix('@');
                let rest = rest.and_then(|rest| rest.strip_prefix(version));
                rest.and_then(|rest| rest.strip_prefix('.')).map(unbraced) == Some(own)
            }),
            None => false,
        }
    })
}

fn unbraced(name: &str) -> &str {
    let inner = name
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    inner.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use crate::invoke::error::CallError;
    use crate::invoke::fixture;

    #[test]
    fn a_function_is_called_by_its_full_name_in_both_forms_or_a_short_one() {
        let functions = fixture::functions();
        for name in [
            "a:b/shapes@1.0.0-rc.1.{bytes}",
            "a:b/shapes.{bytes}@1.0.0-rc.1",
            "a:b/shapes.bytes@1.0.0-rc.1",
            "a:b/shapes@1.0.0-rc.1.bytes",
            "a:b/shapes.{bytes}",
            "a:b/shapes.bytes",
            "shapes.bytes",
            "bytes",
        ] {
            let found = functions.find(name).unwrap();
            assert_eq!(found.full_name(), "a:b/shapes@1.0.0-rc.1.{bytes}", "{name}");
        }
        for (name, full) in [
            ("add", "add"),
            ("things.name", "a:b/things.{name}"),
            ("a:b/things.{name}", "a:b/things.{name}"),
            (
                "things.[method]thing.name",
                "a:b/things.{[method]thing.name}",
            ),
        ] {
            assert_eq!(functions.find(name).unwrap().full_name(), full);
        }
    }

    #[test]
    fn a_name_of_none_lists_what_is_there_and_one_of_several_those() {
        let functions = fixture::functions();
        for name in [
            "byte",
            "a:b/shapes@1.0.0.{bytes}",
            "a:b/shapes@1.0.0-rc.1.{byte}",
            "a:b/shapes@1.0.0-rc.1",
            "a:b/shapes",
            "a:b/shapes.",
            "a:b/shapes.{}",
            "a:b/shapes.{bytes",
            "a:b/shapes.bytes@",
            "b/shapes.bytes",
            "a:b/things@1.0.0.{name}",
            "@.",
            ".",
            "{}",
        ] {
            let error = functions.find(name).unwrap_err();
            assert!(
                matches!(error, CallError::Unknown { .. }),
                "{name}: {error}"
            );
            let text = error.to_string();
            assert!(text.contains("\na:b/shapes@1.0.0-rc.1\n  bool: func(value: bool)\n"));
            assert!(
                text.ends_with("\nadd: func(a: u32, b: u32) -> u32"),
                "{text}"
            );
        }
        let error = functions.find("name").unwrap_err().to_string();
        let listed =
            "name; name the interface, too:\na:b/shapes@1.0.0-rc.1.{name}\na:b/things.{name}";
        assert!(error.ends_with(listed), "{error}");
    }
}
