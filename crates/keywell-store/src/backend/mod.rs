//! The bucket of a store that waits for a service.
//!
//! Such a store implements [`Reader`], [`Writer`], [`Watcher`] and [`Backend`] for what the handles
//! on a bucket share: async methods that borrow their keys and are written for one valid call.
//! [`Backends`] opens its buckets, as [`BackendBucket`]s. These check keys, values, times to live and
//! batches before anything is sent, read and write a key that is given twice once, read the values of
//! a listing of keys alone, and make live watches of [reserved](crate::reserved) buckets.
//!
//! Each call is one boxed future, as [`Answer::Later`](crate::Answer::Later) is anyway. A store that
//! mostly answers at once implements [`Bucket`](crate::Bucket) itself.

mod backends;
mod bucket;
mod contract;
mod gate;

pub use backends::{Backends, Named};
pub use bucket::BackendBucket;
pub use contract::{Backend, Reader, Watcher, Writer};
pub use gate::InFlight;
