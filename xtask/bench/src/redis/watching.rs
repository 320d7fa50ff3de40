use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use keywell_servers::Redis;
use keywell_servers::resp::Reply;
use keywell_store::BucketName;

use super::client::{Client, PATIENCE};
use crate::Done;
use crate::guests::guest;
use crate::server::keywell;

/// The key that the component watches.
const WATCHED: &str = "ping";
/// How often a watcher that begins is tried.
const ATTEMPTS: u32 = 10;

/// How long events took, in their order of size.
pub(crate) struct Latencies(Vec<Duration>);

/// `keywell serve --watch` of a component that records when it received a change.
pub(crate) struct Watcher {
    process: Child,
    /// The last value that was set: each is another.
    last: u64,
}

/// A connection that has subscribed to the events of one key, on a thread that does nothing else.
pub(crate) struct BareSubscriber {
    /// The only key that it watches.
    key: &'static str,
    received: mpsc::Receiver<SystemTime>,
}

// === impl Latencies ===

impl Latencies {
    fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        Self(latencies)
    }

    /// The latency that this part of the events did not exceed, in microseconds.
    pub(crate) fn micros(&self, part: f64) -> f64 {
        let rank = (part * self.0.len() as f64).ceil() as usize;
        let latency = self.0.get(rank.max(1) - 1);
        latency.map_or(f64::NAN, |latency| latency.as_nanos() as f64 / 1e3)
    }
}

// === impl Watcher ===

impl Watcher {
    pub(crate) fn start(server: &Redis, layout: &str) -> Done<Self> {
        let url = format!("{}?layout={layout}", server.url());
        let watch = format!("SET@={WATCHED}");
        let process = Command::new(keywell()?)
            .arg("serve")
            .arg(guest("bench_watcher"))
            .args(["--store", &url, "--watch", &watch])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut watcher = Self { process, last: 0 };
        let mut line = String::new();
        if let Some(stdout) = watcher.process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.contains("watches") {
            return Ok(watcher);
        }
        if let Some(stderr) = watcher.process.stderr.take() {
            BufReader::new(stderr).read_line(&mut line)?;
        }
        Err(format!("`keywell serve --watch` said {:?}", line.trim()).into())
    }

    /// Changes the key until a change is seen: a watch that loses events may not hear at once.
    pub(crate) fn settle(&mut self, client: &mut Client<'_>) -> Done {
        let mut seen = Err("the watcher was not tried".into());
        for _ in 0..ATTEMPTS {
            self.last += 1;
            let value = self.last.to_string();
            client.set(WATCHED, &value)?;
            seen = client.seen(&value, PATIENCE / ATTEMPTS).map(drop);
            if seen.is_ok() {
                break;
            }
        }
        seen
    }

    /// Of so many changes, one after the other.
    pub(crate) fn latencies(&mut self, client: &mut Client<'_>, events: usize) -> Done<Latencies> {
        let mut latencies = Vec::with_capacity(events);
        for _ in 0..events {
            self.last += 1;
            let value = self.last.to_string();
            let before = client.set(WATCHED, &value)?;
            latencies.push(client.seen(&value, PATIENCE)?.duration_since(before)?);
        }
        Ok(Latencies::new(latencies))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

// === impl BareSubscriber ===

impl BareSubscriber {
    /// One that reads the clock when it hears that the key has changed.
    pub(crate) fn hearing(server: &Redis) -> Done<Self> {
        Self::start(server, "bare", false)
    }

    /// One that then asks for the value, which is not in the event, and reads the clock when it has it.
    pub(crate) fn reading(server: &Redis) -> Done<Self> {
        Self::start(server, "bare-reading", true)
    }

    fn start(server: &Redis, key: &'static str, asks: bool) -> Done<Self> {
        let (sender, received) = mpsc::channel();
        let (subscribed, ready) = mpsc::channel();
        let name = format!("{}:{key}", BucketName::default());
        let channel = format!("__keyspace@0__:{name}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut connection = runtime.block_on(server.connect())?;
        let mut asking = runtime.block_on(server.connect())?;
        // It ends when the server does, or when the receiver is dropped.
        std::thread::spawn(move || {
            runtime.block_on(async {
                let reply = connection.command(&["SUBSCRIBE", &channel]).await;
                if subscribed.send(reply.map(drop)).is_err() {
                    return;
                }
                while let Ok(Reply::Array(_)) = connection.receive().await {
                    if asks && asking.command(&["GET", &name]).await.is_err() {
                        return;
                    }
                    if sender.send(SystemTime::now()).is_err() {
                        return;
                    }
                }
            });
        });
        ready.recv_timeout(PATIENCE)??;
        Ok(Self { key, received })
    }

    /// Of so many changes, one after the other.
    pub(crate) fn latencies(&mut self, client: &mut Client<'_>, events: usize) -> Done<Latencies> {
        let mut latencies = Vec::with_capacity(events);
        for n in 0..events {
            let before = client.set(self.key, &n.to_string())?;
            client.rest();
            let received = self.received.recv_timeout(PATIENCE)?;
            latencies.push(received.duration_since(before)?);
        }
        Ok(Latencies::new(latencies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let latencies = Latencies::new((1..=100).rev().map(Duration::from_micros).collect());
        assert!((latencies.micros(0.5) - 50.0).abs() < f64::EPSILON);
        assert!((latencies.micros(0.99) - 99.0).abs() < f64::EPSILON);
        assert!((Latencies::new(vec![Duration::from_micros(7)]).micros(0.5) - 7.0).abs() < 1e-9);
        assert!(Latencies::new(Vec::new()).micros(0.5).is_nan());
    }
}
