use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Cas, Change, Entry, Error, Expected, Result, Set, Swap};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, WasmList, WasmStr};

use super::error::CloudError;
use crate::calls::fits;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;
use crate::own::{readable, version};

/// How often a swap is tried whose value is as required and whose version changes meanwhile.
const TRIES: usize = 16;

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.task("current", current, read)?;
    interface.task("swap", swap, swapped)
}

/// The record `entry`. Its version is that of `keywell:keyvalue`, as digits.
#[derive(ComponentType, Lower)]
#[component(record)]
struct CloudEntry {
    value: Bytes,
    version: String,
}

/// The record `cas-options`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct CasOptions {
    #[component(name = "require-version")]
    require_version: Option<WasmStr>,
    #[component(name = "require-value")]
    require_value: Option<WasmList<u8>>,
}

/// The variant `cas-result`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasResult {
    #[component(name = "swapped")]
    Swapped,
    #[component(name = "stale")]
    Stale(Option<CloudEntry>),
}

/// What must hold of an entry for it to be swapped.
struct Required {
    version: Option<String>,
    value: Option<Bytes>,
}

/// How a swap went.
enum Outcome {
    /// No condition was set.
    Unconditional,
    Done,
    Stale(Option<Entry>),
}

fn current<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Asked<Option<Entry>>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let max = readable(keyvalue, bucket);
    let most = max.min(bucket.limits().value_bytes);
    Ok(Asked::from(bucket.get_within(&key, max)).reading(most))
}

fn read<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    entry: Result<Option<Entry>>,
) -> Result<Option<CloudEntry>, CloudError> {
    Ok(entry?.map(CloudEntry::from))
}

type Swapping = (Resource<BucketHandle>, WasmStr, WasmList<u8>, CasOptions);

fn swap<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value, options): Swapping,
) -> wasmtime::Result<Asked<Outcome>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let max = readable(keyvalue, bucket);
    let value = value.as_le_slice(&*store);
    let required = options.require_value.as_ref();
    let required = required.map(|value| value.as_le_slice(&*store));
    let held = value.len() + required.map_or(0, <[u8]>::len);
    let checked = bucket.limits().check_value(value.len());
    if let Err(error) = checked.and_then(|()| fits(store, held)) {
        return Ok(error.into());
    }
    let required = Required {
        version: match options.require_version {
            Some(version) => Some(version.to_str(&*store)?.into_owned()),
            None => None,
        },
        value: required.map(Bytes::copy_from_slice),
    };
    if required.is_nothing() {
        return Ok(Answer::now(Outcome::Unconditional).into());
    }
    if bucket.capabilities().cas == Cas::None {
        return Ok(Error::Unsupported("compare-and-swap").into());
    }
    let (bucket, key) = (bucket.clone(), key.into_owned());
    let most = max.min(bucket.limits().value_bytes);
    let value = Bytes::copy_from_slice(value);
    let swapping = async move { required.swap(bucket, key, value, max).await };
    Ok(Asked::holding(Answer::later(swapping), held).reading(most))
}

fn swapped<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    outcome: Result<Outcome>,
) -> Result<CasResult, CloudError> {
    match outcome? {
        Outcome::Unconditional => Err(CloudError::InvalidArgument),
        Outcome::Done => Ok(CasResult::Swapped),
        Outcome::Stale(entry) => Ok(CasResult::Stale(entry.map(CloudEntry::from))),
    }
}

// === impl Required ===

impl Required {
    fn is_nothing(&self) -> bool {
        self.version.is_none() && self.value.is_none()
    }

    fn holds(&self, entry: &Entry) -> bool {
        let version = self.version.as_ref();
        let value = self.value.as_ref();
        version.is_none_or(|version| *version == digits(entry))
            && value.is_none_or(|value| *value == entry.value)
    }

    /// Swaps the value of a key by the version that it has when all conditions hold.
    async fn swap(
        self,
        bucket: Arc<Opened>,
        key: String,
        value: Bytes,
        max: usize,
    ) -> Result<Outcome> {
        let mut left = TRIES;
        loop {
            let entry = bucket.get_within(&key, max).await?;
            let Some(entry) = entry else {
                return Ok(Outcome::Stale(None));
            };
            if !self.holds(&entry) || left == 0 {
                return Ok(Outcome::Stale(Some(entry)));
            }
            left -= 1;
            let change = Change::Set(value.clone(), Set::default());
            if let Swap::Done(_) = bucket
                .swap(&key, Expected::At(entry.version), change)
                .await?
            {
                return Ok(Outcome::Done);
            }
        }
    }
}

// === impl CloudEntry ===

impl From<Entry> for CloudEntry {
    fn from(entry: Entry) -> Self {
        Self {
            version: digits(&entry),
            value: entry.value,
        }
    }
}

/// The version of an entry as a text.
fn digits(entry: &Entry) -> String {
    let mut text = String::new();
    for byte in version::to_bytes(&entry.version) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
