//! The files and sockets that an instance has open, which are files of the process too.
//!
//! Streams keep a file or a connection open that its descriptor no longer does, and may be out of
//! reach of the resource table. So what is counted is alive, whatever keeps it so.

use std::any::Any;
use std::sync::{Arc, Weak};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2;
use wasmtime_wasi::sockets;

/// What an instance has open.
#[derive(Default)]
pub(crate) struct Opened {
    files: Vec<Weak<dyn Any + Send + Sync>>,
    sockets: Vec<Socket>,
}

/// The place of a file that is being opened, or of a connection, until it is dropped.
pub(crate) type Place = Arc<()>;

struct Socket {
    /// Its entry in the resource table, which may be gone.
    entry: Option<u32>,
    /// Its streams have it, too.
    place: Place,
}

// === impl Opened ===

impl Opened {
    /// How many files, and how many sockets, an instance may have open.
    pub(crate) const MOST: usize = 256;

    /// A place for another file.
    pub(crate) fn admit_file(&mut self) -> Option<Place> {
        if self.files.len() >= Self::MOST {
            self.files.retain(|file| file.strong_count() > 0);
        }
        if self.files.len() >= Self::MOST {
            return None;
        }
        let place = Place::default();
        let counted = Arc::downgrade(&place);
        self.files.push(counted);
        Some(place)
    }

    /// Counts a file that was opened.
    pub(crate) fn add_file(&mut self, file: &Descriptor) {
        let file = match file {
            Descriptor::File(file) => &file.file,
            Descriptor::Dir(dir) => &dir.dir,
        };
        let file = Arc::downgrade(file);
        self.files.push(file);
    }

    /// Whether there is room for another socket.
    pub(crate) fn admits_socket(&mut self, table: &mut ResourceTable) -> bool {
        if self.sockets.len() >= Self::MOST {
            self.sockets.retain(|socket| {
                let is_streamed = Arc::strong_count(&socket.place) > 1;
                is_streamed || socket.entry.is_some_and(|entry| is_socket(table, entry))
            });
        }
        self.sockets.len() < Self::MOST
    }

    /// Counts a socket that was made, by its entry in the resource table.
    pub(crate) fn add_socket(&mut self, entry: u32) {
        // The one that had the entry is gone.
        for socket in &mut self.sockets {
            socket.entry = socket.entry.filter(|other| *other != entry);
        }
        self.sockets.push(Socket {
            entry: Some(entry),
            place: Place::default(),
        });
    }

    /// The place of a socket, for a stream of it.
    pub(crate) fn place_of_socket(&self, entry: u32) -> Option<Place> {
        let mut sockets = self.sockets.iter();
        let socket = sockets.find(|socket| socket.entry == Some(entry))?;
        Some(socket.place.clone())
    }
}

fn is_socket(table: &mut ResourceTable, entry: u32) -> bool {
    let entry = table.get_any_mut(entry);
    entry.is_ok_and(|entry| entry.is::<p2::TcpSocket>() || entry.is::<sockets::TcpSocket>())
}
