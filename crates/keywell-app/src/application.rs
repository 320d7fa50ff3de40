use std::pin::{Pin, pin};
use std::sync::Arc;

use keywell_config::Plan;
use keywell_runtime::Runtime;
use keywell_runtime::invoke::Functions;
use keywell_runtime::worker::Workers;
use keywell_store::Store;

use crate::contact::Contacts;
use crate::handle::Handle;
use crate::kind::TriggerKind;
use crate::loaded::{Loaded, runtime_options};
use crate::observer::{Observed, Observer};
use crate::stores::Stores;
use crate::{AppOptions, Error};

/// A plan with compiled components that does not run yet.
pub struct Application {
    runtime: Arc<Runtime>,
    loaded: Loaded,
    options: AppOptions,
    observer: Arc<Observer>,
    contacts: Contacts,
    /// Once they are open.
    stores: Option<Stores>,
}

// === impl Application ===

impl Application {
    /// Checks a plan and compiles its components, on this thread. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`], [`Error::Runtime`] or [`Error::Component`].
    pub fn load(plan: Plan, options: AppOptions) -> Result<Self, Error> {
        let runtime = Runtime::new(&runtime_options(&plan, &options)).map_err(Error::Runtime)?;
        let loaded = Loaded::load(plan, &runtime)?;
        Ok(Self::new(Arc::new(runtime), loaded, options))
    }

    pub(crate) fn new(runtime: Arc<Runtime>, loaded: Loaded, options: AppOptions) -> Self {
        let observer = Arc::<Observer>::default();
        Self {
            runtime,
            loaded,
            contacts: Contacts::new(observer.clone(), &options),
            observer,
            options,
            stores: None,
        }
    }

    /// What was loaded, if it was with this runtime.
    pub(crate) fn loaded_with(self, runtime: &Arc<Runtime>) -> Option<Loaded> {
        Arc::ptr_eq(&self.runtime, runtime).then_some(self.loaded)
    }

    /// Whether a component can be called by triggers of a kind; not, if there is no such component.
    pub fn can_be_called(&self, component: &str, kind: TriggerKind) -> bool {
        let component = self.loaded.component(component);
        component.is_some_and(|component| kind.is_exported_by(component))
    }

    /// The functions that a component exports; none, if there is no such component.
    pub fn functions(&self, component: &str) -> Option<Functions> {
        let loaded = self.loaded.component(component)?;
        Some(Functions::of(loaded.component()))
    }

    /// Makes a component ready to have its workers replayed. A store that is open already stands for
    /// every store of the plan; it is not closed, and no other is opened. As
    /// [`Handle::workers`], else.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`], [`Error::NoComponent`] or [`Error::Start`].
    pub async fn workers(
        &self,
        component: &str,
        journal: &str,
        store: &Arc<dyn Store>,
    ) -> Result<Workers, Error> {
        let stores = Stores::given(self.loaded.plan(), store)?;
        let workers = self
            .loaded
            .workers(component, journal, &self.runtime, &stores);
        workers.await
    }

    /// Opens the stores, from within a tokio runtime: all of them, or none. Starting does it, too,
    /// where it was not done before.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] or [`Error::Store`].
    pub async fn open(&mut self) -> Result<(), Error> {
        if self.stores.is_none() {
            let none = Stores::default();
            let stores = Stores::open(self.loaded.plan(), &none, &self.contacts).await?;
            self.stores = Some(stores);
        }
        Ok(())
    }

    /// A store by its name in the plan, once it is open.
    pub fn store(&self, name: &str) -> Option<&Arc<dyn Store>> {
        self.stores.as_ref().and_then(|stores| stores.find(name))
    }

    /// Starts every trigger, or none: then the stores are closed again.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`Error::Health`] or [`Error::Start`].
    pub async fn start(self) -> Result<Handle, Error> {
        let never = std::future::pending();
        let started = self.start_unless(never).await?;
        Ok(started.expect("nothing asks it to stop"))
    }

    /// As [`start`](Self::start), but gives up when `stop` is ready before all have started, and
    /// then answers none.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`Error::Close`] where it gave up.
    pub async fn start_unless(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Handle>, Error> {
        let mut stop = pin!(stop);
        // Before all else, as it takes long where a store does.
        let health = match self.contacts.health(self.loaded.plan()).await {
            Ok(health) => health,
            Err(error) => {
                drop(self.close().await);
                return Err(error);
            }
        };
        if unless(stop.as_mut(), self.open())
            .await
            .transpose()?
            .is_none()
        {
            self.close().await?;
            return Ok(None);
        }
        let stores = self.stores.unwrap_or_default();
        let contact = self.contacts.open(health).await;
        let started = self.loaded.start(&self.runtime, &stores, &self.options);
        match unless(stop, started).await {
            Some(Ok(triggers)) => Ok(Some(Handle::new(
                self.runtime,
                self.options,
                self.loaded,
                stores,
                contact,
                Observed::by(self.observer),
                triggers,
            ))),
            // Why it does not start is the error to report.
            Some(Err(error)) => {
                drop(stores.close().await);
                Err(error)
            }
            None => stores.close().await.map(|()| None),
        }
    }

    /// Closes the stores that are open.
    ///
    /// # Errors
    ///
    /// [`Error::Close`].
    pub async fn close(self) -> Result<(), Error> {
        self.stores.unwrap_or_default().close().await
    }
}

/// What comes of some work, or nothing if it is to stop before.
async fn unless<T>(
    stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = stop => None,
        done = work => Some(done),
    }
}
