use std::collections::HashMap;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{Component, Instance, Linker, TypedFunc};

use super::Done;

/// The number of calls of a first run, which estimates the time of one.
const FIRST: u32 = 100;
/// The most calls of one measurement.
const MOST: u32 = 10_000_000;

/// A bench guest in a host.
pub(crate) struct Calls<T: 'static> {
    store: Store<T>,
    instance: Instance,
    /// How many calls of each export fill a measurement.
    counts: HashMap<String, u32>,
}

// === impl Calls ===

impl<T: Send> Calls<T> {
    /// The guest, whose values have so many bytes, in the host that the linker has.
    pub(crate) fn new(linker: &Linker<T>, component: &Component, size: u32, data: T) -> Done<Self> {
        let mut store = Store::new(component.engine(), data);
        store.set_hostcall_fuel(usize::MAX);
        let instance = linker.instantiate(&mut store, component)?;
        let prepare: TypedFunc<(u32,), ()> = instance.get_typed_func(&mut store, "prepare")?;
        prepare.call(&mut store, (size,))?;
        Ok(Self {
            store,
            instance,
            counts: HashMap::new(),
        })
    }

    /// Nanoseconds a call, over about so long.
    pub(crate) fn time(&mut self, name: &str, about: Duration) -> Done<f64> {
        let calls = if let Some(calls) = self.counts.get(name) {
            *calls
        } else {
            let one = self.run(name, FIRST)?.as_secs_f64() / f64::from(FIRST);
            let calls = (about.as_secs_f64() / one).clamp(f64::from(FIRST), f64::from(MOST));
            *self.counts.entry(name.to_owned()).or_insert(calls as u32)
        };
        Ok(self.run(name, calls)?.as_nanos() as f64 / f64::from(calls))
    }

    fn run(&mut self, name: &str, calls: u32) -> Done<Duration> {
        let call: TypedFunc<(u32,), (u64,)> =
            self.instance.get_typed_func(&mut self.store, name)?;
        let began = Instant::now();
        let (sum,) = call.call(&mut self.store, (calls,))?;
        let took = began.elapsed();
        if sum < u64::from(calls) {
            return Err(format!("{calls} calls of `{name}` answered {sum}").into());
        }
        Ok(took)
    }
}
