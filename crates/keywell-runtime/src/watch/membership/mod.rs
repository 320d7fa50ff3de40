//! The processes that divide work among them: who owns which partition.
//!
//! Knows nothing of watches. [`record`] is what members have in common, [`member`] decides as a state
//! machine without a clock or I/O, [`driver`] performs what it decides in a bucket, and
//! [`lock_file`] shows others on this machine that a process has ended. What members promise to each
//! other stands at the top of `member/mod.rs`; `simulation` holds them to it, by seeds.
//!
//! - A group is one record in a bucket, written by compare-and-swap. Members renew their lease (10 s
//!   unless set otherwise) every third of it.
//! - No clocks are compared: each member counts a heartbeat up, and is evicted by members that saw it
//!   stand still for a lease.
//! - A member that is alone and idle writes nothing, and watches the record for newcomers.
//! - A process with another purpose than the group's asks for a heartbeat in the record, waits for at
//!   most a lease, and is refused if a member lives.

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
