/// What waits to be written, up to a bound, and how much did not fit.
pub(super) struct Queue {
    bound: usize,
    waiting: Vec<u8>,
    /// Bytes that were taken and are not written yet.
    under_way: usize,
    /// Lines that were dropped and not reported yet.
    dropped: u64,
    /// Lines whose report is not written yet.
    reported: u64,
    /// The last that was taken could not be written, so a report by itself could not either.
    is_failing: bool,
    /// The line that reports so many dropped ones.
    report: fn(u64) -> Vec<u8>,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(bound: usize, report: fn(u64) -> Vec<u8>) -> Self {
        Self {
            bound,
            waiting: Vec::new(),
            under_way: 0,
            dropped: 0,
            reported: 0,
            is_failing: false,
            report,
        }
    }

    /// Takes whole lines in, or drops and counts them where there is no room.
    ///
    /// Once it drops, it keeps dropping until half of its room is free, so that a slow reader finds
    /// long pieces without a gap rather than a report between any two lines.
    pub(super) fn push(&mut self, lines: &[u8]) {
        let bound = if self.dropped > 0 {
            self.bound / 2
        } else {
            self.bound
        };
        if self.len() + lines.len() > bound {
            self.dropped += count(lines);
        } else {
            self.append(lines);
        }
    }

    /// Takes bytes in, whatever room there is.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.is_failing = false;
        self.report();
        self.waiting.extend_from_slice(bytes);
    }

    /// All that waits, if there is any. It counts until it is [`written`](Self::written).
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if self.waiting.is_empty() && !self.is_failing {
            self.report();
        }
        if self.waiting.is_empty() {
            return None;
        }
        self.under_way += self.waiting.len();
        Some(std::mem::take(&mut self.waiting))
    }

    /// So many bytes of what was taken are written.
    pub(super) fn written(&mut self, bytes: usize) {
        self.under_way -= bytes;
        if self.under_way == 0 {
            self.reported = 0;
        }
    }

    /// The rest of what was taken could not be written, and counts as dropped.
    pub(super) fn failed(&mut self, rest: &[u8]) {
        self.dropped += count(rest);
        if self.reported > 0 {
            // The report is among the rest, and is no line of its own.
            self.dropped += self.reported - 1;
        }
        self.reported = 0;
        self.under_way -= rest.len();
        self.is_failing = true;
    }

    /// How many bytes have room.
    pub(super) fn room(&self) -> usize {
        self.bound.saturating_sub(self.len())
    }

    /// Whether all is written, the report too if it can be.
    pub(super) fn is_done(&self) -> bool {
        self.len() == 0 && (self.dropped == 0 || self.is_failing)
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.under_way
    }

    fn report(&mut self) {
        if self.dropped > 0 {
            self.waiting.extend((self.report)(self.dropped));
            self.reported += std::mem::take(&mut self.dropped);
        }
    }
}

/// How many lines these are, a part of one included.
fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(bound: usize) -> Queue {
        Queue::new(bound, |dropped| format!("<{dropped}>\n").into_bytes())
    }

    fn take(queue: &mut Queue) -> String {
        String::from_utf8(queue.take().unwrap_or_default()).unwrap()
    }

    #[test]
    fn what_has_no_room_is_dropped_whole_and_reported_in_its_place() {
        let mut queue = queue(8);
        queue.push(b"one\n");
        queue.push(b"two\n");
        queue.push(b"3\n");
        queue.push(b"4\n5\n");
        assert_eq!(take(&mut queue), "one\ntwo\n");
        // What is being written has its room still.
        queue.push(b"6\n");
        queue.written(8);
        queue.push(b"7\n");
        assert_eq!(take(&mut queue), "<4>\n7\n");
        queue.written(6);
        assert!(queue.is_done());
        assert_eq!(take(&mut queue), "");
    }

    #[test]
    fn once_it_drops_it_goes_on_until_half_of_the_room_is_free() {
        let mut queue = queue(8);
        queue.push(b"12345678");
        queue.push(b"x");
        queue.take();
        queue.written(2);
        queue.push(b"y");
        queue.written(3);
        queue.push(b"z");
        assert_eq!(take(&mut queue), "<2>\nz");
    }

    #[test]
    fn a_drop_is_reported_when_nothing_else_is_written() {
        let mut queue = queue(2);
        queue.push(b"ab");
        queue.push(b"c\n");
        assert_eq!(take(&mut queue), "ab");
        queue.written(2);
        assert_eq!(take(&mut queue), "<1>\n");
    }

    #[test]
    fn what_could_not_be_written_is_reported_with_the_next_that_can_be() {
        let mut queue = queue(100);
        for (line, reported) in [("one\n", ""), ("two\n", "<1>\n"), ("six\n", "<2>\n")] {
            queue.push(line.as_bytes());
            let lines = format!("{reported}{line}");
            assert_eq!(take(&mut queue), lines);
            queue.failed(lines.as_bytes());
            assert_eq!(take(&mut queue), "", "not by itself");
            assert!(queue.is_done());
        }
    }

    #[test]
    fn what_waits_for_its_own_room_is_never_dropped() {
        let mut queue = queue(4);
        queue.append(b"123");
        assert_eq!(queue.room(), 1);
        queue.append(b"456");
        assert_eq!(queue.room(), 0);
        assert_eq!(take(&mut queue), "123456");
    }
}
