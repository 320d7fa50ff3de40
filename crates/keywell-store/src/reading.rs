use crate::{Bucket, Cursor, Error, Invalid, Page, Result};

impl Page {
    /// Reads the entries of a page of keys, for a store that lists keys alone. The page has fewer
    /// keys if their values have more than `max` bytes. `seal` makes the cursor that goes on behind
    /// a key.
    ///
    /// # Errors
    ///
    /// As [`Bucket::get_with_expiry`].
    pub async fn read(
        self,
        bucket: &dyn Bucket,
        max: usize,
        seal: impl Fn(&str) -> Cursor,
    ) -> Result<Self> {
        let Self {
            mut keys,
            mut cursor,
            ..
        } = self;
        while !keys.is_empty() {
            let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
            let bound = if keys.len() > 1 { max } else { usize::MAX };
            let entries = match bucket.get_with_expiry(&asked, bound).await {
                Err(Error::Invalid(
                    Invalid::BatchTooLarge { bytes, .. } | Invalid::ValueTooLarge { bytes, .. },
                )) if keys.len() > 1 => {
                    // As many as fit if the values are of one size.
                    let share = keys.len().saturating_mul(max) / bytes.max(1);
                    keys.truncate(share.clamp(1, keys.len() / 2));
                    cursor = keys.last().map(|last| seal(last));
                    continue;
                }
                entries => entries?,
            };
            let listed = keys.into_iter().zip(entries);
            return Ok(Self::of_entries(listed, cursor, max, seal));
        }
        Ok(Self {
            cursor,
            ..Self::default()
        })
    }
}
