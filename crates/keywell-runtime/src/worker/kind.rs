//! What all workers of a component have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keywell_journal::{
    Claim, Clock, Created, Error as JournalError, Journal, Journals, RecordedStore, Session,
    Status, Time, WorkerName,
};
use keywell_store::Store;
use keywell_wasi::Grants;

use super::error::WorkerError;
use super::names::WorkerNames;
use super::options::{InterruptedRequests, WorkerOptions};
use super::snapshots::Snapshots;
use crate::instance::Instances;
use crate::invoke::Functions;
use crate::{Environment, Error, LoadedComponent};

/// How configuration values are called among the recorded environment, in which no variable has a name
/// that begins so.
const CONFIG: &str = "=";

pub(super) struct Kind {
    pub(super) instances: Instances,
    pub(super) functions: Functions,
    pub(super) clock: Clock,
    /// How the component saves and loads its state, if it does.
    pub(super) snapshots: Option<Snapshots>,
    pub(super) journals: Journals,
    grants: Arc<Grants>,
    options: WorkerOptions,
    pub(super) digest: Arc<str>,
    /// What names this process to others.
    holder: String,
}

// === impl Kind ===

impl Kind {
    pub(super) async fn new(
        component: &LoadedComponent,
        instances: Instances,
        grants: Arc<Grants>,
        options: WorkerOptions,
    ) -> Result<Self, Error> {
        let digest = component.replayed.clone();
        let digest = digest.ok_or_else(|| {
            let problem = "the component was not compiled for workers";
            Error::Mismatch(problem.to_owned())
        })?;
        let lease = if options.journal.is_exclusive() {
            // The process that had the store before has ended.
            Duration::ZERO
        } else {
            options.lease
        };
        let number: u32 = rand::random();
        Ok(Self {
            functions: Functions::of(component.component()).without(Snapshots::have),
            snapshots: Snapshots::of(component.component())?,
            clock: Arc::new(Time::of_the_system),
            journals: Journals::open(options.journal.clone())
                .await
                .map_err(Box::new)?,
            options: WorkerOptions { lease, ..options },
            holder: format!("process {} ({number:08x})", std::process::id()),
            digest,
            instances,
            grants,
        })
    }

    /// Opens a worker, and makes it if there is none.
    pub(super) async fn session(&self, name: &WorkerName) -> Result<Session, WorkerError> {
        let journal = self.claim(name).await?;
        let max = self.options.max_records;
        Ok(Session::open(journal, self.clock.clone(), max).await?)
    }

    /// What takes the snapshot that is due after so many invocations since the last one.
    pub(super) fn snapshots_due(&self, returned: u64) -> Option<&Snapshots> {
        let every = u64::from(self.options.snapshot_every);
        // One that failed is due again after as many.
        let is_due = returned > 0 && returned.checked_rem(every) == Some(0);
        self.snapshots.as_ref().filter(|_| is_due)
    }

    /// The workers of this component that have invocations which have not ended.
    pub(super) async fn unfinished(
        &self,
        names: &WorkerNames,
    ) -> keywell_journal::Result<Vec<WorkerName>> {
        let workers = self.journals.list().await?.into_iter();
        let unfinished = workers.filter_map(|(name, head)| {
            let head = head.ok()?;
            let is_ours = names.have(&name) && *head.digest == *self.digest;
            (is_ours && head.status == Status::Running).then_some(name)
        });
        Ok(unfinished.collect())
    }

    async fn claim(&self, name: &WorkerName) -> Result<Journal, WorkerError> {
        let claim = Claim {
            holder: self.holder.clone(),
            now: (self.clock)(),
            lease: self.options.lease,
        };
        let head = match self.journals.head(name).await {
            // The process that made it ended before the first record.
            Ok(head) if head.position == 0 => Err(JournalError::NoSuchWorker(name.to_string())),
            head => head,
        };
        match head {
            Ok(head) if *head.digest != *self.digest => {
                return Err(WorkerError::OtherComponent {
                    worker: name.to_string(),
                    recorded: head.digest,
                    given: self.digest.to_string(),
                });
            }
            Ok(_) => {}
            Err(JournalError::NoSuchWorker(_)) => {
                let created = Created {
                    digest: self.digest.to_string(),
                    seed: rand::random(),
                    environment: self.environment(),
                    ..Created::default()
                };
                match self.journals.create(name, created, &claim).await {
                    Err(JournalError::Exists(_)) => {}
                    created => return Ok(created?),
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(self.journals.claim(name, &claim).await?)
    }

    /// What a worker sees of the environment when it is made, and from then on.
    fn environment(&self) -> BTreeMap<String, String> {
        let own = self.instances.environment();
        let variables = own.variables.iter();
        let variables = variables.map(|(name, value)| (name.clone(), value.clone()));
        let config = own.config.iter();
        let config = config.map(|(key, value)| (format!("{CONFIG}{key}"), value.to_string()));
        variables.chain(config).collect()
    }

    /// What becomes of interrupted requests.
    pub(super) fn interrupted_requests(&self) -> InterruptedRequests {
        self.options.interrupted_requests
    }

    /// The environment of a worker. The hosts that it may send requests to are not recorded: a response
    /// that is recorded is answered whether or not it may still be asked for.
    pub(super) fn recorded_environment(&self, name: &WorkerName, created: &Created) -> Environment {
        let mut environment = Environment {
            arguments: vec![name.to_string()],
            outgoing: self.instances.environment().outgoing.clone(),
            ..Environment::default()
        };
        for (name, value) in &created.environment {
            match name.strip_prefix(CONFIG) {
                Some(key) => {
                    environment.config.insert(key.into(), value.as_str().into());
                }
                None => environment.variables.push((name.clone(), value.clone())),
            }
        }
        environment
    }

    /// What a worker may open, recorded in its session.
    pub(super) fn grants(&self, session: &Session) -> Arc<Grants> {
        let mut recorded: Vec<(Arc<dyn Store>, Arc<dyn Store>)> = Vec::new();
        let grants = self.grants.replayed(|store| {
            let known = recorded.iter().find(|(own, _)| Arc::ptr_eq(own, store));
            if let Some((_, recorded)) = known {
                return recorded.clone();
            }
            let mut names = self.options.stores.iter();
            let name = names.find(|(_, own)| Arc::ptr_eq(own, store));
            let name = name.map_or("", |(name, _)| name);
            let layer: Arc<dyn Store> = Arc::new(RecordedStore::new(session, name, store.clone()));
            recorded.push((store.clone(), layer.clone()));
            layer
        });
        Arc::new(grants)
    }
}
