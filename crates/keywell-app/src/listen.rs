//! Listening where a person said, by address or by name.

use std::io::ErrorKind;
use std::net::SocketAddr;

use keywell_config::{HttpPlan, ListenAddress};
use keywell_runtime::{Error, HttpEndpoint, HttpRoute, HttpServer};

use crate::StartError;

/// Where triggers listen: those that run, and those that are ready to.
#[derive(Default)]
pub(crate) struct Listening(Vec<Site>);

/// The servers of a trigger, and where it was to listen.
struct Site {
    address: ListenAddress,
    component: String,
    endpoints: Vec<HttpEndpoint>,
    /// Whether it leaves its addresses to others.
    is_going: bool,
}

// === impl Listening ===

impl Listening {
    /// Adds a trigger that listens.
    pub(crate) fn add(&mut self, plan: &HttpPlan, endpoints: Vec<HttpEndpoint>, is_going: bool) {
        self.0.push(Site {
            address: plan.addr.clone(),
            component: plan.component.clone(),
            endpoints,
            is_going,
        });
    }

    /// Listens on the address of a trigger, or on all addresses of a name: a client of `localhost`
    /// may try any of them first. With port 0, all of them have the port that was free at the first.
    ///
    /// An address that this machine does not have is left out, as long as there is another. Triggers
    /// of one address share its servers, and one that is to go shares its own with its successors.
    ///
    /// # Errors
    ///
    /// Which address cannot be listened on, and why: another program has it, or the name is not known.
    pub(crate) async fn listen(
        &mut self,
        plan: &HttpPlan,
        route: &HttpRoute,
    ) -> Result<Vec<HttpServer>, StartError> {
        let servers = match self.shared(plan, route) {
            Some(servers) => servers,
            None => self.bind(&plan.addr, route).await?,
        };
        let endpoints = servers.iter().map(HttpServer::endpoint).collect();
        self.add(plan, endpoints, false);
        Ok(servers)
    }

    /// The servers of another trigger of the same address. A free port is that of one trigger, and so
    /// of one successor: of the same component, if there is one.
    fn shared(&mut self, plan: &HttpPlan, route: &HttpRoute) -> Option<Vec<HttpServer>> {
        let has_own_port = plan.addr.port() == 0;
        let sites = self.0.iter().enumerate();
        let same =
            sites.filter(|(_, site)| site.address == plan.addr && (site.is_going || !has_own_port));
        let found = same.min_by_key(|(_, site)| site.component != plan.component);
        let (place, site) = found?;
        let shared = site.endpoints.iter();
        let shared: Option<Vec<_>> = shared.map(|server| server.share(route.clone())).collect();
        if has_own_port {
            self.0.remove(place);
        }
        shared.filter(|servers| !servers.is_empty())
    }

    async fn bind(
        &self,
        address: &ListenAddress,
        route: &HttpRoute,
    ) -> Result<Vec<HttpServer>, StartError> {
        let going = self.0.iter().filter(|site| site.is_going);
        let endpoints = going.flat_map(|site| &site.endpoints);
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
            if let Some(server) = shared.and_then(|going| going.share(route.clone())) {
                servers.push(server);
                continue;
            }
            match HttpServer::bind(address, route.clone()).await {
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
