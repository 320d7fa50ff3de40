use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use keywell_memory::MemoryStore;
use keywell_runtime::output::{Format, Output};
use keywell_runtime::{Environment, Error, GrantedDir, Options, Runtime};
use keywell_wasi::Grants;
use parking_lot::Mutex;

use crate::support::{guest, options};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

/// Runs steps, and answers how that ended and what was printed.
async fn run(steps: &[&str]) -> (Result<u8, Error>, [String; 2]) {
    run_granted(steps, Environment::default()).await
}

/// The same, with what the environment grants.
pub(crate) async fn run_granted(
    steps: &[&str],
    granted: Environment,
) -> (Result<u8, Error>, [String; 2]) {
    let [stdout, stderr] = [Kept::default(), Kept::default()];
    let options = Options {
        output: Output::new(stdout.clone(), stderr.clone(), Format::Text),
        timeout: Duration::from_secs(2),
        ..options()
    };
    let runtime = Runtime::new(&options).unwrap();
    let component = runtime.load(&guest("command-0-3")).unwrap();
    let grants = Arc::new(Grants::everything_in(Arc::new(MemoryStore::default())));
    let arguments = ["it"].iter().chain(steps).map(|step| (*step).to_owned());
    let environment = Environment {
        variables: vec![("TEA".to_owned(), "green".to_owned())],
        arguments: arguments.collect(),
        ..granted
    };
    let command = runtime.command(&component, grants, environment).unwrap();
    let code = command.run().await;
    (code, [stdout.text(), stderr.text()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_prints_counts_and_has_its_variables_and_neither_files_nor_sockets() {
    let steps = [
        "say=hello",
        "complain=oh",
        "env=TEA",
        "env=HOME",
        "count=key",
        "count=key",
        "folders",
        "connect=9",
        "random",
        "wait=20",
        "copy",
    ];
    let (code, [stdout, stderr]) = run(&steps).await;
    let lines: Vec<&str> = stdout.lines().collect();
    let expected = [
        "hello",
        "green",
        "none",
        "1",
        "2",
        "0",
        "no socket",
        "true",
        "true",
    ];
    assert_eq!(lines, expected);
    assert_eq!((code.unwrap(), &*stderr), (0, "oh\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_the_folders_and_reaches_the_peers_that_it_is_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [port, other] = [&listener, &TcpListener::bind("127.0.0.1:0").unwrap()]
        .map(|listener| listener.local_addr().unwrap().port());
    let folder = tempfile::tempdir().unwrap();
    let dir = GrantedDir {
        host: folder.path().to_owned(),
        guest: "/data".to_owned(),
        is_read_only: true,
    };
    let granted = Environment {
        tcp: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        dirs: vec![dir],
        ..Environment::default()
    };
    let connect = [port, other].map(|port| format!("connect={port}"));
    let steps = ["folders", &connect[0], &connect[1]];
    let (code, [stdout, _]) = run_granted(&steps, granted).await;
    assert_eq!(code.unwrap(), 0);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[..2], ["1", "connected"]);
    assert!(lines[2].contains("AccessDenied"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_its_code_or_is_ended() {
    for (step, code) in [("fail", 1), ("exit=7", 7), ("exit=0", 0)] {
        assert_eq!(run(&[step]).await.0.unwrap(), code, "{step}");
    }
    for (step, cause) in [
        ("trap", "unreachable"),
        ("loop", "longer than it may"),
        ("wait=3600000", "longer than it may"),
    ] {
        let (ended, _) = run(&["say=begun", step]).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(cause), "{step}: {error}");
    }
}
