//! The templates: their files are in the crate's folder `templates`.

use clap::ValueEnum;

use super::name::ProjectName;

/// What a project begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// A component that answers HTTP, and counts the visits of each path.
    Counter,
    /// A component that is called when keys change.
    Watcher,
    /// A component that runs from start to end.
    Command,
}

/// The files that are different in each template.
struct Own {
    source: (&'static str, &'static str),
    world: &'static str,
    manifest: &'static str,
    lock: &'static str,
    keywell: &'static str,
    readme: &'static str,
}

macro_rules! own {
    ($folder:literal, $source:literal, $lock:literal) => {
        Own {
            source: (
                concat!("src/", $source),
                include_str!(concat!("../../../templates/", $folder, "/", $source)),
            ),
            world: include_str!(concat!("../../../templates/", $folder, "/world.wit")),
            manifest: include_str!(concat!("../../../templates/", $folder, "/manifest.toml")),
            lock: include_str!(concat!("../../../templates/", $lock, "/packages.lock")),
            keywell: include_str!(concat!("../../../templates/", $folder, "/keywell.toml")),
            readme: include_str!(concat!("../../../templates/", $folder, "/README.md")),
        }
    };
}

// === impl Template ===

impl Template {
    /// What a project of it is.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Counter => "a component that answers HTTP",
            Self::Watcher => "a component that is called when keys change",
            Self::Command => "a component that runs as a command",
        }
    }

    /// The files of a project, by their paths in its folder.
    pub(super) fn files(self, name: &ProjectName) -> Vec<(&'static str, String)> {
        let own = match self {
            Self::Counter => own!("counter", "lib.rs", "counter"),
            Self::Watcher => own!("watcher", "lib.rs", "common"),
            Self::Command => own!("command", "main.rs", "common"),
        };
        // What Cargo calls the file of a library.
        let library = name.replace('-', "_");
        let fill = |text: &str| {
            let text = text.replace("{{name}}", name);
            text.replace("{{file}}", &library)
        };
        let (source, text) = own.source;
        let keyvalue = include_str!("../../../templates/common/keyvalue.wit");
        vec![
            (source, text.to_owned()),
            ("wit/world.wit", own.world.to_owned()),
            ("wit/deps/keyvalue/package.wit", keyvalue.to_owned()),
            ("Cargo.toml", fill(own.manifest)),
            ("Cargo.lock", self.lock(own.lock, name)),
            (
                ".cargo/config.toml",
                include_str!("../../../templates/common/config.toml").to_owned(),
            ),
            (
                ".gitignore",
                include_str!("../../../templates/common/gitignore").to_owned(),
            ),
            ("keywell.toml", fill(own.keywell)),
            ("README.md", fill(own.readme)),
        ]
    }

    /// Adds the project to the packages of a lock file, in the order in which Cargo has them.
    fn lock(self, packages: &str, name: &str) -> String {
        const BETWEEN: &str = "\n[[package]]\n";
        let dependencies = match self {
            Self::Counter => " \"wasip2\",\n \"wit-bindgen\",\n",
            Self::Watcher | Self::Command => " \"wit-bindgen\",\n",
        };
        let own =
            format!("name = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n{dependencies}]\n");
        let mut packages = packages.split(BETWEEN);
        let head = packages.next().unwrap_or_default();
        let mut packages: Vec<&str> = packages.chain([&*own]).collect();
        packages.sort_by_key(|package| package.lines().next());
        let packages = packages.iter().map(|package| format!("{BETWEEN}{package}"));
        std::iter::once(head.to_owned()).chain(packages).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use keywell_config::Plan;

    use super::*;

    fn read(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read_to_string(root.join(path)).unwrap()
    }

    fn files(template: Template) -> Vec<(&'static str, String)> {
        template.files(&"my-shop".parse().unwrap())
    }

    #[test]
    fn a_project_has_the_interfaces_and_the_versions_of_the_examples() {
        let guests = read("guests/Cargo.lock");
        // A dependency is named with its version where a lock has several of it.
        let line = |line: &str| match line.strip_prefix(" \"").and_then(|of| of.split_once(' ')) {
            Some((name, _)) => format!(" \"{name}\",\n"),
            None => format!("{line}\n"),
        };
        let blocks = |lock: &str| -> BTreeSet<String> {
            let blocks = lock.split("\n[[package]]\n").skip(1);
            let blocks = blocks.map(|block| block.trim().lines().map(line).collect());
            blocks.collect()
        };
        let guests = blocks(&guests);
        for template in Template::value_variants() {
            let files = files(*template);
            let text = |name| &files.iter().find(|(path, _)| *path == name).unwrap().1;
            let wit = read("wit/keyvalue-0.2.0-draft2/package.wit");
            assert_eq!(*text("wit/deps/keyvalue/package.wit"), wit);
            let lock = blocks(text("Cargo.lock"));
            let own = lock.difference(&guests).cloned().collect::<Vec<_>>();
            // Where the guests have others: `templates/*/packages.lock` is to have these, too.
            assert_eq!(own.len(), 1, "{own:?}");
            assert!(own[0].starts_with("name = \"my-shop\""), "{own:?}");
        }
    }

    #[test]
    fn no_file_has_a_gap_that_is_not_filled_and_the_plan_is_one() {
        for template in Template::value_variants() {
            for (path, text) in files(*template) {
                assert!(!text.contains("{{"), "{path}");
                if path == "keywell.toml" {
                    let plan = Plan::from_toml(Path::new(path), &text).unwrap();
                    assert!(plan.components.contains_key("my-shop"));
                }
            }
        }
    }
}
