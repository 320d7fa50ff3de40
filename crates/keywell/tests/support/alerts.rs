//! A server that alerts are sent to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::PATIENCE;

/// Takes requests and answers each with a status.
pub(crate) struct Alerts {
    pub(crate) address: String,
    status: Arc<AtomicU16>,
    ends: Arc<AtomicBool>,
    received: Receiver<Alert>,
}

/// A request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The lines of its head but the first, in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
    /// What it was answered with.
    pub(crate) status: u16,
}

// === impl Alerts ===

impl Alerts {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let status = Arc::new(AtomicU16::new(200));
        let ends = Arc::new(AtomicBool::new(true));
        let (sender, received) = mpsc::channel();
        thread::spawn({
            let (status, ends) = (status.clone(), ends.clone());
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (status, ends, sender) = (status.clone(), ends.clone(), sender.clone());
                    thread::spawn(move || serve(stream, &status, &ends, &sender));
                }
            }
        });
        Self {
            address,
            status,
            ends,
            received,
        }
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Answers from now on with bodies that do not end.
    pub(crate) fn answer_without_end(&self) {
        self.ends.store(false, Ordering::SeqCst);
    }

    /// The next request.
    pub(crate) fn next(&self) -> Alert {
        self.received.recv_timeout(PATIENCE).unwrap()
    }

    /// What came and was not asked for yet.
    pub(crate) fn rest(&self) -> Vec<Alert> {
        self.received.try_iter().collect()
    }
}

// === impl Alert ===

impl Alert {
    /// `GET /alert?foo=bar`
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.iter().any(|line| line == header)
    }
}

/// Answers one request after the other; nothing to answer ends it.
fn serve(
    stream: TcpStream,
    status: &AtomicU16,
    ends: &AtomicBool,
    sender: &Sender<Alert>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let line = line(&mut reader)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut head = Vec::new();
        loop {
            let header = self::line(&mut reader)?;
            if header.is_empty() {
                break;
            }
            head.push(header.to_ascii_lowercase());
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        let status = status.load(Ordering::SeqCst);
        let alert = Alert {
            method,
            target,
            head,
            body: String::from_utf8(body).unwrap(),
            status,
        };
        // Sent before it is answered: what is answered well was certainly seen.
        sender.send(alert).ok()?;
        let length = if ends.load(Ordering::SeqCst) { 2 } else { 1000 };
        let answer = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {length}\r\n\r\nok");
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}
