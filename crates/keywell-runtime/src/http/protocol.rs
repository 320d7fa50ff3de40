use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;

use super::connection::Connection;
use super::timer::Timer;

/// The most of a request's head, and of what waits to be written, in bytes. Not less than the longest
/// target that is not refused with 414.
const HTTP1_BUFFER: usize = 80 << 10;
/// How many requests of one HTTP/2 connection may be under way.
const STREAMS: u32 = 256;
/// The most of a stream's body that waits to be written, in bytes.
const STREAM_BUFFER: usize = 64 << 10;
/// The most of a request's body that no guest has read, in bytes: of a stream, and of all.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 128 << 10;
/// The most of a request's headers, in bytes.
const HEADERS: u32 = 16 << 10;
/// How often a client is asked whether it is there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams that a client reset before they were looked at, and that were reset for its errors,
/// before the connection is closed.
const RESETS: usize = 20;
const ERRORS: usize = 256;

/// How HTTP is spoken on a connection.
///
/// The time-outs are the connection's own: a timer of HTTP/1's for each request costs more than the
/// one timer of a connection, and holds neither before the protocol is known nor for HTTP/2.
///
/// hyper's `pipeline_flush` stays off: it ignores the bound on what waits to be written, and answers
/// nothing where more bytes have come than one request.
pub(super) fn protocol(connection: &Arc<Connection>) -> auto::Builder<Streams> {
    let mut protocol = auto::Builder::new(Streams(connection.clone()));
    protocol
        .http1()
        .header_read_timeout(None)
        .max_buf_size(HTTP1_BUFFER)
        // One buffer and one plain write: most responses are small.
        .writev(false);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS);
    protocol
}

/// Runs each HTTP/2 stream in a task of its own, which resets it when its time is up: to drop a
/// stream is to reset it.
#[derive(Clone)]
pub(super) struct Streams(Arc<Connection>);

// === impl Streams ===

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let Some(progress) = self.0.take_stream() else {
            tokio::spawn(stream);
            return;
        };
        let write_timeout = self.0.write_timeout();
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            let mut timer = Timer::default();
            poll_fn(|cx| {
                if stream.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                let due = progress.due(write_timeout);
                timer.poll(due.map(|(due, _)| due), cx).map(|()| {
                    if let Some((_, why)) = due {
                        progress.end(why);
                    }
                })
            })
            .await;
        });
    }
}
