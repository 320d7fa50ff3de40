//! The functions of WASI 0.2 that wait, log and seed, for instances that are replayed.
//!
//! What is ready is a function of the recorded time: streams always are, and timers once the clock of
//! the worker shows their end. Where nothing is ready, the worker waits for a response, or sleeps until
//! the earliest end; both are recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, WasmStr};
use wasmtime_wasi::async_trait;
use wasmtime_wasi_io::bindings::wasi::io::poll::Host as _;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use super::recording::Recording;
use super::sending;
use crate::log::{Level, cut_context, cut_message};
use crate::state::State;

type Pollables = Vec<Resource<DynPollable>>;

/// A wait of an instance.
struct Timer {
    recording: Arc<Recording>,
    until: keywell_journal::Time,
}

/// Links them, in place of what is linked already.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    sending::link(linker)?;
    let mut poll = linker.instance("wasi:io/poll@0.2.12")?;
    poll.func_wrap_async("poll", |store, (pollables,): (Pollables,)| {
        Box::new(async move { Ok((wait(store, &pollables).await?,)) })
    })?;
    poll.func_wrap_async(
        "[method]pollable.block",
        |store, (pollable,): (Resource<DynPollable>,)| {
            Box::new(async move { wait(store, &[pollable]).await.map(drop) })
        },
    )?;
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("subscribe-instant", |mut store, (when,): (u64,)| {
        let recording = recording(&store);
        let until = recording.at(when);
        Ok((timer(&mut store, recording, until)?,))
    })?;
    clock.func_wrap("subscribe-duration", |mut store, (wait,): (u64,)| {
        let recording = recording(&store);
        let until = recording.after(Duration::from_nanos(wait));
        Ok((timer(&mut store, recording, until)?,))
    })?;
    // A fork has another one from there on.
    let mut seed = linker.instance("wasi:random/insecure-seed@0.2.12")?;
    seed.func_wrap("insecure-seed", |store, (): ()| {
        Ok((recording(&store).seed(),))
    })?;
    for name in ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"] {
        let mut logging = linker.instance(name)?;
        logging.func_wrap_async(
            "log",
            |store, (level, context, message): (Level, WasmStr, WasmStr)| {
                Box::new(log(store, level, context, message))
            },
        )?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

fn recording(store: &StoreContextMut<'_, State>) -> Arc<Recording> {
    let recording = store.data().recording();
    recording.expect("it is linked for workers alone").clone()
}

fn timer(
    store: &mut StoreContextMut<'_, State>,
    recording: Arc<Recording>,
    until: keywell_journal::Time,
) -> wasmtime::Result<Resource<DynPollable>> {
    let resources = store.data_mut().resources();
    let timer = resources.push(Timer { recording, until })?;
    subscribe(resources, timer)
}

/// Waits until one of them is ready; which are.
async fn wait(
    mut store: StoreContextMut<'_, State>,
    pollables: &[Resource<DynPollable>],
) -> wasmtime::Result<Vec<u32>> {
    let recording = recording(&store);
    loop {
        let may_respond = sending::start(store.data_mut()).await?;
        recording.forget_waits();
        let again = pollables
            .iter()
            .map(|pollable| Resource::new_borrow(pollable.rep()));
        // Which are ready must not depend on how long the task has run.
        let polled = store.data_mut().resources().poll(again.collect());
        let mut polled = Box::pin(tokio::task::unconstrained(polled));
        if let std::task::Poll::Ready(ready) = futures::poll!(polled.as_mut()) {
            return ready;
        }
        let until = recording.earliest();
        if may_respond {
            drop(polled);
            sending::next(store.data_mut(), until).await?;
            continue;
        }
        let Some(until) = until else {
            // For example a body of HTTP that is not being written.
            return polled.await;
        };
        drop(polled);
        let slept = recording.sleep(until).await?;
        store.data_mut().postpone(slept);
    }
}

async fn log(
    mut store: StoreContextMut<'_, State>,
    level: Level,
    context: WasmStr,
    message: WasmStr,
) -> wasmtime::Result<()> {
    let context = cut_context(&context.to_str(&store)?).to_owned();
    let message = cut_message(&message.to_str(&store)?).to_owned();
    if !recording(&store).is_replaying().await? {
        let (log, component) = store.data_mut().log();
        log.pass_on(component, level, &context, &message, Instant::now());
    }
    Ok(())
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if !self.recording.is_over(self.until) {
            // The caller sleeps, and polls it again.
            std::future::pending::<()>().await;
        }
    }
}
