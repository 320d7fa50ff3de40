use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use keywell_store::Watching;

use crate::checks::paging::many_keys_factor;
use crate::failure::{Failure, Verdict};
use crate::need::{Need, Unmet};
use crate::scratch::Scratch;
use crate::subject::Subject;

/// One promised behaviour.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its group: store, paging, atomics, transact, batch, collections, watch, ttl, limits, errors,
    /// isolation or concurrency.
    pub group: &'static str,
    /// Its name, a sentence such as `a_stale_swap_writes_nothing`.
    pub name: &'static str,
    /// The promise, a sentence.
    pub promise: &'static str,
    pub(crate) run: for<'a> fn(&'a Subject) -> BoxFuture<'a, Result<Outcome, Failure>>,
}

/// The result of a behaviour that is not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The store keeps the promise.
    Kept,
    /// The store does not declare this capability, and refuses it.
    Refused(&'static str),
    /// The behaviour does not apply to this store, or cannot be tried on it; this is why.
    Skipped(&'static str),
}

/// A function that checks a promise.
pub(crate) type Check = for<'a> fn(&'a Scratch<'a>) -> BoxFuture<'a, Verdict>;

// === impl Behaviour ===

impl Behaviour {
    /// Runs the behaviour in buckets of its own, and deletes what it wrote.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if the promise is broken. A panic of the store and a call without an answer break
    /// it, too.
    pub async fn run(&self, subject: &Subject) -> Result<Outcome, Failure> {
        (self.run)(subject).await
    }
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

// === impl Outcome ===

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Refused(what) => write!(f, "refused as declared: {what}"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

pub(crate) async fn run(
    subject: &Subject,
    needs: &[Need],
    check: Check,
) -> Result<Outcome, Failure> {
    let scratch = Scratch::new(subject);
    let patience = subject.patience * many_keys_factor(subject);
    let running = AssertUnwindSafe(judge(&scratch, needs, check)).catch_unwind();
    let ended = match tokio::time::timeout(patience, running).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(Failure::new(
            format!("a panic: {}", message(&*panic)),
            "a store answers every call",
        )),
        Err(_) => Err(Failure::new(
            format!("nothing within {patience:?}"),
            "every call is answered",
        )),
    };
    let ended = ended.map_err(|failure| failure.after(scratch.steps()));
    let cleaned = subject.clean().await;
    let outcome = ended?;
    cleaned.map_err(|error| {
        Failure::new(
            error.to_string(),
            "the keys that a behaviour wrote can be deleted",
        )
    })?;
    Ok(outcome)
}

async fn judge(scratch: &Scratch<'_>, needs: &[Need], check: Check) -> Result<Outcome, Failure> {
    let declared = scratch.bare().await?.capabilities();
    let mut unmet = needs
        .iter()
        .filter_map(|need| need.unmet(scratch.subject, declared));
    match unmet.next() {
        None => match check(scratch).await {
            Ok(()) => Ok(Outcome::Kept),
            Err(failure) if failure.is_inconclusive && declared.watch == Watching::Lossy => {
                Ok(Outcome::Skipped("events were lost, as the store declares"))
            }
            Err(failure) => Err(failure),
        },
        Some(Unmet::Skip(why)) => Ok(Outcome::Skipped(why)),
        Some(Unmet::Refuse(refusal)) => {
            refusal.check(scratch).await?;
            Ok(Outcome::Refused(refusal.what()))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
