//! The stores whose tests can be chosen, and what they need.

use crate::process::Done;
use crate::setup;

/// The stores whose tests run, separated by commas; all if it is not set.
pub(crate) const CHOSEN: &str = "KEYWELL_TEST_STORES";

/// A store, by the name of its crate `keywell-NAME`.
struct Store {
    name: &'static str,
    /// Finds or installs the server that its tests start.
    server: fn() -> Done,
}

/// A line each.
const STORES: &[Store] = &[
    Store::new("memory", || Ok(())),
    Store::new("disk", || Ok(())),
    Store::new("sqlite", || Ok(())),
    Store::new("redis", setup::redis),
    Store::new("nats", || setup::nats().map(drop)),
    Store::new("etcd", setup::etcd),
    Store::new("memcached", setup::memcached),
    Store::new("postgres", setup::postgres),
    Store::new("dynamodb", setup::dynamodb),
    // Its emulator is a crate that the tests are linked with.
    Store::new("cosmos", || Ok(())),
    // Its server is a fake, which the tests start in a thread.
    Store::new("firestore", || Ok(())),
];

/// The stores whose tests run.
pub(crate) struct Chosen {
    stores: Vec<&'static Store>,
}

// === impl Store ===

impl Store {
    const fn new(name: &'static str, server: fn() -> Done) -> Self {
        Self { name, server }
    }
}

// === impl Chosen ===

/// Those that `KEYWELL_TEST_STORES` names.
pub(crate) fn chosen() -> Done<Chosen> {
    match std::env::var(CHOSEN) {
        Ok(names) => named(&names),
        Err(_) => Ok(all()),
    }
}

/// Every store.
pub(crate) fn all() -> Chosen {
    let stores = STORES.iter().collect();
    Chosen { stores }
}

fn named(names: &str) -> Done<Chosen> {
    let one = |name: &str| {
        let store = STORES.iter().find(|store| store.name == name);
        store.ok_or_else(|| {
            let known: Vec<&str> = STORES.iter().map(|store| store.name).collect();
            let known = known.join(", ");
            format!("{CHOSEN} names {name:?}, which is no store; known: {known}")
        })
    };
    let stores: Done<Vec<_>> = names.split(',').map(|name| one(name.trim())).collect();
    stores.map(|stores| Chosen { stores })
}

impl Chosen {
    pub(crate) fn is_all(&self) -> bool {
        self.others().is_empty()
    }

    /// Finds or installs the servers that tests start: those of the stores, and the registry of
    /// images.
    pub(crate) fn servers(&self) -> Done {
        for store in &self.stores {
            (store.server)()?;
        }
        setup::registry()
    }

    /// The arguments with which cargo-nextest omits the crates of the other stores. In other
    /// crates, a test that starts the server of another store ends early, by `keywell_servers`.
    pub(crate) fn filter(&self) -> Vec<String> {
        let others = self.others();
        let packages = others.iter().map(|name| format!("package(keywell-{name})"));
        match packages.collect::<Vec<_>>().join(" | ") {
            none if none.is_empty() => Vec::new(),
            packages => vec!["-E".to_owned(), format!("not ({packages})")],
        }
    }

    /// What the last line of a run adds.
    pub(crate) fn left_out(&self) -> String {
        match self.others().join(", ") {
            none if none.is_empty() => String::new(),
            others => format!(", without what needs {others}"),
        }
    }

    fn others(&self) -> Vec<&'static str> {
        let names = STORES.iter().map(|store| store.name);
        let is_chosen = |name: &str| self.stores.iter().any(|store| store.name == name);
        names.filter(|name| !is_chosen(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_crate_of_a_store_can_be_chosen() {
        let crates = crate::process::root().join("crates");
        for entry in std::fs::read_dir(crates).unwrap() {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            let name = name.trim_start_matches("keywell-");
            let is_known = STORES.iter().any(|store| store.name == name);
            let is_store = has_provider(&folder.join("src"));
            assert_eq!(is_store, is_known, "STORES and {name}");
        }
    }

    fn has_provider(folder: &Path) -> bool {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            path.ends_with("provider.rs") && text.contains("impl Provider for")
                || has_provider(&path)
        })
    }

    #[test]
    fn the_others_are_omitted() {
        assert!(all().filter().is_empty());
        assert!(all().is_all());
        let all = STORES.iter().map(|store| store.name);
        let others: Vec<&str> = all.filter(|name| *name != "nats").collect();
        let chosen = named(&others.join(", ")).unwrap();
        assert_eq!(chosen.filter(), ["-E", "not (package(keywell-nats))"]);
        assert_eq!(chosen.left_out(), ", without what needs nats");
        let error = named("memory,floppy").err().unwrap();
        assert!(error.contains("known: memory, disk, sqlite"), "{error}");
        assert!(named("").is_err());
    }
}
