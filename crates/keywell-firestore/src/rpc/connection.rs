use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use http::uri::Authority;
use keywell_client::TlsConnector;
use keywell_client::grpc::Transport;
use keywell_store::Failure;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Extensions, Request, Streaming};
use tonic_prost::ProstCodec;

use super::credentials::Credentials;
use super::fault::Fault;
use super::messages::{ListenRequest, ListenResponse};
use super::{Call, path};
use crate::options::FirestoreOptions;

/// The largest response: a document of 1 MiB, and room.
const MAX_RESPONSE: usize = 16 << 20;

/// A connection to the service.
#[derive(Clone)]
pub(crate) struct Connection {
    transport: Transport,
    login: Arc<Login>,
}

/// What each request has besides its message.
pub(crate) struct Login {
    credentials: Credentials,
    /// By which the service finds the database.
    routing: MetadataValue<Ascii>,
}

// === impl Login ===

impl Login {
    pub(crate) fn new(
        options: &FirestoreOptions,
        credentials: Credentials,
    ) -> keywell_store::Result<Self> {
        let encoded = |name| utf8_percent_encode(name, NON_ALPHANUMERIC);
        let (project, database) = (encoded(&options.project), encoded(&options.database));
        let routing = format!("project_id={project}&database_id={database}").parse();
        let routing = routing.map_err(|_| {
            let what = "the names of the project and the database fit in no header";
            keywell_store::Error::Internal(what.into())
        })?;
        Ok(Self {
            credentials,
            routing,
        })
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(
        authority: Authority,
        port: u16,
        tls: Option<&TlsConnector>,
        login: Arc<Login>,
    ) -> Result<Self, Fault> {
        let connected = Transport::connect(authority.clone(), port, tls).await;
        let transport = connected.map_err(|error| {
            let what = format!("Firestore cannot be reached at {authority}");
            Fault::Unsent(Failure::caused_by(what, error))
        })?;
        Ok(Self { transport, login })
    }

    /// Sends a request that has one response.
    pub(crate) async fn unary<C: Call>(&self, request: C) -> Result<C::Response, Fault> {
        let request = self.request(request).await?;
        let mut grpc = self.grpc().await?;
        let codec = ProstCodec::<C, C::Response>::default();
        let response = grpc.unary(request, path::<C>(), codec).await;
        Ok(response?.into_inner())
    }

    /// Sends a request that has several responses.
    pub(crate) async fn stream<C: Call>(
        &self,
        request: C,
    ) -> Result<Streaming<C::Response>, Fault> {
        let request = self.request(request).await?;
        let mut grpc = self.grpc().await?;
        let codec = ProstCodec::<C, C::Response>::default();
        let response = grpc.server_streaming(request, path::<C>(), codec).await;
        Ok(response?.into_inner())
    }

    /// Listens. The service ends it from time to time.
    pub(crate) async fn listen(
        &self,
        request: ListenRequest,
    ) -> Result<Streaming<ListenResponse>, Fault> {
        // Requests that end would end the listener.
        let requests = stream::iter([request]).chain(stream::pending());
        let requests = self.request(requests).await?;
        let mut grpc = self.grpc().await?;
        let codec = ProstCodec::<ListenRequest, ListenResponse>::default();
        let path = path::<ListenRequest>();
        let response = grpc.streaming(requests, path, codec).await;
        Ok(response?.into_inner())
    }

    async fn grpc(&self) -> Result<Grpc<Transport>, Fault> {
        let grpc = Grpc::new(self.transport.clone());
        let mut grpc = grpc.max_decoding_message_size(MAX_RESPONSE);
        grpc.ready().await?;
        Ok(grpc)
    }

    async fn request<T>(&self, message: T) -> Result<Request<T>, Fault> {
        let headers = self.login.credentials.headers().await?;
        let mut metadata = MetadataMap::from_headers(headers);
        metadata.insert("x-goog-request-params", self.login.routing.clone());
        Ok(Request::from_parts(metadata, Extensions::new(), message))
    }
}
