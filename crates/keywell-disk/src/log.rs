//! The log: what was committed since the last checkpoint.
//!
//! A group of writes is one frame, appended and synced before the group is applied to the database,
//! whose commit then needs no sync. When a frame does not fit, its group is a durable commit of the
//! database instead: a checkpoint, after which the log begins again at its start.
//!
//! The log is an array of sectors, each with a checksum. A frame begins at a sector of its own, so no
//! write touches a sector of an earlier frame. A power loss leaves a sector as it was or as it should
//! be: a sector that is neither is damage, and never taken for the end of the log. The log ends
//! before the first frame that is not complete. No frame after that may exist, as a frame is synced
//! before the next is written.
//!
//! | Offset in a sector | Bytes | |
//! |---|---|---|
//! | 0 | 8 | the checksum of the rest |
//! | 8 | 8 | the number of the frame |
//! | 16 | 4 | the place of the sector in its frame |
//! | 20 | 4 | the length of the frame's content |
//! | 24 | 8 | the checksum of the frame's content |
//! | 32 | 480 | content |
//!
//! A sector of zeros was never written.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use redb::StorageBackend;

use crate::OpenError;
use crate::checksum::{self, SECTOR};
use crate::storage::Storage;
use crate::superblock::Superblock;

const HEAD: usize = 32;

/// The content of a sector.
const ROOM: usize = SECTOR - HEAD;

/// How far zeros are written ahead: a write of blocks that have none yet makes its sync wait for the
/// journal of the file system.
const AHEAD: usize = 128 * 1024;

/// The end of the log, for the writer.
#[derive(Debug)]
pub(crate) struct Log {
    file: Arc<Storage>,
    seed: u64,
    sectors: usize,
    /// The number of the last frame, or of the last checkpoint.
    last: u64,
    /// The sector where the next frame begins.
    tail: usize,
    /// The sectors from here on were never written.
    filled: usize,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is durable.
    Synced,
    /// The log, or the disk, has no room for it.
    Full,
}

/// What the log holds when the file is opened.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) log: Log,
    /// The complete frames, oldest first.
    pub(crate) frames: Vec<Frame>,
    /// The highest number in any sector; zero if there is none.
    pub(crate) highest: u64,
    /// The sectors, up to the last that was written.
    sectors: Vec<u8>,
    /// The number in each of them; zero if it was never written.
    numbers: Vec<u64>,
}

/// A complete frame.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The numbers of adjacent frames are adjacent, too.
    pub(crate) number: u64,
    pub(crate) content: Vec<u8>,
    /// The sector after it.
    end: usize,
}

/// The head of a sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    number: u64,
    place: u32,
    bytes: u32,
    sum: u64,
}

// === impl Log ===

impl Log {
    /// Reads the log.
    ///
    /// # Errors
    ///
    /// [`OpenError::Damaged`] if a sector differs from its checksum.
    pub(crate) fn scan(file: Arc<Storage>, superblock: &Superblock) -> Result<Scanned, OpenError> {
        let bytes = usize::try_from(superblock.log_bytes)
            .map_err(|_| OpenError::damaged("its first block"))?;
        let mut log = Self {
            file,
            seed: superblock.seed,
            sectors: bytes / SECTOR,
            last: 0,
            tail: 0,
            filled: 0,
        };
        let mut content = vec![0; bytes];
        log.file.read(Superblock::LOG, &mut content)?;
        let sectors: Vec<&[u8]> = content.chunks_exact(SECTOR).collect();
        let mut heads = Vec::with_capacity(sectors.len());
        let mut highest = 0;
        for (at, sector) in sectors.iter().enumerate() {
            let head = log.head(at, sector)?;
            if let Some(head) = head {
                log.filled = at + 1;
                highest = highest.max(head.number);
            }
            heads.push(head);
        }
        let frames = log.frames(&sectors, &heads);
        let numbers = heads.iter().take(log.filled);
        let numbers = numbers.map(|head| head.map_or(0, |head| head.number));
        let numbers = numbers.collect();
        content.truncate(log.filled * SECTOR);
        Ok(Scanned {
            log,
            frames,
            highest,
            sectors: content,
            numbers,
        })
    }

    /// How many bytes of content may fit.
    pub(crate) fn room(&self) -> usize {
        (self.sectors - self.tail) * ROOM
    }

