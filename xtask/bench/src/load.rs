//! A closed loop of HTTP requests over kept connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Done;

/// Requests a second that a server answers, over so many connections for so long.
pub(crate) fn requests_per_second(
    address: &str,
    path: &str,
    connections: usize,
    time: Duration,
) -> Done<f64> {
    // One thread, so that the server has the rest of the machine.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let began = Instant::now();
        let until = began + time;
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        let loops: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(ask(address.to_owned(), request.clone(), until)))
            .collect();
        let mut answered = 0;
        for one in loops {
            answered += one.await??;
        }
        Ok(answered as f64 / began.elapsed().as_secs_f64())
    })
}

async fn ask(address: String, request: String, until: Instant) -> Done<u64> {
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let mut answered = 0;
    let mut buffer = Vec::with_capacity(4096);
    while Instant::now() < until {
        connection.write_all(request.as_bytes()).await?;
        buffer.clear();
        while !is_whole(&buffer)? {
            if connection.read_buf(&mut buffer).await? == 0 {
                return Err("the server closed a connection".into());
            }
        }
        answered += 1;
    }
    Ok(answered)
}

/// Whether a response is there to its end, and is one of success.
fn is_whole(response: &[u8]) -> Done<bool> {
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    if !response.starts_with(b"HTTP/1.1 200") {
        return Err(format!("answered {}", String::from_utf8_lossy(response)).into());
    }
    let head = std::str::from_utf8(&response[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(length) => Ok(response.len() >= end + 4 + length?),
        None => Ok(response.ends_with(b"0\r\n\r\n")),
    }
}
