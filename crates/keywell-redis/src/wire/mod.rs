//! One connection to one server, shared by any number of callers.
//!
//! - When a connection is lost, each command is known to be unsent (still in the buffer) or possibly
//!   sent (given to the system). The connections of the crate `redis` do not make that difference, so
//!   only its commands and replies are used.
//! - Commands of many callers share system calls without a timer: callers append to the buffer of a
//!   [`Lane`], its [`Driver`] writes in one piece what has gathered, and replies come in the order of
//!   the commands.
//! - A reply that does not come within the answer timeout is late: its caller gets an error, and the
//!   reply keeps its place in line. New calls fail at once until all late replies have come. If none
//!   comes for another answer timeout, the connection is given up.
//! - While the server does not read, commands in the buffer expire unsent.
//!
//! A connection has one timer for all of that, set to the oldest reply that is due.

mod command;
mod decoder;
mod dedicated;
mod dial;
mod driver;
mod lane;
mod lost;
mod stream;

pub(crate) use command::{command, text};
pub(crate) use dedicated::Dedicated;
pub(crate) use dial::{DialError, Dialler};
pub(crate) use driver::Driver;
pub(crate) use lane::Lane;
pub(crate) use lost::Lost;
