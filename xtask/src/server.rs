use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::Done;

/// A process that serves HTTP, and ends with its owner.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

// === impl Server ===

impl Server {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Done<Self> {
        let process = command.stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("cannot start keywell: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(|error| format!("cannot read the output of keywell: {error}"))?;
        }
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let Some(address) = address else {
            Self {
                address: String::new(),
                process,
            }
            .wait()?;
            return Err("keywell did not print the address that it listens on".to_owned());
        };
        Ok(Self {
            address: address.to_owned(),
            process,
        })
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Done {
        match self.process.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("keywell ended: {status}")),
            Err(error) => Err(format!("cannot wait for keywell: {error}")),
        }
    }

    /// Stops it as Ctrl-C does, and waits for its end. On Windows, where that would stop this
    /// process, too, it is killed.
    pub(crate) fn stop(mut self) -> Done {
        if cfg!(windows) {
            return self.kill();
        }
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        sent.map_err(|error| format!("cannot stop keywell: {error}"))?;
        self.wait()
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(mut self) -> Done {
        let killed = self.process.kill().and_then(|()| self.process.wait());
        killed.map_err(|error| format!("cannot kill keywell: {error}"))?;
        Ok(())
    }

    /// The body of a response. Asked in HTTP/1.0, which ends it with the connection: in 1.1 it may come in chunks.
    pub(crate) fn get(&self, path: &str) -> Done<String> {
        let address = &self.address;
        let fetch = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(address)?;
            connection.set_read_timeout(Some(Duration::from_secs(30)))?;
            write!(connection, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
            let mut response = String::new();
            connection.read_to_string(&mut response)?;
            Ok(response)
        };
        let response = fetch().map_err(|error| format!("cannot get {path}: {error}"))?;
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
        if head.split_whitespace().nth(1) != Some("200") {
            return Err(format!("{path} was not answered: {head}"));
        }
        Ok(body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
