//! A folder that belongs to Keywell: the folder of a disk store, the cache of compiled components,
//! the folder of members.
//!
//! ```
//! use std::io::Write as _;
//! use keywell_folder::Folder;
//!
//! # let parent = tempfile::tempdir()?;
//! let folder = Folder::make(&parent.path().join("cache"))?;
//! assert!(folder.access()?.is_ours_alone());
//!
//! let mut draft = folder.draft()?;
//! draft.file().write_all(b"whole or not at all")?;
//! draft.keep("entry")?;
//! folder.open_to_read("entry")?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What it guarantees
//!
//! A [`Folder`] is opened once. Every file is then opened relative to that handle, so a folder that
//! is renamed or replaced later changes nothing. A file is opened only if its name in the folder is
//! no symbolic link, it is a regular file, and its mode lets only its owner and its group write. A
//! new file is created by `O_EXCL`, for its owner alone.
//!
//! # What it trusts
//!
//! - The path of the folder itself, links in it included: an operator may put a store on another
//!   disk that way.
//! - Every folder above. Who may rename in a parent folder can put another folder in the place of
//!   this one before it is opened. [`Folder::access`] shows that it then belongs to another user,
//!   but not that it is another folder of the same user.
//! - The owner of the folder and root, who can replace every file in it. [`Access`] says who that
//!   is; what follows from it is up to the caller.
//! - The mode bits. Access control lists beyond them are not read.
//!
//! It is not for folders that a user names for a result, such as that of an export.

#![forbid(unsafe_code)]

mod draft;
mod folder;

pub use draft::Draft;
pub use folder::Folder;
pub use keywell_system::{Access, Concern};
