use super::document::Document;
use super::table::Table;
use super::value::Value;
use crate::Problem;
use crate::policies::{Policies, PolicyPlan, SecretSource};
use crate::wadm::Providers;

/// `[provider]`: which images stand for which built-in providers.
pub(super) fn providers(root: &mut Table<'_>, document: &Document<'_>) -> Providers {
    let mut providers = Providers::default();
    let named = root.take("provider").and_then(Value::named);
    for (image, value) in named.ok().into_iter().flatten() {
        let Some(builtin) = value.text() else {
            continue;
        };
        if let Err(problem) = providers.map(&format!("{}={}", image.value, builtin.value)) {
            document.wrong(builtin.place, Problem::error(problem));
        }
    }
    providers
}

/// `[policy.NAME]`: where the secrets of a policy are.
pub(super) fn policies(root: &mut Table<'_>, document: &Document<'_>) -> Policies {
    let mut policies = Policies::default();
    let named = root.take("policy").and_then(Value::named_tables);
    for (name, table) in named.ok().into_iter().flatten() {
        if let Some(policy) = table.and_then(|table| policy(table, document)) {
            policies.insert(name.value, policy);
        }
    }
    policies
}

fn policy(mut table: Table<'_>, document: &Document<'_>) -> Option<PolicyPlan> {
    let backend = table.text("backend").ok();
    let (env, folder) = (table.text("env").ok(), table.text("folder").ok());
    let secrets = table.boolean("secrets").filter(|is_so| *is_so);
    if !table.is_right() {
        return None;
    }
    let source = match (env, folder, secrets) {
        (Some(prefix), None, None) => SecretSource::Environment(prefix.value),
        (None, Some(folder), None) => {
            let parent = document.file.parent().unwrap_or("".as_ref());
            SecretSource::Folder(parent.join(folder.value))
        }
        (None, None, Some(_)) => SecretSource::Secrets,
        _ => {
            let problem = format!("{}: write one of env, folder and secrets", table.what);
            document.wrong(table.place, Problem::error(problem));
            return None;
        }
    };
    Some(PolicyPlan {
        backend: backend.map(|backend| backend.value),
        source,
    })
}
