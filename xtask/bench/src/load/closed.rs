use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::clients::{connect, runtime};
use super::connection::Connection;
use super::result::Load;
use crate::Done;

/// Each connection asks again as soon as it is answered, for so long.
pub(crate) fn closed(
    address: &str,
    request: &str,
    connections: usize,
    time: Duration,
) -> Done<Load> {
    runtime()?.block_on(async {
        let connections = connect(address, request, connections).await?;
        let began = Instant::now();
        let mut loops = JoinSet::new();
        for connection in connections {
            loops.spawn(ask_until(connection, began + time));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = loops.join_next().await {
            latencies.extend(ended??);
        }
        Load::new(&latencies, began.elapsed())
    })
}

async fn ask_until(mut connection: Connection, until: Instant) -> Done<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let began = Instant::now();
        connection.ask().await?;
        let ended = Instant::now();
        latencies.push(ended - began);
        if ended >= until {
            return Ok(latencies);
        }
    }
}
