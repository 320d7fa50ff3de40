//! The cache of compiled code, which is run unchecked by what loads it.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::context::{guest, scratch};
use crate::files::{Canary, private};
use crate::process::Process;
use crate::{Context, Done, Seen};

/// The counter with a cache of its own.
fn counts(context: &Context, cache: &Path) -> Done<Process> {
    context.serve("counter").env("KEYWELL_CACHE", cache).start()
}

/// The hostile guest with a cache of its own.
fn hostile(context: &Context, cache: &Path) -> Done<Process> {
    context.serve("hostile").env("KEYWELL_CACHE", cache).start()
}

/// Whether a counter runs that answers as a counter does.
fn is_counter(server: Done<Process>) -> Result<(), String> {
    let mut server = server.map_err(|error| format!("it does not start: {error}"))?;
    let said = server.get("/tea").map(|response| response.text());
    match said {
        Ok(text) if text == "Counter /tea: 1\n" => Ok(()),
        said => {
            let is_running = server.is_running();
            Err(format!("it says {said:?}, and runs: {is_running}"))
        }
    }
}

/// The compiled component that a cache holds.
fn artefact(cache: &Path) -> Done<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        if path.is_file() && fs::metadata(&path)?.len() > 10_000 {
            files.push(path);
        }
    }
    match &files[..] {
        [file] => Ok(file.clone()),
        other => Err(format!("{} files are cached, not one", other.len()).into()),
    }
}

/// A cache of the counter, and its one compiled component.
fn cached(context: &Context, cache: &Path) -> Done<(PathBuf, Vec<u8>)> {
    drop(counts(context, cache)?);
    let path = artefact(cache)?;
    let code = fs::read(&path)?;
    Ok((path, code))
}

/// Damages the compiled code in several ways, and starts from each.
fn damaged(context: &Context, damages: Vec<(String, Vec<u8>)>, cache: &Path) -> Done<Seen> {
    let (path, _) = cached(context, cache)?;
    let mut faults = Vec::new();
    let tried = damages.len();
    for (what, code) in damages {
        fs::write(&path, code)?;
        if let Err(fault) = is_counter(counts(context, cache)) {
            faults.push(format!("{what}: {fault}"));
        }
    }
    Ok(Seen::faults("it is recompiled, never run", tried, &faults))
}

pub(crate) fn flipped_bits(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let (_, code) = cached(context, &cache)?;
    let flips = context.effort(8, 200);
    let damages = (0..flips).map(|n| {
        let at = code.len() * (2 * n + 1) / (2 * flips);
        // Sixteen bytes, so that it is not only padding.
        let mut code = code.clone();
        let end = (at + 16).min(code.len());
        for byte in &mut code[at..end] {
            *byte ^= 1;
        }
        (format!("bits flipped at {at}"), code)
    });
    damaged(context, damages.collect(), &cache)
}

pub(crate) fn truncated_code(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let (_, code) = cached(context, &cache)?;
    let lengths = [0, 1, 100, code.len() / 2, code.len() - 4096, code.len() - 1];
    let damages = lengths.map(|length| (format!("{length} bytes left"), code[..length].to_vec()));
    damaged(context, damages.to_vec(), &cache)
}

pub(crate) fn swapped_code(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let other = private(folder.path().join("other"))?;
    drop(hostile(context, &other)?);
    let code = fs::read(artefact(&other)?)?;
    damaged(context, vec![("another's code".to_owned(), code)], &cache)
}

/// A shell that says its number, waits for a line, and becomes the program.
fn waiting(context: &Context, cache: &Path) -> Done<std::process::Child> {
    let mut keywell = context.keywell_behind(&["echo $$", "read go"]);
    let child = keywell
        .arg("serve")
        .arg(guest("counter")?)
        .args(["--addr", "127.0.0.1:0", "--store", "memory:"])
        .env("KEYWELL_CACHE", cache)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// Lets a waiting shell go on, waits until it listens, and ends it.
fn go(mut child: std::process::Child, mut stdout: impl std::io::BufRead) -> Done {
    let mut stdin = child.stdin.take().ok_or("standard input is piped")?;
    stdin.write_all(b"go\n")?;
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    child.kill()?;
    child.wait()?;
    if line.contains("http://") {
        return Ok(());
    }
    Err("it does not start".into())
}

/// Another process, such as one of the same number in another container, has the draft of the
/// compiled code open, and goes on writing to it once it is in place.
pub(crate) fn code_written_after_its_rename(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let other = private(folder.path().join("other"))?;
    drop(hostile(context, &other)?);
    let code = fs::read(artefact(&other)?)?;
    let mut child = waiting(context, &cache)?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("standard output is piped")?);
    let mut pid = String::new();
    stdout.read_line(&mut pid)?;
    let draft = cache.join(format!("unfinished-{}", pid.trim()));
    let mut draft = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(draft)?;
    go(child, stdout)?;
    draft.set_len(0)?;
    draft.write_all(&code)?;
    let faults: Vec<String> = is_counter(counts(context, &cache))
        .err()
        .into_iter()
        .collect();
    Ok(Seen::faults("the other's code is never run", 1, &faults))
}

pub(crate) fn draft_that_is_a_link(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let canary = Canary::new(folder.path())?;
    let mut child = waiting(context, &cache)?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("standard output is piped")?);
    let mut pid = String::new();
    stdout.read_line(&mut pid)?;
    symlink(&canary.0, cache.join(format!("unfinished-{}", pid.trim())))?;
    go(child, stdout)?;
    Ok(Seen::faults(
        "the file behind it is as it was",
        1,
        &canary.faults(),
    ))
}

pub(crate) fn processes_that_share_a_cache(context: &Context) -> Done<Seen> {
    let mut faults = Vec::new();
    let rounds = context.effort(2, 30);
    for _ in 0..rounds {
        let folder = scratch()?;
        let cache = private(folder.path().join("cache"))?;
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| is_counter(counts(context, &cache))))
                .collect();
            for start in starts {
                match start.join() {
                    Ok(started) => faults.extend(started.err()),
                    Err(_) => faults.push("a client panicked".to_owned()),
                }
            }
        });
        // And from what they left.
        faults.extend(is_counter(counts(context, &cache)).err());
    }
    Ok(Seen::faults(
        "each answers as it should",
        5 * rounds,
        &faults,
    ))
}

/// A folder in which strangers have put other code.
pub(crate) fn folder_open_to_strangers(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let cache = private(folder.path().join("cache"))?;
    let other = private(folder.path().join("other"))?;
    drop(hostile(context, &other)?);
    let (path, _) = cached(context, &cache)?;
    fs::copy(artefact(&other)?, path)?;
    fs::set_permissions(&cache, Permissions::from_mode(0o777))?;
    let faults: Vec<String> = is_counter(counts(context, &cache))
        .err()
        .into_iter()
        .collect();
    Ok(Seen::faults("the strangers' code is never run", 1, &faults))
}
