//! Misdeeds against the instance itself: time, memory, output.

use core::arch::wasm32::{memory_grow, memory_size};
use core::hint;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use wasip2::clocks::monotonic_clock;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{tcp_create_socket, udp_create_socket};

const SECOND: u64 = 1_000_000_000;
const PAGE: usize = 64 * 1024;

pub fn compute_for_ever() -> ! {
    loop {
        hint::spin_loop();
    }
}

pub fn sleep_an_hour() -> String {
    monotonic_clock::subscribe_duration(3600 * SECOND).block();
    "slept".into()
}

/// How often this was called in this instance.
pub fn served() -> u32 {
    static SERVED: AtomicU32 = AtomicU32::new(0);
    SERVED.fetch_add(1, Ordering::Relaxed) + 1
}

pub fn grow() -> String {
    loop {
        let page = memory_grow::<0>(1);
        if page == usize::MAX {
            return format!("stopped at {} pages", memory_size::<0>());
        }
        let start = ptr::with_exposed_provenance_mut::<u8>(page * PAGE);
        // SAFETY: the page was made by the line above, and no other code has its address.
        unsafe { start.write_volatile(1) };
    }
}

pub fn print(text: &str) -> String {
    println!("{text}");
    eprintln!("{text}");
    "ok".into()
}

/// Makes sockets, and keeps them; answers how many of each kind, and why no more.
pub fn sockets() -> String {
    const MOST: usize = 200_000;
    let family = IpAddressFamily::Ipv4;
    let mut tcp = Vec::new();
    let mut refused = [None, None];
    while tcp.len() < MOST && refused[0].is_none() {
        match tcp_create_socket::create_tcp_socket(family) {
            Ok(socket) => tcp.push(socket),
            Err(code) => refused[0] = Some(code),
        }
    }
    let mut udp = Vec::new();
    while udp.len() < MOST && refused[1].is_none() {
        match udp_create_socket::create_udp_socket(family) {
            Ok(socket) => udp.push(socket),
            Err(code) => refused[1] = Some(code),
        }
    }
    format!("{} tcp, {} udp: {refused:?}", tcp.len(), udp.len())
}
