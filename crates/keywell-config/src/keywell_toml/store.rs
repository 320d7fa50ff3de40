use std::collections::BTreeMap;

use super::table::Table;
use crate::error::Result;
use crate::{Located, StorePlan};

/// `[store.NAME]`. Every key but the URL is a setting of the store, which knows its own.
pub(super) fn stores(root: &mut Table<'_>) -> Result<BTreeMap<String, StorePlan>> {
    let stores = root.named("store")?.into_iter();
    stores
        .map(|(Located { value: name, .. }, mut table)| {
            let url = table.take("url").ok_or_else(|| table.misses("url"))?;
            let Located { value, place } = url.text()?;
            let settings = table
                .rest()
                .map(|(key, value)| Ok((key.value, value.setting()?)));
            let store = StorePlan {
                url: Located {
                    value: value.into(),
                    place,
                },
                settings: settings.collect::<Result<_>>()?,
            };
            Ok((name, store))
        })
        .collect()
}
