use std::sync::Arc;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{Action, Answer, Change, Result, Transacted, Transaction, Written};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, WasmList, WasmStr};

use super::error::OwnError;
use super::expectation::{Expectation, expiring};
use super::version;
use crate::calls::fits;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("transact", transact, transacted)
}

/// The record `check`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Check {
    bucket: Resource<BucketHandle>,
    key: WasmStr,
    expected: Expectation,
}

/// The record `write`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Write {
    bucket: Resource<BucketHandle>,
    key: WasmStr,
    action: OwnAction,
}

/// The variant `action`.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum OwnAction {
    #[component(name = "set")]
    Set(NewValue),
    #[component(name = "delete")]
    Delete,
    #[component(name = "increment")]
    Increment(i64),
}

/// The record `new-value`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct NewValue {
    value: WasmList<u8>,
    ttl: Option<u64>,
}

/// The record `written`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct OwnWritten {
    version: Option<Bytes>,
    counter: Option<i64>,
}

/// How a transaction ended, and for each check that was made its place among those that were given.
type Ended = (Transacted, Vec<usize>);

fn transact<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (checks, writes): (WasmList<Check>, WasmList<Write>),
) -> wasmtime::Result<Asked<Ended>> {
    // Those of the buckets hold besides.
    let operations = checks.len().saturating_add(writes.len());
    if let Err(error) = Limits::default().check_batch(operations, 0) {
        return Ok(error.into());
    }
    let checks: Vec<Check> = checks.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let writes: Vec<Write> = writes.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let checked = checks.iter().map(|check| check.expected.bytes());
    let written = writes.iter().map(|write| write.action.bytes());
    let held = checked.chain(written).fold(0, usize::saturating_add);
    if let Err(error) = fits(store, held) {
        return Ok(error.into());
    }
    let store = &*store;
    let (mut transaction, mut places) = (Transaction::default(), Vec::new());
    let mut first = None;
    for (place, check) in checks.iter().enumerate() {
        let bucket = store.data().keyvalue().bucket(&check.bucket)?;
        first.get_or_insert(bucket);
        let Some(expected) = check.expected.expected(store) else {
            continue;
        };
        let key = check.key.to_str(store)?;
        if let Err(error) = transaction.check(&bucket.bucket, &key, expected) {
            return Ok(error.into());
        }
        places.push(place);
    }
    for write in &writes {
        let bucket = store.data().keyvalue().bucket(&write.bucket)?;
        first.get_or_insert(bucket);
        let key = write.key.to_str(store)?;
        let added = write.action.action(store, bucket);
        let added = added.and_then(|action| transaction.write(&bucket.bucket, &key, action));
        if let Err(error) = added {
            return Ok(error.into());
        }
    }
    let ended = match first {
        Some(bucket) => transaction.run(&*bucket.store),
        None => Answer::now(Transacted::Done(Vec::new())),
    };
    Ok(Asked::holding(ended.map(|ended| (ended, places)), held))
}

fn transacted<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    ended: Result<Ended>,
) -> Result<Vec<OwnWritten>, OwnError> {
    match ended? {
        (Transacted::Done(written), _) => Ok(written.into_iter().map(OwnWritten::from).collect()),
        (Transacted::Stale(place), places) => {
            let place = places.get(place).copied().unwrap_or(place);
            Err(OwnError::check_failed(place))
        }
    }
}

// === impl OwnAction ===

impl OwnAction {
    /// How many bytes of it the host copies.
    fn bytes(&self) -> usize {
        match self {
            Self::Set(new) => new.value.len(),
            Self::Delete | Self::Increment(_) => 0,
        }
    }

    fn action<T: KeyvalueView>(
        &self,
        store: &StoreContextMut<'_, T>,
        bucket: &Arc<Opened>,
    ) -> Result<Action> {
        Ok(match self {
            Self::Set(NewValue { value, ttl }) => {
                bucket.limits().check_value(value.len())?;
                let value = Bytes::copy_from_slice(value.as_le_slice(store));
                Action::Change(Change::Set(value, expiring(*ttl)?))
            }
            Self::Delete => Action::Change(Change::Delete),
            Self::Increment(delta) => Action::Increment(*delta),
        })
    }
}

// === impl OwnWritten ===

impl From<Written> for OwnWritten {
    fn from(written: Written) -> Self {
        Self {
            version: written.version.as_ref().map(version::to_bytes),
            counter: written.counter,
        }
    }
}
