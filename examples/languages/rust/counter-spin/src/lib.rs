//! Counts the requests to each path, with Spin's SDK: a component for WASI 0.3.

use spin_sdk::http::{IntoResponse, Request, StatusCode};
use spin_sdk::http_service;
use spin_sdk::key_value::{Error, Store};

#[http_service]
async fn count(request: Request) -> impl IntoResponse {
    let path = request.uri().path();
    match increment(path).await {
        Ok(n) => (StatusCode::OK, format!("Counter {path}: {n}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// Spin's interface has no counters, so requests at the same time may count as one.
async fn increment(path: &str) -> Result<u64, Error> {
    let store = Store::open_default().await?;
    let count = store.get(path).await?.unwrap_or_default();
    let count = String::from_utf8_lossy(&count).parse().unwrap_or(0) + 1;
    store.set(path, count.to_string()).await?;
    Ok(count)
}
