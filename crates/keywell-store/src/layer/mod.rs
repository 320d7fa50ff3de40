//! What wraps a bucket, and is the same for every store.

mod chance;
mod faults;
mod faulty;
mod granted;
mod latency;
mod layered;
mod limited;
mod meter;
mod metered;
mod method;
mod script;
mod tally;
mod turns;

pub use faults::{Faults, Rates};
pub use faulty::Faulty;
pub use granted::{Grant, Granted};
pub use latency::Latency;
pub use layered::Layered;
pub use limited::Limited;
pub use meter::{ErrorKind, Meter, Metering, Meters, MethodCounts};
pub use metered::Metered;
pub use method::{METHODS, Method};
pub use script::{Script, ScriptCounts};

pub use crate::limits::Limits;
