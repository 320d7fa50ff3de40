use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{Settings, Stored};
use crate::place::Places;
use crate::{Located, Problem};

/// Reads `wasmcloud.toml`.
pub(super) fn read(text: &str) -> Result<Settings, Problem> {
    let places = Places::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let problem = Problem::error(error.message().replace('\n', ", "));
        problem.in_text(places.place(&span))
    })?;
    let root = root.into_inner();
    let reader = Reader { places };
    let name = reader.text(&root, "", "name")?;
    let kind = reader.text(&root, "", "type")?;
    if let Some(kind) = kind.filter(|kind| !matches!(kind.as_str(), "component" | "actor")) {
        let problem = Problem::error(format!("a {} is no component", kind.value));
        let help = "only components can be run: type = \"component\"";
        return Err(problem.help(help).in_text(kind.place));
    }
    let language = reader.text(&root, "", "language")?;
    let folder = reader.text(&root, "", "path")?;
    let built = reader.text(&root, "", "build")?;
    let (mut command, mut artifact) = (None, None);
    if let Some(component) = table(&root, "component") {
        command = reader.text(component, "component.", "build_command")?;
        artifact = reader.text(component, "component.", "build_artifact")?;
    }
    Ok(Settings {
        name: name.map(|name| name.value),
        is_rust: language.is_none_or(|language| language.value == "rust"),
        command: command.map(|command| command.value),
        env: Vec::new(),
        folder: folder.map(|folder| folder.value),
        artifact: artifact.map(|artifact| artifact.value),
        built: built.map(|built| built.value),
        address: None,
        store: reader.store(&root)?.map(Stored::FlatRedis),
    })
}

struct Reader<'i> {
    places: Places<'i>,
}

fn table<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    match table.get(key)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn text(
        &self,
        table: &DeTable<'_>,
        within: &str,
        key: &str,
    ) -> Result<Option<Located<String>>, Problem> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let place = self.places.place(&value.span());
        let DeValue::String(text) = value.get_ref() else {
            let problem = format!("{within}{key} should be a text");
            return Err(Problem::error(problem).in_text(place));
        };
        let value = text.to_string();
        Ok(Some(Located { value, place }))
    }

    /// The URL of an override of `wasi:keyvalue`.
    fn store(&self, root: &DeTable<'_>) -> Result<Option<Located<String>>, Problem> {
        let overrides = table(root, "dev").and_then(|dev| table(dev, "overrides"));
        let imports = overrides.and_then(|overrides| overrides.get("imports"));
        let Some(DeValue::Array(imports)) = imports.map(Spanned::get_ref) else {
            return Ok(None);
        };
        for import in imports {
            let DeValue::Table(import) = import.get_ref() else {
                continue;
            };
            let interface = self.text(import, "dev.overrides.imports.", "interface_spec")?;
            if !interface.is_some_and(|interface| interface.starts_with("wasi:keyvalue")) {
                continue;
            }
            for config in ["config", "link_config"] {
                let values = table(import, config).and_then(|config| table(config, "values"));
                if let Some(values) = values
                    && let Some(url) = self.text(values, "values.", "url")?
                {
                    return Ok(Some(url));
                }
            }
        }
        Ok(None)
    }
}
