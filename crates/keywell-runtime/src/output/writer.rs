use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::queue::Queue;

/// Writes on a thread of its own, so a slow reader never blocks the caller: up to 1 MiB waits for the
/// reader. Output past that is dropped, counted, and reported once there is room again.
///
/// Each `write` is taken or dropped as a whole, so it should be of whole lines. It never fails: that
/// a pipe is not read any more is no failure, and lines that could not be written, to a disk that is full
/// say, count as dropped. Cloning a writer gives another handle. When the last one is dropped, the thread
/// writes what waits, and ends.
///
/// A thread rather than `O_NONBLOCK`, which would apply to every process that shares the pipe or the
/// terminal.
#[derive(Clone)]
pub struct Writer(Arc<Handle>);

struct Handle(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notifies the thread: there is something to write, or no more will come.
    came: Condvar,
    /// Notifies those who wait for the thread: something was written.
    went: Condvar,
    is_terminal: bool,
}

struct State {
    queue: Queue,
    /// Where to, until the thread takes it.
    to: Option<Box<dyn Write + Send>>,
    has_thread: bool,
    /// Counts whatever the thread gets done.
    progress: u64,
    /// Nothing reads what is written any more.
    is_unread: bool,
    /// Why something could not be written, since that was asked last.
    error: Option<io::Error>,
    /// All handles were dropped.
    is_closed: bool,
    waiting: Vec<Waker>,
}

// === impl Writer ===

impl Writer {
    const BOUND: usize = 1 << 20;
    /// The most that is written at once: as much as pipes take whole, and so little that a slow reader
    /// is seen to read.
    const PIECE: usize = 4096;
    /// How long the thread waits where a destination says that it would have to wait.
    const PAUSE: Duration = Duration::from_millis(10);

    /// The thread starts with the first write.
    pub(super) fn new(
        to: Box<dyn Write + Send>,
        is_terminal: bool,
        report: fn(u64) -> Vec<u8>,
    ) -> Self {
        Self::bounded(Self::BOUND, to, is_terminal, report)
    }

    fn bounded(
        bound: usize,
        to: Box<dyn Write + Send>,
        is_terminal: bool,
        report: fn(u64) -> Vec<u8>,
    ) -> Self {
        Self(Arc::new(Handle(Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(bound, report),
                to: Some(to),
                has_thread: false,
                progress: 0,
                is_unread: false,
                error: None,
                is_closed: false,
                waiting: Vec::new(),
            }),
            came: Condvar::new(),
            went: Condvar::new(),
            is_terminal,
        }))))
    }

    /// Whether it writes to a terminal.
    pub fn is_terminal(&self) -> bool {
        self.shared().is_terminal
    }

    /// Waits, on this thread, until all is written, and gives up when nothing was written for this
    /// long. Returns whether all was.
    pub fn finish(&self, patience: Duration) -> bool {
        let shared = self.shared();
        let mut state = shared.state.lock();
        while !state.is_done() {
            let before = state.progress;
            shared.went.wait_for(&mut state, patience);
            if state.progress == before && !state.is_done() {
                return false;
            }
        }
        true
    }

    /// How much of what must not be dropped may be given to [`append`](Self::append) now.
    pub(crate) fn room(&self) -> usize {
        self.shared().state.lock().queue.room()
    }

    /// Whether all is written, or cannot be.
    pub(crate) fn is_done(&self) -> bool {
        self.shared().state.lock().is_done()
    }

    /// Why something could not be written, once; or that nothing is read any more.
    pub(crate) fn check(&self) -> io::Result<()> {
        let mut state = self.shared().state.lock();
        if state.is_unread {
            return Err(ErrorKind::BrokenPipe.into());
        }
        state.error.take().map_or(Ok(()), Err)
    }

    /// Takes bytes that must not be dropped, whatever room there is.
    pub(crate) fn append(&self, bytes: &[u8]) {
        self.write_with(|queue| queue.append(bytes));
    }

    /// Ready when there is room, or something to [`check`](Self::check).
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, |state| {
            state.queue.room() > 0 || state.is_unread || state.error.is_some()
        })
    }

    /// Ready when all is written, or cannot be.
    pub(crate) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, State::is_done)
    }

    fn poll(&self, cx: &mut Context<'_>, is_ready: impl FnOnce(&State) -> bool) -> Poll<()> {
        let mut state = self.shared().state.lock();
        if is_ready(&state) {
            return Poll::Ready(());
        }
        if !state
            .waiting
            .iter()
            .any(|waker| waker.will_wake(cx.waker()))
        {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn write_with(&self, write: impl FnOnce(&mut Queue)) {
        let shared = self.shared();
        let mut state = shared.state.lock();
        if state.is_unread {
            return;
        }
        write(&mut state.queue);
        if !state.has_thread {
            state.has_thread = shared.clone().start();
        }
        drop(state);
        shared.came.notify_one();
    }

    fn shared(&self) -> &Arc<Shared> {
        let Self(handle) = self;
        &handle.0
    }
}

impl Write for Writer {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_with(|queue| queue.push(lines));
        Ok(lines.len())
    }

    /// Waits for nothing; [`finish`](Self::finish) does.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.state.lock().is_closed = true;
        shared.came.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    /// Starts the thread. Where the system gives none, the next write tries again.
    fn start(self: Arc<Self>) -> bool {
        let thread = thread::Builder::new().name("keywell-output".into());
        thread.spawn(move || self.run()).is_ok()
    }

    fn run(&self) {
        let Some(mut to) = self.state.lock().to.take() else {
            return;
        };
        loop {
            let taken = {
                let mut state = self.state.lock();
                loop {
                    if let Some(taken) = state.queue.take() {
                        break taken;
                    }
                    if state.is_closed {
                        return;
                    }
                    self.came.wait(&mut state);
                }
            };
            self.write_all(&mut *to, &taken);
        }
    }

    fn write_all(&self, to: &mut dyn Write, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match to.write(&bytes[..bytes.len().min(Writer::PIECE)]) {
                Ok(0) => return self.failed(bytes, ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.went(|state| state.queue.written(written));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The file is open elsewhere, too, by a program that has made it not wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::park_timeout(Writer::PAUSE);
                }
                Err(error) => return self.failed(bytes, error),
            }
        }
        if let Err(error) = to.flush() {
            self.failed(bytes, error);
        }
    }

    fn failed(&self, left: &[u8], error: io::Error) {
        self.went(|state| {
            state.queue.failed(left);
            if error.kind() == ErrorKind::BrokenPipe {
                state.is_unread = true;
            } else {
                state.error = Some(error);
            }
        });
    }

    fn went(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.progress += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.went.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }
}

