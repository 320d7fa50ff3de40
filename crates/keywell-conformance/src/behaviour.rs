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
    /// What it is about: store, paging, atomics, batch, watch, ttl, limits, errors, isolation or
    /// concurrency.
    pub group: &'static str,
    /// Its name, a sentence such as `a_stale_swap_writes_nothing`.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    pub(crate) run: for<'a> fn(&'a Subject) -> BoxFuture<'a, Result<Outcome, Failure>>,
}

/// How a behaviour ended that was not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The promise was kept.
    Kept,
    /// It is about something that the store does not declare, and refuses.
    Refused(&'static str),
    /// It says nothing about this store, or cannot be tried on it.
    Skipped(&'static str),
}

/// What checks a promise.
pub(crate) type Check = for<'a> fn(&'a Scratch<'a>) -> BoxFuture<'a, Verdict>;

// === impl Behaviour ===

impl Behaviour {
    /// Runs it in buckets of its own, and deletes what it wrote.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if the promise is broken, which a panic of the store and an answer that never
    /// comes are too.
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
    let scratch = subject.scratch();
    let patience = subject.patience * many_keys_factor();
    let running = AssertUnwindSafe(judge(&scratch, needs, check)).catch_unwind();
    let ended = match tokio::time::timeout(patience, running).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(Failure::new(
            format!("a panic: {}", words(&*panic)),
            "a store answers, whatever it is asked",
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
            "what a behaviour wrote can be deleted again",
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
            Err(failure) if failure.is_inconclusive && declared.watch == Watching::Lossy => Ok(
                Outcome::Skipped("events were lost, as is declared to happen"),
            ),
            Err(failure) => Err(failure),
        },
        Some(Unmet::Skip(why)) => Ok(Outcome::Skipped(why)),
        Some(Unmet::Refuse(refusal)) => {
            refusal.check(scratch).await?;
            Ok(Outcome::Refused(refusal.what()))
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
