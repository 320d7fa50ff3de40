//! Calls of a guest into the host, memory store.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use keywell_memory::MemoryStore;
use keywell_wasi::{Grants, Keyvalue, KeyvalueView};
use wasmtime::component::{
    Component, ComponentType, Instance, Linker, Lower, Resource, ResourceTable, ResourceType,
    TypedFunc, WasmList, WasmStr,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi_keyvalue::{WasiKeyValue, WasiKeyValueCtx, WasiKeyValueCtxBuilder};

use crate::measure::{Series, Subject, rounds};
use crate::table::{Goal, Row};
use crate::{Done, guest};

const CALLS: u32 = 1_000_000;
const VALUE: &[u8; 23] = b"a value of 23 bytes len";

pub(crate) fn rows(count: usize) -> Done<Vec<Row>> {
    let engine = Engine::default();
    let mut keywell = Keywell::new(&engine, "bench_draft2")?;
    let mut draft = Keywell::new(&engine, "bench_draft")?;
    let mut peer = Peer::new(&engine)?;
    let mut floor = Floor::new(&engine)?;
    let subjects: [Subject<'_>; 4] = [
        Box::new(|| keywell.time("get")),
        Box::new(|| floor.time("get")),
        Box::new(|| peer.time("get")),
        Box::new(|| draft.time("get")),
    ];
    let [get, floor, stock, draft_get] = rounds(count, subjects)?;
    let mut rows = vec![
        row(
            "guest `get`, 23 bytes",
            &get,
            "host function returning a constant",
            &floor,
            Goal::AtMost(1.4),
        ),
        row(
            "the same",
            &get,
            "wasmtime-wasi-keyvalue 48",
            &stock,
            Goal::AtMost(0.5),
        ),
        row(
            "the same, 0.2.0-draft",
            &draft_get,
            "wasmtime-wasi-keyvalue 48",
            &stock,
            Goal::AtMost(0.5),
        ),
    ];
    for call in ["set", "exists", "increment", "get-many"] {
        let subjects: [Subject<'_>; 2] =
            [Box::new(|| draft.time(call)), Box::new(|| peer.time(call))];
        let [ours, stock] = rounds(count, subjects)?;
        let what = format!("guest `{call}`, 0.2.0-draft");
        rows.push(row(
            &what,
            &ours,
            "wasmtime-wasi-keyvalue 48",
            &stock,
            Goal::Told,
        ));
    }
    Ok(rows)
}

fn row(what: &str, ours: &Series, against: &str, other: &Series, goal: Goal) -> Row {
    Row::of(
        what,
        ours,
        against,
        other,
        |figure| format!("{figure:.0} ns"),
        goal,
    )
}

/// A bench guest in a host.
struct Calls<T: 'static> {
    store: Store<T>,
    instance: Instance,
}

impl<T: Send> Calls<T> {
    fn new(mut linker: Linker<T>, component: &Component, data: T) -> Done<Self> {
        let mut host = linker.instance("keywell:bench/host")?;
        host.func_wrap("constant", |_, (_key,): (WasmStr,)| {
            Ok((Some(Bytes::from_static(VALUE)),))
        })?;
        let mut store = Store::new(component.engine(), data);
        store.set_hostcall_fuel(usize::MAX);
        let instance = linker.instantiate(&mut store, component)?;
        let prepare: TypedFunc<(), ()> = instance.get_typed_func(&mut store, "prepare")?;
        prepare.call(&mut store, ())?;
        Ok(Self { store, instance })
    }

    /// Nanoseconds a call.
    fn time(&mut self, name: &str) -> Done<f64> {
        let calls = if name == "get-many" {
            CALLS / 10
        } else {
            CALLS
        };
        let call: TypedFunc<(u32,), (u64,)> =
            self.instance.get_typed_func(&mut self.store, name)?;
        let began = Instant::now();
        call.call(&mut self.store, (calls,))?;
        Ok(began.elapsed().as_nanos() as f64 / f64::from(calls))
    }
}

struct OurState(Keyvalue);

impl KeyvalueView for OurState {
    fn keyvalue(&self) -> &Keyvalue {
        &self.0
    }

    fn keyvalue_mut(&mut self) -> &mut Keyvalue {
        &mut self.0
    }
}

struct Keywell(Calls<OurState>);

impl Keywell {
    fn new(engine: &Engine, name: &str) -> Done<Self> {
        let component = Component::from_file(engine, guest(name))?;
        let grants = Arc::new(Grants::everything_in(Arc::new(MemoryStore::default())));
        let mut linker = Linker::new(engine);
        keywell_wasi::link(&mut linker, &component, &grants)?;
        Ok(Self(Calls::new(
            linker,
            &component,
            OurState(Keyvalue::new(grants)),
        )?))
    }

    fn time(&mut self, name: &str) -> Done<f64> {
        self.0.time(name)
    }
}

/// `store` with a `get` that answers a constant: what a call costs before any store is asked.
struct Floor(Calls<()>);

/// The resource `bucket` of a host without buckets.
enum NoBucket {}

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

impl Floor {
    fn new(engine: &Engine) -> Done<Self> {
        let component = Component::from_file(engine, guest("bench_draft2"))?;
        let mut linker = Linker::new(engine);
        let mut store = linker.instance("wasi:keyvalue/store@0.2.0-draft2")?;
        store.resource("bucket", ResourceType::host::<NoBucket>(), |_, _| Ok(()))?;
        store.func_wrap("open", |_, (_name,): (WasmStr,)| {
            Ok((Ok::<_, StoreError>(Resource::<NoBucket>::new_own(0)),))
        })?;
        store.func_wrap(
            "[method]bucket.get",
            |_, (_bucket, _key): (Resource<NoBucket>, WasmStr)| {
                Ok((Ok::<_, StoreError>(Some(Bytes::from_static(VALUE))),))
            },
        )?;
        store.func_wrap(
            "[method]bucket.set",
            |_, (_bucket, _key, _value): (Resource<NoBucket>, WasmStr, WasmList<u8>)| {
                Ok((Ok::<_, StoreError>(()),))
            },
        )?;
        let uncalled = [
            ("store", "[method]bucket.exists"),
            ("atomics", "increment"),
            ("batch", "get-many"),
        ];
        for (interface, function) in uncalled {
            let mut interface =
                linker.instance(&format!("wasi:keyvalue/{interface}@0.2.0-draft2"))?;
            interface.func_new(function, |_, _, _, _| {
                wasmtime::bail!("the floor has only get")
            })?;
        }
        Ok(Self(Calls::new(linker, &component, ())?))
    }

    fn time(&mut self, name: &str) -> Done<f64> {
        self.0.time(name)
    }
}

struct PeerState {
    table: ResourceTable,
    keyvalue: WasiKeyValueCtx,
}

struct Peer(Calls<PeerState>);

impl Peer {
    fn new(engine: &Engine) -> Done<Self> {
        let component = Component::from_file(engine, guest("bench_draft"))?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi_keyvalue::add_to_linker(&mut linker, |state: &mut PeerState| {
            WasiKeyValue::new(&state.keyvalue, &mut state.table)
        })?;
        let keyvalue = WasiKeyValueCtxBuilder::new().build();
        let state = PeerState {
            table: ResourceTable::new(),
            keyvalue,
        };
        Ok(Self(Calls::new(linker, &component, state)?))
    }

    fn time(&mut self, name: &str) -> Done<f64> {
        self.0.time(name)
    }
}
