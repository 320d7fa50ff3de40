use std::collections::{HashMap, HashSet};

use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::read::Read;
use crate::keywell_toml::table::Table;
use crate::keywell_toml::value::Value;
use crate::{DeadLettersPlan, Located, Problem, TriggerPlan, WatchPlan};

/// `[[trigger.watch]]`.
///
/// Two of one name and store would take each other's place after a restart, or share events that
/// each of them is to have. Stores of one URL may be one, whatever they are called.
pub(super) fn triggers(tables: Vec<Table<'_>>, defined: &Defined<'_>) -> Vec<TriggerPlan> {
    let document = defined.document;
    let (mut taken, mut unnamed) = (HashMap::new(), HashSet::new());
    let place_of = |store: &String| {
        let plan = defined.stores.plans.get(store);
        plan.map_or_else(|| store.clone(), |plan| plan.url.expose().to_owned())
    };
    let mut triggers = Vec::new();
    for table in tables {
        let Some(watch) = watch(table, defined) else {
            continue;
        };
        let is_of_manifest = defined.components.of_manifests.has(&watch.component);
        let is_known = !watch.component.is_empty() && (!watch.store.is_empty() || is_of_manifest);
        if watch.name.is_none() && is_known {
            let of = (watch.component.clone(), watch.bucket.value.clone());
            if !unnamed.insert(of) {
                let problem =
                    Problem::error("another trigger calls this component for this bucket");
                document.wrong(watch.place, problem.help("name them"));
            }
        }
        // Without a store, what it watches is not known yet, or why not was reported.
        if let Some(name) = &watch.name
            && !watch.store.is_empty()
        {
            let keeps = watch.positions.as_ref().unwrap_or(&watch.store);
            let by = (place_of(keeps), name.value.clone());
            if let Some(store) = taken.insert(by, keeps.clone()) {
                let same = if store == *keeps {
                    String::new()
                } else {
                    format!(", which has the URL of {keeps},")
                };
                let (name, place) = (&name.value, name.place);
                let problem =
                    format!("another trigger on the store {store}{same} is called {name:?}");
                document.wrong(place, Problem::error(problem));
            }
        }
        triggers.push(TriggerPlan::Watch(Box::new(watch)));
    }
    triggers
}

fn watch(mut table: Table<'_>, defined: &Defined<'_>) -> Option<WatchPlan> {
    let place = table.place;
    let component = table.required("component");
    let component = component.and_then(|name| defined.component(name));
    let bucket = match table.text("bucket") {
        Read::Is(bucket) => Some(bucket),
        Read::Wrong => None,
        Read::Absent => Some(Located {
            value: "default".to_owned(),
            place,
        }),
    };
    let store = component.as_ref().zip(bucket.as_ref());
    let store = store.and_then(|(component, bucket)| defined.granted(component, bucket));
    let named = table.text("store").and_then(|named| {
        let place = named.place;
        Some((defined.store(named)?, place))
    });
    if let (Some((named, place)), Some(store), Some(component), Some(bucket)) =
        (named.ok(), &store, &component, &bucket)
        && named != *store
    {
        let (bucket, document) = (&bucket.value, table.document);
        let problem = format!("to {component}, the bucket {bucket:?} is one of the store {store}");
        document.wrong(place, Problem::error(problem));
    }
    let on = table.texts("on");
    let on = table.present("on", on);
    if let Some(on) = on.as_ref().filter(|on| on.value.is_empty()) {
        let problem = format!("{}.on names no change, such as \"SET@key\"", table.what);
        table.document.wrong(on.place, Problem::error(problem));
    }
    let positions = table.text("positions");
    let positions = positions.and_then(|named| defined.store(named)).ok();
    let dead_letters = table.take("dead-letters");
    let dead_letters = dead_letters.and_then(|value| dead_letters_of(value, defined));
    let plan = WatchPlan {
        name: table.text("name").ok(),
        component: component.unwrap_or_default(),
        positions: positions.filter(|positions| Some(positions) != store.as_ref()),
        store: store.unwrap_or_default(),
        bucket: bucket.unwrap_or_default(),
        on: on.map_or_else(Vec::new, |on| on.value),
        parallel: table.number("parallel"),
        retries: table.number("retries"),
        backoff: table.duration("backoff"),
        deadline: table.duration("deadline"),
        hops: table.number("hops"),
        dead_letters: dead_letters.ok(),
        is_optional: table.boolean("optional").unwrap_or(false),
        place,
    };
    // What it is called for can be checked all the same where the rest is wrong.
    (!plan.on.is_empty()).then_some(plan)
}

fn dead_letters_of(value: Value<'_>, defined: &Defined<'_>) -> Option<DeadLettersPlan> {
    if !value.is_table() {
        return Some(DeadLettersPlan {
            store: None,
            bucket: value.text()?,
        });
    }
    let mut table = value.table()?;
    let store = table.text("store").and_then(|named| defined.store(named));
    let bucket = table.required("bucket");
    Some(DeadLettersPlan {
        store: store.ok(),
        bucket: bucket?,
    })
}
