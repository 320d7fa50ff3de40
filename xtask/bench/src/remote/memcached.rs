use keywell_memcached::{MemcachedOptions, MemcachedStore};
use keywell_servers::Memcached;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{BUCKET, Bare, Call, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

/// A connection that has one request at a time.
struct Connection(TcpStream);

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("memcached", "Memcached");
    let runtime = runtime()?;
    let server = match runtime.block_on(Memcached::start()) {
        Ok(server) => server,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    let options = MemcachedOptions::new([server.addr().to_string()]);
    let store = runtime.block_on(MemcachedStore::open(options))?;
    let bucket = runtime.block_on(bucket(&store))?;
    let connect = async || {
        let stream = TcpStream::connect(server.addr()).await?;
        stream.set_nodelay(true)?;
        Ok(Connection(stream))
    };
    let client = "64 bare connections";
    rows(&mut group, &runtime, &bucket, client, connect, effort)?;
    Ok(group)
}

// === impl Connection ===

impl Bare for Connection {
    async fn call(&mut self, call: Call) -> Done {
        let request = match call {
            Call::Get => format!("mg {BUCKET}:{KEY} v c t f\r\n"),
            Call::Set => {
                let value = String::from_utf8_lossy(VALUE);
                format!("ms {BUCKET}:{KEY} {} c T0 F0\r\n{value}\r\n", VALUE.len())
            }
        };
        self.0.write_all(request.as_bytes()).await?;
        let mut room = [0; 256];
        let mut length = 0;
        // A value ends as its reply does.
        let (beginning, lines) = match call {
            Call::Get => ("VA ", 2),
            Call::Set => ("HD ", 1),
        };
        loop {
            let read = self.0.read(&mut room[length..]).await?;
            length += read;
            let reply = &room[..length];
            if read == 0 || (length > 3 && !reply.starts_with(beginning.as_bytes())) {
                return Err(format!("Memcached answers {reply:?}").into());
            }
            let ends = reply.iter().filter(|byte| matches!(byte, b'\n'));
            if ends.count() == lines {
                return Ok(());
            }
        }
    }
}
