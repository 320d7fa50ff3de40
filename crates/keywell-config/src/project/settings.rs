use std::net::SocketAddr;
use std::path::Path;

use crate::{
    BuildPlan, ComponentPlan, HttpPlan, LinkPlan, ListenAddress, Located, Plan, Problem, Secret,
    StorePlan, TriggerPlan,
};

/// What is read of a project file.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    /// Whether Cargo builds it where nothing else is said.
    pub(super) is_rust: bool,
    pub(super) command: Option<String>,
    /// Environment variables of the build.
    pub(super) env: Vec<(String, Secret)>,
    /// The folder of the sources, from the project's.
    pub(super) folder: Option<String>,
    /// Where the build leaves the component, from the folder of the sources.
    pub(super) artifact: Option<String>,
    /// The folder in which builds by a command leave components, if it is another than `build`.
    pub(super) built: Option<String>,
    pub(super) address: Option<Located<String>>,
    pub(super) store: Option<Stored>,
}

/// Where values are kept.
#[derive(Debug)]
pub(super) enum Stored {
    /// In a folder, from the project's.
    Folder(Located<String>),
    /// In a Redis, in buckets.
    Redis(Located<String>),
    /// In a Redis, as keys that other programs share.
    FlatRedis(Located<String>),
}

// === impl Settings ===

impl Settings {
    /// The store of the plan.
    const STORE: &str = "main";

    /// An application of one component.
    pub(super) fn plan(self, root: &Path, file: &Path) -> Result<Plan, Problem> {
        let whole = |problem: &str, help: &str| Problem::error(problem).help(help);
        if self.command.is_none() && !self.is_rust {
            let help = "add the command, component.build_command";
            return Err(whole("nothing says how to build it", help));
        }
        let artifact = match (self.artifact, &self.name, &self.command) {
            (Some(artifact), ..) => artifact,
            (None, Some(name), Some(_)) => {
                let built = self.built.as_deref().unwrap_or("build");
                format!("{built}/{name}.wasm")
            }
            (None, Some(name), None) => {
                let name = name.replace('-', "_");
                format!("target/wasm32-wasip2/release/{name}.wasm")
            }
            (None, None, _) => {
                let help = "add the path of the component, component.build_artifact in \
                            wasmcloud.toml or build.component_path in .wash/config.yaml";
                return Err(whole("nothing says what is built", help));
            }
        };
        let address = match self.address {
            None => SocketAddr::from(([127, 0, 0, 1], 8080)).into(),
            Some(address) => address.parse::<ListenAddress>().map_err(|error| {
                let problem = format!("dev.address: {error}");
                Problem::error(problem).in_text(address.place)
            })?,
        };
        let folder = self.folder.map(|folder| root.join(folder));
        let name = self.name.unwrap_or_else(|| "component".to_owned());
        let component = ComponentPlan {
            link: LinkPlan::to(Self::STORE),
            // As `wash dev` lets it.
            outgoing: vec!["*".to_owned().into()],
            ..ComponentPlan::new(folder.as_deref().unwrap_or(root).join(artifact))
        };
        // Paths of stores start at the file's folder, and those of the file at the project's.
        let up = match file.strip_prefix(root).ok().and_then(Path::parent) {
            Some(folder) if folder.as_os_str().is_empty() => "",
            _ => "../",
        };
        Ok(Plan {
            file: Some(file.to_owned()),
            build: self.command,
            build_with: BuildPlan {
                folder,
                env: self.env,
            },
            stores: [(Self::STORE.to_owned(), store(self.store, up))].into(),
            components: [(name.clone(), component)].into(),
            triggers: vec![TriggerPlan::Http(HttpPlan::new(name, address))],
            ..Plan::default()
        })
    }
}

fn store(stored: Option<Stored>, up: &str) -> StorePlan {
    let at = |place, url: String| StorePlan {
        url: Located {
            value: Secret::from(url),
            place,
        },
        ..StorePlan::new("")
    };
    match stored {
        None => StorePlan::new(format!("disk:{up}.keywell")),
        Some(Stored::Folder(path)) if Path::new(&path.value).is_absolute() => {
            at(path.place, format!("disk:{}", path.value))
        }
        Some(Stored::Folder(path)) => at(path.place, format!("disk:{up}{}", path.value)),
        Some(Stored::Redis(url)) => at(url.place, url.value),
        Some(Stored::FlatRedis(url)) => {
            let layout = Secret::from("flat".to_owned());
            let layout = Located {
                value: layout,
                place: url.place,
            };
            StorePlan {
                settings: vec![("layout".to_owned(), layout)],
                ..at(url.place, url.value)
            }
        }
    }
}
