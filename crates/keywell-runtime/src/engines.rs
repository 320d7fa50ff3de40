use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::Engine;

use crate::engine::{Tasks, engine};
use crate::ticker::Ticker;
use crate::{Error, Options};

/// The engines of a runtime: one for components that have one task, and from the first component on
/// that needs it, one for several tasks and one for workers.
pub(crate) struct Engines {
    one: Ticked,
    several: Mutex<Option<Ticked>>,
    replayed: Mutex<Option<Ticked>>,
    options: Options,
}

/// An engine, and what advances its epoch.
#[derive(Clone)]
pub(crate) struct Ticked {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
}

// === impl Engines ===

impl Engines {
    /// # Errors
    ///
    /// [`Error::Engine`] when the machine does not give the address space for the pool.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            one: Ticked::new(options, Tasks::One)?,
            several: Mutex::default(),
            replayed: Mutex::default(),
            options: options.clone(),
        })
    }

    /// The engine for components with so many tasks.
    ///
    /// # Errors
    ///
    /// As [`Engines::new`].
    pub(crate) fn with(&self, tasks: Tasks) -> Result<Ticked, Error> {
        let mut made = match tasks {
            Tasks::One => return Ok(self.one.clone()),
            Tasks::Replayed => self.replayed.lock(),
            Tasks::Several => self.several.lock(),
        };
        if let Some(made) = &*made {
            return Ok(made.clone());
        }
        let ticked = Ticked::new(&self.options, tasks)?;
        Ok(made.insert(ticked).clone())
    }

    /// How many tasks a component may have, and what advances the epoch of its engine.
    pub(crate) fn of(&self, engine: &Engine) -> (Tasks, Arc<Ticker>) {
        for (tasks, made) in [
            (Tasks::Several, &self.several),
            (Tasks::Replayed, &self.replayed),
        ] {
            match &*made.lock() {
                Some(made) if Engine::same(&made.engine, engine) => {
                    return (tasks, made.ticker.clone());
                }
                Some(_) | None => {}
            }
        }
        (Tasks::One, self.one.ticker.clone())
    }
}

// === impl Ticked ===

impl Ticked {
    fn new(options: &Options, tasks: Tasks) -> Result<Self, Error> {
        let engine = engine(options, tasks)?;
        let ticker = Ticker::start(&engine)
            .map_err(|error| Error::Engine(format!("cannot start a thread: {error}")))?;
        Ok(Self { engine, ticker })
    }
}
