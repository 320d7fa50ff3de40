use std::collections::BTreeSet;

use super::defined::Stores;
use super::document::Document;
use super::table::Table;
use super::value::Value;
use crate::StorePlan;

/// `[store.NAME]`. Every key but the URL is a setting of the store, which knows its own.
pub(super) fn stores(document: &Document<'_>, root: &mut Table<'_>) -> Stores {
    let mut stores = Stores::default();
    let named = root.take("store").and_then(Value::named_tables);
    stores.names.are_partial = named.is_wrong();
    for (name, table) in named.ok().into_iter().flatten() {
        let errors = document.errors();
        let store = table.and_then(store);
        // One with something wrong has its name all the same.
        stores.names.known.insert(name.value.clone());
        if let Some(store) = store.filter(|_| document.errors() == errors) {
            stores.plans.insert(name.value, store);
        }
    }
    stores
}

fn store(mut table: Table<'_>) -> Option<StorePlan> {
    let mut concealed = BTreeSet::new();
    let url = table.take("url").and_then(|value| {
        if value.is_table() {
            concealed.insert("url".to_owned());
        }
        value.secret()
    });
    let url = table.present("url", url);
    let settings = table.rest().filter_map(|(key, value)| {
        if value.is_table() {
            concealed.insert(key.value.clone());
        }
        Some((key.value, value.secret()?))
    });
    let settings = settings.collect();
    Some(StorePlan {
        url: url?,
        settings,
        concealed,
    })
}
