use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{Done, root};
use crate::{build, setup};

/// What the demonstration does after its requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    ServeOn,
    End,
}

const ADDRESS: &str = "127.0.0.1:8080";
const DATA: &str = "target/demo-data";
/// What is served on, and what can be tried with the program.
const STORES: [&str; 2] = ["disk", "memory"];
const PATHS: [&str; 3] = ["/tea", "/tea", "/coffee"];

/// Serves the counter on disk and shows three requests.
pub(crate) fn demo(then: Then) -> Done {
    build::build_with_stores("counter", &STORES)?;

    let counter = setup::guest("counter");
    let shown = counter.strip_prefix(root()).unwrap_or(&counter).display();
    // With --once it is a trial run, perhaps beside another server.
    let address = if then == Then::End {
        "127.0.0.1:0"
    } else {
        ADDRESS
    };
    let store = format!("disk:{DATA}");
    let mut keywell = Command::new(build::program());
    keywell.current_dir(root()).arg("serve").arg(&counter);
    keywell.args(["--store", &store, "--addr", address]);
    println!("\n$ keywell serve {shown} --store {store}");
    let mut server = Server::start(&mut keywell)?;

    for path in PATHS {
        println!("\n$ curl http://{}{path}", server.address);
        print!("{}", get(&server.address, path)?);
    }
    println!(
        "\nThe counts are in {DATA}. Stop this, even by `kill -9`, and start it again: they continue."
    );
    if then == Then::End {
        return server.stop();
    }
    println!("Try more:  curl http://{}/anything", server.address);
    println!("List the keys, once this has stopped:  target/demo/keywell kv list --store {store}");
    println!("Serving until Ctrl-C.");
    // The terminal sends Ctrl-C to both, and the server ends by itself.
    server.wait()
}

struct Server {
    process: Child,
    address: String,
}

// === impl Server ===

impl Server {
    /// Starts it and waits until it says where it listens.
    fn start(command: &mut Command) -> Done<Self> {
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

    fn wait(&mut self) -> Done {
        match self.process.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("keywell ended: {status}")),
            Err(error) => Err(format!("cannot wait for keywell: {error}")),
        }
    }

    fn stop(mut self) -> Done {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        sent.map_err(|error| format!("cannot stop keywell: {error}"))?;
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The body of a response. Asked in HTTP/1.0, which ends it with the connection: in 1.1 it may come in chunks.
fn get(address: &str, path: &str) -> Done<String> {
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
