//! Clients in separate processes; one of these is killed.
//!
//! Only one process can open a disk store, so this one serves the others over a Unix socket. Requests
//! and responses are lines of JSON. Each client keeps its own journal, on the system's monotonic
//! clock, which all processes of a machine share.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::history::{
    Event, History, Operation, Plan, Recorder, Request, Response, Service, seeds,
};
use keywell_disk::DiskStore;
use keywell_store::{Bucket, BucketName, Capabilities, Cas, Store};
use parking_lot::Mutex as Lock;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

const FOLDER: &str = "KEYWELL_TEST_FOLDER";
const CLIENT: &str = "KEYWELL_TEST_CLIENT";
const CLIENTS: usize = 3;

/// The timeout of a client, far longer than it needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The store of another process.
struct Remote(Mutex<BufReader<UnixStream>>);

/// A client's process, and its connection.
struct Connected {
    process: Child,
    stream: BufReader<UnixStream>,
}

// === impl Remote ===

impl Service for Remote {
    fn declared(&self) -> Capabilities {
        Capabilities {
            cas: Cas::ByVersion,
            increment: true,
            ..Capabilities::default()
        }
    }

    async fn call(&self, key: &str, request: &Request) -> Response {
        let mut stream = self.0.lock().await;
        let mut line = serde_json::to_string(&(key, request)).unwrap();
        line.push('\n');
        stream.write_all(line.as_bytes()).await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn journal(folder: &Path, client: usize) -> PathBuf {
    folder.join(format!("journal-{client}"))
}

fn plan(seed: u64) -> Plan {
    Plan {
        clients: CLIENTS,
        ..Plan::seeded(seed)
    }
}

/// Nanoseconds since the machine started.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn is_one_client() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let client: usize = std::env::var(CLIENT).unwrap().parse().unwrap();
    let seed = seeds(1).next().unwrap();
    let stream = UnixStream::connect(folder.join("socket")).await.unwrap();
    let remote = Arc::new(Remote(Mutex::new(BufReader::new(stream))));
    // Not buffered, so that the file has every event also if this process is killed.
    let journal = Lock::new(File::create(journal(&folder, client)).unwrap());
    let recorder = Recorder::new(Arc::new(now), move |event| {
        let mut line = serde_json::to_string(&event).unwrap();
        line.push('\n');
        journal.lock().write_all(line.as_bytes()).unwrap();
    });
    plan(seed).run_client(client, remote, recorder).await;
}

fn child(folder: &Path, client: usize, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::is_one_client", "--ignored"])
        .env(FOLDER, folder)
        .env(CLIENT, client.to_string())
        .env("KEYWELL_SEED", seed.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Serves one client until it disconnects. Kills it after `last` requests, without a response to
/// the last one, which has taken effect.
async fn serve(bucket: Arc<dyn Bucket>, mut client: Connected, last: usize) -> Connected {
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if client.stream.read_line(&mut line).await.unwrap() == 0 {
            break;
        }
        let (key, request): (String, Request) = serde_json::from_str(&line).unwrap();
        let response = bucket.call(&key, &request).await;
        if number == last {
            client.process.kill().unwrap();
            break;
        }
        line = serde_json::to_string(&response).unwrap() + "\n";
        client.stream.write_all(line.as_bytes()).await.unwrap();
    }
    client
}

/// The events of a client's journal. The last line may be cut short. Its request was then never
/// sent, as a request is recorded before it is sent.
fn read(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_see_a_linearizable_store_also_when_one_of_them_is_killed() {
    for seed in seeds(2) {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path().join("store")).unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();

        // Started one by one, so that each connection belongs to a known client.
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let process = child(folder.path(), client, seed);
            let accepted = timeout(PATIENCE, listener.accept()).await;
            let (stream, _) = accepted.expect("the client connects").unwrap();
            let stream = BufReader::new(stream);
            clients.push(Connected { process, stream });
        }
        let mut served = JoinSet::new();
        for (client, connected) in clients.into_iter().enumerate() {
            let last = if client == 0 { 20 } else { usize::MAX };
            served.spawn(serve(bucket.clone(), connected, last));
        }
        let done = timeout(PATIENCE, served.join_all()).await;
        let mut killed = 0;
        for mut client in done.expect("clients end") {
            let status = client.process.wait().unwrap();
            killed += usize::from(!status.success());
        }
        assert_eq!(killed, 1);

        let events = (0..CLIENTS).flat_map(|client| read(&journal(folder.path(), client)));
        let history = History::new(events, &bucket.capabilities());
        let is_unanswered = |operation: &&Operation| operation.response.is_none();
        assert_eq!(history.operations.iter().filter(is_unanswered).count(), 1);
        if let Err(violation) = history.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}
