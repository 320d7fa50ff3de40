use std::sync::Arc;

use keywell_store::{Bucket, BucketName, Cursor, Result, Store};

use super::letter::DeadLetter;

/// A bucket of dead letters: events that could not be delivered, each with the reason.
///
/// A letter is a JSON object under its id, so it can also be read as any other key.
#[derive(Clone)]
pub struct DeadLetters {
    #[expect(dead_code, reason = "follows")]
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

#[expect(clippy::unused_async, reason = "follows")]
impl DeadLetters {
    /// Opens the letters in a store.
    pub async fn open(store: &Arc<dyn Store>, bucket: &BucketName) -> Result<Self> {
        let bucket = store.open(bucket).await?;
        Ok(Self { bucket })
    }

    /// A page of letters, of one trigger or of all.
    pub async fn list(&self, trigger: Option<&str>, cursor: Option<Cursor>) -> Result<LetterPage> {
        let _ = (trigger, cursor);
        Ok(LetterPage::default())
    }

    /// A letter; `None` if there is none of this id.
    pub async fn get(&self, id: &str) -> Result<Option<DeadLetter>> {
        let _ = id;
        Ok(None)
    }

    /// Has the trigger of a letter deliver it again, and answers whether there was such a letter.
    ///
    /// The trigger takes it at once where it runs, in this process or another, and otherwise when
    /// it next starts. It is delivered after what is queued of its key. If it fails again, it is
    /// back among the letters.
    pub async fn replay(&self, id: &str) -> Result<bool> {
        let _ = id;
        Ok(false)
    }

    /// Removes a letter for good, and answers whether there was one.
    pub async fn remove(&self, id: &str) -> Result<bool> {
        let _ = id;
        Ok(false)
    }
}
