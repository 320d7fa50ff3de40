use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Uri};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::ResponseBody;
use super::fault;

/// Sends the requests of all components, over connections that are kept for the next.
///
/// HTTP/1.1, in clear or by TLS. Certificates are checked against those that the system trusts, so
/// that an organisation's own authority needs no setting of ours.
#[derive(Default)]
pub(crate) struct Client(OnceCell<Pooled>);

pub(crate) type Response = http::Response<WasiBody>;

type Pooled = legacy::Client<Bounded<HttpsConnector<HttpConnector<Resolver>>>, WasiBody>;

/// The times that a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

/// A connector whose connections, TLS included, are made in the time of [`CONNECT_WITHIN`].
#[derive(Clone)]
struct Bounded<C>(C);

/// The system's resolver, whose failures can be told from others.
#[derive(Clone)]
struct Resolver(GaiResolver);

/// A connection took too long to be made.
#[derive(Debug, thiserror::Error)]
#[error("connecting took too long")]
pub(super) struct ConnectTimedOut;

/// A host's name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address: {0}")]
pub(super) struct Unresolved(#[source] std::io::Error);

type Boxed = Box<dyn StdError + Send + Sync>;

tokio::task_local! {
    // The pool asks for a connection with nothing but its address, in the task of the request.
    static CONNECT_WITHIN: Duration;
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
        let sending = CONNECT_WITHIN.scope(times.connect, client.request(request));
        let sent = tokio::time::timeout(times.connect + times.first_byte, sending).await;
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
        let tls = tokio::task::spawn_blocking(tls).await;
        let tls = tls.map_err(|error| fault::internal(&error))?;
        let tls = tls.map_err(|error| fault::internal(&error))?;
        let mut http = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Self::KEPT_FOR)
            .pool_max_idle_per_host(Self::KEPT_PER_HOST)
            .build(Bounded(connector));
        Ok(client)
    }
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("cannot read some of the system's certificates: {error}");
    }
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        tracing::warn!("the system trusts no certificates, so no request by https will succeed");
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
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

// === impl Bounded ===

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Future: Send + 'static, Error: Into<Boxed>>,
{
    type Response = C::Response;
    type Error = Boxed;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, Boxed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Boxed>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let within = CONNECT_WITHIN.try_with(|within| *within);
        let within = within.unwrap_or(Times::CONNECT);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(within, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}

// === impl Resolver ===

impl Service<Name> for Resolver {
    type Response = <GaiResolver as Service<Name>>::Response;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(cx).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move { resolving.await.map_err(Unresolved) })
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
