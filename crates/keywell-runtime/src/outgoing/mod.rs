//! Outgoing HTTP: denied, unless the host is allowed.
//!
//! The host of a request is compared with those of the component as text, with its port. The address
//! behind an allowed name is not checked: allowing a name trusts its owner. One client serves all
//! components, and keeps connections for the next request. A guest receives the code of a failure, not
//! its text.

mod body;
mod client;
mod connector;
mod fault;
mod host;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::Arc;

use http::Request;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(crate) use client::{Client, Response};
pub use host::{AllowedHost, HostError};

use crate::Environment;

/// The requests of one instance.
pub(crate) struct Outgoing {
    environment: Arc<Environment>,
    client: Arc<Client>,
    /// Made with the first request: most instances send none.
    room: Option<Arc<Semaphore>>,
}

// === impl Outgoing ===

impl Outgoing {
    /// How many requests of an instance may be under way, their responses' bodies included.
    const MAX_UNDER_WAY: usize = 128;

    pub(crate) fn new(environment: Arc<Environment>, client: Arc<Client>) -> Self {
        Self {
            environment,
            client,
            room: None,
        }
    }

    /// Sends a request if its host is allowed. Redirects are the guest's to follow.
    pub(crate) fn send(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<impl Future<Output = Result<Response, Error>> + Send + 'static, Error> {
        self.check(&request)?;
        let room = self
            .room
            .get_or_insert_with(|| Arc::new(Semaphore::new(Self::MAX_UNDER_WAY)));
        let permit = room
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::ConnectionLimitReached)?;
        let client = self.client.clone();
        Ok(async move {
            client
                .send(request, options.unwrap_or_default(), permit)
                .await
        })
    }

    fn check(&self, request: &Request<WasiBody>) -> Result<(), Error> {
        let uri = request.uri();
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        // What stands before an @ looks like a host to people and is none.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(Error::HttpRequestUriInvalid);
        }
        if request.method() == http::Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let usual = if is_https { 443 } else { 80 };
        let (host, port) = (authority.host(), uri.port_u16());
        let allowed = &self.environment.outgoing;
        if allowed.iter().any(|rule| rule.allows(host, port, usual)) {
            return Ok(());
        }
        tracing::warn!(
            host,
            port = port.unwrap_or(usual),
            "outgoing HTTP to this host is not allowed; see --allow-http, and outgoing in keywell.toml"
        );
        Err(Error::HttpRequestDenied)
    }
}
