//! Attacks on what a host makes for a guest: memory, handles, time.

use core::arch::wasm32::{memory_grow, memory_size};
use core::ptr;

use wasip3::cli::stdout;
use wasip3::clocks::monotonic_clock;
use wasip3::http::client;
use wasip3::http::types::{Fields, Request, Response, Scheme};
use wasip3::random::random as bytes;
use wasip3::wit_bindgen::rt::async_support::yield_async;
use wasip3::{spawn_local, wit_future, wit_stream};

use crate::answers::read;
use crate::wasi::keyvalue::{atomics, store};

const MILLISECOND: u64 = 1_000_000;
const PAGE: usize = 64 * 1024;
/// What one header has, below the limits that hosts are known to have for one.
const HEADER: usize = 4000;
const HEADERS: usize = 30;

pub fn compute_for_ever() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

pub async fn yield_for_ever() -> ! {
    loop {
        yield_async().await;
    }
}

/// Computes for almost a tick of the host, then lets its other tasks run.
pub async fn churn_for_ever() -> ! {
    loop {
        let until = monotonic_clock::now() + 9 * MILLISECOND;
        while monotonic_clock::now() < until {
            core::hint::spin_loop();
        }
        yield_async().await;
    }
}

pub async fn sleep(milliseconds: u64) -> String {
    monotonic_clock::wait_for(milliseconds * MILLISECOND).await;
    "slept".into()
}

/// Counts in the bucket after a while.
pub async fn count_after(milliseconds: u64) {
    sleep(milliseconds).await;
    let counted = store::open("default").and_then(|bucket| atomics::increment(&bucket, "after", 1));
    drop(counted);
}

pub fn counted() -> String {
    let read = store::open("default").and_then(|bucket| atomics::increment(&bucket, "after", 0));
    read.map_or_else(|error| format!("{error:?}"), |count| count.to_string())
}

pub fn grow() -> String {
    loop {
        let page = memory_grow::<0>(1);
        if page == usize::MAX {
            return format!("made {} pages", memory_size::<0>());
        }
        let start = ptr::with_exposed_provenance_mut::<u8>(page * PAGE);
        // SAFETY: the line above made the page, and nothing else refers to it.
        unsafe { start.write_bytes(1, PAGE) };
    }
}

fn large() -> Option<Fields> {
    let fields = Fields::new();
    for number in 0..HEADERS {
        let name = format!("x-{number}");
        fields.append(&name, &[b'.'; HEADER]).ok()?;
    }
    Some(fields)
}

pub fn fields(n: u64) -> String {
    let made: Vec<_> = (0..n).map_while(|_| large()).collect();
    format!("made {}", made.len())
}

pub fn requests(n: u64) -> String {
    let made = (0..n).map_while(|_| {
        let (trailers, no_trailers) = wit_future::new(|| Ok(None));
        drop(trailers);
        Some(Request::new(large()?, None, no_trailers, None))
    });
    format!("made {}", made.collect::<Vec<_>>().len())
}

pub fn pipes(n: u64) -> String {
    let made: Vec<_> = (0..n)
        .map(|_| (wit_stream::new::<u8>(), wit_future::new(|| Ok(None))))
        .collect();
    format!("made {}", made.len())
}

pub async fn waits(n: u64) -> String {
    for _ in 0..n {
        spawn_local(monotonic_clock::wait_for(3_600_000 * MILLISECOND));
        yield_async().await;
    }
    format!("made {n}")
}

pub fn random(n: u64) -> String {
    format!("made {}", bytes::get_random_bytes(n).len())
}

pub async fn flood(n: u64) -> String {
    let (mut stream, printed) = wit_stream::new();
    let printing = stdout::write_via_stream(printed);
    let line = [&[b'.'; 1023][..], b"\n"].concat();
    let mut left = n;
    while left > 0 && stream.write_all(line.clone()).await.is_empty() {
        left = left.saturating_sub(1024);
    }
    drop(stream);
    let _ = printing.await;
    format!("made {}", n - left)
}

fn to(host: &str) -> Request {
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (request, _sent) = Request::new(Fields::new(), None, no_trailers, None);
    let is_set = request.set_scheme(Some(&Scheme::Http)).is_ok()
        && request.set_authority(Some(host)).is_ok()
        && request.set_path_with_query(Some("/")).is_ok();
    assert!(is_set, "the host is well formed");
    request
}

pub async fn get(host: &str) -> String {
    let response = match client::send(to(host)).await {
        Ok(response) => response,
        Err(code) => return format!("{code:?}"),
    };
    let status = response.get_status_code();
    let (consumed, result) = wit_future::new(|| Ok(()));
    drop(consumed);
    let (mut body, _trailers) = Response::consume_body(response, result);
    let mut whole = Vec::new();
    while let Some(piece) = read(&mut body).await {
        whole.extend(piece);
    }
    format!("{status} {}", String::from_utf8_lossy(&whole))
}

pub async fn outgoing(n: u64, host: &str) -> String {
    for _ in 0..n {
        let request = to(host);
        spawn_local(async move { drop(client::send(request).await) });
        yield_async().await;
    }
    format!("made {n}")
}
