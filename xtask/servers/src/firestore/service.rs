//! The calls of the service, over one connection.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use firestore_messages::google::firestore::v1::{
    BatchGetDocumentsRequest, BatchGetDocumentsResponse, CommitRequest, CommitResponse,
    ListDocumentsRequest, ListDocumentsResponse, ListenRequest, ListenResponse, RollbackRequest,
    RunAggregationQueryRequest, RunAggregationQueryResponse, RunQueryRequest, RunQueryResponse,
};
use futures::Stream;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::limits;
use super::listen::listen;
use super::state::State;

/// Serves a connection until it ends.
pub(super) async fn serve(
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(state, request).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.max_concurrent_streams(100);
    // The client is gone, or speaks something else.
    drop(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let method = path.strip_prefix("/google.firestore.v1.Firestore/");
    let method = method.unwrap_or_default();
    state.count(method);
    let allowed = authorize(&state, request.headers()).and_then(|()| state.check());
    if let Err(status) = allowed {
        return status.into_http();
    }
    match method {
        "BatchGetDocuments" => {
            let calls = Calls(move |request: BatchGetDocumentsRequest| {
                check_database(&state, &request.database)?;
                let found = state.documents().batch_get(request)?;
                Ok(futures::stream::iter(found.into_iter().map(Ok)))
            });
            let mut grpc = grpc::<BatchGetDocumentsResponse, BatchGetDocumentsRequest>();
            grpc.server_streaming(calls, request).await
        }
        "RunQuery" => {
            let calls = Calls(move |request: RunQueryRequest| {
                check_database(&state, &request.parent)?;
                let found = state.documents().query(request)?;
                Ok(futures::stream::iter(found.into_iter().map(Ok)))
            });
            let mut grpc = grpc::<RunQueryResponse, RunQueryRequest>();
            grpc.server_streaming(calls, request).await
        }
        "RunAggregationQuery" => {
            let calls = Calls(move |request: RunAggregationQueryRequest| {
                check_database(&state, &request.parent)?;
                let found = state.documents().aggregate(&request)?;
                Ok(futures::stream::iter(found.into_iter().map(Ok)))
            });
            let mut grpc = grpc::<RunAggregationQueryResponse, RunAggregationQueryRequest>();
            grpc.server_streaming(calls, request).await
        }
        "Commit" => {
            let call = Call(move |request: CommitRequest| {
                check_database(&state, &request.database)?;
                let committed = state.documents().commit(&request);
                state.changed();
                committed
            });
            let mut grpc = grpc::<CommitResponse, CommitRequest>();
            grpc.unary(call, request).await
        }
        "Rollback" => {
            let call = Call(move |request: RollbackRequest| {
                state.documents().roll_back(&request.transaction);
                Ok(())
            });
            let mut grpc = grpc::<(), RollbackRequest>();
            grpc.unary(call, request).await
        }
        "ListDocuments" => {
            let call = Call(move |request: ListDocumentsRequest| {
                check_database(&state, &request.parent)?;
                state.documents().list(&request)
            });
            let mut grpc = grpc::<ListDocumentsResponse, ListDocumentsRequest>();
            grpc.unary(call, request).await
        }
        "Listen" => {
            let mut grpc = grpc::<ListenResponse, ListenRequest>();
            grpc.streaming(Listens(state), request).await
        }
        _ => Status::unimplemented(path).into_http(),
    }
}

fn grpc<T, U>() -> Grpc<ProstCodec<T, U>>
where
    T: prost::Message + Send + 'static,
    U: prost::Message + Default + Send + 'static,
{
    let grpc = Grpc::new(ProstCodec::default());
    // A little more than the service takes, so that the refusal is the fake's own.
    grpc.max_decoding_message_size(2 * limits::REQUEST)
}

/// The token and the header by which the service finds the database
/// (docs/manage-databases, "Access databases with gRPC").
fn authorize(state: &State, headers: &HeaderMap) -> Result<(), Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let has_token = text("authorization").is_some_and(|it| it.starts_with("Bearer ey"));
    if state.needs_token && !has_token {
        let what = "Request had invalid authentication credentials.";
        return Err(Status::unauthenticated(what));
    }
    let routed = text("x-goog-request-params").unwrap_or_default();
    if !routed.contains("project_id=") || !routed.contains("&database_id=") {
        return Err(Status::invalid_argument("x-goog-request-params is missing"));
    }
    Ok(())
}

/// Whether a name is of the database that there is.
fn check_database(state: &State, name: &str) -> Result<(), Status> {
    let rest = name.strip_prefix(&*state.database);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Ok(());
    }
    let (project, database) = state.database.split_once("/databases/").unwrap_or_default();
    if !name.starts_with(&format!("{project}/")) {
        return Err(Status::permission_denied(
            "Missing or insufficient permissions.",
        ));
    }
    let asked = name.split('/').nth(3).unwrap_or_default();
    debug_assert_ne!(asked, database);
    let what = format!("The database {asked} does not exist for project {project}");
    Err(Status::not_found(what))
}

/// A call with one response.
struct Call<F>(F);

impl<F, Q, R> UnaryService<Q> for Call<F>
where
    F: FnMut(Q) -> Result<R, Status>,
{
    type Response = R;
    type Future = std::future::Ready<Result<tonic::Response<R>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        ready(self.0(request.into_inner()).map(tonic::Response::new))
    }
}

/// A call with several responses.
struct Calls<F>(F);

impl<F, Q, R, S> ServerStreamingService<Q> for Calls<F>
where
    F: FnMut(Q) -> Result<S, Status>,
    S: Stream<Item = Result<R, Status>>,
{
    type Response = R;
    type ResponseStream = S;
    type Future = std::future::Ready<Result<tonic::Response<S>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        ready(self.0(request.into_inner()).map(tonic::Response::new))
    }
}

struct Listens(Arc<State>);

impl StreamingService<ListenRequest> for Listens {
    type Response = ListenResponse;
    type ResponseStream = futures::stream::BoxStream<'static, Result<ListenResponse, Status>>;
    type Future =
        futures::future::BoxFuture<'static, Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<ListenRequest>>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            let told = listen(state, request.into_inner()).await?;
            Ok(tonic::Response::new(told))
        })
    }
}
