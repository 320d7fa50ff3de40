//! Requests whose end is a matter of opinion.

use std::time::Duration;

use crate::http::Client;
use crate::{Context, Done, Seen};

/// Requests that a server in front may see as one where ours sees two, or the other way round, with
/// what they are called. `HIDDEN` stands for a request that must not be executed, `LENGTH` and `SIZE`
/// for its length in decimal and in hexadecimal.
const VARIANTS: &[(&str, &str)] = &[
    (
        "length and chunks, hidden behind the chunks",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: LENGTH\r\ntransfer-encoding: chunked\r\n\r\n\
             0\r\n\r\nHIDDEN",
    ),
    (
        "chunks and length, hidden in a chunk",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n\
             SIZE\r\nHIDDEN\r\n0\r\n\r\n",
    ),
    (
        "two lengths, the second 0",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: LENGTH\r\ncontent-length: 0\r\n\r\nHIDDEN",
    ),
    (
        "two lengths, the first 0",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "two lengths in one line",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 0, LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "a length with a sign",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\nHIDDEN",
    ),
    (
        "a length in hexadecimal",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 0x0\r\n\r\nHIDDEN",
    ),
    (
        "a space before the colon of the length",
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length : LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "a space before the colon of the encoding",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\n\r\nSIZE\r\nHIDDEN\r\n0\r\n\r\n",
    ),
    (
        "a folded line",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding:\r\n chunked\r\ncontent-length: 0\r\n\r\nHIDDEN",
    ),
    (
        "a folded length",
        "POST /a HTTP/1.1\r\nhost: x\r\nx: y\r\n content-length: LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "an encoding that is none",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\nHIDDEN",
    ),
    (
        "chunked not at the end",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\nHIDDEN",
    ),
    (
        "an encoding behind a control character",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\nHIDDEN",
    ),
    (
        "chunks of HTTP/1.0",
        "POST /a HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n\
             0\r\n\r\nHIDDEN",
    ),
    (
        "a line feed in the extension of a chunk",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0;a=\nb\r\n\r\nHIDDEN",
    ),
    (
        "a size past the largest number",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\nHIDDEN",
    ),
    (
        "chunks that end in line feeds",
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\n\nHIDDEN",
    ),
    (
        "a carriage return within a header",
        "GET /a HTTP/1.1\r\nhost: x\r\nx: a\r\r\n\rHIDDEN",
    ),
    (
        "a length behind a carriage return",
        "POST /a HTTP/1.1\r\nhost: x\r\nx: a\rcontent-length: 0\r\ncontent-length: LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "a line feed within a header hides the length",
        "POST /a HTTP/1.1\r\nhost: x\r\nx: a\ncontent-length: LENGTH\r\n\r\nHIDDEN",
    ),
    (
        "a header without a name",
        "POST /a HTTP/1.1\r\nhost: x\r\n: y\r\n\r\nHIDDEN",
    ),
    (
        "a NUL in a header",
        "POST /a HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\nHIDDEN",
    ),
];

pub(crate) fn hidden_requests(context: &Context) -> Done<Seen> {
    let server = context.serve("counter").start()?;
    let mut faults = Vec::new();
    for (n, (what, text)) in VARIANTS.iter().enumerate() {
        let path = format!("/smuggled-{n}");
        let hidden = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let length = hidden.len().to_string();
        let text = text
            .replace("HIDDEN", &hidden)
            .replace("SIZE", &format!("{:x}", hidden.len()))
            .replace("LENGTH", &length);
        let mut client = Client::connect(server.address(), Duration::from_secs(10))?;
        drop(client.send(text));
        drop(client.finish());
        if !client.is_closed() {
            faults.push(format!("{what}: the connection stays"));
        }
        let count = server.get(&path)?.text();
        if count != format!("Counter {path}: 1\n") {
            faults.push(format!("{what}: two requests"));
        }
    }
    Ok(Seen::faults("400 or one request", VARIANTS.len(), &faults))
}
