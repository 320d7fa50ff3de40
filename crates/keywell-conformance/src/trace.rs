use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use keywell_store::{Answer, BucketName};
use parking_lot::Mutex;

use crate::failure::answer;

/// How many of the last steps a failure shows.
const STEPS: usize = 12;

/// The calls of a behaviour so far, and their answers.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Steps>>);

#[derive(Default)]
struct Steps {
    last: VecDeque<Step>,
    earlier: usize,
}

struct Step {
    text: String,
    /// How often it was repeated in a row, as when a condition is polled.
    times: usize,
}

/// The keys that were or may have been written, by bucket: these are deleted in the end.
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

    /// Notes a call with its answer, once the answer is there.
    pub(crate) fn record<T>(&self, asked: String, answered: Answer<T>) -> Answer<T>
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
        let last = steps.last.iter().map(|step| match step.times {
            1 => step.text.clone(),
            times => format!("{}, {times} times", step.text),
        });
        (steps.earlier, last.collect())
    }
}

// === impl Written ===

impl Written {
    /// Notes a bucket for which a store may keep data although no key is written.
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