    /// The number of the last frame, or of a checkpoint in its place.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The number of the next frame, or of a checkpoint in its place.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    /// Appends a frame with the number [`next`](Self::next), and syncs the file.
    ///
    /// After an error the frame may be there or not: only reading the log again shows which.
    pub(crate) fn append(&mut self, content: &[u8]) -> io::Result<Appended> {
        let sectors = content.len().div_ceil(ROOM).max(1);
        let end = self.tail + sectors;
        let Ok(bytes) = u32::try_from(content.len()) else {
            return Ok(Appended::Full);
        };
        if end > self.sectors {
            return Ok(Appended::Full);
        }
        let sum = checksum::of(content, self.seed);
        let mut frame = Vec::with_capacity(sectors * SECTOR);
        for (place, at) in (self.tail..end).enumerate() {
            let part = &content[(place * ROOM).min(content.len())..];
            let part = &part[..part.len().min(ROOM)];
            let head = Head {
                number: self.next(),
                place: u32::try_from(place).unwrap_or(u32::MAX),
                bytes,
                sum,
            };
            frame.extend(self.sector(at, head, part));
        }
        if end > self.filled {
            self.fill(end);
        }
        match self.file.write(Self::offset(self.tail), &frame) {
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(Appended::Full),
            written => written?,
        }
        self.file.sync_data()?;
        self.tail = end;
        self.last += 1;
        Ok(Appended::Synced)
    }

    /// Begins again at the start, after a durable commit of all frames, which had this number.
    pub(crate) fn restart(&mut self, number: u64) {
        self.last = number;
        self.tail = 0;
    }

    /// Passes over the numbers up to that of a commit which the log does not hold. Nothing that the log
    /// holds is needed then.
    pub(crate) fn advance(&mut self, commit: u64) {
        if self.last < commit {
            self.restart(commit);
        }
    }

    /// Writes zeros ahead. A failure makes syncs slow, and nothing else.
    fn fill(&mut self, end: usize) {
        let from = self.filled.max(end);
        let to = (from + AHEAD / SECTOR).min(self.sectors);
        let is_written = self.file.write_ahead(Self::offset(from)..Self::offset(to));
        self.filled = if is_written { to } else { from };
    }

    fn offset(sector: usize) -> u64 {
        Superblock::LOG + (sector * SECTOR) as u64
    }

    fn seed(&self, sector: usize) -> u64 {
        // Apart from the seeds of pages, which count up.
        !self.seed.wrapping_add(sector as u64)
    }

    fn sector(&self, at: usize, head: Head, part: &[u8]) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[8..16].copy_from_slice(&head.number.to_le_bytes());
        sector[16..20].copy_from_slice(&head.place.to_le_bytes());
        sector[20..24].copy_from_slice(&head.bytes.to_le_bytes());
        sector[24..HEAD].copy_from_slice(&head.sum.to_le_bytes());
        sector[HEAD..HEAD + part.len()].copy_from_slice(part);
        let sum = checksum::of(&sector[8..], self.seed(at));
        sector[..8].copy_from_slice(&sum.to_le_bytes());
        sector
    }

    /// The head of a sector; `None` if it was never written.
    fn head(&self, at: usize, sector: &[u8]) -> Result<Option<Head>, OpenError> {
        if *sector == [0; SECTOR] {
            return Ok(None);
        }
        let long = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&sector[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let short = |at: usize| {
            let mut number = [0; 4];
            number.copy_from_slice(&sector[at..at + 4]);
            u32::from_le_bytes(number)
        };
        if checksum::of(&sector[8..], self.seed(at)) != long(0) {
            let offset = Self::offset(at);
            return Err(OpenError::damaged(format!("the log at byte {offset}")));
        }
        Ok(Some(Head {
            number: long(8),
            place: short(16),
            bytes: short(20),
            sum: long(24),
        }))
    }

    /// The complete frames from the start on.
    fn frames(&self, sectors: &[&[u8]], heads: &[Option<Head>]) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut at = 0;
        while let Some(Some(first)) = heads.get(at) {
            let continues = frames
                .last()
                .is_none_or(|last| first.number == last.number + 1);
            let bytes = usize::try_from(first.bytes).unwrap_or(usize::MAX);
            let end = at + bytes.div_ceil(ROOM).max(1);
            let (Some(heads), true) = (heads.get(at..end), continues) else {
                break;
            };
            let is_whole = (0..)
                .zip(heads)
                .all(|(place, head)| *head == Some(Head { place, ..*first }));
            let mut content: Vec<u8> = sectors[at..end]
                .iter()
                .flat_map(|sector| &sector[HEAD..])
                .copied()
                .collect();
            content.truncate(bytes);
            // Sectors of two attempts at one frame can lie side by side after a failed write.
            if !is_whole || checksum::of(&content, self.seed) != first.sum {
                break;
            }
            frames.push(Frame {
                number: first.number,
                content,
                end,
            });
            at = end;
        }
        frames
    }
}

// === impl Frame ===

impl Frame {
    /// A frame that is not in the log.
    pub(crate) fn of(number: u64, content: Vec<u8>) -> Self {
        Self {
            number,
            content,
            end: 0,
        }
    }
}

// === impl Scanned ===

