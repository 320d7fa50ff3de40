//! What differs between the operating systems that Keywell runs on. No other crate asks which one
//! it is, but for tests.
//!
//! ```
//! use keywell_system::clock::uptime;
//!
//! let before = uptime();
//! assert!(uptime() >= before);
//! ```
//!
//! Each system has a folder with the same modules, whose public items have the same names and
//! signatures: `unix/` is for Linux and macOS, `windows/` for Windows. A program that compiles with
//! one compiles with the other, and what a system cannot do, its module says.
//! What the standard library and Tokio do alike on every system, such as locks of files, is not
//! here.

#![forbid(unsafe_code)]

mod access;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;

pub use access::{Access, Concern};
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// How a file of a [`Directory`](directory::Directory) is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// To read it.
    Read,
    /// To read it and to write to it. Truncates nothing.
    Write,
    /// The same, but creates it where it is missing.
    WriteOrCreate,
    /// Creates it, where nothing has its name.
    New,
}

/// Why a file of a [`Directory`](directory::Directory) was not opened.
#[derive(Debug)]
pub enum Unopened {
    /// Its name is a symbolic link.
    Link,
    /// It is no regular file.
    Irregular,
    /// The system refuses.
    Io(io::Error),
}
