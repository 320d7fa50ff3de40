//! What passes between a member, its driver and its owner.
//!
//! Events go in, effects come out; a notice is the effect that is for the owner. All of these are
//! plain data.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::record::Record;

/// How partitions change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Events can be read again from a stored position. The owner finishes what it has, then releases
    /// the partition.
    Resumable,
    /// Events are there once. The owner releases a partition at once, and keeps taking its events
    /// until the record names another owner.
    Overlapping,
}

/// What a member is, for as long as it is one.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Different from that of every other member, also of earlier ones.
    pub(crate) name: String,
    /// What the group is for. Members of one group have it in common.
    pub(crate) purpose: String,
    pub(crate) strategy: Strategy,
    pub(crate) lease: Duration,
}

/// What happened, as the driver reports it.
#[derive(Debug)]
pub(crate) enum Event<V> {
    /// The owner of this member asks to be admitted to the group, before it joins.
    Admit,
    /// Time has passed.
    Tick(Workload),
    /// Whether changes of the record are reported as [`Event::Changed`], from now on.
    Watching(bool),
    /// What [`Effect::Read`] found: the record and its version, and members that are known to have
    /// ended.
    Read(Option<(Record, V)>, BTreeSet<String>),
    /// [`Effect::Swap`] wrote the record, which has this version.
    Swapped(V),
    /// [`Effect::Swap`] found another version, and wrote nothing.
    Stale,
    /// A read or a swap has no answer. A swap may have been done.
    Failed,
    /// The record was changed; `None` where it is not known how. Reported while no effect is under
    /// way.
    Changed(Option<Arc<Record>>),
    /// The owner does not have these partitions, though it acquired them. They are acquired again
    /// with the next renewal, if they are still this member's.
    Dropped(BTreeSet<u8>),
    /// The owner stops. With [`Strategy::Overlapping`] it continues until others have its partitions.
    Depart,
    /// The owner is done, and leaves with the partitions that it has.
    Leave,
}

/// What the owner of a member has to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    /// Whether there is work that takes a valid lease.
    pub(crate) has_work: bool,
    /// Partitions of [`Assignment::draining`] that are finished.
    pub(crate) drained: BTreeSet<u8>,
}

/// What the driver is to do. At most one of [`Watch`](Self::Watch), [`Read`](Self::Read) and
/// [`Swap`](Self::Swap) is under way.
#[derive(Debug)]
pub(crate) enum Effect<V> {
    /// Watch the record.
    Watch,
    Read,
    /// Write the record over that of a version; where there is none, if there is no record.
    Swap(Record, Option<V>),
    /// Show other processes of this machine that the member lives.
    Lock,
    /// End that, as the member left.
    Unlock,
    /// Report to the owner.
    Notify(Notice),
}

/// What the owner of a member learns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The group has this member's purpose, or no member.
    Admitted,
    /// The group has another purpose, and a member that lives.
    Refused,
    /// The lease was renewed.
    Assigned(Assignment),
    /// Other members own these partitions now, and take events that come from now on.
    HandedOver(BTreeSet<u8>),
    /// No member has taken over these in time, and this one takes no more events either.
    Abandoned(BTreeSet<u8>),
    /// Others evicted this member before it could depart: these partitions are lost.
    Lost(BTreeSet<u8>),
    /// The member is out of the group.
    Left,
}

/// What a renewal of the lease changed for the owner, in the order to act on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Others evicted this member, so it lost all that it had.
    pub(crate) was_evicted: bool,
    /// Members that this one evicted.
    pub(crate) evicted: BTreeSet<String>,
    /// Partitions that are another member's, or free, and were this one's.
    pub(crate) lost: BTreeSet<u8>,
    /// Partitions to finish, so that they can be released: see [`Workload::drained`].
    pub(crate) draining: BTreeSet<u8>,
    /// Partitions that are new.
    pub(crate) acquired: BTreeSet<u8>,
    /// Those of them whose events were lost for a while.
    pub(crate) orphaned: BTreeSet<u8>,
    /// As [`Notice::HandedOver`].
    pub(crate) handed_over: BTreeSet<u8>,
}
