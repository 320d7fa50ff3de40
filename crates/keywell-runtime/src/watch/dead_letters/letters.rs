//! The bucket of dead letters, and the marks of those that are to be delivered again.
//!
//! - A letter that is too large for the store is kept without its value.
//! - A mark stays until its letter is written again or removed, so one that is set while no process
//!   runs the trigger is found at its next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use keywell_store::{
    Bucket, BucketName, Cursor, Error, Failure, Filter, List, Result, Set, Since, Store, Watch,
};

use crate::watch::dead_letters::letter::DeadLetter;

/// A bucket of dead letters: events that could not be delivered, each with the reason.
///
/// A letter is a JSON object under `letters/` and its id, so it can also be read as any other key.
/// One that is to be delivered again has a mark under `replays/` and its id.
#[derive(Clone)]
pub struct DeadLetters {
    bucket: Arc<dyn Bucket>,
    /// Whether it was logged that they cannot be watched.
    is_unwatched: Arc<AtomicBool>,
}

/// Some of the letters of a bucket, by trigger, and oldest first where the store lists in order.
#[derive(Clone, Debug, Default)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// The ids of those that cannot be read: another release wrote them, or another program.
    pub unreadable: Vec<String>,
    /// Where the next page begins; `None` on the last page.
    pub cursor: Option<Cursor>,
}

// === impl DeadLetters ===

impl DeadLetters {
    /// How many letters are on a page, each with its value.
    const PAGE: usize = 100;
    const LETTERS: &str = "letters/";
    pub(crate) const REPLAYS: &str = "replays/";
    const PROBES: &str = "probes/";

    /// Opens the letters in a store.
    pub async fn open(store: &Arc<dyn Store>, bucket: &BucketName) -> Result<Self> {
        let bucket = store.open(bucket).await?;
        Ok(Self {
            bucket,
            is_unwatched: Arc::default(),
        })
    }

    /// Finds out whether letters of a trigger can be written.
    pub(crate) async fn try_writing(&self, trigger: &str) -> Result<()> {
        let key = [Self::PROBES, trigger].concat();
        self.bucket.set(&key, Bytes::new(), Set::default()).await?;
        self.bucket.delete(&key).await
    }

    /// A page of letters, of one trigger or of all.
    pub async fn list(&self, trigger: Option<&str>, cursor: Option<Cursor>) -> Result<LetterPage> {
        let listed = self.under(Self::LETTERS, trigger, cursor, Self::PAGE);
        let (ids, cursor) = listed.await?;
        let mut page = LetterPage {
            cursor,
            ..LetterPage::default()
        };
        for id in ids {
            match self.get(&id).await {
                Ok(letter) => page.letters.extend(letter),
                Err(Error::Corrupt(_)) => page.unreadable.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The ids of a page of letters, of one trigger or of all, whether they can be read or not, and
    /// where to go on. Nothing is read of the letters themselves.
    pub async fn ids(
        &self,
        trigger: Option<&str>,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<String>, Option<Cursor>)> {
        let limit = List::default().limit;
        self.under(Self::LETTERS, trigger, cursor, limit).await
    }

    /// A letter; `None` if there is none of this id.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where it cannot be read as a letter, besides what the store has.
    pub async fn get(&self, id: &str) -> Result<Option<DeadLetter>> {
        let Some(entry) = self.bucket.get(&letter(id)).await? else {
            return Ok(None);
        };
        let is_replaying = self.bucket.exists(&mark(id)).await?;
        let read = DeadLetter::from_json(id, &entry.value, is_replaying);
        read.map(Some).ok_or_else(|| {
            let problem = format!("the dead letter {id:?} is none that this Keywell can read");
            Error::Corrupt(Failure::new(problem))
        })
    }

    /// Marks a letter, so that its trigger delivers it again. Returns whether there is such a letter.
    ///
    /// The trigger takes it at once where it runs, in this process or another (within a while, if
    /// the store cannot be watched), and otherwise when it next starts. It is delivered after what is queued of its key. If it fails again, it is
    /// back among the letters. One that was too large to be kept with its value is delivered with
    /// the value that its key holds then; if there is none, it stays a letter.
    pub async fn replay(&self, id: &str) -> Result<bool> {
        if !self.bucket.exists(&letter(id)).await? {
            return Ok(false);
        }
        self.bucket
            .set(&mark(id), Bytes::new(), Set::default())
            .await?;
        Ok(true)
    }

    /// Removes a letter for good, and answers whether there was one.
    pub async fn remove(&self, id: &str) -> Result<bool> {
        let was_there = self.bucket.exists(&letter(id)).await?;
        self.bucket.delete(&letter(id)).await?;
        self.unmark(id).await?;
        Ok(was_there)
    }

    /// Removes the mark of a letter.
    pub(crate) async fn unmark(&self, id: &str) -> Result<()> {
        self.bucket.delete(&mark(id)).await
    }

    /// Writes a letter, and without its value where it is too large with it.
    ///
    /// It no longer waits to be delivered again. The mark goes first: once the letter can be seen, a mark
    /// is from after that.
    pub(crate) async fn write(&self, dead: &DeadLetter) -> Result<()> {
        if dead.is_replaying {
            self.unmark(&dead.id).await?;
        }
        let key = letter(&dead.id);
        let written = self.bucket.set(&key, dead.to_json()?, Set::default()).await;
        match written {
            Err(Error::Invalid(_)) if dead.value.is_some() => {
                let bytes = dead.value.as_ref().map_or(0, Bytes::len);
                let reason = format!(
                    "{}; its value of {bytes} bytes is too large to be kept here",
                    dead.reason
                );
                let shortened = DeadLetter {
                    value: None,
                    reason,
                    ..dead.clone()
                };
                self.bucket
                    .set(&key, shortened.to_json()?, Set::default())
                    .await?;
            }
            written => drop(written?),
        }
        Ok(())
    }

    /// The ids of the letters of a trigger that wait to be delivered again.
    pub(crate) async fn replaying(
        &self,
        trigger: &str,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<String>, Option<Cursor>)> {
        let limit = List::default().limit;
        self.under(Self::REPLAYS, Some(trigger), cursor, limit)
            .await
    }

    async fn under(
        &self,
        folder: &str,
        trigger: Option<&str>,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<Cursor>)> {
        let of = trigger.map_or(String::new(), |trigger| format!("{trigger}/"));
        let request = List {
            prefix: [folder, &of].concat(),
            cursor,
            limit,
            ..List::default()
        };
        let page = self.bucket.list(request).await?;
        let ids = page.keys.iter();
        let ids = ids.filter_map(|key| key.strip_prefix(folder));
        Ok((ids.map(str::to_owned).collect(), page.cursor))
    }

    /// Watches the marks of letters of a trigger.
    pub(crate) async fn watch(&self, trigger: &str) -> Result<Watch> {
        let filter = Filter::Prefix(format!("{}{trigger}/", Self::REPLAYS));
        self.bucket.watch(filter, Since::Now).await
    }

    /// Notes that the letters can be watched.
    pub(crate) fn note_watched(&self) {
        self.is_unwatched.store(false, Ordering::Relaxed);
    }

    /// Notes that the letters cannot be watched, and answers whether that is new.
    pub(crate) fn note_unwatched(&self) -> bool {
        !self.is_unwatched.swap(true, Ordering::Relaxed)
    }
}

fn letter(id: &str) -> String {
    [DeadLetters::LETTERS, id].concat()
}

fn mark(id: &str) -> String {
    [DeadLetters::REPLAYS, id].concat()
}
