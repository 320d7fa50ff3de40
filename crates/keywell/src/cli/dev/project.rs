use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use keywell_config::{ComponentPlan, Draft, Plan, project};

use super::build::Step;
use crate::cli::changes::{Sources, Tree};
use crate::cli::failed::Failed;
use crate::cli::lookup::StateLookup;
use crate::cli::state::StateArguments;

/// A folder with the sources of components, and the file that says what they are.
pub(super) struct Project {
    pub(super) root: PathBuf,
    /// `keywell.toml`, or what Spin or `wash` has in its place.
    pub(super) file: PathBuf,
    /// Where its configuration sets and secrets are.
    state: StateArguments,
}

// === impl Project ===

impl Project {
    const OWN: &str = "keywell.toml";
    const SPIN: &str = "spin.toml";

    /// The project in a folder.
    pub(super) fn find(root: &Path, state: &StateArguments) -> Result<Self, Failed> {
        let own = root.join(Self::OWN);
        let mut files = [own.clone(), root.join(Self::SPIN)].into_iter();
        let file = files.find(|file| file.is_file());
        let file = file.or_else(|| project::find(root)).ok_or_else(|| {
            Failed::Usage(format!(
                "there is no {}; `keywell new NAME` makes a project that has one",
                own.display()
            ))
        })?;
        Ok(Self {
            root: root.to_owned(),
            file,
            state: state.clone(),
        })
    }

    /// Where its builds run, and its sources are.
    pub(super) fn folder<'p>(&'p self, plan: &'p Plan) -> &'p Path {
        plan.build_with.folder.as_deref().unwrap_or(&self.root)
    }

    /// Reads what the project is now.
    pub(super) fn read(&self) -> Draft {
        let draft = if self.file.ends_with(Self::OWN) || self.file.ends_with(Self::SPIN) {
            Draft::read_with(&self.file, &StateLookup(&self.state))
        } else {
            project::read(&self.root, &self.file)
        };
        draft.unwrap_or_else(|error| Draft {
            plan: Plan::default(),
            report: error.report(),
        })
    }

    /// What builds its components: the command of the whole file, or else Cargo where the folder
    /// has a package of it; then those of single components.
    pub(super) fn steps(&self, plan: &Plan) -> Vec<Step> {
        let mut steps: Vec<Step> = plan.build.iter().cloned().map(Step::Shell).collect();
        let components = || plan.components.values();
        let mut by_cargo = components().filter(|component| self.is_by_cargo(plan, component));
        if let Some(first) = by_cargo.next() {
            let mut all = std::iter::once(first).chain(by_cargo);
            let target = target(first);
            let is_release = !all.all(is_debug);
            steps.push(Step::Cargo { is_release, target });
        }
        let own = components().filter_map(|component| component.build.clone());
        steps.extend(own.map(Step::Shell));
        steps
    }

    /// What the project is made of: its sources, and components that it does not build.
    pub(super) fn sources(&self, plan: &Plan) -> Sources {
        let (mut built, mut given) = (BTreeSet::new(), BTreeSet::new());
        for component in plan.components.values() {
            let is_built = plan.build.is_some()
                || component.build.is_some()
                || self.is_by_cargo(plan, component);
            let files = if is_built { &mut built } else { &mut given };
            files.extend(component.code.file().map(Path::to_owned));
        }
        given.insert(self.file.clone());
        let stores = plan.stores.values().filter_map(|store| {
            let place = store.url.expose().strip_prefix("disk:")?;
            let path = place.split('?').next().unwrap_or_default();
            // It starts at the file's folder.
            let folder = self.file.parent().unwrap_or(&self.root);
            Some(plain(&folder.join(path)))
        });
        let ignored = stores.chain(built.iter().cloned()).collect();
        let root = self.folder(plan).to_owned();
        Sources {
            files: given,
            tree: (!self.steps(plan).is_empty()).then_some(Tree { root, ignored }),
        }
    }

    fn is_by_cargo(&self, plan: &Plan, component: &ComponentPlan) -> bool {
        plan.build.is_none()
            && component.build.is_none()
            && component
                .code
                .file()
                .is_some_and(|file| file.starts_with(self.folder(plan)))
            && self.folder(plan).join("Cargo.toml").is_file()
    }
}

