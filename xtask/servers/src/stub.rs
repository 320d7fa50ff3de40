use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// A server of HTTP that answers as a test says, for what no real server does: it lies, falls silent,
/// or sends without end. It ends with the process.
pub struct Stub {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<StubRequest>>>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct StubRequest {
    /// `GET`
    pub method: String,
    /// With the query.
    pub path: String,
    /// The lines of its head after the first.
    pub headers: Vec<String>,
    /// As long as its header says.
    pub body: String,
}

/// What is answered to a request, after which the connection is closed.
pub enum StubAnswer {
    /// These bytes, from the status line on.
    Raw(Vec<u8>),
    /// These bytes, and spaces after them without end.
    Endless(Vec<u8>),
    /// Nothing, until the client goes.
    Silence,
}

type Answers = dyn Fn(&StubRequest) -> StubAnswer + Send + Sync;

// === impl Stub ===

impl Stub {
    /// Listens on a free port of `127.0.0.1`.
    pub fn start(answers: impl Fn(&StubRequest) -> StubAnswer + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), answers)
    }

    /// Listens there; port 0 is a free one.
    ///
    /// # Panics
    ///
    /// When it cannot.
    pub fn start_at(
        addr: SocketAddr,
        answers: impl Fn(&StubRequest) -> StubAnswer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(addr).expect("the address is free");
        let addr = listener.local_addr().expect("it listens");
        let requests = Arc::<Mutex<Vec<StubRequest>>>::default();
        let (answers, seen): (Arc<Answers>, _) = (Arc::new(answers), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(std::io::Result::ok) {
                let (answers, seen) = (answers.clone(), seen.clone());
                thread::spawn(move || serve(&stream, &*answers, &seen));
            }
        });
        Self { addr, requests }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was asked until now.
    pub fn requests(&self) -> Vec<StubRequest> {
        self.requests.lock().clone()
    }
}

// === impl StubRequest ===

impl StubRequest {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(key, _)| key.to_ascii_lowercase() == name);
        found.map(|(_, value)| value.trim())
    }
}

// === impl StubAnswer ===

impl StubAnswer {
    /// A whole body, with the status 200.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Self::Raw([head.into_bytes(), body].concat())
    }

    /// A body with the status 200 that begins so and does not end.
    pub fn endless(start: &str) -> Self {
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        Self::Endless([head, start].concat().into_bytes())
    }

    /// A status such as `404 Not Found`, with headers, each a line.
    pub fn status(status: &str, headers: &[String]) -> Self {
        let mut headers = headers.join("\r\n");
        if !headers.is_empty() {
            headers.push_str("\r\n");
        }
        let head =
            format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
        Self::Raw(head.into_bytes())
    }
}

fn serve(mut stream: &TcpStream, answers: &Answers, seen: &Mutex<Vec<StubRequest>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(std::io::Result::ok);
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = StubRequest {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers: lines.take_while(|line| !line.is_empty()).collect(),
        body: String::new(),
    };
    let length = request.header("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    if reader
        .by_ref()
        .take(length)
        .read_to_string(&mut request.body)
        .is_err()
    {
        return;
    }
    seen.lock().push(request.clone());
    match answers(&request) {
        StubAnswer::Raw(bytes) => drop(stream.write_all(&bytes)),
        StubAnswer::Endless(start) => {
            let mut written = stream.write_all(&start);
            while written.is_ok() {
                written = stream.write_all(&[b' '; 8 << 10]);
            }
        }
        StubAnswer::Silence => drop(reader.read_line(&mut String::new())),
    }
}
