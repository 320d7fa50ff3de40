//! What an instance prints.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::last_words::LastWords;
use crate::output::{Output, Stream, Writer, counted};
use crate::quota::Quota;

/// How the instances of a component print.
#[derive(Clone)]
pub(crate) struct Printer {
    component: Arc<str>,
    output: Output,
    /// Whether it is passed on as it is, and waits for the reader, rather than by lines.
    is_raw: bool,
}

/// One of the two streams of an instance.
#[derive(Clone)]
pub(crate) struct Printed {
    instance: Arc<Instance>,
    stream: Stream,
    /// Where what is written is noted, besides.
    last_words: Option<LastWords>,
}

struct Instance {
    printer: Arc<Printer>,
    state: Mutex<State>,
}

struct State {
    lines: [Lines; 2],
    /// The stream that was written to last, where it is passed on as it is.
    last: Option<Stream>,
}

/// One stream of an instance, by lines.
#[derive(Default)]
struct Lines {
    /// The beginning of a line that has not ended.
    partial: Vec<u8>,
    quota: Quota,
}

// === impl Printer ===

impl Printer {
    /// By lines.
    pub(crate) fn new(component: Arc<str>, output: Output) -> Self {
        Self {
            component,
            output,
            is_raw: false,
        }
    }

    /// The component's name.
    pub(crate) fn component(&self) -> &str {
        &self.component
    }

    /// The same, as it is.
    pub(crate) fn raw(&self) -> Self {
        Self {
            is_raw: true,
            ..self.clone()
        }
    }

    /// Standard output and error of another instance. What it writes last to standard error is noted
    /// where that is wanted.
    pub(crate) fn streams(self: &Arc<Self>, last_words: Option<&LastWords>) -> [Printed; 2] {
        let instance = Arc::new(Instance {
            printer: self.clone(),
            state: Mutex::new(State {
                lines: Default::default(),
                last: None,
            }),
        });
        [Stream::Stdout, Stream::Stderr].map(|stream| Printed {
            instance: instance.clone(),
            stream,
            last_words: last_words.filter(|_| stream == Stream::Stderr).cloned(),
        })
    }

    fn line(&self, stream: Stream, line: &[u8], quota: &mut Quota, now: Instant) {
        if quota.admits(now) {
            self.report(stream, quota);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = String::from_utf8_lossy(line);
            quota.take(self.output.line(Some(&self.component), stream, &line));
        }
    }

    /// Says how much was dropped, if any was.
    fn report(&self, stream: Stream, quota: &mut Quota) {
        let dropped = quota.take_dropped();
        if dropped > 0 {
            let lines = counted(dropped);
            let most = Quota::BYTES >> 10;
            let report =
                format!("{lines} dropped here, past the {most} KiB a second of an instance");
            self.output.line(Some(&self.component), stream, &report);
        }
    }

    /// Waits until the reader has all that was passed on as it is.
    ///
    /// # Errors
    ///
    /// Why it could not be written; that a pipe is not read any more is no error.
    pub(crate) async fn done(&self) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let writer = self.output.writer(stream);
            poll_fn(|cx| writer.poll_done(cx)).await;
            match writer.check() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

// === impl Printed ===

impl Printed {
    /// The most that is taken at once, as much as Wasmtime's own streams take.
    const PIECE: usize = 64 * 1024;

    fn print(&self, bytes: &[u8]) {
        if let Some(last_words) = &self.last_words {
            last_words.note(bytes);
        }
        let Instance { printer, state } = &*self.instance;
        let mut state = state.lock();
        if printer.is_raw {
            state.last = Some(self.stream);
            self.writer().append(bytes);
        } else {
            let Lines { partial, quota } = &mut state.lines[self.stream as usize];
            let now = Instant::now();
            split(partial, bytes, |line| {
                printer.line(self.stream, line, quota, now);
            });
        }
    }

    /// How much may be written now.
    fn room(&self) -> io::Result<usize> {
        if !self.instance.printer.is_raw {
            return Ok(Self::PIECE);
        }
        self.writer().check()?;
        // Where both streams lead to one place, what was written first has to be there first.
        let is_its_turn = self.other().is_none_or(Writer::is_done);
        Ok(if is_its_turn {
            self.writer().room().min(Self::PIECE)
        } else {
            0
        })
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.instance.printer.is_raw {
            if let Some(other) = self.other() {
                ready!(other.poll_done(cx));
            }
            ready!(self.writer().poll_room(cx));
        }
        Poll::Ready(())
    }

    fn writer(&self) -> &Writer {
        self.instance.printer.output.writer(self.stream)
    }

    /// The writer of the other stream, if that was written to last.
    fn other(&self) -> Option<&Writer> {
        let last = self.instance.state.lock().last;
        let other = last.filter(|last| *last != self.stream)?;
        Some(self.instance.printer.output.writer(other))
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        self.instance.printer.is_raw && self.writer().is_terminal()
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    /// Nothing waits here for more to come.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.room().map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => StreamError::Closed,
            _ => StreamError::LastOperationFailed(error.into()),
        })
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {
        poll_fn(|cx| self.poll_room(cx)).await;
    }
}

/// For components of a later generation of WASI.
impl AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx));
        let bytes = &bytes[..bytes.len().min(self.room()?)];
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

// === impl Instance ===

