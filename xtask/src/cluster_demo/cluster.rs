use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::nats::Nats;
use super::relay::Relay;
use crate::process::{Done, root};
use crate::server::Server;
use crate::setup;

/// What is counted.
const PATH: &str = "/tea";
/// How long copies may take to become equal.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to find them equal.
const PAUSE: Duration = Duration::from_millis(200);

/// A NATS server and three processes, from 1 to 3. The last reaches the server through a relay.
pub(super) struct Cluster {
    program: PathBuf,
    processes: [Option<Server>; 3],
    relay: Relay,
    /// How many requests were answered, all of them to the same path.
    sent: u64,
    began: Instant,
    // Last, so that the server ends after those that are connected to it.
    nats: Nats,
}

// === impl Cluster ===

impl Cluster {
    pub(super) fn start(program: PathBuf) -> Done<Self> {
        let began = Instant::now();
        let nats = Nats::start()?;
        let relay = Relay::to(nats.address);
        let relay = relay.map_err(|error| format!("cannot relay to nats-server: {error}"))?;
        let mut cluster = Self {
            program,
            processes: [None, None, None],
            relay,
            sent: 0,
            began,
            nats,
        };
        for number in 1..=3 {
            cluster.start_again(number)?;
        }
        Ok(cluster)
    }

    /// Starts a process, with a copy of what the others hold.
    pub(super) fn start_again(&mut self, number: usize) -> Done {
        let nats = match number {
            3 => self.relay.address,
            _ => self.nats.address,
        };
        let store = store(nats);
        let counter = setup::guest("counter");
        let shown = counter.strip_prefix(root()).unwrap_or(&counter).display();
        let addr = "127.0.0.1:0";
        println!("$ keywell serve {shown} --store '{store}' --addr {addr}");
        let mut keywell = Command::new(&self.program);
        keywell.current_dir(root()).arg("serve").arg(&counter);
        let server = Server::start(keywell.args(["--store", &store, "--addr", addr]))?;
        println!("process {number} listens on http://{}", server.address);
        self.processes[number - 1] = Some(server);
        Ok(())
    }

    /// Prints what happens next, with the time since the start.
    pub(super) fn say(&self, what: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        println!("\n[{seconds:.1} s] {what}");
    }

    /// Sends so many requests to each of these.
    pub(super) fn send(&mut self, numbers: &[usize], requests: u64) -> Done {
        let mut last = Vec::new();
        for number in numbers {
            let mut count = 0;
            for _ in 0..requests {
                count = self.ask(*number)?;
            }
            last.push((*number, count));
        }
        println!(
            "{requests} requests to each; the last answers: {}",
            list(&last)
        );
        Ok(())
    }

    /// Sends a request to each of these in turn, until each answers with the number of all requests
    /// so far: then it has counted all that the others have, and nothing twice.
    pub(super) fn agree(&mut self, numbers: &[usize]) -> Done {
        let started = Instant::now();
        loop {
            let mut counts = Vec::new();
            let mut are_equal = true;
            for number in numbers {
                let count = self.ask(*number)?;
                counts.push((*number, count));
                are_equal &= count == self.sent;
                if count > self.sent {
                    return Err(format!(
                        "process {number} counts {count} requests, and {} were sent",
                        self.sent
                    ));
                }
            }
            let (sent, after) = (self.sent, started.elapsed().as_secs_f64());
            if are_equal {
                println!(
                    "equal after {after:.1} s and {sent} requests; asked in turn, {}",
                    list(&counts)
                );
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!(
                    "the counts are not equal after {after:.1} s and {sent} requests: {}",
                    list(&counts)
                ));
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    pub(super) fn kill(&mut self, number: usize) -> Done {
        self.processes[number - 1]
            .take()
            .map_or(Ok(()), Server::kill)
    }

    pub(super) fn cut(&self) {
        self.relay.cut();
    }

    pub(super) fn heal(&self) {
        self.relay.heal();
    }

    /// Reads the count in a process of its own, which takes part for as long as it reads.
    pub(super) fn read_elsewhere(&self) -> Done {
        let store = store(self.nats.address);
        let arguments = ["kv", "get", PATH, "--store", &store];
        println!("\n$ keywell kv get {PATH} --store '{store}'");
        let output = Command::new(&self.program).args(arguments).output();
        let output = output.map_err(|error| format!("cannot start keywell: {error}"))?;
        let count = String::from_utf8_lossy(&output.stdout);
        let (count, sent) = (count.trim(), self.sent);
        println!("{count}");
        if count == sent.to_string() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "a fourth process reads {count:?} after {sent} requests {errors}"
        ))
    }

    /// Stops all processes.
    pub(super) fn stop(mut self) -> Done {
        for process in &mut self.processes {
            process.take().map_or(Ok(()), Server::stop)?;
        }
        Ok(())
    }

    /// Serves until Ctrl-C.
    pub(super) fn serve_on(mut self) -> Done {
        println!();
        for server in self.processes.iter().flatten() {
            println!("Try more:  curl http://{}{PATH}", server.address);
        }
        println!("Serving until Ctrl-C.");
        // The terminal sends Ctrl-C to all of them, and each ends by itself.
        for server in self.processes.iter_mut().flatten() {
            server.wait()?;
        }
        Ok(())
    }

    /// Sends a request, and answers the count in its answer.
    fn ask(&mut self, number: usize) -> Done<u64> {
        let server = self.processes[number - 1].as_ref();
        let server = server.ok_or_else(|| format!("process {number} does not run"))?;
        let answer = server.get(PATH)?;
        self.sent += 1;
        let count = answer.trim().rsplit(' ').next();
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| format!("process {number} answered {answer:?}"))
    }
}

fn store(nats: SocketAddr) -> String {
    format!("nats-cache://{nats}/demo?heartbeat-secs=1")
}

/// `process 1: 20, process 2: 40`
fn list(counts: &[(usize, u64)]) -> String {
    let counts = counts
        .iter()
        .map(|(number, count)| format!("process {number}: {count}"));
    counts.collect::<Vec<_>>().join(", ")
}
