//! Reads the project files of wasmCloud's `wash`: how a component is built, and what it is run with
//! while it is developed.
//!
//! | File | What is read of it |
//! |---|---|
//! | `wasmcloud.toml` (1.x) | `name`, `type`, `language`, `path`, `build`, `component.build_command`, `component.build_artifact`, and the URL of an override of `wasi:keyvalue` in `dev.overrides.imports` |
//! | `.wash/config.yaml` (2.x) | `build.command`, `build.env`, `build.component_path`, `dev.address`, `dev.wasi_keyvalue_redis_url`, `dev.wasi_keyvalue_path` |
//!
//! Other keys are left alone: they are for `wash`. The plan has one component, which answers HTTP
//! and has every bucket of one store.

mod settings;
mod wash_yaml;
mod wasmcloud_toml;

use std::path::{Path, PathBuf};

use crate::{ConfigError, Draft, Plan, Report};

/// The project file in a folder, if there is one.
pub fn find(root: &Path) -> Option<PathBuf> {
    let files = ["wasmcloud.toml", ".wash/config.yaml"].map(|file| root.join(file));
    files.into_iter().find(|file| file.is_file())
}

/// Reads a project file that was [found](find), as far as it can be read.
///
/// # Errors
///
/// [`ConfigError::Read`].
pub fn read(root: &Path, file: &Path) -> Result<Draft, ConfigError> {
    let cannot = |problem: String| ConfigError::read(file, problem);
    let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
    if metadata.len() > Plan::MAX_BYTES {
        let problem = format!("it is larger than {} bytes", Plan::MAX_BYTES);
        return Err(cannot(problem));
    }
    let text = std::fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
    Ok(from_text(root, file, &text))
}

