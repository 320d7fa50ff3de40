use super::application::Application;
use super::context::Context;
use super::values::Values;
use super::{redis, watch};
use crate::wadm::component::Component;
use crate::{Plan, Problem, StorePlan, WatchPlan};

/// Calls a component's watcher for the keys in `watch` of a set of `keywell config` that the
/// component names: of several sets, the last that has one. The trigger is left out where the
/// component exports no watcher.
///
/// The store is that of the set's `url`, as of a link to keyvalue-redis. Without one, it is that of
/// the component's link.
pub(super) fn add(
    context: &Context<'_>,
    application: &Application,
    component: &Component,
    name: &str,
    plan: &mut Plan,
) {
    let named = component
        .config
        .iter()
        .filter(|item| item.properties.is_none());
    let found = named.rev().find_map(|item| {
        let set = application.located(&item.name);
        // What is wrong with it was reported where its values are read.
        let values = context.given.lookup.config_set(&set.value).ok()??;
        let values = Values::of_set(values, set.place);
        Some((set, values.text("watch")?, values))
    });
    let Some((set, on, values)) = found else {
        return;
    };
    let planned = if values.get("url").is_some() {
        redis::store(context, &[values])
    } else if let Some(store) = linked(plan, name) {
        store
    } else {
        let problem = format!(
            "the watch of the configuration set {} starts nothing: it has no url, and {name} has no \
             link to a keyvalue-redis",
            set.value
        );
        let help = format!("keywell config put {} url=URL watch=SET@key", set.value);
        context.wrong(set.place, Problem::warning(problem).help(help));
        return;
    };
    let trigger = WatchPlan {
        on: watch::subscriptions(context, &on),
        is_optional: true,
        place: set.place,
        ..WatchPlan::new(name, "", "")
    };
    watch::push(plan, trigger, &set.value, planned);
}

/// The store of a component's link that has no name.
fn linked(plan: &Plan, component: &str) -> Option<StorePlan> {
    let grant = plan.components.get(component)?.link.every_bucket.as_ref()?;
    plan.stores.get(&grant.store).cloned()
}
