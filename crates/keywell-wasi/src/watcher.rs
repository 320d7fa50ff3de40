use keywell_store::BucketName;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, Instance, Lower, Resource};
use wasmtime::component::{ComponentNamedList, TypedFunc};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::Generation;
use crate::keyvalue::{BucketHandle, KeyvalueView};

/// The `wasi:keyvalue/watcher` that a component exports, in whichever generation.
///
/// Its functions are called with a handle of a bucket, which then is the component's: it reads and
/// writes as the component's grants allow, and is dropped by the component.
#[derive(Clone, Debug)]
pub struct Watcher {
    generation: Generation,
    on_set: ComponentExportIndex,
    on_delete: ComponentExportIndex,
}

/// Why a component's watcher cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatcherError {
    /// It has none.
    #[error("the component exports no wasi:keyvalue/watcher@0.2.0-draft or @0.2.0-draft2")]
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
        let function = |name, signature, takes_value| {
            component
                .get_export(Some(&index), name)
                .filter(|(item, _)| is_handler(item, takes_value))
                .map(|(_, index)| index)
                .ok_or(WatcherError::Shape {
                    export: export.to_owned(),
                    signature,
                })
        };
        Ok(Self {
            generation,
            on_set: function(
                "on-set",
                "on-set: func(bucket: bucket, key: string, value: list<u8>)",
                true,
            )?,
            on_delete: function(
                "on-delete",
                "on-delete: func(bucket: bucket, key: string)",
                false,
            )?,
        })
    }

    /// The generation of the export.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Notifies the component that a key was set. `bucket` is the watched one, by the component's name
    /// for it.
    ///
    /// # Errors
    ///
    /// The store's error when the bucket cannot be opened; a trap, after which the instance is of no
    /// more use.
    pub async fn on_set<T: KeyvalueView + 'static>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        instance: &Instance,
        bucket: &BucketName,
        key: &str,
        value: &[u8],
    ) -> wasmtime::Result<()> {
        let mut store = store.as_context_mut();
        let on_set = typed(&mut store, instance, &self.on_set)?;
        let bucket = open(&mut store, bucket).await?;
        on_set.call_async(&mut store, (bucket, key, value)).await
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

fn is_handler(item: &ComponentItem, takes_value: bool) -> bool {
    let ComponentItem::ComponentFunc(function) = item else {
        return false;
    };
    let mut parameters = function.params().map(|(_, parameter)| parameter);
    matches!(parameters.next(), Some(Type::Own(_)))
        && matches!(parameters.next(), Some(Type::String))
        && (!takes_value
            || matches!(parameters.next(), Some(Type::List(value)) if matches!(value.ty(), Type::U8)))
        && parameters.next().is_none()
        && answers_nothing(function)
}

fn answers_nothing(function: &ComponentFunc) -> bool {
    function.results().next().is_none()
}
