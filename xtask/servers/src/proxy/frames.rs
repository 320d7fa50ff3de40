/// Finds the ends of commands and answers in what passes, of RESP2 and RESP3.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// How many elements the frame still needs, itself included; 0 between frames.
    needed: u64,
    state: State,
    /// The line that is being read: a type and a number.
    line: Vec<u8>,
    is_push: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Line,
    /// So many bytes of a string and its line end are to come.
    Text(u64),
}

// === impl Frames ===

impl Frames {
    /// Takes what passes, up to the end of the next frame that is no pushed message. `None` if that
    /// is not in it, else how many bytes it takes.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let has_element = match &mut self.state {
                State::Text(left) => {
                    let here = (bytes.len() - at).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    at += here;
                    *left -= here as u64;
                    *left == 0
                }
                State::Line => {
                    let byte = bytes[at];
                    at += 1;
                    self.line.push(byte);
                    byte == b'\n' && self.end_line()
                }
            };
            if !has_element {
                continue;
            }
            self.state = State::Line;
            self.needed -= 1;
            if self.needed == 0 && !self.is_push {
                return Some(at);
            }
        }
        None
    }

    /// Whether an element ends with this line.
    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let kind = line[0];
        if self.needed == 0 {
            self.needed = 1;
            self.is_push = kind == b'>';
        }
        let number = std::str::from_utf8(&line[1..]).ok();
        let number = number.and_then(|text| text.trim_end().parse::<u64>().ok());
        match (kind, number) {
            (b'$' | b'=' | b'!', Some(length)) => {
                self.state = State::Text(length + 2);
                return false;
            }
            (b'*' | b'~' | b'>', Some(count)) => self.needed += count,
            (b'%', Some(count)) => self.needed += 2 * count,
            // What it says is about the element after it, and is none itself.
            (b'|', Some(count)) => self.needed += 2 * count + 1,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends of frames, with the bytes in pieces of this size.
    fn ends(bytes: &[u8], piece: usize) -> Vec<usize> {
        let mut frames = Frames::default();
        let mut ends = Vec::new();
        let mut passed = 0;
        for piece in bytes.chunks(piece) {
            let mut rest = piece;
            while let Some(end) = frames.advance(rest) {
                passed += end;
                rest = &rest[end..];
                ends.push(passed);
            }
            passed += rest.len();
        }
        ends
    }

    #[test]
    fn frames_end_where_they_end_however_they_are_cut() {
        let frames: [&[u8]; 11] = [
            b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n",
            b"+OK\r\n",
            b"$-1\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"-ERR no\r\n",
            b"*3\r\n:1\r\n*2\r\n$0\r\n\r\n+x\r\n:2\r\n",
            b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n#t\r\n",
            b"|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n",
            b"_\r\n",
            b">2\r\n+message\r\n+x\r\n:7\r\n",
        ];
        let expected: Vec<usize> = frames
            .iter()
            .scan(0, |end, frame| {
                *end += frame.len();
                Some(*end)
            })
            .collect();
        let all = frames.concat();
        for piece in 1..=all.len() {
            assert_eq!(ends(&all, piece), expected, "in pieces of {piece}");
        }
    }
}
