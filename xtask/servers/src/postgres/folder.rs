use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::databases::Databases;
use super::owner::Owner;
use super::tool::tool;
use crate::error::{Error, Result};
use crate::shared::kept;

/// The folder of a server, whose user has it.
pub(super) fn folder() -> Result<(TempDir, Owner)> {
    let owner = Owner::find()?;
    let prefix = "keywell-postgres-";
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    owner.own(folder.path())?;
    Ok((folder, owner))
}

/// A folder with an empty cluster, made once in the build folder for this version of the server, since
/// `initdb` takes seconds.
pub(super) fn template(programs: &Path, owner: Owner) -> Result<PathBuf> {
    let version = tool(Command::new(programs.join("postgres")).arg("--version"))?;
    let version = version
        .trim()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let kept = kept()?;
    let folder = kept.join(format!("{version}-{}", owner.number()));
    // One process makes it, and the others wait.
    let lock = folder.with_extension("lock");
    let lock = File::create(&lock).map_err(Error::file(&lock))?;
    lock.lock()?;
    if folder.is_dir() {
        return Ok(folder);
    }
    // Where a user who cannot enter the build folder can write.
    let prefix = "keywell-initdb-";
    let draft = tempfile::Builder::new().prefix(prefix).tempdir()?;
    owner.own(draft.path())?;
    let password = draft.path().join("password");
    fs::write(&password, Databases::PASSWORD).map_err(Error::file(&password))?;
    owner.own(&password)?;
    let data = draft.path().join("data");
    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .arg("-D")
        .arg(&data)
        .args(["--username", Databases::USER, "--auth=scram-sha-256"])
        .arg("--pwfile")
        .arg(&password)
        .args(["--encoding=UTF8", "--locale=C", "--wal-segsize=1"])
        .args(["--no-sync", "--no-instructions"])
        .current_dir(draft.path());
    owner.run(&mut initdb);
    tool(&mut initdb)?;
    let partial = folder.with_extension("new");
    let _ = fs::remove_dir_all(&partial);
    tool(Command::new("cp").arg("-a").arg(&data).arg(&partial))?;
    fs::rename(&partial, &folder).map_err(Error::file(&folder))?;
    Ok(folder)
}
