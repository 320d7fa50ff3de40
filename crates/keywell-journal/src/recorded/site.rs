//! A store that a worker uses.

use std::collections::HashMap;
use std::sync::Arc;

use keywell_store::{
    Bucket, BucketName, Capabilities, Error as StoreError, Failure, Result as StoreResult, Store,
};

use crate::error::Error;
use crate::session::Session;

pub(super) struct Site {
    pub(super) session: Session,
    /// The name of the store, for the journal.
    pub(super) label: String,
    pub(super) store: Arc<dyn Store>,
    opened: parking_lot::Mutex<HashMap<BucketName, Arc<dyn Bucket>>>,
}

// === impl Site ===

impl Site {
    pub(super) fn new(session: Session, label: String, store: Arc<dyn Store>) -> Self {
        Self {
            session,
            label,
            store,
            opened: parking_lot::Mutex::default(),
        }
    }

    /// A bucket, which is opened once.
    pub(super) async fn bucket(&self, name: &BucketName) -> StoreResult<Arc<dyn Bucket>> {
        let opened = self.opened.lock().get(name).cloned();
        if let Some(bucket) = opened {
            return Ok(bucket);
        }
        let bucket = self.store.open(name).await?;
        self.keep(name, &bucket);
        Ok(bucket)
    }

    pub(super) fn keep(&self, name: &BucketName, bucket: &Arc<dyn Bucket>) {
        self.opened.lock().insert(name.clone(), bucket.clone());
    }

    pub(super) async fn capabilities(&self, name: &BucketName) -> StoreResult<Capabilities> {
        Ok(self.bucket(name).await?.capabilities())
    }

    /// Ends the session because the store cannot say what became of an effect. It is asked
    /// again when the worker is opened.
    pub(super) async fn lose(&self, error: StoreError) -> Error {
        let shared = self.session.shared();
        match shared.core().await {
            Ok(mut core) => {
                let error = Error::Store(error);
                let failed: Result<(), _> = shared.fail(&mut core, error.clone()).await;
                failed.err().unwrap_or(error)
            }
            Err(earlier) => earlier,
        }
    }
}

/// What a component reads of a session that ended. It cannot go on: every later call and its answer
/// are refused, too.
pub(super) fn refused(error: Error) -> StoreError {
    match error {
        Error::Ended | Error::Refused { .. } => {
            StoreError::AccessDenied("effects are refused in a rehearsal".into())
        }
        Error::Quiet(_) => {
            StoreError::AccessDenied("a state is saved and loaded without calls".into())
        }
        Error::Store(error) => error,
        error => StoreError::Internal(Failure::caused_by("the worker is stopped", error)),
    }
}
