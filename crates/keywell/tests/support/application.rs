//! A `keywell up` in a folder of its own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};

use super::{PATIENCE, Response, keywell};

/// An application that ends with the test.
pub(crate) struct Application {
    /// What it said, a line a trigger.
    pub(crate) lines: Vec<String>,
    process: Child,
    /// What its components print later.
    printed: Receiver<String>,
    /// Its log, and what its components print to standard error.
    logged: Receiver<String>,
}

// === impl Application ===

impl Application {
    /// Runs `keywell.toml` with this text in a folder, and waits for a line from each trigger.
    pub(crate) fn start(folder: &Path, text: &str) -> Self {
        std::fs::write(folder.join("keywell.toml"), text).unwrap();
        Self::start_file(&folder.join("keywell.toml"))
    }

    pub(crate) fn start_file(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let triggers = text.matches("\n[[trigger.").count();
        Self::spawn(keywell().arg("up").arg(file), triggers)
    }

    /// Runs a command that says so many lines once it is ready.
    pub(crate) fn spawn(command: &mut Command, lines: usize) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = lines_of(process.stdout.take().unwrap());
        let logged = lines_of(process.stderr.take().unwrap());
        let lines = (0..lines).map(|_| printed.recv_timeout(PATIENCE).unwrap());
        Self {
            lines: lines.collect(),
            process,
            printed,
            logged,
        }
    }

    /// Where the first HTTP trigger listens.
    pub(crate) fn address(&self) -> String {
        let mut addresses = self.lines.iter().filter_map(|line| {
            let rest = line.split("http://").nth(1)?;
            rest.split(' ').next()
        });
        addresses.next().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        get(&self.address(), path)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn stop(self) {
        self.signal("-TERM");
        self.stops();
    }

    /// Waits until it ends well, as it was asked to.
    pub(crate) fn stops(mut self) {
        assert!(self.wait().success());
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it logs something, and answers the line.
    pub(crate) fn logs(&self, what: &str) -> String {
        loop {
            let line = self.logged.recv_timeout(PATIENCE).unwrap();
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Waits until it ends by itself, and answers what it logged since it was last asked.
    pub(crate) fn ends(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.wait();
        (status, self.logged.iter().collect())
    }

    /// The next line that a component prints to standard output.
    pub(crate) fn printed(&self) -> String {
        self.printed.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `keywell up` says of a text that it does not run.
pub(crate) fn refusal(folder: &Path, text: &str) -> (i32, String) {
    let file = folder.join("keywell.toml");
    std::fs::write(&file, text).unwrap();
    let Output {
        status,
        stderr,
        stdout,
    } = keywell().arg("up").arg(&file).output().unwrap();
    assert!(stdout.is_empty(), "a trigger was announced");
    let message = String::from_utf8(stderr).unwrap();
    let message = message.replace(folder.to_str().unwrap(), "FOLDER");
    (status.code().unwrap(), message)
}

pub(crate) fn get(address: &str, path: &str) -> Response {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut raw = Vec::new();
    let _ = connection.read_to_end(&mut raw);
    Response::parse(&raw)
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            eprintln!("{line}");
            let _ = sender.send(line);
        }
    });
    lines
}
