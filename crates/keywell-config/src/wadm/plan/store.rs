use crate::{GrantPlan, Plan, StorePlan};

/// Adds a store, by this name or, if another has it, by one that begins so. Gives the name.
pub(super) fn add(plan: &mut Plan, name: &str, store: StorePlan) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let name = names.find(|name| !plan.stores.contains_key(name));
    let name = name.unwrap_or_default();
    plan.stores.insert(name.clone(), store);
    name
}

/// Whether two stores are of one place and have the same settings.
pub(super) fn is_same(one: &StorePlan, other: &StorePlan) -> bool {
    let settings = |store: &StorePlan| -> Vec<(String, String)> {
        let settings = store.settings.iter();
        settings
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect()
    };
    one.url.value == other.url.value && settings(one) == settings(other)
}

/// The one bucket of a flat store.
pub(super) fn flat(store: &str) -> GrantPlan {
    GrantPlan {
        store: store.to_owned(),
        bucket: "default".to_owned().into(),
        read_only: false,
        prefix: String::new(),
        max_key: None,
        max_value: None,
    }
}
