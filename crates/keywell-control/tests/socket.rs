//! The socket of a process: who is answered, what is refused, and what becomes of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_control::{RemoteStore, Server, processes};
use keywell_folder::Folder;
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Entry, Error, Filter, Invalid, Set, Since, Store,
    Version,
};
use support::{Idle, Shared};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_mins(1);

/// A store that answers no call of a key.
#[derive(Clone, Default)]
struct Silent(Arc<Notify>);

impl Silent {
    fn answer<T: Send + 'static>(&self) -> Answer<T> {
        self.0.notify_one();
        Answer::later(std::future::pending())
    }
}

impl Store for Silent {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(self.clone()))
    }
}

impl Bucket for Silent {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
        self.answer()
    }

    fn set(&self, _: &str, _: Bytes, _: Set) -> Answer<Version> {
        self.answer()
    }

    fn delete(&self, _: &str) -> Answer<()> {
        self.answer()
    }
}

async fn default_of(store: &Arc<dyn Store>) -> Arc<dyn Bucket> {
    store.open(&BucketName::default()).await.unwrap()
}

#[tokio::test]
async fn a_write_whose_process_ends_may_have_happened_and_a_read_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let (shared, silent) = (Shared::default(), Silent::default());
    let store = shared.share(folder.path(), silent.clone()).await;
    let bucket = default_of(&store).await;
    let set = tokio::spawn(bucket.set("k", "v".into(), Set::default()));
    silent.0.notified().await;
    let get = tokio::spawn(bucket.get("k"));
    silent.0.notified().await;
    // Its store never closes, as it is asked something.
    drop(shared);
    let set = set.await.unwrap().unwrap_err();
    assert!(matches!(set, Error::Ambiguous(_)), "{set}");
    let get = get.await.unwrap().unwrap_err();
    assert!(matches!(get, Error::Unavailable(_)), "{get}");
    // Nothing was sent from here on.
    let set = bucket.set("k", "v".into(), Set::default()).await;
    assert!(matches!(set, Err(Error::Unavailable(_))), "{set:?}");
}

#[tokio::test]
async fn a_socket_that_was_left_is_replaced_and_a_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(RemoteStore::find(folder.path()).await.is_none());
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    assert_eq!(default_of(&store).await.increment("n", 1).await.unwrap(), 1);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    shared.close().await.unwrap();
    assert!(!path.exists());
    assert!(RemoteStore::find(folder.path()).await.is_none());

    fs::write(&path, "precious").unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let opened = Folder::open(folder.path()).unwrap();
    assert!(Server::in_store(opened, Arc::new(Idle), &store).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn a_folder_may_have_a_longer_path_than_an_address_has_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x".repeat(150));
    let shared = Shared::default();
    let store = shared.share(&place, MemoryStore::new()).await;
    assert_eq!(default_of(&store).await.increment("n", 1).await.unwrap(), 1);
    assert!(place.join("control.sock").exists());
    shared.close().await.unwrap();
    assert!(!place.join("control.sock").exists());
}

#[tokio::test]
async fn a_folder_that_every_user_may_write_to_has_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    shared.share(folder.path(), MemoryStore::new()).await;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(RemoteStore::find(folder.path()).await.is_none());
}

#[tokio::test]
async fn processes_of_one_folder_have_a_socket_each() {
    let folder = tempfile::tempdir().unwrap();
    let serve = || {
        let opened = Folder::open(folder.path()).unwrap();
        Server::among_processes(opened, Arc::new(Idle)).unwrap()
    };
    let (one, other) = (serve(), serve());
    // One that a killed process left is no process.
    drop(UnixListener::bind(folder.path().join("1-0.sock")).unwrap());
    let found = processes::all(folder.path()).await.unwrap();
    assert_eq!(found.len(), 2);
    for report in found {
        assert_eq!(report.unwrap().pid, std::process::id());
    }
    drop(one);
    assert_eq!(processes::all(folder.path()).await.unwrap().len(), 1);
    drop(other);
    assert!(processes::all(folder.path()).await.unwrap().is_empty());
    let none = folder.path().join("none");
    assert!(processes::all(&none).await.unwrap().is_empty());
}

