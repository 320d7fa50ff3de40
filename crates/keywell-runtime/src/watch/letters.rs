use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Bucket, BucketName, Cursor, Error, Filter, List, Result, Set, Since, Store, Watch,
};

use super::letter::DeadLetter;

/// A bucket of dead letters: events that could not be delivered, each with the reason.
///
/// A letter is a JSON object under `letters/` and its id, so it can also be read as any other key.
/// One that is to be sent again has a mark under `replays/` and its id.
#[derive(Clone)]
pub struct DeadLetters {
    bucket: Arc<dyn Bucket>,
}

/// Some of the letters of a bucket, by trigger, and oldest first where the store lists in order.
#[derive(Clone, Debug, Default)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// Where to go on; `None` on the last page.
    pub cursor: Option<Cursor>,
}

// === impl DeadLetters ===

impl DeadLetters {
    /// How many letters are on a page, each with its value.
    const PAGE: usize = 100;
    const LETTERS: &str = "letters/";
    pub(super) const REPLAYS: &str = "replays/";

    /// Opens the letters in a store.
    pub async fn open(store: &Arc<dyn Store>, bucket: &BucketName) -> Result<Self> {
        let bucket = store.open(bucket).await?;
        Ok(Self { bucket })
    }

    /// A page of letters, of one trigger or of all.
    pub async fn list(&self, trigger: Option<&str>, cursor: Option<Cursor>) -> Result<LetterPage> {
        let of = trigger.map_or(String::new(), |trigger| format!("{trigger}/"));
        let request = List {
            prefix: [Self::LETTERS, &of].concat(),
            cursor,
            limit: Self::PAGE,
        };
        let page = self.bucket.list(request).await?;
        let mut letters = Vec::with_capacity(page.keys.len());
        for key in &page.keys {
            if let Some(id) = key.strip_prefix(Self::LETTERS)
                && let Some(letter) = self.get(id).await?
            {
                letters.push(letter);
            }
        }
        Ok(LetterPage {
            letters,
            cursor: page.cursor,
        })
    }

    /// A letter; `None` if there is none of this id.
    pub async fn get(&self, id: &str) -> Result<Option<DeadLetter>> {
        let Some(entry) = self.bucket.get(&letter(id)).await? else {
            return Ok(None);
        };
        let is_replaying = self.bucket.exists(&mark(id)).await?;
        let read = DeadLetter::from_json(id, &entry.value, is_replaying);
        read.map(Some)
            .ok_or_else(|| Error::Corrupt("a dead letter is not one that Keywell wrote".into()))
    }

    /// Has the trigger of a letter deliver it again, and answers whether there was such a letter.
    ///
    /// The trigger takes it at once where it runs, in this process or another, and otherwise when
    /// it next starts. It is delivered after what is queued of its key. If it fails again, it is
    /// back among the letters.
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
        self.bucket.delete(&mark(id)).await?;
        Ok(was_there)
    }

    /// Writes a letter, and without its value where it is too large with it.
    ///
    /// It no longer waits to be sent again. The mark goes first: once the letter can be seen, a mark
    /// is of somebody who has seen it.
    pub(super) async fn write(&self, dead: &DeadLetter) -> Result<()> {
        if dead.is_replaying {
            self.bucket.delete(&mark(&dead.id)).await?;
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

    /// The ids of the letters of a trigger that wait to be sent again.
    pub(super) async fn replaying(
        &self,
        trigger: &str,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<String>, Option<Cursor>)> {
        let request = List {
            prefix: format!("{}{trigger}/", Self::REPLAYS),
            cursor,
            ..List::default()
        };
        let page = self.bucket.list(request).await?;
        let ids = page.keys.iter();
        let ids = ids.filter_map(|key| key.strip_prefix(Self::REPLAYS));
        Ok((ids.map(str::to_owned).collect(), page.cursor))
    }

    /// Tells of marks to send letters of a trigger again.
    pub(super) async fn watch(&self, trigger: &str) -> Result<Watch> {
        let filter = Filter::Prefix(format!("{}{trigger}/", Self::REPLAYS));
        self.bucket.watch(filter, Since::Now).await
    }
}

fn letter(id: &str) -> String {
    [DeadLetters::LETTERS, id].concat()
}

fn mark(id: &str) -> String {
    [DeadLetters::REPLAYS, id].concat()
}
