use std::collections::BTreeMap;

use super::defined::Defined;
use super::read::Read;
use super::table::Table;
use super::value::Value;
use crate::{GrantPlan, LinkPlan, Located, Problem};

/// What a component reaches by a link: `store`, `every-bucket` and `buckets` of a table.
pub(super) fn link(table: &mut Table<'_>, defined: &Defined<'_>) -> LinkPlan {
    let store = table.text("store").and_then(|store| defined.store(store));
    let buckets = table.take("buckets").and_then(Value::named);
    let buckets = buckets.ok().map(|buckets| grants(buckets, &store, defined));
    let every = table.take("every-bucket");
    if let (Read::Is(every), Read::Is(_)) = (&every, &store) {
        let problem = format!(
            "{} stands beside a store, and both say what every other name stands for",
            every.what
        );
        let problem = Problem::error(problem).help("keep one of them");
        defined.document.wrong(every.place, problem);
    }
    let every = every.and_then(|every| {
        let what = every.what.clone();
        grant("default", &what, every, &store, defined)
    });
    LinkPlan {
        every_bucket: every.ok(),
        store: store.ok(),
        buckets: buckets.unwrap_or_default(),
    }
}

/// `[component.NAME.links]`.
pub(super) fn links(
    component: &mut Table<'_>,
    defined: &Defined<'_>,
) -> BTreeMap<String, LinkPlan> {
    let mut links = BTreeMap::new();
    let named = component.take("links").and_then(Value::named_tables);
    for (name, table) in named.ok().into_iter().flatten() {
        let problem = match name.as_str() {
            "" => Some((
                "a link has a name".to_owned(),
                "write the one by which the component chooses it".to_owned(),
            )),
            "default" => {
                let component = &component.what;
                let problem =
                    "the link \"default\" is the one that the component has without a name";
                let help = format!("write its store or buckets in [{component}]");
                Some((problem.to_owned(), help))
            }
            _ => None,
        };
        if let Some((problem, help)) = problem {
            let problem = Problem::error(problem).help(help);
            defined.document.wrong(name.place, problem);
        }
        if let Some(mut table) = table {
            links.insert(name.value, link(&mut table, defined));
        }
    }
    links
}

/// `buckets`: to the component's name for a bucket, the bucket.
fn grants(
    buckets: Vec<(Located<String>, Value<'_>)>,
    store: &Read<String>,
    defined: &Defined<'_>,
) -> BTreeMap<String, GrantPlan> {
    let mut grants: BTreeMap<String, GrantPlan> = BTreeMap::new();
    for (name, value) in buckets {
        let what = format!("the bucket {:?}", name.value);
        let Some(grant) = grant(&name.value, &what, value, store, defined) else {
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

/// A grant; `what` is how messages call the bucket, and `name` is its name where none is given.
fn grant(
    name: &str,
    what: &str,
    value: Value<'_>,
    store: &Read<String>,
    defined: &Defined<'_>,
) -> Option<GrantPlan> {
    // That of the link, or the only one.
    let usual = |what: &str, place| match store {
        Read::Is(store) => Some(store.clone()),
        Read::Wrong => None,
        Read::Absent => defined.only_store(what, place),
    };
    // A name by itself is a bucket in the link's store.
    if !value.is_table() {
        let bucket = value.text()?;
        return Some(GrantPlan {
            store: usual(what, bucket.place)?,
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
