use keywell_store::{Answer, Error, Promptness, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Component, ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, ResourceType,
};

use crate::generation::{self, Generation};
use crate::grants::Grants;
use crate::keyvalue::KeyvalueView;
use crate::{draft, draft2};

/// Links every generation of `wasi:keyvalue` that a component imports.
///
/// An interface that is not known (see [`imports`](crate::imports)) is left out; instantiation then
/// names it.
///
/// # Errors
///
/// When the linker already has one of the interfaces.
pub fn link<T: KeyvalueView>(
    linker: &mut Linker<T>,
    component: &Component,
    grants: &Grants,
) -> wasmtime::Result<()> {
    let promptness = grants.promptness();
    for import in generation::imports(component) {
        let Some(generation) = import.generation else {
            continue;
        };
        let mut interface = Interface {
            instance: linker.instance(&import.name)?,
            promptness,
        };
        match (generation, &*import.interface) {
            (Generation::Draft, "store") => draft::store(&mut interface),
            (Generation::Draft, "atomics") => draft::atomics(&mut interface),
            (Generation::Draft, _) => draft::batch(&mut interface),
            (_, "store") => draft2::store(&mut interface),
            (_, "atomics") => draft2::atomics(&mut interface),
            (Generation::Draft2, _) => draft2::batch(&mut interface),
            (Generation::Draft2Pairs, _) => draft2::batch_of_pairs(&mut interface),
        }?;
    }
    Ok(())
}

/// One interface being linked: calls are plain functions where every store answers at once, and
/// async ones elsewhere.
pub(crate) struct Interface<'a, T: 'static> {
    instance: LinkerInstance<'a, T>,
    promptness: Promptness,
}

// === impl Interface ===

impl<T: KeyvalueView> Interface<'_, T> {
    /// Links a function in two halves. `begin` reads the arguments where they lie in the guest's
    /// memory and asks the store; `finish` turns its answer into what the guest gets. Only between
    /// the two may the call wait.
    pub(crate) fn call<P, A, R, B, F>(
        &mut self,
        name: &str,
        begin: B,
        finish: F,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        A: Send + 'static,
        R: ComponentType + Lower + Send + 'static,
        B: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<Answer<A>>,
        B: Copy + Send + Sync + 'static,
        F: Fn(&mut StoreContextMut<'_, T>, Result<A>) -> R,
        F: Copy + Send + Sync + 'static,
    {
        match self.promptness {
            Promptness::AtOnce => self.instance.func_wrap(name, move |mut store, params: P| {
                let result = match begin(&mut store, params)? {
                    Answer::Now(result) => result,
                    Answer::Later(_) => Err(Error::Internal(
                        "a store that declared to answer at once did not".into(),
                    )),
                };
                Ok((finish(&mut store, result),))
            }),
            Promptness::Waits => {
                self.instance
                    .func_wrap_async(name, move |mut store, params: P| {
                        match begin(&mut store, params) {
                            Ok(Answer::Now(result)) => {
                                let returned = finish(&mut store, result);
                                Box::new(std::future::ready(Ok((returned,))))
                            }
                            Ok(Answer::Later(answer)) => Box::new(async move {
                                let result = answer.await;
                                Ok((finish(&mut store, result),))
                            }),
                            Err(trap) => Box::new(std::future::ready(Err(trap))),
                        }
                    })
            }
        }
    }

    /// Links a resource type whose handles `drop` frees.
    pub(crate) fn resource<R: 'static>(
        &mut self,
        name: &str,
        drop: fn(&mut T, u32),
    ) -> wasmtime::Result<()> {
        self.instance
            .resource(name, ResourceType::host::<R>(), move |mut store, rep| {
                drop(store.data_mut(), rep);
                Ok(())
            })
    }
}
