//! The pages of the database, each verified when it is read.
//!
//! redb verifies pages only when it repairs. A page whose bits changed would be a wrong value, or a
//! lost key. So each page has a checksum, in blocks between the pages ([`Sums`]), and a page that does
//! not match it is [`Damaged`], never data.
//!
//! redb never overwrites a page that its last durable commit uses, and the checksums are written
//! before each of its syncs. So after a power loss the checksums of those pages are right, however
//! the unsynced writes were torn. Only the first page is overwritten: it is the header of redb, in
//! one sector with a checksum of its own.
//!
//! redb also writes pages that no durable commit uses yet, when its cache is full. A full disk must
//! not fail those: such pages stay in memory until a durable commit, which fails then.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

use crate::checksum::{self, BLOCK, SECTOR};
use crate::damaged::Damaged;
use crate::storage::Storage;
use crate::sums::{GROUP, Sums};
use crate::superblock::Superblock;

/// The bytes of the header's sector before its checksum.
const HEADER: usize = SECTOR - 8;

/// The pages of a database.
#[derive(Clone, Debug)]
pub(crate) struct Pages(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: Arc<Storage>,
    start: u64,
    seed: u64,
    sums: Sums,
    is_stopped: AtomicBool,
    /// The pages that the disk has no room for.
    unwritten: Mutex<BTreeMap<u64, Vec<u8>>>,
    has_unwritten: AtomicBool,
    /// Whether the file grew, and no page was written since.
    has_grown: AtomicBool,
}

// === impl Pages ===

impl Pages {
    pub(crate) fn new(file: Arc<Storage>, superblock: &Superblock) -> Self {
        let start = superblock.pages();
        Self(Arc::new(Shared {
            sums: Sums::new(file.clone(), start),
            file,
            start,
            seed: superblock.seed,
            is_stopped: AtomicBool::new(false),
            unwritten: Mutex::default(),
            has_unwritten: AtomicBool::new(false),
            has_grown: AtomicBool::new(false),
        }))
    }

    /// Fails all later operations, so that a database that is closed after a failed commit writes
    /// nothing.
    pub(crate) fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
    }

    /// The length of the data file.
    pub(crate) fn file_bytes(&self) -> io::Result<u64> {
        self.0.file.len()
    }

    /// How many pages the file has room for.
    pub(crate) fn count(&self) -> io::Result<u64> {
        let blocks = self.0.file.len()?.saturating_sub(self.0.start) / BLOCK as u64;
        let (groups, rest) = (blocks / (GROUP + 1), blocks % (GROUP + 1));
        Ok(groups * GROUP + rest.saturating_sub(1))
    }

    /// The damage of a page, if there is any. A page that was never written should be empty.
    pub(crate) fn examine(&self, page: u64) -> io::Result<Option<Damaged>> {
        let mut bytes = [0; BLOCK];
        if page > 0 && self.0.sums.get(page)? == 0 {
            let offset = self.0.offset(page);
            self.0.file.read(offset, &mut bytes)?;
            return Ok((bytes != [0; BLOCK]).then_some(Damaged { offset }));
        }
        match self.read(page * BLOCK as u64, &mut bytes) {
            Ok(()) => Ok(None),
            Err(error) => Damaged::of(&error).map(Some).ok_or(error),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.0.is_stopped.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier write of the log failed"));
        }
        Ok(())
    }
}

// === impl Shared ===

impl Shared {
    /// The offset of a page in the file.
    fn offset(&self, page: u64) -> u64 {
        self.sums.offset(page / GROUP) + (1 + page % GROUP) * BLOCK as u64
    }

    fn sum(&self, page: u64, bytes: &[u8]) -> u64 {
        checksum::of(bytes, self.seed.wrapping_add(page)).max(1)
    }

    fn read_header(&self, out: &mut [u8]) -> io::Result<()> {
        let mut sector = [0; SECTOR];
        self.file.read(self.offset(0), &mut sector)?;
        let (header, sum) = sector.split_at(HEADER);
        if self.sum(0, header).to_le_bytes() != sum {
            let offset = self.offset(0);
            return Err(Damaged { offset }.into());
        }
        let there = out.len().min(HEADER);
        out[..there].copy_from_slice(&header[..there]);
        out[there..].fill(0);
        Ok(())
    }

