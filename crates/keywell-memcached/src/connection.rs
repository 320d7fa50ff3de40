//! A connection to a server, on which commands follow each other without waiting for replies.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use keywell_store::Failure;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::fault::Fault;
use crate::wire::{self, Command, Reply};

/// How many commands wait to be written. Callers beyond that wait themselves.
const WAITING: usize = 256;
/// How many bytes of commands are written at once, save that one is always written whole.
const AT_ONCE: usize = 256 << 10;

/// A connection that is open. It ends with its last handle.
pub(crate) struct Connection {
    commands: mpsc::Sender<Waiting>,
    /// Which run of the server it leads to: numbers of writes are those of a run.
    pub(crate) run: u64,
    task: AbortHandle,
}

/// A command whose caller waits for the reply.
struct Waiting {
    command: Command,
    answer: Answer,
}

struct Answer {
    max: usize,
    to: oneshot::Sender<Result<Reply, Fault>>,
}

/// Those that were written, in order.
type Sent = Arc<Mutex<VecDeque<Answer>>>;

// === impl Connection ===

impl Connection {
    pub(crate) fn new(
        stream: BufReader<impl AsyncRead + AsyncWrite + Send + Unpin + 'static>,
        run: u64,
    ) -> Self {
        let (commands, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(carry(stream, waiting));
        Self {
            commands,
            run,
            task: task.abort_handle(),
        }
    }

    /// Sends a command, and waits for its reply.
    pub(crate) async fn call(&self, command: Command, max: usize) -> Result<Reply, Fault> {
        let (to, reply) = oneshot::channel();
        let answer = Answer { max, to };
        let waiting = Waiting { command, answer };
        if self.commands.send(waiting).await.is_err() {
            return Err(Fault::Unsent(lost()));
        }
        reply
            .await
            .unwrap_or_else(|_| Err(Fault::Unanswered(lost())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lost() -> Failure {
    Failure::new("the connection to Memcached is lost")
}

/// Carries commands and replies until the connection is lost, and then answers those who wait.
async fn carry(
    stream: BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    let sent = Sent::default();
    let (mut from, mut to) = tokio::io::split(stream);
    let mut from = BufReader::new(&mut from);
    let ended = tokio::select! {
        ended = write(&mut to, &mut waiting, &sent) => ended,
        ended = read(&mut from, &sent) => ended,
    };
    let failure = match ended {
        Ok(()) => lost(),
        Err(error) => Failure::caused_by("the connection to Memcached is lost", error),
    };
    waiting.close();
    for answer in std::mem::take(&mut *sent.lock()) {
        let _ = answer.to.send(Err(Fault::Unanswered(failure.clone())));
    }
    while let Some(Waiting { answer, .. }) = waiting.recv().await {
        let _ = answer.to.send(Err(Fault::Unsent(failure.clone())));
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    waiting: &mut mpsc::Receiver<Waiting>,
    sent: &Sent,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while let Some(first) = waiting.recv().await {
        let mut next = Some(first);
        while let Some(Waiting { command, answer }) = next {
            // Its caller is gone, and it was not sent.
            if !answer.to.is_closed() {
                command.write(&mut buffer);
                sent.lock().push_back(answer);
            }
            let has_room = buffer.len() < AT_ONCE;
            next = has_room.then(|| waiting.try_recv().ok()).flatten();
        }
        to.write_all(&buffer).await?;
        to.flush().await?;
        buffer.clear();
    }
    Ok(())
}

async fn read(from: &mut BufReader<impl AsyncRead + Unpin>, sent: &Sent) -> io::Result<()> {
    loop {
        // Only the reader takes answers away, so the first one stays the first.
        let max = wait_for_reply(from, sent).await?;
        let reply = wire::reply(from, max).await?;
        if let Some(answer) = sent.lock().pop_front() {
            let _ = answer.to.send(reply);
        }
    }
}

/// Waits until a reply begins; answers how large a value its caller can hold.
async fn wait_for_reply(
    from: &mut BufReader<impl AsyncRead + Unpin>,
    sent: &Sent,
) -> io::Result<usize> {
    use tokio::io::AsyncBufReadExt as _;
    if from.fill_buf().await?.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let max = sent.lock().front().map(|answer| answer.max);
    max.ok_or_else(|| {
        let what = "Memcached sent a reply without a request";
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
