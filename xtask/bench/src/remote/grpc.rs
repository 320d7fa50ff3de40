use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{Bare, Call};
use crate::Done;

/// A share of one connection by HTTP/2, on which requests of gRPC are bytes that are made once.
#[derive(Clone)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    get: (Uri, Bytes),
    set: (Uri, Bytes),
    /// What each request has in its header.
    header: (&'static str, String),
}

/// The path of a call, and its message.
pub(super) type Message = (&'static str, Vec<u8>);

// === impl Connection ===

impl Connection {
    pub(super) async fn open(
        server: SocketAddr,
        get: Message,
        set: Message,
        header: (&'static str, String),
    ) -> Done<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let builder = Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // It ends with the senders.
        tokio::spawn(connection);
        let call = |(path, message): Message| -> Done<(Uri, Bytes)> {
            Ok((format!("http://{server}{path}").parse()?, framed(&message)))
        };
        Ok(Self {
            sender,
            get: call(get)?,
            set: call(set)?,
            header,
        })
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
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
            .header(self.header.0, &self.header.1)
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let body = response.into_body().collect().await?;
        let trailers = body.trailers();
        let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
        if status.is_none_or(|status| status != "0") {
            return Err(format!("the server answers {trailers:?}").into());
        }
        Ok(())
    }
}
