use std::collections::BTreeMap;
use std::path::Path;

use super::defined::Defined;
use super::table::{Table, Value};
use crate::error::Result;
use crate::{ComponentPlan, GrantPlan, LimitsPlan, Located, Secret};

/// `[component.NAME]`.
pub(super) fn components(
    root: &mut Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Result<BTreeMap<String, ComponentPlan>> {
    let components = root.named("component")?.into_iter();
    components
        .map(|(name, table)| Ok((name.value, component(table, defined, limits)?)))
        .collect()
}

fn component(
    mut table: Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Result<ComponentPlan> {
    table.only(&[
        "path", "env", "config", "outgoing", "store", "buckets", "memory", "timeout",
    ])?;
    let document = table.document;
    let path = table.required("path")?;
    let store = table.text("store")?;
    let store = match store {
        Some(store) => Some(defined.store(Some(store), &table)?),
        None => None,
    };
    let env = match table.take("env") {
        Some(env) => variables(env.table()?)?,
        None => Vec::new(),
    };
    let config = match table.take("config") {
        Some(config) => values(config.table()?)?,
        None => Vec::new(),
    };
    let buckets = match table.take("buckets") {
        Some(buckets) => grants(buckets.table()?, store.as_ref(), defined)?,
        None => BTreeMap::new(),
    };
    let (what, place) = (table.what.clone(), table.place);
    let memory = table.size("memory")?;
    if let (Some(own), Some(all)) = (memory, limits.memory)
        && own > all
    {
        let problem = format!("{what}.memory is more than that of [limits], which is for all");
        return Err(document.error(place, problem));
    }
    Ok(ComponentPlan {
        // Joined to a folder, an absolute path stays as it is.
        path: document
            .file
            .parent()
            .unwrap_or(Path::new(""))
            .join(&*path.value),
        place: path.place,
        env,
        config,
        outgoing: table
            .texts("outgoing")?
            .map_or_else(Vec::new, |texts| texts.value),
        store,
        buckets,
        memory,
        timeout: table.duration("timeout")?,
    })
}

fn variables(table: Table<'_>) -> Result<Vec<(String, Secret)>> {
    let document = table.document;
    table
        .rest()
        .map(|(name, value)| {
            if name.is_empty() || name.contains(['=', '\0']) {
                let problem = "a variable's name is not empty and has no = in it";
                return Err(document.error(name.place, problem));
            }
            let place = value.place;
            let value = value.setting()?.value;
            if value.expose().contains('\0') {
                return Err(document.error(place, "a variable has no zero byte in it"));
            }
            Ok((name.value, value))
        })
        .collect()
}

/// `[component.NAME.config]`.
fn values(table: Table<'_>) -> Result<Vec<(String, String)>> {
    table
        .rest()
        .map(|(key, value)| Ok((key.value, value.setting()?.value.expose().to_owned())))
        .collect()
}

/// `[component.NAME.buckets]`: to the component's name for a bucket, the bucket.
fn grants(
    table: Table<'_>,
    store: Option<&String>,
    defined: &Defined<'_>,
) -> Result<BTreeMap<String, GrantPlan>> {
    let mut grants: BTreeMap<String, GrantPlan> = BTreeMap::new();
    let document = table.document;
    for (name, value) in table.rest() {
        let grant = grant(&name.value, value, store, defined)?;
        // The empty name is another of the default's.
        let own = if name.is_empty() {
            "default".to_owned()
        } else {
            name.value
        };
        if grants.insert(own, grant).is_some() {
            let problem = "\"\" and \"default\" are one bucket; keep one of them";
            return Err(document.error(name.place, problem));
        }
    }
    Ok(grants)
}

fn grant(
    name: &str,
    value: Value<'_>,
    store: Option<&String>,
    defined: &Defined<'_>,
) -> Result<GrantPlan> {
    // A name by itself is a bucket in the component's store.
    let mut table = if value.is_table() {
        value.table()?
    } else {
        let bucket = value.text()?;
        let store = match store {
            Some(store) => store.clone(),
            None => defined.only_store(&format!("the bucket {name:?}"), bucket.place)?,
        };
        return Ok(GrantPlan {
            store,
            bucket,
            read_only: false,
            prefix: String::new(),
        });
    };
    table.only(&["store", "bucket", "read-only", "prefix"])?;
    let named = table.text("store")?;
    let store = match (named, store) {
        (None, Some(store)) => store.clone(),
        (named, _) => defined.store(named, &table)?,
    };
    let place = table.place;
    let bucket = table.text("bucket")?.unwrap_or_else(|| Located {
        value: name.to_owned(),
        place,
    });
    Ok(GrantPlan {
        store,
        bucket,
        read_only: table.boolean("read-only")?.unwrap_or(false),
        prefix: table
            .text("prefix")?
            .map_or_else(String::new, |prefix| prefix.value),
    })
}
