use super::context::Context;
use crate::{Plan, Problem, TriggerPlan};

/// Finds the stores of the watch triggers that a keywell.toml beside the manifests has for their
/// components.
pub(super) fn resolve(context: &Context<'_>, plan: &mut Plan) {
    for trigger in &mut plan.triggers {
        let TriggerPlan::Watch(watch) = trigger else {
            continue;
        };
        let component = plan.components.get(&watch.component);
        let Some(component) = component.filter(|_| watch.store.is_empty()) else {
            continue;
        };
        let is_of_manifest = context
            .applications
            .iter()
            .any(|application| application.number == component.place.file);
        if !is_of_manifest {
            continue;
        }
        if let Some(store) = component.link.store_of(&watch.bucket) {
            watch.store.clone_from(store);
        } else {
            let (name, bucket) = (&watch.component, &watch.bucket.value);
            let problem = format!("the component {name} is not granted the bucket {bucket:?}");
            let help = "link it to a keyvalue-redis in its manifest";
            context.wrong(watch.bucket.place, Problem::error(problem).help(help));
        }
    }
}
