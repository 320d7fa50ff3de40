use std::path::PathBuf;

use crate::Secret;

/// What a build runs in and with, beside its command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildPlan {
    /// The folder, if it is another than that of the project.
    pub folder: Option<PathBuf>,
    /// Environment variables, beside those of the program.
    pub env: Vec<(String, Secret)>,
}
