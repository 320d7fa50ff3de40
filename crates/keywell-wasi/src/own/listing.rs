use keywell_store::{Answer, Bucket as _, Cursor, Invalid, List, MAX_PAGE_KEYS, Page, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, WasmStr};

use super::entry::{OwnEntry, readable};
use super::error::OwnError;
use crate::keyvalue::{BucketHandle, KeyvalueView};

/// The most bytes of values on one page, save that a page has room for one entry.
const PAGE_VALUES: usize = 1 << 20;

/// The record `list-options`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct ListOptions {
    prefix: WasmStr,
    limit: Option<u32>,
    values: bool,
    cursor: Option<WasmStr>,
}

/// The record `page`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct OwnPage {
    items: Vec<Item>,
    cursor: Option<String>,
}

/// The record `item`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Item {
    key: String,
    entry: Option<OwnEntry>,
}

pub(super) fn list<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, options): (Resource<BucketHandle>, ListOptions),
) -> wasmtime::Result<Answer<Page>> {
    let prefix = options.prefix.to_str(&*store)?;
    let cursor = match &options.cursor {
        Some(cursor) => Some(cursor.to_str(&*store)?),
        None => None,
    };
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let (bytes, max) = (prefix.len(), bucket.limits().key_bytes);
    if bytes > max {
        return Ok(Answer::Now(Err(Invalid::KeyTooLong { bytes, max }.into())));
    }
    let max = readable(keyvalue, bucket);
    let page = bucket.list(List {
        prefix: prefix.into_owned(),
        cursor: cursor.map(|cursor| Cursor::from(cursor.into_owned())),
        limit: options.limit.map_or(MAX_PAGE_KEYS, |limit| {
            limit.try_into().unwrap_or(usize::MAX)
        }),
        values: options.values.then_some(max.min(PAGE_VALUES)),
    });
    // A page has one entry, however large it is.
    Ok(page.and_then(move |page| {
        let values = page.entries.iter().map(|entry| entry.value.len());
        let bytes = values.sum();
        if bytes > max {
            return Err(Invalid::ValueTooLarge { bytes, max }.into());
        }
        Ok(page)
    }))
}

pub(super) fn listed<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    page: Result<Page>,
) -> Result<OwnPage, OwnError> {
    let Page {
        keys,
        entries,
        cursor,
    } = page?;
    let entries = entries.into_iter().map(|entry| Some(entry.into()));
    let entries = entries.chain(std::iter::repeat_with(|| None));
    let items = keys.into_iter().zip(entries);
    Ok(OwnPage {
        items: items.map(|(key, entry)| Item { key, entry }).collect(),
        cursor: cursor.map(String::from),
    })
}
