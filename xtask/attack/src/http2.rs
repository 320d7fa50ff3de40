//! Clients of HTTP/2.

use std::time::{Duration, Instant};

use crate::clients::{INSTANCES, STREAM, STREAMS, stalled_together};
use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, Http2, INITIAL_WINDOW_SIZE,
    PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, entered, frame, get, streams,
};
use crate::process::{PATIENCE, Process};
use crate::{Context, Done, Seen, memory};

/// How soon another client is answered beside an attack.
const SOON: Duration = Duration::from_secs(2);

pub(crate) fn zero_window_in_every_instance(context: &Context) -> Done<Seen> {
    let instances = context.effort(16, INSTANCES);
    let arguments = ["--instances", &instances.to_string(), "--timeout", "2s"];
    let server = context.serve("hostile").args(arguments).start()?;
    server.get("/hello")?;
    let settings = [(INITIAL_WINDOW_SIZE, 0)];
    let mut http2 = Http2::connect(server.address(), &settings, PATIENCE)?;
    for stream in streams(instances) {
        http2.send(&get(stream, "/stream?n=100000000"))?;
    }
    // Every instance has begun its answer.
    let mut begun = 0;
    while begun < instances {
        let frame = http2.receive()?;
        begun += u32::from(frame.kind == HEADERS);
    }
    let bound = Duration::from_secs(5);
    let seen = server.answers("/hello", 4 * bound);
    Ok(Seen::time("another client is answered", bound, seen))
}

pub(crate) fn stalled_streams(context: &Context) -> Done<Seen> {
    stalled_together(context, |server| {
        let settings = [(INITIAL_WINDOW_SIZE, 1 << 20)];
        let mut http2 = Http2::connect(server.address(), &settings, PATIENCE)?;
        // There is no window that holds them up: the connection is not read.
        http2.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()))?;
        for stream in streams(INSTANCES) {
            http2.send(&get(stream, "/stream?n=100000000"))?;
        }
        Ok(http2)
    })
}

/// A server, and what it has in memory while it answers ordinary clients.
fn warm(context: &Context) -> Done<(Process, u64)> {
    let server = context.serve("hostile").args(["--timeout", "5s"]).start()?;
    let ordinary = || -> Done {
        let mut http2 = Http2::connect(server.address(), &[], PATIENCE)?;
        http2.send(&get(1, "/hello"))?;
        loop {
            let frame = http2.receive()?;
            if frame.stream == 1 && frame.flags & END_STREAM != 0 {
                return Ok(());
            }
        }
    };
    let baseline = memory::ordinary(server.id(), ordinary)?;
    Ok((server, baseline))
}

/// Sends blocks of frames until the server ends the connection or a time is over, then answers how
/// far the server grew, and how soon it answers another client.
fn flood(
    (server, baseline): &(Process, u64),
    within: Duration,
    bound: u64,
    first: &[u8],
    mut block: impl FnMut() -> Vec<u8> + Send,
) -> Done<Seen> {
    let (seen, answered) = memory::growth_from(server.id(), *baseline, bound, || -> Done<_> {
        let mut http2 = Http2::connect(server.address(), &[], 2 * SOON)?;
        http2.send(first)?;
        let end = Instant::now() + within;
        // A server that takes no more counts as one that ended the connection.
        while Instant::now() < end && http2.send(&block()).is_ok() {}
        Ok(server.answers("/hello", 10 * SOON))
    })?;
    let time = Seen::time("another client is answered", SOON, answered?);
    Ok(Seen::memory(bound, seen).and(time))
}

pub(crate) fn rapid_reset(context: &Context) -> Done<Seen> {
    let server = warm(context)?;
    let mut next = streams(u32::MAX >> 2);
    let within = context.effort(SOON / 2, 15 * SOON);
    let cancel = 8_u32.to_be_bytes();
    flood(&server, within, STREAMS, &[], || {
        let mut block = Vec::new();
        for stream in next.by_ref().take(100) {
            block.extend(get(stream, "/sleep"));
            block.extend(frame(RST_STREAM, 0, stream, &cancel));
        }
        block
    })
}

pub(crate) fn continuation_flood(context: &Context) -> Done<Seen> {
    let server = warm(context)?;
    let within = context.effort(SOON / 2, 15 * SOON);
    let first = frame(HEADERS, END_STREAM, 1, &block("GET", "/hello"));
    let more = entered("x-more", &"x".repeat(4000)).repeat(4);
    let more = frame(CONTINUATION, 0, 1, &more[..16_000]);
    flood(&server, within, STREAM, &first, || more.clone())
}

