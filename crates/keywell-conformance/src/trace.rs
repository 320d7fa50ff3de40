use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use keywell_store::{Answer, BucketName};
use parking_lot::Mutex;

use crate::failure::answer;

/// As many of the last steps are kept for the story of a failure.
const STEPS: usize = 12;

/// What a behaviour asked so far and was answered.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Steps>>);

#[derive(Default)]
struct Steps {
    last: VecDeque<Step>,
    earlier: usize,
}

struct Step {
    text: String,
    /// How often it came in a row, as when something is asked until the answer is another.
    times: usize,
}

/// The keys that were written, or may have been, by bucket: what has to be deleted in the end.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<HashMap<BucketName, HashSet<Box<str>>>>>);

// === impl Trace ===

impl Trace {
    pub(crate) fn note(&self, step: String) {
        let mut steps = self.0.lock();
        if let Some(last) = steps.last.back_mut()
            && last.text == step
        {
            last.times += 1;
            return;
        }
        if steps.last.len() == STEPS {
            steps.last.pop_front();
            steps.earlier += 1;
        }
        steps.last.push_back(Step {
            text: step,
            times: 1,
        });
    }

    /// Notes a call with its answer, at once if that is there at once.
    pub(crate) fn hear<T>(&self, asked: String, answered: Answer<T>) -> Answer<T>
    where
        T: std::fmt::Debug + Send + 'static,
    {
        match answered {
            Answer::Now(result) => {
                self.note(format!("{asked} → {}", answer(&result)));
                Answer::Now(result)
            }
            Answer::Later(future) => {
                let trace = self.clone();
                Answer::Later(Box::pin(async move {
                    let result = future.await;
                    trace.note(format!("{asked} → {}", answer(&result)));
                    result
                }))
            }
        }
    }

    pub(crate) fn steps(&self) -> (usize, Vec<String>) {
        let steps = self.0.lock();
        let told = steps.last.iter().map(|step| match step.times {
            1 => step.text.clone(),
            times => format!("{}, {times} times", step.text),
        });
        (steps.earlier, told.collect())
    }
}

// === impl Written ===

impl Written {
    /// Notes a bucket of which a store may keep something though no key is written.
    pub(crate) fn touch(&self, bucket: &BucketName) {
        self.0.lock().entry(bucket.clone()).or_default();
    }

    pub(crate) fn add(&self, bucket: &BucketName, key: &str) {
        let mut buckets = self.0.lock();
        if let Some(keys) = buckets.get_mut(bucket) {
            if !keys.contains(key) {
                keys.insert(key.into());
            }
        } else {
            buckets.insert(bucket.clone(), HashSet::from([key.into()]));
        }
    }

    pub(crate) fn take(&self) -> HashMap<BucketName, HashSet<Box<str>>> {
        std::mem::take(&mut self.0.lock())
    }
}
