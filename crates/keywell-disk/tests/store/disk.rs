//! A simulated disk in memory that can lose power, fill up, fail, or ignore syncs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use keywell_disk::{Checked, DiskStore, OpenError, Options, Salvaged};
use keywell_store::{BucketName, Entry};
use parking_lot::{Condvar, Mutex};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use redb::StorageBackend;

/// The size of an atomic write of a disk.
const SECTOR: usize = 512;

/// The unit of allocation of a file system.
const BLOCK: usize = 4096;

/// A disk, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The content at the last sync.
    durable: Vec<u8>,
    /// The content with all later writes, as the operating system shows it.
    visible: Vec<u8>,
    /// The operations since the last sync, in order.
    unsynced: Vec<Unsynced>,
    /// The number of modifying operations so far.
    operations: u64,
    /// The operation at which the power fails.
    dies_at: Option<u64>,
    is_off: bool,
    /// The operation that fails, once.
    fails_at: Option<u64>,
    fails_next_read: bool,
    /// Whether a sync does nothing.
    lies: bool,
    /// How many more blocks the file can have; `None` for no limit.
    room: Option<usize>,
    has_block: Vec<bool>,
    /// Whether syncs wait.
    gate: Gate,
}

#[derive(Debug, Default, PartialEq)]
enum Gate {
    #[default]
    Open,
    Closed,
    /// Closed, and a sync waits before it.
    Besieged,
}

#[derive(Clone, Debug)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// What a power loss does to unsynced writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    All,
    None,
    /// Each write is kept, lost, or torn between sectors, independently.
    Some,
}

// === impl Disk ===

