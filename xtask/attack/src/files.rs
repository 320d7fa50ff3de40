//! Neighbours on the machine, and bad luck with its disks.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::context::{guest, scratch};
use crate::process::{Ended, PATIENCE, Process, ended};
use crate::{Context, Done, Seen};

/// A folder for this user alone.
pub(crate) fn private(path: PathBuf) -> Done<PathBuf> {
    fs::DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

/// A file that has to stay as it is.
pub(crate) struct Canary(pub(crate) PathBuf);

// === impl Canary ===

impl Canary {
    const TEXT: &str = "a precious file\n";

    pub(crate) fn new(folder: &Path) -> Done<Self> {
        let path = folder.join("canary");
        fs::write(&path, Self::TEXT)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        Ok(Self(path))
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let text = fs::read(&self.0).unwrap_or_default();
        if text != Self::TEXT.as_bytes() {
            faults.push(format!("it has {} bytes now", text.len()));
        }
        let mode = fs::metadata(&self.0).map_or(0, |metadata| metadata.mode() & 0o777);
        if mode != 0o644 {
            faults.push(format!("its mode is {mode:o} now"));
        }
        faults
    }
}

fn kv(context: &Context, folder: &Path, arguments: &[&str]) -> Done<Ended> {
    let mut command = context.keywell();
    command.arg("kv").args(arguments).arg("--store");
    command.arg(format!("disk:{}", folder.display()));
    ended(&mut command, PATIENCE)
}

pub(crate) fn links_in_a_data_folder(context: &Context) -> Done<Seen> {
    let mut faults = Vec::new();
    let names = ["lock", "data.redb.new", "data.redb"];
    for name in names {
        let folder = scratch()?;
        let canary = Canary::new(folder.path())?;
        let data = private(folder.path().join("data"))?;
        symlink(&canary.0, data.join(name))?;
        let set = kv(context, &data, &["set", "k", "v"])?;
        faults.extend(
            canary
                .faults()
                .into_iter()
                .map(|fault| format!("{name}: {fault}")),
        );
        if set.code().is_none() {
            faults.push(format!("{name}: it hangs or crashes"));
        }
        // A link to nothing must not make a file elsewhere.
        let absent = folder.path().join("absent");
        fs::remove_file(data.join(name)).or_else(ignore_absent)?;
        symlink(&absent, data.join(name)).or_else(ignore_existing)?;
        kv(context, &data, &["set", "k", "v"])?;
        if absent.exists() {
            faults.push(format!("{name}: a file is made behind a link"));
        }
    }
    Ok(Seen::faults(
        "files behind links are as they were",
        names.len(),
        &faults,
    ))
}

fn ignore_absent(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

fn ignore_existing(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    }
}

pub(crate) fn folders_open_to_strangers(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let mut faults = Vec::new();
    let data = private(folder.path().join("data"))?;
    fs::set_permissions(&data, Permissions::from_mode(0o777))?;
    let set = kv(context, &data, &["set", "k", "v"])?;
    let says = set.logged.contains("chmod") || set.logged.contains("write");
    if set.code() != Some(1) || !says {
        let (code, logged) = (set.code(), set.logged);
        faults.push(format!("data, mode 777: exit {code:?}, {logged:?}"));
    }
    let data = private(folder.path().join("shared"))?;
    fs::set_permissions(&data, Permissions::from_mode(0o770))?;
    let set = kv(context, &data, &["set", "k", "v"])?;
    if set.code() != Some(0) || !set.logged.contains("group") {
        let (code, logged) = (set.code(), set.logged);
        faults.push(format!("data, mode 770: exit {code:?}, {logged:?}"));
    }
    Ok(Seen::faults("refused, or warned about", 2, &faults))
}

pub(crate) fn data_files_that_are_none(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let whole = folder.path().join("whole");
    let set = kv(context, &whole, &["set", "k", "v"])?;
    if set.code() != Some(0) {
        return Err(format!("a key cannot be set: {}", set.logged).into());
    }
    let whole = fs::read(whole.join("data.redb"))?;
    let files: [(&str, &[u8]); 5] = [
        ("no bytes", b""),
        ("one byte", b"x"),
        ("a text", b"this is a diary\n"),
        ("a part of a header", &whole[..100]),
        ("half of a file", &whole[..whole.len() / 2]),
    ];
    let commands: [&[&str]; 5] = [
        &["kv", "get", "k"],
        &["kv", "list"],
        &["kv", "buckets"],
        &["kv", "set", "k", "v"],
        &["serve"],
    ];
    let mut faults = Vec::new();
    for (what, bytes) in files {
        for command in commands {
            let folder = scratch()?;
            let data = private(folder.path().join("data"))?;
            let file = data.join("data.redb");
            fs::write(&file, bytes)?;
            let mut keywell = context.keywell();
            keywell.args(command);
            if command == ["serve"] {
                keywell
                    .arg(guest("counter")?)
                    .args(["--addr", "127.0.0.1:0"]);
            }
            keywell
                .arg("--store")
                .arg(format!("disk:{}", data.display()));
            let ended = ended(&mut keywell, Duration::from_secs(10))?;
            let is_same = fs::read(&file)? == bytes;
            if ended.code() != Some(1) || !is_same || ended.logged.contains("panicked") {
                let code = ended.code();
                let command = command.join(" ");
                faults.push(format!(
                    "{what}, {command}: exit {code:?}, unchanged: {is_same}"
                ));
            }
        }
    }
    let tried = files.len() * commands.len();
    Ok(Seen::faults(
        "refused with exit 1, not a byte changed",
        tried,
        &faults,
    ))
}

/// A file system of a few megabytes, unmounted with this value.
struct Small(PathBuf);

// === impl Small ===

impl Small {
    /// None where this user may not mount.
    fn mount(at: PathBuf) -> Done<Option<Self>> {
        let at = private(at)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs"])
            .arg(&at);
        let output = mount.output()?;
        Ok(output.status.success().then_some(Self(at)))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

pub(crate) fn full_disk(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let Some(disk) = Small::mount(folder.path().join("disk"))? else {
        // Who may not mount still has a limit on files.
        return file_size_limit(context);
    };
    let starting = context.serve("hostile").disk(&disk.0.join("data"));
    without_room(starting.start()?)
}

pub(crate) fn file_size_limit(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    // In blocks of 512 bytes.
    let starting = context.serve("hostile").behind("ulimit -f 20480");
    without_room(starting.disk(&folder.path().join("data")).start()?)
}

/// Writes more to a disk store than it has room for, and looks at what is left.
fn without_room(mut server: Process) -> Done<Seen> {
    let mut faults = Vec::new();
    if server.get("/set?key=kept&n=1000")?.text() != "set" {
        faults.push("a small value is refused".to_owned());
    }
    let mut refused = false;
    for n in 0..8 {
        let set = server.get(&format!("/set?key=large-{n}&n=2000000"));
        match set.map(|response| response.text()) {
            Ok(text) if text == "set" => {}
            Ok(text) if text.starts_with("error") => refused = true,
            other => faults.push(format!("a large value: {other:?}")),
        }
    }
    if !refused {
        faults.push("no value was refused".to_owned());
    }
    match server
        .get("/get-many?key=kept&n=1")
        .map(|response| response.text())
    {
        Ok(text) if text == "made 1" => {}
        other => faults.push(format!("what was there before: {other:?}")),
    }
    server.signal(Signal::TERM)?;
    match server.ends(PATIENCE) {
        Some(status) if status.code().is_some() => {}
        other => faults.push(format!("its end: {other:?}")),
    }
    Ok(Seen::faults("errors, and reads go on", 11, &faults))
}