impl Drop for Instance {
    /// Lines that the instance did not end.
    fn drop(&mut self) {
        let Self { printer, state } = self;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let Lines { partial, quota } = &mut state.get_mut().lines[stream as usize];
            if !partial.is_empty() {
                printer.line(stream, partial, quota, Instant::now());
            }
            printer.report(stream, quota);
        }
    }
}

/// The most of a line that waits for its end, in bytes. What is longer is passed on as several.
const LONGEST: usize = 8 << 10;

/// Splits what is written at the ends of lines.
fn split(partial: &mut Vec<u8>, bytes: &[u8], mut line: impl FnMut(&[u8])) {
    for (at, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if at > 0 {
            line(partial);
            partial.clear();
        }
        let mut piece = piece;
        while partial.len() + piece.len() > LONGEST {
            let (now, later) = piece.split_at(LONGEST - partial.len());
            partial.extend_from_slice(now);
            let end = end_of_characters(partial);
            line(&partial[..end]);
            partial.drain(..end);
            piece = later;
        }
        partial.extend_from_slice(piece);
    }
}

/// Where the last character ends that is whole.
fn end_of_characters(bytes: &[u8]) -> usize {
    let is_start = |byte: &u8| !(0x80..0xc0).contains(byte);
    let start = bytes.iter().rposition(is_start).unwrap_or(0);
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() && start > 0 => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::output::Format;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    fn printer() -> (Printer, [Kept; 2]) {
        let [stdout, stderr] = [Kept::default(), Kept::default()];
        let output = Output::new(stdout.clone(), stderr.clone(), Format::Text);
        let printer = Printer::new("shop".into(), output);
        (printer, [stdout, stderr])
    }

    #[tokio::test]
    async fn lines_carry_the_name_and_what_has_no_end_is_a_line_when_the_instance_ends() {
        let (printer, kept) = printer();
        let printer = Arc::new(printer);
        let last_words = LastWords::default();
        let [stdout, stderr] = printer.streams(Some(&last_words));
        stdout.print(b"one\ntw");
        stderr.print(b"\x1b[31mred\r\n\nno e");
        stdout.print(b"o\nthree");
        stderr.print(b"nd");
        printer.done().await.unwrap();
        assert_eq!(kept[0].text(), "shop | one\nshop | two\n");
        assert_eq!(kept[1].text(), "shop | \\u{1b}[31mred\nshop | \n");
        assert_eq!(last_words.read().unwrap(), "no end");
        drop((stdout, stderr));
        printer.done().await.unwrap();
        assert!(kept[0].text().ends_with("two\nshop | three\n"));
        assert!(kept[1].text().ends_with("\nshop | no end\n"));
    }

    #[tokio::test]
    async fn an_instance_prints_no_more_than_its_quota_and_what_is_dropped_is_counted() {
        let (printer, kept) = printer();
        let printer = Arc::new(printer);
        let [stdout, stderr] = printer.streams(None);
        let line = [&[b'x'; 1016][..], b"\n"].concat();
        for _ in 0..100 {
            stdout.print(&line);
        }
        stderr.print(b"has its own\n");
        let [another, _] = printer.streams(None);
        another.print(b"another\n");
        drop((stdout, stderr, another));
        printer.done().await.unwrap();
        let text = kept[0].text();
        let lines: Vec<&str> = text.lines().collect();
        let at = lines
            .iter()
            .position(|line| !line.starts_with("shop | x"))
            .unwrap();
        // The test may take more than a second.
        assert!(at >= 64, "{at} lines");
        assert!(lines.contains(&"shop | another"));
        let report = lines
            .iter()
            .filter_map(|line| line.split_once(" lines were dropped here"));
        let dropped = report.map(|(count, _)| {
            count
                .trim_start_matches("shop | ")
                .parse::<usize>()
                .unwrap()
        });
        let passed = lines
            .iter()
            .filter(|line| line.starts_with("shop | x"))
            .count();
        assert_eq!(passed + dropped.sum::<usize>(), 100);
        assert_eq!(kept[1].text(), "shop | has its own\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_on_in_pieces_of_whole_characters() {
        let mut partial = Vec::new();
        let long = "é".repeat(LONGEST);
        let mut lines = Vec::new();
        for piece in [b"x", long.as_bytes(), b"\n"] {
            split(&mut partial, piece, |line| lines.push(line.to_vec()));
        }
        assert!(partial.is_empty());
        assert!(lines.iter().all(|line| line.len() <= LONGEST));
        assert_eq!(lines.len(), 3);
        let texts = lines
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap());
        assert_eq!(texts.collect::<String>(), format!("x{long}"));
        // What is no text at all is cut all the same.
        split(&mut partial, &[0x80; 2 * LONGEST], |line| {
            assert_eq!(line.len(), LONGEST);
        });
    }

    #[tokio::test]
    async fn what_is_passed_on_as_it_is_comes_in_order_of_both_streams() {
        let kept = Kept::default();
        let output = Output::new(kept.clone(), kept.clone(), Format::Text);
        let printer = Arc::new(Printer::new("shop".into(), output).raw());
        let [mut stdout, mut stderr] = printer.streams(None);
        let mut expected = String::new();
        for n in 0..100 {
            for (name, printed) in [("out", &mut stdout), ("err", &mut stderr)] {
                let text = format!("{name}{n}\x1b\n");
                while printed.check_write().unwrap() < text.len() {
                    printed.ready().await;
                }
                OutputStream::write(printed, text.clone().into()).unwrap();
                expected.push_str(&text);
            }
        }
        printer.done().await.unwrap();
        assert_eq!(kept.text(), expected);
    }
}
