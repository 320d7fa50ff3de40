//! A server that prints the alerts it is sent.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::process::Done;

/// The default address to which the watcher sends its alerts.
pub(crate) const ADDRESS: &str = "127.0.0.1:3001";

/// The longest body that is shown, in bytes; more is not read.
const MAX_BODY: u64 = 64 << 10;

/// A receiver of alerts, in threads of its own.
pub(crate) struct Alerts {
    pub(crate) address: String,
    pub(crate) lines: Receiver<String>,
}

/// Prints alerts until Ctrl-C.
pub(crate) fn alerts(address: &str) -> Done {
    let alerts = Alerts::listen(address)?;
    println!("waiting for alerts on http://{}", alerts.address);
    for line in &alerts.lines {
        println!("{line}");
    }
    Ok(())
}

// === impl Alerts ===

impl Alerts {
    pub(crate) fn listen(address: &str) -> Done<Self> {
        let listener = TcpListener::bind(address);
        let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let local = listener.local_addr();
        let local = local.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || answer(&stream, &sender));
            }
        });
        Ok(Self {
            address: local.to_string(),
            lines,
        })
    }
}

/// Answers the requests of a connection, one after the other, until there are no more.
fn answer(stream: &TcpStream, sender: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (mut length, mut note) = (0, "");
        loop {
            let mut header = String::new();
            reader
                .read_line(&mut header)
                .ok()
                .filter(|read| *read > 0)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse::<u64>().ok()?.min(MAX_BODY);
            } else if header == "x-keywell-value-encoding: base64" {
                note = "   (the value is base64)";
            }
        }
        let mut body = Vec::new();
        Read::by_ref(&mut reader)
            .take(length)
            .read_to_end(&mut body)
            .ok()?;
        let body = String::from_utf8_lossy(&body);
        let body = if body.is_empty() {
            String::new()
        } else {
            format!("   {body}")
        };
        let line = format!("{method} {target}   {}{note}{body}", decode(&target));
        sender.send(printable(&line)).ok()?;
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

/// The query of a target as a person reads it: its key and its value.
fn decode(target: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut bytes = Vec::new();
    let mut rest = query.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(byte)) = (first, byte) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line that does not move a terminal's cursor, whatever a key holds.
fn printable(line: &str) -> String {
    line.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_was_meant() {
        for (target, text) in [
            ("/alert?foo=bar", "foo=bar"),
            ("/alert?caf%C3%A9%20%26%20b=1", "café & b=1"),
            ("/alert?a=%", "a=%"),
            ("/alert?a=%zz", "a=%zz"),
            ("/alert?a=%1b%5b2J", "a=?[2J"),
            ("/alert", ""),
        ] {
            assert_eq!(printable(&decode(target)), text);
        }
    }
}
