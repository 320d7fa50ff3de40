//! Where a trigger keeps its records: positions and the group's record in the bucket
//! `keywell-triggers`, dead letters in `keywell-deadletters`, of the watched store or of another
//! one.
//!
//! - A trigger that would watch one of its two is refused, and no component can open those names.
//! - Both are written to before the trigger starts, so an account that may only read is refused
//!   then.
//! - Records in another store are filed under the trigger's name and a digest of the watched
//!   store's URL, so that they are not taken for those of another watched store.

use std::sync::Arc;

use keywell_store::{Bucket, BucketName, Store};
use keywell_wasi::Origin;

use crate::watch::checkpoint::positions::try_writing;
use crate::watch::dead_letters::DeadLetters;
use crate::watch::names::{Name, Names};
use crate::watch::target::WatchTarget;

/// Where a trigger keeps its records: positions and the group's record, and dead letters.
///
/// Its errors are what the trigger cannot do, to stand behind its name.
pub(crate) struct Storage {
    pub(crate) store: Arc<dyn Store>,
    /// The bucket of positions and the group's record.
    pub(crate) state: Arc<dyn Bucket>,
    /// The name that these records have there.
    pub(crate) filed_under: String,
    pub(crate) letters: DeadLetters,
    letters_store: Arc<dyn Store>,
}

// === impl Storage ===

impl Storage {
    pub(crate) async fn open(
        target: &WatchTarget,
        origin: &Origin,
        trigger: &str,
    ) -> Result<Self, String> {
        let store = match &target.positions {
            None => origin.store.clone(),
            Some(positions) => positions.store.clone(),
        };
        let (letters_store, letters) = &target.dead_letters;
        let letters_store = letters_store.as_ref().unwrap_or(&store).clone();
        for (store, bucket) in [(&store, &target.state), (&letters_store, letters)] {
            check(origin, store, bucket)?;
        }
        let state = store.open(&target.state).await;
        let state =
            state.map_err(|error| format!("cannot open the bucket of its position: {error}"))?;
        let letters = DeadLetters::open(&letters_store, letters).await;
        let letters = letters
            .map_err(|error| format!("cannot open the bucket of its dead letters: {error}"))?;
        Ok(Self {
            store,
            state,
            filed_under: target.filed_under(trigger),
            letters,
            letters_store,
        })
    }

    /// Whether other processes may have these records, too.
    pub(crate) fn is_shared(&self, origin: &Origin) -> bool {
        !origin.store.is_exclusive() && !self.store.is_exclusive()
    }

    /// Takes the name of these records in this process, whose store is its alone; `None` if it is in
    /// use.
    pub(crate) fn take_name(&self, names: &Names, target: &WatchTarget) -> Option<Name> {
        names.take(&self.store, target.state.as_str(), &self.filed_under)
    }

    /// Finds out whether records can be written, where that depends on an account or a server.
    pub(crate) async fn try_writing(
        &self,
        target: &WatchTarget,
        trigger: &str,
    ) -> Result<(), String> {
        if !self.store.is_exclusive() {
            let tried = try_writing(&self.state, &self.filed_under).await;
            tried.map_err(|error| unwritable("positions", &target.state, &error))?;
        }
        if self.letters_store.is_exclusive() {
            return Ok(());
        }
        match self.letters.try_writing(trigger).await {
            Ok(()) => Ok(()),
            // One that is full may have room by the time that there is a letter.
            Err(error) if error.may_pass() => {
                tracing::warn!(trigger, %error, "dead letters cannot be written now");
                Ok(())
            }
            Err(error) => Err(unwritable("dead letters", &target.dead_letters.1, &error)),
        }
    }
}

/// A trigger that watched its own records would trigger itself without end.
fn check(origin: &Origin, store: &Arc<dyn Store>, bucket: &BucketName) -> Result<(), String> {
    let is_same_store = std::ptr::addr_eq(Arc::as_ptr(store), Arc::as_ptr(&origin.store));
    if is_same_store && origin.bucket == *bucket {
        return Err(format!(
            "watches {:?}, where triggers keep what they must not forget; watch another bucket",
            origin.bucket.as_str()
        ));
    }
    Ok(())
}

fn unwritable(what: &str, bucket: &BucketName, error: &keywell_store::Error) -> String {
    format!(
        "cannot write its {what} to the bucket {bucket}: {error}; keep them in another store, by \
         `positions` of the trigger in keywell.toml or by `keywell serve --positions URL`"
    )
}
