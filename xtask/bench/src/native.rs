//! The floor of the HTTP figures: the counter, natively, on hyper.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// The first argument that makes this program the server.
pub(crate) const ARGUMENT: &str = "native-server";

type Counts = Arc<Mutex<HashMap<String, u64>>>;

/// Serves on the address that is the second argument, for ever.
pub(crate) fn serve() {
    let address = std::env::args()
        .nth(2)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("threads can be started");
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .expect("the address is free");
        println!(
            "listens on http://{} ",
            listener.local_addr().expect("it is bound")
        );
        let counts = Counts::default();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            drop(stream.set_nodelay(true));
            let counts = counts.clone();
            tokio::spawn(async move {
                let service =
                    service_fn(move |request| ready(Ok::<_, Infallible>(count(&counts, &request))));
                let http = hyper::server::conn::http1::Builder::new();
                drop(http.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
}

fn count(counts: &Counts, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let n = {
        let mut counts = counts.lock();
        match counts.get_mut(path) {
            Some(n) => {
                *n += 1;
                *n
            }
            None => *counts.entry(path.to_owned()).or_insert(1),
        }
    };
    let mut response = Response::new(Full::from(format!("Counter {path}: {n}\n")));
    let text = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, text);
    response
}
