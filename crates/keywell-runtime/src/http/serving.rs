use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::app::HttpApp;
use super::body::{Content, ResponseBody};
use super::connection::{Closing, Connection, Due};
use super::exchange::Exchange;
use super::progress::Why;
use super::protocol::protocol;
use super::site::Site;
use super::stream::Stream;
use super::target::{self, Local};
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
pub(super) async fn serve(connection: &Arc<Connection>, stream: TcpStream, site: &Arc<Site>) {
    // A response leaves in one write, so there is nothing to gain from waiting for more.
    drop(stream.set_nodelay(true));
    let wire = Wire::new(stream, connection.clone());
    let stream = match site.tls() {
        None => Ok(Stream::Plain(wire)),
        Some(tls) => {
            let shaken = Box::pin(shake_hands(connection, tls.accept(wire))).await;
            shaken.map(|stream| Stream::Encrypted(Box::new(stream)))
        }
    };
    let ended = match stream {
        Ok(stream) => speak_http(connection, stream, site).await,
        Err(ended) => ended,
    };
    if let (Ended::ByItself, Some(socket)) = (ended, connection.take_socket()) {
        linger(socket).await;
    }
}

/// Waits for a client to encrypt its connection, for as long as for the head of a request.
async fn shake_hands(
    connection: &Arc<Connection>,
    accept: Accept<Wire>,
) -> Result<TlsStream<Wire>, Ended> {
    let (mut accept, mut timer) = (pin!(accept), Timer::default());
    poll_fn(|cx| {
        connection.wakes(cx.waker());
        if let Poll::Ready(shaken) = accept.as_mut().poll(cx) {
            return Poll::Ready(shaken.map_err(|error| {
                tracing::debug!("a connection could not be encrypted: {error}");
                Ended::ByItself
            }));
        }
        if connection.closing().is_some() {
            return Poll::Ready(Err(Ended::Idle));
        }
        let due = connection.due();
        timer.poll(due.map(|(due, _)| due), cx).map(|()| {
            if let Some((_, Due::Response(why))) = due {
                connection.reset(why);
                return Err(Ended::Reset);
            }
            Err(Ended::Idle)
        })
    })
    .await
}

/// Answers a request by the application that it is for, if there is one.
async fn respond(
    app: Result<HttpApp, Box<Response<Content>>>,
    mut request: Request<Incoming>,
    local: Local,
    exchange: Exchange,
) -> Result<Response<ResponseBody>, Infallible> {
    let version = request.version();
    // What is wrong with a request goes before where it is to go.
    let response = match (target::check(&mut request, local), app) {
        (Err(refusal), _) => refusal.response(version),
        (Ok(()), Err(refused)) => *refused,
        (Ok(()), Ok(app)) => {
            let scheme = if local.is_encrypted {
                Scheme::Https
            } else {
                Scheme::Http
            };
            app.respond(request, scheme).await
        }
    };
    Ok(response.map(|content| ResponseBody::new(content, exchange)))
}

async fn speak_http(connection: &Arc<Connection>, stream: Stream, site: &Arc<Site>) -> Ended {
    let local = Local {
        addr: site.addr(),
        is_encrypted: matches!(stream, Stream::Encrypted(_)),
    };
    let service = service_fn(|request| {
        let exchange = Exchange::begin(connection, request.version());
        respond(site.app(&request), request, local, exchange)
    });
    let protocol = protocol(connection);
    let mut http = pin!(protocol.serve_connection(TokioIo::new(stream), service));
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
