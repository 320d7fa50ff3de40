use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{Answer, Bucket as _, Cursor, List, Page, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use crate::budget::Charge;
use crate::calls::batch::{delete_many, with_keys};
use crate::calls::valued::{answer, answer_traced};
use crate::chosen::Linked;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;
use crate::values::{OutgoingHandle, OutgoingValue, Trace};

/// Every key of a bucket, charged until it is dropped.
pub(crate) struct Keys {
    pub(crate) listed: Vec<String>,
    charge: Charge,
    cursor: Option<Cursor>,
    /// Why there may be more.
    pub(crate) ended_by: Option<Trace>,
}

/// Links the calls for many keys, but for `get-many` and the listing, which differ between
/// generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("set-many", set_many, answer_traced)?;
    interface.call("delete-many", delete_many, answer)
}

/// Asks for many values, in the order of the keys.
pub(crate) fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Answer<Vec<Option<Bytes>>>> {
    let max = store.data().keyvalue().budget().remaining();
    with_keys(store, &bucket, &keys, move |bucket, keys| {
        bucket.get_many_within(keys, max).map(|entries| {
            let values = entries
                .into_iter()
                .map(|entry| entry.map(|entry| entry.value));
            values.collect()
        })
    })
}

/// Asks for every key.
pub(crate) fn keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket,): (Resource<BucketHandle>,),
) -> wasmtime::Result<Answer<Keys>> {
    let keyvalue = store.data_mut().keyvalue_mut();
    let charge = keyvalue.budget_mut().hold(0);
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let keys = Keys::new(charge?);
    Ok(match keyvalue.elsewhere(Linked::Batch, bucket) {
        Some(other) => other.then(move |bucket| keys.read(bucket)),
        None => keys.read(bucket.clone()),
    })
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, entries): (
        Resource<BucketHandle>,
        WasmList<(WasmStr, Resource<OutgoingHandle>)>,
    ),
) -> wasmtime::Result<Answer<Result<(), Trace>>> {
    let keyvalue = store.data().keyvalue();
    let held = keyvalue.bucket(&bucket)?;
    let other = keyvalue.elsewhere(Linked::Batch, held);
    // Those of another bucket are not known here.
    let limits = match &other {
        Some(_) => Limits::default(),
        None => *held.limits(),
    };
    if let Err(error) = limits.check_batch(entries.len(), 0) {
        return Ok(error.into());
    }
    let entries: Vec<_> = entries
        .iter(&mut *store)?
        .collect::<wasmtime::Result<_>>()?;
    let keyvalue = store.data().keyvalue();
    let mut pairs: Vec<(Cow<'_, str>, Bytes)> = Vec::with_capacity(entries.len());
    for (key, value) in &entries {
        match keyvalue.outgoing(value)?.and_then(OutgoingValue::bytes) {
            Ok(bytes) => pairs.push((key.to_str(&*store)?, bytes)),
            Err(trace) => return Ok(Answer::now(Err(trace))),
        }
    }
    let written = match other {
        None => {
            let pairs = pairs.iter().map(|(key, value)| (&**key, value.clone()));
            keyvalue.bucket(&bucket)?.set_many(pairs.collect())
        }
        Some(other) => {
            let pairs = pairs.into_iter();
            let pairs: Vec<(String, Bytes)> = pairs
                .map(|(key, value)| (key.into_owned(), value))
                .collect();
            other.then(move |bucket| {
                let pairs = pairs.iter().map(|(key, value)| (&**key, value.clone()));
                bucket.set_many(pairs.collect())
            })
        }
    };
    Ok(written.map(Ok))
}

// === impl Keys ===

impl Keys {
    /// What a key is charged beside its bytes.
    const KEY: usize = size_of::<String>();

    fn new(charge: Charge) -> Self {
        Self {
            listed: Vec::new(),
            charge,
            cursor: None,
            ended_by: None,
        }
    }

    /// Reads page after page, until the last one or the end of the budget.
    fn read(mut self, bucket: Arc<Opened>) -> Answer<Self> {
        loop {
            match bucket.list(self.next()) {
                Answer::Now(page) => {
                    self.add(page);
                    if self.is_whole() {
                        return Answer::now(self);
                    }
                }
                Answer::Later(page) => {
                    return Answer::later(async move {
                        self.add(page.await);
                        while !self.is_whole() {
                            let page = bucket.list(self.next()).await;
                            self.add(page);
                        }
                        Ok(self)
                    });
                }
            }
        }
    }

    fn next(&mut self) -> List {
        List {
            cursor: self.cursor.take(),
            ..List::default()
        }
    }

    fn is_whole(&self) -> bool {
        self.cursor.is_none()
    }

    fn add(&mut self, page: Result<Page>) {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.ended_by = Some(error.into());
                return;
            }
        };
        let bytes = page.keys.iter().map(|key| key.len() + Self::KEY).sum();
        if let Err(over) = self.charge.add(bytes) {
            let whole = "the keys of the bucket are more than one list may have";
            self.ended_by = Some(Trace(format!("{whole}: {over}").into()));
            return;
        }
        self.listed.extend(page.keys);
        self.cursor = page.cursor;
    }
}
