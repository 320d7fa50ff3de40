//! Calls of etcd's API, by gRPC over one connection.

pub(crate) mod connection;
pub(crate) mod fault;
pub(crate) mod messages;

use http::uri::PathAndQuery;

/// A call: its path, its request and its response.
pub(crate) trait Call: prost::Message + Clone + 'static {
    const PATH: &'static str;
    type Response: prost::Message + Default + 'static;
}

macro_rules! calls {
    ($($path:literal: $request:ident -> $response:ident;)*) => {
        $(impl Call for messages::$request {
            const PATH: &'static str = $path;
            type Response = messages::$response;
        })*
    };
}

calls! {
    "/etcdserverpb.KV/Range": RangeRequest -> RangeResponse;
    "/etcdserverpb.KV/Put": PutRequest -> PutResponse;
    "/etcdserverpb.KV/Txn": TxnRequest -> TxnResponse;
    "/etcdserverpb.Watch/Watch": WatchRequest -> WatchResponse;
    "/etcdserverpb.Lease/LeaseGrant": LeaseGrantRequest -> LeaseGrantResponse;
    "/etcdserverpb.Lease/LeaseRevoke": LeaseRevokeRequest -> LeaseRevokeResponse;
    "/etcdserverpb.Lease/LeaseTimeToLive": LeaseTimeToLiveRequest -> LeaseTimeToLiveResponse;
    "/etcdserverpb.Auth/Authenticate": AuthenticateRequest -> AuthenticateResponse;
}

fn path<C: Call>() -> PathAndQuery {
    PathAndQuery::from_static(C::PATH)
}
