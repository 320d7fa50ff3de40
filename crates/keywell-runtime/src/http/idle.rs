use parking_lot::Mutex;
use slab::Slab;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::Proxy;

use crate::state::State;

/// Instances between two requests, of all apps of a runtime: each has a slot of the pool that any
/// other call may need.
#[derive(Default)]
pub(crate) struct IdleInstances(Mutex<Slab<Vec<Idle>>>);

/// An instance between two requests.
pub(super) struct Idle {
    pub(super) store: Store<State>,
    pub(super) proxy: Proxy,
    pub(super) answered: u32,
}

// === impl IdleInstances ===

impl IdleInstances {
    /// A number for an app, until [`forget`](Self::forget).
    pub(super) fn register(&self) -> usize {
        self.0.lock().insert(Vec::new())
    }

    pub(super) fn forget(&self, app: usize) {
        let forgotten = self.0.lock().try_remove(app);
        // Instances end when nobody waits for the lock.
        drop(forgotten);
    }

    pub(super) fn keep(&self, app: usize, idle: Idle) {
        if let Some(instances) = self.0.lock().get_mut(app) {
            instances.push(idle);
        }
    }

    /// The instance of an app that was kept last, so that the same few stay warm.
    pub(super) fn take(&self, app: usize) -> Option<Idle> {
        self.0.lock().get_mut(app)?.pop()
    }

    /// Ends the instance that was kept first by the app that keeps most, so that its slot is free
    /// for another, and answers whether there was one.
    pub(crate) fn end_one(&self) -> bool {
        let ended = {
            let mut apps = self.0.lock();
            let instances = apps.iter_mut().map(|(_, instances)| instances);
            let most = instances.max_by_key(|instances| instances.len());
            most.filter(|most| !most.is_empty())
                .map(|most| most.remove(0))
        };
        ended.is_some()
    }
}