pub(crate) fn settings_and_ping_flood(context: &Context) -> Done<Seen> {
    let server = warm(context)?;
    let within = context.effort(SOON / 2, 15 * SOON);
    let mut many = Vec::new();
    for _ in 0..500 {
        many.extend(frame(SETTINGS, 0, 0, &[]));
        many.extend(frame(PING, 0, 0, &[0; 8]));
    }
    // Its answers are not read.
    flood(&server, within, STREAM, &[], || many.clone())
}

pub(crate) fn header_bomb(context: &Context) -> Done<Seen> {
    let server = warm(context)?;
    // An entry of 4,000 bytes, and 12,000 references to it of a byte each: 48 MB from 16 KB.
    let mut bomb = block("GET", "/hello");
    bomb.extend(entered("x-bomb", &"x".repeat(3900)));
    bomb.extend([0xbe; 12_000]);
    let mut next = streams(context.effort(20, 2000));
    let within = context.effort(SOON / 2, 15 * SOON);
    flood(&server, within, STREAMS, &[], || {
        let stream = next.next().unwrap_or(1);
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &bomb)
    })
}

pub(crate) fn window_overflow(context: &Context) -> Done<Seen> {
    let (server, _) = warm(context)?;
    let mut faults = Vec::new();
    let most = 0x7fff_ffff_u32.to_be_bytes();
    let cases = [
        (
            "a window past the largest",
            frame(WINDOW_UPDATE, 0, 0, &most),
        ),
        (
            "a window that grows by nothing",
            frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        ),
        ("data on a stream that is not open", frame(DATA, 0, 1, b"x")),
        (
            "an acknowledgement with a payload",
            frame(SETTINGS, ACK, 0, &[0; 6]),
        ),
        (
            "a frame past the largest size",
            frame(PING, 0, 0, &vec![0; 20_000]),
        ),
    ];
    for (what, bytes) in &cases {
        let mut http2 = Http2::connect(server.address(), &[], 5 * SOON)?;
        http2.send(bytes)?;
        if !http2.is_closed() {
            faults.push(format!("{what}: the connection goes on"));
        }
    }
    if server.answers("/hello", 10 * SOON).is_none() {
        faults.push("another client is not answered".to_owned());
    }
    Ok(Seen::faults(
        "the connection is ended",
        cases.len(),
        &faults,
    ))
}

pub(crate) fn empty_data_flood(context: &Context) -> Done<Seen> {
    let server = warm(context)?;
    let within = context.effort(SOON / 2, 15 * SOON);
    let first = frame(HEADERS, END_HEADERS, 1, &block("POST", "/sleep"));
    let empty = frame(DATA, 0, 1, &[]).repeat(1000);
    flood(&server, within, STREAM, &first, || empty.clone())
}

/// How long a connection stays on which nothing happens, and that answers no ping.
pub(crate) fn idle_connection(context: &Context) -> Done<Seen> {
    let (server, _) = warm(context)?;
    let bound = Duration::from_secs(90);
    let mut http2 = Http2::connect(server.address(), &[], 2 * bound)?;
    let began = Instant::now();
    let seen = http2.is_closed().then(|| began.elapsed());
    Ok(Seen::time("it is closed", bound, seen))
}

/// A write that stalls for longer than the server bears it, of a call that may take far longer.
pub(crate) fn stalled_write(context: &Context) -> Done<Seen> {
    let arguments = ["--instances", "1", "--timeout", "10m"];
    let server = context.serve("hostile").args(arguments).start()?;
    server.get("/hello")?;
    let settings = [(INITIAL_WINDOW_SIZE, 0)];
    let mut http2 = Http2::connect(server.address(), &settings, PATIENCE)?;
    http2.send(&get(1, "/stream?n=100000000"))?;
    while http2.receive()?.kind != HEADERS {}
    // A client that is there, and only does not take what it asked for.
    std::thread::spawn(move || -> Done {
        loop {
            let Frame {
                kind,
                flags,
                payload,
                ..
            } = http2.receive()?;
            if kind == PING && flags & ACK == 0 {
                http2.send(&frame(PING, ACK, 0, &payload))?;
            }
        }
    });
    let bound = Duration::from_secs(40);
    let seen = server.answers("/hello", 2 * bound);
    Ok(Seen::time("another client is answered", bound, seen))
}