impl Scanned {
    /// The log, which goes on after its last complete frame.
    ///
    /// Writes all sectors again and syncs them, as a sync that failed may have left them in memory
    /// only. Erases what remains of a frame that was not completed: it must not become one later.
    pub(crate) fn resume(mut self) -> io::Result<Log> {
        let mut log = self.log;
        if let Some(frame) = self.frames.last() {
            (log.last, log.tail) = (frame.number, frame.end);
        }
        let sectors = self.sectors.chunks_exact_mut(SECTOR);
        for (number, sector) in self.numbers.iter().zip(sectors) {
            if *number > log.last {
                sector.fill(0);
            }
        }
        log.file.write(Superblock::LOG, &self.sectors)?;
        log.file.sync_data()?;
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    const BYTES: usize = 64 * 1024;
    const LOG: usize = 4096;

    fn superblock() -> Superblock {
        Superblock {
            seed: 7,
            log_bytes: BYTES as u64,
        }
    }

    fn file() -> Arc<Storage> {
        let file = Storage::new(Box::new(InMemoryBackend::new()), Arc::default());
        file.set_len(superblock().pages()).unwrap();
        Arc::new(file)
    }

    fn scan(file: &Arc<Storage>) -> Result<Scanned, OpenError> {
        Log::scan(file.clone(), &superblock())
    }

    fn numbers(scanned: &Scanned) -> Vec<u64> {
        scanned.frames.iter().map(|frame| frame.number).collect()
    }

    fn flip(file: &Storage, offset: usize, mask: u8) {
        let mut byte = [0];
        file.read(offset as u64, &mut byte).unwrap();
        file.write(offset as u64, &[byte[0] ^ mask]).unwrap();
    }

    #[test]
    fn frames_of_every_length_read_back() {
        let file = file();
        let mut log = scan(&file).unwrap().log;
        let lengths = [0, 1, ROOM - 1, ROOM, ROOM + 1, 5000];
        let contents: Vec<Vec<u8>> = lengths.map(|bytes| vec![1; bytes]).into();
        for content in &contents {
            assert_eq!(log.append(content).unwrap(), Appended::Synced);
        }
        let scanned = scan(&file).unwrap();
        assert_eq!(numbers(&scanned), [1, 2, 3, 4, 5, 6]);
        assert_eq!(scanned.highest, 6);
        for (frame, expected) in scanned.frames.iter().zip(&contents) {
            assert!(frame.content == *expected);
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_is_not_written() {
        let file = file();
        let mut log = scan(&file).unwrap().log;
        let half = vec![1; BYTES / 2];
        assert_eq!(log.append(&half).unwrap(), Appended::Synced);
        assert_eq!(log.append(&half).unwrap(), Appended::Full);
        log.restart(2);
        assert_eq!(log.append(b"after").unwrap(), Appended::Synced);
        let scanned = scan(&file).unwrap();
        assert_eq!(numbers(&scanned), [3]);
    }

    #[test]
    fn every_flipped_bit_of_a_written_sector_is_damage() {
        let file = file();
        let mut log = scan(&file).unwrap().log;
        for _ in 0..3 {
            log.append(&[5; 700]).unwrap();
        }
        let written = 6 * SECTOR;
        for bit in (0..written * 8).step_by(37) {
            let at = LOG + bit / 8;
            flip(&file, at, 1 << (bit % 8));
            assert!(scan(&file).is_err(), "bit {bit}");
            flip(&file, at, 1 << (bit % 8));
        }
        // Bits of sectors that were never written, too.
        flip(&file, LOG + written + 1000, 1);
        assert!(scan(&file).is_err());
    }

    #[test]
    fn a_log_resumes_after_its_last_complete_frame() {
        let file = file();
        let mut log = scan(&file).unwrap().log;
        log.append(b"first").unwrap();
        log.append(&[5; 1300]).unwrap();
        file.write(Superblock::LOG + 2 * SECTOR as u64, &[0; SECTOR])
            .unwrap();
        let mut log = scan(&file).unwrap().resume().unwrap();
        let scanned = scan(&file).unwrap();
        assert_eq!((numbers(&scanned), scanned.highest), (vec![1], 1));
        assert_eq!(log.append(b"second").unwrap(), Appended::Synced);
        assert_eq!(numbers(&scan(&file).unwrap()), [1, 2]);
    }

    #[test]
    fn a_torn_frame_ends_the_log() {
        let file = file();
        let mut log = scan(&file).unwrap().log;
        log.append(b"first").unwrap();
        log.append(&[5; 1300]).unwrap();
        for lost in 1..4 {
            let mut sector = [0; SECTOR];
            let offset = Superblock::LOG + lost * SECTOR as u64;
            file.read(offset, &mut sector).unwrap();
            file.write(offset, &[0; SECTOR]).unwrap();
            let scanned = scan(&file).unwrap();
            assert_eq!((numbers(&scanned), scanned.highest), (vec![1], 2));
            file.write(offset, &sector).unwrap();
        }
        assert_eq!(numbers(&scan(&file).unwrap()), [1, 2]);
    }
}
