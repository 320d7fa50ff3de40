//! The program `keywell`.

#![forbid(unsafe_code)]

mod cli;

/// Most of what a request costs besides the kernel's part is allocated and freed in small pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
