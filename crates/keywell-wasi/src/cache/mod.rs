//! `wasi:keyvalue/cache`, which is alike in `0.1.0` and in the generation without a version.
//!
//! - Its keys are those of the bucket that the component knows as `cache`.
//! - A call answers a future at once. Its answer can be taken once; before it is there and after it was
//!   taken, there is `none`. What a call asked of the store goes on beside the guest and ends with the
//!   instance. Dropping a future ends a reading, and leaves a write to go on.
//! - `get-or-set` answers `vacant` to one caller of all in this process; the others wait until it has
//!   filled the key or given up. See [`vacancies`].
//! - The outgoing value of `vacancy-fill` is stored when the guest drops it, which waits for the store.
//!   What nothing was written to is not stored, nor is what an instance held that ended otherwise.

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