    fn write_header(&self, data: &[u8]) -> io::Result<()> {
        let mut sector = [0; SECTOR];
        let (header, sum) = sector.split_at_mut(HEADER);
        let there = data.len().min(HEADER);
        header[..there].copy_from_slice(&data[..there]);
        sum.copy_from_slice(&self.sum(0, header).to_le_bytes());
        self.file.write(self.offset(0), &sector)
    }

    /// Writes adjacent pages, or keeps them in memory if the disk is full.
    fn write_run(&self, first: u64, data: &[u8]) -> io::Result<()> {
        let written = self.file.write(self.offset(first), data);
        let is_full = match written {
            Err(error) if error.kind() == ErrorKind::StorageFull => true,
            written => {
                written?;
                false
            }
        };
        if !is_full && !self.has_unwritten.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut unwritten = self.unwritten.lock();
        for (page, bytes) in (first..).zip(data.chunks(BLOCK)) {
            if is_full {
                unwritten.insert(page, bytes.to_vec());
            } else {
                unwritten.remove(&page);
            }
        }
        self.has_unwritten
            .store(!unwritten.is_empty(), Ordering::Release);
        Ok(())
    }

    /// Writes the pages that the disk had no room for.
    fn write_unwritten(&self) -> io::Result<()> {
        if !self.has_unwritten.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut unwritten = self.unwritten.lock();
        while let Some(page) = unwritten.first_entry() {
            self.file.write(self.offset(*page.key()), page.get())?;
            page.remove();
        }
        self.has_unwritten.store(false, Ordering::Release);
        Ok(())
    }

    fn read_run(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(self.offset(first), out)?;
        if self.has_unwritten.load(Ordering::Acquire) {
            let unwritten = self.unwritten.lock();
            for (page, bytes) in (first..).zip(out.chunks_mut(BLOCK)) {
                if let Some(there) = unwritten.get(&page) {
                    bytes.copy_from_slice(there);
                }
            }
        }
        for (page, bytes) in (first..).zip(out.chunks(BLOCK)) {
            if self.sums.get(page)? != self.sum(page, bytes) {
                let offset = self.offset(page);
                return Err(Damaged { offset }.into());
            }
        }
        Ok(())
    }

    /// The runs of pages that are adjacent in the file: the first page, and the range of bytes.
    fn runs(
        offset: u64,
        bytes: usize,
    ) -> io::Result<impl Iterator<Item = (u64, std::ops::Range<usize>)>> {
        if !offset.is_multiple_of(BLOCK as u64) || !bytes.is_multiple_of(BLOCK) {
            return Err(io::Error::other("an access that is no whole page"));
        }
        let mut done = 0;
        Ok(std::iter::from_fn(move || {
            let page = (offset + done as u64) / BLOCK as u64;
            let in_group = usize::try_from(GROUP - page % GROUP).ok()?;
            let end = bytes.min(done + in_group * BLOCK);
            let run = done..end;
            done = end;
            (!run.is_empty()).then_some((page, run))
        }))
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        self.check()?;
        Ok(self.count()? * BLOCK as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check()?;
        if offset == 0 {
            return self.0.read_header(out);
        }
        for (first, run) in Shared::runs(offset, out.len())? {
            self.0.read_run(first, &mut out[run])?;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        let pages = len.div_ceil(BLOCK as u64);
        let blocks = pages + pages.div_ceil(GROUP);
        let is_shorter = pages < self.count()?;
        self.0.file.set_len(self.0.start + blocks * BLOCK as u64)?;
        if is_shorter {
            self.0.unwritten.lock().split_off(&pages);
            self.0.sums.truncate(pages)?;
        }
        self.0.has_grown.store(!is_shorter, Ordering::Release);
        Ok(())
    }

    /// A durable commit writes the header before it syncs. A sync of a file that just grew is for its
    /// length alone, and needs no room.
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        if !self.0.has_grown.swap(false, Ordering::AcqRel) {
            self.0.write_unwritten()?;
            self.0.sums.flush()?;
        }
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.0.has_grown.store(false, Ordering::Release);
        if offset == 0 {
            return self.0.write_header(data);
        }
        for (first, run) in Shared::runs(offset, data.len())? {
            let data = &data[run];
            for (page, bytes) in (first..).zip(data.chunks(BLOCK)) {
                self.0.sums.set(page, self.0.sum(page, bytes))?;
            }
            self.0.write_run(first, data)?;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