/// Sends a request as it is, and reads to the end.
async fn raw(folder: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(folder.join("control.sock"))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut response));
    drop(read.await.unwrap());
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let post = |headers: &str, body: &str| {
        format!("POST /v1/store HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n{body}")
    };
    for (request, status) in [
        (
            "GET /v2/status HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            "404",
        ),
        (
            "GET /v1/store HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            "404",
        ),
        (post("content-length: 2", "{}"), "400"),
        (post("content-length: 999999999999", ""), "413"),
        (post("transfer-encoding: chunked", "0\r\n\r\n"), "411"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let response = raw(folder.path(), &request).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(response.starts_with(&expected), "{request}: {response}");
    }
    let status = "GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n";
    let response = raw(folder.path(), status).await;
    assert!(response.contains("\"pid\":"), "{response}");
    assert!(default_of(&store).await.get("k").await.unwrap().is_none());
}

#[tokio::test]
async fn clients_that_send_nothing_are_closed_and_others_get_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let bucket = default_of(&store).await;
    let path = folder.path().join("control.sock");
    let idle = (0..80).map(|_| UnixStream::connect(&path));
    let idle = futures::future::try_join_all(idle).await.unwrap();
    let sum = tokio::time::timeout(PATIENCE, bucket.increment("n", 1)).await;
    assert_eq!(sum.unwrap().unwrap(), 1);
    drop(idle);
}

#[tokio::test]
async fn watches_leave_places_for_calls() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let bucket = default_of(&store).await;
    let mut watches = Vec::new();
    let refused = loop {
        match bucket.watch(Filter::All, Since::Now).await {
            Ok(watch) => watches.push(watch),
            Err(error) => break error,
        }
    };
    assert_eq!(watches.len(), 32);
    assert!(
        refused.to_string().contains("32 watches are open"),
        "{refused}"
    );
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("k"));
    }
    watches.clear();
    // Their places are free once their process has noticed.
    let again = async {
        while bucket.watch(Filter::All, Since::Now).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_watch_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let bucket = default_of(&store).await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    shared.close().await.unwrap();
    let ended = watch.next().await.unwrap();
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_batch_that_no_message_has_room_for_is_refused_here() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let bucket = default_of(&store).await;
    let value = Bytes::from(vec![0; 16 << 20]);
    let keys: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let entries = keys.iter().map(|key| (&**key, value.clone()));
    let refused = bucket.set_many(entries.collect()).await.unwrap_err();
    let is_it = matches!(refused, Error::Invalid(Invalid::BatchTooLarge { .. }));
    assert!(is_it, "{refused}");
}

#[tokio::test]
async fn a_watch_says_how_far_it_has_come_without_events() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let store = shared.share(folder.path(), MemoryStore::new()).await;
    let bucket = default_of(&store).await;
    let filter = Filter::Prefix("wanted/".to_owned());
    let mut watch = bucket.watch(filter.clone(), Since::Now).await.unwrap();
    let start = watch.reached();
    assert!(start.is_some());
    let set = bucket.set("other", "v".into(), Set::default());
    set.await.unwrap();
    let comes_further = async {
        // It is polled, as a reader does that waits for an event.
        while watch.reached() == start {
            let event = tokio::time::timeout(Duration::from_millis(20), watch.next()).await;
            assert!(event.is_err(), "{event:?}");
        }
    };
    tokio::time::timeout(PATIENCE, comes_further).await.unwrap();
    let reached = watch.reached().unwrap();
    let set = bucket.set("wanted/1", "v".into(), Set::default());
    set.await.unwrap();
    let event = tokio::time::timeout(PATIENCE, watch.next()).await.unwrap();
    assert_eq!(event.unwrap().unwrap().key(), Some("wanted/1"));
    let mut again = bucket.watch(filter, Since::After(reached)).await.unwrap();
    let event = tokio::time::timeout(PATIENCE, again.next()).await.unwrap();
    assert_eq!(event.unwrap().unwrap().key(), Some("wanted/1"));
    assert_eq!(again.coalesced(), 0);
}
