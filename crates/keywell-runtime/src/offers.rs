use keywell_candidates::{PACKAGES as WASI, as_written};
use keywell_wasi::is_compatible;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::{Missing, relatives};

/// The package of WASI 0.2 that WASI 0.3 does without.
const WASI_IO: &str = "wasi:io";

/// What is not offered and well known: a package, or a namespace with its colon; what it is; where
/// it could come from, or what stands in for it.
const ELSEWHERE: [(&str, &str, &str); 16] = [
    (
        "wasi:blobstore",
        "a WASI proposal for object stores",
        "use wasi:keyvalue for values of up to 16 MiB, or wasi:http to an object store; wasmCloud offers it",
    ),
    (
        "wasi:runtime-config",
        "an early name of wasi:config",
        "use wasi:config, whose values --config and `config` in keywell.toml set",
    ),
    (
        "wasi:messaging",
        "a WASI proposal for message brokers",
        "export wasi:keyvalue/watcher to be called when keys change; wasmCloud offers it",
    ),
    (
        "wasi:nn",
        "a WASI proposal for machine learning",
        "`wasmtime -S nn` offers it; or use wasi:http to a server of models",
    ),
    (
        "wasi:tls",
        "a WASI proposal for TLS over sockets",
        "use wasi:http for https; `wasmtime -S tls` offers it",
    ),
    (
        "wasi:sql",
        "a WASI proposal for SQL databases",
        "use wasi:keyvalue, or wasi:http to a database that speaks it",
    ),
    (
        "wasi:otel",
        "a WASI proposal for telemetry",
        "print to standard error, or use wasi:http to a collector",
    ),
    (
        "wasi:observe",
        "an early WASI proposal for telemetry",
        "print to standard error, or use wasi:http to a collector",
    ),
    (
        "wasi:crypto",
        "a WASI proposal for cryptography",
        "compile a library for it into the component",
    ),
    (
        "wasi:webgpu",
        "a WASI proposal for graphics processors",
        "a host with a graphics processor offers it",
    ),
    (
        "wasmcloud:",
        "wasmCloud's own",
        "only its hosts and providers offer it",
    ),
    (
        "spin:",
        "Spin's own",
        "only `spin` offers it; for keys and values use wasi:keyvalue, which runs on both",
    ),
    ("golem:", "Golem's own", "only its servers offer it"),
    (
        "fastly:",
        "Fastly's own",
        "only its service and `viceroy` offer it",
    ),
    ("obelisk:", "Obelisk's own", "only its server offers it"),
    (
        "wasi:",
        "a WASI interface that Keywell does not have",
        "leave it out, or run the component on a host that offers it",
    ),
];

/// Of `fermyon:spin`, what is not offered: an interface, and what stands in for it. Those of Spin's
/// later namespace have the same names.
const SPIN: [(&str, &str); 8] = [
    (
        "http",
        "build it with Spin's SDK 5 or later, which uses wasi:http",
    ),
    ("llm", "use wasi:http to a server of models"),
    ("mqtt", "use wasi:http to a gateway of the broker"),
    (
        "mysql",
        "use key-value, or wasi:http to a gateway of the database",
    ),
    (
        "postgres",
        "use key-value, or wasi:http to a gateway of the database",
    ),
    ("redis", "use key-value, with a store on Redis"),
    ("sqlite", "use key-value, with a store on disk"),
    (
        "outbound-http",
        "build it with Spin's SDK 5 or later, which uses wasi:http",
    ),
];

/// An interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The import, as the component writes it.
    pub name: String,
    /// What is missing, where it is not offered.
    pub missing: Option<Missing>,
}

