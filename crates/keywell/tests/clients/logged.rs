//! A server whose log is read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::application::Application;
use crate::support::{PATIENCE, guest, keywell};

/// `keywell serve` with `mischief`, and its log.
pub(crate) fn start(arguments: &[&str]) -> Application {
    let mut command = keywell();
    command
        .arg("serve")
        .arg(guest("mischief"))
        .args(["--addr", "127.0.0.1:0", "--store", "memory:"])
        .args(arguments);
    Application::spawn(&mut command, 1)
}

pub(crate) fn connect(server: &Application) -> TcpStream {
    let connection = TcpStream::connect(server.address()).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.set_write_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Sends bytes as they are, and answers all that comes until the connection ends, and whether it
/// ended in a reset.
pub(crate) fn exchange(server: &Application, request: &[u8]) -> (Vec<u8>, bool) {
    let mut connection = connect(server);
    connection.write_all(request).unwrap();
    let mut answer = Vec::new();
    let is_reset = connection.read_to_end(&mut answer).is_err();
    (answer, is_reset)
}

/// The warnings since this was last asked, in order.
pub(crate) fn warnings(server: &Application) -> Vec<String> {
    // What is logged for this comes behind all that was logged before.
    assert_eq!(server.get("/dropped").status, 500);
    let mut warnings = Vec::new();
    loop {
        let line = server.logs("WARN");
        if line.contains("resource") || line.contains("handle") {
            return warnings;
        }
        warnings.push(line);
    }
}
