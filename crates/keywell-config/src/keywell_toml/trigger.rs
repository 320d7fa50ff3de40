use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::defined::Defined;
use super::table::Table;
use crate::error::Result;
use crate::{DeadLettersPlan, HttpPlan, Located, TriggerPlan, WatchPlan};

const DEFAULT_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// `[[trigger.http]]` and `[[trigger.watch]]`, in the order written.
pub(super) fn triggers(root: &mut Table<'_>, defined: &Defined<'_>) -> Result<Vec<TriggerPlan>> {
    let Some(value) = root.take("trigger") else {
        return Ok(Vec::new());
    };
    if !value.is_table() {
        return Err(value.unlike("written [[trigger.http]] or [[trigger.watch]]"));
    }
    let mut table = value.table()?;
    table.only(&["http", "watch"])?;
    let mut triggers = Vec::new();
    if let Some(value) = table.take("http") {
        for table in value.tables()? {
            triggers.push(TriggerPlan::Http(http(table, defined)?));
        }
    }
    if let Some(value) = table.take("watch") {
        // Two of one name and store would take each other's place after a restart, or share events
        // that each of them is to have. Stores of one URL may be one, whatever they are called.
        let (mut taken, mut unnamed) = (HashMap::new(), HashSet::new());
        let url = |store: &String| defined.stores.get(store).map(|store| store.url.expose());
        for table in value.tables()? {
            let watch = watch(table, defined)?;
            if let Some(name) = &watch.name {
                let keeps = watch.positions.as_ref().unwrap_or(&watch.store);
                let by = (url(keeps), name.value.clone());
                if let Some(store) = taken.insert(by, keeps.clone()) {
                    let same = if store == *keeps {
                        String::new()
                    } else {
                        format!(", which has the URL of {keeps},")
                    };
                    let (name, place) = (&name.value, name.place);
                    let problem =
                        format!("another trigger on the store {store}{same} is called {name:?}");
                    return Err(defined.document.error(place, problem));
                }
            } else if !unnamed.insert((watch.component.clone(), watch.bucket.value.clone())) {
                let problem = "another trigger calls this component for this bucket; name them";
                return Err(defined.document.error(watch.place, problem));
            }
            triggers.push(TriggerPlan::Watch(Box::new(watch)));
        }
    }
    triggers.sort_by_key(|trigger| {
        let place = trigger.place();
        (place.line, place.column)
    });
    Ok(triggers)
}

fn http(mut table: Table<'_>, defined: &Defined<'_>) -> Result<HttpPlan> {
    table.only(&["component", "addr", "reuse"])?;
    Ok(HttpPlan {
        component: defined.component(table.required("component")?)?,
        addr: table
            .parsed("addr", str::parse)?
            .unwrap_or_else(|| DEFAULT_ADDR.into()),
        reuse: table.number("reuse", 0..u32::MAX)?.unwrap_or(1),
        is_optional: false,
        place: table.place,
    })
}

fn watch(mut table: Table<'_>, defined: &Defined<'_>) -> Result<WatchPlan> {
    table.only(&[
        "name",
        "component",
        "store",
        "bucket",
        "on",
        "parallel",
        "retries",
        "backoff",
        "deadline",
        "hops",
        "positions",
        "dead-letters",
    ])?;
    let place = table.place;
    let component = defined.component(table.required("component")?)?;
    let bucket = table.text("bucket")?.unwrap_or_else(|| Located {
        value: "default".to_owned(),
        place,
    });
    let store = defined.granted(&component, &bucket)?;
    if let Some(named) = table.text("store")? {
        let place = named.place;
        let named = defined.store(Some(named), &table)?;
        if named != store {
            let problem = format!(
                "to {component}, the bucket {:?} is one of the store {store}",
                bucket.value
            );
            return Err(table.document.error(place, problem));
        }
    }
    let on = table.texts("on")?.ok_or_else(|| table.misses("on"))?;
    if on.value.is_empty() {
        let problem = format!("{}.on names no change, such as \"SET@key\"", table.what);
        return Err(table.document.error(on.place, problem));
    }
    let positions = match table.text("positions")? {
        None => None,
        named => Some(defined.store(named, &table)?).filter(|named| *named != store),
    };
    let dead_letters = match table.take("dead-letters") {
        None => None,
        Some(value) if value.is_table() => {
            let mut table = value.table()?;
            table.only(&["store", "bucket"])?;
            let store = match table.text("store")? {
                None => None,
                named => Some(defined.store(named, &table)?),
            };
            Some(DeadLettersPlan {
                store,
                bucket: table.required("bucket")?,
            })
        }
        Some(value) => Some(DeadLettersPlan {
            store: None,
            bucket: value.text()?,
        }),
    };
    Ok(WatchPlan {
        name: table.text("name")?,
        component,
        store,
        bucket,
        on: on.value,
        parallel: table.number("parallel", 1..10_001)?,
        retries: table.number("retries", 0..1001)?,
        backoff: table.duration("backoff")?,
        deadline: table.duration("deadline")?,
        hops: table.number("hops", 1..1001)?,
        positions,
        dead_letters,
        place,
    })
}
