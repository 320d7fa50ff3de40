//! `keywell:keyvalue@0.1.0`, Keywell's own: versions, times to live, transactions and
//! subscriptions.
//!
//! Its buckets are those of `wasi:keyvalue`, by the same grants and behind the same layers. A
//! bucket stays on the link by which it was opened, in all of its interfaces.

mod atomics;
mod batch;
mod entry;
mod error;
mod event;
mod expectation;
mod listing;
mod store;
mod subscription;
mod transactions;
pub(crate) mod version;
mod watch;

pub(crate) use entry::readable;
pub(crate) use error::{OwnError, SizeLimit};
pub(crate) use expectation::expiring;
pub(crate) use store::{open, opened};
pub(crate) use subscription::Subscription;

use crate::descriptor::Descriptor;
use crate::interface::Link;
use crate::keyvalue::KeyvalueView;

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    name: "keywell:keyvalue@0.1.0",
    package: "keywell:keyvalue",
    version: "0.1.0",
    interfaces: &["store", "atomics", "batch", "transactions", "watch"],
    fits: |_| true,
    watcher: None,
};

pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "store" => Some(store::link),
        "atomics" => Some(atomics::link),
        "batch" => Some(batch::link),
        "transactions" => Some(transactions::link),
        "watch" => Some(watch::link),
        _ => None,
    }
}
