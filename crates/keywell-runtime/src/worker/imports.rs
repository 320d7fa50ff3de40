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