/// What a component imports, and whether it is offered.
pub fn interfaces(component: &Component) -> Vec<Interface> {
    let keyvalue = keywell_wasi::imports(component);
    let mut others = keywell_wasi::spin_imports(component);
    others.extend(keywell_wasi::collections_imports(component));
    others.extend(keywell_wasi::wasmcloud_imports(component));
    let (component_type, engine) = (component.component_type(), component.engine());
    let imports = component_type.imports(engine);
    imports
        .map(|(name, item)| {
            let known = keyvalue.iter().find(|import| import.name == name);
            let hint = match known {
                Some(import) if import.generation.is_some() => None,
                _ if is_wasi(name) || relatives::is_offered(name) => None,
                _ if others.iter().any(|other| is_compatible(other, name)) => None,
                _ if is_only_types(&item.ty, engine) => None,
                _ => {
                    let unoffered = known.and_then(|import| import.unoffered);
                    Some(unoffered.map_or_else(|| hint(name), str::to_owned))
                }
            };
            let name = as_written(name).into_owned();
            let missing = hint.map(|hint| Missing {
                import: name.clone(),
                hint,
            });
            Interface { name, missing }
        })
        .collect()
}

/// What a component imports that is not offered.
pub(crate) fn missing(component: &Component) -> Vec<Missing> {
    interfaces(component)
        .into_iter()
        .filter_map(|interface| interface.missing)
        .collect()
}

/// Whether there is nothing to offer but names of types.
fn is_only_types(item: &ComponentItem, engine: &Engine) -> bool {
    match item {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentInstance(instance) => {
            let mut exports = instance.exports(engine);
            exports.len() > 0 && exports.all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
        }
        _ => false,
    }
}

/// Whether it is of WASI 0.2 or 0.3 in any release: also in one that is later than the engine's, as
/// far as it has what the engine has.
fn is_wasi(name: &str) -> bool {
    let (package, version) = package(name);
    let patch = version.and_then(|version| {
        let later = || version.strip_prefix("0.3.").filter(|_| package != WASI_IO);
        version.strip_prefix("0.2.").or_else(later)
    });
    let is_release = patch.is_some_and(|patch| patch.parse::<u64>().is_ok());
    is_release && WASI.contains(&package)
}

/// The package of an interface, `wasi:cli` of `wasi:cli/exit@0.2.0`, and its version.
fn package(name: &str) -> (&str, Option<&str>) {
    let (path, version) = match name.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (name, None),
    };
    (path.split('/').next().unwrap_or(path), version)
}

/// The interface of an import, with its version: `exit@0.2.0` of `wasi:cli/exit@0.2.0`.
fn path_of(name: &str) -> &str {
    name.split_once('/')
        .map_or(name, |(_, interface)| interface)
}

/// The interface of an import: `exit` of `wasi:cli/exit@0.2.0`.
fn interface(name: &str) -> &str {
    path_of(name).split('@').next().unwrap_or_default()
}

