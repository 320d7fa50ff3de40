//! Export files: the keys and values of a bucket as JSON lines.
//!
//! A [`Line`] is one entry; [`Batches`] reads lines into what is written to a store at once.
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
//! It opens no file and knows no store. Versions and times to live are not in the
//! lines that are written; lines that are read may say when they expire.

#![forbid(unsafe_code)]

mod batches;
mod entry;
mod line;

pub use batches::{Batch, Batches, Flaw};
pub use entry::{Entry, Expiry};
pub use line::Line;