impl Disk {
    pub(crate) fn with(image: Vec<u8>) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.0.state.lock();
            state.has_block = vec![true; image.len().div_ceil(BLOCK)];
            state.visible.clone_from(&image);
            state.durable = image;
        }
        disk
    }

    pub(crate) fn open(&self, options: Options) -> Result<DiskStore, OpenError> {
        let disk = self.clone();
        // Short, so that there are checkpoints, and images are small.
        let options = options.log_bytes(64 * 1024);
        options.open_storage(move || {
            disk.0.state.lock().check_power()?;
            Ok(Box::new(disk.clone()))
        })
    }

    pub(crate) fn check(&self) -> Checked {
        let disk = self.clone();
        let storage = move || Ok(Box::new(disk.clone()) as Box<dyn StorageBackend>);
        DiskStore::builder().check_storage(storage).unwrap()
    }

    pub(crate) fn salvage(
        &self,
        bucket: &BucketName,
        keep: impl FnMut(&str, Entry),
    ) -> Result<Salvaged, OpenError> {
        let disk = self.clone();
        let storage = move || Ok(Box::new(disk.clone()) as Box<dyn StorageBackend>);
        DiskStore::builder().salvage_storage(storage, bucket, keep)
    }

    /// The synced content.
    pub(crate) fn image(&self) -> Vec<u8> {
        self.0.state.lock().durable.clone()
    }

    pub(crate) fn operations(&self) -> u64 {
        self.0.state.lock().operations
    }

    pub(crate) fn lie(&self) {
        self.0.state.lock().lies = true;
    }

    pub(crate) fn die_after(&self, operations: u64) {
        let mut state = self.0.state.lock();
        state.dies_at = Some(state.operations + operations);
    }

    pub(crate) fn fail_after(&self, operations: u64) {
        let mut state = self.0.state.lock();
        state.fails_at = Some(state.operations + operations);
    }

    pub(crate) fn fail_next_read(&self) {
        self.0.state.lock().fails_next_read = true;
    }

    pub(crate) fn has_failed(&self) -> bool {
        let state = self.0.state.lock();
        state.fails_at.is_none() && !state.fails_next_read
    }

    pub(crate) fn limit_room(&self, blocks: usize) {
        self.0.state.lock().room = Some(blocks);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.state.lock().is_off
    }

    /// Makes syncs wait, so that writes meanwhile form one group.
    pub(crate) fn hold_syncs(&self) {
        self.0.state.lock().gate = Gate::Closed;
    }

    /// Waits until a sync waits, or the power has failed.
    pub(crate) fn wait_for_sync(&self) {
        let mut state = self.0.state.lock();
        let busy = |state: &mut State| state.gate != Gate::Besieged && !state.is_off;
        let bound = Duration::from_secs(20);
        let waited = self.0.changed.wait_while_for(&mut state, busy, bound);
        assert!(!waited.timed_out(), "a write that does not sync");
    }

    pub(crate) fn let_syncs_go(&self) {
        self.0.state.lock().gate = Gate::Open;
        self.0.changed.notify_all();
    }

    /// Truncates the file to nothing, as another program may.
    pub(crate) fn empty(&self) {
        let mut state = self.0.state.lock();
        state.visible.clear();
        state.durable.clear();
        state.unsynced.clear();
        state.has_block.clear();
    }

    /// Cuts the power, and returns the content of the disk afterwards.
    pub(crate) fn lose_power(&self, loss: Loss, random: &mut StdRng) -> Vec<u8> {
        let mut state = self.0.state.lock();
        state.is_off = true;
        self.0.changed.notify_all();
        let mut image = state.durable.clone();
        for unsynced in &state.unsynced {
            let fate = match loss {
                Loss::All => 0,
                Loss::None => 1,
                Loss::Some => random.next_u32() % 3,
            };
            match (unsynced, fate) {
                (_, 0) => {}
                (Unsynced::Length(length), _) => image.resize(*length, 0),
                (Unsynced::Write(offset, data), 1) => put(&mut image, *offset, data),
                (Unsynced::Write(offset, data), _) => {
                    let mut at = *offset;
                    let end = offset + data.len();
                    while at < end {
                        let next = end.min((at / SECTOR + 1) * SECTOR);
                        if random.random_bool(0.5) {
                            put(&mut image, at, &data[at - offset..next - offset]);
                        }
                        at = next;
                    }
                }
            }
        }
        image
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.0.state.lock();
        state.check_power()?;
        Ok(state.visible.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.check_power()?;
        if std::mem::take(&mut state.fails_next_read) {
            return Err(io::Error::other("a bad sector"));
        }
        let start = usize::try_from(offset).unwrap();
        let stored = state.visible.get(start..start + out.len());
        out.copy_from_slice(stored.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.state.lock();
        let length = usize::try_from(len).unwrap();
        self.0.changed.notify_all();
        state.operate(Unsynced::Length(length))?;
        state.visible.resize(length, 0);
        // A longer file has holes, as on most file systems; they need no space until written. The space
        // of what is cut off is free again.
        let blocks = length.div_ceil(BLOCK);
        let cut = state.has_block.iter().skip(blocks);
        let freed = cut.filter(|has| **has).count();
        if let Some(room) = &mut state.room {
            *room += freed;
        }
        state.has_block.resize(blocks, false);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.state.lock();
        if state.gate == Gate::Closed {
            state.gate = Gate::Besieged;
        }
        self.0.changed.notify_all();
        let held = |state: &mut State| state.gate != Gate::Open && !state.is_off;
        self.0.changed.wait_while(&mut state, held);
        state.step()?;
        if !state.lies {
            let State {
                durable, visible, ..
            } = &mut *state;
            durable.clone_from(visible);
            state.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.state.lock();
        let offset = usize::try_from(offset).unwrap();
        state.allocate(offset, data.len())?;
        self.0.changed.notify_all();
        state.operate(Unsynced::Write(offset, data.to_vec()))?;
        put(&mut state.visible, offset, data);
        Ok(())
    }
}

// === impl State ===

impl State {
    fn check_power(&self) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        self.check_power()?;
        self.operations += 1;
        if self.dies_at.is_some_and(|at| self.operations >= at) {
            self.is_off = true;
            self.check_power()?;
        }
        if self.fails_at.is_some_and(|at| self.operations >= at) {
            self.fails_at = None;
            return Err(io::Error::other("a failing disk"));
        }
        Ok(())
    }

    /// An operation in progress at the power loss may still reach the disk.
    fn operate(&mut self, unsynced: Unsynced) -> io::Result<()> {
        self.check_power()?;
        let stepped = self.step();
        if stepped.is_ok() || self.is_off {
            self.unsynced.push(unsynced);
        }
        stepped
    }

    fn allocate(&mut self, offset: usize, bytes: usize) -> io::Result<()> {
        let blocks = offset / BLOCK..(offset + bytes).div_ceil(BLOCK);
        if self.has_block.len() < blocks.end {
            self.has_block.resize(blocks.end, false);
        }
        let needed = self.has_block[blocks.clone()]
            .iter()
            .filter(|has| !**has)
            .count();
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(needed).ok_or(io::ErrorKind::StorageFull)?;
        }
        self.has_block[blocks].fill(true);
        Ok(())
    }
}

fn put(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(data);
}
