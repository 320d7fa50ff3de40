use std::sync::Arc;

use keywell_memory::MemoryStore;
use keywell_store::Store;
use keywell_store::layer::{Layered, Metered, Meters};
use keywell_wasi::{Grants, Keyvalue, KeyvalueView};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::calls::Calls;
use crate::{Done, guest};

/// A bench guest in Keywell's host, on a memory store of its own.
pub(crate) struct Keywell(pub(crate) Calls<State>);

pub(crate) struct State(Keyvalue);

// === impl State ===

impl KeyvalueView for State {
    fn keyvalue(&self) -> &Keyvalue {
        &self.0
    }

    fn keyvalue_mut(&mut self) -> &mut Keyvalue {
        &mut self.0
    }
}

// === impl Keywell ===

impl Keywell {
    pub(crate) fn new(engine: &Engine, name: &str, size: u32) -> Done<Self> {
        let component = Component::from_file(engine, guest(name))?;
        Self::with(&component, size)
    }

    pub(crate) fn with(component: &Component, size: u32) -> Done<Self> {
        Self::on(Arc::new(MemoryStore::default()), component, size)
    }

    /// The same, with a meter around each bucket, as by `--metrics`.
    pub(crate) fn metered(engine: &Engine, name: &str, size: u32) -> Done<Self> {
        let component = Component::from_file(engine, guest(name))?;
        let meters = Meters::default();
        let store = Layered::new(Arc::new(MemoryStore::default()), move |name, bucket| {
            Arc::new(Metered::new(bucket, meters.of("main", name)))
        });
        Self::on(Arc::new(store), &component, size)
    }

    fn on(store: Arc<dyn Store>, component: &Component, size: u32) -> Done<Self> {
        let grants = Arc::new(Grants::everything_in(store));
        let mut linker = Linker::new(component.engine());
        keywell_wasi::link(&mut linker, component, &grants)?;
        let state = State(Keyvalue::new(grants));
        Ok(Self(Calls::new(&linker, component, size, state)?))
    }
}
