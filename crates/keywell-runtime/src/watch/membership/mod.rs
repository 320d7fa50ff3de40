//! The processes that divide work among them: who owns which partition.
//!
//! Knows nothing of watches. [`record`] is what members have in common, [`member`] decides as a state
//! machine without a clock or I/O, [`driver`] performs what it decides in a bucket, and
//! [`lock_file`] shows others on this machine that a process has ended. What members promise to each
//! other stands at the top of `member.rs`; `simulation` holds them to it, by seeds.

mod driver;
mod lock_file;
mod member;
mod messages;
mod partition;
mod record;

#[cfg(test)]
mod simulation;

pub(crate) use driver::{Membership, Settings};
pub(crate) use messages::{Assignment, Notice, Strategy, Workload};
pub(crate) use partition::{PARTITIONS, partition};
