use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::alarm::Alarm;
use super::clients::{connect, runtime};
use super::connection::Connection;
use super::result::Load;
use crate::Done;

/// How much longer than planned a load may take before the server counts as unable.
const PATIENCE: u32 = 5;

/// Requests that are due at a constant rate, whether or not those before are answered.
struct Plan {
    began: Instant,
    /// A second.
    rate: f64,
    total: u64,
    /// The next to be sent.
    next: AtomicU64,
    /// A permit for each request that is due and not yet taken.
    due: Semaphore,
}

/// Sends at a constant rate, so many a second, for so long. A latency counts from when its request was due, so that what
/// waits for a free connection behind a slow answer is as late as its sender would see it.
///
/// # Errors
///
/// When the server cannot keep up, by far.
pub(crate) fn open(
    address: &str,
    request: &str,
    connections: usize,
    rate: f64,
    time: Duration,
) -> Done<Load> {
    let load = async {
        let open = connect(address, request, connections).await?;
        let plan = Arc::new(Plan::new(rate, time));
        let mut senders = JoinSet::new();
        for connection in open {
            senders.spawn(send_due(connection, plan.clone()));
        }
        plan.announce(connections).await?;
        let mut latencies = Vec::new();
        while let Some(ended) = senders.join_next().await {
            latencies.extend(ended??);
        }
        Load::new(&latencies, plan.began.elapsed())
    };
    runtime()?.block_on(async {
        let bound = time * PATIENCE + Duration::from_secs(10);
        let ended = tokio::time::timeout(bound, load).await;
        ended.unwrap_or_else(|_| Err(format!("{address} cannot answer {rate:.0} /s").into()))
    })
}

async fn send_due(mut connection: Connection, plan: Arc<Plan>) -> Done<Vec<Duration>> {
    let mut latencies = Vec::new();
    while let Some(due) = plan.take().await? {
        connection.ask().await?;
        latencies.push(due.elapsed());
    }
    Ok(latencies)
}

// === impl Plan ===

impl Plan {
    /// Begins now.
    fn new(rate: f64, time: Duration) -> Self {
        Self {
            began: Instant::now(),
            rate,
            total: (rate * time.as_secs_f64()).max(1.0) as u64,
            next: AtomicU64::new(0),
            due: Semaphore::new(0),
        }
    }

    /// When a request is due.
    fn due(&self, request: u64) -> Instant {
        self.began + Duration::from_secs_f64(request as f64 / self.rate)
    }

    /// Hands out each request when it is due, and then ends the senders.
    async fn announce(&self, senders: usize) -> Done {
        let alarm = Alarm::new()?;
        for request in 0..self.total {
            alarm.at(self.due(request)).await?;
            self.due.add_permits(1);
        }
        self.due.add_permits(senders);
        Ok(())
    }

    /// Waits for the next request that is due, and answers since when it is; none after the last.
    async fn take(&self) -> Done<Option<Instant>> {
        self.due.acquire().await?.forget();
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        Ok((request < self.total).then(|| self.due(request)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    /// Answers the requests of one connection, the first only after so long.
    async fn serve(listener: TcpListener, stall: Duration) -> std::io::Result<()> {
        let (mut stream, _) = listener.accept().await?;
        let mut stall = Some(stall);
        while stream.read(&mut [0; 1024]).await? > 0 {
            if let Some(stall) = stall.take() {
                _ = timeout(stall, pending::<()>()).await;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await?;
        }
        Ok(())
    }

    #[test]
    fn requests_behind_a_slow_answer_are_late_by_what_they_waited() {
        let stall = Duration::from_millis(200);
        let server = runtime().unwrap();
        let listener = server.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answering = std::thread::spawn(move || server.block_on(serve(listener, stall)));
        // One connection, 500 a second: the first is answered late, and 100 are due meanwhile.
        let load = open(&address, "/", 1, 500.0, Duration::from_millis(400)).unwrap();
        answering.join().unwrap().unwrap();
        assert!(load.micros(1.0) >= 200e3, "{}", load.micros(1.0));
        // A closed loop would report one late request in 200.
        assert!(load.micros(0.75) >= 50e3, "{}", load.micros(0.75));
    }

    #[test]
    fn requests_are_due_at_a_constant_rate() {
        let plan = Plan::new(1000.0, Duration::from_secs(2));
        assert_eq!(plan.total, 2000);
        assert_eq!(plan.due(500) - plan.began, Duration::from_millis(500));
    }

    #[test]
    fn an_alarm_rings_when_it_should_and_at_once_when_that_is_past() {
        runtime().unwrap().block_on(async {
            let alarm = Alarm::new().unwrap();
            for _ in 0..3 {
                let time = Instant::now() + Duration::from_micros(300);
                alarm.at(time).await.unwrap();
                assert!(Instant::now() >= time);
            }
            let past = Instant::now();
            timeout(Duration::from_secs(5), alarm.at(past))
                .await
                .unwrap()
                .unwrap();
        });
    }
}
