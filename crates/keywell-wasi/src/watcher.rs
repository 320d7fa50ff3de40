use bytes::Bytes;
use keywell_store::BucketName;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, Instance, Lower, Resource};
use wasmtime::component::{ComponentNamedList, TypedFunc};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::Generation;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::values::{IncomingHandle, Trace};

/// The `wasi:keyvalue/watcher` that a component exports, in whichever generation; that of the older
/// ones is `handle-watch`.
///
/// Its functions are called with a handle of a bucket, which then is the component's: it reads and
/// writes as the component's grants allow, and is dropped by the component. The values of
/// `handle-watch` are resources that it borrows.
#[derive(Clone, Debug)]
pub struct Watcher {
    generation: Generation,
    on_set: ComponentExportIndex,
    on_delete: ComponentExportIndex,
    takes: Takes,
}

/// How a watcher takes values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Bytes,
    Resources,
}

/// The signatures of a watcher, for messages.
struct Signatures {
    on_set: &'static str,
    on_delete: &'static str,
}

/// Why a component's watcher cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatcherError {
    /// It has none.
    #[error("the component exports no {}", Watcher::EXPORTS)]
    Absent,
    /// It has one of another shape than its name says.
    #[error("the component exports {export} without a function {signature}")]
    Shape {
        /// The export.
        export: String,
        /// What is not in it.
        signature: &'static str,
    },
}

// === impl Watcher ===

impl Watcher {
    /// The exports that are watchers, for messages.
    pub const EXPORTS: &str = "wasi:keyvalue/watcher@0.2.0-draft2 or @0.2.0-draft, or \
                               wasi:keyvalue/handle-watch";

    /// Finds the watcher of a component; of two, that of the later generation.
    ///
    /// # Errors
    ///
    /// [`WatcherError`], also when the functions are of other types than they should be.
    pub fn find(component: &Component) -> Result<Self, WatcherError> {
        let found = Generation::ALL.into_iter().find_map(|generation| {
            let name = generation.descriptor().watcher?;
            let (_, index) = component.get_export(None, name)?;
            Some((name, generation, index))
        });
        let (export, generation, index) = found.ok_or(WatcherError::Absent)?;
        let takes = Takes::of(export);
        let Signatures { on_set, on_delete } = takes.signatures();
        let function = |name, signature, is_handler: &dyn Fn(&ComponentFunc) -> bool| {
            component
                .get_export(Some(&index), name)
                .filter(|(item, _)| {
                    matches!(item, ComponentItem::ComponentFunc(function) if is_handler(function))
                })
                .map(|(_, index)| index)
                .ok_or(WatcherError::Shape {
                    export: export.to_owned(),
                    signature,
                })
        };
        Ok(Self {
            generation,
            on_set: function("on-set", on_set, &|function| {
                is_handler(function, Some(takes))
            })?,
            on_delete: function("on-delete", on_delete, &|function| {
                is_handler(function, None)
            })?,
            takes,
        })
    }

    /// The generation of the export.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Notifies the component that a key was set. `bucket` is the watched one, by the component's
    /// name for it.
    ///
    /// # Errors
    ///
    /// The store's error when the bucket cannot be opened; a trap, after which the instance is of
    /// no more use.
    pub async fn on_set<T: KeyvalueView + 'static>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        instance: &Instance,
        bucket: &BucketName,
        key: &str,
        value: &[u8],
    ) -> wasmtime::Result<()> {
        let mut store = store.as_context_mut();
        match self.takes {
            Takes::Bytes => {
                let on_set = typed(&mut store, instance, &self.on_set)?;
                let bucket = open(&mut store, bucket).await?;
                on_set.call_async(&mut store, (bucket, key, value)).await
            }
            Takes::Resources => {
                let on_set = typed(&mut store, instance, &self.on_set)?;
                let bucket = open(&mut store, bucket).await?;
                let value = Bytes::copy_from_slice(value);
                let keyvalue = store.data_mut().keyvalue_mut();
                let value = keyvalue.add_incoming(value).map_err(no_room_for_value)?;
                let lent = Resource::<IncomingHandle>::new_borrow(value.rep());
                let called = on_set.call_async(&mut store, (bucket, key, lent)).await;
                store.data_mut().keyvalue_mut().drop_incoming(value.rep());
                called
            }
        }
    }

    /// Notifies the component that a key is gone; as [`Watcher::on_set`].
    ///
    /// # Errors
    ///
    /// As [`Watcher::on_set`].
    pub async fn on_delete<T: KeyvalueView + 'static>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        instance: &Instance,
        bucket: &BucketName,
        key: &str,
    ) -> wasmtime::Result<()> {
        let mut store = store.as_context_mut();
        let on_delete = typed(&mut store, instance, &self.on_delete)?;
        let bucket = open(&mut store, bucket).await?;
        on_delete.call_async(&mut store, (bucket, key)).await
    }
}

// === impl Takes ===

impl Takes {
    /// How the watcher of this name takes them.
    fn of(export: &str) -> Self {
        if export.starts_with("wasi:keyvalue/handle-watch") {
            Self::Resources
        } else {
            Self::Bytes
        }
    }

    fn signatures(self) -> Signatures {
        match self {
            Self::Bytes => Signatures {
                on_set: "on-set: func(bucket: bucket, key: string, value: list<u8>)",
                on_delete: "on-delete: func(bucket: bucket, key: string)",
            },
            Self::Resources => Signatures {
                on_set: "on-set: func(bucket: bucket, key: key, incoming-value: borrow<incoming-value>)",
                on_delete: "on-delete: func(bucket: bucket, key: key)",
            },
        }
    }

    fn fits(self, value: &Type) -> bool {
        match self {
            Self::Bytes => matches!(value, Type::List(value) if matches!(value.ty(), Type::U8)),
            Self::Resources => matches!(value, Type::Borrow(_)),
        }
    }
}

fn typed<P: ComponentNamedList + Lower, T: KeyvalueView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: &Instance,
    function: &ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, ()>> {
    instance.get_typed_func(store, function)
}

async fn open<T: KeyvalueView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &BucketName,
) -> wasmtime::Result<Resource<BucketHandle>> {
    let opened = store.data().keyvalue().grants.open(bucket.as_str()).await?;
    store
        .data_mut()
        .keyvalue_mut()
        .add_bucket(opened)
        .map_err(|_| wasmtime::format_err!("the instance has no room for the bucket's handle"))
}

fn no_room_for_value(Trace(trace): Trace) -> wasmtime::Error {
    wasmtime::format_err!("the instance has no room for the value: {trace}")
}

/// Whether a function takes a bucket, a key and, if it is to take one, a value.
fn is_handler(function: &ComponentFunc, takes: Option<Takes>) -> bool {
    let mut parameters = function.params().map(|(_, parameter)| parameter);
    matches!(parameters.next(), Some(Type::Own(_)))
        && matches!(parameters.next(), Some(Type::String))
        && takes.is_none_or(|takes| parameters.next().is_some_and(|value| takes.fits(&value)))
        && parameters.next().is_none()
        && answers_nothing(function)
}

fn answers_nothing(function: &ComponentFunc) -> bool {
    function.results().next().is_none()
}
