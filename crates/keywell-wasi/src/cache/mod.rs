//! `wasi:keyvalue/cache`, which is alike in `0.1.0` and in the generation without a version.
//!
//! - Its keys are those of the bucket that the component knows as `cache`.
//! - A call answers a future at once. Its answer can be taken once; before it is there and after it
//!   was taken, there is `none`. The call to the store runs beside the guest and ends with the
//!   instance. Dropping a future cancels a read; a write goes on.
//! - `get-or-set` answers `vacant` to one caller of all in this process; the others wait until it
//!   has filled the key or given up. One that may not write to the bucket waits, too, and fails
//!   where the key stays vacant. See [`vacancies`].
//! - The outgoing value of `vacancy-fill` is stored when the guest drops it, which waits for the
//!   store. It is not stored if nothing was written to it, or if the instance ended without
//!   dropping it.

mod calls;
mod find;
mod held;
mod pending;
mod place;
mod room;

mod tasks;
mod vacancies;
mod vacancy;

pub(crate) use calls::link;
pub(crate) use held::Held as Cache;
pub(crate) use vacancy::Fill;
