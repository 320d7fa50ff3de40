//! A copy of a bucket's keys, or of all of it, in the process that reads it.
//!
//! A [follower] reads the stream and feeds an [index]: for each key the sequence of its last message.
//! A read takes the sequence from there, and the value from memory or by its sequence, which any
//! server of the bucket answers exactly. A write waits until the copy has it, so a process always
//! reads its own writes; what other processes wrote it sees a little later. While the copy is not
//! complete, reads ask the server. [copy] says when it may be read.

pub(crate) mod behind;
pub(crate) mod bucket;
pub(crate) mod cache;
pub(crate) mod caching;
pub(crate) mod copy;
mod follower;
mod index;
mod page;
mod values;
mod waiting;
