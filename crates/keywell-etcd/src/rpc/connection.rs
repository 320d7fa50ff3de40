use futures::stream::{self, StreamExt as _};
use http::uri::Authority;
use keywell_client::TlsConnector;
use keywell_client::grpc::Transport;
use keywell_store::{Error, Failure};
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use super::fault::Fault;
use super::messages::{
    AuthenticateRequest, RangeRequest, WatchCreateRequest, WatchRequest, WatchResponse,
};
use super::{Call, path};
use crate::options::EtcdOptions;

/// The largest response: as many of the largest values as one request asks for, and room.
const MAX_RESPONSE: usize = 256 << 20;

/// Where etcd listens to clients.
const PORT: u16 = 2379;

/// A connection to one server, which answered, and knows our login.
pub(crate) struct Connection {
    transport: Transport,
    token: Option<MetadataValue<Ascii>>,
    /// The cluster that the server is in.
    pub(crate) cluster: u64,
}

// === impl Connection ===

impl Connection {
    /// Connects, logs in, and reads a key, which a server does only if its cluster has a leader.
    pub(crate) async fn open(
        authority: Authority,
        tls: Option<&TlsConnector>,
        options: &EtcdOptions,
        probed: RangeRequest,
    ) -> Result<Self, Fault> {
        let connected = Transport::connect(authority.clone(), PORT, tls).await;
        let transport = connected.map_err(|error| {
            let what = format!("etcd cannot be reached at {authority}");
            Fault::Unsent(Failure::caused_by(what, error))
        })?;
        let mut connection = Self {
            transport,
            token: None,
            cluster: 0,
        };
        if let Some((user, password)) = &options.user {
            let login = AuthenticateRequest {
                name: user.clone(),
                password: password.expose().to_owned(),
            };
            let token = connection.call(login).await?.token;
            let token = token.parse().map_err(|_| {
                Fault::Refused(Error::Internal(
                    "etcd answers a login without a token".into(),
                ))
            })?;
            connection.token = Some(token);
        }
        let header = connection.call(probed).await?.header;
        connection.cluster = header.map_or(0, |header| header.cluster_id);
        Ok(connection)
    }

    /// Sends a request once.
    pub(crate) async fn call<C: Call>(&self, request: C) -> Result<C::Response, Fault> {
        let mut grpc = self.grpc();
        grpc.ready().await?;
        let codec = ProstCodec::<C, C::Response>::default();
        let response = grpc.unary(self.request(request), path::<C>(), codec).await;
        Ok(response?.into_inner())
    }

    /// Opens a watch. The server ends it when its cluster loses its leader.
    pub(crate) async fn watch(
        &self,
        create: WatchCreateRequest,
    ) -> Result<Streaming<WatchResponse>, Fault> {
        let mut grpc = self.grpc();
        grpc.ready().await?;
        let create = WatchRequest {
            create: Some(create),
        };
        // A request that ends would end the watch.
        let requests = stream::iter([create]).chain(stream::pending());
        let mut request = self.request(requests);
        let leader = MetadataValue::from_static("true");
        request.metadata_mut().insert("hasleader", leader);
        let codec = ProstCodec::<WatchRequest, WatchResponse>::default();
        let response = grpc.streaming(request, path::<WatchRequest>(), codec).await;
        Ok(response?.into_inner())
    }

    fn grpc(&self) -> Grpc<Transport> {
        Grpc::new(self.transport.clone()).max_decoding_message_size(MAX_RESPONSE)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }
}
