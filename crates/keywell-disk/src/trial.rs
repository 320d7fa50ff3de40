//! Detects truncated files.
//!
//! The header of a database states the length of its file. A shorter file is truncated, with one
//! exception: after a power loss while a file grew, the disk may have the new header but the old
//! length. No committed data is then past the end. The two cases differ in whether all committed data
//! can be read.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

use crate::OpenError;
use crate::checksum::BLOCK;
use crate::damaged::Damaged;
use crate::error::undamaged;
use crate::options::Options;
use crate::pages::Pages;

/// The part of the header that is needed here. redb's `docs/design.md` describes it.
const HEADER_BYTES: usize = 32;

/// The size of the page that holds the header.
const PAGE: usize = BLOCK;

/// Refuses truncated pages, and changes nothing in them.
pub(crate) fn check(pages: &Pages, options: &Options) -> Result<(), OpenError> {
    let bytes = pages.len()?;
    let file_bytes = pages.file_bytes()?;
    let truncated = || OpenError::Truncated { bytes: file_bytes };
    if bytes < PAGE as u64 {
        return Err(truncated());
    }
    let mut header = [0; HEADER_BYTES];
    pages.read(0, &mut header)?;
    if stated_bytes(&header) <= bytes {
        return Ok(());
    }
    undamaged(|| verify(Trial::of(pages.clone())?, options)).map_err(|error| {
        tracing::debug!(%error, "a file that is shorter than its header states");
        truncated()
    })
}

/// The length that the header states: the page of the header, the full regions, and the last one.
fn stated_bytes(header: &[u8; HEADER_BYTES]) -> u64 {
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u64::from(u32::from_le_bytes(bytes))
    };
    let (page, head, most) = (number(12), number(16), number(20));
    let (full, last) = (number(24), number(28));
    let last = if last > 0 { head + last } else { 0 };
    let pages = full.saturating_mul(head + most).saturating_add(last);
    pages.saturating_add(1).saturating_mul(page)
}

/// Reads all committed data.
fn verify(trial: Trial, options: &Options) -> Result<(), OpenError> {
    let mut database = redb::Builder::new()
        .set_cache_size(options.cache_bytes)
        .create_with_backend(trial)?;
    database.check_integrity()?;
    Ok(())
}

/// Pages whose writes stay in memory. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    file: Pages,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Written pages, by their offset in the file.
    written: BTreeMap<u64, Vec<u8>>,
    bytes: u64,
    /// How much of the file is still visible: less after it was made shorter.
    kept: u64,
}

// === impl Trial ===

impl Trial {
    pub(crate) fn of(file: Pages) -> io::Result<Self> {
        let bytes = file.len()?;
        let state = State {
            written: BTreeMap::new(),
            bytes,
            kept: bytes,
        };
        Ok(Self {
            file,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Of the length that the header states. What is missing is damaged.
    pub(crate) fn as_stated(file: Pages) -> io::Result<Self> {
        let trial = Self::of(file)?;
        let mut header = [0; HEADER_BYTES];
        trial.file.read(0, &mut header)?;
        {
            let mut state = trial.state.lock();
            state.bytes = state.bytes.max(stated_bytes(&header));
        }
        Ok(trial)
    }

    fn page(&self, state: &State, at: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = state.written.get(&at) {
            return Ok(page.clone());
        }
        if at + PAGE as u64 > state.kept {
            return Err(Damaged { offset: at }.into());
        }
        let mut page = vec![0; PAGE];
        self.file.read(at, &mut page)?;
        Ok(page)
    }

    /// Each page that a range touches: its offset in the file, the part of it in the range, and the
    /// offset of that part in the range.
    fn parts(offset: u64, bytes: usize) -> impl Iterator<Item = (u64, Range<usize>, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            let at = offset + done as u64;
            let start = usize::try_from(at % PAGE as u64).ok()?;
            let part = start..PAGE.min(start + bytes - done);
            let begins = done;
            done += part.len();
            (!part.is_empty()).then_some((at - start as u64, part, begins))
        })
    }
}

impl StorageBackend for Trial {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock();
        if offset.saturating_add(out.len() as u64) > state.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, inside, to) in Self::parts(offset, out.len()) {
            let bytes = inside.len();
            out[to..to + bytes].copy_from_slice(&self.page(&state, at)?[inside]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.bytes = len;
        state.kept = state.kept.min(len);
        state.written.retain(|at, _| *at < len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        for (at, inside, from) in Self::parts(offset, data.len()) {
            let bytes = inside.len();
            // What a whole page replaces may hold no data, and is not read.
            let mut page = if bytes == PAGE {
                vec![0; PAGE]
            } else {
                self.page(&state, at)?
            };
            page[inside].copy_from_slice(&data[from..from + bytes]);
            state.written.insert(at, page);
        }
        Ok(())
    }
}
