use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use keywell_store::Secret;

/// The password of each server: the one that is set, or else those that clients of PostgreSQL find by
/// themselves, `PGPASSWORD` and the file `PGPASSFILE` or `~/.pgpass`.
pub(crate) struct Passwords {
    /// For every server.
    one: Option<Secret>,
    lines: Vec<Line>,
}

/// `HOST:PORT:DATABASE:USER:PASSWORD` of the file. Each but the last may be an asterisk.
struct Line {
    names: [String; 4],
    password: Secret,
}

/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 20;

// === impl Passwords ===

impl Passwords {
    /// Finds them, which may read a file.
    pub(crate) fn find(set: Option<Secret>) -> Self {
        Self::find_in(set, |name| std::env::var_os(name))
    }

    fn find_in(set: Option<Secret>, env: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| env(name).and_then(|value| value.into_string().ok());
        let set = set.or_else(|| text("PGPASSWORD").map(Secret::from));
        let one = set.filter(|password| !password.expose().is_empty());
        let in_home = || Some(PathBuf::from(env("HOME")?).join(".pgpass"));
        let path = env("PGPASSFILE").map(PathBuf::from).or_else(in_home);
        let lines = match (&one, path) {
            (None, Some(path)) => read(&path),
            _ => Vec::new(),
        };
        Self { one, lines }
    }

    /// The password for a server; of the file, that of the first line that fits.
    pub(crate) fn of(&self, host: &str, port: u16, database: &str, user: &str) -> Option<&Secret> {
        // As it is written there for a socket.
        let host = if host.starts_with('/') {
            "localhost"
        } else {
            host
        };
        let port = port.to_string();
        let names = [host, &port, database, user];
        let fits = |line: &&Line| {
            let mut pairs = line.names.iter().zip(names);
            pairs.all(|(pattern, name)| pattern == "*" || pattern == name)
        };
        let of_file = || self.lines.iter().find(fits).map(|line| &line.password);
        self.one.as_ref().or_else(of_file)
    }
}

/// The lines of a file; none if it is absent, or if others may read it.
fn read(path: &std::path::Path) -> Vec<Line> {
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| {
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 != 0 {
            let path = path.display();
            tracing::warn!(%path, "passwords are not read from a file that others may read");
            return Ok(0);
        }
        file.take(MOST_BYTES).read_to_string(&mut text)
    });
    if let Err(error) = opened {
        let path = path.display();
        tracing::debug!(%path, %error, "there is no file of passwords");
    }
    text.lines().filter_map(Line::parse).collect()
}

// === impl Line ===

impl Line {
    /// A backslash stands before a colon or a backslash of a name.
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let mut parts = vec![String::new()];
        let mut chars = line.chars();
        while let Some(next) = chars.next() {
            let is_name = parts.len() < 5;
            let part = parts.last_mut()?;
            match next {
                '\\' => part.extend(chars.next()),
                ':' if is_name => parts.push(String::new()),
                next => part.push(next),
            }
        }
        let [host, port, database, user, password] = <[String; 5]>::try_from(parts).ok()?;
        Some(Self {
            names: [host, port, database, user],
            password: password.into(),
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn found(set: Option<&str>, env: &[(&str, &str)]) -> Option<String> {
        let set = set.map(|set| Secret::from(set.to_owned()));
        let env = |name: &str| {
            let mut env = env.iter();
            Some(env.find(|(known, _)| *known == name)?.1.into())
        };
        let passwords = Passwords::find_in(set, env);
        let password = passwords.of("db", 5432, "app", "me");
        password.map(|password| password.expose().to_owned())
    }

    #[test]
    fn what_is_set_goes_before_the_environment_and_that_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".pgpass");
        let lines = "# mine\nother:*:*:*:no\ndb:5432:a\\:b:me:no\n*:*:app:me:of:fi\\\\le\n";
        std::fs::write(&file, lines).unwrap();
        let readable = |mode: u32| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&file, mode).unwrap();
        };
        readable(0o600);
        let home = ("HOME", folder.path().to_str().unwrap());
        let set = Some("set");
        assert_eq!(found(set, &[home, ("PGPASSWORD", "env")]).unwrap(), "set");
        assert_eq!(found(None, &[home, ("PGPASSWORD", "env")]).unwrap(), "env");
        assert_eq!(found(None, &[home]).unwrap(), "of:fi\\le");
        assert_eq!(found(None, &[home, ("PGPASSFILE", "/absent")]), None);
        assert_eq!(found(None, &[]), None);
        readable(0o640);
        assert_eq!(found(None, &[home]), None);
    }
}
