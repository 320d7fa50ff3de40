//! A server whose clients wait until they are let go.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::PATIENCE;

/// Takes requests and answers none by itself, so that who sent one is known to run.
pub(crate) struct Gate {
    pub(crate) address: String,
    listener: TcpListener,
}

/// A client that waits for its answer.
pub(crate) struct Held(TcpStream);

// === impl Gate ===

impl Gate {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { address, listener }
    }

    /// The path by which `mischief` comes to the gate.
    pub(crate) fn path(&self) -> String {
        format!("/fetch?url=http://{}/", self.address)
    }

    /// Waits for the next client, until it has sent something.
    pub(crate) fn hold(&self) -> Held {
        let (mut client, _) = self.listener.accept().unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.read_exact(&mut [0]).unwrap();
        Held(client)
    }
}

// === impl Held ===

impl Held {
    /// Answers with 200 and a body of two bytes.
    pub(crate) fn let_go(mut self) {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        self.0.write_all(answer).unwrap();
        // All of the request is read, lest the answer be lost in a reset.
        let _ = self.0.read_to_end(&mut Vec::new());
    }
}
