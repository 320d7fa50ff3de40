//! Listening where a person said, by address or by name.

use std::io::ErrorKind;
use std::net::SocketAddr;

use keywell_config::ListenAddress;
use keywell_runtime::{Error, HttpApp, HttpEndpoint, HttpServer};

use crate::StartError;

/// The servers of a trigger that runs, and where it was to listen.
pub(crate) struct Listening {
    pub(crate) address: ListenAddress,
    pub(crate) endpoints: Vec<HttpEndpoint>,
}

/// Listens on an address, or on all addresses of a name: a client of `localhost` may try any of them
/// first. With port 0, all of them have the port that was free at the first.
///
/// An address that this machine does not have is left out, as long as there is another. One that is
/// listened on already by a trigger that is to go is shared with it.
///
/// # Errors
///
/// Which address cannot be listened on, and why: another program has it, or the name is not known.
pub(crate) async fn listen(
    address: &ListenAddress,
    app: &HttpApp,
    going: &[Listening],
) -> Result<Vec<HttpServer>, StartError> {
    if let Some(same) = going.iter().find(|going| going.address == *address) {
        let shared = same.endpoints.iter();
        let shared: Option<Vec<_>> = shared.map(|server| server.share(app.clone())).collect();
        if let Some(servers) = shared.filter(|servers| !servers.is_empty()) {
            return Ok(servers);
        }
    }
    let endpoints = going.iter().flat_map(|going| &going.endpoints);
    let found = tokio::net::lookup_host((address.host(), address.port())).await;
    let found = found.map_err(|source| StartError::Resolve {
        address: address.to_string(),
        source,
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let mut servers: Vec<HttpServer> = Vec::new();
    let mut absent = None;
    for mut address in addresses {
        if let (0, Some(first)) = (address.port(), servers.first()) {
            address.set_port(first.addr().port());
        }
        let shared = endpoints.clone().find(|going| going.addr() == address);
        if let Some(server) = shared.and_then(|going| going.share(app.clone())) {
            servers.push(server);
            continue;
        }
        match HttpServer::bind(address, app.clone()).await {
            Ok(server) => servers.push(server),
            Err(error) if is_absent(&error) => absent = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match absent {
        Some(error) if servers.is_empty() => Err(error.into()),
        _ => Ok(servers),
    }
}

/// Whether the machine does not have the address, such as one of IPv6 where that is off.
fn is_absent(error: &Error) -> bool {
    let Error::Listen { source, .. } = error else {
        return false;
    };
    !matches!(
        source.kind(),
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied
    )
}
