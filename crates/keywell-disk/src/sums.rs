use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use redb::StorageBackend;

use crate::checksum::BLOCK;
use crate::storage::Storage;

/// How many pages share a block of checksums.
pub(crate) const GROUP: u64 = (BLOCK / 8) as u64;

/// The checksums of pages, a block for each group of [`GROUP`] pages. A block is read when one of its
/// pages is first used, and then stays in memory: 0.2 % of the pages.
///
/// Zero is the checksum of a page that was never written.
#[derive(Debug)]
pub(crate) struct Sums {
    file: Arc<Storage>,
    /// The offset of the first group.
    start: u64,
    blocks: RwLock<Vec<Option<Arc<Sheet>>>>,
    /// The groups that changed since the last [`flush`](Self::flush).
    changed: Mutex<BTreeSet<usize>>,
}

type Sheet = [AtomicU64];

// === impl Sums ===

impl Sums {
    pub(crate) fn new(file: Arc<Storage>, start: u64) -> Self {
        Self {
            file,
            start,
            blocks: RwLock::default(),
            changed: Mutex::default(),
        }
    }

    /// The offset of the block of a group.
    pub(crate) fn offset(&self, group: u64) -> u64 {
        self.start + group * (GROUP + 1) * BLOCK as u64
    }

    pub(crate) fn get(&self, page: u64) -> io::Result<u64> {
        let (group, at) = place(page)?;
        Ok(self.sheet(group)?[at].load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, page: u64, sum: u64) -> io::Result<()> {
        let (group, at) = place(page)?;
        self.sheet(group)?[at].store(sum, Ordering::Release);
        self.changed.lock().insert(group);
        Ok(())
    }

    /// Forgets the checksums of pages from this one on, which are cut off.
    pub(crate) fn truncate(&self, pages: u64) -> io::Result<()> {
        let (group, at) = place(pages)?;
        let mut blocks = self.blocks.write();
        blocks.truncate(group + 1);
        let mut changed = self.changed.lock();
        changed.retain(|changed| *changed < group + usize::from(at > 0));
        drop((blocks, changed));
        if at == 0 {
            self.blocks.write().truncate(group);
            return Ok(());
        }
        for sum in &self.sheet(group)?[at..] {
            sum.store(0, Ordering::Release);
        }
        self.changed.lock().insert(group);
        Ok(())
    }

    /// Writes the blocks that changed.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let changed = self.changed.lock().clone();
        for group in &changed {
            let sheet = self.sheet(*group)?;
            let mut block = Vec::with_capacity(BLOCK);
            for sum in sheet.iter() {
                block.extend(sum.load(Ordering::Acquire).to_le_bytes());
            }
            self.file.write(self.offset(*group as u64), &block)?;
        }
        self.changed.lock().retain(|group| !changed.contains(group));
        Ok(())
    }

    fn sheet(&self, group: usize) -> io::Result<Arc<Sheet>> {
        if let Some(Some(sheet)) = self.blocks.read().get(group) {
            return Ok(sheet.clone());
        }
        let mut blocks = self.blocks.write();
        if blocks.len() <= group {
            blocks.resize(group + 1, None);
        }
        let slot = &mut blocks[group];
        if let Some(sheet) = slot {
            return Ok(sheet.clone());
        }
        let mut block = [0; BLOCK];
        self.file.read(self.offset(group as u64), &mut block)?;
        let (sums, _) = block.as_chunks();
        let sheet: Arc<Sheet> = sums
            .iter()
            .map(|sum| AtomicU64::new(u64::from_le_bytes(*sum)))
            .collect();
        *slot = Some(sheet.clone());
        Ok(sheet)
    }
}

/// The group of a page, and its place there.
fn place(page: u64) -> io::Result<(usize, usize)> {
    let group = usize::try_from(page / GROUP);
    let at = usize::try_from(page % GROUP);
    let both = group.and_then(|group| Ok((group, at?)));
    both.map_err(|_| io::Error::other("the file is too large for this machine"))
}
