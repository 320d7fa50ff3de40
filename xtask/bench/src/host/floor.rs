//! A host without a store: raw functions that take their arguments as Keywell does, copy a value out of the guest where
//! a store would have to, and answer constants. What a call costs before any store is asked.

use bytes::Bytes;
use wasmtime::component::{
    Component, ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType, WasmList,
    WasmStr,
};
use wasmtime::{Engine, StoreContextMut};

use super::calls::Calls;
use crate::{Done, guest};

const BATCH: [&str; 10] = [
    "batch-0", "batch-1", "batch-2", "batch-3", "batch-4", "batch-5", "batch-6", "batch-7",
    "batch-8", "batch-9",
];

pub(crate) struct Floor(pub(crate) Calls<Constant>);

/// The one value that there is.
pub(crate) struct Constant(Bytes);

/// The resource `bucket` of a host without buckets.
enum NoBucket {}

/// The resource `cas` of a host without keys.
enum NoCas {}

type BucketHandle = Resource<NoBucket>;
type Answer<T> = wasmtime::Result<(Result<T, StoreError>,)>;
type Context<'a> = StoreContextMut<'a, Constant>;

#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the floor never fails")]
enum StoreError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the floor never fails")]
enum CasError {
    #[component(name = "store-error")]
    Store(StoreError),
    #[component(name = "cas-failed")]
    Failed(Resource<NoCas>),
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<&'static str>,
    cursor: Option<String>,
}

// === impl Floor ===

impl Floor {
    pub(crate) fn new(engine: &Engine, name: &str, size: u32) -> Done<Self> {
        let component = Component::from_file(engine, guest(name))?;
        Self::with(&component, name.ends_with("pairs"), size)
    }

    /// `pairs` is the shape of the answer of `get-many`.
    pub(crate) fn with(component: &Component, pairs: bool, size: u32) -> Done<Self> {
        let mut linker = Linker::new(component.engine());
        store(&mut linker.instance("wasi:keyvalue/store@0.2.0-draft2")?)?;
        atomics(&mut linker.instance("wasi:keyvalue/atomics@0.2.0-draft2")?)?;
        batch(
            &mut linker.instance("wasi:keyvalue/batch@0.2.0-draft2")?,
            pairs,
        )?;
        let constant = Constant(vec![b'v'; size as usize].into());
        Ok(Self(Calls::new(&linker, component, size, constant)?))
    }
}

fn store(host: &mut LinkerInstance<'_, Constant>) -> wasmtime::Result<()> {
    host.resource("bucket", ResourceType::host::<NoBucket>(), |_, _| Ok(()))?;
    host.func_wrap("open", |_, (_,): (WasmStr,)| -> Answer<_> {
        Ok((Ok(BucketHandle::new_own(0)),))
    })?;
    host.func_wrap(
        "[method]bucket.get",
        |store: Context<'_>, (_, _): (BucketHandle, WasmStr)| -> Answer<_> {
            Ok((Ok(Some(store.data().0.clone())),))
        },
    )?;
    host.func_wrap(
        "[method]bucket.set",
        |store: Context<'_>, (_, _, value): (BucketHandle, WasmStr, WasmList<u8>)| -> Answer<_> {
            drop(Bytes::copy_from_slice(value.as_le_slice(&store)));
            Ok((Ok(()),))
        },
    )?;
    host.func_wrap(
        "[method]bucket.delete",
        |_, (_, _): (BucketHandle, WasmStr)| -> Answer<_> { Ok((Ok(()),)) },
    )?;
    host.func_wrap(
        "[method]bucket.exists",
        |_, (_, _): (BucketHandle, WasmStr)| -> Answer<_> { Ok((Ok(true),)) },
    )?;
    host.func_wrap(
        "[method]bucket.list-keys",
        |_, (_, _): (BucketHandle, Option<WasmStr>)| -> Answer<_> {
            let others = ["counter", "greeting"];
            let keys = BATCH.into_iter().chain(others).collect();
            Ok((Ok(KeyResponse { keys, cursor: None }),))
        },
    )
}

fn atomics(host: &mut LinkerInstance<'_, Constant>) -> wasmtime::Result<()> {
    host.resource("cas", ResourceType::host::<NoCas>(), |_, _| Ok(()))?;
    host.func_wrap(
        "increment",
        |_, (_, _, _): (BucketHandle, WasmStr, i64)| -> Answer<_> { Ok((Ok(1_i64 << 40),)) },
    )?;
    host.func_wrap(
        "[static]cas.new",
        |_, (_, _): (BucketHandle, WasmStr)| -> Answer<_> {
            Ok((Ok(Resource::<NoCas>::new_own(0)),))
        },
    )?;
    host.func_wrap(
        "swap",
        |store: Context<'_>, (_, value): (Resource<NoCas>, WasmList<u8>)| {
            drop(Bytes::copy_from_slice(value.as_le_slice(&store)));
            Ok((Ok::<_, CasError>(()),))
        },
    )
}

fn batch(host: &mut LinkerInstance<'_, Constant>, pairs: bool) -> wasmtime::Result<()> {
    if pairs {
        host.func_wrap(
            "get-many",
            |store: Context<'_>, (_, _): (BucketHandle, WasmList<WasmStr>)| -> Answer<_> {
                let value = &store.data().0;
                let found = BATCH.map(|key| (key, Some(value.clone())));
                Ok((Ok(Vec::from(found)),))
            },
        )?;
    } else {
        host.func_wrap(
            "get-many",
            |store: Context<'_>, (_, _): (BucketHandle, WasmList<WasmStr>)| -> Answer<_> {
                let value = &store.data().0;
                let found = BATCH.map(|key| Some((key, value.clone())));
                Ok((Ok(Vec::from(found)),))
            },
        )?;
    }
    host.func_wrap(
        "set-many",
        |mut store: Context<'_>,
         (_, entries): (BucketHandle, WasmList<(WasmStr, WasmList<u8>)>)|
         -> Answer<_> {
            let entries: Vec<_> = entries.iter(&mut store)?.collect::<wasmtime::Result<_>>()?;
            for (_, value) in &entries {
                drop(Bytes::copy_from_slice(value.as_le_slice(&store)));
            }
            Ok((Ok(()),))
        },
    )?;
    host.func_wrap(
        "delete-many",
        |_, (_, _): (BucketHandle, WasmList<WasmStr>)| -> Answer<_> { Ok((Ok(()),)) },
    )
}
