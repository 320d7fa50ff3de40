//! Calls of Firestore's API, by gRPC.

pub(crate) mod connection;
pub(crate) mod credentials;
pub(crate) mod fault;

pub(crate) use firestore_messages::google::firestore::v1 as messages;
use http::uri::PathAndQuery;

/// A call: its path, its request, and its response, or each of its responses.
pub(crate) trait Call: prost::Message + Clone + Default + 'static {
    const PATH: &'static str;
    type Response: prost::Message + Default + 'static;
}

macro_rules! calls {
    ($($name:literal: $request:ident -> $response:ty;)*) => {
        $(impl Call for messages::$request {
            const PATH: &'static str = concat!("/google.firestore.v1.Firestore/", $name);
            type Response = $response;
        })*
    };
}

calls! {
    "BatchGetDocuments": BatchGetDocumentsRequest -> messages::BatchGetDocumentsResponse;
    "Commit": CommitRequest -> messages::CommitResponse;
    "ListDocuments": ListDocumentsRequest -> messages::ListDocumentsResponse;
    "Listen": ListenRequest -> messages::ListenResponse;
    "Rollback": RollbackRequest -> ();
    "RunAggregationQuery": RunAggregationQueryRequest -> messages::RunAggregationQueryResponse;
    "RunQuery": RunQueryRequest -> messages::RunQueryResponse;
}

fn path<C: Call>() -> PathAndQuery {
    PathAndQuery::from_static(C::PATH)
}
