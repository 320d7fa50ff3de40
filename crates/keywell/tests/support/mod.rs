//! Runs the real program with real components.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod alerts;
pub(crate) mod application;
pub(crate) mod connection;
pub(crate) mod gate;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The program, with nothing of this machine's settings.
pub(crate) fn keywell() -> Command {
    let mut keywell = Command::new(env!("CARGO_BIN_EXE_keywell"));
    keywell
        .env_remove("KEYWELL_STORE")
        .env_remove("KEYWELL_SECRETS_KEY")
        .env_remove("KEYWELL_LOG");
    // Tests that have one name it.
    keywell.env("KEYWELL_STATE", "/nowhere/keywell");
    keywell.env(
        "KEYWELL_CACHE",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
    );
    keywell.env(
        "KEYWELL_STATE",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/state"),
    );
    keywell
}

/// A guest's file.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(name).with_extension("wasm");
    assert!(
        path.exists(),
        "{} is missing; build it: cargo xtask guests",
        path.display()
    );
    path
}

/// A `keywell serve` that ends with the test.
pub(crate) struct Server {
    pub(crate) address: String,
    process: Child,
}

impl Server {
    pub(crate) fn start(component: &str, arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", component, arguments)
    }

    pub(crate) fn start_at(address: &str, component: &str, arguments: &[&str]) -> Self {
        Self::start_file_at(address, &guest(component), arguments)
    }

    /// Serves a component that is no guest.
    pub(crate) fn start_file(component: &Path, arguments: &[&str]) -> Self {
        Self::start_file_at("127.0.0.1:0", component, arguments)
    }

    fn start_file_at(address: &str, component: &Path, arguments: &[&str]) -> Self {
        let mut keywell = keywell();
        keywell
            .arg("serve")
            .arg(component)
            .args(["--addr", address])
            .args(arguments)
            // One huge page is as much as what tests of memory bound.
            .env("MIMALLOC_ALLOW_THP", "0");
        let mut process = keywell.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // What the component prints goes on to this test's own output.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::stderr()));
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = address
            .unwrap_or_else(|| panic!("keywell said {line:?}"))
            .to_owned();
        Self { address, process }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.set_write_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
    }

    /// Sends text as it is and reads to the end of the connection.
    pub(crate) fn request(&self, request: &str) -> Response {
        let mut connection = self.connect();
        connection.write_all(request.as_bytes()).unwrap();
        let mut raw = Vec::new();
        // A body that is cut off ends in a reset as well as in an end.
        let _ = connection.read_to_end(&mut raw);
        Response::parse(&raw)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Lets no file grow past so many bytes from now on.
    pub(crate) fn limit_file_size(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};

        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        let pid = Pid::from_raw(self.process.id().cast_signed());
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    /// The most memory it had in use, in KiB: ever, or since that was last forgotten.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory it has in use, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// From here on, the most memory that it had in use is what it has now.
    pub(crate) fn forget_peak_memory(&self) {
        // proc(5): 5 resets the peak to the current value.
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }

    fn status(&self, field: &str) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        value
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended where it should, rather than being cut off.
    pub(crate) complete: bool,
}

impl Response {
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(raw)));
        let head = String::from_utf8_lossy(&raw[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let rest = &raw[end + 4..];
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let (body, complete) = match length {
            Some(length) => (
                rest.to_vec(),
                rest.len() == length.parse::<usize>().unwrap(),
            ),
            None if head.contains("transfer-encoding: chunked") => unchunk(rest),
            None => (rest.to_vec(), true),
        };
        Self {
            status,
            head,
            body,
            complete,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return (body, false);
        };
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or(&[]);
    }
}
