//! Calls of a store that another process makes.

use bytes::Bytes;
use keywell_store::layer::{Limited, Limits};
use keywell_store::{Bucket, Error, Failure, Result, Store, Transacting, Watch};
use serde::Serialize;

use crate::call::{BucketCall, Call, Value};

/// What a call is answered with.
pub(crate) enum Forwarded {
    /// A `Result`, as JSON.
    Answer(Bytes),
    /// A watch to follow.
    Watch(Watch),
}

/// What buckets declare at most, within the limits that hosts have.
const MOST: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};

/// Makes a call, within the limits that hosts have.
pub(crate) async fn forward(store: &dyn Store, call: Call) -> Forwarded {
    Forwarded::Answer(match call {
        Call::Buckets => json(store.buckets().await).await,
        Call::Forget(name) => json(store.forget(&name).await).await,
        Call::Health => json(store.health().await).await,
        Call::Maintain(task) => json(store.maintain(task).await).await,
        Call::Transact(checks, writes) => match MOST.check(&checks, &writes) {
            Ok(()) => json(store.transact(checks, writes).await).await,
            Err(error) => json(Err::<(), _>(error)).await,
        },
        Call::In(name, call) => match store.open(&name).await {
            Ok(bucket) => return in_bucket(Limited::new(bucket, Limits::default()), call).await,
            Err(error) => json(Err::<(), _>(error)).await,
        },
    })
}

async fn in_bucket(bucket: Limited, call: BucketCall) -> Forwarded {
    Forwarded::Answer(match call {
        BucketCall::Open => json(Ok(bucket.capabilities())).await,
        BucketCall::Get(key, max) => json(bucket.get_within(&key, max).await).await,
        BucketCall::Set(key, Value(value), how) => json(bucket.set(&key, value, how).await).await,
        BucketCall::Delete(key) => json(bucket.delete(&key).await).await,
        BucketCall::Exists(key) => json(bucket.exists(&key).await).await,
        BucketCall::Swap(key, expected, change) => {
            json(bucket.swap(&key, expected, change).await).await
        }
        BucketCall::Increment(key, delta, created) => {
            json(bucket.increment_or_create(&key, delta, created).await).await
        }
        BucketCall::GetMany(keys, max) => {
            let answer = bucket.get_many_within(&borrowed(&keys), max);
            json(answer.await).await
        }
        BucketCall::GetWithExpiry(keys, max) => {
            let answer = bucket.get_with_expiry(&borrowed(&keys), max);
            json(answer.await).await
        }
        BucketCall::SetMany(entries) => {
            let entries = entries.iter().map(|(key, value)| (&**key, value.0.clone()));
            let answer = bucket.set_many(entries.collect());
            json(answer.await).await
        }
        BucketCall::DeleteMany(keys) => {
            let answer = bucket.delete_many(&borrowed(&keys));
            json(answer.await).await
        }
        BucketCall::List(request) => json(bucket.list(request).await).await,
        BucketCall::Collect(operation) => json(bucket.collect(operation).await).await,
        BucketCall::Watch(filter, since) => match bucket.watch(filter, since).await {
            Ok(watch) => return Forwarded::Watch(watch),
            Err(error) => json(Err::<(), _>(error)).await,
        },
    })
}

fn borrowed(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

/// Writes an answer, which may have megabytes, where it holds up no other task.
pub(crate) async fn json<T: Serialize + Send + 'static>(answer: Result<T>) -> Bytes {
    let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&answer)).await;
    let problem = match written {
        Ok(Ok(json)) => return json.into(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    let error = Error::Internal(Failure::new(format!("writing an answer: {problem}")));
    let json = serde_json::to_vec(&Err::<(), _>(error));
    json.unwrap_or_default().into()
}
