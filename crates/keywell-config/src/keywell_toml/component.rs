use std::collections::BTreeMap;
use std::path::Path;

use super::defined::{Components, Defined};
use super::document::Document;
use super::read::Read;
use super::table::Table;
use super::value::Value;
use crate::{Code, ComponentPlan, GrantPlan, LimitsPlan, LinkPlan, Located, Problem, Secret};

/// `[component.NAME]`.
pub(super) fn components(
    root: &mut Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Components {
    let document = defined.document;
    let mut components = Components::default();
    let named = root.take("component").and_then(Value::named_tables);
    components.names.are_partial = named.is_wrong();
    for (name, table) in named.ok().into_iter().flatten() {
        let errors = document.errors();
        let component = table.and_then(|table| component(table, defined, limits));
        if document.errors() > errors {
            components.wrong.insert(name.value.clone());
        }
        components.names.known.insert(name.value.clone());
        if let Some(component) = component {
            components.plans.insert(name.value, component);
        }
    }
    components
}

fn component(
    mut table: Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Option<ComponentPlan> {
    let document = table.document;
    let path = table.required("path");
    let store = table.text("store").and_then(|store| defined.store(store));
    let env = table.take("env").and_then(Value::named);
    let env = env
        .ok()
        .map_or_else(Vec::new, |env| variables(document, env));
    let config = table.take("config").and_then(Value::named);
    let config = config.ok().map_or_else(Vec::new, values);
    let buckets = table.take("buckets").and_then(Value::named);
    let buckets = buckets.ok().map(|buckets| grants(buckets, &store, defined));
    let memory = table.size("memory");
    if let (Some(own), Some(all)) = (memory, limits.memory)
        && own > all
    {
        let what = &table.what;
        let problem = format!("{what}.memory is more than that of [limits], which is for all");
        document.wrong(table.place, Problem::error(problem));
    }
    let outgoing = table.texts("outgoing").ok();
    let timeout = table.duration("timeout");
    let path = path?;
    Some(ComponentPlan {
        // Joined to a folder, an absolute path stays as it is.
        code: Code::File(
            document
                .file
                .parent()
                .unwrap_or(Path::new(""))
                .join(&*path.value),
        ),
        place: path.place,
        env,
        config,
        outgoing: outgoing.map_or_else(Vec::new, |texts| texts.value),
        link: LinkPlan {
            store: store.ok(),
            every_bucket: None,
            buckets: buckets.unwrap_or_default(),
        },
        memory,
        timeout,
        ..ComponentPlan::default()
    })
}

fn variables(
    document: &Document<'_>,
    variables: Vec<(Located<String>, Value<'_>)>,
) -> Vec<(String, Secret)> {
    let variables = variables.into_iter().filter_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            let problem = "a variable's name is not empty and has no = in it";
            document.wrong(name.place, Problem::error(problem));
            return None;
        }
        let place = value.place;
        let value = value.secret()?.value;
        if value.expose().contains('\0') {
            let problem = "a variable has no zero byte in it";
            document.wrong(place, Problem::error(problem));
            return None;
        }
        Some((name.value, value))
    });
    variables.collect()
}

/// `[component.NAME.config]`.
fn values(values: Vec<(Located<String>, Value<'_>)>) -> Vec<(String, String)> {
    let values = values.into_iter().filter_map(|(key, value)| {
        let value = value.secret()?.value;
        Some((key.value, value.expose().to_owned()))
    });
    values.collect()
}

/// `[component.NAME.buckets]`: to the component's name for a bucket, the bucket.
fn grants(
    buckets: Vec<(Located<String>, Value<'_>)>,
    store: &Read<String>,
    defined: &Defined<'_>,
) -> BTreeMap<String, GrantPlan> {
    let mut grants: BTreeMap<String, GrantPlan> = BTreeMap::new();
    for (name, value) in buckets {
        let Some(grant) = grant(&name.value, value, store, defined) else {
            continue;
        };
        // The empty name is another of the default's.
        let own = if name.is_empty() {
            "default".to_owned()
        } else {
            name.value
        };
        if grants.insert(own, grant).is_some() {
            let problem = Problem::error("\"\" and \"default\" are one bucket");
            let document = defined.document;
            document.wrong(name.place, problem.help("keep one of them"));
        }
    }
    grants
}

fn grant(
    name: &str,
    value: Value<'_>,
    store: &Read<String>,
    defined: &Defined<'_>,
) -> Option<GrantPlan> {
    // That of the component, or the only one.
    let usual = |what: &str, place| match store {
        Read::Is(store) => Some(store.clone()),
        Read::Wrong => None,
        Read::Absent => defined.only_store(what, place),
    };
    // A name by itself is a bucket in the component's store.
    if !value.is_table() {
        let bucket = value.text()?;
        return Some(GrantPlan {
            store: usual(&format!("the bucket {name:?}"), bucket.place)?,
            bucket,
            read_only: false,
            prefix: String::new(),
            max_key: None,
            max_value: None,
        });
    }
    let mut table = value.table()?;
    let place = table.place;
    let own = table.text("store").and_then(|store| defined.store(store));
    let store = match own {
        Read::Is(store) => Some(store),
        Read::Wrong => None,
        Read::Absent => usual(&table.what, place),
    };
    let bucket = match table.text("bucket") {
        Read::Is(bucket) => Some(bucket),
        Read::Wrong => None,
        Read::Absent => Some(Located {
            value: name.to_owned(),
            place,
        }),
    };
    let read_only = table.boolean("read-only").unwrap_or(false);
    let prefix = table.text("prefix").ok();
    let (max_key, max_value) = (table.bytes("max-key"), table.bytes("max-value"));
    Some(GrantPlan {
        store: store?,
        bucket: bucket?,
        read_only,
        prefix: prefix.map_or_else(String::new, |prefix| prefix.value),
        max_key,
        max_value,
    })
}
