//! Export files: the keys and values of a bucket as JSON lines.
//!
//! A [`Line`] is one entry; [`Batches`] reads lines into batches that are written in one call.
//!
//! ```
//! use keywell_export::{Batches, Line};
//! use keywell_store::layer::Limits;
//!
//! let mut file = serde_json::to_vec(&Line::new("greeting", b"hello")).unwrap();
//! file.push(b'\n');
//! assert_eq!(file, b"{\"key\":\"greeting\",\"value\":\"hello\"}\n");
//!
//! let mut batches = Batches::new(&file[..], Limits::default());
//! let batch = batches.next().unwrap().unwrap();
//! let entry = &batch.entries[0];
//! assert_eq!((&*entry.key, &entry.value[..]), ("greeting", &b"hello"[..]));
//! assert!(batches.next().is_none());
//! ```
//!
//! # What it does not do
//!
//! It opens no files and does not access a store. Lines have no versions. When an entry expires is
//! written and read in whole seconds; see [`Line`].

#![forbid(unsafe_code)]

mod batches;
mod entry;
mod line;

pub use batches::{Batch, Batches, Flaw};
pub use entry::{Entry, Expiry};
pub use line::Line;
