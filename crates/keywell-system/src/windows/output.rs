//! The process's standard output and error past the locks and buffers of the standard library: a
//! thread that waits for a reader must not hold those.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::windows::io::AsHandle;

/// Standard output.
pub fn stdout() -> Box<dyn Write + Send> {
    handle_of(io::stdout())
}

/// Standard error.
pub fn stderr() -> Box<dyn Write + Send> {
    handle_of(io::stderr())
}

fn handle_of(stream: impl AsHandle + IsTerminal + Write + Send + 'static) -> Box<dyn Write + Send> {
    // A console takes no UTF-8 by its handle; the standard library converts it.
    if stream.is_terminal() {
        return Box::new(stream);
    }
    match stream.as_handle().try_clone_to_owned() {
        Ok(handle) => Box::new(File::from(handle)),
        Err(_) => Box::new(stream),
    }
}
