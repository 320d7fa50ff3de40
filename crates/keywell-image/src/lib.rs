//! Components in OCI images: [`Images`] pulls them from registries and keeps them by digest, and
//! [`push`] puts one there.
//!
//! ```no_run
//! use keywell_image::{ImageOptions, ImageReference, Images};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let images = Images::open("cache/images".as_ref(), ImageOptions::default())?;
//! let reference: ImageReference = "ghcr.io/acme/counter:1.0".parse()?;
//! let pulled = images.pull(&reference, &|_, _| {}).await?;
//! println!("{} is {}", pulled.digest, pulled.file.display());
//! # Ok(())
//! # }
//! ```
//!
//! # What it guarantees
//!
//! - What is kept is what its digest says: a manifest and a layer are hashed when they arrive and
//!   again when they are read from the folder, and a file appears there whole or not at all.
//! - A tag is resolved at every pull. If the registry cannot be reached or does not answer, the
//!   image that the tag had last is used, with a warning in the log. A registry that answers is
//!   believed: if it has no such tag or refuses the login, that is an error.
//! - A digest in a reference needs no registry once its image is kept.
//! - A layer is at most [`MAX_BYTES`], and no longer than its manifest says; a manifest, a token
//!   and an error of a registry are read up to a bound. A registry that sends nothing for
//!   [`ImageOptions::patience`] has failed.
//! - Credentials go to the registry that they are for and to the token server that it names, not to
//!   where it redirects, and not without TLS if the registry has it. They are in no text and no
//!   log.
//! - The folder keeps 2 GiB and evicts the least recently used first. What was used within the last
//!   hour stays, even past 2 GiB.
//!
//! # What it does not do
//!
//! It knows neither Wasmtime nor any store: whether a layer is a component, its reader finds out.
//! It checks no signatures. What a registry answers to a push is bounded in time and not in size,
//! as `oci-client`, which uploads, reads it whole.

#![forbid(unsafe_code)]

mod cache;
mod digest;
mod error;
mod http;
mod images;
mod login;
mod manifest;
mod options;
mod push;
mod reference;
mod registry;
mod session;
mod token;
mod upload;

pub use digest::Digest;
pub use error::{Error, Problem};
pub use images::{Images, Pulled};
pub use manifest::MAX_BYTES;
pub use options::ImageOptions;
pub use push::{Interfaces, push};
pub use reference::{ImageReference, ReferenceError};
