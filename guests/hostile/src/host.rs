//! Attacks on what a host makes for a guest: memory, handles, time.

use core::arch::wasm32::{memory_grow, memory_size};
use core::hint;
use core::ptr;

use wasip2::cli::stdout;
use wasip2::clocks::monotonic_clock;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, OutgoingResponse, Scheme};
use wasip2::random::random;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket;

const SECOND: u64 = 1_000_000_000;
const PAGE: usize = 64 * 1024;
/// What one header has, below the limits that hosts are known to have for one.
const HEADER: usize = 4000;
const HEADERS: usize = 30;

pub fn compute_for_ever() -> ! {
    loop {
        hint::spin_loop();
    }
}

pub fn sleep_an_hour() -> String {
    monotonic_clock::subscribe_duration(3600 * SECOND).block();
    "slept".into()
}

pub fn grow() -> String {
    loop {
        let page = memory_grow::<0>(1);
        if page == usize::MAX {
            return format!("made {} pages", memory_size::<0>());
        }
        let start = ptr::with_exposed_provenance_mut::<u8>(page * PAGE);
        // SAFETY: the line above made the page, and nothing else refers to it.
        unsafe { start.write_bytes(1, PAGE) };
    }
}

/// Makes so many, or until one cannot be made, and holds them all.
fn make<T>(times: u64, mut one: impl FnMut() -> Result<T, String>) -> String {
    let mut made = Vec::new();
    for _ in 0..times {
        match one() {
            Ok(thing) => made.push(thing),
            Err(error) => return format!("made {}, {error}", made.len()),
        }
    }
    format!("made {}", made.len())
}

/// Fills a body's stream with what it takes at once.
fn fill(body: &OutgoingBody) -> Result<wasip2::io::streams::OutputStream, String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    let block = vec![b'.'; 64 << 10];
    loop {
        let room = stream.check_write().map_err(|error| error.to_string())?;
        let length = block.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(stream);
        }
        let written = stream.write(&block[..length]);
        written.map_err(|error| error.to_string())?;
    }
}

pub fn bodies(times: u64) -> String {
    make(times, || {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().map_err(|()| "no body".to_owned())?;
        let stream = fill(&body)?;
        // In the order in which they may be dropped.
        Ok((stream, body, response))
    })
}

pub fn fields(times: u64) -> String {
    let value = vec![b'x'; HEADER];
    make(times, || {
        let fields = Fields::new();
        for n in 0..HEADERS {
            let appended = fields.append(&format!("x-{n}"), &value);
            appended.map_err(|error| error.to_string())?;
        }
        Ok(fields)
    })
}

pub fn requests(times: u64, to: &str) -> String {
    make(times, || {
        let request = OutgoingRequest::new(Fields::new());
        let invalid = |()| "invalid".to_owned();
        let post = wasip2::http::types::Method::Post;
        request.set_method(&post).map_err(invalid)?;
        request.set_scheme(Some(&Scheme::Http)).map_err(invalid)?;
        request.set_authority(Some(to)).map_err(invalid)?;
        request.set_path_with_query(Some("/")).map_err(invalid)?;
        let body = request.body().map_err(invalid)?;
        let stream = fill(&body)?;
        let response = outgoing_handler::handle(request, None);
        let response = response.map_err(|error| error.to_string())?;
        Ok((stream, body, response))
    })
}

pub fn pollables(times: u64) -> String {
    make(times, || {
        Ok(monotonic_clock::subscribe_duration(3600 * SECOND))
    })
}

pub fn streams(times: u64) -> String {
    make(times, || Ok(stdout::get_stdout()))
}

pub fn sockets(times: u64) -> String {
    make(times, || {
        let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4);
        socket.map_err(|error| error.to_string())
    })
}

/// Opens the file `it` of the folder.
fn open() -> Result<Descriptor, String> {
    let folders = preopens::get_directories();
    let (folder, _) = folders.first().ok_or("no folder")?;
    let opened = folder.open_at(
        PathFlags::empty(),
        "it",
        OpenFlags::empty(),
        DescriptorFlags::READ,
    );
    opened.map_err(|code| code.name().to_owned())
}

pub fn files(times: u64) -> String {
    make(times, open)
}

pub fn file_streams(times: u64) -> String {
    make(times, || {
        let stream = open()?.read_via_stream(0);
        stream.map_err(|code| code.name().to_owned())
    })
}

pub fn random(bytes: u64) -> String {
    format!("made {}", random::get_random_bytes(bytes).len())
}
