//! What a guest without the standard library brings along: an allocator and a panic handler.
//!
//! The standard library's own print to standard error, so every guest that links them imports `wasi:cli`. A guest that says
//! `use bare as _;` imports only what it calls, and a panic in it is a trap without a message. With `link.rs` as its build
//! script it starts in one page of memory, and small allocations never grow it.

#![no_std]

extern crate alloc;

use alloc::alloc::{alloc, realloc};
use core::alloc::Layout;
use core::arch::wasm32;
use core::mem;
use core::panic::PanicInfo;
use core::ptr;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

const PAGE: usize = 64 * 1024;

unsafe extern "C" {
    /// The linker's symbol for the first byte after stack and static data.
    static __heap_base: u8;
}

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Memory, WasmBinning> =
    TalcSyncCell::new_wasm(Memory { remainder: true });

/// The guest's linear memory as a source of heap.
#[derive(Debug)]
struct Memory {
    /// Whether the rest of the pages the guest started with is still to be claimed.
    remainder: bool,
}

// === impl Memory ===

// SAFETY: it allocates nothing itself.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let held = wasm32::memory_size::<0>() * PAGE;
        let (start, end) = if mem::take(&mut talc.source.remainder) {
            ((&raw const __heap_base).addr(), held)
        } else {
            // Room for the allocator's own marks, beside the block.
            let wanted = layout.size() + layout.align() + 4 * CHUNK_UNIT;
            let pages = wanted.div_ceil(PAGE);
            if wasm32::memory_grow::<0>(pages) == usize::MAX {
                return Err(());
            }
            (held, held + pages * PAGE)
        };
        let start = ptr::with_exposed_provenance_mut(start);
        // SAFETY: the range lies past the static data, or was grown just now; it is claimed once.
        unsafe { talc.claim(start, end - start.addr()) };
        Ok(())
    }
}

/// Makes room for the strings and lists the host passes in.
///
/// # Safety
///
/// As the Canonical ABI has it: `align` and the sizes are those of a WIT type, and `old` is a block from here, or `old_size`
/// is zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    if size == 0 {
        return ptr::without_provenance_mut(align);
    }
    // SAFETY: the caller vouches for alignment, sizes and block; `size` is not zero.
    let block = unsafe {
        match old_size {
            0 => alloc(Layout::from_size_align_unchecked(size, align)),
            _ => realloc(
                old,
                Layout::from_size_align_unchecked(old_size, align),
                size,
            ),
        }
    };
    if block.is_null() {
        wasm32::unreachable();
    }
    block
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
