use tokio::runtime::Runtime;

use super::connection::Connection;
use crate::Done;

/// Asks once, on a connection of its own.
pub(crate) fn ask_once(address: &str, request: &str) -> Done {
    runtime()?.block_on(async { Connection::open(address, request).await?.ask().await })
}

/// One thread, so that the server has the rest of the machine.
pub(super) fn runtime() -> Done<Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    Ok(runtime.enable_all().build()?)
}

pub(super) async fn connect(
    address: &str,
    request: &str,
    connections: usize,
) -> Done<Vec<Connection>> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address, request).await?);
    }
    Ok(open)
}
