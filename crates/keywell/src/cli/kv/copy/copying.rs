use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_store::{Bucket, Error, Listing, Set};

use super::deadline::Deadline;
use super::differences::{Difference, Differences};
use super::pages::{Pages, Read, read};
use crate::cli::kv::progress::Progress;
use crate::cli::kv::writes::{set_all, set_each};
use crate::cli::kv::{Stop, Target};

/// By how much a copy may expire earlier or later than its original, beside the steps in which the
/// stores count.
const TOLERANCE: Duration = Duration::from_secs(2);

/// A copy of a bucket into the bucket of another store.
pub(super) struct Copying<'a> {
    pub(super) from: Target,
    pub(super) to: Target,
    /// Only keys that begin with this.
    pub(super) prefix: &'a str,
}

/// How many keys were copied.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) written: u64,
    /// Those that the target had already.
    pub(super) skipped: u64,
    /// Those of both that do not expire.
    lasting: u64,
}

// === impl Copying ===

impl Copying<'_> {
    /// Writes the keys that differ.
    pub(super) async fn copy(&self, progress: &Progress, copied: &mut Copied) -> Result<(), Stop> {
        let mut pages = self.pages()?;
        while let Some(page) = pages.next().await.map_err(|error| self.unread(&error))? {
            self.check(&page)?;
            let there = self.there(&page).await?;
            let pairs = page.iter().zip(&there);
            let differing = pairs.filter(|((_, read), there)| {
                let difference = self.difference(read, there.as_ref());
                difference.is_some()
            });
            let differing: Vec<_> = differing.map(|(pair, _)| pair).collect();
            self.write(&differing).await?;
            copied.written += differing.len() as u64;
            copied.skipped += (page.len() - differing.len()) as u64;
            copied.lasting += lasting(&page);
            progress.advance(page.len());
        }
        Ok(())
    }

    /// Reads both stores, and finds the keys of the source that the target does not have as they
    /// are.
    pub(super) async fn compare(
        &self,
        progress: &Progress,
        copied: &Copied,
    ) -> Result<Differences, Stop> {
        let mut found = Differences::default();
        let mut stayed = 0;
        let mut pages = self.pages()?;
        while let Some(page) = pages.next().await.map_err(|error| self.unread(&error))? {
            let there = self.there(&page).await?;
            for ((key, read), there) in page.iter().zip(&there) {
                if let Some(difference) = self.difference(read, there.as_ref()) {
                    found.add(key, difference);
                }
            }
            found.compared += page.len() as u64;
            stayed += lasting(&page);
            progress.advance(page.len());
        }
        // A key that was added and not copied is missing, and reported as that.
        found.deleted = copied.lasting.saturating_sub(stayed);
        Ok(found)
    }

    fn pages(&self) -> Result<Pages<'_>, Stop> {
        let bucket = &*self.from.bucket;
        if bucket.capabilities().list == Listing::None {
            let bucket = &self.from.name;
            return Err(Stop::failure(format!(
                "cannot copy bucket {bucket}: the source keeps no list of its keys; copy those that \
                 you know, each by `keywell kv get` and `keywell kv set`"
            )));
        }
        Ok(Pages::new(bucket, self.prefix))
    }

    /// Checks that the target can hold what was read, before it is asked for any of it.
    fn check(&self, page: &[(String, Read)]) -> Result<(), Stop> {
        let declared = self.to.bucket.capabilities();
        for (key, read) in page {
            let checked = declared.check(key, &read.value);
            checked.map_err(self.to.cannot("copy", key))?;
            if read.deadline.is_some() && !declared.ttl {
                let what = "it expires, and the target keeps no times to live";
                return Err(Stop::failure(format!(
                    "cannot copy the key {key:?}: {what}"
                )));
            }
        }
        Ok(())
    }

    async fn there(&self, page: &[(String, Read)]) -> Result<Vec<Option<Read>>, Stop> {
        let keys: Vec<&str> = page.iter().map(|(key, _)| &**key).collect();
        let there = read(&*self.to.bucket, &keys).await;
        there.map_err(|error| {
            let bucket = &self.to.name;
            Stop::failure(format!(
                "cannot read bucket {bucket} of the target: {error}"
            ))
        })
    }

    async fn write(&self, entries: &[&(String, Read)]) -> Result<(), Stop> {
        let bucket: &dyn Bucket = &*self.to.bucket;
        let cannot = |error: Error| {
            let name = &self.to.name;
            Stop::failure(format!("cannot write to bucket {name}: {error}"))
        };
        let (lasting, expiring): (Vec<_>, Vec<_>) = entries
            .iter()
            .copied()
            .partition(|(_, read)| read.deadline.is_none());
        let written = set_all(bucket, lasting.iter().copied().map(value), &mut 0).await;
        written.map_err(cannot)?;
        let now = Instant::now();
        let sets = expiring.iter().filter_map(|(key, read)| {
            let how: Set = read.deadline?.ttl(now)?;
            Some((&**key, read.value.clone(), how))
        });
        set_each(bucket, sets).await.map_err(cannot)
    }

    /// How the target's entry differs, if it does.
    fn difference(&self, read: &Read, there: Option<&Read>) -> Option<Difference> {
        let tolerance = self.tolerance();
        let Some(there) = there else {
            let may_be_over =
                |deadline: Deadline| deadline.may_have_passed(Instant::now(), tolerance);
            let is_over = read.deadline.is_some_and(may_be_over);
            return (!is_over).then_some(Difference::Missing);
        };
        if read.value != there.value {
            return Some(Difference::Value);
        }
        let agree = match (read.deadline, there.deadline) {
            (Some(one), Some(other)) => one.agrees(other, tolerance),
            (one, other) => one.is_none() && other.is_none(),
        };
        (!agree).then_some(Difference::Expiry)
    }

    fn tolerance(&self) -> Duration {
        let step = |target: &Target| target.bucket.capabilities().ttl_step;
        TOLERANCE + step(&self.from) + step(&self.to)
    }

    fn unread(&self, error: &Error) -> Stop {
        let bucket = &self.from.name;
        Stop::failure(format!(
            "cannot read bucket {bucket} of the source: {error}"
        ))
    }
}

fn value(entry: &(String, Read)) -> (&str, Bytes) {
    (&entry.0, entry.1.value.clone())
}

/// How many of the keys do not expire.
fn lasting(page: &[(String, Read)]) -> u64 {
    let lasting = page.iter().filter(|(_, read)| read.deadline.is_none());
    lasting.count() as u64
}
