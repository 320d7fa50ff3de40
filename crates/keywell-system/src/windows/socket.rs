//! Sockets in folders, which are named pipes here.
//!
//! The file in the folder has the name of the pipe, which is random: who may read the file finds
//! the pipe. No pipe had that name before, and as long as it is open, only its owner may make
//! another instance of it. The system lets its owner and administrators write to it, and no
//! process of another machine.

use std::future::{Ready, ready};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};

use crate::directory::Directory;
use crate::{Opening, Unopened};

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// At the end that connected.
    Client(NamedPipeClient),
    /// At the end that accepted.
    Server(NamedPipeServer),
}

/// Accepts connections.
#[derive(Debug)]
pub struct Listener {
    pipe: String,
    /// The instance that waits for the next connection; none where it could not be made.
    next: Option<NamedPipeServer>,
}

/// How the name of a pipe begins.
const PIPE: &str = r"\\.\pipe\keywell-";
/// The longest name, in bytes.
const LONGEST: u64 = 256;

/// What connecting answers while all instances are taken and the next is not made.
const ERROR_PIPE_BUSY: i32 = 231;
/// How often, and how many times, connecting is tried again then.
const AGAIN: Duration = Duration::from_millis(10);
const TIMES: u32 = 500;

// === impl Listener ===

impl Listener {
    /// Listens at a name of a folder, for this user alone. A file that a killed process left there is
    /// replaced, so a name must not be that of a process that runs.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn bind(folder: &Directory, name: &str) -> io::Result<Self> {
        // What has no name of a pipe belongs to another program, and stays.
        match pipe_of(folder, name).map_err(|error| error.kind()) {
            Ok(_) | Err(io::ErrorKind::ConnectionRefused) => folder.remove(name)?,
            Err(_) => {}
        }
        let pipe = format!("{PIPE}{:032x}", rand::random::<u128>());
        let next = ServerOptions::new()
            .first_pipe_instance(true)
            .create(&pipe)?;
        let mut file = folder.open_file(name, Opening::New).map_err(io_error)?;
        file.write_all(pipe.as_bytes())?;
        Ok(Self {
            pipe,
            next: Some(next),
        })
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of the system, for lack of memory, say, which others free.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        let waiting = match self.next.take() {
            Some(waiting) => waiting,
            None => ServerOptions::new().create(&self.pipe)?,
        };
        // Kept meanwhile, so that a call that is cancelled loses no connection.
        let connected = self.next.insert(waiting).connect().await;
        // Another is made before this one is closed, as the name is ours for as long as there is one.
        let next = ServerOptions::new().create(&self.pipe).ok();
        let waited = std::mem::replace(&mut self.next, next);
        connected?;
        waited
            .map(Stream::Server)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// Connects to a socket of a folder.
///
/// # Errors
///
/// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::ConnectionRefused`] where nothing listens.
pub async fn connect(folder: &Directory, name: &str) -> io::Result<Stream> {
    let pipe = pipe_of(folder, name)?;
    let mut times = 0;
    loop {
        match ClientOptions::new().open(&pipe) {
            Ok(client) => return Ok(Stream::Client(client)),
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) && times < TIMES => {
                times += 1;
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Refuses: there are no Unix sockets here.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`], which says what to do.
pub fn connect_to(_path: &Path) -> Ready<io::Result<Stream>> {
    let problem = "Keywell has no Unix sockets on Windows; name a host";
    ready(Err(io::Error::new(io::ErrorKind::Unsupported, problem)))
}

/// The user of the process at the other end: the system let it connect, so it is this one.
///
/// # Errors
///
/// None.
pub fn peer(_stream: &Stream) -> io::Result<u32> {
    Ok(crate::process::user())
}

/// The name of the pipe that a file has.
fn pipe_of(folder: &Directory, name: &str) -> io::Result<String> {
    let file = folder.open_file(name, Opening::Read).map_err(io_error)?;
    let mut pipe = String::new();
    file.take(LONGEST).read_to_string(&mut pipe)?;
    if pipe.is_empty() {
        // Its process is about to write it, or was killed before.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    if !pipe.starts_with(PIPE) {
        let problem = format!(
            "{} has no name of a pipe",
            folder.path().join(name).display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(pipe)
}

fn io_error(unopened: Unopened) -> io::Error {
    match unopened {
        Unopened::Io(error) => error,
        Unopened::Link => io::Error::new(io::ErrorKind::InvalidInput, "is a link"),
        Unopened::Irregular => io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"),
    }
}

// === impl Stream ===

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(pipe) => Pin::new(pipe).poll_read(cx, buf),
            Self::Server(pipe) => Pin::new(pipe).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Client(pipe) => Pin::new(pipe).poll_write(cx, buf),
            Self::Server(pipe) => Pin::new(pipe).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(pipe) => Pin::new(pipe).poll_flush(cx),
            Self::Server(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(pipe) => Pin::new(pipe).poll_shutdown(cx),
            Self::Server(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}
