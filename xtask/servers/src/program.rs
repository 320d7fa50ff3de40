//! Finds the programs that are installed.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chosen;
use crate::error::{Error, Result};

/// Names the server that is run, instead of the first on the `PATH`.
pub const SERVER: &str = "KEYWELL_REDIS_SERVER";

/// The server: what `KEYWELL_REDIS_SERVER` names, or `redis-server` or `valkey-server`, whichever is
/// on the `PATH`.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn server() -> Result<PathBuf> {
    chosen::require("redis")?;
    if let Some(named) = env::var_os(SERVER) {
        let found = find(&named.to_string_lossy());
        return found.ok_or_else(|| {
            let named = named.to_string_lossy();
            Error::Missing(format!("{SERVER} names {named:?}, which is not there"))
        });
    }
    find("redis-server")
        .or_else(valkey)
        .ok_or_else(|| missing("redis-server"))
}

/// Valkey's server, where it is installed.
pub fn valkey() -> Option<PathBuf> {
    find("valkey-server")
}

/// The registry of images: `docker-registry`, as Debian calls it, or `registry`, as its authors do.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn registry() -> Result<PathBuf> {
    let found = find("docker-registry").or_else(|| find("registry"));
    found.ok_or_else(|| {
        Error::Missing(
            "docker-registry is not installed. Debian and Ubuntu: apt-get install docker-registry; \
             Fedora: dnf install docker-distribution; Alpine: apk add docker-registry; else see \
             https://github.com/distribution/distribution/releases"
                .to_owned(),
        )
    })
}

/// Names the NATS server that is run, instead of the one found.
pub const NATS: &str = "KEYWELL_NATS_SERVER";

/// Where `cargo xtask test` puts the NATS server if no recent one is installed.
pub fn kept_nats() -> PathBuf {
    kept("nats-server")
}

/// The NATS server: what `KEYWELL_NATS_SERVER` names, or what `cargo xtask test` installed, or
/// `nats-server` on the `PATH`. It has to be 2.11 or newer.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn nats() -> Result<PathBuf> {
    chosen::require("nats")?;
    if let Some(named) = env::var_os(NATS) {
        let named = named.to_string_lossy();
        let found = find(&named);
        return found
            .ok_or_else(|| Error::Missing(format!("{NATS} names {named:?}, which is not there")));
    }
    let kept = Some(kept_nats()).filter(|path| path.is_file());
    kept.or_else(|| find("nats-server")).ok_or_else(|| {
        Error::Missing(format!(
            "nats-server is not installed. `cargo xtask test` installs it where pip works; else \
             see https://github.com/nats-io/nats-server/releases, or set {NATS} to its path"
        ))
    })
}

/// The etcd server: `etcd` on the `PATH`, 3.4 or newer.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn etcd() -> Result<PathBuf> {
    of_etcd("etcd", "etcd-server")
}

/// Its tool, `etcdctl`.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn etcdctl() -> Result<PathBuf> {
    of_etcd("etcdctl", "etcd-client")
}

fn of_etcd(program: &str, package: &str) -> Result<PathBuf> {
    chosen::require("etcd")?;
    find(program).ok_or_else(|| {
        Error::Missing(format!(
            "{program} is not installed. Debian and Ubuntu: apt-get install {package}; Fedora: dnf \
             install etcd; macOS: brew install etcd; else see \
             https://github.com/etcd-io/etcd/releases"
        ))
    })
}

/// The Memcached server: `memcached` on the `PATH`, 1.6 or newer.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn memcached() -> Result<PathBuf> {
    chosen::require("memcached")?;
    find("memcached").ok_or_else(|| {
        Error::Missing(
            "memcached is not installed. Debian and Ubuntu: apt-get install memcached; Fedora: dnf \
             install memcached; macOS: brew install memcached; Alpine: apk add memcached"
                .to_owned(),
        )
    })
}

/// Names the folder with the programs of PostgreSQL that are run, instead of the newest one found.
pub const POSTGRES: &str = "KEYWELL_POSTGRES_BIN";

