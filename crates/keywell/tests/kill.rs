//! `kill -9` of `keywell serve` under load: what was acknowledged is there afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use support::{Server, keywell};

const CLIENTS: usize = 8;

/// The calls and answers of the clients of one key, over all rounds.
#[derive(Default)]
struct Counter {
    asked: AtomicU64,
    acknowledged: AtomicU64,
}

#[test]
fn every_acknowledged_increment_survives_thirty_kills() {
    let kills = setting("KEYWELL_KILLS").unwrap_or(30);
    let seed = setting("KEYWELL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("KEYWELL_SEED={seed} KEYWELL_KILLS={kills}");
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().display());

    // One key each, and one that all of them increment.
    let own: Vec<Counter> = (0..CLIENTS).map(|_| Counter::default()).collect();
    let shared = Counter::default();
    let mut random = seed;
    for _ in 0..kills {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let enough = shared.acknowledged.load(Ordering::Relaxed) + 1 + (random >> 33) % 300;
        let server = Server::start("counter", &["--store", &store]);
        let address = server.address.clone();
        thread::scope(|scope| {
            for (client, own) in own.iter().enumerate() {
                let (address, shared) = (&address, &shared);
                scope.spawn(move || increment_until_killed(address, client, own, shared));
            }
            let deadline = Instant::now() + support::PATIENCE;
            while shared.acknowledged.load(Ordering::Relaxed) < enough {
                assert!(Instant::now() < deadline, "the server makes no progress");
                thread::yield_now();
            }
            server.kill();
        });
        for (client, counter) in own.iter().enumerate() {
            counter.check(&store, &format!("/own{client}"));
        }
        shared.check(&store, "/shared");
    }
    let total = shared.acknowledged.load(Ordering::Relaxed);
    assert!(total >= kills, "only {total} increments were acknowledged");

    let keys = keywell()
        .args(["kv", "list", "--store", &store])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(keys.stdout)
            .unwrap()
            .lines()
            .any(|key| key == "/shared")
    );
    assert!(Path::new(folder.path()).exists());
}

fn increment_until_killed(address: &str, client: usize, own: &Counter, shared: &Counter) {
    let Ok(mut connection) = std::net::TcpStream::connect(address) else {
        return;
    };
    connection
        .set_read_timeout(Some(support::PATIENCE))
        .unwrap();
    loop {
        for (path, counter) in [
            (format!("/own{client}"), own),
            ("/shared".to_owned(), shared),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            counter.asked.fetch_add(1, Ordering::SeqCst);
            if connection.write_all(request.as_bytes()).is_err() {
                return;
            }
            let mut answer = Vec::new();
            let expected = format!("Counter {path}: ");
            while !answer.ends_with(b"\n") || !contains(&answer, expected.as_bytes()) {
                let mut piece = [0; 1024];
                match connection.read(&mut piece) {
                    Ok(read @ 1..) => answer.extend_from_slice(&piece[..read]),
                    Ok(0) | Err(_) => return,
                }
                let refused = contains(&answer, b"HTTP/1.1 5");
                assert!(!refused, "{}", String::from_utf8_lossy(&answer));
            }
            counter.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

// === impl Counter ===

impl Counter {
    /// Every acknowledged increment is there, and no other.
    fn check(&self, store: &str, key: &str) {
        let read = keywell()
            .args(["kv", "get", key, "--store", store])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() || error.contains("no key"), "{error}");
        let stored = String::from_utf8(read.stdout).unwrap();
        let stored: u64 = if stored.is_empty() {
            0
        } else {
            stored.parse().unwrap()
        };
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let asked = self.asked.load(Ordering::SeqCst);
        assert!(
            stored >= acknowledged,
            "{key}: {acknowledged} were acknowledged, {stored} are there"
        );
        assert!(
            stored <= asked,
            "{key}: {asked} were asked for, {stored} are there"
        );
    }
}
