use super::context::Context;
use super::ends::{End, Ends};
use super::values::Values;
use super::{redis, store};
use crate::wadm::link::LinkSide;
use crate::wadm::provider::Builtin;
use crate::{Located, Place, Plan, Problem, StorePlan, TriggerPlan, WatchPlan};

/// The name that the provider gives the bucket of a watched key.
const BUCKET: &str = "0";

/// Calls a component's watcher for the keys that a link from the provider names.
///
/// Documents and manifests disagree on the side that has `url` and `watch`, so each is read from
/// the source, the target, and the provider, in this order.
pub(super) fn add(context: &Context<'_>, ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Provider(Builtin::KeyvalueRedis, application, provider), End::Component(target)) =
        (ends.source, ends.target)
    else {
        return;
    };
    if !plan.components.contains_key(target) {
        return;
    }
    let link = ends.link;
    let sides = [&link.source_side, &link.target_side];
    let read = |side: &&LinkSide| Values::read(context, ends.application, &side.config);
    let mut values: Vec<Values> = sides.iter().map(read).collect();
    values.push(Values::read(context, application, &provider.config));
    let place = ends.application.place(link.place);
    let Some(watch) = values.iter().find_map(|values| values.text("watch")) else {
        let source = &provider.name.value;
        let problem =
            format!("the link from {source} to {target} watches no key, so nothing calls it");
        let help = "add watch: SET@key,DEL@key to its source_config";
        let place = ends.application.place(link.target.place);
        context.wrong(place, Problem::warning(problem).help(help));
        return;
    };
    let planned = redis::plan(context, ends.application, &sides, application, provider);
    let on = subscriptions(context, &watch);
    let trigger = WatchPlan {
        on,
        place,
        ..WatchPlan::new(target, "", "")
    };
    push(plan, trigger, link.name(), planned);
}

/// Adds a trigger on a store, which the component is granted. `name` is that of what asks for it.
pub(super) fn push(plan: &mut Plan, trigger: WatchPlan, name: &str, planned: StorePlan) {
    let target = trigger.component.clone();
    let (store, bucket) = watched(plan, &target, name, planned);
    let is_taken = plan.triggers.iter().any(|trigger| match trigger {
        TriggerPlan::Watch(other) => other.component == target && other.bucket.value == bucket,
        TriggerPlan::Http(_) | TriggerPlan::Command(_) | TriggerPlan::Invoke(_) => false,
    });
    plan.triggers.push(TriggerPlan::Watch(Box::new(WatchPlan {
        name: is_taken.then(|| format!("{target}-{name}").into()),
        bucket: Located {
            value: bucket,
            place: trigger.place,
        },
        store,
        ..trigger
    })));
}

/// The store, and the component's name for the one bucket in it: that of the component's own
/// link where both lead to one place.
fn watched(plan: &mut Plan, target: &str, name: &str, planned: StorePlan) -> (String, String) {
    let component = &plan.components[target].link;
    let granted = component
        .buckets
        .iter()
        .map(|(name, grant)| (name.as_str(), grant));
    let every = component
        .every_bucket
        .iter()
        .map(|grant| ("default", grant));
    let known = every.chain(granted).find(|(_, grant)| {
        let store = plan.stores.get(&grant.store);
        store.is_some_and(|known| store::is_same(known, &planned))
    });
    if let Some((name, grant)) = known {
        return (grant.store.clone(), name.to_owned());
    }
    let buckets = &component.buckets;
    let numbered = (1..).map(|number| format!("{BUCKET}-{number}"));
    let mut names = std::iter::once(BUCKET.to_owned()).chain(numbered);
    let bucket = names
        .find(|name| !buckets.contains_key(name))
        .unwrap_or_default();
    let store = store::add(plan, &format!("{target}-{name}-watch"), planned);
    if let Some(component) = plan.components.get_mut(target) {
        let grant = store::flat(&store);
        component.link.buckets.insert(bucket.clone(), grant);
    }
    (store, bucket)
}

/// `SET@key,DEL@key`, each key as it is.
pub(super) fn subscriptions(
    context: &Context<'_>,
    watch: &Located<String>,
) -> Vec<Located<String>> {
    let entries = watch
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    let entries = entries.filter_map(|entry| subscription(context, entry, watch.place));
    let entries: Vec<_> = entries.collect();
    if watch.trim_matches([',', ' ']).is_empty() {
        let problem = Problem::error("watch names no change");
        context.wrong(watch.place, problem.help("write SET@key or DEL@key"));
    }
    entries
}

fn subscription(context: &Context<'_>, entry: &str, place: Place) -> Option<Located<String>> {
    let (operation, key) = entry.split_once('@').unwrap_or((entry, ""));
    let (operation, key) = (operation.trim().to_ascii_uppercase(), key.trim());
    if !matches!(&*operation, "SET" | "DEL") || key.is_empty() {
        let problem = Problem::error(format!("{entry:?} of watch should be SET@key or DEL@key"));
        context.wrong(place, problem);
        return None;
    }
    if key.contains(['*', '?']) {
        let problem = format!("the key {key:?} of watch is literal: * and ? stand for themselves");
        let help = "patterns are for the on of a keywell.toml";
        context.wrong(place, Problem::warning(problem).help(help));
    }
    let mut literal = String::new();
    for (at, character) in key.chars().enumerate() {
        if matches!(character, '\\' | '*' | '?') || at == 0 && character == '=' {
            literal.push('\\');
        }
        literal.push(character);
    }
    Some(Located {
        value: format!("{operation}@{literal}"),
        place,
    })
}