// === impl State ===

impl State {
    fn is_done(&self) -> bool {
        self.queue.is_done() || self.is_unread
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    /// A reader that takes a piece whenever it is let, and passes on what it took.
    struct Reader {
        let_go: mpsc::Sender<io::Result<usize>>,
        took: mpsc::Receiver<String>,
    }

    struct Pipe {
        let_go: mpsc::Receiver<io::Result<usize>>,
        took: mpsc::Sender<String>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let bytes = &bytes[..self.let_go.recv().unwrap_or(Ok(0))?.min(bytes.len())];
            let _ = self.took.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Reader {
        /// Takes so many bytes, once there are any, and answers them.
        fn take(&self, bytes: usize) -> String {
            self.let_go.send(Ok(bytes)).unwrap();
            self.took.recv_timeout(PATIENCE).unwrap()
        }

        fn fail(&self, kind: ErrorKind) {
            self.let_go.send(Err(kind.into())).unwrap();
        }
    }

    fn writer(bound: usize) -> (Writer, Reader) {
        let (let_go, gate) = mpsc::channel();
        let (taken, took) = mpsc::channel();
        let pipe = Pipe {
            let_go: gate,
            took: taken,
        };
        let report = |dropped| format!("<{dropped}>\n").into_bytes();
        let writer = Writer::bounded(bound, Box::new(pipe), false, report);
        (writer, Reader { let_go, took })
    }

    fn write(writer: &Writer, lines: &str) {
        let mut writer = writer.clone();
        writer.write_all(lines.as_bytes()).unwrap();
    }

    async fn done(writer: &Writer) -> io::Result<()> {
        poll_fn(|cx| writer.poll_done(cx)).await;
        writer.check()
    }

    #[test]
    fn a_reader_that_stalls_holds_up_no_writer_and_hears_how_much_it_missed() {
        let (writer, reader) = writer(8);
        for _ in 0..1000 {
            write(&writer, "line\n");
        }
        assert!(!writer.finish(Duration::from_millis(1)));
        assert_eq!(reader.take(100), "line\n");
        assert_eq!(reader.take(100), "<999>\n");
        assert!(writer.finish(PATIENCE));
    }

    #[test]
    fn a_reader_that_is_slow_is_waited_for() {
        let (writer, reader) = writer(100);
        write(&writer, "one\n");
        thread::scope(|scope| {
            let finished = scope.spawn(|| writer.finish(PATIENCE));
            assert_eq!(
                ["o", "n", "e", "\n"].map(|_| reader.take(1)).concat(),
                "one\n"
            );
            assert!(finished.join().unwrap());
        });
    }

    #[test]
    fn what_waits_is_written_when_the_last_handle_is_dropped() {
        let (writer, reader) = writer(100);
        write(&writer, "last\n");
        drop(writer);
        assert_eq!(reader.take(100), "last\n");
        assert!(
            reader.took.recv_timeout(PATIENCE).is_err(),
            "the thread ended"
        );
    }

    #[tokio::test]
    async fn a_write_that_fails_counts_as_dropped_and_is_said_once() {
        let (writer, reader) = writer(100);
        write(&writer, "one\ntwo\n");
        reader.fail(ErrorKind::StorageFull);
        let error = done(&writer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        done(&writer).await.unwrap();
        write(&writer, "three\n");
        reader.fail(ErrorKind::StorageFull);
        done(&writer).await.unwrap_err();
        write(&writer, "four\n");
        assert_eq!(reader.take(100), "<3>\nfour\n");
    }

    #[tokio::test]
    async fn a_destination_that_does_not_wait_is_tried_again() {
        let (writer, reader) = writer(100);
        write(&writer, "one\n");
        reader.fail(ErrorKind::WouldBlock);
        reader.fail(ErrorKind::Interrupted);
        assert_eq!(reader.take(100), "one\n");
        done(&writer).await.unwrap();
    }

    #[tokio::test]
    async fn that_nothing_is_read_any_more_is_no_failure() {
        let (writer, reader) = writer(4);
        write(&writer, "one\n");
        reader.fail(ErrorKind::BrokenPipe);
        assert!(writer.finish(PATIENCE));
        write(&writer, "two\n");
        assert!(writer.finish(PATIENCE));
        let error = writer.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn what_must_not_be_dropped_waits_for_room() {
        let (writer, reader) = writer(4);
        writer.append(b"12345");
        assert_eq!(writer.room(), 0);
        let mut room = pin!(poll_fn(|cx| writer.poll_room(cx)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(room.as_mut().poll(&mut cx).is_pending());
        assert_eq!(reader.take(3), "123");
        room.await;
        assert_eq!(writer.room(), 2);
    }
}