/// Reads the text of a project file as far as it can be read.
pub fn from_text(root: &Path, file: &Path, text: &str) -> Draft {
    let is_yaml = file
        .extension()
        .is_some_and(|extension| extension == "yaml");
    let settings = if is_yaml {
        wash_yaml::read(text)
    } else {
        wasmcloud_toml::read(text)
    };
    let planned = settings.and_then(|settings| settings.plan(root, file));
    match planned {
        Ok(plan) => Draft {
            plan,
            report: Report::default(),
        },
        Err(problem) => {
            let place = problem.place;
            // Without its lines, which may have a password.
            let problem = problem.at(file.to_owned(), None, place);
            Draft {
                plan: Plan::default(),
                report: problem.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::TriggerPlan;

    fn draft(file: &str, text: &str) -> Draft {
        from_text(Path::new("shop"), &Path::new("shop").join(file), text)
    }

    /// What builds it, where the component is, its store, and where it listens.
    fn read(file: &str, text: &str) -> (Option<String>, String, String, String) {
        let plan = draft(file, text).finish().unwrap();
        plan.check().unwrap();
        let component = plan.components.values().next().unwrap();
        let TriggerPlan::Http(http) = &plan.triggers[0] else {
            panic!("it answers HTTP");
        };
        (
            plan.build.clone(),
            component.code.to_string(),
            plan.stores["main"].url.expose().to_owned(),
            http.addr.to_string(),
        )
    }

    fn problem(file: &str, text: &str) -> String {
        draft(file, text).finish().unwrap_err().to_string()
    }

    #[test]
    fn a_project_of_rust_is_built_by_cargo() {
        let text = "name = 'my-shop'\nlanguage = 'rust'\ntype = 'component'\nversion = '0.1.0'\n";
        let expected = (
            None,
            "shop/target/wasm32-wasip2/release/my_shop.wasm".to_owned(),
            "disk:.keywell".to_owned(),
            "127.0.0.1:8080".to_owned(),
        );
        assert_eq!(read("wasmcloud.toml", text), expected);
        let text = format!("{text}[component]\nbuild_artifact = 'x.wasm'\nwit_world = 'w'\n");
        assert_eq!(read("wasmcloud.toml", &text).1, "shop/x.wasm");
    }

    #[test]
    fn a_command_and_its_artifact_are_taken_as_they_are() {
        let text = "name = 'shop'\nlanguage = 'tinygo'\n\
             [component]\nbuild_command = 'make it'\n\
             [[dev.overrides.imports]]\ninterface_spec = 'wasi:keyvalue/atomics,store'\n\
             config = { values = { url = 'redis://u:p@h' } }\n";
        let (build, path, store, _) = read("wasmcloud.toml", text);
        assert_eq!(build.as_deref(), Some("make it"));
        assert_eq!(path, "shop/build/shop.wasm");
        assert_eq!(store, "redis://u:p@h");
        // Buckets of keyvalue-redis are one, whose keys are as they are.
        let plan = draft("wasmcloud.toml", text).plan;
        assert_eq!(plan.stores["main"].settings[0].0, "layout");
    }

    #[test]
    fn a_configuration_of_wash_has_its_build_and_its_store() {
        let text = "build:\n  command: npm run build\n  component_path: dist/shop.wasm\n\
             dev:\n  address: 0.0.0.0:8000\n  components:\n    - name: x\n  wasi_keyvalue_path: data\n";
        let expected = (
            Some("npm run build".to_owned()),
            "shop/dist/shop.wasm".to_owned(),
            "disk:../data".to_owned(),
            "0.0.0.0:8000".to_owned(),
        );
        assert_eq!(read(".wash/config.yaml", text), expected);
        let text = "build: { component_path: a.wasm }\n\
             dev: { wasi_keyvalue_redis_url: \"redis://h:1\" }\n";
        let (build, _, store, addr) = read(".wash/config.yaml", text);
        assert_eq!((build, store.as_str()), (None, "redis://h:1"));
        assert_eq!(addr, "127.0.0.1:8080");
    }

    #[test]
    fn builds_run_in_the_folder_of_the_sources_with_their_variables() {
        let text = "name = 'shop'\nlanguage = 'tinygo'\npath = 'component'\nbuild = 'out'\n\
             [component]\nbuild_command = 'make'\n";
        assert_eq!(
            read("wasmcloud.toml", text).1,
            "shop/component/out/shop.wasm"
        );
        let plan = draft("wasmcloud.toml", text).plan;
        let folder = Path::new("shop/component");
        assert_eq!(plan.build_with.folder.as_deref(), Some(folder));
        let text = "name = 'shop'\npath = 'component'\n";
        assert_eq!(
            read("wasmcloud.toml", text).1,
            "shop/component/target/wasm32-wasip2/release/shop.wasm"
        );
        let text = "build:\n  command: make\n  component_path: a.wasm\n  env:\n    \
             TOKEN: hunter2\n    LEVEL: 3\n    a.b: ''\n";
        let plan = draft(".wash/config.yaml", text).plan;
        let env = plan.build_with.env.iter();
        let env: Vec<_> = env.map(|(name, value)| (&**name, value.expose())).collect();
        let expected = [("LEVEL", "3"), ("TOKEN", "hunter2"), ("a.b", "")];
        assert_eq!(env, expected);
        assert!(!format!("{plan:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (file, text, expected) in [
            ("wasmcloud.toml", "name = ", "shop/wasmcloud.toml:1:8: "),
            (
                "wasmcloud.toml",
                "name = 'a'\ntype = 'provider'",
                "shop/wasmcloud.toml:2:8: a provider is no component; ",
            ),
            (
                "wasmcloud.toml",
                "name = 'a'\nlanguage = 'tinygo'",
                "shop/wasmcloud.toml: nothing says how to build it; ",
            ),
            (
                "wasmcloud.toml",
                "name = 1",
                "shop/wasmcloud.toml:1:8: name should be a text",
            ),
            (
                "wasmcloud.toml",
                "language = 'rust'",
                "shop/wasmcloud.toml: nothing says what is built; ",
            ),
            (
                ".wash/config.yaml",
                "dev:\n  address: here",
                "shop/.wash/config.yaml: nothing says what is built; ",
            ),
            (
                ".wash/config.yaml",
                "build:\n  component_path: a\ndev:\n  address: here",
                "shop/.wash/config.yaml:4:12: dev.address: ",
            ),
            (".wash/config.yaml", "build: [", "shop/.wash/config.yaml:"),
            (
                ".wash/config.yaml",
                "build:\n  command: [a]",
                "shop/.wash/config.yaml:2:12: build.command should be a text",
            ),
            (
                ".wash/config.yaml",
                "build:\n  env:\n    A: [a]",
                "shop/.wash/config.yaml:3:8: build.env.A should be a text",
            ),
            (
                ".wash/config.yaml",
                "build:\n  env:\n    A=B: a",
                "shop/.wash/config.yaml:3:10: build.env: \"A=B\" is no name",
            ),
        ] {
            let problem = problem(file, text);
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
