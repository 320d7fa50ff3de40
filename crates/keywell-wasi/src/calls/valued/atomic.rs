use std::sync::Arc;

use keywell_store::{
    Answer, Bucket as _, Cas, Change, Error, Expected, Failure, Invalid, Set, Swap, counter,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

use crate::calls::atomics::increment_unsigned;
use crate::calls::valued::answer;
use crate::chosen::Linked;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

/// Links `atomic`.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("increment", increment_unsigned, answer)?;
    interface.call("compare-and-swap", compare_and_swap, answer)
}

/// An exchange of one number for another.
struct Exchange {
    bucket: Arc<Opened>,
    key: String,
    old: u64,
    new: i64,
    /// The largest value that may be read.
    max: usize,
    /// How often the key may still be read.
    attempts: u32,
}

/// Counters are signed in every store, so a number past their range is refused, though the
/// interface has it.
fn compare_and_swap<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, old, new): (Resource<BucketHandle>, WasmStr, u64, u64),
) -> wasmtime::Result<Answer<bool>> {
    let Ok(new) = i64::try_from(new) else {
        return Ok(Error::Invalid(Invalid::Overflow).into());
    };
    let key = key.to_str(&*store)?.into_owned();
    let keyvalue = store.data().keyvalue();
    let (bucket, max) = (keyvalue.bucket(&bucket)?, keyvalue.budget().remaining());
    let exchange = move |bucket| Exchange {
        bucket,
        key,
        old,
        new,
        max,
        attempts: Exchange::ATTEMPTS,
    };
    Ok(match keyvalue.elsewhere(Linked::Atomics, bucket) {
        Some(other) => other.then(move |bucket| exchange(bucket).run()),
        None => exchange(bucket.clone()).run(),
    })
}

// === impl Exchange ===

impl Exchange {
    /// Another writer has to write the same number between each reading and its swap to use them
    /// up.
    const ATTEMPTS: u32 = 8;

    fn run(self) -> Answer<bool> {
        if self.bucket.capabilities().cas == Cas::None {
            return Error::Unsupported("compare-and-swap").into();
        }
        let read = self.bucket.get_within(&self.key, self.max);
        read.then(move |entry| {
            let Some(entry) = entry else {
                return Answer::now(false);
            };
            match counter::number(&entry.value) {
                Ok(number) if u64::try_from(number) == Ok(self.old) => {}
                Ok(_) => return Answer::now(false),
                Err(error) => return error.into(),
            }
            let change = Change::Set(counter::text(self.new), Set::default());
            let expected = Expected::from(Some(&entry));
            let swapped = self.bucket.swap(&self.key, expected, change);
            swapped.then(move |swap| match swap {
                Swap::Done(_) => Answer::now(true),
                Swap::Stale => self.again(),
            })
        })
    }

    fn again(mut self) -> Answer<bool> {
        self.attempts -= 1;
        if self.attempts == 0 {
            let busy = "others keep writing the key of a compare-and-swap";
            return Error::Unavailable(Failure::new(busy)).into();
        }
        self.run()
    }
}
