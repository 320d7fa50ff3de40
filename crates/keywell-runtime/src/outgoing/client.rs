use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use keywell_client::{Deadline, Tls};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::ResponseBody;
use super::connector::{Bounded, Connector, connecting};
use super::fault;

/// Sends the requests of all components, over connections that are kept for the next.
///
/// HTTP/1.1, in clear or by TLS. Certificates are checked against those that the system trusts, so
/// that an organisation's own authority needs no setting of ours.
#[derive(Default)]
pub(crate) struct Client(OnceCell<Pooled>);

pub(crate) type Response = http::Response<WasiBody>;

type Pooled = legacy::Client<Bounded<HttpsConnector<Connector>>, WasiBody>;

/// The times that a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

// === impl Client ===

impl Client {
    /// How many connections to one host are kept for the next request.
    const KEPT_PER_HOST: usize = 32;
    /// How long a connection is kept; less than servers commonly do.
    const KEPT_FOR: Duration = Duration::from_secs(30);

    /// Sends a request and waits for the head of its response. The permit is given back at the
    /// response's end.
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response, Error> {
        let times = Times::from(options);
        let client = self.0.get_or_try_init(Self::pooled).await?;
        let sending = connecting(times.connect, client.request(request));
        let deadline = Deadline::after(times.connect + times.first_byte);
        let sent = deadline.bound(sending).await;
        let response = sent
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| fault::code(&error))?;
        Ok(
            response
                .map(|body| ResponseBody::new(body, times.between_bytes, permit).boxed_unsync()),
        )
    }

    /// Made with the first request, since it reads the system's certificates.
    async fn pooled() -> Result<Pooled, Error> {
        let tls = tokio::task::spawn_blocking(|| Tls::default().config()).await;
        let tls = tls.map_err(|error| fault::internal(&error))?;
        let tls = tls.map_err(|error| fault::internal(&error))?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::default());
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Self::KEPT_FOR)
            .pool_max_idle_per_host(Self::KEPT_PER_HOST)
            .build(Bounded(connector));
        Ok(client)
    }
}

// === impl Times ===

impl Times {
    const CONNECT: Duration = Duration::from_secs(10);
    const MAX_CONNECT: Duration = Duration::from_mins(1);
    const BYTES: Duration = Duration::from_secs(30);
    const MAX_BYTES: Duration = Duration::from_mins(10);
}

impl From<RequestOptions> for Times {
    /// What the guest asks for, within bounds; the usual where it asks for nothing.
    fn from(options: RequestOptions) -> Self {
        let within = |asked: Option<Duration>, usual, most| {
            asked.map_or(usual, |asked| asked.clamp(Duration::from_millis(1), most))
        };
        Self {
            connect: within(options.connect_timeout, Self::CONNECT, Self::MAX_CONNECT),
            first_byte: within(options.first_byte_timeout, Self::BYTES, Self::MAX_BYTES),
            between_bytes: within(options.between_bytes_timeout, Self::BYTES, Self::MAX_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_may_ask_for_less_time_or_more_but_not_for_ever() {
        let usual = Times::from(RequestOptions::default());
        assert_eq!(
            (usual.connect, usual.first_byte),
            (Times::CONNECT, Times::BYTES)
        );
        let asked = RequestOptions {
            connect_timeout: Some(Duration::ZERO),
            first_byte_timeout: Some(Duration::MAX),
            between_bytes_timeout: Some(Duration::from_secs(1)),
        };
        let times = Times {
            connect: Duration::from_millis(1),
            first_byte: Times::MAX_BYTES,
            between_bytes: Duration::from_secs(1),
        };
        assert_eq!(Times::from(asked), times);
    }
}
