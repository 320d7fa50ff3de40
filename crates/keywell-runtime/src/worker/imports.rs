//! What a worker cannot have.

use wasmtime::component::Component;

use crate::{Environment, Error, LoadedComponent, Missing, offers};

/// Interfaces that would answer otherwise in a replay, by how their names begin, with the reason and
/// what to do.
const UNRECORDED: [(&str, &str); 5] = [
    (
        "wasi:http/outgoing-handler",
        "requests of workers are not recorded yet; call the worker from a component that sends them",
    ),
    (
        "wasi:http/handler",
        "requests of workers are not recorded yet; call the worker from a component that sends them",
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
        (!environment.outgoing.is_empty(), "outgoing requests"),
        (!environment.secrets.is_empty(), "secrets"),
    ] {
        if is_granted {
            return Err(Error::Ungranted(what));
        }
    }
    Ok(())
}

fn unrecorded(component: &Component) -> Vec<Missing> {
    let imports = offers::interfaces(component).into_iter();
    let refused = imports.filter_map(|import| {
        let hint = UNRECORDED
            .iter()
            .find(|(name, _)| import.name.starts_with(name));
        hint.map(|(_, hint)| Missing {
            import: import.name,
            hint: (*hint).to_owned(),
        })
    });
    refused.collect()
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
            "wasi:http/outgoing-handler@0.2.0",
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
            "wasi:filesystem/types@0.2.3",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:config/store@0.2.0-rc.1",
            "keywell:keyvalue/store@0.1.0",
        ] {
            assert_eq!(refusal(name, &Environment::default()), "", "{name}");
        }
    }

    #[test]
    fn grants_that_a_worker_does_not_have_are_refused() {
        let environment = Environment {
            outgoing: vec!["example.com".parse().unwrap()],
            ..Environment::default()
        };
        let text = refusal("wasi:cli/stdout@0.2.0", &environment);
        assert!(text.contains("a worker has no outgoing requests"), "{text}");
    }
}
