use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Done;

/// What attacks run with.
#[derive(Clone, Debug)]
pub struct Context {
    program: PathBuf,
    cache: PathBuf,
    is_long: bool,
}

// === impl Context ===

impl Context {
    /// The program that is attacked, a folder where compiled components are kept between attacks,
    /// and whether attacks may take long.
    pub fn new(program: impl Into<PathBuf>, folder: impl AsRef<Path>, is_long: bool) -> Self {
        let program = program.into();
        Self {
            // A current folder of its own must not matter to a process.
            program: std::path::absolute(&program).unwrap_or(program),
            cache: folder.as_ref().join("attack-cache"),
            is_long,
        }
    }

    /// One number for the short form, another for the long one.
    pub(crate) fn effort<T>(&self, short: T, long: T) -> T {
        if self.is_long { long } else { short }
    }

    /// The program with nothing of this machine's settings.
    pub(crate) fn keywell(&self) -> Command {
        self.keywell_behind(&[])
    }

    /// The same behind shell commands such as `ulimit -n 64`, in the same process.
    pub(crate) fn keywell_behind(&self, prelude: &[&str]) -> Command {
        let mut keywell = if prelude.is_empty() {
            Command::new(&self.program)
        } else {
            let mut shell = Command::new("/bin/sh");
            let script = format!("{} && exec \"$0\" \"$@\"", prelude.join(" && "));
            shell.arg("-c").arg(script).arg(&self.program);
            shell
        };
        keywell
            .env_remove("KEYWELL_STORE")
            .env_remove("KEYWELL_LOG")
            .env("KEYWELL_CACHE", &self.cache)
            // One huge page is as much as what some attacks may take.
            .env("MIMALLOC_ALLOW_THP", "0");
        keywell
    }
}

/// A folder for one attack.
pub(crate) fn scratch() -> Done<TempDir> {
    let mut folder = tempfile::Builder::new();
    Ok(folder.prefix("keywell-attack-").tempdir()?)
}

/// A guest's file.
///
/// # Errors
///
/// Where it is not built.
pub(crate) fn guest(name: &str) -> Done<PathBuf> {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(name).with_extension("wasm");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing; build it: cargo xtask guests",
        path.display()
    )
    .into())
}
