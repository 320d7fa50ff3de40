//! Compares a store with a model under random operations.
//!
//! ```
//! use keywell_conformance::{Subject, models};
//! use keywell_memory::MemoryStore;
//!
//! let driven = models::drive(50, async || Subject::new(MemoryStore::new()));
//! assert!(driven.is_ok(), "{}", driven.unwrap_err());
//! ```

mod model;
mod operation;

use std::fmt;
use std::fmt::Write as _;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::failure::{Failure, Verdict};
use crate::scratch::Scratch;
use crate::subject::Subject;

pub use operation::{Expectation, ModelOperation};

/// The most operations of one case.
const LONGEST: usize = 40;

/// Operations after which a store and the model differ, shrunk.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Counterexample {
    /// The operations, each of them necessary.
    pub operations: Vec<ModelOperation>,
    /// The difference.
    pub failure: Failure,
    /// The value of `KEYWELL_SEED` that replays the search.
    pub seed: u64,
}

// === impl Counterexample ===

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = self.operations.len();
        let mut list = String::new();
        for operation in &self.operations {
            writeln!(list, "  {operation:?}")?;
        }
        write!(
            f,
            "the store differs from the model after these {operations} operations:\n\
             {list}{}\nreplay it with KEYWELL_SEED={}",
            self.failure, self.seed
        )
    }
}

/// Runs `cases` lists of random operations, each in a fresh bucket, and compares every answer with
/// that of a model, which is a map.
///
/// A list that shows a difference is shrunk until every operation is necessary. The store must refuse
/// operations that it does not declare. If the [`Subject`] can open its store again, the operations
/// include restarts. The seed is printed; `KEYWELL_SEED` sets it.
///
/// # Errors
///
/// The smallest [`Counterexample`] found.
///
/// # Panics
///
/// If called from within an async runtime: it runs one of its own.
pub fn drive(cases: u32, subject: impl AsyncFnOnce() -> Subject) -> Result<(), Counterexample> {
    let seed = seed();
    println!("KEYWELL_SEED={seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system has room for two threads");
    let subject = runtime.block_on(subject());
    let run = |operations: &[ModelOperation]| runtime.block_on(run(&subject, operations));

    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 10_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let found = runner.run(&operation::lists(LONGEST), |operations| {
        run(&operations)
            .map_err(|failure| proptest::test_runner::TestCaseError::fail(failure.answered))
    });
    match found {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, operations)) => {
            let promised = "the same answer in every run; it came in one run only";
            let failure = Failure::new(reason.message(), promised);
            let (operations, failure) = without_unnecessary(operations, failure, run);
            Err(Counterexample {
                operations,
                failure,
                seed,
            })
        }
        Err(TestError::Abort(reason)) => {
            unreachable!("nothing is rejected, so nothing aborts: {reason}")
        }
    }
}

/// Removes operations that a failure does not need. Proptest removes operations before it simplifies
/// them, and a simpler operation can make others unnecessary.
fn without_unnecessary(
    mut operations: Vec<ModelOperation>,
    mut failure: Failure,
    run: impl Fn(&[ModelOperation]) -> Verdict,
) -> (Vec<ModelOperation>, Failure) {
    if let Err(again) = run(&operations) {
        failure = again;
    }
    let mut next = operations.len();
    while next > 0 {
        next -= 1;
        let mut fewer = operations.clone();
        fewer.remove(next);
        if let Err(still) = run(&fewer) {
            (operations, failure) = (fewer, still);
            next = operations.len();
        }
    }
    (operations, failure)
}

/// Runs one list of operations in a fresh bucket, and deletes what it wrote.
async fn run(subject: &Subject, operations: &[ModelOperation]) -> Verdict {
    let scratch = Scratch::new(subject);
    let verdict = model::compare(&scratch, operations).await;
    let verdict = verdict.map_err(|failure| failure.after(scratch.steps()));
    let cleaned = subject.clean().await;
    verdict?;
    Ok(cleaned?)
}

fn seed() -> u64 {
    let given = std::env::var("KEYWELL_SEED").ok();
    given.map_or_else(rand::random, |text| {
        text.parse()
            .expect("KEYWELL_SEED is a number, as it was printed")
    })
}
