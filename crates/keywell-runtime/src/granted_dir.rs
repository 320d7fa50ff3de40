use std::path::PathBuf;

/// A folder of the machine that a component sees as a preopened one of `wasi:filesystem`, with
/// everything in it. Links in it do not lead out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedDir {
    /// The folder.
    pub host: PathBuf,
    /// What the component calls it.
    pub guest: String,
    /// Whether the component may only read.
    pub is_read_only: bool,
}
