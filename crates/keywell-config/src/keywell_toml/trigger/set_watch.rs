use crate::keywell_toml::config_sets::SetWatch;
use crate::keywell_toml::defined::Defined;
use crate::{Located, Problem, TriggerPlan, WatchPlan};

/// The triggers that configuration sets ask for, each of a component's default bucket and left out
/// where the component exports no watcher. `others` are those of the file.
pub(super) fn triggers(others: &[TriggerPlan], defined: &Defined<'_>) -> Vec<TriggerPlan> {
    let watches = defined.components.watches.iter();
    let plans = watches.filter_map(|(component, watch)| plan(component, watch, others, defined));
    plans
        .map(|plan| TriggerPlan::Watch(Box::new(plan)))
        .collect()
}

fn plan(
    component: &str,
    watch: &SetWatch,
    others: &[TriggerPlan],
    defined: &Defined<'_>,
) -> Option<WatchPlan> {
    let (set, place) = (&watch.set, watch.on.place);
    let default = Located {
        value: "default".to_owned(),
        place,
    };
    // Where there is none, components that are no watchers may use the set all the same.
    let Some(store) = defined.find_granted(component, &default) else {
        if !defined.components.wrong.contains(component) {
            let problem = format!(
                "the watch of the configuration set {set:?} starts nothing: the component \
                 {component} is not granted the bucket \"default\""
            );
            defined.document.wrong(place, Problem::warning(problem));
        }
        return None;
    };
    let is_same = |other: &TriggerPlan| match other {
        TriggerPlan::Watch(other) => {
            other.name.is_none()
                && other.component == component
                && other.bucket.value == default.value
        }
        TriggerPlan::Http(_) | TriggerPlan::Command(_) | TriggerPlan::Invoke(_) => false,
    };
    if others.iter().any(is_same) {
        let problem = format!(
            "the watch of the configuration set {set:?} and a [[trigger.watch]] call {component} for \
             one bucket"
        );
        let help = "name the [[trigger.watch]], or leave out one of them";
        let problem = Problem::error(problem).help(help);
        defined.document.wrong(place, problem);
        return None;
    }
    let of_store = defined.stores.plans.get(&store);
    if let (Some(url), Some(plan)) = (&watch.url, of_store)
        && url != plan.url.expose()
    {
        let problem = format!(
            "the url of the configuration set {set:?} is not used: its watch is on the store {store}"
        );
        defined.document.wrong(place, Problem::warning(problem));
    }
    Some(WatchPlan {
        bucket: default,
        on: vec![watch.on.clone()],
        is_optional: true,
        place,
        ..WatchPlan::new(component, store, "")
    })
}
