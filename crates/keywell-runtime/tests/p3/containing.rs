use std::time::{Duration, Instant};

use http::StatusCode;
use keywell_runtime::{HttpOptions, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Served, options, serve};

/// Calls may take half a second.
fn short() -> Options {
    Options {
        timeout: Duration::from_millis(500),
        write_timeout: Duration::from_millis(500),
        memory: 16 << 20,
        ..options()
    }
}

async fn serve_shortly() -> Served {
    serve("hostile-0-3", &short(), &HttpOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_ended_whether_it_computes_or_waits() {
    let served = serve_shortly().await;
    for path in ["/spin", "/yield", "/sleep?ms=3600000"] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{path}");
    }
    for path in ["/loop", "/hold", "/endless"] {
        let answer = served.send(path, bytes::Bytes::new(), false).await;
        assert!(answer.unwrap_err().starts_with("it breaks off"), "{path}");
    }
    assert_eq!(served.get("/hello").await.text, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_leave_room_for_others() {
    let served = serve_shortly().await;
    let looping = futures::future::join_all((0..4).map(|_| served.get("/spin")));
    let others = async {
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(served.get("/hello").await.text, "hello");
            times.push(began.elapsed());
        }
        times.sort_unstable();
        times[2]
    };
    let (_, median) = futures::future::join(looping, others).await;
    assert!(median < Duration::from_millis(400), "{median:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_memory_and_what_the_host_holds_for_it_are_bounded() {
    let served = serve_shortly().await;
    let pages = served.get("/grow").await.text;
    let pages: u64 = pages
        .strip_prefix("made ")
        .and_then(|pages| pages.strip_suffix(" pages"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(pages <= 256, "{pages} pages");
    for (path, whole) in [
        ("/fields?n=10000", "made 10000"),
        ("/requests?n=10000", "made 10000"),
        ("/random?n=1000000000", "made 1000000000"),
    ] {
        let answer = served.get(path).await;
        assert_ne!(answer.text, whole, "{path}");
        assert_eq!(served.get("/hello").await.text, "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_or_does_not_finish_its_body_holds_no_guest() {
    let options = Options {
        instances: 1,
        ..short()
    };
    for request in [
        "GET /endless HTTP/1.1\r\nhost: it\r\n\r\n",
        "POST /copy HTTP/1.1\r\nhost: it\r\ncontent-length: 1000\r\n\r\nbegun",
    ] {
        let served = serve("hostile-0-3", &options, &HttpOptions::default()).await;
        let mut client = TcpStream::connect(served.addr).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        // Its head comes once the guest runs, which has the only place.
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        let ended = async { while served.get("/hello").await.text != "hello" {} };
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        assert!(ended.is_ok(), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_leaves_keeps_its_place_and_its_time() {
    for concurrency in [1, 2] {
        let options = Options {
            instances: 1,
            ..options()
        };
        let http = HttpOptions {
            concurrency,
            ..HttpOptions::default()
        };
        let served = serve("hostile-0-3", &options, &http).await;
        assert_eq!(served.get("/after?ms=300").await.text, "answered");
        // The only place is that of what the request left.
        assert_eq!(served.get("/counted").await.text, "1", "{concurrency}");
    }
    let http = HttpOptions {
        concurrency: 2,
        reuse: 1000,
        ..HttpOptions::default()
    };
    let served = serve("hostile-0-3", &short(), &http).await;
    assert_eq!(served.get("/after-yield").await.text, "answered");
    let mut seen = vec![0];
    while seen.len() < 40 && seen.is_sorted() {
        assert_eq!(served.get("/sleep?ms=50").await.status, StatusCode::OK);
        seen.push(served.get("/seen").await.text.parse::<u32>().unwrap());
    }
    assert!(!seen.is_sorted(), "another instance answers: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_which_there_is_no_instance_are_answered_alike() {
    let options = Options {
        total_memory: 64 << 10,
        ..short()
    };
    for concurrency in [1, 4] {
        let http = HttpOptions {
            concurrency,
            ..HttpOptions::default()
        };
        let served = serve("hostile-0-3", &options, &http).await;
        let asked = (0..4).map(|_| served.get("/hello"));
        for answer in futures::future::join_all(asked).await {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_with_several_requests_is_ended_with_the_one_that_takes_too_long() {
    let http = HttpOptions {
        concurrency: 4,
        ..HttpOptions::default()
    };
    let served = serve("hostile-0-3", &short(), &http).await;
    for path in ["/spin", "/sleep?ms=3600000"] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{path}");
        assert_eq!(served.get("/hello").await.text, "hello");
    }
    let waiting = served.get("/sleep?ms=3600000");
    let trapping = async {
        let asked = (0..4).map(|_| served.get("/trap"));
        futures::future::join_all(asked).await
    };
    let (waited, trapped) = futures::future::join(waiting, trapping).await;
    assert!(waited.status.is_server_error());
    for answer in trapped {
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(served.get("/hello").await.text, "hello");
}
