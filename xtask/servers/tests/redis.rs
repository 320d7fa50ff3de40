//! Real servers start, break and end on command.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use keywell_servers::resp::{Connection, Reply};
use keywell_servers::{Error, Redis, Tls, program};
use tokio::io::AsyncWriteExt as _;

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_server_answers_and_ends_with_its_handle() {
    let redis = Redis::start().await.unwrap();
    assert_eq!(redis.cli(&["set", "k", "a b"]).await.unwrap(), "OK\n");
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), text("a b"));
    redis.flush().await.unwrap();
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), Reply::Nil);
    assert!(matches!(
        redis.cli(&["nonsense"]).await,
        Err(Error::Tool { .. })
    ));

    let (pid, folder) = (redis.pid().unwrap(), redis.folder().to_owned());
    redis.freeze().unwrap();
    drop(redis);
    assert!(!is_alive(pid), "also a frozen one");
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_server_ends_when_its_test_panics() {
    let pid = tokio::spawn(async {
        let redis = Redis::start().await.unwrap();
        std::panic::panic_any(redis.pid().unwrap());
    });
    let pid = pid.await.unwrap_err().into_panic();
    let pid = *pid.downcast_ref::<u32>().expect("its number");
    assert!(!is_alive(pid));
}

/// Runs this test again, as a process that ends without dropping anything.
#[tokio::test]
async fn a_server_ends_with_a_process_that_is_killed() {
    const NAME: &str = "a_server_ends_with_a_process_that_is_killed";
    const CHILD: &str = "KEYWELL_SERVERS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let redis = Redis::start().await.unwrap();
        redis.freeze().unwrap();
        std::fs::write(
            std::env::var(CHILD).unwrap(),
            redis.pid().unwrap().to_string(),
        )
        .unwrap();
        std::process::abort();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let this = std::env::current_exe().unwrap();
    let ended = tokio::process::Command::new(this)
        .args([NAME, "--exact"])
        .env(CHILD, file.path())
        .output();
    assert!(!ended.await.unwrap().status.success());
    let pid: u32 = std::fs::read_to_string(file.path())
        .unwrap()
        .parse()
        .unwrap();
    let gone = async {
        let mut turns = tokio::time::interval(std::time::Duration::from_millis(5));
        while is_alive(pid) {
            turns.tick().await;
        }
    };
    let bound = std::time::Duration::from_secs(10);
    tokio::time::timeout(bound, gone).await.expect("it ends");
}

#[tokio::test]
async fn a_killed_server_comes_back_without_its_data_at_its_address() {
    let redis = Redis::start().await.unwrap();
    redis.command(&["SET", "k", "v"]).await.unwrap();
    let mut connection = redis.connect().await.unwrap();
    redis.kill().await.unwrap();
    assert!(connection.command(&["PING"]).await.is_err());
    assert!(matches!(redis.pid(), Err(Error::NotRunning)));
    let refused = Connection::open(redis.addr()).await.unwrap_err();
    assert!(matches!(refused, Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused));

    redis.restart().await.unwrap();
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), Reply::Nil);
}

#[tokio::test]
async fn an_append_only_server_keeps_what_it_answered() {
    let redis = Redis::builder().append_only(true).start().await.unwrap();
    redis.command(&["SET", "k", "v"]).await.unwrap();
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    let loaded = async {
        let mut turns = tokio::time::interval(std::time::Duration::from_millis(5));
        loop {
            turns.tick().await;
            match redis.command(&["GET", "k"]).await {
                Err(Error::Refused(error)) if error.starts_with("LOADING") => {}
                read => return read.unwrap(),
            }
        }
    };
    let bound = std::time::Duration::from_secs(10);
    let loaded = tokio::time::timeout(bound, loaded).await;
    assert_eq!(loaded.expect("it loads"), text("v"));
    redis.restart_empty().await.unwrap();
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), Reply::Nil);
}

#[tokio::test]
async fn a_running_server_is_restarted_with_its_data() {
    let redis = Redis::start().await.unwrap();
    redis.command(&["SET", "k", "v"]).await.unwrap();
    redis.restart().await.unwrap();
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), text("v"));
    redis.stop().await.unwrap();
    assert!(!redis.is_running());
}

