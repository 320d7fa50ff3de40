//! The process's standard output and error past the locks and buffers of the standard library: a
//! thread that waits for a reader must not hold those.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Standard output.
pub fn stdout() -> Box<dyn Write + Send> {
    handle_of(io::stdout())
}

/// Standard error.
pub fn stderr() -> Box<dyn Write + Send> {
    handle_of(io::stderr())
}

fn handle_of(stream: impl AsFd + Write + Send + 'static) -> Box<dyn Write + Send> {
    match stream.as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(stream),
    }
}
