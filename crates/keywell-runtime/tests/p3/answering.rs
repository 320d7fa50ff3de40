use bytes::Bytes;
use http::{StatusCode, header};
use keywell_runtime::{Environment, HttpOptions};
use keywell_store::{BucketName, Filter, Since};

use crate::support::{PATIENCE, options, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_component_counts_in_its_bucket_and_a_short_body_has_its_length() {
    let served = serve("counter-0-3", &options(), &HttpOptions::default()).await;
    let mut lengths = 0;
    for n in 1..=20 {
        let answer = served.get("/tea?with=milk").await;
        assert_eq!(answer.text, format!("Counter /tea: {n}\n"));
        assert_eq!(answer.status, StatusCode::OK);
        // A guest that is interrupted, where others compute, has no whole body at first.
        if let Some(length) = answer.headers.get(header::CONTENT_LENGTH) {
            assert_eq!(length.to_str().unwrap(), answer.text.len().to_string());
            lengths += 1;
        }
        let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(kind, "text/plain; charset=utf-8");
    }
    assert!(lengths > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_its_scheme_its_host_and_its_path() {
    let served = serve("hostile-0-3", &options(), &HttpOptions::default()).await;
    let addr = served.addr;
    let answer = served.get("/request?a=b").await;
    assert_eq!(answer.text, format!("http {addr} /request?a=b"));
    let answer = served.send("/request", Bytes::new(), true).await.unwrap();
    assert_eq!(answer.text, format!("http {addr} /request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways_and_trailers_arrive() {
    let served = serve("hostile-0-3", &options(), &HttpOptions::default()).await;
    let body = Bytes::from(vec![b'x'; 3 << 20]);
    for path in ["/echo", "/copy"] {
        for is_http2 in [false, true] {
            let answer = served.send(path, body.clone(), is_http2).await.unwrap();
            assert!(answer.text.as_bytes() == body, "{path}");
        }
    }
    let answer = served.get("/stream?n=5000000").await;
    assert_eq!(answer.text.len(), 5_000_000);
    let answer = served.send("/trailers", Bytes::new(), true).await.unwrap();
    assert_eq!(answer.text, "text");
    assert_eq!(answer.trailers.unwrap()["x-sum"], "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_proper_answer_is_500_and_the_next_is_answered() {
    let served = serve("hostile-0-3", &options(), &HttpOptions::default()).await;
    for path in [
        "/trap",
        "/error",
        "/length?declared=10&n=3",
        "/length?declared=3&n=10",
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(answer.text, "the component failed\n");
        assert_eq!(served.get("/hello").await.text, "hello");
    }
    let answer = served.get("/length?declared=5&n=5").await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "....."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_goes_on_after_its_response() {
    let served = serve("hostile-0-3", &options(), &HttpOptions::default()).await;
    let bucket = BucketName::parse("default").unwrap();
    let bucket = served.store.open(&bucket).await.unwrap();
    let filter = Filter::Key("after".to_owned());
    let mut counted = bucket.watch(filter, Since::Now).await.unwrap();
    assert_eq!(served.get("/after?ms=200").await.text, "answered");
    let counted = async { futures::StreamExt::next(&mut counted).await };
    let counted = tokio::time::timeout(PATIENCE, counted).await.unwrap();
    counted.unwrap().unwrap();
    assert_eq!(served.get("/counted").await.text, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_answers_as_many_requests_as_it_may() {
    for (reuse, expected) in [(1, ["1", "1", "1", "1"]), (3, ["1", "2", "3", "1"])] {
        let http = HttpOptions {
            reuse,
            ..HttpOptions::default()
        };
        let served = serve("hostile-0-3", &options(), &http).await;
        for n in expected {
            assert_eq!(served.get("/seen").await.text, n);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_allowed_hosts_alone() {
    let other = serve("counter-0-3", &options(), &HttpOptions::default()).await;
    let path = format!("/get?to={}", other.addr);
    let served = serve("hostile-0-3", &options(), &HttpOptions::default()).await;
    let denied = served.get(&path).await.text;
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    let environment = Environment {
        outgoing: vec![other.addr.to_string().parse().unwrap()],
        ..Environment::default()
    };
    let http = HttpOptions {
        environment,
        ..HttpOptions::default()
    };
    let served = serve("hostile-0-3", &options(), &http).await;
    let answer = served.get(&path).await;
    assert_eq!(answer.text, "200 Counter /: 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_answers_several_requests_at_once_where_it_may() {
    for (concurrency, least, most) in [(1, 1, 1), (3, 2, 3), (10, 2, 6)] {
        let http = HttpOptions {
            concurrency,
            ..HttpOptions::default()
        };
        let served = serve("hostile-0-3", &options(), &http).await;
        let asked = (0..6).map(|_| served.get("/together?ms=500"));
        let answers = futures::future::join_all(asked).await.into_iter();
        let together = answers.map(|answer| answer.text.parse::<u32>().unwrap());
        let together = together.max().unwrap();
        assert!((least..=most).contains(&together), "{together}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_with_several_requests_streams_bodies_and_goes_on_after_responses() {
    let http = HttpOptions {
        concurrency: 8,
        reuse: 100,
        ..HttpOptions::default()
    };
    let served = serve("hostile-0-3", &options(), &http).await;
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    let asked = (0..8).map(|n| served.send("/copy", body.clone(), n % 2 == 0));
    for answer in futures::future::join_all(asked).await {
        assert!(answer.unwrap().text.as_bytes() == body);
    }
    assert_eq!(served.get("/after?ms=1").await.text, "answered");
    let error = served.get("/error").await;
    assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
    let counted = async { while served.get("/counted").await.text != "1" {} };
    let counted = tokio::time::timeout(PATIENCE, counted).await;
    assert!(counted.is_ok());
}
