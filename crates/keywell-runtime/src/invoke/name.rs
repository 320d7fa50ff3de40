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
