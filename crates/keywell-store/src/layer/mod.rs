//! What wraps a bucket, and is the same for every store.

mod chance;
mod faults;
mod faulty;
mod granted;
mod limited;
mod meter;
mod metered;

pub use faults::{Faults, Rates};
pub use faulty::Faulty;
pub use granted::{Grant, Granted};
pub use limited::Limited;
pub use meter::{ErrorKind, Latency, METHODS, Meter, Metering, Meters, Method, MethodCounts};
pub use metered::Metered;

pub use crate::limits::Limits;
