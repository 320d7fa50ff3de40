use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keywell_redis::{Options, RedisStore};
use keywell_store::Store as _;
use tempfile::TempDir;

/// A Redis of a test's own, on a socket in a folder of its own; it ends with this.
pub(crate) struct Server {
    folder: TempDir,
    process: Child,
}

// === impl Server ===

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let process = run(folder.path(), &[]);
        let server = Self { folder, process };
        server.ready().await;
        server
    }

    pub(crate) fn url(&self, settings: &str) -> String {
        let socket = self.folder.path().join("socket");
        format!("redis+unix://{}?layout=journal{settings}", socket.display())
    }

    pub(crate) async fn store(&self, settings: &str) -> RedisStore {
        let options = Options::from_url(&self.url(settings)).unwrap();
        RedisStore::connect(&options).await.unwrap()
    }

    /// What `redis-cli` prints of a command.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let socket = self.folder.path().join("socket");
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(socket)
            .args(command)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Kills it, and starts it again without what it held.
    pub(crate) async fn restart_empty(&mut self) {
        self.kill();
        self.process = run(self.folder.path(), &[]);
        self.ready().await;
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    async fn ready(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let options = Options::from_url(&self.url("")).unwrap();
            if let Ok(store) = RedisStore::connect(&options).await {
                if store.health().await.is_ok() {
                    return;
                }
            }
            assert!(Instant::now() < until, "redis-server does not come up");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(folder: &Path, settings: &[&str]) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(folder.join("socket"))
        .arg("--dir")
        .arg(folder)
        .args(settings)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
