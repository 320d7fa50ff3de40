use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keywell_app::config::{CommandPlan, ComponentPlan, HttpPlan, LinkPlan, StorePlan, TriggerPlan};
use keywell_app::{AppOptions, Application, Error, Handle, Plan, Status, TriggerSource};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Answers HTTP, though never with a response.
pub(crate) const HTTP: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $response))
    (core module $m (func (export "handle") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func $handle (param "request" (own $request)) (param "response-out" (own $response))
        (canon lift (core func $i "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

/// A command that succeeds at once, fails at once, or goes on for ever.
pub(crate) fn command(body: &str) -> String {
    format!(
        r#"(component
            (core module $m (func (export "run") (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    )
}

/// The file of a component.
pub(crate) fn component(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path
}

/// A plan with a component that has a store, and that a trigger calls.
pub(crate) fn plan(path: &Path, store: &str, trigger: TriggerPlan) -> Plan {
    let component = ComponentPlan {
        link: LinkPlan::to("main"),
        ..ComponentPlan::new(path)
    };
    let mut plan = Plan::default();
    let main = StorePlan::new(store);
    plan.stores.insert("main".to_owned(), main);
    let name = trigger.component().to_owned();
    plan.components.insert(name, component);
    plan.triggers.push(trigger);
    plan
}

pub(crate) fn http(addr: SocketAddr) -> TriggerPlan {
    TriggerPlan::Http(HttpPlan::new("web", addr))
}

pub(crate) fn run() -> TriggerPlan {
    TriggerPlan::Command(CommandPlan::new("job"))
}

pub(crate) fn free() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

pub(crate) async fn start(plan: Plan) -> Result<Handle, Error> {
    Application::load(plan, AppOptions::default())?
        .start()
        .await
}

pub(crate) fn address(status: &Status) -> SocketAddr {
    match &status.triggers[0].source {
        TriggerSource::Http { addrs, .. } | TriggerSource::Invoke { addrs, .. } => addrs[0],
        other => panic!("{other:?}"),
    }
}

/// The status line of the response to a request.
pub(crate) async fn get(address: SocketAddr) -> String {
    get_path(address, "/").await
}

/// The status line of the response to a request for a path.
pub(crate) async fn get_path(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
    let response = exchange(address, &request).await;
    response.lines().next().unwrap_or_default().to_owned()
}

/// The response to a request, which is the last of its connection. Its head is still open.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> String {
    raw(address, &format!("{request}connection: close\r\n\r\n")).await
}

/// Everything that a server answers until it ends the connection.
pub(crate) async fn raw(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    drop(stream.read_to_end(&mut response).await);
    String::from_utf8_lossy(&response).into_owned()
}

/// The status of the response to a request.
pub(crate) async fn status(address: SocketAddr, request: &str) -> u16 {
    let response = exchange(address, request).await;
    let status = response.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// A guest's file.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(name).with_extension("wasm");
    assert!(
        path.exists(),
        "{} is not built; `cargo xtask guests` builds it",
        path.display()
    );
    path
}

/// A connection that stays open between requests.
pub(crate) struct Client(BufReader<TcpStream>);

// === impl Client ===

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// The body of the response to a request, which has to be a success.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.body().await
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The body of the next response, which has to be a success.
    pub(crate) async fn body(&mut self) -> String {
        assert_eq!(self.line().await, "HTTP/1.1 200 OK");
        self.rest().await
    }

    /// The status of the next response, which is read.
    pub(crate) async fn refusal(&mut self) -> u16 {
        let line = self.line().await;
        self.rest().await;
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn rest(&mut self) -> String {
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().await;
            if line.is_empty() {
                break;
            }
            is_chunked |= line == "transfer-encoding: chunked";
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        if !is_chunked {
            return self.text(length).await;
        }
        let mut body = String::new();
        loop {
            let length = usize::from_str_radix(&self.line().await, 16).unwrap();
            body += &self.text(length).await;
            assert_eq!(self.line().await, "");
            if length == 0 {
                return body;
            }
        }
    }

    async fn text(&mut self, length: usize) -> String {
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}
