//! A server that is killed, restarted, frozen, slow or out of reach, and a login that is revoked.

use std::sync::Arc;
use std::time::Duration;

use keywell_postgres::OpenError;
use keywell_servers::{Databases, Postgres, Proxy, SharedPostgres, Tls, Towards};
use keywell_store::{Bucket, Error, Filter, Set, Since, Store as _};

use crate::support::{bucket, connect, eventually, next_events, set, text};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash_and_what_was_not_is_said_so() {
    let server = Postgres::start().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    let mut counted = 0;
    for round in 1..=3 {
        let (first, counting) = tokio::sync::oneshot::channel();
        let increments = tokio::spawn({
            let b = b.clone();
            async move {
                let mut first = Some(first);
                let mut count = counted;
                loop {
                    match b.increment("n", 1).await {
                        Ok(sum) => count = sum,
                        Err(error) => return (count, error),
                    }
                    first.take().map(|first| first.send(()));
                }
            }
        });
        counting.await.unwrap();
        server.kill().await.unwrap();
        let (acknowledged, error) = increments.await.unwrap();
        let is_known = matches!(error, Error::Ambiguous(_) | Error::Unavailable(_));
        assert!(is_known, "{error:?}");
        // A connection that the client does not know to be gone leaves doubt.
        let error = loop {
            match set(&b, "down", "v").await.unwrap_err() {
                Error::Ambiguous(_) => {}
                error => break error,
            }
        };
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert!(store.health().await.is_err());
        server.restart().await.unwrap();
        let there = eventually(async || text(&b, "n").await).await;
        counted = there.unwrap().parse::<i64>().unwrap();
        // One more may have been committed and not acknowledged.
        let expected = acknowledged..=acknowledged + 1;
        assert!(
            expected.contains(&counted),
            "{counted} {expected:?} {round}"
        );
        assert_eq!(text(&b, "down").await.unwrap(), None);
    }
    // The watch has waited for the server, and missed nothing.
    for number in 1..=counted {
        assert_eq!(next_events(&mut watch, 1).await, [format!("n={number}")]);
    }
}

#[tokio::test]
async fn a_frozen_server_leaves_a_write_in_doubt_and_a_read_undone() {
    let server = Postgres::start().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let url = format!("{url}?answer-timeout=300ms&connect-timeout=300ms");
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    set(&b, "k", "before").await.unwrap();
    connect_all(&b).await;
    server.freeze().await.unwrap();
    let error = sent(async || set(&b, "k", "meanwhile").await).await;
    assert!(matches!(error, Error::Ambiguous(_)), "{error:?}");
    let error = text(&b, "k").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    server.thaw().unwrap();
    let there = eventually(async || text(&b, "k").await).await.unwrap();
    assert!(["before", "meanwhile"].contains(&&*there), "{there}");
    eventually(async || set(&b, "k", "after").await).await;
    assert_eq!(text(&b, "k").await.unwrap().as_deref(), Some("after"));
}

/// Has the store keep so many connections, prepared to write, that its own tasks do not take all of
/// them.
async fn connect_all(bucket: &Arc<dyn Bucket>) {
    let sets = (0..8).map(|number| async move {
        let key = format!("warm{number}");
        set(bucket, &key, "").await
    });
    futures::future::try_join_all(sets).await.unwrap();
}