/// The folder with `initdb`, `postgres` and `psql`: what `KEYWELL_POSTGRES_BIN` names, or where Debian
/// has the newest version, or the folder of `initdb` on the `PATH`.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn postgres() -> Result<PathBuf> {
    chosen::require("postgres")?;
    if let Some(named) = env::var_os(POSTGRES) {
        let named = PathBuf::from(named);
        let problem = format!("{POSTGRES} names {}, which has no initdb", named.display());
        let found = Some(named).filter(|folder| folder.join("initdb").is_file());
        return found.ok_or(Error::Missing(problem));
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let versions = versions.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path().join("bin");
        folder.join("initdb").is_file().then_some((version, folder))
    });
    let newest = versions.max().map(|(_, folder)| folder);
    let on_path = || Some(find("initdb")?.parent()?.to_owned());
    newest.or_else(on_path).ok_or_else(|| {
        Error::Missing(format!(
            "PostgreSQL 13 or newer is not installed. Debian and Ubuntu: apt-get install postgresql; \
             Fedora: dnf install postgresql-server; macOS: brew install postgresql; Alpine: apk add \
             postgresql. Or set {POSTGRES} to the folder of its programs"
        ))
    })
}

/// `flock`, which ends a server that several processes share.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn flock() -> Result<PathBuf> {
    find("flock").ok_or_else(|| {
        Error::Missing(
            "flock is not installed. Debian, Ubuntu and Fedora: it is in util-linux; macOS: brew \
             install flock; Alpine: apk add flock"
                .to_owned(),
        )
    })
}

/// The version of MiniStack that is installed, as `xtask/servers/dynamodb/requirements.txt` has it.
pub const MINISTACK_VERSION: &str = "1.5.33";

/// Where `cargo xtask test` puts MiniStack, an emulator of DynamoDB.
pub fn kept_ministack() -> PathBuf {
    kept("ministack")
}

/// Where it puts Dynalite, another one.
pub fn kept_dynalite() -> PathBuf {
    kept("dynalite")
}

/// What starts MiniStack, by `python3`.
///
/// # Errors
///
/// [`Error::Missing`], which says how to install it.
pub fn ministack() -> Result<Command> {
    chosen::require("dynamodb")?;
    let kept = kept_ministack();
    let version = format!("ministack-{MINISTACK_VERSION}.dist-info");
    if !kept.join(version).is_dir() {
        return Err(emulator_missing(
            "MiniStack",
            "python3 -m pip install --target target/servers/ministack -r \
             xtask/servers/dynamodb/requirements.txt",
        ));
    }
    let mut command = Command::new("python3");
    command.args(["-m", "ministack"]).env("PYTHONPATH", kept);
    Ok(command)
}

/// What starts Dynalite, by `node`.
///
/// # Errors
///
/// [`Error::Missing`], which says how to install it.
pub fn dynalite() -> Result<Command> {
    chosen::require("dynamodb")?;
    let script = kept_dynalite().join("node_modules/dynalite/cli.js");
    if !script.is_file() {
        return Err(emulator_missing(
            "Dynalite",
            "cp xtask/servers/dynamodb/package*.json target/servers/dynalite/ and npm ci \
             --ignore-scripts --prefix target/servers/dynalite",
        ));
    }
    let mut command = Command::new("node");
    command.arg(script);
    Ok(command)
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/servers")
        .join(name)
}

fn emulator_missing(name: &str, install: &str) -> Error {
    Error::Missing(format!(
        "{name} is not installed. `cargo xtask test` installs it where pip and npm work; else run: \
         {install}"
    ))
}

/// A tool of a server's, `cli` or `benchmark`: `redis-cli` or `valkey-cli` from beside the server, or
/// else from the `PATH`.
///
/// # Errors
///
/// [`Error::Missing`], as [`server`].
pub fn tool(server: &Path, name: &str) -> Result<PathBuf> {
    let mut names = [format!("redis-{name}"), format!("valkey-{name}")];
    let server_name = server.file_name().unwrap_or_default().to_string_lossy();
    if server_name.starts_with("valkey") {
        names.swap(0, 1);
    }
    let beside = names.iter().map(|name| server.with_file_name(name));
    let mut beside = beside.filter(|path| path.is_file());
    beside
        .next()
        .or_else(|| names.iter().find_map(|name| find(name)))
        .ok_or_else(|| missing(&names[0]))
}

fn missing(program: &str) -> Error {
    Error::Missing(format!(
        "{program} is not installed. Debian and Ubuntu: apt-get install redis-server; Fedora: dnf \
         install valkey; macOS: brew install redis; Alpine: apk add redis. Or set {SERVER} to \
         the server's path"
    ))
}

/// A program on the `PATH`, or at the path given.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin"));
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
