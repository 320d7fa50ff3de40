use keywell_etcd::{EtcdOptions, EtcdStore};
use keywell_servers::Etcd;

use super::grpc::Connection;
use super::{BUCKET, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

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
    let name = format!("{}/{BUCKET}/{KEY}", options.prefix);
    let name = name.as_bytes();
    let store = runtime.block_on(EtcdStore::open(options))?;
    let bucket = runtime.block_on(bucket(&store))?;
    let shared = runtime.block_on(Connection::open(
        server.addr(),
        ("/etcdserverpb.KV/Range", message(&[(1, name)])),
        ("/etcdserverpb.KV/Put", message(&[(1, name), (2, VALUE)])),
        ("user-agent", "bench".to_owned()),
    ))?;
    let connect = async || Ok(shared.clone());
    let client = "a bare client, one connection";
    rows(&mut group, &runtime, &bucket, client, connect, effort)?;
    Ok(group)
}

/// A request: its fields that are bytes, by their numbers.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (number, bytes) in fields {
        // Each is shorter than 128 bytes.
        message.extend([number << 3 | 2, bytes.len() as u8]);
        message.extend(*bytes);
    }
    message
}
