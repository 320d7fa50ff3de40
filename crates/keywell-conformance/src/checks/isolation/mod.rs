mod apart;
mod buckets;

pub(crate) use apart::*;
pub(crate) use buckets::*;
