use parking_lot::Mutex;

use crate::log::Frame;

/// The most bytes of groups that are recorded and not taken yet.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// The groups that the writer commits while the store is copied.
#[derive(Debug, Default)]
pub(crate) struct Recording(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    frames: Vec<Frame>,
    bytes: usize,
    /// Whether a group is missing.
    is_broken: bool,
}

// === impl Recording ===

impl Recording {
    /// Records a group. Too many that are not taken end the recording.
    pub(crate) fn push(&self, number: u64, content: &[u8]) {
        let mut recorded = self.0.lock();
        recorded.bytes += content.len();
        if recorded.bytes > MOST_BYTES {
            recorded.fail();
        }
        if !recorded.is_broken {
            recorded.frames.push(Frame::of(number, content.to_vec()));
        }
    }

    /// Ends the recording: which groups were committed is not known any more.
    pub(crate) fn fail(&self) {
        self.0.lock().fail();
    }

    /// The groups since the last call; `None` if some are missing.
    pub(crate) fn take(&self) -> Option<Vec<Frame>> {
        let mut recorded = self.0.lock();
        recorded.bytes = 0;
        (!recorded.is_broken).then(|| std::mem::take(&mut recorded.frames))
    }
}

// === impl Recorded ===

impl Recorded {
    fn fail(&mut self) {
        self.is_broken = true;
        self.frames = Vec::new();
    }
}