/// The error of the first write that was sent: on a connection that another task of the store made,
/// its statement is not prepared yet.
async fn sent(mut write: impl AsyncFnMut() -> keywell_store::Result<()>) -> Error {
    for _ in 0..8 {
        match write().await.unwrap_err() {
            Error::Unavailable(_) => {}
            error => return error,
        }
    }
    panic!("no write was sent");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_in_doubt_and_sent_once() {
    let server = SharedPostgres::get().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let url = server.url_at(proxy.addr(), &server.database().unwrap());
    let store = connect(&format!("{url}?answer-timeout=1s")).await.unwrap();
    let b = bucket(&store, "b").await;
    b.increment("n", 1).await.unwrap();
    connect_all(&b).await;
    proxy.stall(Towards::Client);
    let error = sent(async || b.increment("n", 1).await.map(drop)).await;
    assert!(matches!(error, Error::Ambiguous(_)), "{error:?}");
    proxy.cut();
    proxy.flow(Towards::Client);
    let there = eventually(async || text(&b, "n").await).await;
    assert_eq!(there.as_deref(), Some("2"));
    // A connection that is cut before a write is sent leaves no doubt of the next one.
    proxy.refuse(true);
    proxy.cut();
    let error = loop {
        match b.increment("n", 1).await.unwrap_err() {
            // A connection that the client does not know to be gone leaves doubt.
            Error::Ambiguous(_) => {}
            error => break error,
        }
    };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    proxy.refuse(false);
    eventually(async || store.health().await).await;
}

#[tokio::test]
async fn a_slow_server_is_waited_for_as_long_as_set() {
    let server = SharedPostgres::get().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let url = server.url_at(proxy.addr(), &server.database().unwrap());
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    set(&b, "k", "v").await.unwrap();
    proxy.delay(Duration::from_millis(100));
    set(&b, "k", "slow").await.unwrap();
    assert_eq!(text(&b, "k").await.unwrap().as_deref(), Some("slow"));
}

#[tokio::test]
async fn a_revoked_login_is_reported_and_a_granted_one_works_again() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let role = format!("app_{database}");
    let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'first'");
    server.sql(&database, &create).unwrap();
    let grant = format!("GRANT CREATE ON DATABASE {database} TO {role}");
    server.sql(&database, &grant).unwrap();
    let url = format!("postgres://{role}:first@{}/{database}", server.addr());
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    set(&b, "k", "v").await.unwrap();
    server
        .sql(&database, &format!("ALTER ROLE {role} PASSWORD 'second'"))
        .unwrap();
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    server.sql(&database, &end).unwrap();
    let error = loop {
        match set(&b, "k", "meanwhile").await {
            Err(error @ Error::Unavailable(_)) => break error,
            Err(Error::Ambiguous(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    let error = match text(&b, "k").await {
        Err(later) => later,
        Ok(_) => error,
    };
    let shown = error.to_string();
    assert!(shown.contains("password authentication failed"), "{shown}");
    assert!(!shown.contains("first"), "{shown}");
    server
        .sql(&database, &format!("ALTER ROLE {role} PASSWORD 'first'"))
        .unwrap();
    eventually(async || set(&b, "k", "again").await).await;
    // What the role may not do is another matter.
    server
        .sql(&database, &format!("REASSIGN OWNED BY {role} TO keywell"))
        .unwrap();
    let error = set(&b, "k", "refused").await.unwrap_err().to_string();
    assert!(error.contains("may not use its schema"), "{error}");
    let grant = format!("GRANT USAGE ON SCHEMA keywell TO {role}");
    server.sql(&database, &grant).unwrap();
    let error = set(&b, "k", "refused").await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_with_few_connections_is_used_with_those_that_it_has() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let role = format!("few_{database}");
    let sql = |sql: &str| server.sql(&database, &sql.replace("ROLE", &format!("ROLE {role}")));
    sql("CREATE ROLE LOGIN PASSWORD 'p' CONNECTION LIMIT 2").unwrap();
    let grant = format!("GRANT CREATE ON DATABASE {database} TO {role}");
    server.sql(&database, &grant).unwrap();
    let addr = server.addr();
    let url = format!("postgres://{role}:p@{addr}/{database}?answer-timeout=3s");
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    let added = (0..32).map(|_| b.increment("n", 1));
    let added = futures::future::try_join_all(added).await.unwrap();
    assert_eq!(added.into_iter().max(), Some(32));
    sql("ALTER ROLE CONNECTION LIMIT 0").unwrap();
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    server.sql(&database, &end).unwrap();
    let error = loop {
        match b.increment("n", 1).await.unwrap_err() {
            Error::Ambiguous(_) => {}
            error => break error,
        }
    };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("too many connections"), "{error}");
    sql("ALTER ROLE CONNECTION LIMIT 2").unwrap();
    eventually(async || b.increment("n", 1).await).await;
}

#[tokio::test]
async fn a_wrong_password_a_missing_database_and_no_server_are_told_apart_without_the_password() {
    let server = SharedPostgres::get().await.unwrap();
    let (user, addr) = (Databases::USER, server.addr());
    for (url, problem) in [
        (
            format!("postgres://{user}:secret@{addr}/postgres"),
            "refuses the login of the user keywell: password authentication failed",
        ),
        (
            format!("postgres://{user}:secret@{addr}/postgres"),
            "give the right password, in the URL, in PGPASSWORD or in ~/.pgpass",
        ),
        (
            format!("postgres://{user}@{addr}/postgres"),
            "it asks for a password; give the right",
        ),
        (server.url("absent"), "does not exist"),
        // Nothing listens at port 1.
        (
            format!("postgres://{user}:secret@127.0.0.1:1/x"),
            "127.0.0.1:1",
        ),
    ] {
        let error = connect(&url).await.unwrap_err();
        assert!(matches!(error, OpenError::Unavailable(_)), "{error:?}");
        let error = error.to_string();
        assert!(
            error.contains(problem) && !error.contains("secret"),
            "{error}"
        );
        assert!(!error.contains(Databases::PASSWORD), "{error}");
    }
}

#[tokio::test]
async fn a_connection_is_encrypted_and_the_server_checked() {
    let tls = Arc::new(Tls::generate().unwrap());
    let server = Postgres::builder().tls(tls.clone()).start().await.unwrap();
    let url = server.url("postgres");
    let plain = connect(&url).await.unwrap_err().to_string();
    assert!(plain.contains("no encryption"), "{plain}");
    let unknown = connect(&format!("{url}?tls=true")).await.unwrap_err();
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    let ca = tls.authority();
    let store = connect(&format!("{url}?tls-ca={}", ca.display()))
        .await
        .unwrap();
    let b = bucket(&store, "b").await;
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    set(&b, "k", "v").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["k=v"]);
    let encrypted = server.sql(
        "postgres",
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
              WHERE application_name = 'keywell'",
    );
    // `psql` itself is let in without encryption by no rule, so it encrypts.
    assert_eq!(encrypted.unwrap(), "t");
}

#[tokio::test]
async fn a_server_is_reached_by_its_socket() {
    let server = Postgres::start().await.unwrap();
    let (user, password) = (Databases::USER, Databases::PASSWORD);
    let folder = server.socket().display().to_string().replace('/', "%2F");
    let port = server.addr().port();
    let url = format!("postgres://{user}:{password}@{folder}:{port}/postgres");
    let b = bucket(&connect(&url).await.unwrap(), "b").await;
    set(&b, "k", "v").await.unwrap();
    let absent = format!("postgres://{user}@{folder}:1/postgres");
    let error = connect(&absent).await.unwrap_err().to_string();
    assert!(error.contains("keywell-postgres-"), "{error}");
}

#[tokio::test]
async fn of_several_servers_the_one_that_answers_is_taken() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let (user, password) = (Databases::USER, Databases::PASSWORD);
    let url = format!(
        "postgres://{user}:{password}@127.0.0.1:1,{}/{database}",
        server.addr()
    );
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    b.set("k", "v".into(), Set::default()).await.unwrap();
}
