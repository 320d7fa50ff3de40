//! Misdeeds against the instance itself: time, memory, output.

use core::arch::wasm32::{memory_grow, memory_size};
use core::hint;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use wasip2::clocks::monotonic_clock;

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