#[tokio::test]
async fn a_frozen_server_answers_once_it_is_thawed() {
    let redis = Redis::start().await.unwrap();
    let mut connection = redis.connect().await.unwrap();
    redis.freeze().unwrap();
    connection.send(&["SET", "k", "v"]).await.unwrap();
    // The system accepts for it.
    let mut other = tokio::net::TcpStream::connect(redis.addr()).await.unwrap();
    other.write_all(b"PING\r\n").await.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", redis.pid().unwrap()));
    assert!(stat.unwrap().contains(") T "), "it is stopped");
    redis.thaw().unwrap();
    assert_eq!(connection.receive().await.unwrap(), text("OK"));
}

#[tokio::test]
async fn a_server_lets_in_its_user_only() {
    let redis = Redis::builder()
        .user("ann", "s3cret")
        .start()
        .await
        .unwrap();
    assert!(redis.url().starts_with("redis://ann:s3cret@127.0.0.1:"));
    assert_eq!(redis.cli(&["acl", "whoami"]).await.unwrap(), "ann\n");
    let mut stranger = Connection::open(redis.addr()).await.unwrap();
    assert!(stranger.command(&["PING"]).await.is_err());
}

#[tokio::test]
async fn settings_reach_the_server() {
    let redis = Redis::builder()
        .config("maxmemory 7mb")
        .args(["--databases", "3"])
        .unix_socket()
        .start()
        .await
        .unwrap();
    let answer = redis.cli(&["config", "get", "maxmemory"]).await.unwrap();
    assert_eq!(answer, "maxmemory\n7340032\n");
    let answer = redis.cli(&["config", "get", "databases"]).await.unwrap();
    assert_eq!(answer, "databases\n3\n");
    let socket = redis.unix_socket().expect("asked for");
    let socket = socket.to_str().unwrap();
    assert_eq!(redis.cli(&["-s", socket, "ping"]).await.unwrap(), "PONG\n");
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let strange = Redis::builder().args(["--nonsense", "1"]).start().await;
    assert!(
        matches!(strange, Err(Error::NotStarted { .. })),
        "{strange:?}"
    );
    let absent = Redis::builder()
        .program("/nowhere/redis-server")
        .start()
        .await;
    assert!(absent.is_err());
}

#[tokio::test]
async fn tls_lets_in_who_has_a_certificate() {
    let tls = Arc::new(Tls::generate().unwrap());
    let redis = Redis::builder().tls(tls.clone()).start().await.unwrap();
    let port = redis.tls_addr().expect("asked for").port().to_string();
    let (authority, certificate, key) =
        (tls.authority(), tls.client_certificate(), tls.client_key());
    let all = [
        "-p",
        &port,
        "--tls",
        "--cacert",
        authority.to_str().unwrap(),
        "--cert",
        certificate.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
        "ping",
    ];
    assert_eq!(redis.cli(&all).await.unwrap(), "PONG\n");
    let without = [&all[..5], &["ping"]].concat();
    assert!(redis.cli(&without).await.is_err());
}

#[tokio::test]
async fn a_server_is_asked_by_the_tool_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("redis-server");
    std::os::unix::fs::symlink(program::server().unwrap(), &server).unwrap();
    let from_path = program::tool(&server, "cli").unwrap();
    assert_ne!(from_path.parent(), Some(folder.path()));
    for (name, own) in [
        ("redis-cli", "valkey-server"),
        ("valkey-cli", "redis-server"),
    ] {
        std::os::unix::fs::symlink(&from_path, folder.path().join(name)).unwrap();
        let found = program::tool(&folder.path().join(own), "cli").unwrap();
        assert_eq!(
            found,
            folder.path().join("redis-cli"),
            "the only one, and its own"
        );
    }
    let own = program::tool(&folder.path().join("valkey-server"), "cli").unwrap();
    assert_eq!(own, folder.path().join("valkey-cli"));

    let redis = Redis::builder().program(&server).start().await.unwrap();
    assert_eq!(redis.cli(&["ping"]).await.unwrap(), "PONG\n");
}

#[tokio::test]
async fn valkey_starts_where_it_is_installed() {
    let Some(valkey) = program::valkey() else {
        eprintln!("valkey-server is not installed");
        return;
    };
    let server = Redis::builder().program(valkey).start().await.unwrap();
    let answer = server.cli(&["info", "server"]).await.unwrap();
    assert!(answer.contains("valkey"), "{answer}");
}
