//! `wasi:keyvalue` for Wasmtime, every generation of it, over any store.
//!
//! Ten lines put a store in front of a component:
//!
//! ```
//! use std::sync::Arc;
//!
//! use keywell_memory::MemoryStore;
//! use keywell_wasi::{Grants, Keyvalue, KeyvalueView};
//! use wasmtime::component::{Component, Linker};
//! use wasmtime::{Engine, Store};
//!
//! struct State {
//!     keyvalue: Keyvalue,
//! }
//!
//! impl KeyvalueView for State {
//!     fn keyvalue(&self) -> &Keyvalue {
//!         &self.keyvalue
//!     }
//!     fn keyvalue_mut(&mut self) -> &mut Keyvalue {
//!         &mut self.keyvalue
//!     }
//! }
//!
//! # fn main() -> wasmtime::Result<()> {
//! let engine = Engine::default();
//! # let wasm = wat::parse_str(include_str!("../tests/components/exists.wat"))?;
//! let component = Component::new(&engine, wasm)?;
//! let grants = Arc::new(Grants::everything_in(Arc::new(MemoryStore::default())));
//! let mut linker = Linker::new(&engine);
//! keywell_wasi::link(&mut linker, &component, &grants)?;
//! let mut store = Store::new(&engine, State { keyvalue: Keyvalue::new(grants) });
//! let instance = linker.instantiate(&mut store, &component)?;
//! # let exists = instance.get_typed_func::<(), (u32,)>(&mut store, "exists")?;
//! # assert_eq!(exists.call(&mut store, ())?, (0,));
//! # Ok(())
//! # }
//! ```
//!
//! [`link`] reads the component's import types and links just the generations it imports, and
//! `keywell:collections`, Spin's key-value and `wasmcloud:keyvalue` where it imports those. Where every granted store answers at once, as memory
//! does, it links plain functions, and the component runs without a fibre; elsewhere it links async
//! functions, and the component is instantiated and called by Wasmtime's async methods.
//! [`Grants::promptness`] says which it was.
//!
//! # What it does not do
//!
//! It knows no store in particular, opens no connection, and provides no other WASI interface:
//! `wasmtime-wasi` and `wasmtime-wasi-http` go into the same linker. Values of the older
//! generations can be streams, which it adds to the table of [`KeyvalueView::table`].

#![forbid(unsafe_code)]

mod answers;
mod budget;
mod cache;
mod calls;
mod chosen;
mod collections;
mod cursors;
mod descriptor;
mod draft;
mod draft2;
mod error;
mod generation;
mod grants;
mod interface;
mod keyvalue;
mod link;
mod opened;
mod own;
mod spin;
mod unversioned;
mod v0_1_0;
mod values;
mod version;
mod wasmcloud;
mod watcher;

pub use budget::{Budget, Charge, OverBudget, TotalMemory};
pub use collections::collections_imports;
pub use generation::{Generation, Import, imports};
pub use grants::{Grants, Origin};
pub use keyvalue::{HandleLimit, Keyvalue, KeyvalueView};
pub use keywell_store::reserved;
pub use link::link;
pub use spin::spin_imports;
pub use version::{are_compatible, is_compatible};
pub use wasmcloud::wasmcloud_imports;
pub use watcher::{Watcher, WatcherError};
