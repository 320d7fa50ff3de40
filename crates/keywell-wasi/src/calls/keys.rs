//! Whole listings, which the older generations and Spin's key-value have: page after page, until
//! the last one or the end of the budget.
//!
//! A listing of many pages lets other tasks run after each of them, where the call may wait.

use std::sync::Arc;

use keywell_store::{Answer, Bucket as _, Error, List, Page, Promptness, Result};
use wasmtime::StoreContextMut;

use crate::budget::{Charge, OverBudget};
use crate::error::StoreError;
use crate::keyvalue::KeyvalueView;
use crate::opened::Opened;
use crate::values::Trace;

/// Every key of a bucket, charged until it is dropped.
pub(crate) struct Keys {
    pub(crate) listed: Vec<String>,
    /// Why there may be more.
    pub(crate) cut: Option<Cut>,
    charge: Charge,
    /// The page to ask for; none after the last.
    next: Option<List>,
    may_wait: bool,
}

/// Why a listing ended before its last page.
pub(crate) enum Cut {
    Failed(Error),
    OverBudget(OverBudget),
}

/// Lists a bucket.
pub(crate) fn of_bucket<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Arc<Opened>,
) -> Answer<Keys> {
    Keys::begin(store).read(bucket)
}

// === impl Keys ===

impl Keys {
    /// What a key is charged beside its bytes.
    const KEY: usize = size_of::<String>();

    /// A listing for an instance that has read nothing yet.
    pub(crate) fn begin<T: KeyvalueView>(store: &mut StoreContextMut<'_, T>) -> Self {
        let keyvalue = store.data_mut().keyvalue_mut();
        let may_wait = T::HAS_FIBRE || keyvalue.grants.promptness() == Promptness::Waits;
        Self::new(keyvalue.budget_mut().hold_nothing(), may_wait)
    }

    fn new(charge: Charge, may_wait: bool) -> Self {
        Self {
            listed: Vec::new(),
            cut: None,
            charge,
            next: Some(List::default()),
            may_wait,
        }
    }

    /// Reads page after page.
    pub(crate) fn read(mut self, bucket: Arc<Opened>) -> Answer<Self> {
        while let Some(next) = self.next.take() {
            match bucket.list(next) {
                Answer::Now(page) => self.add(page),
                Answer::Later(page) => {
                    return Answer::later(async move {
                        self.add(page.await);
                        Ok(self.read_on(bucket).await)
                    });
                }
            }
            if self.may_wait && self.next.is_some() {
                return Answer::later(async move { Ok(self.read_on(bucket).await) });
            }
        }
        Answer::now(self)
    }

    async fn read_on(mut self, bucket: Arc<Opened>) -> Self {
        while let Some(next) = self.next.take() {
            tokio::task::yield_now().await;
            self.add(bucket.list(next).await);
        }
        self
    }

    /// All of them, or why not.
    pub(crate) fn whole(self) -> Result<Vec<String>, StoreError> {
        match self.cut {
            None => Ok(self.listed),
            Some(cut) => Err(cut.into()),
        }
    }

    fn add(&mut self, page: Result<Page>) {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.cut = Some(Cut::Failed(error));
                return;
            }
        };
        let bytes = page.keys.iter().map(|key| key.len() + Self::KEY).sum();
        if let Err(over) = self.charge.add(bytes) {
            self.cut = Some(Cut::OverBudget(over));
            return;
        }
        self.listed.extend(page.keys);
        self.next = page.cursor.map(|cursor| List {
            cursor: Some(cursor),
            ..List::default()
        });
    }
}

// === impl Cut ===

impl From<Cut> for Trace {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Failed(error) => error.into(),
            Cut::OverBudget(over) => Self(
                format!("the keys of the bucket are more than one list may have: {over}").into(),
            ),
        }
    }
}

impl From<Cut> for StoreError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Failed(error) => error.into(),
            over @ Cut::OverBudget(_) => Trace::from(over).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use keywell_memory::MemoryStore;
    use keywell_store::layer::{Limited, Limits};
    use keywell_store::{Bucket, BucketName, Capabilities, Entry, Set, Store as _, Version};

    use super::*;
    use crate::budget::Budget;
    use crate::chosen::LinkNumber;

    /// A bucket that lists later.
    struct Slow(Arc<dyn Bucket>);

    impl Bucket for Slow {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }

        fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
            self.0.get_within(key, max)
        }

        fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
            self.0.set(key, value, how)
        }

        fn delete(&self, key: &str) -> Answer<()> {
            self.0.delete(key)
        }

        fn list(&self, request: List) -> Answer<Page> {
            Answer::later(self.0.list(request))
        }
    }

    async fn bucket_with(keys: &[String]) -> Arc<dyn Bucket> {
        let name = BucketName::parse("b").unwrap();
        let bucket = MemoryStore::default().open(&name).await.unwrap();
        for key in keys {
            let done = bucket.set(key, Bytes::new(), Set::default()).await;
            done.unwrap();
        }
        bucket
    }

    fn opened(bucket: Arc<dyn Bucket>) -> Arc<Opened> {
        Arc::new(Opened {
            bucket: Limited::new(bucket, Limits::default()),
            store: Arc::new(MemoryStore::default()),
            name: "b".into(),
            link: LinkNumber::UNNAMED,
        })
    }

    fn numbers(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number:08}")).collect()
    }

    #[tokio::test]
    async fn all_pages_are_listed_whether_at_once_or_later_until_the_budget_ends() {
        let written = numbers(2500);
        let bucket = bucket_with(&written).await;
        let bytes = written.len() * (size_of::<String>() + 8);
        for may_wait in [false, true] {
            for bucket in [bucket.clone(), Arc::new(Slow(bucket.clone()))] {
                let list = |bytes| {
                    let charge = Budget::new(bytes).hold_nothing();
                    Keys::new(charge, may_wait).read(opened(bucket.clone()))
                };
                let mut keys = list(bytes).await.unwrap();
                keys.listed.sort();
                assert!(keys.cut.is_none() && keys.listed == written);
                let keys = list(bytes - 1).await.unwrap();
                assert!(matches!(keys.cut, Some(Cut::OverBudget(_))));
                assert_eq!(keys.listed.len(), 2000);
            }
        }
    }

    #[tokio::test]
    async fn others_run_between_the_pages_of_a_store_that_answers_at_once() {
        let bucket = opened(bucket_with(&numbers(2500)).await);
        let list = |may_wait| {
            let charge = Budget::default().hold_nothing();
            Keys::new(charge, may_wait).read(bucket.clone())
        };
        assert!(matches!(list(false), Answer::Now(Ok(_))));
        let Answer::Later(listing) = list(true) else {
            panic!("the listing does not wait");
        };
        let other = tokio::spawn(async {});
        let others = async { other.await.unwrap() };
        let finished = tokio::select! {
            biased;
            _ = listing => "the listing",
            () = others => "the other",
        };
        assert_eq!(finished, "the other");
    }
}
