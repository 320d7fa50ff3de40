use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keywell_etcd::{EtcdOptions, EtcdStore};
use keywell_servers::Etcd;
use tokio::net::TcpStream;

use super::{BUCKET, Bare, Call, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

/// A share of one connection by HTTP/2, on which requests of gRPC are bytes that are made once.
#[derive(Clone)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    get: (Uri, Bytes),
    set: (Uri, Bytes),
}

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("etcd", "etcd");
    let runtime = runtime()?;
    let server = match runtime.block_on(Etcd::start()) {
        Ok(server) => server,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    let options = EtcdOptions::new([server.addr().to_string()]);
    let prefix = options.prefix.clone();
    let store = runtime.block_on(EtcdStore::open(options))?;
    let bucket = runtime.block_on(bucket(&store))?;
    let shared = runtime.block_on(Connection::open(&server, &prefix))?;
    let connect = async || Ok(shared.clone());
    let client = "a bare client, one connection";
    rows(&mut group, &runtime, &bucket, client, connect, effort)?;
    Ok(group)
}

/// A request of gRPC: its fields that are bytes, by their numbers.
fn message(fields: &[(u8, &[u8])]) -> Bytes {
    let mut message = BytesMut::new();
    for (number, bytes) in fields {
        message.put_u8(number << 3 | 2);
        // Each is shorter than 128 bytes.
        message.put_u8(bytes.len() as u8);
        message.put_slice(bytes);
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

// === impl Connection ===

impl Connection {
    async fn open(server: &Etcd, prefix: &str) -> Done<Self> {
        let stream = TcpStream::connect(server.addr()).await?;
        stream.set_nodelay(true)?;
        let builder = Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // It ends with the senders.
        tokio::spawn(connection);
        let name = format!("{prefix}/{BUCKET}/{KEY}");
        let to = |call| format!("http://{}/etcdserverpb.KV/{call}", server.addr()).parse();
        Ok(Self {
            sender,
            get: (to("Range")?, message(&[(1, name.as_bytes())])),
            set: (to("Put")?, message(&[(1, name.as_bytes()), (2, VALUE)])),
        })
    }
}

impl Bare for Connection {
    async fn call(&mut self, call: Call) -> Done {
        let (uri, body) = match call {
            Call::Get => self.get.clone(),
            Call::Set => self.set.clone(),
        };
        let request = Request::post(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let body = response.into_body().collect().await?;
        let trailers = body.trailers();
        let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
        if status.is_none_or(|status| status != "0") {
            return Err(format!("etcd answers {trailers:?}").into());
        }
        Ok(())
    }
}
