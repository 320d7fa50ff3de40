//! What a worker cannot have.

use wasmtime::component::Component;

use crate::{Environment, Error, LoadedComponent, Missing, offers};

/// Interfaces that would answer otherwise in a replay, by how their names begin, with the reason and
/// what to do.
const UNRECORDED: [(&str, &str); 4] = [
    (
        "wasi:http/handler",
        "requests of WASI 0.3 are not recorded; build it for wasi:http 0.2",
    ),
    (
        "keywell:keyvalue/watch",
        "watches of workers are not recorded; use a watch trigger that calls the worker",
    ),
    (
        "wasmcloud:secrets/",
        "secrets would be written down in the journal; use another trigger for this component",
    ),
    (
        "wasmcloud:bus/",
        "the links of a worker are not recorded; build it with wasi:keyvalue alone",
    ),
];

/// What goes on in both of these at once has no recorded order.
const AT_ONCE: [&str; 2] = ["wasi:http/outgoing-handler", "wasi:keyvalue/cache"];

/// Checks that a component can run as a worker, as far as its imports and its grants go.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Unrecorded`] or [`Error::Ungranted`].
pub(crate) fn check(component: &LoadedComponent, environment: &Environment) -> Result<(), Error> {
    let missing = offers::missing(&component.component);
    if !missing.is_empty() && component.imports.is_empty() {
        return Err(Error::Missing(missing));
    }
    let mut refused = unrecorded(&component.component);
    refused.extend(missing.into_iter().map(|Missing { import, .. }| Missing {
        import,
        hint: "what other components answer is not recorded; compose the two (`wac plug`)".into(),
    }));
    if !refused.is_empty() {
        return Err(Error::Unrecorded(refused));
    }
    for (is_granted, what) in [
        (!environment.dirs.is_empty(), "folders"),
        (!environment.tcp.is_empty(), "TCP connections"),
        (!environment.secrets.is_empty(), "secrets"),
    ] {
        if is_granted {
            return Err(Error::Ungranted(what));
        }
    }
    Ok(())
}

fn unrecorded(component: &Component) -> Vec<Missing> {
    let imports = offers::interfaces(component);
    let [sends, caches] = AT_ONCE.map(|begins| {
        let mut imports = imports.iter();
        imports.find(|import| import.name.starts_with(begins))
    });
    let at_once = sends.and(caches).map(|caches| Missing {
        import: caches.name.clone(),
        hint: "what it does beside requests is not recorded; use wasi:keyvalue/store".to_owned(),
    });
    let refused = imports.into_iter().filter_map(|import| {
        let hint = UNRECORDED
            .iter()
            .find(|(name, _)| import.name.starts_with(name));
        hint.map(|(_, hint)| Missing {
            import: import.name,
            hint: (*hint).to_owned(),
        })
    });
    at_once.into_iter().chain(refused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(import: &str, environment: &Environment) -> String {
        let text = format!("(component (import \"{import}\" (instance (export \"f\" (func)))))");
        let wasm = wat::parse_str(text).unwrap();
        let component = Component::new(&wasmtime::Engine::default(), wasm).unwrap();
        let checked = check(&LoadedComponent::from(component), environment);
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_by_its_name() {
        for name in [
            "keywell:keyvalue/watch@0.1.0",
            "wasmcloud:secrets/store@0.1.0-draft",
            "wasmcloud:bus/lattice@2.0.1",
            "golem:api/host@1.1.7",
            "acme:other/thing",
        ] {
            let text = refusal(name, &Environment::default());
            assert!(text.contains(name), "{name}: {text}");
        }
        for name in [
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:filesystem/types@0.2.3",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:config/store@0.2.0-rc.1",
            "keywell:keyvalue/store@0.1.0",
        ] {
            assert_eq!(refusal(name, &Environment::default()), "", "{name}");
        }
    }

    #[test]
    fn a_cache_beside_requests_is_refused() {
        let imports = [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:keyvalue/cache@0.2.0-draft",
        ];
        let imports = imports.map(|name| format!("(import \"{name}\" (instance))"));
        let wasm = wat::parse_str(format!("(component {})", imports.concat())).unwrap();
        let component = Component::new(&wasmtime::Engine::default(), wasm).unwrap();
        let refused = unrecorded(&component);
        let names: Vec<_> = refused.iter().map(|missing| &*missing.import).collect();
        assert_eq!(names, ["wasi:keyvalue/cache@0.2.0-draft"]);
    }

    #[test]
    fn grants_that_a_worker_does_not_have_are_refused() {
        let environment = Environment {
            secrets: vec![("key".to_owned(), "value".to_owned().into())],
            ..Environment::default()
        };
        let text = refusal("wasi:cli/stdout@0.2.0", &environment);
        assert!(text.contains("a worker has no secrets"), "{text}");
    }
}
