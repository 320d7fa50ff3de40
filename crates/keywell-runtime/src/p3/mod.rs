//! Components for WASI 0.3.
//!
//! Such a component has async functions, streams and futures, and may run several tasks in one
//! instance. It runs on an engine of its own ([`tasks`]): stores with tables of tasks, and calls that
//! are tasks, would make components for WASI 0.2 slower. Otherwise it is a component like any
//! other: it has the interfaces of WASI 0.2, `wasi:keyvalue` and all others beside those of 0.3
//! ([`link()`]), and the same state, budget, memory, output and turns.
//!
//! An instance that waits in a function of 0.3 waits in that task alone. A function that is not
//! async in its interface, as those of `wasi:keyvalue`, holds the whole instance until it returns:
//! the engine has no other way to call it yet.
//!
//! A call ends when all tasks of its instance have, and the body of its response is sent
//! (`answering.rs`).

mod answering;
mod body;
mod linking;
mod listing;
mod opening;
mod running;
mod tasks;

pub(crate) use answering::{Answer, answer, handle, request};
pub(crate) use linking::link;
pub(crate) use running::Run;
pub(crate) use tasks::{tasks, unready};
