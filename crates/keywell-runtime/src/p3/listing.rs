//! `read-directory` of WASI 0.3, which reads a folder at once when the guest first reads.
//!
//! As `wasmtime_wasi` links it, each listing that is not read to its end keeps a thread of those for
//! blocking calls, of which a process has a number.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureReader, Linker, Resource, ResourceTable, StreamProducer, StreamReader,
    StreamResult, VecBuffer,
};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use crate::listings::Listed;
use crate::state::State;

/// How many entries are passed on at once where the reader does not say.
const ENTRIES: usize = 32;
/// An entry beside its name, in bytes.
const ENTRY: usize = size_of::<DirectoryEntry>();

/// Links it, in place of what is linked already.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:filesystem/types@0.3.0")?.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, State>, (folder,): (Resource<Descriptor>,)| {
            let folder = match store.data_mut().resources().get(&folder)? {
                Descriptor::Dir(dir) => Ok(dir.clone()),
                Descriptor::File(_) => Err(ErrorCode::NotDirectory),
            };
            let (sender, ended) = oneshot::channel();
            let listing = Listing::new(folder, sender);
            let entries = StreamReader::new(&mut store, listing)?;
            Ok(((entries, FutureReader::new(&mut store, ended)?),))
        },
    )
}

/// The stream of a folder's entries.
struct Listing {
    stage: Stage,
    /// None when it has ended.
    ended: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

enum Stage {
    Unread(Result<Dir, ErrorCode>),
    /// Of the folder, which is read again if the guest gives the first read up.
    Reading(Dir, Pin<Box<dyn Future<Output = Read> + Send>>),
    Read(
        vec::IntoIter<DirectoryEntry>,
        Result<(), ErrorCode>,
        Option<Listed>,
    ),
}

/// What a folder has, up to an error.
type Read = (Vec<DirectoryEntry>, Result<(), ErrorCode>);

// === impl Listing ===

impl Listing {
    fn new(folder: Result<Dir, ErrorCode>, ended: oneshot::Sender<Result<(), ErrorCode>>) -> Self {
        Self {
            stage: Stage::Unread(folder),
            ended: Some(ended),
        }
    }

    fn end(&mut self, ended: Result<(), ErrorCode>) {
        if let Some(sender) = self.ended.take() {
            // The guest may not want to know.
            let _ = sender.send(ended);
        }
    }

    /// Reads the folder. Ready when it is read, or with what ends the stream instead.
    fn poll_read(&mut self, cx: &mut Context<'_>, state: &mut State) -> Poll<()> {
        if let Stage::Unread(folder) = &self.stage {
            self.stage = match folder {
                Ok(dir) => {
                    let turn = state.listings().0.turn();
                    let folder = dir.clone();
                    let reading = async move {
                        let _turn = turn.acquire_owned().await;
                        read(folder).await
                    };
                    Stage::Reading(dir.clone(), Box::pin(reading))
                }
                Err(code) => Stage::Read(Vec::new().into_iter(), Err(code.clone()), None),
            };
        }
        if let Stage::Reading(_, reading) = &mut self.stage {
            let (entries, ended) = ready!(reading.as_mut().poll(cx));
            let bytes = entries.iter().map(|entry| ENTRY + entry.name.len()).sum();
            let (listings, budget) = state.listings();
            self.stage = if let Ok(listed) = listings.hold(bytes, budget) {
                Stage::Read(entries.into_iter(), ended, Some(listed))
            } else {
                let code = ErrorCode::InsufficientMemory;
                Stage::Read(Vec::new().into_iter(), Err(code), None)
            };
        }
        Poll::Ready(())
    }
}

impl StreamProducer<State> for Listing {
    type Item = DirectoryEntry;
    type Buffer = VecBuffer<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let wanted = destination.remaining(&mut store).unwrap_or(ENTRIES);
        if wanted == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if self.poll_read(cx, store.data_mut()).is_pending() {
            if !finish {
                return Poll::Pending;
            }
            if let Stage::Reading(dir, _) = &self.stage {
                self.stage = Stage::Unread(Ok(dir.clone()));
            }
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        let Stage::Read(entries, ended, listed) = &mut self.stage else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let some: Vec<_> = entries.take(wanted).collect();
        if !some.is_empty() {
            destination.set_buffer(some.into());
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let ended = ended.clone();
        drop(listed.take());
        let (listings, budget) = store.data_mut().listings();
        listings.settle(budget);
        self.end(ended);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

/// Reads a folder as WASI 0.2 does: on a thread for blocking calls, and at once.
async fn read(dir: Dir) -> Read {
    let mut entries = Vec::new();
    let read = read_into(dir, &mut entries).await;
    let ended = read.map_err(|error| error.downcast().map_or(ErrorCode::Io, code));
    (entries, ended)
}

async fn read_into(dir: Dir, entries: &mut Vec<DirectoryEntry>) -> Result<(), FsError> {
    use p2::{HostDescriptor as _, HostDirectoryEntryStream as _};

    let (mut ctx, mut table) = (WasiFilesystemCtx::default(), ResourceTable::new());
    let folder = table.push(Descriptor::Dir(dir))?;
    let mut files = WasiFilesystemCtxView {
        ctx: &mut ctx,
        table: &mut table,
    };
    let listing = files.read_directory(folder).await?;
    let next = || Resource::new_borrow(listing.rep());
    while let Some(entry) = files.read_directory_entry(next()).await? {
        entries.push(DirectoryEntry {
            type_: kind(entry.type_),
            name: entry.name,
        });
    }
    Ok(())
}

fn kind(kind: p2::DescriptorType) -> DescriptorType {
    match kind {
        p2::DescriptorType::Unknown => DescriptorType::Other(None),
        p2::DescriptorType::BlockDevice => DescriptorType::BlockDevice,
        p2::DescriptorType::CharacterDevice => DescriptorType::CharacterDevice,
        p2::DescriptorType::Directory => DescriptorType::Directory,
        p2::DescriptorType::Fifo => DescriptorType::Fifo,
        p2::DescriptorType::SymbolicLink => DescriptorType::SymbolicLink,
        p2::DescriptorType::RegularFile => DescriptorType::RegularFile,
        p2::DescriptorType::Socket => DescriptorType::Socket,
    }
}

/// The same code, of those that reading a folder has.
fn code(code: p2::ErrorCode) -> ErrorCode {
    match code {
        p2::ErrorCode::Access => ErrorCode::Access,
        p2::ErrorCode::BadDescriptor => ErrorCode::BadDescriptor,
        p2::ErrorCode::IllegalByteSequence => ErrorCode::IllegalByteSequence,
        p2::ErrorCode::InsufficientMemory => ErrorCode::InsufficientMemory,
        p2::ErrorCode::NoEntry => ErrorCode::NoEntry,
        p2::ErrorCode::NotDirectory => ErrorCode::NotDirectory,
        p2::ErrorCode::NotPermitted => ErrorCode::NotPermitted,
        _ => ErrorCode::Io,
    }
}
