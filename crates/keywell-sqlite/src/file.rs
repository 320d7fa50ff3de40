//! The file of a store: how it is found, made and opened.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use keywell_store::Durability;
use keywell_system::file::{private, private_folders, sync_names};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{OpenError, Options, schema};

/// How many prepared statements each connection keeps.
const STATEMENTS: usize = 32;

/// To how many bytes the log is cut once it was copied into the file.
const LOG_BYTES: i64 = 64 << 20;

/// Opens the connection that writes. Creates the file if it is missing and that is allowed.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::File {
        path: path.into(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(found) => check(path, &found)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if options.existing {
                return Err(OpenError::Missing { path: path.into() });
            }
            make(path)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let mut connection = connect(path, options)?;
    // Checked before anything is written: the file may be of another program.
    schema::check(&mut connection)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Journal { mode });
    }
    Ok(connection)
}

/// Opens a further connection, which reads.
pub(crate) fn open_reader(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let connection = connect(path, options)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn check(path: &Path, found: &fs::Metadata) -> Result<(), OpenError> {
    let what = if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else if !found.is_file() {
        "a device or a socket"
    } else if found.len() == 0 {
        return Err(OpenError::Empty);
    } else {
        return Ok(());
    };
    let path = path.into();
    Err(OpenError::NotAFile { path, what })
}

fn connect(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    // A connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    // A file may come from anywhere: what is stored in it is not trusted, and cannot damage it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let synchronous = match options.durability {
        Durability::Synced => "FULL",
        _ => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS, a sync alone does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // A negative size is in KiB.
    let kibibytes = i64::try_from(options.cache_bytes / 1024).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -kibibytes.max(1))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Makes a new store under another name, and gives it its own once it is whole. Of several processes
/// that do so at the same time, one does.
fn make(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File {
        path: path.into(),
        source,
    };
    let (folder, name) = (path.parent(), path.file_name());
    let (Some(folder), Some(name)) = (folder, name) else {
        let what = "no path of a file";
        let path = path.into();
        return Err(OpenError::NotAFile { path, what });
    };
    make_folder(folder).map_err(failed)?;
    let mut draft = name.to_owned();
    draft.push(format!(".{:016x}.new", rand::random::<u64>()));
    let draft = folder.join(draft);
    let made = fill(&draft).and_then(|()| place(&draft, path).map_err(failed));
    let removed = remove(&draft);
    made?;
    removed.map_err(failed)
}

/// Makes a store for its owner only.
fn fill(draft: &Path) -> Result<(), OpenError> {
    let new = private().write(true).create_new(true).open(draft);
    new.map_err(|source| OpenError::File {
        path: draft.into(),
        source,
    })?;
    let mut connection = connect(draft, &Options::default())?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    schema::make(&mut connection)?;
    // Copies the log into the file, and removes it.
    connection.close().map_err(|(_, error)| error.into())
}

fn place(draft: &Path, path: &Path) -> io::Result<()> {
    let placed = match fs::hard_link(draft, path) {
        // Some file systems have no links.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.try_exists()? => {
            fs::rename(draft, path)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    placed?;
    path.parent().map_or(Ok(()), sync_names)
}

fn remove(draft: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    private_folders().recursive(true).create(folder)
}

/// The path from the root on, as the process may change its folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(|source| OpenError::File {
        path: path.into(),
        source,
    })
}
