//! An answer in lines, each sent at once.

use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::OutputStream;

pub struct Lines {
    body: OutgoingBody,
    stream: OutputStream,
}

// === impl Lines ===

impl Lines {
    pub fn start(out: ResponseOutparam) -> Self {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        Self { body, stream }
    }

    pub fn print(&self, line: &str) {
        let line = format!("{line}\n");
        for piece in line.as_bytes().chunks(4096) {
            // A client that went away needs no answer.
            _ = self.stream.blocking_write_and_flush(piece);
        }
    }

    pub fn finish(self) {
        drop(self.stream);
        _ = OutgoingBody::finish(self.body, None);
    }
}
