//! Requests to real servers that behave, and that do not.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{Either, try_join_all};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::turns::DialTurns;
use super::{Client, Outgoing, Response};
use crate::Environment;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

fn outgoing(allowed: &[&str]) -> Outgoing {
    outgoing_by(Arc::new(Client::default()), allowed)
}

fn outgoing_by(client: Arc<Client>, allowed: &[&str]) -> Outgoing {
    let allowed = allowed.iter().map(|host| host.parse().unwrap());
    let environment = Environment {
        outgoing: allowed.collect(),
        ..Environment::default()
    };
    Outgoing::new(Arc::new(environment), client)
}

fn request(method: Method, uri: &str, body: &'static [u8]) -> Request<WasiBody> {
    let body = Full::new(Bytes::from_static(body));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    let request = Request::builder().method(method).uri(uri);
    request.body(body).unwrap()
}

async fn send(
    outgoing: &mut Outgoing,
    uri: &str,
    options: RequestOptions,
) -> Result<Response, Error> {
    let sending = outgoing.send(request(Method::GET, uri, b""), Some(options))?;
    tokio::time::timeout(PATIENCE, sending).await.unwrap()
}

/// A fresh client's request to a server on this machine.
async fn ask(uri: &str, options: RequestOptions) -> Result<Response, Error> {
    send(&mut outgoing(&["*"]), uri, options).await
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// A server that answers each connection with what `serve` does; its address.
async fn server<F>(mut serve: impl FnMut(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It ends with the test's runtime.
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// One that reads a request's head, then sends this and, if asked to, never ends.
async fn scripted(answer: &'static str, hangs: bool) -> String {
    server(move |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        if hangs {
            // Until the other side goes away.
            let _ = stream.read_u8().await;
        }
    })
    .await
}

/// A server of hyper's: echoes method, path and body, and counts its connections.
async fn echo() -> (String, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = server(move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async {
                let line = format!("{} {} ", request.method(), request.uri());
                let body = request.into_body().collect().await?.to_bytes();
                let line = [line.as_bytes(), &body].concat();
                Ok::<_, hyper::Error>(http::Response::new(Full::new(Bytes::from(line))))
            });
            let serving = auto::Builder::new(TokioExecutor::new());
            let _ = serving
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (address.await, connections)
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_never_asked() {
    let (address, connections) = echo().await;
    let port = address.rsplit(':').next().unwrap();
    let elsewhere = format!("127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1);
    let with_user = format!("http://{address}@localhost:{port}/");
    let plain = format!("http://{address}/");
    let localhost = format!("localhost:{port}");
    for (allowed, uri) in [
        (vec![], &plain),
        (vec![elsewhere.as_str()], &plain),
        (vec![localhost.as_str(), "127.0.0.1", "*.0.0.1"], &plain),
    ] {
        let sent = send(&mut outgoing(&allowed), uri, RequestOptions::default()).await;
        assert!(matches!(sent, Err(Error::HttpRequestDenied)), "{allowed:?}");
    }
    let sent = ask(&with_user, RequestOptions::default()).await;
    assert!(matches!(sent, Err(Error::HttpRequestUriInvalid)));
    let connect = outgoing(&["*"]).send(request(Method::CONNECT, &plain, b""), None);
    assert!(matches!(connect, Err(Error::HttpRequestMethodInvalid)));
    assert_eq!(connections.load(Ordering::SeqCst), 0);

    let mut allowed = outgoing(&[&address]);
    let sent = send(&mut allowed, &plain, RequestOptions::default()).await;
    assert_eq!(text(sent.unwrap()).await, "GET / ");
}

#[tokio::test]
async fn a_connection_is_used_again_and_bodies_go_both_ways() {
    let (address, connections) = echo().await;
    let mut outgoing = outgoing(&[&address]);
    let uri = format!("http://{address}/a?b=c");
    for _ in 0..20 {
        let sending = outgoing.send(request(Method::POST, &uri, b"body"), None);
        let response = sending.unwrap().await.unwrap();
        assert_eq!(text(response).await, "POST /a?b=c body");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_no_request() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    // It answers one request a connection, and does not say that it closes it.
    let address = scripted(answer, false).await;
    let mut outgoing = outgoing(&[&address]);
    let uri = format!("http://{address}/");
    for n in 0..50 {
        match send(&mut outgoing, &uri, RequestOptions::default()).await {
            Ok(response) => assert_eq!(text(response).await, "ok"),
            // It was sent, and its outcome is unknown. That is never tried again here.
            Err(Error::HttpResponseIncomplete | Error::ConnectionTerminated) => {}
            Err(error) => panic!("request {n}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_handed_to_the_guest() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n";
    let address = scripted(answer, false).await;
    let response = ask(&format!("http://{address}/"), RequestOptions::default()).await;
    let response = response.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "http://elsewhere/");
}

#[tokio::test]
async fn failures_are_reported_by_their_codes() {
    let usual = RequestOptions::default();
    // Nothing listens on the port of tcpmux, and no test is given it.
    let refused = ask("http://127.0.0.1:1/", usual).await;
    assert!(
        matches!(refused, Err(Error::ConnectionRefused)),
        "{:?}",
        refused.err()
    );

    let unknown = ask("http://unknown.invalid/", usual).await;
    assert!(
        matches!(unknown, Err(Error::DnsError { .. })),
        "{:?}",
        unknown.err()
    );

    let silent = scripted("", false).await;
    // Which of the two depends on where the client is when it sees the end.
    let silent = ask(&format!("http://{silent}/"), usual).await;
    assert!(
        matches!(
            silent,
            Err(Error::HttpResponseIncomplete | Error::ConnectionTerminated)
        ),
        "{:?}",
        silent.err()
    );

    let garbage = scripted("SSH-2.0-OpenSSH\r\n\r\n", false).await;
    let garbage = ask(&format!("http://{garbage}/"), usual).await;
    assert!(
        matches!(garbage, Err(Error::HttpProtocolError)),
        "{:?}",
        garbage.err()
    );

    let no_tls = scripted("HTTP/1.1 400 Bad Request\r\n\r\n\r\n", false).await;
    let no_tls = ask(&format!("https://{no_tls}/"), usual).await;
    // A server that speaks no TLS does not see the end of a request's head, either.
    assert!(no_tls.is_err());

    let cut_off = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let cut_off = scripted(cut_off, false).await;
    let response = ask(&format!("http://{cut_off}/"), usual).await.unwrap();
    let body = response.into_body().collect().await;
    assert!(
        matches!(body, Err(Error::HttpResponseIncomplete)),
        "{:?}",
        body.err()
    );
}

#[tokio::test]
async fn a_server_that_takes_too_long_is_given_up() {
    let soon = Some(Duration::from_millis(50));
    // It accepts, and says nothing: TLS never comes about, and no answer comes.
    let mute = scripted("", true).await;
    let connect = RequestOptions {
        connect_timeout: soon,
        ..RequestOptions::default()
    };
    let sent = ask(&format!("https://{mute}/"), connect).await;
    assert!(
        matches!(sent, Err(Error::ConnectionTimeout)),
        "{:?}",
        sent.err()
    );

    let first_byte = RequestOptions {
        first_byte_timeout: soon,
        connect_timeout: soon,
        ..RequestOptions::default()
    };
    let sent = ask(&format!("http://{mute}/"), first_byte).await;
    assert!(
        matches!(sent, Err(Error::ConnectionReadTimeout)),
        "{:?}",
        sent.err()
    );

    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let half = scripted(half, true).await;
    let between_bytes = RequestOptions {
        between_bytes_timeout: soon,
        ..RequestOptions::default()
    };
    let response = ask(&format!("http://{half}/"), between_bytes)
        .await
        .unwrap();
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    let body = body.unwrap();
    assert!(
        matches!(body, Err(Error::ConnectionReadTimeout)),
        "{:?}",
        body.err()
    );
}

/// A body far larger than what buffers on the way have room for, and the pieces that it comes in.
const ALL: usize = 64 << 20;
const PIECE: usize = 64 << 10;

#[tokio::test]
async fn a_body_comes_as_fast_as_it_is_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let address = server(move |stream| {
        let counted = counted.clone();
        async move {
            let service = service_fn(move |_| {
                let counted = counted.clone();
                async move {
                    let pieces = futures::stream::iter(0..ALL / PIECE).map(move |_| {
                        counted.fetch_add(PIECE, Ordering::SeqCst);
                        let piece = Bytes::from(vec![0; PIECE]);
                        Ok::<_, std::convert::Infallible>(http_body::Frame::data(piece))
                    });
                    Ok::<_, hyper::Error>(http::Response::new(StreamBody::new(pieces)))
                }
            });
            let serving = auto::Builder::new(TokioExecutor::new());
            let _ = serving
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    let uri = format!("http://{}/", address.await);
    let response = ask(&uri, RequestOptions::default()).await.unwrap();
    let mut body = response.into_body();
    let mut read = 0;
    while read < 1 << 20 {
        let frame = body.frame().await.unwrap().unwrap();
        read += frame.into_data().unwrap().len();
    }
    // The server runs on until nothing takes what it sends.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(sent.load(Ordering::SeqCst) < ALL / 2, "it was read ahead");
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(read, ALL);
}

#[tokio::test]
async fn an_instance_has_so_many_requests_under_way_and_no_more() {
    let (address, _) = echo().await;
    let uri = format!("http://{address}/");
    let mut outgoing = outgoing(&[&address]);
    let mut responses = Vec::new();
    for _ in 0..Outgoing::MAX_UNDER_WAY {
        let sent = send(&mut outgoing, &uri, RequestOptions::default()).await;
        responses.push(sent.unwrap());
    }
    let sent = send(&mut outgoing, &uri, RequestOptions::default()).await;
    assert!(matches!(sent, Err(Error::ConnectionLimitReached)));
    // One whose body is read has ended.
    text(responses.remove(0)).await;
    let sent = send(&mut outgoing, &uri, RequestOptions::default()).await;
    assert_eq!(text(sent.unwrap()).await, "GET / ");
}

/// A server that takes connections one after the other out of a queue of this length, and answers
/// one request of each.
fn narrow(backlog: u32) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(backlog).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It ends with the test's runtime.
    tokio::spawn(async move {
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            // A server that is busy for a moment.
            let _ =
                tokio::time::timeout(Duration::from_millis(2), std::future::pending::<()>()).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

/// The system sends a connection again after 1, 3 and 7 seconds, where the server's had no room for
/// it. With all connections at once some of these requests fail, after 40 s.
#[tokio::test]
async fn many_requests_at_once_do_not_overrun_a_server_with_a_short_queue() {
    for (processes, backlog) in [(1, 1), (2, 5)] {
        let address = narrow(backlog);
        let mut sending = Vec::new();
        for _ in 0..processes {
            let client = Arc::new(Client::default());
            for _ in 0..200 {
                let mut outgoing = outgoing_by(client.clone(), &["*"]);
                let uri = format!("http://{address}/");
                sending.push(tokio::spawn(async move {
                    let sent = send(&mut outgoing, &uri, RequestOptions::default()).await;
                    text(sent.unwrap()).await
                }));
            }
        }
        let answers = tokio::time::timeout(Duration::from_secs(20), try_join_all(sending));
        let answers = answers.await.expect("no request waits for the system");
        assert!(answers.unwrap().iter().all(|answer| answer == "ok"));
    }
}

#[tokio::test]
async fn servers_that_answer_slowly_hold_up_no_other_request() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = server(move |mut stream| {
        let is_mute = counted.fetch_add(1, Ordering::SeqCst) < 2 * DialTurns::MOST;
        async move {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            if is_mute {
                // Until the other side goes away.
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {}
            } else {
                let _ = stream.write_all(answer).await;
            }
        }
    });
    let uri = format!("http://{}/", address.await);
    let client = Arc::new(Client::default());
    let slow = (0..2 * DialTurns::MOST).map(|_| {
        let mut outgoing = outgoing_by(client.clone(), &["*"]);
        let uri = uri.clone();
        async move { send(&mut outgoing, &uri, RequestOptions::default()).await }
    });
    let slow = futures::future::join_all(slow);
    let mut outgoing = outgoing_by(client.clone(), &["*"]);
    let quick = send(&mut outgoing, &uri, RequestOptions::default());
    match futures::future::select(pin!(slow), pin!(quick)).await {
        Either::Left(_) => panic!("a slow server answered"),
        Either::Right((quick, _)) => assert_eq!(text(quick.unwrap()).await, "ok"),
    }
}
