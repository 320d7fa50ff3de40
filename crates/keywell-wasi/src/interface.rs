//! Links the functions of an interface: each is written once, in two halves, and linked as a plain
//! or an async function.
//!
//! - Keys are read where they lie in the guest's memory (`WasmStr`). Values are checked before they
//!   are copied, once (`WasmList<u8>` to `Bytes`), and answers go out as `Bytes`.
//! - Where every granted store answers at once, the functions are plain, and the component needs no
//!   fibre. Elsewhere they are async, and an answer that is ready does not switch stacks.
//! - Functions that are async in the interface are tasks: only their first and last half have the
//!   Wasmtime store, so the other tasks of the instance go on while a call waits.

use keywell_store::{Answer, Error, Failure, Promptness, Result};
use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, ResourceType,
};
use wasmtime::{AsContextMut as _, StoreContextMut};

use crate::budget::Budget;
use crate::keyvalue::KeyvalueView;

/// Links the functions of one interface.
pub(crate) type Link<T> = fn(&mut Interface<'_, T>) -> wasmtime::Result<()>;

/// One interface being linked: calls are plain functions where every store answers at once, and
/// async ones elsewhere.
pub(crate) struct Interface<'a, T: 'static> {
    instance: LinkerInstance<'a, T>,
    promptness: Promptness,
}

/// What a store was asked.
pub(crate) struct Asked<A> {
    answer: Answer<A>,
    /// How many bytes of arguments the host holds until it is answered.
    held: usize,
    /// How many bytes the answer has at most.
    most: usize,
}

fn budget<'a, T: KeyvalueView>(store: &'a mut StoreContextMut<'_, T>) -> &'a mut Budget {
    store.data_mut().keyvalue_mut().budget_mut()
}

// === impl Asked ===

impl<A> Asked<A> {
    /// What an answer has that is no value and no list, with all that waits for it.
    const SMALL: usize = 1024;

    pub(crate) fn holding(answer: Answer<A>, held: usize) -> Self {
        Self {
            answer,
            held,
            most: Self::SMALL,
        }
    }

    /// The same, whose answer has at most so many bytes.
    pub(crate) fn reading(self, most: usize) -> Self {
        Self {
            most: self.most.max(most),
            ..self
        }
    }

    /// Changes the value of a successful answer.
    pub(crate) fn map<U>(self, change: impl FnOnce(A) -> U + Send + 'static) -> Asked<U>
    where
        A: 'static,
    {
        Asked::holding(self.answer.map(change), self.held).reading(self.most)
    }
}

impl<A> From<Answer<A>> for Asked<A> {
    fn from(answer: Answer<A>) -> Self {
        Self::holding(answer, 0)
    }
}

impl<A> From<Error> for Asked<A> {
    fn from(error: Error) -> Self {
        Answer::from(error).into()
    }
}

// === impl Interface ===

impl<'a, T: KeyvalueView> Interface<'a, T> {
    pub(crate) fn new(instance: LinkerInstance<'a, T>, promptness: Promptness) -> Self {
        Self {
            instance,
            promptness,
        }
    }

    /// Links a function in two halves. `begin` reads the arguments where they lie in the guest's
    /// memory and asks the store; `finish` turns its answer into what the guest gets. Only between
    /// the two may the call wait.
    pub(crate) fn call<P, A, Q, R, B, F>(
        &mut self,
        name: &str,
        begin: B,
        finish: F,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        A: Send + 'static,
        R: ComponentType + Lower + Send + 'static,
        Q: Into<Asked<A>>,
        B: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<Q>,
        B: Copy + Send + Sync + 'static,
        F: Fn(&mut StoreContextMut<'_, T>, Result<A>) -> R,
        F: Copy + Send + Sync + 'static,
    {
        match self.promptness {
            Promptness::AtOnce => self.instance.func_wrap(name, move |mut store, params: P| {
                let asked: Asked<A> = begin(&mut store, params)?.into();
                let result = match asked.answer {
                    Answer::Now(result) => result,
                    Answer::Later(_) => Err(late()),
                };
                Ok((finish(&mut store, result),))
            }),
            Promptness::Waits => self.waiting(name, begin, finish),
        }
    }

    fn waiting<P, A, Q, R, B, F>(&mut self, name: &str, begin: B, finish: F) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        A: Send + 'static,
        R: ComponentType + Lower + Send + 'static,
        Q: Into<Asked<A>>,
        B: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<Q>,
        B: Copy + Send + Sync + 'static,
        F: Fn(&mut StoreContextMut<'_, T>, Result<A>) -> R,
        F: Copy + Send + Sync + 'static,
    {
        self.instance
            .func_wrap_async(name, move |mut store, params: P| {
                let asked: Asked<A> = match begin(&mut store, params) {
                    Ok(asked) => asked.into(),
                    Err(trap) => return Box::new(std::future::ready(Err(trap))),
                };
                match asked.answer {
                    Answer::Now(result) => {
                        let returned = finish(&mut store, result);
                        Box::new(std::future::ready(Ok((returned,))))
                    }
                    Answer::Later(answer) => {
                        let held = asked.held;
                        budget(&mut store).charge_anyway(held);
                        Box::new(async move {
                            let result = answer.await;
                            budget(&mut store).refund(held);
                            Ok((finish(&mut store, result),))
                        })
                    }
                }
            })
    }

    /// As [`Interface::call`], for a function that is async in the interface: while it waits, the
    /// other tasks of the instance go on. Only an engine that runs several tasks links it.
    pub(crate) fn task<P, A, Q, R, B, F>(
        &mut self,
        name: &str,
        begin: B,
        finish: F,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        A: Send + 'static,
        R: ComponentType + Lower + Send + Sync + 'static,
        Q: Into<Asked<A>>,
        B: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<Q>,
        B: Copy + Send + Sync + 'static,
        F: Fn(&mut StoreContextMut<'_, T>, Result<A>) -> R,
        F: Copy + Send + Sync + 'static,
    {
        self.instance
            .func_wrap_concurrent(name, move |accessor, params: P| {
                Box::pin(async move {
                    // Before the first wait, while the arguments lie where they did at the call.
                    let (answer, waiting) = accessor.with(|mut access| {
                        let mut store = access.as_context_mut();
                        let asked: Asked<A> = begin(&mut store, params)?.into();
                        let waiting = match &asked.answer {
                            Answer::Now(_) => None,
                            Answer::Later(_) => {
                                let budget = budget(&mut store);
                                let room = budget.answers().room(asked.most);
                                Some(budget.hold(asked.held).map(|held| (held, room)))
                            }
                        };
                        wasmtime::error::Ok((asked.answer, waiting))
                    })?;
                    // Both count until the guest has the answer, or has cancelled the call.
                    let (result, _waited) = match (answer, waiting) {
                        (_, Some(Err(over))) => {
                            let over = Failure::new(over.to_string());
                            (Err(Error::Unavailable(over)), None)
                        }
                        (Answer::Now(result), _) => (result, None),
                        (Answer::Later(answer), None) => (answer.await, None),
                        (Answer::Later(answer), Some(Ok((held, room)))) => {
                            let room = room.await;
                            (answer.await, Some((held, room)))
                        }
                    };
                    let returned =
                        accessor.with(|mut access| finish(&mut access.as_context_mut(), result));
                    Ok((returned,))
                })
            })
    }

    /// Links a function that is async in the interface, and asks no store.
    pub(crate) fn plain_task<P, R, C>(&mut self, name: &str, call: C) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        C: Fn(StoreContextMut<'_, T>, P) -> wasmtime::Result<R>,
        C: Copy + Send + Sync + 'static,
    {
        self.instance
            .func_wrap_concurrent(name, move |accessor, params: P| {
                Box::pin(async move {
                    accessor.with(|mut access| call(access.as_context_mut(), params))
                })
            })
    }

    /// As [`Interface::call`], for a whole listing. Where instances have a fibre anyway, it may
    /// wait though every store answers at once, so that others run between its pages.
    pub(crate) fn listing<P, A, Q, R, B, F>(
        &mut self,
        name: &str,
        begin: B,
        finish: F,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        A: Send + 'static,
        R: ComponentType + Lower + Send + 'static,
        Q: Into<Asked<A>>,
        B: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<Q>,
        B: Copy + Send + Sync + 'static,
        F: Fn(&mut StoreContextMut<'_, T>, Result<A>) -> R,
        F: Copy + Send + Sync + 'static,
    {
        if T::HAS_FIBRE {
            return self.waiting(name, begin, finish);
        }
        self.call(name, begin, finish)
    }

    /// Links a function that asks no store.
    pub(crate) fn plain<P, R>(
        &mut self,
        name: &str,
        call: impl Fn(StoreContextMut<'_, T>, P) -> wasmtime::Result<R> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.instance.func_wrap(name, call)
    }

    /// As [`Interface::plain`], for an answer of one value.
    pub(crate) fn get<P, R, G>(&mut self, name: &str, get: G) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentType + Lower + 'static,
        G: Fn(&mut StoreContextMut<'_, T>, P) -> wasmtime::Result<R>,
        G: Send + Sync + 'static,
    {
        self.instance.func_wrap(name, move |mut store, params: P| {
            Ok((get(&mut store, params)?,))
        })
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

    /// Links a resource type whose handles `drop` frees, which may store something.
    ///
    /// The guest waits until it is stored, so that its next calls come after the write. An error is
    /// logged, since the guest cannot receive it.
    pub(crate) fn stored_resource<R: 'static>(
        &mut self,
        name: &str,
        drop: fn(&mut T, u32) -> Option<Answer<()>>,
    ) -> wasmtime::Result<()> {
        let resource = ResourceType::host::<R>();
        match self.promptness {
            Promptness::AtOnce => self
                .instance
                .resource(name, resource, move |mut store, rep| {
                    match drop(store.data_mut(), rep) {
                        Some(Answer::Now(stored)) => log(&stored),
                        Some(Answer::Later(_)) => log(&Err(late())),
                        None => {}
                    }
                    Ok(())
                }),
            Promptness::Waits => {
                self.instance
                    .resource_async(name, resource, move |mut store, rep| {
                        let Some(storing) = drop(store.data_mut(), rep) else {
                            return Box::new(std::future::ready(Ok(())));
                        };
                        Box::new(async move {
                            log(&storing.await);
                            Ok(())
                        })
                    })
            }
        }
    }
}

/// Logs what a guest is not given.
fn log(stored: &Result<()>) {
    if let Err(error) = stored {
        tracing::warn!(%error, "a value that a guest dropped was not stored");
    }
}

fn late() -> Error {
    Error::Internal("a store that declared to answer at once did not".into())
}
