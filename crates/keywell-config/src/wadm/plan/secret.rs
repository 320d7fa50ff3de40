use std::path::{Component, Path};

use super::application::Application;
use super::context::Context;
use crate::keywell_toml::secret;
use crate::policies::SecretSource;
use crate::wadm::settings::SecretItem;
use crate::{Located, Problem, Secret, quoted};

/// The value of a secret, from where a keywell.toml says that its policy's are.
pub(super) fn read(
    context: &Context<'_>,
    application: &Application,
    item: &SecretItem,
) -> Option<Located<Secret>> {
    let mut policies = application.manifest.policies.iter();
    let policy = policies.find(|policy| policy.name.value == item.policy.value)?;
    let name = &policy.name.value;
    let backend = policy.backend.as_ref().map(|backend| &*backend.value);
    let Some(source) = context.given.policies.find(name, backend) else {
        let problem = format!("no keywell.toml says where the secrets of the policy {name} are");
        let section = quoted::key(name);
        let help = format!(
            "add [policy.{section}] with secrets = true, env = \"PREFIX_\" or folder = \"PATH\" to one"
        );
        let place = application.place(item.policy.place);
        context.wrong_once(
            &format!("policy {name}"),
            place,
            Problem::error(problem).help(help),
        );
        return None;
    };
    if let Some(version) = &item.version {
        let problem = format!("version of the secret {} has no effect", item.name.value);
        context.wrong(application.place(version.place), Problem::warning(problem));
    }
    let place = application.place(item.key.place);
    match found(context, source, item) {
        Ok(value) => Some(Located {
            value: value.into(),
            place,
        }),
        Err(problem) => {
            let problem = format!("the secret {}: {problem}", item.name.value);
            context.wrong(place, Problem::error(problem));
            None
        }
    }
}

fn found(
    context: &Context<'_>,
    source: &SecretSource,
    item: &SecretItem,
) -> Result<String, String> {
    let key = &item.key.value;
    let text = match source {
        SecretSource::Environment(prefix) => {
            let chars = key.chars();
            let key = chars.map(|c| if c.is_alphanumeric() { c } else { '_' });
            let name = format!("{prefix}{}", key.collect::<String>().to_uppercase());
            let value = secret::variable(context.given.lookup, &name);
            let value = value.map_err(|problem| format!("the environment variable {problem}"))?;
            value.expose().to_owned()
        }
        SecretSource::Secrets => {
            let value = context.given.lookup.secret(key);
            let value = value.map_err(|problem| format!("{key:?} {problem}"))?;
            let value = value.ok_or_else(|| {
                format!("{key:?} is not there; `keywell secret put {key}` makes it")
            })?;
            value.expose().to_owned()
        }
        SecretSource::Folder(folder) => {
            let mut parts = Path::new(key).components();
            if !parts.all(|part| matches!(part, Component::Normal(_))) {
                return Err(format!("{key:?} is no path in a folder"));
            }
            secret::content(&folder.join("_"), key)
                .map_err(|problem| format!("the file {problem}"))?
        }
    };
    let Some(field) = &item.field else {
        return Ok(text);
    };
    let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    match value.as_ref().and_then(|value| value.get(&field.value)) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(value) => Ok(value.to_string()),
        None => Err(format!(
            "it is no JSON object with the field {}",
            field.value
        )),
    }
}
