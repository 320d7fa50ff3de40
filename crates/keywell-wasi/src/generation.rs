//! The generations of `wasi:keyvalue`, Keywell's own interface among them, and which of them a
//! component imports.
//!
//! Import *types* are read, because two shapes of `get-many` have one name and version. Each import
//! has one generation or none; one that is not known is never taken for another.

use std::fmt;

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::descriptor::{Descriptor, Imported};
use crate::interface::Link;
use crate::keyvalue::KeyvalueView;
use crate::{draft, draft2, own, unversioned, v0_1_0};

/// A shape of `wasi:keyvalue`, or of Keywell's own `keywell:keyvalue`.
///
/// A new one is a folder with a `Descriptor`, a variant here, and its place in
/// [`Generation::ALL`]; the compiler asks for its arms in `descriptor` and
/// `link`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generation {
    /// The one without a version, whose values and errors are resources, and a missing key an
    /// error.
    Unversioned,
    /// `0.1.0`, whose values and errors are resources.
    V0_1_0,
    /// `0.2.0-draft`: counters and cursors are `u64`, and there is no compare-and-swap.
    Draft,
    /// `0.2.0-draft2`, whose `get-many` answers `list<option<tuple<string, list<u8>>>>`.
    Draft2,
    /// The other `0.2.0-draft2`, whose `get-many` answers `list<tuple<string, option<list<u8>>>>`.
    Draft2Pairs,
    /// `keywell:keyvalue@0.1.0`, with versions, times to live, transactions and subscriptions.
    Own,
}

/// An interface of `wasi:keyvalue`, or of `keywell:keyvalue`, that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The import as the component writes it: `wasi:keyvalue/store@0.2.0-draft2`.
    pub name: String,
    /// The interface in it: `store`.
    pub interface: String,
    /// The generation, identified by version and types; `None` for one that is not offered.
    pub generation: Option<Generation>,
    /// What it is, where it is not offered though its version is.
    pub unoffered: Option<&'static str>,
}

/// The interfaces of `wasi:keyvalue` and `keywell:keyvalue` that a component imports, in its order.
pub fn imports(component: &Component) -> Vec<Import> {
    let engine = component.engine();
    let component_type = component.component_type();
    let items: Vec<_> = component_type
        .imports(engine)
        .filter_map(|(name, item)| {
            let (package, path) = name.split_once('/')?;
            let mut generations = Generation::ALL.iter();
            generations.find(|generation| generation.package() == package)?;
            let (interface, version) = path.split_once('@').unwrap_or((path, ""));
            Some((name, package, interface, version, item.ty))
        })
        .collect();
    let imported = |wanted: (&str, &str)| {
        let interfaces = items
            .iter()
            .filter_map(|(_, package, interface, version, item)| {
                let ComponentItem::ComponentInstance(instance) = item else {
                    return None;
                };
                ((*package, *version) == wanted).then_some((*interface, instance))
            });
        Imported::new(engine, interfaces.collect())
    };
    let import =
        |(name, package, interface, version, _): &(&str, &str, &str, &str, ComponentItem)| {
            let imported = imported((package, version));
            let generation = Generation::of(package, version, &imported)
                .filter(|generation| generation.descriptor().interfaces.contains(interface));
            let is_of = |of: &Generation| {
                let of = of.descriptor();
                (of.package, of.version) == (*package, *version)
            };
            let is_variant = generation.is_none()
                && Generation::ALL.iter().any(is_of)
                && v0_1_0::consumes_statically(&imported);
            Import {
                name: (*name).to_owned(),
                interface: (*interface).to_owned(),
                generation,
                unoffered: is_variant.then_some(v0_1_0::STATIC_VARIANT),
            }
        };
    items.iter().map(import).collect()
}

// === impl Generation ===

impl Generation {
    /// Every generation, the latest first.
    pub const ALL: [Self; 6] = [
        Self::Draft2,
        Self::Draft2Pairs,
        Self::Draft,
        Self::V0_1_0,
        Self::Unversioned,
        Self::Own,
    ];

    /// The package that it is a shape of: `wasi:keyvalue`, or `keywell:keyvalue`.
    pub fn package(self) -> &'static str {
        self.descriptor().package
    }

    pub(crate) fn descriptor(self) -> &'static Descriptor {
        match self {
            Self::Unversioned => &unversioned::DESCRIPTOR,
            Self::V0_1_0 => &v0_1_0::DESCRIPTOR,
            Self::Draft => &draft::DESCRIPTOR,
            Self::Draft2 => &draft2::DESCRIPTOR,
            Self::Draft2Pairs => &draft2::DESCRIPTOR_OF_PAIRS,
            Self::Own => &own::DESCRIPTOR,
        }
    }

    /// What links one of its interfaces.
    pub(crate) fn link<T: KeyvalueView>(self, interface: &str) -> Option<Link<T>> {
        match self {
            Self::Unversioned => unversioned::link(interface),
            Self::V0_1_0 => v0_1_0::link(interface),
            Self::Draft => draft::link(interface),
            Self::Draft2 => draft2::link(interface),
            Self::Draft2Pairs => draft2::link_pairs(interface),
            Self::Own => own::link(interface),
        }
    }

    fn of(package: &str, version: &str, imported: &Imported<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|generation| {
            let descriptor = generation.descriptor();
            descriptor.package == package
                && descriptor.version == version
                && (descriptor.fits)(imported)
        })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_that_a_generation_names_is_linked_and_no_other() {
        struct View;

        impl KeyvalueView for View {
            fn keyvalue(&self) -> &crate::Keyvalue {
                unreachable!()
            }

            fn keyvalue_mut(&mut self) -> &mut crate::Keyvalue {
                unreachable!()
            }
        }

        for generation in Generation::ALL {
            for interface in [
                "store",
                "atomics",
                "batch",
                "transactions",
                "watch",
                "watcher",
                "types",
                "wasi-keyvalue-error",
                "wasi-cloud-error",
                "eventual",
                "eventual-batch",
                "readwrite",
                "atomic",
                "cache",
                "handle-watch",
            ] {
                let is_named = generation.descriptor().interfaces.contains(&interface);
                let is_linked = generation.link::<View>(interface).is_some();
                assert_eq!(is_named, is_linked, "{generation}: {interface}");
            }
        }
    }

    #[test]
    fn generations_of_one_version_have_names_and_watchers_of_their_own() {
        let all = Generation::ALL.map(Generation::descriptor);
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(one.name, other.name);
                assert!(one.watcher.is_none() || one.watcher != other.watcher);
            }
        }
    }
}
