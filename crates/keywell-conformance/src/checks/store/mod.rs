mod handles;
mod keys;
mod restart;
mod values;
mod versions;

pub(crate) use handles::*;
pub(crate) use keys::*;
pub(crate) use restart::*;
pub(crate) use values::*;
pub(crate) use versions::*;
