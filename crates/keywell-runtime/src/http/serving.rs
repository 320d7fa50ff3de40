use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answering::Answering;
use super::connection::{Closing, Connection, Due};
use super::exchange::Exchange;
use super::progress::Why;
use super::protocol::protocol;
use super::timer::Timer;
use super::wire::{Wire, linger};

/// How HTTP ended on a connection.
enum Ended {
    ByItself,
    /// Nothing runs on it.
    Idle,
    Reset,
}

/// Answers requests until the connection ends.
pub(super) async fn serve(
    connection: &Arc<Connection>,
    stream: TcpStream,
    listener: SocketAddr,
    answering: Answering,
) {
    // A response leaves in one write, so there is nothing to gain from waiting for more.
    drop(stream.set_nodelay(true));
    let ended = speak_http(connection, stream, listener, answering).await;
    if let (Ended::ByItself, Some(socket)) = (ended, connection.take_socket()) {
        linger(socket).await;
    }
}

async fn speak_http(
    connection: &Arc<Connection>,
    stream: TcpStream,
    listener: SocketAddr,
    answering: Answering,
) -> Ended {
    let wire = TokioIo::new(Wire::new(stream, connection.clone()));
    let service = service_fn(|request| {
        let exchange = Exchange::begin(connection, request.version());
        answering.app().respond(request, listener, exchange)
    });
    let protocol = protocol(connection);
    let mut http = pin!(protocol.serve_connection(wire, service));
    let mut timer = Timer::default();
    let mut is_closing = false;
    poll_fn(|cx| {
        connection.wakes(cx.waker());
        loop {
            if let Poll::Ready(ended) = http.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!("a connection ended early: {error}");
                }
                return Poll::Ready(Ended::ByItself);
            }
            if let Some(closing) = connection.closing() {
                // HTTP/2 may still have to send what no request waits for any more.
                let is_lossless =
                    !connection.has_http2() || (closing == Closing::AtOnce && is_closing);
                if is_lossless && connection.idle_since().is_some() {
                    return Poll::Ready(Ended::Idle);
                }
                if !is_closing {
                    is_closing = true;
                    http.as_mut().graceful_shutdown();
                    continue;
                }
            }
            let due = connection.due();
            if timer.poll(due.map(|(due, _)| due), cx).is_pending() {
                return Poll::Pending;
            }
            let why = match due {
                Some((_, Due::Idle)) | None => {
                    if is_closing || !connection.has_http2() {
                        return Poll::Ready(Ended::Idle);
                    }
                    connection.close_gracefully();
                    continue;
                }
                Some((_, Due::Look)) if !connection.unsent().is_stuck() => continue,
                Some((_, Due::Look)) => Why::Unread,
                Some((_, Due::Response(why))) => why,
            };
            connection.reset(why);
            return Poll::Ready(Ended::Reset);
        }
    })
    .await
}
