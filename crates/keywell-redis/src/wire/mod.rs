//! One connection to one server, shared by any number of callers.

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
