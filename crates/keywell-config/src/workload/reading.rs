use std::path::Path;

use super::objects::Objects;
use crate::Lookup;

/// What a workload is read with.
pub(super) struct Reading<'a> {
    pub(super) objects: &'a Objects,
    /// The folder of the file, where relative paths start.
    pub(super) folder: &'a Path,
    pub(super) lookup: &'a dyn Lookup,
}