/// A path without `..` behind a folder, as far as there is one.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let is_up = part == Component::ParentDir;
        let is_after_folder = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        if is_up && is_after_folder {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The folder of all that Cargo builds, where a component is in the one for its target. It is absolute,
/// as builds run in another folder.
fn target(component: &ComponentPlan) -> Option<PathBuf> {
    let folder = component.code.file()?.parent()?.parent()?;
    let target = folder
        .ends_with("wasm32-wasip2")
        .then(|| folder.parent())??;
    std::path::absolute(target).ok()
}

/// Whether a component is where Cargo leaves those that it builds without optimisation.
fn is_debug(component: &ComponentPlan) -> bool {
    let file = component.code.file();
    let folder = file.and_then(Path::parent);
    folder.is_some_and(|folder| folder.ends_with("wasm32-wasip2/debug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "[store.main]\nurl = 'disk:data?history=5'\n";
    const HTTP: &str = "[[trigger.http]]\ncomponent = 'a'\n";

    /// What builds a project with this in its file, and what is watched.
    fn project(has_cargo: bool, text: &str) -> (Vec<String>, Sources, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        std::fs::write(root.join("keywell.toml"), format!("{text}{STORE}{HTTP}")).unwrap();
        if has_cargo {
            std::fs::write(root.join("Cargo.toml"), "").unwrap();
        }
        let project = Project::find(&root, &StateArguments::default()).unwrap();
        let draft = project.read();
        assert!(!draft.report.has_errors(), "{}", draft.report);
        let steps = project.steps(&draft.plan);
        let steps = steps.iter().map(Step::shown).collect();
        (steps, project.sources(&draft.plan), root)
    }

    #[test]
    fn cargo_builds_into_the_folder_that_components_are_taken_from() {
        let at = |path: &str| target(&ComponentPlan::new(path));
        let expected = std::path::absolute("shop/out").unwrap();
        assert_eq!(at("shop/out/wasm32-wasip2/release/a.wasm"), Some(expected));
        assert_eq!(at("shop/a.wasm"), None);
        assert_eq!(at("a.wasm"), None);
    }

    #[test]
    fn cargo_builds_what_names_no_command() {
        let (steps, sources, root) = project(
            true,
            "[component.a]\npath = 'target/wasm32-wasip2/release/a.wasm'\n\
             [component.b]\npath = 'b.wasm'\nbuild = 'make b'\n",
        );
        assert_eq!(
            steps,
            ["cargo build --release --target wasm32-wasip2", "make b"]
        );
        assert_eq!(sources.files, [root.join("keywell.toml")].into());
        let tree = sources.tree.unwrap();
        let ignored = ["b.wasm", "data", "target/wasm32-wasip2/release/a.wasm"];
        assert_eq!(tree.ignored, ignored.map(|path| root.join(path)).into());
        let debug = "[component.a]\npath = 'target/wasm32-wasip2/debug/a.wasm'\n";
        assert_eq!(
            project(true, debug).0,
            ["cargo build --target wasm32-wasip2"]
        );
    }

    #[test]
    fn the_files_of_wash_are_read_where_there_is_none_of_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join(".wash")).unwrap();
        let text = "build: { command: make, component_path: out/a.wasm }\n\
                    dev: { wasi_keyvalue_path: data }\n";
        std::fs::write(root.join(".wash/config.yaml"), text).unwrap();
        let project = Project::find(root, &StateArguments::default()).unwrap();
        let draft = project.read();
        assert!(!draft.report.has_errors(), "{}", draft.report);
        assert_eq!(project.steps(&draft.plan), [Step::Shell("make".to_owned())]);
        let ignored = project.sources(&draft.plan).tree.unwrap().ignored;
        let expected = ["data", "out/a.wasm"].map(|path| root.join(path));
        assert_eq!(ignored, expected.into());
        std::fs::write(root.join("keywell.toml"), format!("{STORE}{HTTP}")).unwrap();
        assert!(
            Project::find(root, &StateArguments::default())
                .unwrap()
                .read()
                .report
                .has_errors()
        );
    }

    #[test]
    fn a_command_of_the_file_builds_everything_and_without_sources_nothing_is_built() {
        let one = "[component.a]\npath = 'a.wasm'\n";
        let (steps, ..) = project(true, &format!("build = 'just'\n{one}"));
        assert_eq!(steps, ["just"]);
        let (steps, sources, root) = project(false, one);
        assert!(steps.is_empty());
        assert!(sources.tree.is_none());
        let files = ["a.wasm", "keywell.toml"];
        assert_eq!(sources.files, files.map(|file| root.join(file)).into());
    }
}
