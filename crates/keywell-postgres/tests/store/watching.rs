use std::time::Duration;

use keywell_servers::{Databases, Proxy, SharedPostgres};
use keywell_store::{Error, Event, Filter, Invalid, Set, Since, Store as _, Watching};

use crate::support::{bucket, connect, next, next_events, set};

#[tokio::test]
async fn a_watch_delivers_what_another_process_wrote_and_expirations() {
    let server = SharedPostgres::get().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let (here, there) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    let (reader, writer) = (bucket(&here, "b").await, bucket(&there, "b").await);
    let mut watch = reader.watch(Filter::All, Since::Now).await.unwrap();
    set(&writer, "a", "1").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["a=1"]);
    let how = Set::expiring(Duration::from_millis(200)).unwrap();
    writer.set("short", "2".into(), how).await.unwrap();
    // The process that set it is gone, so this store removes it.
    there.close().await.unwrap();
    assert_eq!(next_events(&mut watch, 2).await, ["short=2", "~short"]);
}

/// The transaction that took the earlier version commits last.
#[tokio::test]
async fn what_commits_late_is_not_skipped() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let url = server.url(&database);
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    let mut late = psql(&server, &database);
    late.send(
        "SET search_path = keywell; SELECT settle(); BEGIN; SELECT out_changed FROM apply('{}', '{}', '{}', '{b}', \
         ARRAY['late'::bytea], '{0}', ARRAY['1'::bytea], '{null}', '{null}'); SELECT 'applied';",
    );
    late.wait_for("applied");
    set(&b, "early", "2").await.unwrap();
    let event = next(&mut watch).await.unwrap();
    assert_eq!(event.key(), Some("early"));
    late.send("COMMIT; SELECT 'committed';");
    late.wait_for("committed");
    assert_eq!(next_events(&mut watch, 1).await, ["late=1"]);
    // Resumed from the event that came first, it delivers the late one as well.
    let since = Since::After(event.token().unwrap().clone());
    let mut resumed = b.watch(Filter::All, since).await.unwrap();
    assert_eq!(next_events(&mut resumed, 1).await, ["late=1"]);
}

#[tokio::test]
async fn a_watch_goes_on_over_lost_connections() {
    let server = SharedPostgres::get().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let database = server.database().unwrap();
    let here = connect(&server.url_at(proxy.addr(), &database))
        .await
        .unwrap();
    let there = connect(&server.url(&database)).await.unwrap();
    let (reader, writer) = (bucket(&here, "b").await, bucket(&there, "b").await);
    let mut watch = reader.watch(Filter::All, Since::Now).await.unwrap();
    for round in 0..3 {
        set(&writer, "k", &round.to_string()).await.unwrap();
        assert_eq!(next_events(&mut watch, 1).await, [format!("k={round}")]);
        proxy.cut();
    }
}

#[tokio::test]
async fn reserved_buckets_take_nothing_of_the_history_and_are_watched_live() {
    let server = SharedPostgres::get().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let store = connect(&format!("{url}?history=100")).await.unwrap();
    let (b, own) = (
        bucket(&store, "b").await,
        bucket(&store, "keywell-triggers").await,
    );
    assert_eq!(own.capabilities().watch, Watching::Lossy);
    let watch = b.watch(Filter::All, Since::Now).await.unwrap();
    let since = Since::After(watch.start().unwrap().clone());
    let mut live = own.watch(Filter::All, Since::Now).await.unwrap();
    set(&b, "k", "1").await.unwrap();
    for _ in 0..600 {
        own.increment("n", 1).await.unwrap();
    }
    let mut resumed = b.watch(Filter::All, since.clone()).await.unwrap();
    assert_eq!(next_events(&mut resumed, 1).await, ["k=1"]);
    assert_eq!(next(&mut live).await.unwrap(), Event::Gap);
    for number in 0..300 {
        set(&b, "k", &number.to_string()).await.unwrap();
    }
    let refused = b.watch(Filter::All, since).await.unwrap_err();
    assert!(
        matches!(refused, Error::Invalid(Invalid::Compacted)),
        "{refused}"
    );
}

/// An open session of the client that PostgreSQL brings.
struct Session {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

fn psql(server: &Databases, database: &str) -> Session {
    use std::io::BufRead as _;
    use std::process::{Command, Stdio};
    let psql = keywell_servers::program::postgres().unwrap().join("psql");
    let mut child = Command::new(psql)
        .args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--host=127.0.0.1",
        ])
        .arg(format!("--port={}", server.addr().port()))
        .args(["--username", Databases::USER, "--dbname", database])
        .env("PGPASSWORD", Databases::PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    Session { child, lines }
}

impl Session {
    fn send(&mut self, sql: &str) {
        use std::io::Write as _;
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{sql}").unwrap();
    }

    fn wait_for(&mut self, line: &str) {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        assert!(lines.any(|found| found == line), "psql ended");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
