//! Lets components that were built for release candidates of WASI 0.2 run on its releases.
//!
//! Such a component names what it imports and exports with the version of the candidate. Engines
//! match pre-releases by their exact name, so no release fits. [`released`] gives these names a
//! patch number of 0.2 instead; everything else stays as it is, byte for byte. Whether the types
//! fit is for the linker to check: most did not change between the candidates and the release.
//!
//! ```
//! # fn main() -> wat::Result<()> {
//! let wasm = wat::parse_str(
//!     r#"(component (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance)))"#,
//! )?;
//! let released = keywell_candidates::released(&wasm);
//! let name = keywell_candidates::names(&released)[0];
//! assert_eq!(name, "wasi:io/poll@0.2.20231110");
//! assert_eq!(
//!     keywell_candidates::as_written(name),
//!     "wasi:io/poll@0.2.0-rc-2023-11-10",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It changes no types, and no names inside the component: only those by which a host sees it. It
//! validates nothing: bytes that it cannot read stay as they are, for the engine to refuse.

#![forbid(unsafe_code)]

mod candidate;
mod rename;

use std::borrow::Cow;

pub use candidate::{CANDIDATES, PACKAGES, as_written};
pub use rename::{names, renamed};

/// The component with the names of candidates replaced by those of releases. A component without
/// such names is not copied.
///
/// The result depends on nothing but the bytes.
pub fn released(wasm: &[u8]) -> Cow<'_, [u8]> {
    let names = names(wasm);
    if !names.iter().any(|name| candidate::is_candidate(name)) {
        return Cow::Borrowed(wasm);
    }
    let taken = candidate::patches(&names);
    match renamed(wasm, |name| candidate::release(name, &taken)) {
        Some(released) => Cow::Owned(released),
        None => Cow::Borrowed(wasm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {text})")).unwrap()
    }

    #[test]
    fn names_of_candidates_are_replaced_in_imports_and_exports_and_no_others() {
        let wasm = component(
            r#"
            (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance $poll))
            (import "wasi:io/poll@0.2.0-rc-2023-12-05" (instance))
            (import "wasi:io/poll@0.2.0" (instance))
            (import "wasi:io/poll@0.2.0-rc-2023-10-18" (instance))
            (import "wasi:keyvalue/types@0.2.0-rc-2023-11-10" (instance))
            (import "wasi:random/random@0.2.0-rc-2024-01-16" (instance))
            (import "plain" (instance))
            (component $inner (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance)))
            (instance (instantiate $inner
                (with "wasi:io/poll@0.2.0-rc-2023-11-10" (instance $poll))))
            (core module)
            (export "wasi:cli/run@0.2.0-rc-2023-12-05" (instance $poll))
            (export "wasi:logging/logging" (instance $poll))
            "#,
        );
        let expected = [
            "wasi:io/poll@0.2.20231110",
            "wasi:io/poll@0.2.20231205",
            "wasi:io/poll@0.2.0",
            "wasi:io/poll@0.2.0-rc-2023-10-18",
            "wasi:keyvalue/types@0.2.0-rc-2023-11-10",
            "wasi:random/random@0.2.20240116",
            "plain",
            "wasi:cli/run@0.2.20231205",
            "wasi:logging/logging",
        ];
        let released = released(&wasm);
        assert_eq!(names(&released), expected);
        let written: Vec<_> = names(&released).into_iter().map(as_written).collect();
        assert_eq!(written, names(&wasm));
        // What is inside stays.
        let inner = b"wasi:io/poll@0.2.0-rc-2023-11-10";
        let found = released.windows(inner.len()).filter(|part| part == inner);
        assert_eq!(found.count(), 2);
    }

    #[test]
    fn a_name_that_is_there_already_is_not_given_again() {
        let wasm = component(
            r#"
            (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance))
            (import "wasi:io/poll@0.2.20231110" (instance))
            (import "wasi:io/error@0.2.120231110" (instance))
            (import "wasi:io/streams@0.2.18446744073709551615" (instance))
            "#,
        );
        let released = released(&wasm);
        let names = names(&released);
        assert_eq!(names[0], "wasi:io/poll@0.2.220231110");
        assert_eq!(as_written(names[0]), "wasi:io/poll@0.2.0-rc-2023-11-10");
    }

    #[test]
    fn a_component_without_such_names_and_other_bytes_are_not_copied() {
        let plain = component(r#"(import "wasi:io/poll@0.2.0" (instance))"#);
        let candidate = component(r#"(import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance))"#);
        let module = wat::parse_str("(module)").unwrap();
        for wasm in [&plain[..], &module, b"", b"\0asm", b"nothing"] {
            assert!(matches!(released(wasm), Cow::Borrowed(same) if same == wasm));
        }
        for cut in 0..candidate.len() {
            let _ = released(&candidate[..cut]);
        }
        assert!(matches!(released(&candidate), Cow::Owned(_)));
    }
}
