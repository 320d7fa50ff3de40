//! How a copy catches up with what a call found on the server.
//!
//! A call that writes nothing, such as a deletion of what is gone already, has no sequence that its
//! caller could wait for. Where the copy does not show yet what the call found, the keys are read.

use std::collections::BTreeSet;
use std::time::SystemTime;

use keywell_store::{Error, Result, Transacted};

use super::copy::NearCopy;
use crate::jetstream::backing::Backing;

/// Catches up on keys that the server found to be gone, where the copy has them.
pub(crate) async fn find_gone<'a>(
    backing: &Backing,
    copy: &NearCopy,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<()> {
    let now = SystemTime::now();
    let mut asked = Vec::new();
    let keys: BTreeSet<&str> = keys.into_iter().collect();
    for key in keys {
        let held = copy.look(|index| index.get(key).cloned());
        let sequence = match held {
            Some(None) => continue,
            Some(Some(held)) if held.deadline.is_some_and(|end| end.is_past(now)) => continue,
            Some(Some(held)) => Some(held.sequence),
            None => None,
        };
        // A key that cannot be written is not there.
        if let Ok(subject) = backing.subject(key) {
            asked.push((key.to_owned(), subject, sequence));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let subjects = asked.iter().map(|(_, subject, _)| subject.clone());
    let found = backing.last_of_each(subjects.collect()).await?;
    for (key, subject, sequence) in &asked {
        match (found.get(subject), sequence) {
            (Some(stored), _) => copy.reach(stored.sequence).await,
            (None, Some(sequence)) => copy.forget(key, *sequence),
            (None, None) => {}
        }
    }
    Ok(())
}

/// Catches up on the keys of a transaction that wrote nothing, or not all: what it found may be what
/// the copy does not show yet.
pub(crate) async fn catch_up<'a>(
    backing: &Backing,
    copy: &NearCopy,
    transacted: &Result<Transacted>,
    keys: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let may_be_behind = match transacted {
        Ok(Transacted::Done(written)) => !written.iter().all(|written| written.has_changed),
        Ok(_) | Err(Error::Invalid(_)) => true,
        Err(_) => false,
    };
    if !may_be_behind {
        return Ok(());
    }
    let subjects: BTreeSet<String> = keys.filter_map(|key| backing.subject(key).ok()).collect();
    let found = backing.last_of_each(subjects.into_iter().collect()).await?;
    if let Some(last) = found.values().map(|stored| stored.sequence).max() {
        copy.reach(last).await;
    }
    Ok(())
}