/// What an import is that is not offered, and where it could come from.
fn hint(name: &str) -> String {
    let (package, version) = package(name);
    let version = version.unwrap_or("one without a version");
    if package == "wasi:keyvalue" {
        let instead = match interface(name) {
            "cas" => {
                "; the resource cas is in atomics of 0.2.0-draft2, and wasmcloud:keyvalue/cas@0.2.0 \
                 is offered, too"
            }
            _ => "; build the component with the WIT of one of them",
        };
        return format!(
            "of wasi:keyvalue, the one without a version, 0.1.0, 0.2.0-draft and 0.2.0-draft2 are \
             offered, not {}{instead}",
            path_of(name)
        );
    }
    if package == "keywell:keyvalue" {
        return format!(
            "of keywell:keyvalue, store, atomics, batch, transactions and watch of 0.1.0 are offered, \
             not {}",
            path_of(name)
        );
    }
    if package == "keywell:collections" {
        return format!(
            "of keywell:collections, store of 0.1.0 is offered, not {}",
            path_of(name)
        );
    }
    if package == "wasmcloud:keyvalue" {
        return format!(
            "of wasmcloud:keyvalue, types, store, atomics, batch and cas of 0.2.0 are offered, not {}",
            path_of(name)
        );
    }
    if package == "spin:key-value" {
        return format!("of spin:key-value, 3.0.0 is offered, not {}", path_of(name));
    }
    if WASI.contains(&package) {
        let releases = if package == WASI_IO {
            "the 0.2 releases"
        } else {
            "the releases of 0.2 and 0.3"
        };
        let build = if version.starts_with("0.3.") {
            "; build the component with tools for WASI 0.3.0 or later"
        } else if version.starts_with("0.2.0-rc-") || !version.starts_with("0.") {
            // What was built in 2023: Spin's SDK 2 has the candidate of 2023-10-18.
            "; build the component again, with tools for WASI 0.2.0 or with Spin's SDK 5 or later"
        } else {
            ""
        };
        return format!(
            "of {package}, {releases} and the candidates of 0.2 since rc-2023-11-10 are offered, not \
             {version}{build}"
        );
    }
    if package == "fermyon:spin" {
        let instead = SPIN.iter().find(|(known, _)| *known == interface(name));
        let instead = instead.map_or("only `spin` offers it", |(_, instead)| instead);
        return format!(
            "Spin's own; key-value, config and variables@2.0.0 of it are offered; {instead}"
        );
    }
    let offered = relatives::versions(package);
    if !offered.is_empty() {
        let name_of = |version: &&str| match *version {
            "" => "the one without a version".to_owned(),
            version => version.to_owned(),
        };
        let offered: Vec<_> = offered.iter().map(name_of).collect();
        let offered = match offered.split_last() {
            Some((last, others)) if !others.is_empty() => {
                format!("{} and {last} are offered", others.join(", "))
            }
            _ => format!("{} is offered", offered.concat()),
        };
        return format!("of {package}, {offered}, not {}", path_of(name));
    }
    let elsewhere = ELSEWHERE.iter().find(|(known, ..)| {
        known
            .strip_suffix(':')
            .map_or(*known == package, |namespace| {
                package.split(':').next() == Some(namespace)
            })
    });
    match elsewhere {
        Some((_, is, from)) => format!("{is}; {from}"),
        None if package.contains(':') => format!(
            "name a component that exports it in `imports` of keywell.toml, compose the two (`wac \
             plug`), or leave {package} out"
        ),
        None => "a plain import, which only a component composed with this one can offer".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_of_wasi_0_2_and_0_3_is_offered_and_no_other() {
        for name in [
            "wasi:cli/exit@0.2.0",
            "wasi:http/types@0.2.99",
            "wasi:io/poll@0.2.100000",
            "wasi:http/handler@0.3.0",
            "wasi:cli/run@0.3.2",
        ] {
            assert!(is_wasi(name), "{name}");
        }
        for name in [
            "wasi:cli/exit",
            "wasi:cli/exit@0.2.0-rc-2023-12-05",
            "wasi:cli/exit@0.3.0-rc-2026-03-15",
            "wasi:cli/exit@0.4.0",
            "wasi:io/poll@0.3.0",
            "wasi:cli/exit@0.2",
            "wasi:client/exit@0.2.0",
            "acme:cli/exit@0.2.0",
        ] {
            assert!(!is_wasi(name), "{name}");
        }
    }

    #[test]
    fn the_hint_says_what_an_import_is_and_composing_is_for_what_another_component_can_export() {
        let cases = [
            ("wasi:io/streams@0.3.0", "the 0.2 releases and"),
            (
                "wasi:sockets/types@0.3.0-rc-2025-09-16",
                "with tools for WASI 0.3.0 or later",
            ),
            (
                "wasi:cli/exit@0.2.0-rc-2023-10-18",
                "not 0.2.0-rc-2023-10-18",
            ),
            (
                "wasi:http/types@0.2.0-rc-2023-10-18",
                "build the component again, with tools for WASI 0.2.0 or with Spin's SDK 5",
            ),
            (
                "wasi:cli/exit",
                "one without a version; build the component again",
            ),
            ("wasi:cli/exit@0.4.0", "not 0.4.0"),
            ("fermyon:spin/outbound-http", "Spin's SDK 5 or later"),
            (
                "wasi:keyvalue/cas@0.2.0-draft2",
                "not cas@0.2.0-draft2; the resource cas is in atomics of 0.2.0-draft2",
            ),
            (
                "wasi:keyvalue/eventual@0.2.0-draft",
                "not eventual@0.2.0-draft; build the component with the WIT of one of them",
            ),
            ("wasi:keyvalue/store@0.3.0", "0.2.0-draft and 0.2.0-draft2"),
            (
                "wasi:keyvalue/store",
                "without a version, 0.1.0, 0.2.0-draft and 0.2.0-draft2 are offered, not store",
            ),
            (
                "wasi:keyvalue/cache@0.2.0-draft",
                "0.2.0-draft and 0.2.0-draft2",
            ),
            ("keywell:keyvalue/store@0.2.0", "watch of 0.1.0 are offered"),
            ("keywell:keyvalue/cache@0.1.0", "not cache@0.1.0"),
            (
                "keywell:collections/store@0.2.0",
                "store of 0.1.0 is offered, not store@0.2.0",
            ),
            ("wasi:blobstore/blobstore@0.2.0-draft", "object stores"),
            (
                "wasi:config/store@0.3.0",
                "0.2.0-draft-2024-09-27 and 0.2.0-rc.1 are offered, not store@0.3.0",
            ),
            ("wasi:config/runtime@0.2.0-rc.1", "not runtime@0.2.0-rc.1"),
            (
                "wasi:logging/logging@0.2.0",
                "the one without a version and 0.1.0-draft are offered",
            ),
            ("wasi:runtime-config/get", "--config"),
            (
                "wasi:messaging/consumer@0.2.0-draft",
                "wasi:keyvalue/watcher",
            ),
            ("wasi:nn/graph@0.2.0-rc-2024-10-28", "machine learning"),
            (
                "wasi:teapot/brew@1.0.0",
                "a WASI interface that Keywell does not have",
            ),
            ("wasmcloud:messaging/consumer@0.2.0", "wasmCloud's own"),
            ("wasmcloud:keyvalue/watcher@0.2.0", "not watcher@0.2.0"),
            ("spin:key-value/key-value@4.0.0", "3.0.0 is offered, not"),
            ("spin:variables/variables@4.0.0", "3.0.0 is offered, not"),
            (
                "wasmcloud:bus/lattice@3.0.0",
                "of wasmcloud:bus, 1.0.0, 2.0.0 and 2.0.1 are offered, not lattice@3.0.0",
            ),
            (
                "wasmcloud:secrets/store@1.0.0",
                "0.1.0-draft is offered, not store@1.0.0",
            ),
            (
                "fermyon:spin/key-value@3.0.0",
                "key-value, config and variables@2.0.0 of it are offered",
            ),
            ("fermyon:spin/sqlite@2.0.0", "with a store on disk"),
            ("fermyon:spin/outbound", "only `spin` offers it"),
            ("spin:postgres/postgres@3.0.0", "Spin's own"),
            ("golem:api/host@1.1.7", "Golem's own"),
        ];
        for (name, text) in cases {
            let hint = hint(name);
            assert!(
                hint.contains(text) && !hint.contains("compose"),
                "{name}: {hint}"
            );
        }
        for name in ["acme:teapot/brew@1.0.0", "spinner:a/b", "plain"] {
            assert!(hint(name).contains("compose"), "{name}");
        }
    }

    #[test]
    fn the_hint_names_every_generation_that_is_offered() {
        for generation in keywell_wasi::Generation::ALL {
            let hint = hint(&format!("{}/store@9.9.9", generation.package()));
            let name = generation.to_string();
            let version = name.rsplit('@').next().unwrap();
            let version = version.split(' ').next().unwrap();
            assert!(hint.contains(version), "{version}: {hint}");
        }
    }
}
